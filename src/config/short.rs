//! The short form of a probe, `kind:target?key=value&key=value`, one grammar for the config and the command
//! line. Only takes it apart: what a kind makes of its target and its options is `probe`'s.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::model::fields::Fields;
use crate::model::node::{Entry, Node, Value};
use crate::model::place::{Place, Problem, Problems};
use crate::model::secret::{is_secret, shown_of_option};
use crate::model::text::nearest;
use crate::probe::Probe;

/// Kinds whose target is a URL with its own `?`: our options follow a `#`.
const URLS: [&str; 2] = ["http", "https"];

/// Kinds whose target is a command line, taken as it stands.
const COMMANDS: [&str; 2] = ["exec", "plugin"];

/// Reads `text`. `spot` says where the character at an offset in bytes stands; `extra` are the keys of the
/// table around it, if any, with places of their own.
pub(super) fn read(
    text: &str,
    extra: Vec<Entry>,
    spot: impl Fn(usize) -> Place,
    problems: &mut Problems,
) -> Option<Probe> {
    // Places in the text itself carry this very name, until they are known to be needed.
    let here: Arc<str> = "short form".into();
    let at = |byte: usize| Place {
        file: Arc::clone(&here),
        line: 1,
        col: u32::try_from(byte).unwrap_or(u32::MAX),
    };
    let mut found = Problems::default();
    let probe = take_apart(text, at, &mut found).and_then(|parts| {
        let mut entries = parts.options;
        for entry in extra {
            if entries.iter().any(|option| option.key == entry.key) {
                let message =
                    format!("`{}` is set in the probe and beside it: keep one", entry.key);
                found.at(&entry.place, message);
            } else {
                entries.push(entry);
            }
        }
        let known = URLS.contains(&parts.kind) || Probe::KINDS.contains(&parts.kind);
        let place = at(if known { parts.place } else { 0 });
        let fields = Fields::new(format!("probe {}", parts.kind), place, entries, &mut found);
        Probe::read(parts.kind, &parts.target, fields)
    });
    for mut problem in found.0 {
        if let Some(place) = problem.place.take_if(|place| Arc::ptr_eq(&place.file, &here)) {
            let byte = text.floor_char_boundary(place.col as usize);
            problem.place = Some(spot(byte));
            problem.caret = (!text.is_empty()).then(|| shown(text, byte));
        }
        problems.0.push(problem);
    }
    probe
}

struct Parts<'t> {
    kind: &'t str,
    target: Cow<'t, str>,
    /// Where problems with the whole probe point.
    place: usize,
    options: Vec<Entry>,
}

fn take_apart<'t>(
    text: &'t str,
    at: impl Fn(usize) -> Place,
    problems: &mut Problems,
) -> Option<Parts<'t>> {
    let kind_ends = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-'));
    let Some((kind, rest)) = kind_ends
        .and_then(|end| Some((&text[..end], text[end..].strip_prefix(':')?)))
        .filter(|(kind, _)| !kind.is_empty())
    else {
        problems.0.push(without_kind(text, &at(0)));
        return None;
    };
    if let Some(meant) = meant(kind, rest) {
        let message = format!("there is no kind of probe `{kind}`");
        problems.at_with_hint(&at(0), message, format!("did you mean `{meant}`?"));
        return None;
    }
    let begins = kind.len() + 1;
    if COMMANDS.contains(&kind) {
        let target = rest.trim_start();
        let place = begins + rest.len() - target.len();
        return Some(Parts { kind, target: target.trim_end().into(), place, options: Vec::new() });
    }
    let url = URLS.contains(&kind);
    let mark = if url { '#' } else { '?' };
    let (target, options) = match rest.split_once(mark) {
        Some((target, options)) => (target, Some(options)),
        None => (rest, None),
    };
    if !url && let Some(bare) = target.strip_prefix("//") {
        match nearest(kind, URLS) {
            Some(near) => problems.at_with_hint(
                &at(0),
                format!("there is no kind of probe `{kind}`"),
                format!("did you mean `{near}`?"),
            ),
            None => problems.at_with_hint(
                &at(begins),
                format!("a {kind} probe takes no URL"),
                format!("write `{kind}:{bare}`, without `//`"),
            ),
        }
        return None;
    }
    let options = options.map_or_else(Vec::new, |options| {
        split_options(options, begins + target.len() + 1, &at, problems)
    });
    let (target, place) =
        if url { (text[..begins + target.len()].into(), 0) } else { (decoded(target), begins) };
    Some(Parts { kind, target, place, options })
}

