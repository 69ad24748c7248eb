//! Makes room where a file system is full: the journal's old files, the package manager's downloads, old files of
//! the user's own patterns. Removes nothing that is not configured, and nothing where there is room enough. What
//! was freed is measured, not added up.

mod glob;
mod sweep;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::manager::{Acted, Reach};
use crate::model::fields::Fields;
use crate::model::node::{Node, Value};
use crate::model::place::Problems;
use crate::model::text::{human_duration, human_size, plural};
use crate::model::unit::UnitState;
use crate::remedy::disk_cleanup::glob::Glob;
use crate::remedy::disk_cleanup::sweep::sweep;
use crate::remedy::{Patient, service_restart};
use crate::sys::aside::aside;
use crate::sys::clock::Deadline;
use crate::sys::exec::{Command, Ended};
use crate::sys::host::{Disk, disk};

/// Less than this share free is too little, unless the config says otherwise.
const BELOW: f64 = 10.0;
/// Younger files are never removed: their writer may not have finished.
const YOUNGEST: Duration = Duration::from_secs(3600);
/// Smaller journals are of no use to anybody who has to find out what happened.
const LEAST_JOURNAL: u64 = 1 << 20;
/// Bound on one look at a file system.
const LOOK: Duration = Duration::from_secs(2);
/// Patterns of one service.
const MOST_PATTERNS: usize = 32;

/// What may be removed: the table `disk_cleanup` of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Cleanup {
    /// What the journal is cut down to, in bytes.
    journal: Option<u64>,
    packages: bool,
    files: Vec<Files>,
    /// The file system that must be short of room; none: that of each thing by itself.
    about: Option<PathBuf>,
    /// The share free, in percent, below which there is too little.
    below: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Files {
    glob: Glob,
    older_than: Duration,
}

/// One thing to remove.
#[derive(Debug, Clone, Copy)]
enum Task<'c> {
    Journal(u64),
    Packages,
    Files(&'c Files),
}

impl Task<'_> {
    fn words(&self) -> String {
        match self {
            Self::Journal(size) => format!("the journal down to {}", human_size(*size)),
            Self::Packages => "downloaded packages".into(),
            Self::Files(files) => {
                let age = human_duration(files.older_than);
                format!("`{}` older than {age}", files.glob.text())
            }
        }
    }
}

impl Cleanup {
    /// Reads the table; none when it cannot be used, each reason is among the problems.
    pub fn read(node: Node, problems: &mut Problems) -> Option<Self> {
        let before = problems.0.len();
        let mut fields = Fields::of_node("`disk_cleanup`", node, problems);
        let place = fields.place();
        let at = fields.place_of("journal");
        let journal = fields.size("journal");
        if journal.is_some_and(|size| size < LEAST_JOURNAL) {
            fields.wrong(&at, "`journal` is smaller than `1M`".into(), None);
        }
        let packages = fields.flag("packages").unwrap_or(false);
        let about = fields.path("for");
        let at = fields.place_of("below");
        let below = fields.percent("below").unwrap_or(BELOW);
        if below <= 0.0 || below >= 100.0 {
            fields.wrong(&at, "`below` must lie between `0%` and `100%`".into(), None);
        }
        let at = fields.place_of("files");
        let tables = fields.tables("files");
        if tables.len() > MOST_PATTERNS {
            fields.wrong(&at, format!("`files` has more than {MOST_PATTERNS} patterns"), None);
        }
        fields.finish();
        let given = !tables.is_empty();
        let files = tables.into_iter().filter_map(|node| Files::read(node, problems)).collect();
        if journal.is_none() && !packages && !given && problems.0.len() == before {
            let hint = "add `journal = \"500M\"`, `packages = true`, or \
                        `files = [{ glob = \"/var/log/app/*.gz\", older_than = \"7d\" }]`";
            problems.at_with_hint(&place, "`disk_cleanup` removes nothing", hint);
        }
        (problems.0.len() == before).then_some(Self { journal, packages, files, about, below })
    }

