//! `inodes:/var?free=5%`: the file system of a path has inodes left; without one no file can be made however much
//! space there is. Asks for that path alone, never walks mounts.

use std::path::PathBuf;

use crate::model::fields::Fields;
use crate::model::measure::Unit;
use crate::model::trail::Before;
use crate::probe::disk::typed;
use crate::probe::file::absolute;
use crate::probe::room::{Left, Room};
use crate::probe::{Answer, At};
use crate::sys::files::Missed;
use crate::sys::host;

/// Which path, and how many of its inodes must be free.
#[derive(Debug, Clone)]
pub struct Inodes {
    path: PathBuf,
    room: Room,
}

impl Inodes {
    /// `target` is an absolute path. Keys: those of [`Room`]; 10% must be free unless anything is given.
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let path = absolute(target, fields);
        let room = Room::read(Unit::Plain, 10.0, fields);
        Some(Self { path: path?, room })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        match host::disk(&self.path, at.limit) {
            Ok(disk) => self.judge(disk, at.before),
            Err(Missed::Missing) => Answer::down(format!("`{}` is missing", self.path.display())),
            Err(missed) => Answer::unknown(format!("`{}`: {missed}", self.path.display())),
        }
    }

    fn judge(&self, disk: host::Disk, before: &Before) -> Answer {
        if disk.inodes == 0 {
            return Answer::up("no fixed number of inodes");
        }
        let path = self.path.display();
        let left = Left { free: disk.inodes_free, total: disk.inodes };
        let free = format!("{} of {} inodes free ({:.1}%)", left.free, left.total, left.share());
        let (label, said) = (format!("{path}_inodes"), format!("`{path}` has {free}"));
        let answer = self.room.hold(Answer::up(&free), &label, left, &said, before);
        let path = typed(&self.path);
        answer.hinting(format!(
            "see where the files are: `find {path} -xdev -printf '%h\\n' | sort | uniq -c | sort -n \
             | tail`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Kind;
    use crate::probe::tests::{look, probe};

    #[test]
    fn inodes_are_held_to_their_limits_unless_there_is_no_fixed_number() {
        let seen = "`/x` has 99 of 1000 inodes free (9.9%)";
        for (keys, free, word, less) in [
            ("", 99, "down", "less than 10%"),
            ("", 100, "up", ""),
            ("free=101", 99, "down", "less than 101"),
            ("warn=10%&crit=5%", 99, "up", "less than 10%"),
        ] {
            let disk =
                host::Disk { total: 1, free: 1, inodes: 1000, inodes_free: free, read_only: false };
            let Kind::Inodes(inodes) = probe(&format!("inodes:/x?{keys}")).kind else {
                unreachable!()
            };
            let answer = inodes.judge(disk, &Before::Nowhere);
            let said = answer.warning.as_deref().unwrap_or(answer.verdict.reason());
            let want = if less.is_empty() { String::new() } else { format!("{seen}, {less}") };
            assert_eq!((answer.verdict.word(), said), (word, want.as_str()), "{keys} {free}");
            let none =
                inodes.judge(host::Disk { inodes: 0, inodes_free: 0, ..disk }, &Before::Nowhere);
            assert_eq!(none, Answer::up("no fixed number of inodes"));
        }
        assert!(look("inodes:/?free=0%").verdict.is_up());
    }
}
