//! Takes the values of secrets out of text from outside (a config's line, a command line, the output of a program)
//! by the names that stand before them. Errs on the side of hiding; never the only guard of a secret of ours.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

use super::{HIDDEN, scrub};

/// Parts of names whose values are hidden, in lower case.
const PARTS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private",
    "cookie",
    "session",
    "apikey",
];
/// Ends of such names: `requirepass`, `api_key`, `masterauth`.
const ENDS: [&str; 6] = ["pass", "pwd", "key", "keys", "auth", "dsn"];
/// Names that end so and are none: where nginx and its like hand a request on.
const NONE: [&str; 3] = ["proxy_pass", "fastcgi_pass", "uwsgi_pass"];

static URL: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"'<>]*):[^\s/"'<>]*@"#));
/// A line that is nothing but a name and its value, as configs have them; marks of a diff may come before.
static LINE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"^([+\- ]?\s*(?:export\s+)?["']?)([A-Za-z][\w.-]*)(["']?\s*(?:=>|[:=])\s*)(.*?)([,;]*\s*)$"#,
    )
});
/// The same without a sign between them.
static BARE: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"^([+\- ]?\s*)([A-Za-z][\w.-]*)(\s+)("[^"]*"|'[^']*'|[^\s;]+)(;?\s*)$"#)
});
/// `--token abc`, `-token=abc`.
static OPTION: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(^|\s)(--?[A-Za-z][\w.-]*)([=\s]\s*)("[^"]*"|'[^']*'|[^\s"']+)"#));
/// `NAME=value` and `"name": "value"` anywhere.
static SET: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"([A-Za-z][\w.-]*)(["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&"')}\]]+)"#)
});

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a literal")
}

/// `line` with every value hidden that stands after a secret's name and a sign (`=`, `:`), or is an option's; with
/// the passwords of URLs, the bodies of keys, and what [`scrub`] finds.
pub fn scrubbed(line: &str) -> String {
    if line.contains("-----BEGIN ") || is_body(line) {
        return HIDDEN.to_owned();
    }
    let line = URL.replace_all(line, |found: &Captures<'_>| format!("{}:{HIDDEN}@", &found[1]));
    let line = OPTION.replace_all(&line, |found: &Captures<'_>| {
        // A word after an option may be the next option.
        let value = if found[4].starts_with('-') { &found[4] } else { HIDDEN };
        hidden(found, 2, &[&found[1], &found[2], &found[3], value])
    });
    let line = SET.replace_all(&line, |found: &Captures<'_>| {
        hidden(found, 1, &[&found[1], &found[2], HIDDEN])
    });
    scrub(&line).into_owned()
}

/// Like [`scrubbed`], for a line of a config, where a name may also stand before its value with a space alone, and
/// the value may have spaces of its own.
pub fn scrubbed_config(line: &str) -> String {
    for form in [&LINE, &BARE] {
        if let Some(found) = form.captures(line).filter(|found| is_secret(&found[2])) {
            let value = if found[4].is_empty() { "" } else { HIDDEN };
            return [&found[1], &found[2], &found[3], value, &found[5]].concat();
        }
    }
    scrubbed(line)
}

/// Like [`scrubbed_config`] for the lines of a config as they follow each other (perhaps with the marks of a diff):
/// what is indented below a secret's name is its value.
pub fn scrubbed_lines<'t>(lines: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut below: Option<usize> = None;
    let mut scrubbed = Vec::new();
    for line in lines {
        let (mark, text) = match line.strip_prefix(['+', '-', ' ']) {
            Some(text) => (&line[..1], text),
            None => ("", line),
        };
        let indent = text.len() - text.trim_start().len();
        if !text.trim().is_empty() && below.is_some_and(|name| indent > name) {
            scrubbed.push(format!("{mark}{}{HIDDEN}", &text[..indent]));
            continue;
        }
        below = None;
        if let Some(found) = LINE.captures(line).filter(|found| is_secret(&found[2])) {
            let value = found[4].trim();
            if value.is_empty() || value.starts_with(['|', '>', '{', '[']) {
                below = Some(indent);
            }
        }
        scrubbed.push(scrubbed_config(line));
    }
    scrubbed
}