    /// Each thing with the place whose file system it is on.
    fn tasks(&self) -> Vec<(Task<'_>, PathBuf)> {
        let journal = ["/var/log/journal", "/run/log/journal"].map(Path::new);
        let journal = journal.iter().find(|dir| dir.exists()).unwrap_or(&journal[0]);
        let place = |own: PathBuf| self.about.clone().unwrap_or(own);
        let mut tasks = Vec::new();
        tasks.extend(self.journal.map(|size| (Task::Journal(size), place(journal.into()))));
        if self.packages {
            tasks.push((Task::Packages, place("/var/cache".into())));
        }
        tasks.extend(self.files.iter().map(|files| (Task::Files(files), place(files.glob.base()))));
        tasks
    }
}

impl Files {
    fn read(node: Node, problems: &mut Problems) -> Option<Self> {
        if !matches!(node.value, Value::Table(_)) {
            let hint = "write `{ glob = \"/var/log/app/*.gz\", older_than = \"7d\" }`";
            let message = format!("`files` expects tables, found {}", node.value.kind());
            problems.at_with_hint(&node.place, message, hint);
            return None;
        }
        let mut fields = Fields::of_node("`files`", node, problems);
        for key in ["glob", "older_than"] {
            if !fields.has(key) {
                fields.required(key);
            }
        }
        let glob = fields.parsed("glob", "a path such as `/var/log/app/*.gz`", Glob::parse);
        let place = fields.place_of("older_than");
        let older_than = fields.duration("older_than");
        if older_than.is_some_and(|age| age < YOUNGEST) {
            fields.wrong(&place, "`older_than` is less than an hour".into(), None);
        }
        fields.finish();
        Some(Self { glob: glob?, older_than: older_than? })
    }
}

/// A file system before anything is removed.
struct Before {
    place: PathBuf,
    disk: Disk,
}

/// Removes what may be, where there is too little room; then starts a unit that does not run.
pub(crate) fn apply(patient: &Patient<'_>, reach: &Reach, limit: Duration) -> Acted {
    let deadline = Deadline::after(limit);
    let Some(cleanup) = patient.cleanup else {
        return Acted::refused(format!(
            "no `disk_cleanup` is configured for `{}`",
            patient.service
        ));
    };
    let (tasks, before) = match short_of_room(cleanup, deadline) {
        Ok(short) => short,
        Err(why) => return Acted::refused(why),
    };
    let mut acted = Acted::nothing();
    for task in tasks {
        match task {
            Task::Journal(size) => journal(size, reach, deadline, &mut acted),
            Task::Packages => packages(reach, deadline, &mut acted),
            Task::Files(files) => remove(files, patient, deadline, &mut acted),
        }
    }
    if acted.did.is_empty() {
        acted.said.insert(0, "there was nothing to remove".into());
        let why = acted.said.join("; ");
        return acted.refuse(why);
    }
    acted.shown.extend(before.iter().filter_map(measured));
    let stopped = patient
        .facts
        .is_some_and(|facts| matches!(facts.state, UnitState::Failed | UnitState::Stopped));
    if !stopped {
        return acted;
    }
    let restarted = service_restart::apply(patient, reach, deadline.left());
    let unrestarted = restarted.result.clone().err();
    let mut acted = acted.then(restarted);
    if let Some(refusal) = unrestarted {
        // Something was removed: that is an attempt, whatever came of the restart.
        acted.result = Ok(());
        acted.said.push(format!("not restarted: {}", refusal.why));
    }
    acted
}

/// What would be removed, or why nothing would. Removes nothing.
pub(crate) fn foreseen(patient: &Patient<'_>, limit: Duration) -> Option<String> {
    let words = match short_of_room(patient.cleanup?, Deadline::after(limit)) {
        Ok((tasks, before)) => {
            let room = before
                .iter()
                .map(|seen| format!("`{}` has {}", seen.place.display(), room(&seen.disk)));
            let words: Vec<_> = tasks.iter().map(Task::words).collect();
            format!("{}: would remove {}", room.collect::<Vec<_>>().join(", "), words.join(", "))
        }
        Err(why) => why,
    };
    Some(words)
}

