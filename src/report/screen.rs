//! Where output goes: data to standard output or a file, the rest to standard error. Never decides what is
//! said; never fails because a reader went away.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// What a word's colour stands for; the word itself says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Works.
    Good,
    /// Degraded, waiting, unknown.
    Warn,
    /// Down.
    Bad,
    /// Beside the point.
    Dim,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// When standard output is a terminal that takes it; `NO_COLOR` and `CLICOLOR_FORCE` decide otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The places output goes to, and how.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Screen {
    colour: bool,
    /// Print nothing unless something is wrong.
    pub quiet: bool,
    /// Say more.
    pub verbose: bool,
    output: Option<PathBuf>,
    terminal: bool,
}

impl Screen {
    /// `env` looks up an environment variable.
    pub fn new(
        colour: Colour,
        quiet: bool,
        verbose: bool,
        output: Option<PathBuf>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto
                if env("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0") =>
            {
                true
            }
            Colour::Auto => {
                output.is_none()
                    && !set("NO_COLOR")
                    && env("TERM").is_none_or(|term| term != "dumb")
                    && io::stdout().is_terminal()
            }
        };
        Self { colour, quiet, verbose, output, terminal: io::stderr().is_terminal() }
    }

    /// `text` in its colour, or as it is.
    pub fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Good => "32",
            Paint::Warn => "33",
            Paint::Bad => "1;31",
            Paint::Dim => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Writes the data. A file is written beside its place and renamed, so that a reader never sees half. A
    /// pipe whose reader has gone is no error.
    pub fn data(&self, text: &str) -> io::Result<()> {
        self.clear_progress();
        match &self.output {
            Some(path) => replace(path, text).map_err(|err| {
                let why = format!("cannot write the output to `{}`: {err}", path.display());
                io::Error::new(err.kind(), why)
            }),
            None => match io::stdout().lock().write_all(text.as_bytes()) {
                Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => other,
            },
        }
    }

    /// Says something on standard error.
    pub fn note(&self, text: &str) {
        self.clear_progress();
        // Nobody is left to be told when standard error is closed.
        let _ = writeln!(io::stderr(), "miraclemax: {text}");
    }

    /// Shows what is going on, on a terminal only and on one line that the next output replaces.
    pub fn progress(&self, text: &str) {
        if self.terminal && !self.quiet {
            let _ = write!(io::stderr(), "\r\u{1b}[K{text}");
        }
    }

    fn clear_progress(&self) {
        if self.terminal && !self.quiet {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }

    /// Whether a person is likely to be waiting at a terminal.
    pub fn interactive(&self) -> bool {
        self.terminal
    }
}

/// A link stays one: the file that it leads to is replaced. A file keeps its mode and its owner, as it may hold
/// what not everybody is to read.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().ok_or_else(|| io::Error::other("not a file name"))?;
    let beside = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let before = fs::metadata(path).ok();
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    if before.is_some() {
        options.mode(0o600);
    }
    let written = options.open(&beside).and_then(|mut file| {
        if let Some(before) = &before {
            // Another's file can be replaced without the right to give the new one away.
            let _ = fchown(&file, Some(before.uid()), Some(before.gid()));
            file.set_permissions(before.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&beside, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn screen(colour: Colour, env: &[(&str, &str)]) -> Screen {
        let output = Some(PathBuf::from("/dev/null"));
        Screen::new(colour, false, false, output, |name| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colour_is_forced_and_forbidden_as_asked() {
        for (colour, env, want) in [
            (Colour::Auto, &[][..], "x"),
            (Colour::Auto, &[("CLICOLOR_FORCE", "1")][..], "\u{1b}[32mx\u{1b}[0m"),
            (Colour::Auto, &[("CLICOLOR_FORCE", "0")][..], "x"),
            (Colour::Always, &[("NO_COLOR", "1")][..], "\u{1b}[32mx\u{1b}[0m"),
            (Colour::Never, &[("CLICOLOR_FORCE", "1")][..], "x"),
        ] {
            assert_eq!(screen(colour, env).paint(Paint::Good, "x"), want, "{colour:?} {env:?}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.json");
        fs::write(&path, "old and longer").unwrap();
        replace(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("secret"), dir.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("secret", &link).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
