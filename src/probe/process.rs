//! `process:nginx?user=www-data&count=2:`: a process of that name runs, by its pid file if told, and uses no more
//! than it may. `pidfile:/run/nginx.pid?name=nginx`: the process that a pid file names. A zombie, a stopped one or one
//! that is blocked in the kernel is not running, and a pid that another process has got since is not it. Signals
//! nobody.

mod blocked;
mod resources;

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use crate::model::fields::Fields;
use crate::model::measure::Unit;
use crate::model::range::Range;
use crate::model::text::{human_duration, plural};
use crate::probe::file::absolute;
use crate::probe::process::blocked::Waiting;
use crate::probe::process::resources::Resources;
use crate::probe::{Answer, At};
use crate::sys::clock;
use crate::sys::files::{self, Kind, Missed};
use crate::sys::process::{self, NAME_MAX};

/// A pid file is written after its process has started; start times and file times are exact to a second or two.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(5);
/// Larger than any pid file.
const LARGEST: u64 = 4096;

/// Which process, and how many of them.
#[derive(Debug, Clone)]
pub struct Process {
    name: Option<String>,
    exe: Option<PathBuf>,
    user: Option<String>,
    count: Range,
    pidfile: Option<PathBuf>,
    resources: Resources,
}

impl Process {
    /// `target` is the process's name or its program's file name; it may be empty when `exe` is given. Keys: `exe`
    /// (the program's path), `user` (name or number), `count` (a range such as `1:`, which it is unless
    /// given), `pidfile`, and those of [`Resources`].
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let exe = fields.path("exe");
        let user = fields.word("user");
        let pidfile = fields.path("pidfile");
        let count = fields.parsed("count", "a range such as `1:`", read_count);
        let name = Some(target.trim().to_owned()).filter(|name| !name.is_empty());
        if name.is_none() && exe.is_none() && pidfile.is_none() {
            let hint = "write `process:nginx`, or give `exe` or `pidfile`";
            fields.problem("target", "no process is named", Some(hint.into()));
            return None;
        }
        let count = count.unwrap_or_else(|| Range::at_least(1.0, Unit::Plain));
        let resources = Resources::read(fields);
        Some(Self { name, exe, user, count, pidfile, resources })
    }

    /// The kind `pidfile`: `target` is the file's absolute path. Keys: `name` (the process's), `exe`, `user`, and
    /// those of [`Resources`].
    pub(super) fn read_pidfile(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let pidfile = Some(absolute(target, fields)?);
        let (name, exe, user) = (fields.word("name"), fields.path("exe"), fields.word("user"));
        let count = Range::at_least(1.0, Unit::Plain);
        Some(Self { name, exe, user, count, pidfile, resources: Resources::read(fields) })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let mut waiting = Waiting::default();
        let answer = match &self.pidfile {
            Some(pidfile) => self.by_pidfile(pidfile, at, &mut waiting),
            None => self.by_table(at, &mut waiting),
        };
        waiting.left_by(answer, at.before)
    }

    fn by_table(&self, at: &At<'_>, waiting: &mut Waiting) -> Answer {
        let table = at.seen.processes(at.again);
        let table = match &*table {
            Ok(table) => table,
            Err(why) => return Answer::unknown(why),
        };
        let (mut found, mut zombies, mut unsure) = (Vec::new(), 0, false);
        // Why one of them does not run, and what to do about it.
        let mut idle: Option<(String, String)> = None;
        for process in table {
            match self.fits(process) {
                Fit::No => {}
                Fit::NoRight => unsure = true,
                Fit::Yes if process.zombie => zombies += 1,
                Fit::Yes => match not_running(process, waiting, at) {
                    Some((why, hint)) => idle = Some((format!("pid {} {why}", process.pid), hint)),
                    None => found.push(process),
                },
            }
        }
        let count = found.len();
        #[expect(clippy::cast_precision_loss, reason = "no host has 2^52 processes")]
        let right = self.count.holds(count as f64);
        if right && !unsure {
            found.sort_unstable_by_key(|process| process.pid);
            let pids: Vec<_> = found.iter().map(|process| process.pid).collect();
            return self.resources.hold(Answer::up(shown(&pids)), &found, at.before);
        }
        if unsure || !process::all_visible() {
            return Answer::unknown(format!(
                "{}: this user may not see all processes",
                self.shown()
            ));
        }
        let mut reason =
            format!("{}: {count} running, expected {}", self.shown(), self.count.words());
        if zombies > 0 {
            reason = format!("{reason} ({})", plural(zombies, "zombie"));
        }
        match idle {
            Some((why, hint)) => Answer::down(format!("{reason} ({why})")).hinting(hint),
            None => Answer::down(reason),
        }
    }

    fn fits(&self, process: &process::Process) -> Fit {
        if let Some(name) = &self.name
            && !named(process, name)
        {
            return Fit::No;
        }
        if let Some(wanted) = &self.exe {
            match process::exe(process.pid) {
                Some(exe) if exe == *wanted => {}
                // A zombie has none any more; its name has to do.
                None if process.zombie && called_as(process, wanted) => {}
                None if called_as(process, wanted) && !may_read(process.pid) => {
                    return Fit::NoRight;
                }
                _ => return Fit::No,
            }
        }
        if let Some(user) = &self.user {
            let is = |uid: u32| uid.to_string() == *user || process::user_name(uid) == *user;
            if !process::uid(process.pid).is_some_and(is) {
                return Fit::No;
            }
        }
        Fit::Yes
    }

    fn by_pidfile(&self, path: &Path, at: &At<'_>, waiting: &mut Waiting) -> Answer {
        let (pid, written) = match read_pid(path, at) {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let file = format!("pid file `{}`", path.display());
        let Some(process) = process::one(pid).filter(|process| !process.zombie) else {
            if !process::all_visible() {
                return Answer::unknown(format!("{file}: this user may not see all processes"));
            }
            return Answer::down(format!("{file} names pid {pid}, which does not run"));
        };
        let other = format!("{file} names a reused pid: {pid} is now `{}`", process.name);
        match self.fits(&process) {
            Fit::Yes => {}
            Fit::No => return Answer::down(other),
            Fit::NoRight => {
                return Answer::unknown(format!(
                    "{file}: this user may not see what pid {pid} runs"
                ));
            }
        }
        let now = clock::now();
        let booted = now.after(std::time::Duration::ZERO).wall
            - SignedDuration::try_from(now.since_boot).unwrap_or_default();
        match age(process.started(&now), written, booted) {
            Age::Fits => {
                if let Some((why, hint)) = not_running(&process, waiting, at) {
                    let name = &process.name;
                    return Answer::down(format!("pid {pid} (`{name}`) is {why}")).hinting(hint);
                }
                let answer = Answer::up(format!("pid {pid} (`{}`)", process.name));
                self.resources.hold(answer, &[&process], at.before)
            }
            Age::Reused if self.name.is_none() && self.exe.is_none() => Answer::down(other),
            Age::Reused => {
                Answer::down(format!("{file} is older than pid {pid}, so it names a reused pid"))
            }
            Age::Unsure => Answer::unknown(format!(
                "{file} is older than this boot, so it cannot be told whether pid {pid} is its process"
            )),
        }
    }

    fn shown(&self) -> String {
        let called =
            self.name.clone().or_else(|| self.exe.as_ref().map(|exe| exe.display().to_string()));
        let user = self.user.as_ref().map(|user| format!(" of user {user}")).unwrap_or_default();
        format!("process `{}`{user}", called.unwrap_or_default())
    }
}

