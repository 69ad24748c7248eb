//! What is known of the channels, in `channels.json`. Written by the one process that holds the right to deliver; it can
//! be lost without harm, so what cannot be read is as if nothing were known.

use anyhow::{Context, Result};

use crate::model::reachable::Channels;
use crate::store::{Dir, atomic, read};

/// More bytes than all channels take.
const LARGEST: u64 = 1 << 20;

/// What is known; nothing where the file is missing or damaged.
pub fn load(dir: &Dir) -> Channels {
    let read = read::regular(&dir.channels_file(), LARGEST).ok();
    read.and_then(|(bytes, _)| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Keeps what is known.
pub fn save(dir: &Dir, channels: &Channels) -> Result<()> {
    let mut bytes =
        serde_json::to_vec_pretty(channels).context("cannot write the channels as JSON")?;
    bytes.push(b'\n');
    atomic::replace(&dir.channels_file(), &bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::reachable::Reachable;
    use crate::store::testing::{fifo, now};

    #[test]
    fn what_is_known_comes_back_and_damage_is_as_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        assert_eq!(load(&dir), Channels::new());
        let one = Reachable {
            failing_since: Some(now(3).stamp()),
            why: "401".into(),
            runs: 2,
            ..Reachable::default()
        };
        let channels = Channels::from([("telegram:-1".to_owned(), one)]);
        save(&dir, &channels).unwrap();
        assert_eq!(load(&dir), channels);
        let path = dir.channels_file();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() - 2 {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(load(&dir), Channels::new(), "cut at {length}");
        }
        fs::remove_file(&path).unwrap();
        fifo(&path);
        assert_eq!(load(&dir), Channels::new());
        save(&dir, &channels).unwrap();
        assert_eq!(load(&dir), channels);
    }
}