/// The things to remove that are on file systems with too little room, and each of these once. An error when there
/// is none.
fn short_of_room(
    cleanup: &Cleanup,
    deadline: Deadline,
) -> Result<(Vec<Task<'_>>, Vec<Before>), String> {
    let (mut tasks, mut before, mut enough) = (Vec::new(), Vec::<Before>::new(), Vec::new());
    for (task, place) in cleanup.tasks() {
        if before.iter().any(|seen| seen.place == place) {
            tasks.push(task);
            continue;
        }
        let words = match disk(&place, LOOK.min(deadline.left())) {
            Ok(disk) if share(&disk) < cleanup.below => {
                before.push(Before { place, disk });
                tasks.push(task);
                continue;
            }
            Ok(disk) => format!("`{}` has {}", place.display(), room(&disk)),
            Err(why) => format!("`{}`: {why}", place.display()),
        };
        if !enough.contains(&words) {
            enough.push(words);
        }
    }
    if tasks.is_empty() {
        let enough = enough.join(", ");
        return Err(format!(
            "no file system is short of room (below {}%): {enough}",
            cleanup.below
        ));
    }
    Ok((tasks, before))
}

/// Of what programs without privileges can use, in percent.
fn share(disk: &Disk) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let (free, total) = (disk.free as f64, disk.total as f64);
    if total > 0.0 { free / total * 100.0 } else { 100.0 }
}

fn room(disk: &Disk) -> String {
    format!("{} free ({:.1} %)", human_size(disk.free), share(disk))
}

/// What came of it, by asking the file system again.
fn measured(before: &Before) -> Option<String> {
    let after = disk(&before.place, LOOK).ok()?;
    Some(format!(
        "{}: {} before, {} after: {} freed",
        before.place.display(),
        room(&before.disk),
        room(&after),
        human_size(after.free.saturating_sub(before.disk.free))
    ))
}

fn journal(size: u64, reach: &Reach, deadline: Deadline, acted: &mut Acted) {
    if !reach.root {
        return acted.said.push("the journal: no right, only root may".into());
    }
    // Sizes of journalctl are powers of 1024; without a letter they are bytes.
    let size = match (size.is_multiple_of(1 << 20), size >> 20) {
        (true, megabytes) => format!("{megabytes}M"),
        (false, _) => size.to_string(),
    };
    run(&["journalctl", &format!("--vacuum-size={size}")], deadline, acted);
}

fn packages(reach: &Reach, deadline: Deadline, acted: &mut Acted) {
    if !reach.root {
        return acted.said.push("the packages: no right, only root may".into());
    }
    for argv in [&["apt-get", "clean"][..], &["dnf", "clean", "all"]] {
        if run(argv, deadline, acted) {
            return;
        }
    }
    acted.said.push("the packages: there is neither `apt-get` nor `dnf`".into());
}

/// False when there is no such program.
fn run(argv: &[&str], deadline: Deadline, acted: &mut Acted) -> bool {
    let command = Command::new(argv.iter().copied(), deadline.left()).env("LC_ALL", "C.UTF-8");
    let output = command.run();
    match output.ended {
        Ended::NotStarted(why) if why.ends_with("not found") => return false,
        Ended::NotStarted(why) => acted.said.push(format!("`{}`: {why}", command.shown())),
        Ended::Exited(_) | Ended::Signaled(_) | Ended::TimedOut => {
            if !output.ok() {
                acted.said.push(format!("`{}`: {}", command.shown(), output.reason()));
            }
            acted.did.push(command.shown());
        }
    }
    true
}

