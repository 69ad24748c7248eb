//! `disk:/var?free=10%`: the file system of a path has space left, and can be written if that is asked. Asks for
//! that path alone, never walks mounts, and writes nothing to find out.

use std::path::{Path, PathBuf};

use crate::model::fields::Fields;
use crate::model::measure::Unit;
use crate::model::text::human_size;
use crate::model::trail::Before;
use crate::probe::file::absolute;
use crate::probe::room::{Left, Room};
use crate::probe::{Answer, At};
use crate::sys::exec;
use crate::sys::files::Missed;
use crate::sys::host;

/// Which path, and how much must be free there.
#[derive(Debug, Clone)]
pub struct Disk {
    path: PathBuf,
    room: Room,
    writable: bool,
}

impl Disk {
    /// `target` is an absolute path. Keys: those of [`Room`], sizes as amounts, and 10% must be free unless
    /// anything is given; `writable` (whether it is down while it is mounted read-only; not unless given).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let path = absolute(target, fields);
        let room = Room::read(Unit::Bytes, 10.0, fields);
        let writable = fields.flag("writable").unwrap_or(false);
        Some(Self { path: path?, room, writable })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        match host::disk(&self.path, at.limit) {
            Ok(disk) => self.judge(disk, at.before),
            Err(Missed::Missing) => Answer::down(format!("`{}` is missing", self.path.display())),
            Err(missed) => Answer::unknown(format!("`{}`: {missed}", self.path.display())),
        }
    }

    fn judge(&self, disk: host::Disk, before: &Before) -> Answer {
        let path = self.path.display().to_string();
        let left = Left { free: disk.free, total: disk.total };
        let (free, all) = (human_size(left.free), human_size(left.total));
        let free = format!("{free} of {all} free ({:.1}%)", left.share());
        let mut answer = Answer::up(&free);
        if self.writable && disk.read_only {
            answer = answer
                .failing(format!("`{path}` is mounted read-only"))
                .hinting("see whether the kernel did it: `dmesg | grep -i -e remount -e error`");
        }
        let said = format!("`{path}` has {free}");
        let answer = self.room.hold(answer, &path, left, &said, before);
        let path = typed(&self.path);
        answer.hinting(format!("see what fills it: `du -xh --max-depth=1 {path} | sort -h | tail`"))
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> &Room {
        &self.room
    }
}

/// A path as a shell is told it.
pub(super) fn typed(path: &Path) -> String {
    exec::shown(&[path.display().to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Kind;
    use crate::probe::tests::{look, probe};

    const FULL: host::Disk =
        host::Disk { total: 100 << 30, free: 5 << 30, inodes: 0, inodes_free: 0, read_only: false };

    fn judge(keys: &str, disk: host::Disk) -> Answer {
        let Kind::Disk(asked) = probe(&format!("disk:/x?{keys}")).kind else { unreachable!() };
        asked.judge(disk, &Before::Nowhere)
    }

    #[test]
    fn space_is_held_to_its_limits() {
        let seen = "5.0 GiB of 100.0 GiB free (5.0%)";
        for (keys, less) in [
            ("", Some("10%")),
            ("free=5%", None),
            ("free=6G", Some("6.0 GiB")),
            ("free=2G", None),
            ("writable=true&free=2G", None),
        ] {
            let answer = judge(keys, FULL);
            let want = less.map(|less| format!("`/x` has {seen}, less than {less}"));
            assert_eq!(answer.verdict.reason(), want.unwrap_or_default(), "{keys}");
            assert_eq!(answer.detail, seen);
        }
    }

    #[test]
    fn one_that_must_be_writable_is_down_while_it_is_not() {
        let disk = host::Disk { read_only: true, ..FULL };
        assert!(judge("free=2G", disk).verdict.is_up());
        let answer = judge("free=2G&writable=true", disk);
        assert_eq!(answer.verdict.reason(), "`/x` is mounted read-only");
        assert!(answer.hint.is_some_and(|hint| hint.contains("dmesg")));
        assert_eq!(look("disk:/proc/sys?writable=false").verdict.word(), "up");
    }

    #[test]
    fn a_hint_can_be_typed_whatever_the_path() {
        for (path, want) in [("/var/lib", "/var/lib"), ("/srv/it's $X", r"'/srv/it'\''s $X'")] {
            assert_eq!(typed(Path::new(path)), want);
        }
    }

    #[test]
    fn a_file_system_without_size_is_not_full() {
        let none = host::Disk { total: 0, free: 0, ..FULL };
        assert!(judge("free=10%", none).verdict.is_up());
    }

    #[test]
    fn the_root_of_this_host_has_a_byte_left() {
        assert!(look("disk:/?free=1").verdict.is_up());
        assert_eq!(look("disk:/no/such").verdict.reason(), "`/no/such` is missing");
    }
}
