//! The config's files: which they are, and their text. Looks at a file before it opens it, so that a FIFO or
//! a device in its place blocks nothing. Understands nothing of what is in them.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::config::Source;
use crate::model::place::{Place, Problem, Problems};

/// Larger than any config that people or generators write; more is a mistake, such as a log file.
const LARGEST: u64 = 1 << 20;

/// Why there is nothing to parse.
#[derive(Debug, PartialEq, Eq)]
pub enum GatherError {
    /// There is no such file, and nothing in `conf.d` beside it either.
    Missing(PathBuf),
    /// What is there cannot be used.
    Unusable(Problems),
}

impl fmt::Display for GatherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "there is no config file `{}`", path.display()),
            Self::Unusable(problems) => problems.fmt(f),
        }
    }
}

impl std::error::Error for GatherError {}

/// Where the config is when nobody says: `/etc/miraclemax/config.toml` for root, else in
/// `$XDG_CONFIG_HOME/miraclemax` or `$HOME/.config/miraclemax`. None for others without a home. Relative
/// values of the two variables do not count, as the XDG base directory specification has it.
pub fn default_path(euid: u32, env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if euid == 0 {
        return Some(PathBuf::from("/etc/miraclemax/config.toml"));
    }
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(base.join("miraclemax/config.toml"))
}

/// Reads the file, then `conf.d/*.toml` and `conf.d/*.json` beside it in the order of their names. Files
/// whose name begins with a dot, and copies that editors and package managers leave (`…~`, `….bak`,
/// `….dpkg-old`), are left out. `conf.d` alone is a config too.
pub fn gather(path: &Path) -> Result<Vec<Source>, GatherError> {
    let mut problems = Problems::default();
    let mut sources = Vec::new();
    let mut missing = false;
    match read(path) {
        Ok(text) => sources.push(Source { path: path.to_owned(), text }),
        Err(Trouble::Missing) => missing = true,
        Err(Trouble::Problem(problem)) => problems.0.push(problem),
    }
    let beside = path.parent().unwrap_or(Path::new("")).join("conf.d");
    for path in parts(&beside, &mut problems) {
        match read(&path) {
            Ok(text) => sources.push(Source { path, text }),
            Err(Trouble::Missing) => {
                let message = "cannot read it: a link that leads nowhere, or just deleted";
                problems.0.push(about(&path, message, None));
            }
            Err(Trouble::Problem(problem)) => problems.0.push(problem),
        }
    }
    if !problems.is_empty() {
        Err(GatherError::Unusable(problems))
    } else if missing && sources.is_empty() {
        Err(GatherError::Missing(path.to_owned()))
    } else {
        Ok(sources)
    }
}

/// The config files in `dir`, sorted; none when there is no such directory.
fn parts(dir: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(err) if err.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(err) => {
            let message = format!("cannot read this directory: {err}");
            problems.0.push(about(dir, message, None));
            return Vec::new();
        }
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| match entry {
            Ok(entry) => Some(entry.path()),
            Err(err) => {
                problems.0.push(about(dir, format!("cannot read this directory: {err}"), None));
                None
            }
        })
        .filter(|path| is_config(path))
        .collect();
    paths.sort();
    paths
}

fn is_config(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|ext| ext == "toml" || ext == "json")
}

enum Trouble {
    Missing,
    Problem(Problem),
}

fn read(path: &Path) -> Result<String, Trouble> {
    let trouble = |message: String, hint: Option<&str>| {
        Trouble::Problem(about(path, message, hint.map(ToOwned::to_owned)))
    };
    let failed = |err: std::io::Error| match err.kind() {
        ErrorKind::NotFound => Trouble::Missing,
        ErrorKind::PermissionDenied => {
            trouble(format!("cannot read it: {err}"), Some("run as its owner, or as root"))
        }
        _ => trouble(format!("cannot read it: {err}"), None),
    };
    let about = fs::metadata(path).map_err(failed)?;
    if about.is_dir() {
        return Err(trouble(
            "is a directory, not a config file".into(),
            Some("name the file in it"),
        ));
    }
    if !about.is_file() {
        return Err(trouble("is not a regular file".into(), None));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(trouble("is larger than 1 MiB: no config file".into(), None));
    }
    String::from_utf8(bytes).map_err(|err| {
        let good = err.utf8_error().valid_up_to();
        let (bytes, file) = (err.as_bytes(), path.display().to_string());
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return trouble("is UTF-16, not UTF-8 text".into(), Some("save it as UTF-8"));
        }
        let before = String::from_utf8_lossy(&bytes[..good]);
        let lines = crate::config::lines::Lines::new(&file, &before);
        Trouble::Problem(Problem {
            place: Some(lines.place(usize::MAX)),
            message: format!("byte 0x{:02x} is not UTF-8 text", bytes[good]),
            hint: Some("save the file as UTF-8".into()),
            caret: None,
        })
    })
}

