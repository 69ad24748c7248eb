//! Small rules for words: plurals, durations and sizes for people, nearest names, text from outside made safe.

use std::time::Duration;

/// `1 service`, `2 services`.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A duration for a person, two units at most: `0.4s`, `12s`, `2m 5s`, `3h 20m`, `2d 4h`.
pub fn human_duration(duration: Duration) -> String {
    let secs = duration.as_secs();
    match secs {
        0..10 => {
            let tenths = (duration.as_millis() + 50) / 100;
            if tenths.is_multiple_of(10) {
                format!("{}s", tenths / 10)
            } else {
                format!("{}.{}s", tenths / 10, tenths % 10)
            }
        }
        10..60 => format!("{secs}s"),
        60..3600 => two(secs / 60, "m", secs % 60, "s"),
        3600..86_400 => two(secs / 3600, "h", secs % 3600 / 60, "m"),
        _ => two(secs / 86_400, "d", secs % 86_400 / 3600, "h"),
    }
}

fn two(big: u64, big_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{big}{big_unit}")
    } else {
        format!("{big}{big_unit} {small}{small_unit}")
    }
}

/// How long one look took: `<1ms`, `12ms`, and from a second on as [`human_duration`] has it.
pub fn brief_duration(duration: Duration) -> String {
    match duration.as_millis() {
        0 => "<1ms".to_owned(),
        millis @ 1..1000 => format!("{millis}ms"),
        _ => human_duration(duration),
    }
}

/// A size for a person, powers of 1024: `512 B`, `1.5 GiB`.
pub fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = bytes as f64;
    let mut unit = "";
    for name in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = name;
    }
    format!("{value:.1} {unit}")
}

/// The name nearest to `given` among `known`, if one is near enough to be a slip of the finger.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (given.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| {
            (strsim::damerau_levenshtein(&given.to_lowercase(), &name.to_lowercase()), name)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Text from outside on one line: control characters (newlines, escapes that drive a terminal, direction
/// overrides) become visible, and it is cut to `limit` characters with `…`.
pub fn one_line(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for (count, c) in text.trim_end().chars().enumerate() {
        if count == limit {
            out.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_unsafe(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Control characters and the invisible ones that reorder text on a terminal (Unicode bidi controls).
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (millis, want) in [
            (0, "0s"),
            (349, "0.3s"),
            (4_000, "4s"),
            (9_960, "10s"),
            (59_000, "59s"),
            (125_000, "2m 5s"),
            (7_200_000, "2h"),
            (93_600_000, "1d 2h"),
        ] {
            assert_eq!(human_duration(Duration::from_millis(millis)), want, "{millis} ms");
        }
    }

    #[test]
    fn a_look_that_took_no_time_took_some() {
        for (millis, want) in [(0, "<1ms"), (12, "12ms"), (999, "999ms"), (1_400, "1.4s")] {
            assert_eq!(brief_duration(Duration::from_millis(millis)), want, "{millis} ms");
        }
    }

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_does_not() {
        let known = ["story-stages", "postgres", "web"];
        assert_eq!(nearest("postgers", known), Some("postgres"));
        assert_eq!(nearest("wbe", known), Some("web"));
        assert_eq!(nearest("redis", known), None);
    }

    #[test]
    fn hostile_text_stays_on_its_line_and_cannot_drive_a_terminal() {
        assert_eq!(one_line("a\nBcc: x\u{1b}[2J\u{202e}", 80), "a Bcc: x\\u{1b}[2J\\u{202e}");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (bytes, want) in [(512, "512 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB")] {
            assert_eq!(human_size(bytes), want);
        }
    }
}
