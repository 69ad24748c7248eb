//! The command line: types only. Their doc comments are `--help`, the man pages and the completions.
//! Decides nothing and touches nothing.
#![expect(clippy::doc_markdown, reason = "the doc comments are help texts, which have no markup")]

mod later;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

pub use self::later::Later;

use crate::model::story::Change;
use crate::model::units::parse_duration;

/// What every command's exit status means, in short.
const EXIT: &str = "\
Exit status: 0 ok, 1 warning, 2 critical, 3 unknown, 64 wrong usage, 75 another
run holds the lock, 78 wrong configuration.";

const START: &str = "\
Examples:
  miraclemax heal --drill         break and heal a service of its own; needs no
                                  configuration
  miraclemax check                look at this host, or at what is configured
  miraclemax heal --dry-run       what heal would do now, and why
  miraclemax status               what is remembered

Exit status: 0 ok, 1 warning, 2 critical, 3 unknown, 64 wrong usage, 75 another
run holds the lock, 78 wrong configuration.

`miraclemax COMMAND --help` says more about a command; miraclemax-config(5) is
the manual of the configuration.";

const CHECK: &str = "\
Examples:
  miraclemax check                every configured service, or this host
  miraclemax check web postgres   only these
  miraclemax check --dry-run      only read and check the configuration
  miraclemax check --discover     a configuration for what runs here
  miraclemax check --self         whether all of this would work when needed
  miraclemax check --self --preview failed web
                                  what each channel would be told; sends nothing
  miraclemax check --self --send-test
                                  whether each channel takes a message, now
  miraclemax check systemd:nginx tcp:localhost:5432 'disk:/var?free=10%'
  miraclemax check 'https://books.example.org/health#status=200&under=2s'
  miraclemax check -o nagios web  as a plugin of Nagios or Icinga
  miraclemax check --retry-for 60s web
                                  wait until it is well, at most so long";

const HEAL: &str = "\
Examples:
  miraclemax heal --drill         break and heal a service of its own; needs no
                                  configuration
  miraclemax heal --dry-run       what would be done now, and why
  miraclemax heal                 do it, for every configured service
  miraclemax heal -q              the same from cron: silent when all is well
  miraclemax heal --drill --notify -q
                                  once a week: proves that mail and pings arrive
  miraclemax heal --hold 20m web --reason 'new release'
                                  keep hands off web for that long
  miraclemax heal --hold 20m web -- ./deploy.sh
                                  the same while that runs, and no longer
  miraclemax heal --release       hold nothing any more";

const PING: &str = "\
Examples:
  miraclemax ping                 every heartbeat: what the state allows to say
  miraclemax ping --fail --body 'backup disk is full' backups
  miraclemax ping backups --timeout 2h -- /usr/local/bin/backup --all
                                  a start ping, then the job's exit status and
                                  the end of its output
  miraclemax ping --register backups
                                  make its check there, and keep its URL
  miraclemax ping backups --lock --quiet-on-success -- /usr/local/bin/backup
                                  the same from cron: never twice at once, and
                                  no mail when all is well";

const STALE: &str = "\
Examples:
  miraclemax stale                the own state
  miraclemax stale --max-age 26h /backup/db.dump
  miraclemax stale https://other.example.org/status.json";

const STATUS: &str = "\
Examples:
  miraclemax status               all services, worst first
  miraclemax status web           one, with its probes and attempts
  miraclemax status --format json";

/// Heal a host's services, prove it, report it, and watch the watcher
///
/// One-shot commands, to be run by cron, systemd timers, launchd, scripts and people. Each looks or acts
/// once, writes what it must, and exits; nothing stays running.
///
/// Called by the name miraclemax-status, miraclemax-heartbeat or miraclemax-self-heal (links to this
/// program), it runs `status`, `ping` or `heal`.
#[derive(Debug, Parser)]
#[command(
    name = "miraclemax",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 80,
    after_help = EXIT,
    after_long_help = START
)]
pub struct Cli {
    /// What every command understands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Configuration file [default: /etc/miraclemax/config.toml for root, else
    /// $XDG_CONFIG_HOME/miraclemax/config.toml]
    #[arg(short, long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// State directory [default: /var/lib/miraclemax for root, else $XDG_STATE_HOME/miraclemax]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,
    /// End the run by then, whatever hangs: 90s, 4m [default: the config's `deadline`, else 4m]
    #[arg(long, global = true, value_name = "DURATION", value_parser = positive)]
    pub deadline: Option<Duration>,
    /// Print nothing unless something is wrong
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more: every probe, every step
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Colour the output; NO_COLOR and CLICOLOR_FORCE are honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Write the output to FILE instead; a reader of FILE never sees half of it
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How the output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs: the same words as keys
    Json,
}

