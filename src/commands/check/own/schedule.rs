//! What runs this program at times: read from cron, systemd and launchd, the programs in it looked at, and all of it
//! handed to the judge.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::setup::Setup;
use crate::config::{self, Config};
use crate::heartbeat::Heartbeat;
use crate::judge::cron::command::{Does, ours};
use crate::judge::cron::times::Times;
use crate::judge::cron::traps::Around;
use crate::judge::schedule::{Demands, Firing, Where};
use crate::judge::{cron, schedule, timers};
use crate::manager::Reach;
use crate::manager::schedule::{cron as tabs, launchd, timers as units};
use crate::model::finding::Finding;
use crate::model::schedule::Daemon;
use crate::model::secret::SecretSource;
use crate::model::text::{one_line, plural};
use crate::model::unit::ManagerKind;
use crate::store::Dir;
use crate::sys::clock::Deadline;
use crate::sys::exec::Command;
use crate::sys::files;
use crate::sys::process::user_name;
use crate::sys::programs::{self, Absent};

use super::secrets;

/// What findings here are about.
const ABOUT: &str = "schedule";
/// Bound on one question.
const LIMIT: Duration = Duration::from_secs(10);
/// More than any script around a command.
const SCRIPT: u64 = 64 * 1024;

/// What the schedule is for.
pub(super) struct Wanted {
    demands: Demands,
    root: bool,
    /// Variables that secrets are in, and what for.
    variables: Vec<(String, String)>,
    told_otherwise: bool,
    supervisord: Option<crate::manager::supervisord::server::Server>,
}

impl Wanted {
    /// By the config, where there is one; `took` is how long the last cycle did.
    pub(super) fn new(setup: &Setup, config: Option<&Config>, took: Option<Duration>) -> Self {
        let heartbeats = config.map_or_else(Vec::new, |config| {
            let one = |beat: &Heartbeat| {
                let schedule = beat.settings.schedule().and_then(|text| Times::parse(text).ok());
                let period = beat.period.or_else(|| schedule?.longest());
                (beat.name.clone(), period, beat.grace)
            };
            config.heartbeats.iter().map(one).collect()
        });
        let variables = config.map_or_else(Vec::new, |config| {
            let named = secrets(config).into_iter().filter_map(|(of, source)| match source {
                SecretSource::Env(name) => Some((of, name.clone())),
                SecretSource::Plain(_) | SecretSource::File(_) => None,
            });
            named.collect()
        });
        let demands = Demands {
            fresh_for: config.map_or(crate::commands::fresh::FRESH_FOR, |config| config.fresh_for),
            deadline: config.map_or(crate::commands::setup::DEADLINE, |config| config.deadline),
            took,
            heartbeats,
            user: user_name(setup.euid),
            program: program(setup),
            meant: meant(setup),
            unread: false,
        };
        Self {
            demands,
            root: setup.euid == 0,
            variables,
            told_otherwise: config.is_some_and(|config| !config.notify.is_empty()),
            supervisord: config.and_then(|config| config.supervisord.clone()),
        }
    }
}

/// What a schedule has to run to mean this config and this state directory.
fn program(setup: &Setup) -> String {
    let own = std::env::current_exe();
    let mut program =
        own.map_or_else(|_| "/usr/local/bin/miraclemax".into(), |own| own.display().to_string());
    for (option, at) in ["--config", "--state-dir"].into_iter().zip(meant(setup)) {
        if at.here != at.usual {
            // Whatever runs it does so in another directory.
            let whole = std::path::absolute(&at.here).unwrap_or_else(|_| PathBuf::from(&at.here));
            program.push_str(&format!(" {option} {}", whole.display()));
        }
    }
    program
}

/// Config and state directory of this run, and those of one that is told nothing.
fn meant(setup: &Setup) -> [Where; 2] {
    let shown =
        |path: Option<PathBuf>| path.map(|path| path.display().to_string()).unwrap_or_default();
    let env = |name: &str| std::env::var_os(name).filter(|_| name != "STATE_DIRECTORY");
    let config = config::default_path(setup.euid, env);
    let state = Dir::default_path(setup.euid, env).ok();
    [
        Where { here: shown(setup.config_path().ok()), usual: shown(config) },
        Where { here: shown(setup.state_path().ok()), usual: shown(state) },
    ]
}