/// A bare number means "from 0 to it" to monitoring plugins and "exactly" to most people, so it is refused with
/// both spelled out.
fn read_count(text: &str) -> Result<Range, String> {
    // No processes are no processes, either way.
    if let Ok(count @ 1..) = text.trim().parse::<u64>() {
        return Err(format!(
            "`{text}` can be read in two ways: write `{count}:{count}` for exactly {count}, or \
             `0:{count}` for at most {count}"
        ));
    }
    Range::parse(text, Unit::Plain)
}

/// Why a process that is there does nothing, and what a person can do about it.
fn not_running(
    process: &process::Process,
    waiting: &mut Waiting,
    at: &At<'_>,
) -> Option<(String, String)> {
    let pid = process.pid;
    if process.stopped {
        return Some(("stopped by a signal".into(), format!("let it go on: `kill -CONT {pid}`")));
    }
    let long = human_duration(waiting.blocked(process, at.before)?);
    Some((format!("blocked in the kernel for {long}"), blocked::hint(pid)))
}

/// Tells a process from a later one with the same pid.
fn key(process: &process::Process) -> String {
    format!("{}/{}", process.pid, process.start)
}

/// Whether a process is one of those meant.
enum Fit {
    Yes,
    No,
    /// It may be, but this user may not look.
    NoRight,
}

