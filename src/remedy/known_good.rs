//! The last known good copies of a service's config files: kept while it is healthy, put back when its own
//! validator says that they are broken. Bounded; keeps owner and mode; never leaves half a file.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use similar::TextDiff;

use crate::model::scrub::scrubbed_lines;
use crate::model::text::{one_line, plural};
use crate::sys::exec::shown;

/// A config file longer than this is not kept.
const LARGEST: u64 = 1 << 20;
/// More files than this of one service are not kept.
const MOST: usize = 32;
/// Broken copies kept of one file; the oldest go.
const BROKEN: usize = 5;
/// Lines of a diff that are shown, characters of each, and how long it may take: a worse diff is one, too.
const DIFF_LINES: usize = 40;
const DIFF_WIDTH: usize = 200;
const DIFF_TIME: Duration = Duration::from_millis(500);

/// Keeps `files` in `dir`, each only when it has changed. For a service that is healthy at this moment. What
/// cannot be kept is named in the error; the others are kept all the same.
pub fn keep(files: &[PathBuf], dir: &Path) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    make_dir(dir)?;
    let mut failed = Vec::new();
    for file in files.iter().take(MOST) {
        if let Err(err) = keep_one(file, dir) {
            failed.push(format!("{err:#}"));
        }
    }
    if files.len() > MOST {
        failed.push(format!("only the first {MOST} config files are kept"));
    }
    if failed.is_empty() { Ok(()) } else { bail!(failed.join("; ")) }
}

fn keep_one(file: &Path, dir: &Path) -> Result<()> {
    let copy = dir.join(name(file));
    let doing = || format!("cannot keep a copy of `{}`", file.display());
    let now = Text::read(file).with_context(doing)?;
    if Text::read(&copy).ok().as_ref() == Some(&now) {
        return Ok(());
    }
    now.write(&copy, ".new").with_context(doing)
}

/// The files of `files` that are not as they were when the service was last healthy.
pub(crate) fn changed<'f>(files: &'f [PathBuf], dir: &Path) -> Vec<&'f Path> {
    files
        .iter()
        .map(PathBuf::as_path)
        .filter(|file| {
            let good = Text::read(&dir.join(name(file))).ok();
            good.is_some() && good != Text::read(file).ok()
        })
        .collect()
}

/// A file that was put back.
#[derive(Debug)]
pub(crate) struct PutBack {
    file: PathBuf,
    good: PathBuf,
    /// The broken one, kept aside; none when the file was missing.
    broken: Option<PathBuf>,
    lines: Vec<usize>,
    diff: Vec<String>,
}

/// Keeps the broken `file` aside in `dir` and puts the good copy in its place. `stamp` names the broken one.
pub(crate) fn put_back(file: &Path, dir: &Path, stamp: &str) -> Result<PutBack> {
    let doing = || format!("cannot put back `{}`", file.display());
    let copy = dir.join(name(file));
    let good = Text::read(&copy).with_context(doing)?;
    // Through a link, so that the link stays one.
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let (broken, lines, diff) = match Text::read(&place) {
        Ok(bad) => {
            let aside = dir.join(format!("{}.broken-{stamp}", name(file)));
            bad.write(&aside, ".new").with_context(doing)?;
            bound_broken(file, dir);
            let diff = diff(&place, &bad.bytes, &good.bytes);
            (Some(aside), differing_lines(&bad.bytes, &good.bytes), diff)
        }
        Err(_) if !place.exists() => (None, Vec::new(), Vec::new()),
        Err(err) => return Err(err).with_context(doing),
    };
    good.write(&place, ".miraclemax-new").with_context(doing)?;
    Ok(PutBack { file: place, good: copy, broken, lines, diff })
}

impl PutBack {
    /// Undoes it.
    pub(crate) fn undo(&self) -> Result<()> {
        let doing = || format!("cannot undo the change of `{}`", self.file.display());
        match &self.broken {
            Some(broken) => {
                Text::read(broken)?.write(&self.file, ".miraclemax-new").with_context(doing)
            }
            None => fs::remove_file(&self.file).with_context(doing),
        }
    }

