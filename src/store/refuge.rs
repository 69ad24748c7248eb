//! Where `heal` remembers while the file system of its state directory is read-only: in memory, below the runtime
//! directory, so that budgets and incidents go on. What reads the state keeps to the state directory, sees that it is
//! not renewed any more, and says so. Changes nothing in the state directory.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use rustix::fs::StatVfsMountFlags;

use crate::store::{Dir, dir, holds, names};

/// The refuge of `home` below `runtime`, where `home` cannot be written because its file system is read-only; none
/// where it is not. It begins with what was last saved in either of them, and with the holds that are placed.
pub fn refuge(home: &Dir, runtime: &Path) -> Result<Option<Dir>> {
    let mounted = rustix::fs::statvfs(home.path());
    if !mounted.is_ok_and(|mounted| mounted.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        return Ok(None);
    }
    let below = runtime.join("miraclemax");
    dir::make(&below)?;
    let refuge = Dir::create(&below.join(names::safe(&home.path().to_string_lossy())))?;
    let (from, to) = (home.state_file(), refuge.state_file());
    if newer(&from, &to) {
        fs::copy(&from, &to)
            .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))?;
        holds::copy(home, &refuge)?;
    }
    Ok(Some(refuge))
}

fn newer(one: &Path, other: &Path) -> bool {
    let written = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    written(one) > written(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::state::{self, Save};
    use crate::store::testing::state;

    fn dirs() -> (tempfile::TempDir, Dir) {
        let root = tempfile::tempdir().unwrap();
        let home = Dir::create(&root.path().join("state")).unwrap();
        (root, home)
    }

    #[test]
    fn a_directory_that_can_be_written_needs_none() {
        let (root, home) = dirs();
        assert_eq!(refuge(&home, root.path()).unwrap(), None);
        assert!(!root.path().join("miraclemax").exists());
    }

    #[test]
    fn the_newer_state_of_the_two_counts() {
        let (root, home) = dirs();
        let refuge = Dir::create(&root.path().join("refuge")).unwrap();
        state::save(&home, &state(1), Save::Cycle).unwrap();
        assert!(newer(&home.state_file(), &refuge.state_file()));
        state::save(&refuge, &state(60), Save::Cycle).unwrap();
        assert!(!newer(&home.state_file(), &refuge.state_file()));
    }
}
