//! What every command starts from: options, clock, screen, and on demand the config and the state directory.
//! Reads nothing before it is asked for: start-up is paid every minute.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::cli::{Color, Global};
use crate::config::{self, Config, GatherError, Source};
use crate::model::place::{Problem, Problems};
use crate::model::time::Now;
use crate::outcome::{Outcome, Refusal};
use crate::report::screen::{Colour, Screen};
use crate::store;
use crate::sys::clock::{Deadline, Stopwatch};

/// How long a run may last when neither the command line nor the config says.
pub(super) const DEADLINE: Duration = Duration::from_secs(240);
/// How long a person at a terminal waits for another run to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What every command starts from.
pub(super) struct Setup {
    pub(super) now: Now,
    pub(super) watch: Stopwatch,
    pub(super) screen: Screen,
    pub(super) euid: u32,
    global: Global,
}

/// A config to work with, and what is wrong with the one on disk if it is not that one.
pub(super) struct Configured {
    pub(super) config: Config,
    /// Texts it was read from; empty when it is the last good one.
    pub(super) sources: Vec<Source>,
    /// Set when the last good config is used, because the one on disk has these problems.
    pub(super) broken: Option<Problems>,
}

impl Configured {
    /// The first problem of the config on disk, in one line, while the last good one is used.
    pub(super) fn headline(&self) -> Option<String> {
        self.broken.as_ref().and_then(|problems| problems.0.first()).map(Problem::headline)
    }
}

impl Setup {
    pub(super) fn new(global: Global, now: Now) -> Self {
        let colour = match global.color {
            Color::Auto => Colour::Auto,
            Color::Always => Colour::Always,
            Color::Never => Colour::Never,
        };
        let screen =
            Screen::new(colour, global.quiet, global.verbose, global.output.clone(), |name| {
                std::env::var(name).ok()
            });
        let euid = rustix::process::geteuid().as_raw();
        Self { now, watch: Stopwatch::start(), screen, euid, global }
    }

    /// The clock as it stands now: the start of the run and what has passed since.
    pub(super) fn clock(&self) -> Now {
        self.now.after(self.watch.read())
    }

    /// The moment by which the run must have ended, counted from its start.
    pub(super) fn deadline(&self, config: Option<&Config>) -> Deadline {
        self.deadline_after(config, None)
    }

    /// The same for a run that waits for so long first; one that was asked for stays what it is.
    pub(super) fn deadline_after(
        &self,
        config: Option<&Config>,
        waits: Option<Duration>,
    ) -> Deadline {
        let usual = config.map_or(DEADLINE, |config| config.deadline);
        let extended = usual.saturating_add(waits.unwrap_or_default());
        let limit = self.global.deadline.unwrap_or(extended);
        Deadline::after(limit.saturating_sub(self.watch.read()))
    }

    /// How long to wait for another run's lock.
    pub(super) fn patience(&self, asked: Option<Duration>) -> Duration {
        asked.unwrap_or(if self.screen.interactive() && !self.screen.quiet {
            PATIENCE
        } else {
            Duration::ZERO
        })
    }

    /// Where the config is, or would be.
    pub(super) fn config_path(&self) -> Result<PathBuf> {
        let default = || config::default_path(self.euid, |name| std::env::var_os(name));
        self.global.config.clone().or_else(default).ok_or_else(|| {
            let message =
                "cannot tell where the configuration is: neither XDG_CONFIG_HOME nor HOME is set";
            Refusal::new(Outcome::Config, message).hint("name it with `--config FILE`").into()
        })
    }

    /// Where the state is, or would be.
    pub(super) fn state_path(&self) -> Result<PathBuf> {
        match &self.global.state_dir {
            Some(dir) => Ok(dir.clone()),
            None => {
                store::Dir::default_path(self.euid, |name| std::env::var_os(name)).map_err(|why| {
                    Refusal::new(Outcome::Unknown, why)
                        .hint("name it with `--state-dir DIR`")
                        .into()
                })
            }
        }
    }

    /// The state directory, made when it is missing.
    pub(super) fn state_dir(&self) -> Result<store::Dir> {
        store::Dir::create(&self.state_path()?)
    }