    /// What was done, as a person would type it.
    pub(crate) fn shown(&self) -> String {
        let words = ["cp", "-p"].map(String::from).into_iter();
        let paths = [&self.good, &self.file].map(|path| path.display().to_string());
        shown(&words.chain(paths).collect::<Vec<_>>())
    }

    /// What the broken one differed in, as `diff -u` shows it: bounded, and without the values of secrets.
    pub(crate) fn diff(&self) -> &[String] {
        &self.diff
    }

    /// What there was to mend, in few words: numbers of lines, not their text.
    pub(crate) fn told(&self) -> Vec<String> {
        let file = self.file.display();
        let Some(broken) = &self.broken else {
            return vec![format!("`{file}` was missing")];
        };
        let mut lines: Vec<_> = self.lines.iter().take(10).map(ToString::to_string).collect();
        if self.lines.len() > lines.len() {
            lines.push("…".into());
        }
        let differs = match lines.len() {
            0 => "differed in its owner or mode".to_owned(),
            1 => format!("differed in line {}", lines[0]),
            _ => format!("differed in lines {}", lines.join(", ")),
        };
        vec![
            format!("`{file}` {differs} from the last known good one"),
            format!("to compare: diff -u {} {file}", broken.display()),
        ]
    }
}

/// From the broken one to the good one, in lines of at most [`DIFF_WIDTH`].
fn diff(file: &Path, bad: &[u8], good: &[u8]) -> Vec<String> {
    if bad == good {
        return Vec::new();
    }
    let (bad, good) = (String::from_utf8_lossy(bad), String::from_utf8_lossy(good));
    let diff = TextDiff::configure().timeout(DIFF_TIME).diff_lines(&*bad, &*good);
    let text = diff.unified_diff().context_radius(2).to_string();
    // Cut before it is scrubbed: a line may be as long as the file.
    let shown: Vec<String> =
        text.lines().take(DIFF_LINES).map(|line| one_line(line, DIFF_WIDTH)).collect();
    let mut lines = scrubbed_lines(shown.iter().map(String::as_str));
    let surplus = text.lines().count().saturating_sub(DIFF_LINES);
    if surplus > 0 {
        lines.push(format!("[{} are left out]", plural(surplus, "line")));
    }
    let names = [format!("--- {} (broken)", file.display()), "+++ last known good".to_owned()];
    names.into_iter().chain(lines).map(|line| one_line(&line, DIFF_WIDTH)).collect()
}

/// The lines, from 1, that are not the same in both; of a line that was put in all that follow it up to where
/// both agree again at the end.
fn differing_lines(bad: &[u8], good: &[u8]) -> Vec<usize> {
    let split = |bytes: &[u8]| bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (bad, good) = (split(bad), split(good));
    if bad.len() == good.len() {
        let pairs = bad.iter().zip(&good).enumerate();
        return pairs.filter(|(_, (a, b))| a != b).map(|(index, _)| index + 1).collect();
    }
    let head = bad.iter().zip(&good).take_while(|(a, b)| a == b).count();
    let tail = bad.iter().rev().zip(good.iter().rev()).take_while(|(a, b)| a == b).count();
    let end = bad.len().saturating_sub(tail).max(head + 1);
    (head + 1..=end).collect()
}

/// The name of a file's copy: its whole path, so that two of the same name do not meet.
fn name(file: &Path) -> String {
    file.to_string_lossy().replace('%', "%25").replace('/', "%2F")
}

fn make_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)
        .and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o700)))
        .with_context(|| format!("cannot make `{}`", dir.display()))
}

fn bound_broken(file: &Path, dir: &Path) {
    let start = format!("{}.broken-", name(file));
    let mut names: Vec<_> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&start))
        .map(|entry| entry.path())
        .collect();
    names.sort();
    for old in &names[..names.len().saturating_sub(BROKEN)] {
        // One too many is no reason to fail.
        let _ = fs::remove_file(old);
    }
}