/// How the output of `check` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Text,
    /// For programs: the same words as keys
    Json,
    /// As a monitoring plugin, for Nagios and Icinga: a status line with performance data, details below it;
    /// what would end with 64, 75 or 78 is UNKNOWN and ends with 3
    Nagios,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at the services once, or at probes given on the spot
    ///
    /// Without a name, every configured service is looked at, and that renews the state file. Named services
    /// are looked at and remembered, but the state file keeps its age. Probes given on the spot need no
    /// configuration and touch neither state nor lock. With no configuration at all it looks at the host:
    /// failed units, space and inodes of its own disks, memory, swap, load, clock. Nothing is ever healed, nothing on the host is changed.
    Check(Later<Check>),
    /// Look, heal what is down, prove it, report it
    ///
    /// Every service that is down is healed by its `healing_strategies`, dependencies first, until the probes
    /// that found it down find it up and keep finding it up. Attempts are bounded by a budget; when it is used
    /// up, the service is FAILED and a person is told. What cannot be found out is never healed.
    Heal(Later<Heal>),
    /// Tell a dead man's switch how things are, or run a job and tell how it went
    ///
    /// Without a signal, the state decides: success is claimed only if the last complete cycle is fresh and
    /// covered every configured service, and nothing is down; otherwise failure, and why.
    ///
    /// With `-- COMMAND`, the command is run between a start ping and a ping with its exit status and the end
    /// of its output. The exit status is then the command's own, whatever becomes of the pings. It is run even
    /// if the configuration is broken or names no such heartbeat: that is said, and must not stop a backup.
    ///
    /// The exit status is 0 only if every ping was accepted.
    ///
    /// --register, --verify and --pause speak with the Management API (v3) of Healthchecks, the hosted one or a
    /// server of your own. That of the hosted service was followed as documented, and not tried against it.
    Ping(Later<Ping>),
    /// Say whether the own state, a file or a URL is still being renewed
    ///
    /// Without an argument it is the own state file, whose modification time is the end of the last complete
    /// cycle. A file is judged by its modification time, a URL by its Last-Modified header. Stale or not
    /// there: 2. There but not to be judged: 3. Never blocks on a FIFO, a dead mount or a huge file.
    Stale(Later<Stale>),
    /// Say what is remembered, without looking
    ///
    /// Worst first. The exit status is that of the worst service, or 2 when the state is stale: what was true
    /// an hour ago is not known to be true now.
    Status(Later<Status>),
    /// The sacrificial service of `heal --drill`: listens, answers, and waits to be killed
    #[command(hide = true)]
    DrillService(Later<DrillService>),
}

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_long_help = CHECK)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Check {
    /// A configured service, or a probe: a URL, or `kind:target?key=value`, such as `systemd:nginx` or
    /// `tcp:localhost:5432`
    ///
    /// The kinds: http, https, tcp, unix, tls, dns, port, process, pidfile, systemd, systemd-user, supervisord, launchd,
    /// docker, podman, container, exec, plugin, file, log, disk, inodes, memory, load, swap, clock, failed-units;
    /// their keys are in miraclemax-config(5).
    #[arg(value_name = "SERVICE|PROBE")]
    pub what: Vec<String>,
    /// Tell the configured channels when a service has gone down, for those who want alerts and no healing
    #[arg(long)]
    pub notify: bool,
    /// Only read and check the configuration; looks at nothing
    #[arg(long, conflicts_with_all = ["what", "notify"])]
    pub dry_run: bool,
    /// Print a commented configuration for what runs here: units, programs and containers with their ports.
    /// Best as root, who sees whose each port is
    #[arg(long, conflicts_with_all = ["what", "notify", "dry_run", "format", "wait"])]
    pub discover: bool,
    /// Print the present configuration instead, unchanged, and after it only the services that it lacks
    #[arg(long, requires = "discover")]
    pub merge: bool,
    /// Check this program's own installation instead: config, secrets, state, what runs it at times, channels,
    /// heartbeats, clock; worst first, each with what to type
    ///
    /// Nothing is changed and no message is sent; who is asked has 4 seconds to answer. 0: all is fine, 1: a
    /// warning, 2: something does not work, 3: something could not be found out, for want of a right as a rule:
    /// then look as root.
    #[arg(long = "self", conflicts_with_all = ["notify", "dry_run", "discover", "wait", "retry_for"])]
    pub own: bool,
    /// With --self: show what each channel would be told of such a change, whole but for its secrets, and who would
    /// not be told and why
    ///
    /// Of a service (the first one, or the one that is named) an example is made; `waiting` is what lies in the outbox.
    /// Nothing is sent and nobody is asked.
    #[arg(long, value_name = "CHANGE", requires = "own", value_parser = previews())]
    pub preview: Option<String>,
    /// With --self: send a message marked as a test through every channel, whatever it is asked to tell, and a note
    /// to every heartbeat that takes one without counting it; say what each answers
    ///
    /// They are tried side by side and once; what is not accepted is not sent later. 0 only if all accept it, else 2.
    #[arg(long, requires = "own", conflicts_with_all = ["what", "preview"])]
    pub send_test: bool,
    /// Look again for up to this long until all is well, as a script does that has just deployed; then look as
    /// ever, and that look counts. The deadline is extended by it
    #[arg(long, value_name = "DURATION", value_parser = positive, conflicts_with = "dry_run")]
    pub retry_for: Option<Duration>,
    /// How to write the result
    #[arg(short = 'o', long, value_name = "FORM", default_value = "text")]
    pub format: Form,
    /// Wait this long for another run to end [default: 10s on a terminal, else 0s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<Duration>,
}

