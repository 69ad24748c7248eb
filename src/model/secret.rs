//! A value that must not be seen, and where it comes from. Never printed: not by `Debug`, not in an error.
//! Reading a secret file or variable is `sys::secret`'s.

use std::fmt;
use std::path::PathBuf;

use crate::model::hidden_url;

/// A password, token or URL that is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`; white space around it (a file's last newline) is not part of it.
    pub fn new(value: &str) -> Self {
        Self(value.trim().to_owned())
    }

    /// `value` as it is, white space and all.
    pub fn exact(value: String) -> Self {
        Self(value)
    }

    /// The value itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret replaced by `***`.
    pub fn scrub(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
    }

    /// Like [`Self::scrub`] for a URL that is a secret: its parts that may be one go, too, however they are written.
    /// The host stays: it helps, and opens nothing.
    pub fn scrub_url(&self, text: &str) -> String {
        hidden_url::hide(&self.0, text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is to be read when it is needed: `KEY`, `KEY_file` or `KEY_env` in the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// Written in the config itself.
    Plain(Secret),
    /// In a file of its own.
    File(PathBuf),
    /// In an environment variable of this name.
    Env(String),
}

/// Whether the value of what is called so must not be seen.
pub fn is_secret(name: &str) -> bool {
    const NAMES: [&str; 8] = ["token", "key", "secret", "pass", "pwd", "auth", "sig", "cookie"];
    let name = name.to_lowercase();
    NAMES.iter().any(|secret| name.contains(secret))
}

/// How many bytes of the value of an option `key` of a URL's probe may be shown: none of a body or of what is
/// called like a secret, of a header its name and a path, of others all.
pub fn shown_of_option(key: &str, value: &str) -> usize {
    match key {
        "header" => value.find(':').map_or(0, |colon| colon + 1),
        "header_file" => match value.split_once(':') {
            Some((name, path)) if !path.trim_start().starts_with('/') => name.len() + 1,
            _ => value.len(),
        },
        "body" => 0,
        // The name of a file is none.
        _ if is_secret(key) && !key.ends_with("_file") => 0,
        _ => value.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_stars_and_scrub_removes_it() {
        let secret = Secret::new("hunter2\n");
        assert_eq!(
            format!("{secret:?} {:?}", SecretSource::Plain(secret.clone())),
            "*** Plain(***)"
        );
        assert_eq!(secret.scrub("535 hunter2 refused"), "535 *** refused");
        assert_eq!(Secret::new("").scrub("abc"), "abc");
    }

    #[test]
    fn of_an_option_only_what_is_no_secret_is_shown() {
        for (key, value, want) in [
            ("header", "Authorization: Bearer x", "Authorization:"),
            ("header", "hunter2", ""),
            ("body", "user=max&pass=x", ""),
            ("password", "x", ""),
            ("token", "x", ""),
            ("token_file", "/etc/x", "/etc/x"),
            ("header_file", "X-Key: /etc/x", "X-Key: /etc/x"),
            ("header_file", "X-Key: hunter2", "X-Key:"),
            ("status", "2xx", "2xx"),
        ] {
            assert_eq!(&value[..shown_of_option(key, value)], want, "{key}");
        }
    }
}