/// A file's bytes with its owner and mode.
#[derive(PartialEq, Eq)]
struct Text {
    bytes: Vec<u8>,
    owner: (u32, u32),
    mode: u32,
}

impl Text {
    fn read(path: &Path) -> Result<Self> {
        // Looked at before it is opened: opening a FIFO would wait for a writer.
        let about =
            fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        if !about.is_file() {
            bail!("`{}` is not a regular file", path.display());
        }
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        if bytes.len() as u64 > LARGEST {
            bail!("`{}` is larger than a config file", path.display());
        }
        let mode = about.mode() & 0o7777;
        Ok(Self { bytes, owner: (about.uid(), about.gid()), mode })
    }

    /// Beside the place and renamed, so that a reader sees the old one or the new one. The name in between
    /// begins with a dot and ends in `ending`, so that no `*.conf` finds it.
    fn write(&self, place: &Path, ending: &str) -> Result<()> {
        let (Some(dir), Some(file)) = (place.parent(), place.file_name()) else {
            bail!("`{}` is no place for a file", place.display());
        };
        let new = dir.join(format!(".{}{ending}", file.to_string_lossy()));
        let written = self.write_new(&new).and_then(|()| fs::rename(&new, place));
        if written.is_err() {
            // The error that matters is the first one.
            let _ = fs::remove_file(&new);
        }
        written.with_context(|| format!("cannot write `{}`", place.display()))?;
        if let Ok(dir) = File::open(dir) {
            // The file itself is safe; the name follows with the next sync at the latest.
            let _ = dir.sync_all();
        }
        Ok(())
    }

    fn write_new(&self, new: &Path) -> std::io::Result<()> {
        let _ = fs::remove_file(new);
        let mut file = File::create_new(new)?;
        // Closed to others until it has its owner.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(&self.bytes)?;
        let about = file.metadata()?;
        if (about.uid(), about.gid()) != self.owner {
            chown(new, Some(self.owner.0), Some(self.owner.1))?;
        }
        file.set_permissions(Permissions::from_mode(self.mode))?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Host {
        root: tempfile::TempDir,
        files: Vec<PathBuf>,
    }

    impl Host {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir(root.path().join("etc")).unwrap();
            let files = vec![root.path().join("etc/app.conf")];
            fs::write(&files[0], "port = 80\nuser = max\n").unwrap();
            fs::set_permissions(&files[0], Permissions::from_mode(0o640)).unwrap();
            Self { root, files }
        }

        fn dir(&self) -> PathBuf {
            self.root.path().join("known-good/app")
        }

        fn text(&self) -> String {
            fs::read_to_string(&self.files[0]).unwrap()
        }

        fn mode(&self) -> u32 {
            fs::metadata(&self.files[0]).unwrap().mode() & 0o7777
        }
    }

    #[test]
    fn the_good_one_comes_back_with_its_mode_and_the_broken_one_is_kept_aside() {
        let host = Host::new();
        keep(&host.files, &host.dir()).unwrap();
        assert!(changed(&host.files, &host.dir()).is_empty());
        fs::write(&host.files[0], "port = eighty\nuser = max\n").unwrap();
        fs::set_permissions(&host.files[0], Permissions::from_mode(0o644)).unwrap();
        assert_eq!(changed(&host.files, &host.dir()), [&host.files[0]]);
        let back = put_back(&host.files[0], &host.dir(), "1").unwrap();
        assert_eq!((host.text().as_str(), host.mode()), ("port = 80\nuser = max\n", 0o640));
        let told = back.told();
        assert!(told[0].contains("differed in line 1 from"), "{told:?}");
        assert!(!told.concat().contains("eighty"), "text of a config in a report: {told:?}");
        let diff = back.diff();
        let want = ["+++ last known good", "@@ -1,2 +1,2 @@", "-port = eighty", "+port = 80"];
        assert_eq!(diff[1..5], want);
        back.undo().unwrap();
        assert_eq!((host.text().as_str(), host.mode()), ("port = eighty\nuser = max\n", 0o644));
        let beside = fs::read_dir(host.root.path().join("etc")).unwrap().count();
        assert_eq!(beside, 1, "nothing is left in the config directory");
    }