fn remove(files: &Files, patient: &Patient<'_>, deadline: Deadline, acted: &mut Acted) {
    let (glob, older_than, now) = (files.glob.clone(), files.older_than, patient.now.wall);
    let limit = deadline.left();
    // In a thread that can be left behind: a network file system may hang.
    let swept = aside(limit, move || sweep(&glob, older_than, now, Deadline::after(limit)));
    let text = files.glob.text();
    match swept {
        Some(Ok(swept)) => {
            acted.said.extend(swept.said.into_iter().take(5));
            if swept.files > 0 {
                let (count, size) = (plural(swept.files, "file"), human_size(swept.bytes));
                acted.did.push(format!("rm {text}: {count}, {size}"));
            }
        }
        Some(Err(why)) => acted.said.push(why),
        None => acted.said.push(format!("{text}: its file system did not answer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::place::Place;
    use crate::remedy::patient::testing;
    use std::fs;

    fn cleanup(dir: &Path, below: f64) -> Cleanup {
        let dir = dir.canonicalize().unwrap();
        let glob = Glob::parse(&format!("{}/*.gz", dir.display())).unwrap();
        let files = vec![Files { glob, older_than: YOUNGEST }];
        Cleanup { journal: None, packages: false, files, about: None, below }
    }

    fn old_file(dir: &Path) -> PathBuf {
        let path = dir.join("a.gz");
        fs::write(&path, vec![1; 64 << 10]).unwrap();
        let at = std::time::SystemTime::from(crate::sys::clock::now().wall) - 2 * YOUNGEST;
        fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        path
    }

    fn run(cleanup: &Cleanup) -> Acted {
        testing::with(|patient| {
            let patient = Patient { cleanup: Some(cleanup), ..*patient };
            apply(&patient, &Reach::nothing(), Duration::from_secs(20))
        })
    }

    #[test]
    fn where_there_is_room_nothing_is_removed_and_it_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = old_file(dir.path());
        let acted = run(&cleanup(dir.path(), 0.000_001));
        assert!(acted.did.is_empty() && file.exists(), "{acted:?}");
        let why = acted.result.unwrap_err().why;
        assert!(why.starts_with("no file system is short of room (below 0.000001%)"), "{why}");
    }

    #[test]
    fn where_there_is_too_little_it_is_and_what_was_freed_is_measured() {
        let dir = tempfile::tempdir().unwrap();
        let file = old_file(dir.path());
        let acted = run(&cleanup(dir.path(), 99.999_999));
        assert_eq!(acted.result, Ok(()), "{acted:?}");
        assert!(!file.exists());
        assert!(acted.did[0].ends_with("/*.gz: 1 file, 64.0 KiB"), "{acted:?}");
        assert!(acted.shown[0].contains("before, ") && acted.shown[0].ends_with(" freed"));
        let again = run(&cleanup(dir.path(), 99.999_999));
        assert!(again.result.unwrap_err().why.contains("nothing to remove"));
    }

    #[test]
    fn only_root_may_cut_the_journal_and_the_packages() {
        let dir = tempfile::tempdir().unwrap();
        let some = Cleanup {
            journal: Some(LEAST_JOURNAL),
            packages: true,
            about: Some("/".into()),
            ..cleanup(dir.path(), 99.999_999)
        };
        let why = run(&some).result.unwrap_err().why;
        assert!(why.contains("the journal: no right") && why.contains("the packages"), "{why}");
    }

    #[test]
    fn mistakes_have_their_places() {
        let place = Place { file: "c.toml".into(), line: 1, col: 1 };
        let entry = |key: &str, value| crate::model::node::Entry {
            key: key.into(),
            place: place.clone(),
            node: Node { value, place: place.clone() },
        };
        let text = |text: &str| Value::Text(text.into());
        let read = |entries| {
            let mut problems = Problems::default();
            let node = Node { value: Value::Table(entries), place: place.clone() };
            let read = Cleanup::read(node, &mut problems);
            assert_eq!(read.is_none(), !problems.0.is_empty());
            problems.to_string()
        };
        assert_eq!(read(vec![entry("journal", text("500M"))]), "");
        for (entries, want) in [
            (vec![], "removes nothing"),
            (vec![entry("journal", text("10k"))], "smaller than `1M`"),
            (vec![entry("packages", Value::Bool(true)), entry("below", text("0%"))], "between"),
            (vec![entry("files", text("/var/log/*"))], "expects tables"),
        ] {
            let problems = read(entries);
            assert!(problems.contains(want), "{problems}");
        }
    }
}