/// Arguments of `heal`.
#[derive(Debug, Args)]
#[command(after_long_help = HEAL)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Heal {
    /// Only these services; the state file then keeps its age
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Print what would be done and why, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Prove the whole chain on a sacrificial service: started, broken, found, healed, verified, reported.
    /// Needs no configuration and touches none of yours
    #[arg(long, conflicts_with_all = ["services", "dry_run"])]
    pub drill: bool,
    /// With --drill: prove as well that somebody is told. A letter marked DRILL goes to each configured channel, a
    /// note to each heartbeat; what does not accept it fails the drill, and those that work are told
    #[arg(long, requires = "drill")]
    pub notify: bool,
    /// Heal nothing, and keep hands off these services (all when none is named) for so long, 7d at most: they are
    /// looked at, but neither healed nor told of
    ///
    /// With `-- COMMAND` it runs that command and ends with its exit status; the hold ends with the command,
    /// however that ends. A hold always ends by itself.
    #[arg(long, value_name = "DURATION", value_parser = positive, conflicts_with_all = ["dry_run", "drill", "format", "wait"])]
    pub hold: Option<Duration>,
    /// Why, for everybody who sees that it is held
    #[arg(long, value_name = "TEXT", requires = "hold")]
    pub reason: Option<String>,
    /// End the hold with this process, too
    #[arg(long, value_name = "PID", requires = "hold", conflicts_with = "guarded")]
    pub pid: Option<u32>,
    /// End the hold, too, when its services are healthy: up in `recover_after` runs after one was down, or in one
    /// run more when none was
    #[arg(long, requires = "hold", conflicts_with = "guarded")]
    pub until_healthy: bool,
    /// Heal nothing, and end the holds on these services, or all
    #[arg(long, conflicts_with_all = ["hold", "dry_run", "drill", "format", "wait"])]
    pub release: bool,
    /// How to write the result
    #[arg(short = 'o', long, value_name = "FORM", default_value = "text")]
    pub format: Format,
    /// Wait this long for another run to end [default: 10s on a terminal, else 0s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<Duration>,
    /// A command to run while it is held
    #[arg(last = true, value_name = "COMMAND", requires = "hold", value_hint = ValueHint::CommandWithArguments)]
    pub guarded: Vec<OsString>,
}

