//! Reads files that the kernel makes up as they are read: all of `/proc` and `/sys`. They tell no size, so the usual
//! way begins with guesses of 32 bytes and asks the kernel up to ten times. Never for files that may be large.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Nearly all of them fit, and so need one read and one more that finds the end.
const ROOM: usize = 8 * 1024;

/// All that is in the file at `path`; bytes that are not UTF-8 become `�`.
pub fn read(path: impl AsRef<Path>) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(ROOM);
    // Through `take`, because a file asked directly is asked for its size and its place as well.
    File::open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_file_is_read_whatever_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "é".repeat(ROOM)).unwrap();
        assert_eq!(read(&path).unwrap(), "é".repeat(ROOM));
        std::fs::write(&path, b"a\xffb").unwrap();
        assert_eq!(read(&path).unwrap(), "a\u{fffd}b");
        assert_eq!(read(dir.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
