//! `file:/backup/db.dump?max_age=26h&min_size=1M`: a file is there, and as old, large and private as it should
//! be, and says what it should. Opens it only for what is in it, and only if it is a regular file: a FIFO, a device
//! or a dead mount holds nobody.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::fields::Fields;
use crate::model::text::{human_duration, human_size};
use crate::probe::content::{self, Content};
use crate::probe::{Answer, At};
use crate::sys::clock;
use crate::sys::files::{self, FileLook, Kind, Missed};
use crate::sys::process;

/// A file's time this far ahead of the clock is still taken for now: hosts of one network disagree a little.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// Which file, and how it must be.
#[derive(Debug, Clone)]
pub struct File {
    path: PathBuf,
    max_age: Option<Duration>,
    min_age: Option<Duration>,
    max_size: Option<u64>,
    min_size: Option<u64>,
    owner: Option<String>,
    mode: Option<u32>,
    content: Content,
}

impl File {
    /// `target` is an absolute path. Keys: `max_age`, `min_age` (since it was last written), `max_size`, `min_size`,
    /// `owner` (name or number), `mode` (the most permissions that it may have: `0640`), and what must be in
    /// it ([`Content`]).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let path = absolute(target, fields);
        let (max_age, min_age) = (fields.duration("max_age"), fields.duration("min_age"));
        let (max_size, min_size) = (fields.size("max_size"), fields.size("min_size"));
        if min_age.zip(max_age).is_some_and(|(min, max)| min > max) {
            fields.problem("min_age", "`min_age` is more than `max_age`", None);
        }
        if min_size.zip(max_size).is_some_and(|(min, max)| min > max) {
            fields.problem("min_size", "`min_size` is more than `max_size`", None);
        }
        let owner = fields.word("owner");
        let mode = fields.parsed("mode", "permissions such as `0640`", |text| {
            let mode = u32::from_str_radix(text.trim_start_matches("0o"), 8).ok();
            let mode = mode.filter(|mode| *mode <= 0o7777);
            mode.ok_or_else(|| format!("`{text}` is no permissions"))
        });
        let content = Content::read(fields);
        Some(Self { path: path?, max_age, min_age, max_size, min_size, owner, mode, content })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        match files::look(&self.path, at.limit) {
            Ok(file) => match self.judge(&file, clock::now().wall) {
                answer if answer.verdict.is_up() && self.content.asks() => self.inside(answer, at),
                answer => answer,
            },
            Err(Missed::Missing) => Answer::down(format!("`{}` is missing", self.path.display())),
            Err(missed) => Answer::unknown(format!("`{}`: {missed}", self.path.display())),
        }
    }

    /// Whether what is in it is right, after all else was.
    fn inside(&self, answer: Answer, at: &At<'_>) -> Answer {
        let path = self.path.display();
        match files::start(&self.path, at.limit, content::MOST as u64) {
            Ok(text) => match self.content.wrong(&text) {
                Some(wrong) => answer.failing(format!("`{path}` has {wrong}")),
                None => answer,
            },
            Err(missed) => Answer::unknown(format!("`{path}`: {missed}")),
        }
    }

    fn judge(&self, file: &FileLook, now: Timestamp) -> Answer {
        let ago = now.duration_since(file.mtime);
        let age = Duration::try_from(ago).unwrap_or_default();
        let detail = format!("{}, {} old", human_size(file.size), human_duration(age));
        match self.wrong(file, ago, age) {
            Some(wrong) => Answer::down(format!("`{}` {wrong}", self.path.display())),
            None => Answer::up(""),
        }
        .saying(detail)
    }

    /// What is wrong with it, to follow its path.
    fn wrong(&self, file: &FileLook, ago: SignedDuration, age: Duration) -> Option<String> {
        if file.kind != Kind::File {
            return Some(format!("is {}, not a regular file", file.kind.word()));
        }
        if ago < -AHEAD {
            let ahead = human_duration(ago.unsigned_abs());
            return Some(format!("was written {ahead} in the future: a clock is wrong"));
        }
        let (size, old) = (human_size(file.size), human_duration(age));
        if let Some(max) = self.max_age.filter(|max| age > *max) {
            return Some(format!("is {old} old, more than {}", human_duration(max)));
        }
        if let Some(min) = self.min_age.filter(|min| age < *min) {
            return Some(format!("is {old} old, less than {}", human_duration(min)));
        }
        if let Some(max) = self.max_size.filter(|max| file.size > *max) {
            return Some(format!("has {size}, more than {}", human_size(max)));
        }
        if let Some(min) = self.min_size.filter(|min| file.size < *min) {
            return Some(format!("has {size}, less than {}", human_size(min)));
        }
        if let Some(mode) = self.mode.filter(|mode| file.mode & !mode != 0) {
            return Some(format!("has mode {:04o}, more than {mode:04o}", file.mode));
        }
        let owner = self.owner.as_ref()?;
        let (name, number) = (process::user_name(file.uid), file.uid.to_string());
        (*owner != name && *owner != number).then(|| format!("belongs to {name}, not to {owner}"))
    }
}

