//! The secrets of a channel, taken out of whatever is shown. For a request that is only to be shown, none of them ever
//! gets into it.

use crate::model::letter::Sent;
use crate::model::secret::{Secret, SecretSource};
use crate::sys::secret;

/// What stands in the place of a secret.
const STARS: &str = "***";

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Hidden {
    secrets: Vec<Secret>,
    /// Set when nothing is to leave: what could not be read.
    shows: Option<Vec<String>>,
}

impl Hidden {
    /// For what is only to be shown.
    pub(super) fn to_show() -> Self {
        Self { secrets: Vec::new(), shows: Some(Vec::new()) }
    }

    /// Reads a secret, which is hidden from then on. One that cannot be read can be mended. What is only to be shown
    /// gets another in its place, of the same form.
    pub(super) fn read(&mut self, source: &SecretSource) -> Result<Secret, Sent> {
        let read = secret::read(source).map_err(|err| format!("{err:#}"));
        if let Some(troubles) = &mut self.shows {
            let masked = read.map_or_else(
                |why| {
                    troubles.push(why);
                    STARS.to_owned()
                },
                |secret| masked(secret.reveal()),
            );
            return Ok(Secret::new(&masked));
        }
        let secret = read.map_err(Sent::Later)?;
        self.secrets.push(secret.clone());
        Ok(secret)
    }

    /// Of what is made of secrets, what may be shown: `value`, unless it is only to be shown.
    pub(super) fn made(&self, value: impl FnOnce() -> String) -> String {
        if self.shows.is_some() { STARS.to_owned() } else { value() }
    }

    /// `text` without them.
    pub(super) fn scrub(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| secret.scrub_url(&text))
    }

    /// What could not be read of what is only to be shown.
    pub(super) fn troubles(self) -> Vec<String> {
        self.shows.unwrap_or_default()
    }
}

/// Of a URL its scheme and host; several words stay several.
fn masked(secret: &str) -> String {
    match secret.split_once("://") {
        Some((scheme, rest)) => {
            let host = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}/{STARS}")
        }
        None if secret.contains(' ') => format!("{STARS} {STARS}"),
        None => STARS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_shown_never_holds_a_secret() {
        for (secret, want) in [
            ("s3cret", "***"),
            ("Bearer s3cret", "*** ***"),
            ("https://hooks.example.org/services/s3cret", "https://hooks.example.org/***"),
            ("https://me:s3cret@example.org?s3cret", "https://example.org/***"),
        ] {
            let mut hidden = Hidden::to_show();
            let read = hidden.read(&SecretSource::Plain(Secret::new(secret))).unwrap();
            assert_eq!(read.reveal(), want);
            assert_eq!(hidden.made(|| panic!("it is not made")), "***");
        }
        let mut hidden = Hidden::to_show();
        let file = SecretSource::File("/no/such/file".into());
        assert_eq!(hidden.read(&file).unwrap().reveal(), "***");
        let troubles = hidden.troubles();
        assert!(troubles[0].contains("/no/such/file") && troubles.len() == 1, "{troubles:?}");
    }
}
