//! Reads a secret from where the config says it is. Never puts its value into an error.

use std::io::Read;

use anyhow::{Context, Result, bail};

use crate::model::secret::{Secret, SecretSource};

/// More than any token or URL; a larger file is not a secret but a mistake.
const LARGEST: u64 = 64 * 1024;

/// The secret itself.
pub fn read(source: &SecretSource) -> Result<Secret> {
    let text = match source {
        SecretSource::Plain(secret) => return Ok(secret.clone()),
        SecretSource::Env(name) => std::env::var(name)
            .with_context(|| format!("cannot read the secret in environment variable `{name}`"))?,
        SecretSource::File(path) => {
            let shown = path.display();
            // Looked at before it is opened: opening a FIFO would wait for a writer.
            let about = std::fs::metadata(path)
                .with_context(|| format!("cannot read the secret file `{shown}`"))?;
            if !about.is_file() {
                bail!("cannot read the secret file `{shown}`: it is not a regular file");
            }
            let mut text = String::new();
            std::fs::File::open(path)
                .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
                .with_context(|| format!("cannot read the secret file `{shown}`"))?;
            text
        }
    };
    let secret = Secret::new(&text);
    if secret.reveal().is_empty() {
        bail!("the secret from {} is empty", shown(source));
    }
    Ok(secret)
}

fn shown(source: &SecretSource) -> String {
    match source {
        SecretSource::Plain(_) => "the config".into(),
        SecretSource::File(path) => format!("file `{}`", path.display()),
        SecretSource::Env(name) => format!("environment variable `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_empty_or_odd_file_is_named_and_nothing_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        for (path, want) in [
            (dir.path().join("none"), "cannot read the secret file"),
            (empty, "is empty"),
            (dir.path().to_owned(), "not a regular file"),
        ] {
            let err = format!("{:#}", read(&SecretSource::File(path)).unwrap_err());
            assert!(err.contains(want), "{err}");
        }
    }
}