fn split_options(
    options: &str,
    mut begins: usize,
    at: impl Fn(usize) -> Place,
    problems: &mut Problems,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for option in options.split('&') {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let value_at = begins + if key.len() < option.len() { key.len() + 1 } else { 0 };
        if key.is_empty() {
            let hint = "options are `key=value`, with `&` between them; `%26` is a `&` in a value";
            problems.at_with_hint(&at(begins), "an option is missing here", hint);
        } else if entries.iter().any(|entry| entry.key == key) {
            problems.at(&at(begins), format!("`{key}` is set twice"));
        } else {
            let node = Node { value: Value::Word(decoded(value).into()), place: at(value_at) };
            entries.push(Entry { key: key.to_owned(), place: at(begins), node });
        }
        begins += option.len() + 1;
    }
    entries
}

/// What a text without a kind was probably meant to be.
fn without_kind(text: &str, place: &Place) -> Problem {
    let name = text.trim().trim_matches(':');
    let problem = |message: &str, hint: String| Problem {
        place: Some(place.clone()),
        message: message.to_owned(),
        hint: Some(hint),
        caret: None,
    };
    if name.is_empty() {
        return problem("an empty probe", "write one such as `tcp:localhost:5432`".into());
    }
    let host = |text: &str| {
        text.contains('.') && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
    };
    let hint = if name.bytes().all(|b| b.is_ascii_digit()) {
        format!("did you mean `port:{name}`?")
    } else if name.starts_with("check_") || name.contains("/check_") {
        format!("did you mean `plugin:{name}`?")
    } else if name.starts_with('/') {
        format!("did you mean `file:{name}`, `disk:{name}` or `exec:{name}`?")
    } else if name.ends_with(".service") {
        format!("did you mean `systemd:{name}`?")
    } else if let Some((before, port)) = name.rsplit_once(':')
        && host(before)
        && port.bytes().all(|b| b.is_ascii_digit())
    {
        format!("did you mean `tcp:{before}:{port}`?")
    } else if host(name.split('/').next().unwrap_or_default()) {
        format!("did you mean `https://{name}`?")
    } else if name.contains(|c: char| c.is_whitespace() || "?#=&/".contains(c)) {
        "a probe is `kind:target`, such as `tcp:localhost:5432`".to_owned()
    } else {
        format!("did you mean `systemd:{name}` or `process:{name}`?")
    };
    problem("a probe without a kind", hint)
}

/// What a kind that does not exist was probably meant to be, where no name is near it.
fn meant(kind: &str, rest: &str) -> Option<String> {
    if URLS.contains(&kind) || Probe::KINDS.contains(&kind) {
        return None;
    }
    match kind {
        "unit" | "service" => Some(format!("systemd:{rest}")),
        "command" | "cmd" => Some(format!("exec:{rest}")),
        _ => {
            let port = rest.split('?').next().unwrap_or_default();
            let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            is_port.then(|| format!("tcp:{kind}:{rest}"))
        }
    }
}

/// With `%20` and its like replaced by what they stand for. A `%` that no two hexadecimal digits follow is
/// itself, so that `free=10%` needs no `%25`.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_or_else(|_| text.into(), Cow::Owned)
}

/// The text as an error may show it, what may be a secret left out, and the spot in it in characters.
fn shown(text: &str, byte: usize) -> (String, usize) {
    let (mut out, mut from, mut spot) = (String::new(), 0, None);
    for hidden in secrets(text) {
        out.push_str(&text[from..hidden.start]);
        if byte <= hidden.start {
            spot = spot.or_else(|| {
                Some(out.chars().count() - text.get(byte..hidden.start)?.chars().count())
            });
        } else if byte < hidden.end {
            spot.get_or_insert(out.chars().count());
        }
        out.push_str("***");
        from = hidden.end;
    }
    let spot = spot.unwrap_or_else(|| out.chars().count() + text[from..byte].chars().count());
    out.push_str(&text[from..]);
    (out, spot)
}

