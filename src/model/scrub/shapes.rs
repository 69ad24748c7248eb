//! The shapes of secrets: what comes before one, or how its own kind is written. Knows no secret by itself.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex_lite::{Captures, Regex};

use super::HIDDEN;

/// One shape.
pub(super) struct Shape {
    /// In lower case: where none of these is, the pattern finds nothing.
    signs: &'static [&'static str],
    /// `before` and `after` stay; a `value` that is one of [`PLAIN`] stays, too.
    pattern: &'static str,
    compiled: OnceLock<Regex>,
}

/// Words that stand where a secret would, and are none.
const PLAIN: [&str; 20] = [
    "yes",
    "no",
    "not",
    "is",
    "was",
    "true",
    "false",
    "null",
    "none",
    "nil",
    "empty",
    "missing",
    "invalid",
    "incorrect",
    "wrong",
    "expired",
    "unknown",
    "required",
    "failed",
    "expected",
];
/// Shorter runs of letters and digits in a URL are no token.
const TOKEN: usize = 20;

const fn shape(signs: &'static [&'static str], pattern: &'static str) -> Shape {
    Shape { signs, pattern, compiled: OnceLock::new() }
}

/// Every shape, in the order in which they are looked for.
pub(super) static ALL: [Shape; 12] = [
    // PEM (RFC 7468), also where its line feeds were made spaces; one that breaks off is hidden to the end.
    shape(
        &["private key-----"],
        r"(?s)(?<before>-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)(?:\*\*\*|.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$))",
    ),
    // RFC 9110, 11.6.2: a scheme and one token, or a scheme and parameters.
    shape(
        &["authorization"],
        r#"(?i)(?<before>authorization\\?["']?\s*[:=]\s*\\?["']?)(?:\*\*\*|(?:digest|aws4-hmac-sha256)\s[^\r\n]*|(?:basic|bearer|token|negotiate|apikey)\s+[^\s"',;]+|[^\r\n"']+)"#,
    ),
    shape(&["cookie"], r#"(?i)(?<before>\b(?:set-)?cookie["']?\s*:\s*["']?)[^\r\n"']+"#),
    // Userinfo, also with a slash or an at sign in a password that should have been escaped.
    shape(
        &["://"],
        r#"(?i)(?<before>\b[a-z][a-z0-9+.-]*://)(?<userinfo>[^/\s"'<>@:]*:[^\s"'<>]*|[^/\s"'<>]*)(?<after>@)"#,
    ),
    shape(
        &["--"],
        r#"(?i)(?<before>(?:^|\s)--[a-z0-9-]*(?:password|passwd|passphrase|secret|token|api-?key|access-?key|private-?key|credentials?)\s+)(?<value>"[^"]*"?|'[^']*'?|[^\s"'-]\S*)"#,
    ),
    shape(
        &["-u", "--user"],
        r"(?<before>(?:^|\s)(?:-u|--user|--proxy-user)[\s=]*[^\s:=/'-][^\s:=/']*:)[^\s:]+",
    ),
    shape(
        &["mysql", "mariadb", "sshpass"],
        r"(?<before>\b(?:(?:mysql|mariadb)[a-z-]*\s(?:[^\r\n]*?\s)?-p|sshpass\s+-p\s*))[^\s]+",
    ),
    shape(
        &["pass", "pwd", "secret", "token", "key", "credential"],
        r#"(?i)(?<before>[a-z0-9_.-]*(?:password|passwd|passphrase|passcode|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|credentials?)[a-z0-9_-]*\\?["']?\s*(?:=>|[:=])\s*\\?)(?<value>"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s"',;&|)\]}>]+)"#,
    ),
    shape(
        &["_key=", "_pass=", "_pw=", "_auth=", "_dsn="],
        r#"(?<before>\b[A-Z][A-Z0-9_]*_(?:KEY|PASS|PW|AUTH|DSN)=)(?<value>"[^"]*"?|'[^']*'?|\S+)"#,
    ),
    shape(&["bearer "], r"(?i)(?<before>\bbearer\s+)[a-z0-9._~+/=-]{8,}"),
    // Kinds that are known by how they begin: AWS, GitHub, GitLab, Slack, Stripe, Google, npm, Vault, JWT (RFC 7519).
    shape(
        &[
            "akia",
            "asia",
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
            "xox",
            "k_live_",
            "k_test_",
            "sk-",
            "aiza",
            "npm_",
            "hvs.",
            "eyj",
        ],
        r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[a-z]-[A-Za-z0-9-]{10,}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{20,}|AIza[0-9A-Za-z_-]{30,}|npm_[A-Za-z0-9]{30,}|hvs\.[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)+)",
    ),
    // What comes behind the host of a URL: its long tokens are what whoever has it may come in with.
    shape(
        &["://"],
        r#"(?i)(?<before>\b[a-z][a-z0-9+.-]*://[^/\s"'<>?#]*)(?<path>[/?#][^\s"'<>]*)"#,
    ),
];

impl Shape {
    /// False when it is not in a text that is this in lower case.
    pub(super) fn may_be_in(&self, lower: &str) -> bool {
        self.signs.iter().any(|sign| lower.contains(sign))
    }

    /// `text` without it.
    pub(super) fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let regex = self
            .compiled
            .get_or_init(|| Regex::new(self.pattern).expect("each pattern is tried by the tests"));
        regex.replace_all(text, |found: &Captures| {
            let part = |name| found.name(name).map_or("", |part| part.as_str());
            if let Some(path) = found.name("path") {
                return format!("{}{}", part("before"), without_tokens(path.as_str()));
            }
            if found.name("value").is_some_and(|value| is_plain(value.as_str()))
                || has_port(part("userinfo"))
            {
                return found[0].to_owned();
            }
            let user = match part("userinfo").split_once(':') {
                Some((user, password)) if !user.is_empty() && !password.is_empty() => {
                    format!("{user}:")
                }
                _ => String::new(),
            };
            format!("{}{user}{HIDDEN}{}", part("before"), part("after"))
        })
    }
}

fn is_plain(value: &str) -> bool {
    let word = value.trim_end_matches(['.', ':', '!', '?']);
    PLAIN.iter().any(|plain| word.eq_ignore_ascii_case(plain))
}

/// `host:8080/path`, with an at sign in the path.
fn has_port(userinfo: &str) -> bool {
    let after = userinfo.split_once(':').map_or("", |(_, after)| after);
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < after.len() && rest.starts_with(['/', '?'])
}

/// A path and a query, their long runs of letters with digits hidden: words and version numbers are not so long.
fn without_tokens(path: &str) -> String {
    let of_token = |c: char| c.is_ascii_alphanumeric() || "_~:-".contains(c);
    let mut clean = String::new();
    let mut rest = path;
    while !rest.is_empty() {
        let run = rest.find(|c| !of_token(c)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(run);
        let has = |of: fn(&char) -> bool| token.chars().any(|c| of(&c));
        let secret =
            token.len() >= TOKEN && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic);
        clean.push_str(if secret { HIDDEN } else { token });
        let between = after.find(of_token).unwrap_or(after.len());
        clean.push_str(&after[..between]);
        rest = &after[between..];
    }
    clean
}