/// Whether a pid file speaks of the process that has its pid now.
#[derive(Debug, PartialEq, Eq)]
enum Age {
    Fits,
    Reused,
    /// The wall clock may have been set since.
    Unsure,
}

fn age(started: Timestamp, written: Timestamp, booted: Timestamp) -> Age {
    if started <= written + TOLERANCE {
        Age::Fits
    } else if written < booted {
        // Written before a reboot, or before a clock that started wrong was set.
        Age::Unsure
    } else {
        Age::Reused
    }
}

fn named(process: &process::Process, name: &str) -> bool {
    if process.name == name {
        return true;
    }
    let file_name = |path: &Path| path.file_name().is_some_and(|file| file == name);
    let argv = || process::argv(process.pid);
    match process::exe(process.pid) {
        Some(exe) if file_name(&exe) => return true,
        // What it was started as may be known to everybody, and says nearly the same.
        None if !may_read(process.pid) => {
            return argv().first().is_some_and(|word| file_name(Path::new(word)));
        }
        _ => {}
    }
    // Linux cuts names: what it was started as decides. A script's interpreter comes first there.
    name.len() > NAME_MAX
        && name.as_bytes().get(..NAME_MAX) == Some(process.name.as_bytes())
        && argv().iter().take(3).any(|word| file_name(Path::new(word)))
}

/// Whether it has the name that running `exe` gives a process.
fn called_as(process: &process::Process, exe: &Path) -> bool {
    let name = exe.file_name().unwrap_or_default().as_encoded_bytes();
    name.get(..NAME_MAX).unwrap_or(name) == process.name.as_bytes()
}

/// Another user's program may not be known; a kernel thread has none, and that may be known.
fn may_read(pid: u32) -> bool {
    let me = rustix::process::geteuid().as_raw();
    // Asked last: it reads one more file.
    me == 0 || process::uid(pid) == Some(me)
}

fn read_pid(path: &Path, at: &At<'_>) -> Result<(u32, Timestamp), Answer> {
    let file = format!("pid file `{}`", path.display());
    let failed = |missed: Missed| match missed {
        Missed::Missing => Answer::down(format!("{file} is missing")),
        missed => Answer::unknown(format!("{file}: {missed}")),
    };
    let about = files::look(path, at.limit).map_err(failed)?;
    if about.kind != Kind::File || about.size > LARGEST {
        let what = if about.kind == Kind::File { "far too large" } else { about.kind.word() };
        return Err(Answer::unknown(format!("{file} is {what}")));
    }
    let text = files::start(path, at.limit, LARGEST).map_err(failed)?;
    let text = String::from_utf8_lossy(&text);
    let pid = text.split_whitespace().next().and_then(|word| word.parse().ok());
    match pid.filter(|pid| *pid > 0) {
        Some(pid) => Ok((pid, about.mtime)),
        None => Err(Answer::down(format!("{file} names no pid"))),
    }
}

fn shown(pids: &[u32]) -> String {
    match pids {
        [] => "none running".into(),
        [pid] => format!("running: pid {pid}"),
        [first, rest @ ..] => {
            format!("{} running: pid {first} and {} more", pids.len(), rest.len())
        }
    }
}

#[cfg(test)]
mod tests;
