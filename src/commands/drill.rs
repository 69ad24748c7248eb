//! `heal --drill`: the whole chain on a sacrificial service, with measured times, in a state directory of its
//! own. Touches nothing that it did not make, and takes all of it away again. With `--notify` also the end of the
//! chain: the configured channels and heartbeats.

mod chain;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use jiff::tz::TimeZone;
use rustix::process::{Pid, Signal, kill_process};

use crate::cli::Heal;
use crate::commands::drill::chain::Chain;
use crate::commands::heal::{self, Cycled};
use crate::commands::setup::{Configured, Setup};
use crate::config::{self, Source};
use crate::manager::Reach;
use crate::model::incident::{Attempt, Outcome as Came};
use crate::model::story::{Change, Story};
use crate::model::text::human_duration;
use crate::model::time::Stamp;
use crate::outcome::Outcome;
use crate::report::email;
use crate::report::screen::Paint;
use crate::report::text::{WIDTH, wrap};
use crate::store::Dir;
use crate::sys::clock::{self, Deadline, Stopwatch};
use crate::sys::exec::Command;

/// The service ends by itself after this long, should the drill not live to stop it.
const LIFETIME: &str = "5m";
/// Bound on each step that the drill itself takes: starting the service, seeing it up, seeing it gone.
const STEP: Duration = Duration::from_secs(10);
/// How often it looks meanwhile.
const TICK: Duration = Duration::from_millis(20);
/// The word of a drill that did not pass.
const FAILED: &str = "FAILED";
/// The service's name in the drill's config.
const NAME: &str = "drill";

/// Breaks a service of its own and heals it; with `--notify` that is told.
pub(super) fn run(setup: &Setup, args: &Heal) -> Result<Outcome> {
    let chain = if args.notify { Some(Chain::new(setup)?) } else { None };
    let timeline = Timeline { setup, watch: Stopwatch::start() };
    let ground = Ground::new(setup)?;
    let outcome = prove(&ground, chain.as_ref(), &timeline);
    ground.clear();
    outcome
}

fn prove(ground: &Ground, chain: Option<&Chain>, timeline: &Timeline) -> Result<Outcome> {
    let proven = ground.play(timeline).and_then(|(took, story)| {
        if let Some(chain) = chain {
            chain.prove(&ground.dir, story, timeline)?;
        }
        Ok(took)
    });
    match proven {
        Ok(healed) => {
            let told = if chain.is_some() { "; all that should be told were" } else { "" };
            let text = format!("found, healed and verified in {}{told}", human_duration(healed));
            timeline.line("passed", Paint::Good, &text)?;
            let broken = chain.is_some_and(|chain| chain.broken);
            Ok(if broken { Outcome::Config } else { Outcome::Ok })
        }
        Err(err) => {
            let why = format!("{err:#}");
            timeline.complain(FAILED, &why)?;
            if let Some(chain) = chain {
                chain.alarm(&ground.dir, &why, timeline);
            }
            Ok(Outcome::Critical)
        }
    }
}

/// Prints what happened, with the time since the drill began.
struct Timeline<'a> {
    setup: &'a Setup,
    watch: Stopwatch,
}

impl Timeline<'_> {
    /// What has just happened.
    fn line(&self, word: &str, paint: Paint, text: &str) -> Result<()> {
        self.print(self.watch.read(), word, paint, text)
    }

    /// What was written down as having happened at `at`.
    fn line_at(&self, at: &Stamp, word: &str, paint: Paint, text: &str) -> Result<()> {
        let ago = self.setup.clock().elapsed(at);
        self.print(self.watch.read().saturating_sub(ago), word, paint, text)
    }

    /// What is wrong, said also when asked to be quiet.
    fn complain(&self, word: &str, text: &str) -> Result<()> {
        self.write(self.watch.read(), word, Paint::Bad, text)
    }

    fn print(&self, at: Duration, word: &str, paint: Paint, text: &str) -> Result<()> {
        // That it was broken and found is what was wanted.
        if self.setup.screen.quiet {
            return Ok(());
        }
        self.write(at, word, paint, text)
    }

    fn write(&self, at: Duration, word: &str, paint: Paint, text: &str) -> Result<()> {
        let screen = &self.setup.screen;
        let word = screen.paint(paint, &format!("{word:<9}"));
        let lines = wrap(text, WIDTH - 21);
        let text = lines.join(&format!("\n{:21}", ""));
        screen.data(&format!("{:7.2}s  {word}  {text}\n", at.as_secs_f64()))?;
        Ok(())
    }
}

/// Who runs the sacrificial service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    /// The system's systemd, as a transient unit.
    System,
    /// The user's own systemd, as a transient unit.
    User,
    /// Nobody: it is started detached, by a command.
    Nobody,
}

