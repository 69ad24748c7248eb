//! The state directory: is it there, safe, on a disk with room, renewed; does a run hang; what waits to be told. Takes no
//! lock and writes nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Access, access};

use crate::commands::fresh::Remembered;
use crate::commands::setup::Setup;
use crate::model::finding::Finding;
use crate::model::text::{human_duration, human_size, one_line, plural};
use crate::outcome::Outcome;
use crate::store::outbox;
use crate::store::{Dir, lock};
use crate::sys::files::{self, Kind, Missed};
use crate::sys::{host, process};

/// What findings here are about.
const ABOUT: &str = "state";
/// Bound on a look at one file or file system.
const LIMIT: Duration = Duration::from_secs(5);
/// Less room than this is little, and less than that none: a state file with some incidents takes a few MiB.
const LITTLE: u64 = 100 << 20;
const NONE: u64 = 10 << 20;
/// The same in inodes.
const FEW: u64 = 1000;
const NO_MORE: u64 = 50;
/// A notification that waits for longer is not told for another reason than a short outage.
const LONG: Duration = Duration::from_secs(3600);

/// What is to be said of it; `remembered` is what is in it. Where nothing is `configured` there need not be any.
pub(super) fn findings(
    setup: &Setup,
    configured: bool,
    remembered: Result<&Remembered, String>,
) -> Vec<Finding> {
    let path = match setup.state_path() {
        Ok(path) => path,
        Err(err) => return vec![Finding::critical(ABOUT, one_line(&format!("{err:#}"), 300))],
    };
    if !configured && matches!(files::look(&path, LIMIT), Err(Missed::Missing)) {
        return Vec::new();
    }
    let mut found = match directory(&path, setup.euid) {
        Ok(found) => found,
        Err(finding) => return vec![finding],
    };
    let well = found.is_empty();
    let fresh = match remembered {
        Ok(remembered) => freshness(remembered),
        Err(why) => Finding::unknown(ABOUT, one_line(&why, 300)),
    };
    if well {
        let room = host::disk(&path, LIMIT)
            .map_or_else(|_| String::new(), |disk| format!(", {} free", human_size(disk.free)));
        found.push(Finding::ok(ABOUT, format!("{}: mode 0700{room}", path.display())));
    }
    found.push(fresh);
    if let Ok(Some(dir)) = Dir::existing(&path) {
        found.extend(held(setup, &dir));
        found.extend(waiting(setup, &dir));
        found.extend(events(&dir));
    }
    found
}

/// The directory itself; an error when there is nothing more to look at.
fn directory(path: &Path, euid: u32) -> Result<Vec<Finding>, Finding> {
    let shown = path.display();
    let about = files::look(path, LIMIT).map_err(|why| match why {
        Missed::Missing => {
            let said = format!("there is no `{shown}`: nothing was ever looked at");
            Finding::critical(ABOUT, said).hint("`miraclemax check` looks once, and makes it")
        }
        why => Finding::unknown(ABOUT, format!("`{shown}` cannot be looked at: {why}"))
            .hint("look as the user whose it is: `sudo miraclemax check --self`"),
    })?;
    if about.kind != Kind::Directory {
        let said = format!("`{shown}` is {}, not a directory", about.kind.word());
        return Err(Finding::critical(ABOUT, said).hint(format!("`mv '{shown}' '{shown}.odd'`")));
    }
    let mut found = Vec::new();
    let mut bad =
        |said: String, hint: String| found.push(Finding::critical(ABOUT, said).hint(hint));
    let link =
        files::guarded(path, LIMIT, |path| Ok(std::fs::symlink_metadata(path)?.is_symlink()));
    if link == Ok(true) {
        let hint = format!("name the directory itself: `--state-dir \"$(readlink -f '{shown}')\"`");
        bad(format!("`{shown}` is a symbolic link: nothing is written there"), hint);
    }
    if about.uid != euid {
        let (owner, user) = (process::user_name(about.uid), process::user_name(euid));
        let hint = format!("run as its owner: `sudo -u '{owner}' miraclemax check --self`");
        bad(
            format!(
                "`{shown}` belongs to `{owner}`, and this runs as `{user}`, who may not write there"
            ),
            hint,
        );
    } else if about.mode & 0o022 != 0 {
        let said = format!(
            "`{shown}` can be written by others (mode {:04o}): nothing is written there",
            about.mode
        );
        bad(said, format!("`chmod 700 '{shown}'`"));
    } else if !may(path, Access::WRITE_OK | Access::EXEC_OK) {
        bad(
            format!("`{shown}` cannot be written by this user"),
            format!("see why: `ls -ld '{shown}'`; `findmnt -T '{shown}'`"),
        );
    }
    if about.mode & 0o055 != 0 && about.mode & 0o022 == 0 {
        let said = format!("`{shown}` can be read by others (mode {:04o})", about.mode);
        found.push(Finding::warning(ABOUT, said).hint(format!("`chmod 700 '{shown}'`")));
    }
    found.extend(room(path));
    Ok(found)
}

/// Whether this user may do that there, as far as the file system answers.
fn may(path: &Path, what: Access) -> bool {
    files::guarded(path, LIMIT, move |path| Ok(access(path, what).is_ok())) == Ok(true)
}