/// What is to be said of it.
pub(super) fn findings(wanted: &Wanted, by: Deadline) -> Vec<Finding> {
    let limit = LIMIT.min(by.left());
    let daemon = tabs::daemon();
    let around = Around {
        daemon,
        is_user: &|name| tabs::is_user(name, limit),
        script: &|path| script(path, limit),
        told_otherwise: wanted.told_otherwise,
    };
    let user = wanted.demands.user.as_str();
    let (mut firings, mut found, mut unread, mut off) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for tab in tabs::tabs(user, limit) {
        let (more, said) = cron::judge(&tab, &around);
        let into = if tab.text.is_ok() { &mut found } else { &mut unread };
        into.extend(said);
        firings.extend(more);
    }
    if firings.iter().any(|firing: &Firing| firing.fires) {
        found.extend(no_daemon(daemon, &mut firings));
    }
    let reach = Reach::here(wanted.supervisord.clone());
    for manager in [ManagerKind::Systemd, ManagerKind::SystemdUser] {
        match units::timers(manager, &reach, LIMIT.min(by.left()), &is_ours) {
            Ok(all) => {
                for timer in &all {
                    let (more, said) = timers::timer(timer, user);
                    if timer.is_off() {
                        off.push((more, said));
                    } else {
                        firings.extend(more);
                        found.extend(said);
                    }
                }
            }
            Err(why) => unread.push(Finding::unknown(ABOUT, one_line(&why, 300))),
        }
    }
    for job in launchd::jobs(&reach, LIMIT.min(by.left()), &is_ours) {
        let (more, said) = timers::job(&job, user);
        firings.extend(more);
        found.extend(said);
    }
    found.extend(programs(&mut firings, by));
    let mine = |firing: &&Firing| firing.fires && firing.user == user;
    // A timer that came with a package, and that nobody turned on because something else does the same.
    for (idle, said) in off {
        let done = |one: &Firing| {
            firings.iter().filter(mine).any(|other| other.ours.does == one.ours.does)
        };
        if !idle.iter().all(done) {
            found.extend(said);
        }
    }
    let cycles = firings.iter().filter(mine).any(|firing| firing.ours.does == Does::Cycle);
    if !cycles {
        found.extend(unread.iter().cloned());
    }
    let demands = Demands { unread: !unread.is_empty(), ..wanted.demands.clone() };
    found.extend(schedule::judge(&firings, &demands));
    found.extend(variables(wanted, &firings));
    if !wanted.root && !cycles {
        found.extend(others());
    }
    found
}

fn is_ours(command: &str) -> bool {
    !ours(command).is_empty()
}

/// Without a daemon nothing in a crontab fires.
fn no_daemon(daemon: Daemon, firings: &mut [Firing]) -> Option<Finding> {
    match daemon {
        Daemon::Cron | Daemon::Crond => None,
        Daemon::Hidden => Some(
            Finding::unknown(
                ABOUT,
                "whether a cron daemon runs cannot be seen: others' processes are hidden",
            )
            .hint("look as root: `sudo miraclemax check --self`"),
        ),
        Daemon::Absent => {
            for firing in firings {
                firing.fires = false;
            }
            Some(
                Finding::critical(ABOUT, "no cron daemon runs: nothing in a crontab fires").hint(
                    "`systemctl enable --now cron` (crond on Red Hat), or `service cron start`",
                ),
            )
        }
    }
}