/// Everything the drill makes: a directory, a port, a service.
struct Ground<'a> {
    setup: &'a Setup,
    dir: PathBuf,
    port: u16,
    host: Host,
    /// Where the user's systemd is found, also where cron left that out of the environment.
    runtime_dir: Option<PathBuf>,
    unit: String,
    exe: PathBuf,
}

impl<'a> Ground<'a> {
    fn new(setup: &'a Setup) -> Result<Self> {
        let exe = std::env::current_exe().context("cannot find the program's own file")?;
        let name = format!("miraclemax-drill-{}", std::process::id());
        let dir = std::env::temp_dir().join(&name);
        // Made, not reused: another user may have put something of that name there.
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .with_context(|| format!("cannot make the drill's directory `{}`", dir.display()))?;
        let port = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .context("cannot find a free port on 127.0.0.1")?
            .port();
        let reach = Reach::here(None);
        let host = host(&reach);
        let runtime_dir = reach.runtime_dir;
        Ok(Self { setup, dir, port, host, runtime_dir, unit: format!("{name}.service"), exe })
    }

    /// Started, broken, found, healed, verified, reported. How long finding and healing took, and what is to be told.
    fn play(&self, timeline: &Timeline) -> Result<(Duration, Story)> {
        self.start()?;
        let first = self.wait_up()?;
        let by = match self.host {
            Host::System => format!("transient systemd unit {}", self.unit),
            Host::User => format!("transient unit {} of the user's systemd", self.unit),
            Host::Nobody => "plain start and stop commands".to_owned(),
        };
        timeline.line(
            "started",
            Paint::Good,
            &format!("sacrificial service, pid {first}, 127.0.0.1:{}, {by}", self.port),
        )?;
        let configured = self.config()?;
        let dir = Dir::create(&self.dir.join("state"))?;
        let before = self.cycle(&configured, &dir)?;
        if before.outcome != Outcome::Ok {
            bail!("the service was not found up before it was broken: {}", reason(&before));
        }
        timeline.line("seen up", Paint::Good, &probes(&before))?;
        kill(first)?;
        self.wait_down()?;
        timeline.line("broken", Paint::Bad, &format!("kill -9 {first}"))?;
        let watch = Stopwatch::start();
        let after = self.cycle(&configured, &dir)?;
        let took = watch.read();
        let attempt = healed(&after)?;
        let story = after.stories.iter().find(|story| story.change == Change::Resolved);
        let story = story.ok_or_else(|| anyhow!("the heal was not reported"))?;
        let incident = after.shown.iter().find_map(|shown| shown.last_incident.as_ref());
        let incident = incident.ok_or_else(|| anyhow!("no incident was written down"))?;
        timeline.line_at(&incident.opened, "found", Paint::Bad, &story.reason)?;
        timeline.line_at(
            &attempt.at,
            "restarted",
            Paint::Warn,
            &self.typed(&attempt.did.join(", ")),
        )?;
        let second = self.pid()?;
        if second == first || !self.answers() {
            bail!("the service is said to be healed, but pid {second} does not answer");
        }
        let stable = human_duration(story.stable_for);
        timeline.line(
            "verified",
            Paint::Good,
            &format!("up again with a new pid, {second}, and still up {stable} later"),
        )?;
        let letter = email::compose(story, None, &TimeZone::system());
        timeline.line("reported", Paint::Good, &letter.subject)?;
        if self.setup.screen.verbose {
            self.setup.screen.data(&format!("\n{}\n", letter.body))?;
        }
        Ok((took, story.clone()))
    }

    /// What was executed, without the long names of this drill's own files.
    fn typed(&self, did: &str) -> String {
        did.replace(&self.exe.display().to_string(), "miraclemax")
            .replace(&self.dir.display().to_string(), "…")
    }

    fn cycle(&self, configured: &Configured, dir: &Dir) -> Result<Cycled> {
        heal::cycle(self.setup, &[], None, configured, dir)
    }

    fn config(&self) -> Result<Configured> {
        let (dir, port) = (self.dir.display(), self.port);
        let service = self
            .service_argv()
            .iter()
            .map(|word| format!("{word:?}"))
            .collect::<Vec<_>>()
            .join(", ");
        let runner = match self.host {
            Host::System => format!("unit = {:?}\nscope = \"system\"", self.unit),
            Host::User => format!("unit = {:?}\nscope = \"user\"", self.unit),
            Host::Nobody => format!(
                "start = [{service}, \"--detach\"]\nstop = [\"kill\", \"-9\", \"0\"]\nrestart = [{service}, \"--detach\"]"
            ),
        };
        let text = format!(
            "name = \"Drill\"\ndeadline = \"40s\"\n[[service]]\nname = \"{NAME}\"\nport = {port}\n\
             checks = [\"http://127.0.0.1:{port}/\", \"process:?pidfile={dir}/pid\"]\n{runner}\n\
             timeout = \"2s\"\ntries = 1\nverify_for = \"15s\"\nstable_for = \"1s\"\nboot_grace = \"0s\"\n"
        );
        let sources = vec![Source { path: self.dir.join("config.toml"), text }];
        let config = config::parse(&sources)
            .map_err(|problems| anyhow!("the drill's own config is wrong: {problems}"))?;
        Ok(Configured { config, sources, broken: None })
    }

