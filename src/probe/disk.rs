//! `disk:/var?free=10%`: the file system of a path has space left. Asks for that path alone, never walks mounts.

use std::path::PathBuf;

use crate::model::fields::Fields;
use crate::model::node::Value;
use crate::model::text::human_size;
use crate::model::units::{parse_percent, parse_size};
use crate::probe::file::absolute;
use crate::probe::{Answer, At};
use crate::sys::files::Missed;
use crate::sys::host;

/// Which path, and how much must be free there.
#[derive(Debug, Clone)]
pub struct Disk {
    path: PathBuf,
    free: Free,
}

/// How much must be free at least.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Free {
    /// From 0 to 100.
    Percent(f64),
    /// Bytes.
    Size(u64),
}

impl Disk {
    /// `target` is an absolute path. Key: `free`, a share such as `10%`, which it is unless given, or a size.
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let path = absolute(target, fields);
        let expected = "a share such as `10%` or a size such as `2G`";
        let free = fields.read("free", expected, |value| match value {
            Value::Int(number) => u64::try_from(*number).ok().map(Free::Size),
            Value::Text(text) | Value::Word(text) => {
                let share = parse_percent(text).map(Free::Percent);
                share.or_else(|| parse_size(text).map(Free::Size))
            }
            _ => None,
        });
        Some(Self { path: path?, free: free.unwrap_or(Free::Percent(10.0)) })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        match host::disk(&self.path, at.limit) {
            Ok(disk) => self.judge(disk),
            Err(Missed::Missing) => Answer::down(format!("`{}` is missing", self.path.display())),
            Err(missed) => Answer::unknown(format!("`{}`: {missed}", self.path.display())),
        }
    }

    fn judge(&self, disk: host::Disk) -> Answer {
        let share = percent(disk.free, disk.total);
        let free =
            format!("{} of {} free ({share:.1}%)", human_size(disk.free), human_size(disk.total));
        let less = match self.free {
            Free::Percent(least) if share < least => Some(format!("{least}%")),
            Free::Size(least) if disk.free < least => Some(human_size(least)),
            _ => None,
        };
        match less {
            Some(least) => {
                Answer::down(format!("`{}` has {free}, less than {least}", self.path.display()))
            }
            None => Answer::up(""),
        }
        .saying(free)
    }
}

/// `part` of `whole` as 0 to 100; nothing of nothing is all of it, so that an empty kind of file system (`/proc`)
/// is never full.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let share = part as f64 * 100.0 / whole as f64;
    if whole == 0 { 100.0 } else { share }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::{look, problem};

    #[test]
    fn space_is_held_to_a_share_or_a_size() {
        let disk = host::Disk { total: 100 << 30, free: 5 << 30, inodes: 0, inodes_free: 0 };
        let seen = "5.0 GiB of 100.0 GiB free (5.0%)";
        for (free, less) in [
            (Free::Percent(10.0), Some("10%")),
            (Free::Percent(5.0), None),
            (Free::Size(6 << 30), Some("6.0 GiB")),
            (Free::Size(2 << 30), None),
        ] {
            let answer = Disk { path: "/x".into(), free }.judge(disk);
            let want = less.map(|less| format!("`/x` has {seen}, less than {less}"));
            assert_eq!(answer.verdict.reason(), want.unwrap_or_default(), "{free:?}");
            assert_eq!(answer.detail, seen);
        }
    }

    #[test]
    fn a_file_system_without_size_is_not_full() {
        let none = host::Disk { total: 0, free: 0, inodes: 0, inodes_free: 0 };
        let disk = Disk { path: "/proc".into(), free: Free::Percent(10.0) };
        assert!(disk.judge(none).verdict.is_up());
    }

    #[test]
    fn the_root_of_this_host_has_a_byte_left() {
        assert!(look("disk:/?free=1").verdict.is_up());
        assert_eq!(look("disk:/no/such").verdict.reason(), "`/no/such` is missing");
        assert!(problem("disk:/?free=lots").contains("`free` expects a share such as `10%`"));
    }
}