fn hidden(found: &Captures<'_>, name: usize, parts: &[&str]) -> String {
    if is_secret(&found[name]) { parts.concat() } else { found[0].to_owned() }
}

fn is_secret(name: &str) -> bool {
    let name = name.trim_start_matches('-').to_lowercase();
    !NONE.contains(&name.as_str())
        && (PARTS.iter().any(|part| name.contains(part))
            || ENDS.iter().any(|end| name.ends_with(end)))
}

/// A long run of base64 or hexadecimal digits alone on its line is the body of a key or a certificate.
fn is_body(line: &str) -> bool {
    let line = line.trim().trim_start_matches(['+', '-', ' ']);
    line.len() >= 40 && line.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_secrets_are_hidden_and_the_rest_is_not() {
        for (line, want) in [
            ("port = 8080", "port = 8080"),
            ("/opt/app --port 80 --password hunter2 -v", "/opt/app --port 80 --password *** -v"),
            ("/opt/app --token=abc --port=80", "/opt/app --token=*** --port=80"),
            ("/opt/app --password --port 80", "/opt/app --password --port 80"),
            ("-url https://me:hunter2@db.example.org/x", "-url https://me:***@db.example.org/x"),
            ("postgres://app:p@ss@db/x?a=1", "postgres://app:***@db/x?a=1"),
            ("http://localhost:8080/health", "http://localhost:8080/health"),
            ("-----BEGIN PRIVATE KEY-----", "***"),
            ("+MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ", "***"),
            ("DB_PASSWORD=x SECRET_KEY='y z' PORT=80", "DB_PASSWORD=*** SECRET_KEY=*** PORT=80"),
            ("{\"token\": \"abc\", \"port\": 80}", "{\"token\": ***, \"port\": 80}"),
            ("password authentication failed", "password authentication failed"),
            ("key not found: x.pem", "key not found: x.pem"),
            ("", ""),
        ] {
            assert_eq!(scrubbed(line), want, "{line}");
            if line.starts_with("password ") || line.starts_with("DB_") {
                continue;
            }
            assert_eq!(scrubbed_config(line), want, "{line}");
        }
    }

    #[test]
    fn what_is_indented_below_a_secrets_name_is_its_value() {
        let lines =
            ["-password: |", "-  hunter2", "-  hunter3", "-port: 80", " tokens:", "   - abc"];
        assert_eq!(
            scrubbed_lines(lines.into_iter()),
            ["-password: ***", "-  ***", "-  ***", "-port: 80", " tokens:", "   ***"]
        );
    }

    #[test]
    fn a_configs_line_hides_all_of_its_value() {
        for (line, want) in [
            ("password = hunter2 with spaces", "password = ***"),
            ("-db_password = \"hunter2 x\"", "-db_password = ***"),
            ("+  apiToken: abc def", "+  apiToken: ***"),
            ("  \"client_secret\": \"a, b\",", "  \"client_secret\": ***,"),
            ("requirepass hunter2", "requirepass ***"),
            (" masterauth \"hunter 2\"", " masterauth ***"),
            ("    ssl_certificate_key /etc/ssl/x.pem;", "    ssl_certificate_key ***;"),
            ("-    proxy_pass http://127.0.0.1:8080;", "-    proxy_pass http://127.0.0.1:8080;"),
            ("    listen 80 default_server;", "    listen 80 default_server;"),
            ("password =", "password ="),
            ("password", "password"),
        ] {
            assert_eq!(scrubbed_config(line), want, "{line}");
        }
    }
}

#[cfg(test)]
proptest::proptest! {
    #[test]
    fn no_text_makes_it_fail_and_no_value_after_a_name_is_left(
        line in ".{0,60}", value in "[a-z0-9]{8,20}"
    ) {
        let _ = scrubbed_config(&line);
        for form in ["password = ", "--token ", "api_key: ", "x secret="] {
            let text = format!("{form}{value}");
            proptest::prop_assert!(!scrubbed_config(&text).contains(&value), "{}", text);
        }
    }
}