    /// The same for healing, which goes on when that has become read-only: then it remembers elsewhere, and the
    /// second of the two is true.
    pub(super) fn state_dir_to_heal(&self) -> Result<(store::Dir, bool)> {
        let home = self.state_dir()?;
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let runtime = runtime.filter(|path| self.euid != 0 && path.is_absolute());
        let Some(refuge) = store::refuge(&home, &runtime.unwrap_or_else(|| "/run".into()))? else {
            return Ok((home, false));
        };
        self.screen.note(&format!(
            "warning: the state directory `{0}` is on a read-only file system; until that is over, `{1}` is used\n  \
             hint: see why: `findmnt -T '{0}'`",
            home.path().display(),
            refuge.path().display()
        ));
        Ok((refuge, true))
    }

    /// The config on disk; when that does not load, the last one that did, and what is wrong. None when
    /// there is no config file at all.
    pub(super) fn config_if_any(&self) -> Result<Option<Configured>> {
        let path = self.config_path()?;
        let problems = match config::gather(&path) {
            Ok(sources) => match config::parse(&sources) {
                Ok(config) => return Ok(Some(Configured { config, sources, broken: None })),
                Err(problems) => problems,
            },
            Err(GatherError::Missing(_)) if self.global.config.is_none() => return Ok(None),
            Err(GatherError::Missing(path)) => return Err(Self::missing(&path)),
            Err(GatherError::Unusable(problems)) => problems,
        };
        match self.last_good() {
            Some(config) => {
                Ok(Some(Configured { config, sources: Vec::new(), broken: Some(problems) }))
            }
            None => Err(broken(&problems)),
        }
    }

    /// The config, which must be there.
    pub(super) fn config(&self) -> Result<Configured> {
        match self.config_if_any()? {
            Some(configured) => Ok(configured),
            None => Err(Self::missing(&self.config_path()?)),
        }
    }

    /// The config on disk itself, or what is wrong with it and with the texts that it names.
    pub(super) fn config_on_disk(&self) -> Result<(PathBuf, Config)> {
        let path = self.config_path()?;
        let sources = match config::gather(&path) {
            Ok(sources) => sources,
            Err(GatherError::Missing(path)) => return Err(Self::missing(&path)),
            Err(GatherError::Unusable(problems)) => return Err(broken(&problems)),
        };
        let config = config::parse(&sources).map_err(|problems| broken(&problems))?;
        let mut problems = Problems::default();
        for channel in &config.notify {
            channel.check_files(&mut problems);
        }
        if problems.0.is_empty() { Ok((path, config)) } else { Err(broken(&problems)) }
    }

    /// The texts of the config on disk and what they say, or what is wrong with them. None when there is no
    /// config file at all.
    pub(super) fn sources_if_any(&self) -> Result<Option<(Vec<Source>, Config)>> {
        let sources = match config::gather(&self.config_path()?) {
            Ok(sources) => sources,
            Err(GatherError::Missing(_)) => return Ok(None),
            Err(GatherError::Unusable(problems)) => return Err(broken(&problems)),
        };
        let config = config::parse(&sources).map_err(|problems| broken(&problems))?;
        Ok(Some((sources, config)))
    }

    fn last_good(&self) -> Option<Config> {
        let dir = store::Dir::existing(&self.state_path().ok()?).ok()??;
        let sources: Vec<Source> = store::last_good::last_good(&dir)?
            .into_iter()
            .map(|(path, text)| Source { path, text })
            .collect();
        config::parse(&sources).ok()
    }

    fn missing(path: &Path) -> anyhow::Error {
        let message = format!("there is no configuration at `{}`", path.display());
        let hint = "two lines are enough to begin with, such as\n        [[service]]\n        name = \"nginx\"\n      \
            see miraclemax-config(5); `miraclemax heal --drill` needs no configuration";
        Refusal::new(Outcome::Config, message).hint(hint).into()
    }

    /// Says that the last good config is in use, and why.
    pub(super) fn warn_broken(&self, configured: &Configured) {
        if let Some(problems) = &configured.broken {
            self.screen.note(&format!("warning: the configuration is wrong; the last one that loaded is in use\n{problems}"));
        }
    }
}

fn broken(problems: &Problems) -> anyhow::Error {
    anyhow!(Refusal::new(Outcome::Config, format!("the configuration is wrong\n{problems}")))
}