/// `target` as an absolute path, or a problem.
pub(super) fn absolute(target: &str, fields: &mut Fields<'_>) -> Option<PathBuf> {
    if target.starts_with('/') {
        return Some(PathBuf::from(target));
    }
    fields.problem("target", format!("`{target}` is not an absolute path"), None);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::Verdict;
    use crate::probe::tests::{look, problem};

    const NOW: i64 = 1_800_000_000;

    fn judge(options: &str, kind: Kind, size: u64, written: i64) -> Answer {
        let crate::probe::Kind::File(file) =
            crate::probe::tests::probe(&format!("file:/b{options}")).kind
        else {
            panic!("not a file probe")
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        let (mtime, ctime) = (at(written), at(written));
        file.judge(&FileLook { kind, size, mtime, ctime, uid: 0, mode: 0o644 }, at(NOW))
    }

    #[test]
    fn age_and_size_are_held_to_their_limits() {
        for (options, size, written, reason) in [
            ("", 0, NOW - 999_999, ""),
            ("?max_age=26h", 1, NOW - 26 * 3600, ""),
            ("?max_age=26h", 1, NOW - 27 * 3600, "`/b` is 1d 3h old, more than 1d 2h"),
            ("?min_age=1h", 1, NOW - 60, "`/b` is 1m old, less than 1h"),
            ("?min_size=1M", 1023, NOW, "`/b` has 1023 B, less than 1.0 MiB"),
            ("?max_size=1k", 2048, NOW, "`/b` has 2.0 KiB, more than 1.0 KiB"),
            ("?mode=0644", 1, NOW, ""),
            ("?mode=0600", 1, NOW, "`/b` has mode 0644, more than 0600"),
            ("?owner=root", 1, NOW, ""),
            ("?owner=0", 1, NOW, ""),
            ("?owner=backup", 1, NOW, "`/b` belongs to root, not to backup"),
            ("", 1, NOW + 30, ""),
            ("", 1, NOW + 7200, "`/b` was written 2h in the future: a clock is wrong"),
        ] {
            let answer = judge(options, Kind::File, size, written);
            assert_eq!(answer.verdict.reason(), reason, "{options} {size} {written}");
            assert_eq!(answer.verdict.is_up(), reason.is_empty());
        }
    }

    #[test]
    fn what_is_no_file_is_down_and_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo").display().to_string();
        let made = crate::sys::exec::Command::new(["mkfifo", &fifo], Duration::from_secs(10)).run();
        assert!(made.ok(), "{made:?}");
        let seen = look(&format!("file:{fifo}"));
        assert_eq!(seen.verdict, Verdict::Down(format!("`{fifo}` is a FIFO, not a regular file")));
        let seen = look("file:/tmp");
        assert_eq!(seen.verdict.reason(), "`/tmp` is a directory, not a regular file");
        assert_eq!(look("file:/no/such").verdict, Verdict::Down("`/no/such` is missing".into()));
    }

    #[test]
    fn what_is_in_it_is_looked_at_when_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("status").display().to_string();
        std::fs::write(&path, "state: failed\n").unwrap();
        for (options, reason) in [
            ("contains=state", String::new()),
            ("not_contains=failed", format!("`{path}` has `failed`")),
            ("matches=^state: ok", format!("`{path}` has nothing that matches `^state: ok`")),
        ] {
            assert_eq!(look(&format!("file:{path}?{options}")).verdict.reason(), reason);
        }
    }

    #[test]
    fn limits_that_exclude_each_other_are_problems() {
        assert!(problem("file:/b?min_age=2h&max_age=1h").contains("`min_age` is more than"));
        assert!(problem("file:/b?mode=rw").contains("`mode`: `rw` is no permissions"));
        assert!(problem("file:b").contains("`b` is not an absolute path"));
    }
}
