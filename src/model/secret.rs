//! A value that must not be seen, and where it comes from. Never printed: not by `Debug`, not in an error.
//! Reading a secret file or variable is `sys::secret`'s.

use std::fmt;
use std::path::PathBuf;

/// A password, token or URL that is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`; white space around it (a file's last newline) is not part of it.
    pub fn new(value: &str) -> Self {
        Self(value.trim().to_owned())
    }

    /// The value itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret replaced by `***`.
    pub fn scrub(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
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
}