fn room(path: &Path) -> Vec<Finding> {
    let shown = path.display();
    let mut found = Vec::new();
    if files::guarded(path, LIMIT, |path| Ok(host::in_memory(path))) == Ok(true) {
        let said =
            format!("`{shown}` is in memory (tmpfs): a restart of the host forgets all of it");
        found.push(
            Finding::warning(ABOUT, said).hint("name a directory on a disk: `--state-dir DIR`"),
        );
    }
    let disk = match host::disk(path, LIMIT) {
        Ok(disk) => disk,
        Err(why) => {
            found.push(Finding::unknown(
                ABOUT,
                format!("how much room there is cannot be told: {why}"),
            ));
            return found;
        }
    };
    let full = format!("see what fills it: `du -xh '{shown}' | sort -h | tail`, `df -h '{shown}'`");
    if disk.read_only {
        let said = format!("`{shown}` is on a read-only file system");
        found.push(Finding::critical(ABOUT, said).hint(format!("see why: `findmnt -T '{shown}'`")));
    } else if disk.free < LITTLE {
        let said = format!("only {} are free at `{shown}`", human_size(disk.free));
        let grade = if disk.free < NONE { Finding::critical } else { Finding::warning };
        found.push(grade(ABOUT.to_owned(), said).hint(full));
    } else if disk.inodes > 0 && disk.inodes_free < FEW {
        let said = format!(
            "only {} are free at `{shown}`",
            plural(usize::try_from(disk.inodes_free).unwrap_or(usize::MAX), "inode")
        );
        let grade = if disk.inodes_free < NO_MORE { Finding::critical } else { Finding::warning };
        found.push(grade(ABOUT.to_owned(), said).hint(format!("`df -i '{shown}'`")));
    }
    found
}

/// In the words of the judge of freshness.
fn freshness(remembered: &Remembered) -> Finding {
    let said = format!("{}: {}", remembered.word, remembered.words);
    let hint =
        "`miraclemax check` looks at every service; `schedule` says what should have done so";
    match remembered.outcome {
        Outcome::Ok => Finding::ok(ABOUT, said),
        Outcome::Warning => Finding::warning(ABOUT, said).hint(hint),
        Outcome::Critical => Finding::critical(ABOUT, said).hint(hint),
        _ => Finding::unknown(ABOUT, said)
            .hint("see it: `miraclemax stale`, `ls -l` of the state directory"),
    }
}

fn held(setup: &Setup, dir: &Dir) -> Option<Finding> {
    match lock::holder(dir) {
        lock::Seen::Free => None,
        lock::Seen::Held(Some(holder)) => {
            let (pid, command) = (holder.pid, one_line(&holder.command, 20));
            let held = human_duration(setup.now.elapsed(&holder.started));
            let said = format!("`{command}` (pid {pid}) has held the lock for {held}");
            Some(match holder.overdue(&setup.now) {
                Some(over) => Finding::critical("lock", format!("{said}, {} past its own deadline", human_duration(over)))
                    .hint(format!("see what it waits for: `cat /proc/{pid}/wchan`, `ps -o stat,wchan,args -p {pid}`; the next `heal` ends it")),
                None => Finding::ok("lock", format!("{said}: a run is under way")),
            })
        }
        lock::Seen::Held(None) => Some(Finding::ok("lock", "a run has just taken it")),
        lock::Seen::Unknown(why) => Some(Finding::unknown("lock", one_line(&why, 300))),
    }
}

/// What waits in the outbox, by the channel that does not take it.
fn waiting(setup: &Setup, dir: &Dir) -> Vec<Finding> {
    let pending = outbox::waiting(dir);
    let mut channels: BTreeMap<&str, (usize, Duration, &str)> = BTreeMap::new();
    for entry in &pending.entries {
        let age = setup.now.elapsed(&entry.created);
        for (name, delivery) in entry.channels.iter().filter(|(_, one)| !one.finished()) {
            let known = channels.entry(name).or_insert((0, Duration::ZERO, ""));
            known.0 += 1;
            if age >= known.1 {
                (known.1, known.2) = (age, &delivery.answer);
            }
        }
    }
    let mut found: Vec<Finding> = Vec::new();
    for (name, (count, age, answer)) in channels {
        let about = format!("outbox {}", one_line(name, 60));
        let answer = if answer.is_empty() {
            "it was not tried yet".to_owned()
        } else {
            format!("it said: {}", one_line(answer, 300))
        };
        let wait = if count == 1 { "waits" } else { "wait" };
        let count = plural(count, "notification");
        let said = format!("{count} {wait}, the oldest for {}: {answer}", human_duration(age));
        let grade = if age > LONG { Finding::critical } else { Finding::warning };
        found.push(
            grade(about, said)
                .hint("they are sent by the next run; `miraclemax status` shows them"),
        );
    }
    let unread = pending.notices.iter();
    found.extend(unread.map(|notice| {
        Finding::warning("outbox", one_line(notice, 300)).hint("the next run sets it aside")
    }));
    if found.is_empty() {
        found.push(Finding::ok("outbox", "nothing waits"));
    }
    found
}

/// Events can be written: what happens is remembered.
fn events(dir: &Dir) -> Option<Finding> {
    let path = dir.events_file();
    let shown = path.display();
    match files::look(&path, LIMIT) {
        Err(Missed::Missing) => None,
        Err(why) => {
            Some(Finding::unknown("events", format!("`{shown}` cannot be looked at: {why}")))
        }
        Ok(about) if about.kind != Kind::File => {
            let said = format!("`{shown}` is {}: nothing can be written there", about.kind.word());
            Some(Finding::critical("events", said).hint(format!("`mv '{shown}' '{shown}.odd'`")))
        }
        Ok(_) => (!may(&path, Access::WRITE_OK)).then(|| {
            let said = format!("`{shown}` cannot be written by this user");
            Finding::critical("events", said)
                .hint(format!("see why: `ls -l '{shown}'`, `lsattr '{shown}'`"))
        }),
    }
}