/// A problem with a whole file.
fn about(path: &Path, message: impl Into<String>, hint: Option<String>) -> Problem {
    let place = Place::file(path);
    Problem { place: Some(place), message: message.into(), hint, caret: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "[[service]]\nname = \"web\"\n";

    fn dir(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        dir
    }

    fn refused(dir: &tempfile::TempDir) -> String {
        let err = gather(&dir.path().join("config.toml")).unwrap_err();
        assert!(matches!(err, GatherError::Unusable(_)), "{err}");
        err.to_string().replace(&format!("{}/", dir.path().display()), "")
    }

    #[test]
    fn what_cannot_be_a_config_is_named() {
        let large = vec![b'#'; (1 << 20) + 1];
        for (bytes, want) in [
            (
                &b"name = \"x\"\n\xff"[..],
                "config.toml:2:1: byte 0xff is not UTF-8 text\n  hint: save the file as UTF-8",
            ),
            (b"\xff\xfen\0", "config.toml: is UTF-16, not UTF-8 text\n  hint: save it as UTF-8"),
            (&large, "config.toml: is larger than 1 MiB: no config file"),
        ] {
            assert_eq!(refused(&dir(&[("config.toml", bytes)])), want);
        }
    }

    #[test]
    fn a_directory_a_socket_or_a_fifo_in_its_place_blocks_nothing() {
        let odd = dir(&[("config.toml/x", b"")]);
        assert!(refused(&odd).starts_with("config.toml: is a directory"));

        let odd = dir(&[]);
        let path = odd.path().join("config.toml");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(refused(&odd), "config.toml: is not a regular file");

        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            let odd = dir(&[]);
            let path = odd.path().join("config.toml");
            mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            assert_eq!(refused(&odd), "config.toml: is not a regular file");
        }
    }

    #[test]
    fn conf_d_has_the_same_troubles_and_all_are_told() {
        let odd = dir(&[("config.toml", b"\xff"), ("conf.d/b.toml/x", b"")]);
        std::os::unix::fs::symlink("nowhere", odd.path().join("conf.d/a.json")).unwrap();
        assert_eq!(
            refused(&odd).lines().filter(|line| !line.starts_with(' ')).collect::<Vec<_>>(),
            [
                "config.toml:1:1: byte 0xff is not UTF-8 text",
                "conf.d/a.json: cannot read it: a link that leads nowhere, or just deleted",
                "conf.d/b.toml: is a directory, not a config file",
            ]
        );
        let odd = dir(&[("config.toml", SERVICE.as_bytes()), ("conf.d", b"")]);
        assert!(refused(&odd).starts_with("conf.d: cannot read this directory: "));
    }

    #[test]
    fn missing_is_its_own_kind_and_conf_d_alone_is_a_config() {
        let none = dir(&[("conf.d/README", b"")]);
        let path = none.path().join("config.toml");
        assert_eq!(gather(&path), Err(GatherError::Missing(path)));
        let alone = dir(&[("conf.d/web.toml", SERVICE.as_bytes())]);
        let sources = gather(&alone.path().join("config.toml")).unwrap();
        assert_eq!(sources.len(), 1);
        assert_eq!(sources[0].text, SERVICE);
    }

    #[test]
    fn the_default_path_follows_the_user() {
        let env = |set: &'static [(&str, &str)]| {
            move |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
            }
        };
        for (euid, set, want) in [
            (
                0,
                &[("XDG_CONFIG_HOME", "/x"), ("HOME", "/root")][..],
                Some("/etc/miraclemax/config.toml"),
            ),
            (1000, &[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")], Some("/x/miraclemax/config.toml")),
            (
                1000,
                &[("XDG_CONFIG_HOME", "x"), ("HOME", "/h")],
                Some("/h/.config/miraclemax/config.toml"),
            ),
            (1000, &[("XDG_CONFIG_HOME", ""), ("HOME", "")], None),
            (1000, &[], None),
        ] {
            assert_eq!(default_path(euid, env(set)), want.map(PathBuf::from), "{euid} {set:?}");
        }
    }
}