/// Arguments of `ping`.
#[derive(Debug, Args)]
#[command(after_long_help = PING)]
#[command(group(clap::ArgGroup::new("signal").args(["start", "fail", "log", "exit_code"])))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Ping {
    /// A configured heartbeat [default: all of them]
    #[arg(value_name = "HEARTBEAT")]
    pub name: Option<String>,
    /// Say that a job has started
    #[arg(long)]
    pub start: bool,
    /// Say that it failed
    #[arg(long)]
    pub fail: bool,
    /// Only leave a note; changes nothing at the other end
    #[arg(long)]
    pub log: bool,
    /// Say with which exit status it ended; 0 is success
    #[arg(long, value_name = "N")]
    pub exit_code: Option<u8>,
    /// Text to send; `-` reads it from standard input
    #[arg(long, value_name = "TEXT|-")]
    pub body: Option<String>,
    /// Run id (a UUID) that pairs a start with its end
    #[arg(long, value_name = "UUID")]
    pub rid: Option<uuid::Uuid>,
    /// End the command after this long: TERM, then KILL
    #[arg(long, value_name = "DURATION", value_parser = positive, requires = "job")]
    pub timeout: Option<Duration>,
    /// Start nothing while the command's run before this one has not ended: say so in a `--log` ping, and end
    /// with 75. By the heartbeat's name
    #[arg(long, requires_all = ["job", "name"])]
    pub lock: bool,
    /// Print the command's output only if it fails: no mail from cron for a job that went well
    #[arg(long, requires = "job")]
    pub quiet_on_success: bool,
    /// Send no start ping, only the end
    #[arg(long, requires = "job")]
    pub no_start: bool,
    /// Make the check there, or change it to what the configuration says: name, period and grace or schedule,
    /// integrations, tags. Writes its URL to `url_file` if there is none yet. Needs `api_key_file`
    #[arg(long, conflicts_with_all = ["signal", "body", "rid", "job"])]
    pub register: bool,
    /// Make it anew even if the URL is that of a check which is gone or another's, and replace that URL
    #[arg(long, requires_all = ["register", "name"])]
    pub force: bool,
    /// Read the check back: how it stands, and whether it expects what the configuration says
    #[arg(long, conflicts_with_all = ["signal", "body", "rid", "job", "register"])]
    pub verify: bool,
    /// Pause the check there: it alerts nobody until it is pinged again
    #[arg(long, conflicts_with_all = ["signal", "body", "rid", "job", "register", "verify"])]
    pub pause: bool,
    /// How to write the result
    #[arg(short = 'o', long, value_name = "FORM", default_value = "text", conflicts_with = "job")]
    pub format: Format,
    /// A command to run and to report on
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "signal", id = "job", value_hint = ValueHint::CommandWithArguments)]
    pub job: Vec<String>,
}

/// Arguments of `stale`.
#[derive(Debug, Args)]
#[command(after_long_help = STALE)]
pub struct Stale {
    /// A file or an http(s) URL [default: the own state]
    #[arg(value_name = "FILE|URL", value_hint = ValueHint::AnyPath)]
    pub what: Vec<String>,
    /// How old it may be [default: 20m; for the own state the config's `fresh_for`]
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    pub max_age: Option<Duration>,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_long_help = STATUS)]
pub struct Status {
    /// Only these, each in depth
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// How to write it
    #[arg(short = 'o', long, value_name = "FORM", default_value = "text")]
    pub format: Format,
}

/// The sacrificial service of `heal --drill`.
#[derive(Debug, Args)]
pub struct DrillService {
    /// Port on 127.0.0.1 to listen on
    #[arg(long)]
    pub port: u16,
    /// Where to write its process id
    #[arg(long)]
    pub pidfile: PathBuf,
    /// End by itself after this long
    #[arg(long, value_parser = positive)]
    pub lifetime: Duration,
    /// Start it detached and return
    #[arg(long)]
    pub detach: bool,
}

/// What `--preview` shows besides changes: what lies in the outbox.
pub const WAITING: &str = "waiting";

fn previews() -> PossibleValuesParser {
    PossibleValuesParser::new(Change::ALL.map(Change::word).into_iter().chain([WAITING]))
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
}

fn positive(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.is_zero() { Err("must be longer than nothing".into()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_command_is_told_by_what_it_does() {
        let mut command = Cli::command();
        command.build();
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty() && !about.contains("Arguments of"), "{about}");
            let in_full = sub.get_long_about().is_some() || sub.get_name() == "help";
            assert!(in_full, "{about}");
        }
    }
}
