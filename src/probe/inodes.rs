//! `inodes:/var?free=5%`: the file system of a path has inodes left; without one no file can be made however much
//! space there is. Asks for that path alone, never walks mounts.

use std::path::PathBuf;

use crate::model::fields::Fields;
use crate::probe::disk::percent;
use crate::probe::file::absolute;
use crate::probe::{Answer, At};
use crate::sys::files::Missed;
use crate::sys::host;

/// Which path, and what share of its inodes must be free.
#[derive(Debug, Clone)]
pub struct Inodes {
    path: PathBuf,
    free: f64,
}

impl Inodes {
    /// `target` is an absolute path. Key: `free`, a share such as `5%`; 10% unless given.
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let path = absolute(target, fields);
        let free = fields.percent("free").unwrap_or(10.0);
        Some(Self { path: path?, free })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        match host::disk(&self.path, at.limit) {
            Ok(disk) => self.judge(disk),
            Err(Missed::Missing) => Answer::down(format!("`{}` is missing", self.path.display())),
            Err(missed) => Answer::unknown(format!("`{}`: {missed}", self.path.display())),
        }
    }

    fn judge(&self, disk: host::Disk) -> Answer {
        if disk.inodes == 0 {
            return Answer::up("no fixed number of inodes");
        }
        let share = percent(disk.inodes_free, disk.inodes);
        let free = format!("{} of {} inodes free ({share:.1}%)", disk.inodes_free, disk.inodes);
        if share < self.free {
            let least = self.free;
            Answer::down(format!("`{}` has {free}, less than {least}%", self.path.display()))
        } else {
            Answer::up("")
        }
        .saying(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::look;

    #[test]
    fn inodes_are_held_to_a_share_unless_there_is_no_limit() {
        let inodes = Inodes { path: "/x".into(), free: 10.0 };
        let disk = |inodes, inodes_free| host::Disk { total: 1, free: 1, inodes, inodes_free };
        assert_eq!(
            inodes.judge(disk(1000, 99)).verdict.reason(),
            "`/x` has 99 of 1000 inodes free (9.9%), less than 10%"
        );
        assert!(inodes.judge(disk(1000, 100)).verdict.is_up());
        assert_eq!(inodes.judge(disk(0, 0)), Answer::up("no fixed number of inodes"));
        assert!(look("inodes:/?free=0%").verdict.is_up());
    }
}
