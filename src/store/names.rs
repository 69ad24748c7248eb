//! File names from words that people or programs chose: safe whatever is in them, and never the same for two.

/// A file name for `word`: itself where it is short and plain, else its plain part and a digest of the whole.
pub(super) fn safe(word: &str) -> String {
    const LONGEST: usize = 100;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !word.is_empty()
        && word.len() <= LONGEST
        && word.chars().all(plain)
        && !word.starts_with(['.', '-'])
    {
        return word.to_owned();
    }
    let start: String =
        word.chars().map(|c| if plain(c) { c } else { '_' }).take(LONGEST / 2).collect();
    format!("_{}-{:016x}", start.trim_start_matches('.'), digest(word.as_bytes()))
}

/// FNV-1a, 64 bits: the same for ever and on every host, which the standard library's hasher does not promise.
/// Not for secrets. Constants: <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_words_stay_and_others_are_tamed() {
        assert_eq!(safe("web-20260102T030405Z"), "web-20260102T030405Z");
        for (word, start) in
            [("../../etc/passwd", "__.._etc_passwd-"), ("", "_-"), (".x", "_x-"), ("-rf", "_-rf-")]
        {
            assert!(safe(word).starts_with(start), "{word}: {}", safe(word));
        }
        assert_ne!(safe("a/b"), safe("a:b"));
        assert_ne!(safe(&"x".repeat(300)), safe(&"x".repeat(301)));
    }

    #[test]
    fn the_digest_is_the_published_one() {
        // Test vectors of the FNV reference code.
        for (text, want) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(digest(text.as_bytes()), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_one_visible_path_component(word in any::<String>()) {
            let name = safe(&word);
            prop_assert!((1..=120).contains(&name.len()));
            prop_assert!(!name.contains(['/', '\0']) && !name.starts_with(['.', '-']));
        }
    }
}