/// Where in the short form of a URL a secret may stand, in order: the password before the host, values in the query
/// and in the options.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let Some(host) = text.find("://").map(|at| at + 3) else { return found };
    let authority = text[host..].split(['/', '?', '#']).next().unwrap_or_default();
    if let Some(user) = authority.rfind('@')
        && let Some(colon) = authority[..user].find(':')
    {
        found.push(host + colon + 1..host + user);
    }
    let after = host + authority.len();
    let options = text[after..].find('#').map_or(text.len(), |at| after + at);
    let query = text[after..options].find('?').map_or(options, |at| after + at);
    for (part, options) in [(query..options, false), (options..text.len(), true)] {
        let mut begins = part.start + 1;
        for pair in text.get(begins..part.end).unwrap_or_default().split('&') {
            if let Some((key, value)) = pair.split_once('=') {
                let shown = match options {
                    true => shown_of_option(key, value),
                    false if is_secret(key) => 0,
                    false => value.len(),
                };
                let ends = begins + pair.len();
                let hidden = ends - value.len() + shown..ends;
                found.extend(Some(hidden).filter(|hidden| !hidden.is_empty()));
            }
            begins += pair.len() + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, Vec<(String, String)>) {
        let mut problems = Problems::default();
        let at = |byte| Place { file: "t".into(), line: 1, col: u32::try_from(byte).unwrap() };
        let parts = take_apart(text, at, &mut problems);
        assert!(problems.is_empty(), "{text}: {problems}");
        let parts = parts.unwrap();
        let options = parts.options.into_iter().map(|entry| {
            let Value::Word(word) = entry.node.value else { panic!("{text}") };
            let (key_at, value_at) = (entry.place.col as usize, entry.node.place.col as usize);
            assert!(text[key_at..].starts_with(&entry.key), "{text}");
            assert!(decoded(&text[value_at..]).starts_with(&word), "{text}");
            (entry.key, word)
        });
        (parts.kind.to_owned(), parts.target.to_string(), options.collect())
    }

    #[test]
    fn the_grammar_of_the_short_form() {
        let url = "https://host/health?a=b&c";
        for (text, kind, target, options) in [
            ("tcp:localhost:5432", "tcp", "localhost:5432", vec![]),
            ("tcp:[::1]:25", "tcp", "[::1]:25", vec![]),
            ("load:?per_core=2", "load", "", vec![("per_core", "2")]),
            ("disk:/var?free=10%", "disk", "/var", vec![("free", "10%")]),
            ("file:/a%3Fb?max_age=1h&x", "file", "/a?b", vec![("max_age", "1h"), ("x", "")]),
            (url, "https", url, vec![]),
            (
                "https://host/h?q=1#status=200&contains=a%26b%20c&under=2s",
                "https",
                "https://host/h?q=1",
                vec![("status", "200"), ("contains", "a&b c"), ("under", "2s")],
            ),
            ("exec:/bin/x -a ?b=1&c#d", "exec", "/bin/x -a ?b=1&c#d", vec![]),
            ("plugin:check_x -u /?a=1", "plugin", "check_x -u /?a=1", vec![]),
        ] {
            let options: Vec<_> =
                options.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            assert_eq!(parts(text), (kind.to_owned(), target.to_owned(), options), "{text}");
        }
    }

    #[test]
    fn a_text_without_a_kind_is_answered_with_what_it_may_have_meant() {
        for (text, want) in [
            ("nginx", "did you mean `systemd:nginx` or `process:nginx`?"),
            ("8080", "did you mean `port:8080`?"),
            (":8080", "did you mean `port:8080`?"),
            ("/var/lib", "did you mean `file:/var/lib`, `disk:/var/lib` or `exec:/var/lib`?"),
            ("check_load -w 5", "did you mean `plugin:check_load -w 5`?"),
            ("nginx.service", "did you mean `systemd:nginx.service`?"),
            ("unit:nginx", "did you mean `systemd:nginx`?"),
            ("localhost:5432?under=2s", "did you mean `tcp:localhost:5432?under=2s`?"),
            ("db.example.org:5432", "did you mean `tcp:db.example.org:5432`?"),
            ("books.example.org/x", "did you mean `https://books.example.org/x`?"),
            ("", "write one such as `tcp:localhost:5432`"),
            ("a b", "a probe is `kind:target`, such as `tcp:localhost:5432`"),
        ] {
            let mut problems = Problems::default();
            let probe = read(text, Vec::new(), |_| Place::command_line(1), &mut problems);
            assert!(probe.is_none());
            assert_eq!(problems.0[0].hint.as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown_and_the_caret_stays_on_its_spot() {
        for (text, at, want) in [
            ("https://me:s3cret@host/x#statsu=200", "statsu", "https://me:***@host/x#statsu=200"),
            ("https://me:s3cret@host/x", "https", "https://me:***@host/x"),
            ("https://me:s3cret@host/x", "cret", "https://me:***@host/x"),
            ("http://h/?token=s3cret&b=ü#statsu=1", "statsu", "http://h/?token=***&b=ü#statsu=1"),
            (
                "http://h/#header=X-Key: s3cret&statsu=1",
                "statsu",
                "http://h/#header=X-Key:***&statsu=1",
            ),
            ("http://h/#statsu=1&body=s3cret=1", "statsu", "http://h/#statsu=1&body=***"),
            ("http://h/#password=s3cret&x=s", "password", "http://h/#password=***&x=s"),
            ("http://h/#header=s3cret", "s3cret", "http://h/#header=***"),
            ("http://h/#token_file=/a", "/a", "http://h/#token_file=/a"),
        ] {
            let (shown, spot) = shown(text, text.find(at).unwrap());
            assert_eq!(shown, want);
            let spot: String = shown.chars().skip(spot).collect();
            let at = if at.ends_with("cret") { "***" } else { at };
            assert!(spot.starts_with(at), "{text}: {spot}");
        }
    }

    #[test]
    fn a_stray_percent_is_itself() {
        for (text, want) in [("10%", "10%"), ("%zz", "%zz"), ("%C3%BC", "ü"), ("%ff", "%ff")] {
            assert_eq!(decoded(text), want);
        }
    }
}
