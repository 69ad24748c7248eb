//! Where the outbox keeps what, and how it is written. Knows no rules.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entry::Entry;
use crate::model::text::one_line;
use crate::store::read::{self, Unreadable};
use crate::store::{Dir, names};

/// Finished ones that are remembered, and damaged ones that are kept.
pub(super) const KEPT: usize = 500;

/// More bytes than a story takes with all its evidence; a larger file is not read back.
pub(super) const LARGEST: usize = 4 << 20;

/// Whether a file of this name is an entry, or what stays of one.
pub(super) fn is_entry(name: &str) -> bool {
    !name.starts_with('.') && Path::new(name).extension().is_some_and(|end| end == "json")
}

/// Where finished ones are.
pub(super) fn done_folder(dir: &Dir) -> PathBuf {
    dir.outbox().join("done")
}

/// The file of an id.
pub(super) fn file(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{}.json", names::safe(id)))
}

/// The entry, without its log where it would be too long to be read back.
pub(super) fn bounded_json(entry: &Entry) -> Result<Vec<u8>> {
    let bytes = json(entry)?;
    if bytes.len() <= LARGEST {
        return Ok(bytes);
    }
    let mut short = entry.clone();
    short.story.evidence.log = vec!["[left out: too long]".into()];
    json(&short)
}

/// One line of JSON.
pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value).context("cannot write a notification as JSON")?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// What such a file says.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Unreadable> {
    let (bytes, _) = read::regular(path, LARGEST as u64)?;
    serde_json::from_slice(&bytes)
        .map_err(|err| Unreadable::Corrupt(one_line(&err.to_string(), 200)))
}