fn script(path: &str, limit: Duration) -> Option<String> {
    let bytes = files::start(Path::new(path), limit, SCRIPT).ok()?;
    bytes.starts_with(b"#!").then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Each program that is named: is it there, and is it this one. What names none that is there does not fire.
fn programs(firings: &mut [Firing], by: Deadline) -> Vec<Finding> {
    let own = std::env::current_exe().ok();
    let mut known: Vec<(String, Option<String>, Option<Finding>, bool)> = Vec::new();
    for firing in firings.iter_mut() {
        let (program, path) = (firing.ours.program.clone(), firing.path.clone());
        let seen = known.iter().find(|(name, dirs, ..)| *name == program && *dirs == path);
        if let Some((.., there)) = seen {
            firing.fires &= *there;
            continue;
        }
        let (finding, there) = match find(&program, path.as_deref(), by) {
            Ok(at) => (other_version(&firing.place, &at, own.as_deref(), by), true),
            Err(Absent::Unknown(_)) => (None, true),
            Err(Absent::No(why)) => {
                let own = own.as_ref().map(|own| own.display().to_string());
                let own = own.unwrap_or_else(|| "/usr/local/bin/miraclemax".into());
                let hint = format!("write `{own}` there: `which miraclemax` says where yours is");
                let said = format!("{}: {why}", firing.place);
                (Some(Finding::critical(ABOUT, said).hint(hint)), false)
            }
        };
        firing.fires &= there;
        known.push((program, path, finding, there));
    }
    known.into_iter().filter_map(|(_, _, finding, _)| finding).collect()
}

/// Where it is; without a path, in the directories that its place looks through, which may not be known.
fn find(program: &str, path: Option<&str>, by: Deadline) -> Result<PathBuf, Absent> {
    let limit = LIMIT.min(by.left());
    match path {
        Some(path) => programs::find(program, path, limit),
        None if program.contains('/') => programs::find(program, "", limit),
        None => Err(Absent::Unknown("where it is looked for is not known".into())),
    }
}

/// Whether another file of this program is run, and which version that is.
fn other_version(place: &str, at: &Path, own: Option<&Path>, by: Deadline) -> Option<Finding> {
    let same = |one: &Path, other: &Path| {
        let (one, other) = (std::fs::metadata(one).ok()?, std::fs::metadata(other).ok()?);
        Some((one.dev(), one.ino()) == (other.dev(), other.ino()))
    };
    if own.is_some_and(|own| same(own, at) == Some(true)) {
        return None;
    }
    let shown = at.display();
    let output =
        Command::new([at.display().to_string(), "--version".into()], LIMIT.min(by.left())).run();
    let said = output.text();
    let version = said.split_whitespace().nth(1).map(|version| one_line(version, 40));
    let ours = env!("CARGO_PKG_VERSION");
    match version.filter(|_| output.ok()) {
        Some(version) if version == ours => None,
        Some(version) => Some(
            Finding::warning(
                ABOUT,
                format!("{place} runs `{shown}`, which is version {version}; this is {ours}"),
            )
            .hint("replace the older of the two: `which -a miraclemax`"),
        ),
        None => Some(
            Finding::critical(
                ABOUT,
                format!(
                    "{place}: `{shown}` does not tell its version: {}",
                    one_line(&output.reason(), 200)
                ),
            )
            .hint(format!("see it run: `{shown} --version`")),
        ),
    }
}

/// Cron gives its jobs next to no environment: a secret in a variable has to be set there.
fn variables(wanted: &Wanted, firings: &[Firing]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (of, name) in &wanted.variables {
        let live =
            firings.iter().filter(|firing| firing.fires && firing.user == wanted.demands.user);
        let needs = if of.starts_with("heartbeat") {
            [Does::Ping, Does::Wrapped]
        } else {
            [Does::Cycle, Does::Part]
        };
        let lacks: Vec<&Firing> = live
            .filter(|firing| needs.contains(&firing.ours.does))
            .filter(|firing| !firing.more_variables && !firing.variables.contains(name))
            .collect();
        if let Some(first) = lacks.first() {
            let more = match lacks.len() {
                1 => String::new(),
                count => format!(" and {} more", plural(count - 1, "place")),
            };
            let said = format!(
                "its secret is in the variable `{name}`, which {}{more} does not set",
                first.place
            );
            let hint = "put it into a file of mode 0600 and name that (`url_file`, `password_file` …), or set it there";
            found.push(Finding::critical(of.clone(), said).hint(hint));
        }
    }
    found
}

/// Where root's installation is the one that is meant.
fn others() -> Option<Finding> {
    Path::new("/var/lib/miraclemax").exists().then(|| {
        Finding::unknown(
            ABOUT,
            "root has a state here, too, and its crontab and secrets are root's to read",
        )
        .hint("look at that one: `sudo miraclemax check --self`")
    })
}