    #[test]
    fn a_missing_file_comes_back_and_a_link_stays_one() {
        let host = Host::new();
        keep(&host.files, &host.dir()).unwrap();
        fs::remove_file(&host.files[0]).unwrap();
        assert_eq!(changed(&host.files, &host.dir()).len(), 1);
        let back = put_back(&host.files[0], &host.dir(), "1").unwrap();
        assert!(back.told()[0].ends_with("was missing"));
        let link = host.root.path().join("link.conf");
        std::os::unix::fs::symlink(&host.files[0], &link).unwrap();
        keep(std::slice::from_ref(&link), &host.dir()).unwrap();
        fs::write(&host.files[0], "broken").unwrap();
        put_back(&link, &host.dir(), "2").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(host.text(), "port = 80\nuser = max\n");
    }

    #[test]
    fn what_is_no_config_file_is_named_and_the_others_are_kept() {
        let host = Host::new();
        let huge = host.root.path().join("huge");
        File::create(&huge).unwrap().set_len(LARGEST + 1).unwrap();
        let odd = [host.root.path().to_owned(), huge, host.files[0].clone(), "/no/such".into()];
        let err = format!("{:#}", keep(&odd, &host.dir()).unwrap_err());
        for part in ["not a regular file", "larger than a config file", "`/no/such`"] {
            assert!(err.contains(part), "{err}");
        }
        fs::write(&host.files[0], "broken").unwrap();
        assert_eq!(changed(&odd, &host.dir()), [&host.files[0]]);
    }

    #[test]
    fn only_the_last_broken_ones_are_kept() {
        let host = Host::new();
        keep(&host.files, &host.dir()).unwrap();
        for stamp in 0..9 {
            fs::write(&host.files[0], format!("broken {stamp}")).unwrap();
            put_back(&host.files[0], &host.dir(), &stamp.to_string()).unwrap();
        }
        let names = fs::read_dir(host.dir()).unwrap();
        assert_eq!(names.count(), BROKEN + 1);
        assert!(host.dir().join(format!("{}.broken-8", name(&host.files[0]))).exists());
    }

    #[test]
    fn a_diff_is_bounded_and_hides_the_values_of_secrets() {
        let file = Path::new("/etc/app.conf");
        let diff = |bad: &str, good: &str| diff(file, bad.as_bytes(), good.as_bytes());
        let told = diff("password = hunter2\nport = x\n", "password = hunter3\nport = 1\n");
        assert!(!told.concat().contains("hunter"), "{told:?}");
        assert!(told.contains(&"-password = ***".to_owned()) && told.contains(&"+port = 1".into()));
        let long: String = (0..5000).map(|n| format!("{n} {}\n", "x".repeat(300))).collect();
        let told = diff(&long, "");
        assert_eq!(told.len(), DIFF_LINES + 3);
        assert!(told.iter().all(|line| line.chars().count() <= DIFF_WIDTH + 1));
        assert!(told.last().unwrap().ends_with("lines are left out]"), "{:?}", told.last());
        assert!(diff("same", "same").is_empty());
        let told = diff("\0\u{1b}[2J\r", "x");
        assert!(!told.concat().contains('\u{1b}'), "{told:?}");
    }

    #[test]
    fn differing_lines_are_counted_from_one() {
        for (bad, good, want) in [
            ("a\nb\nc", "a\nB\nc", vec![2]),
            ("a\nx\nb", "a\nb", vec![2]),
            ("a", "a\nb", vec![2]),
            ("a\n", "a\n", vec![]),
            ("x\ny\na", "a", vec![1, 2]),
        ] {
            assert_eq!(differing_lines(bad.as_bytes(), good.as_bytes()), want, "{bad:?}");
        }
    }
}