    fn service_argv(&self) -> Vec<String> {
        let words = [
            self.exe.display().to_string(),
            "drill-service".into(),
            "--port".into(),
            self.port.to_string(),
            "--pidfile".into(),
            self.dir.join("pid").display().to_string(),
            "--lifetime".into(),
            LIFETIME.into(),
        ];
        words.to_vec()
    }

    fn start(&self) -> Result<()> {
        let mut argv: Vec<String> = Vec::new();
        if self.host != Host::Nobody {
            let scope = if self.host == Host::User { "--user" } else { "--system" };
            argv.extend(["systemd-run", scope, "--quiet"].map(String::from));
            argv.push(format!("--unit={}", self.unit));
            argv.push("--description=sacrificial service of miraclemax heal --drill".into());
            argv.push("--".into());
        }
        argv.extend(self.service_argv());
        if self.host == Host::Nobody {
            argv.push("--detach".into());
        }
        let output = self.command(argv).run();
        if !output.ok() {
            bail!("cannot start the sacrificial service: {}", output.reason());
        }
        Ok(())
    }

    fn command<S: Into<String>>(&self, argv: impl IntoIterator<Item = S>) -> Command {
        let command = Command::new(argv, STEP);
        match &self.runtime_dir {
            Some(dir) if self.host == Host::User => {
                command.env("XDG_RUNTIME_DIR", &dir.to_string_lossy())
            }
            _ => command,
        }
    }

    fn wait_up(&self) -> Result<u32> {
        let deadline = Deadline::after(STEP);
        loop {
            // It listens first and writes its pid then.
            match self.pid() {
                Ok(pid) if self.answers() => return Ok(pid),
                _ if deadline.passed() => {
                    bail!(
                        "the sacrificial service did not come up within {}",
                        human_duration(STEP)
                    );
                }
                _ => clock::pause(TICK),
            }
        }
    }

    fn wait_down(&self) -> Result<()> {
        let deadline = Deadline::after(STEP);
        while self.answers() {
            if deadline.passed() {
                bail!("the sacrificial service survived kill -9 for {}", human_duration(STEP));
            }
            clock::pause(TICK);
        }
        Ok(())
    }

    fn answers(&self) -> bool {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
    }

    fn pid(&self) -> Result<u32> {
        let path = self.dir.join("pid");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        text.trim().parse().with_context(|| format!("`{}` holds no process id", path.display()))
    }

    /// Takes away everything that was made, whatever happened.
    fn clear(&self) {
        if self.host == Host::Nobody {
            if self.answers()
                && let Ok(pid) = self.pid()
            {
                let _ = kill(pid);
            }
        } else {
            let scope = if self.host == Host::User { "--user" } else { "--system" };
            for verb in ["stop", "reset-failed"] {
                // That there is nothing left to stop or reset is as good.
                let _ = self.command(["systemctl", scope, "--quiet", verb, "--", &self.unit]).run();
            }
        }
        if let Err(err) = fs::remove_dir_all(&self.dir) {
            self.setup
                .screen
                .note(&format!("warning: cannot remove `{}`: {err}", self.dir.display()));
        }
    }
}

/// A systemd that can be asked to run something, if there is one.
fn host(reach: &Reach) -> Host {
    if !reach.systemd {
        Host::Nobody
    } else if reach.root {
        Host::System
    } else if reach.user_systemd {
        Host::User
    } else {
        Host::Nobody
    }
}

fn kill(pid: u32) -> Result<()> {
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| anyhow!("the pid file holds no process id that may be killed"))?;
    kill_process(pid, Signal::KILL).context("cannot kill the sacrificial service")
}

fn probes(cycled: &Cycled) -> String {
    let looks = cycled.shown.iter().flat_map(|shown| &shown.probes);
    let kinds = looks.map(|look| match look.probe.split('?').next().unwrap_or_default() {
        // It has no target: it goes by the pid file.
        "process:" => "process",
        probe => probe,
    });
    kinds.collect::<Vec<_>>().join(", ")
}

fn reason(cycled: &Cycled) -> String {
    cycled.shown.iter().map(|shown| shown.reason.clone()).collect::<Vec<_>>().join("; ")
}

fn healed(cycled: &Cycled) -> Result<&Attempt> {
    let mut attempts = cycled.shown.iter().flat_map(|shown| &shown.attempts);
    let healed = attempts.rfind(|attempt| attempt.outcome == Some(Came::Healed));
    healed.ok_or_else(|| anyhow!("it was not healed: {}", reason(cycled)))
}
