//! Where a program is, as whoever starts it would look for it. Starts none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};

use crate::model::text::one_line;
use crate::sys::files::{self, Missed};

/// Why there is none to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {
    /// In words that follow its place: "there is no `x`".
    No(String),
    /// The file system does not tell.
    Unknown(String),
}

/// The file of `program`: a path, or a name that is looked for in the directories of `path`, which is parted by colons.
pub fn find(program: &str, path: &str, limit: Duration) -> Result<PathBuf, Absent> {
    let runs = |at: &Path| {
        files::guarded(at, limit, |at| {
            Ok(std::fs::metadata(at)?.is_file() && access(at, Access::EXEC_OK).is_ok())
        })
    };
    let shown = one_line(program, 120);
    if program.contains('/') {
        let at = PathBuf::from(program);
        return match runs(&at) {
            Ok(true) => Ok(at),
            Ok(false) => Err(Absent::No(format!("`{shown}` is no program that can be run"))),
            Err(Missed::Missing) => Err(Absent::No(format!("there is no `{shown}`"))),
            Err(why) => Err(Absent::Unknown(format!("`{shown}` cannot be looked at: {why}"))),
        };
    }
    let found = std::env::split_paths(path).map(|dir| dir.join(program));
    found.into_iter().find(|at| runs(at) == Ok(true)).ok_or_else(|| {
        Absent::No(format!("there is no `{shown}` in its PATH (`{}`)", one_line(path, 120)))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_program_is_where_path_leads_or_it_is_said_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let limit = Duration::from_secs(10);
        let at = dir.path().join("tool");
        std::fs::write(&at, "").unwrap();
        let (path, whole) =
            (format!("/nowhere:{}", dir.path().display()), at.display().to_string());
        let mode = |mode| {
            std::fs::set_permissions(&at, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(0o755);
        assert_eq!(find("tool", &path, limit), Ok(at.clone()));
        assert_eq!(find(&whole, "", limit), Ok(at.clone()));
        mode(0o644);
        let absent = |found: Result<PathBuf, Absent>| match found {
            Err(Absent::No(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(absent(find(&whole, "", limit)).contains("is no program that can be run"));
        assert!(absent(find("tool", &path, limit)).contains("there is no `tool` in its PATH"));
        assert!(absent(find("/nowhere/tool", "", limit)).contains("there is no `/nowhere/tool`"));
    }
}
