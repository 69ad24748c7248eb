//! Names the root cause of an outage, but only where the evidence proves it. Never guesses: what is not
//! proven is `None`, and reports say "not known".

mod kernel;
mod root;

pub use kernel::about as of_unit;
pub use root::root;

use crate::model::text::one_line;
use crate::model::unit::{Exit, ManagerKind, UnitFacts, UnitState};

/// What the manager's facts and the last lines of the unit's log prove about why it is down.
///
/// A running unit proves nothing (its last exit belongs to an earlier run), nor does one on its way.
pub fn cause(facts: &UnitFacts, log: &[String]) -> Option<String> {
    match facts.state {
        UnitState::Running | UnitState::Starting | UnitState::Stopping => return None,
        UnitState::Done | UnitState::Retrying | UnitState::Stopped | UnitState::Failed => {}
    }
    if let Some(said) = of_engine(facts) {
        return Some(said);
    }
    if depends(log) {
        return Some("systemd did not start it: a unit that it depends on failed".into());
    }
    let exit = facts.exit.filter(|exit| *exit != Exit::Code(0)).map(|exit| ended(exit, facts));
    // The `Result` words are those of systemd's `systemd.service(5)`, "$SERVICE_RESULT".
    match facts.result.as_deref() {
        Some("oom-kill") => Some("killed by the kernel because memory ran out (`oom-kill`)".into()),
        Some("watchdog") => {
            Some("it stopped answering the watchdog, and systemd ended it (`watchdog`)".into())
        }
        Some("timeout") => {
            Some("it took too long to start or stop, and systemd ended it (`timeout`)".into())
        }
        _ if facts.start_limited || refused(log) => {
            let last = in_use(log).or(exit).map_or(String::new(), |why| format!("; last: {why}"));
            Some(format!("it failed too often in a short time (`start-limit-hit`){last}"))
        }
        Some("core-dump") => exit.map(|exit| format!("{exit}, core dumped")),
        Some("exit-code") => match (exit, in_use(log)) {
            (Some(exit), Some(said)) => Some(format!("{said} ({exit})")),
            (exit, said) => said.or(exit),
        },
        Some("signal") => exit,
        Some(other) => Some(match exit {
            Some(exit) => format!("{exit} (`{}`)", one_line(other, 40)),
            None => format!("the manager's result is `{}`", one_line(other, 40)),
        }),
        None if facts.state == UnitState::Stopped => stopped(facts, log),
        None => match exit {
            Some(exit) if matches!(facts.exit, Some(Exit::Code(_))) => {
                Some(in_use(log).map_or(exit.clone(), |said| format!("{said} ({exit})")))
            }
            other => other,
        },
    }
}

/// What an engine's own words prove of a container: its check, or why it could not be started.
fn of_engine(facts: &UnitFacts) -> Option<String> {
    if !facts.manager.is_engine() || facts.state != UnitState::Failed {
        return None;
    }
    let unwell = facts.words.strip_prefix("running, ");
    let unstarted = facts.words.split_once(", never started: ");
    unwell.map(|how| format!("its own check (HEALTHCHECK) says that it is {how}")).or_else(|| {
        unstarted.map(|(_, why)| format!("{} could not start it: {why}", facts.manager.word()))
    })
}

/// How a process ended, in words: `exit status 1`, `killed by signal 9 (SIGKILL)`.
pub fn ended(exit: Exit, facts: &UnitFacts) -> String {
    match exit {
        Exit::Signal(number) => match signal_name(number) {
            Some(name) => format!("killed by signal {number} ({name})"),
            None => format!("killed by signal {number}"),
        },
        Exit::Code(code) => match before_exec(code) {
            Some(what) if by_systemd(facts) => {
                format!("exit status {code}: systemd could not {what}")
            }
            // Engines tell a signal as shells do.
            _ if facts.manager.is_engine() && code > 128 => match signal_name(code - 128) {
                Some(name) => format!("exit status {code} ({name})"),
                None => format!("exit status {code}"),
            },
            _ => match sysexit(code) {
                Some(name) => format!("exit status {code} ({name})"),
                None => format!("exit status {code}"),
            },
        },
    }
}

/// The names that `sysexits.h` of BSD gives to exit statuses.
fn sysexit(code: i32) -> Option<&'static str> {
    const NAMES: [&str; 15] = [
        "EX_USAGE",
        "EX_DATAERR",
        "EX_NOINPUT",
        "EX_NOUSER",
        "EX_NOHOST",
        "EX_UNAVAILABLE",
        "EX_SOFTWARE",
        "EX_OSERR",
        "EX_OSFILE",
        "EX_CANTCREAT",
        "EX_IOERR",
        "EX_TEMPFAIL",
        "EX_PROTOCOL",
        "EX_NOPERM",
        "EX_CONFIG",
    ];
    let index = usize::try_from(code.checked_sub(64)?).ok()?;
    NAMES.get(index).copied()
}

fn by_systemd(facts: &UnitFacts) -> bool {
    matches!(facts.manager, ManagerKind::Systemd | ManagerKind::SystemdUser)
}

/// Exit statuses that systemd itself gives before the program runs (`systemd.exec(5)`, "Process Exit Codes").
fn before_exec(code: i32) -> Option<&'static str> {
    Some(match code {
        200 => "enter its working directory (CHDIR)",
        203 => "execute its program (EXEC)",
        209 => "set up its standard output (STDOUT)",
        216 => "take its group (GROUP)",
        217 => "take its user (USER)",
        226 => "set up its name spaces (NAMESPACE)",
        233 => "create its runtime directory (RUNTIME_DIRECTORY)",
        238 => "create its state directory (STATE_DIRECTORY)",
        _ => return None,
    })
}

/// The name of a signal number, for those that this platform gives it to.
fn signal_name(number: i32) -> Option<&'static str> {
    let linux = cfg!(target_os = "linux");
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 if linux => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 if linux => "SIGUSR1",
        10 => "SIGBUS",
        11 => "SIGSEGV",
        12 if linux => "SIGUSR2",
        12 => "SIGSYS",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 if linux => "SIGSYS",
        _ => return None,
    })
}

/// The last line of the log in which the service says that its port is taken (EADDRINUSE), quoted.
fn in_use(log: &[String]) -> Option<String> {
    let says = |line: &&String| {
        line.to_lowercase().contains("address already in use") || line.contains("EADDRINUSE")
    };
    let line = log.iter().rev().find(says)?;
    Some(format!("its address is taken: its log says `{}`", one_line(line.trim(), 160)))
}

/// Stopped without a failure. That somebody stopped it is proven by supervisord's own word, by Docker's not restarting
/// what it restarts else, or by systemd's line about the stop job in the unit's log, which a process that ends by itself
/// does not cause.
fn stopped(facts: &UnitFacts, log: &[String]) -> Option<String> {
    let by_somebody = match facts.manager {
        // The last job counts: an earlier stop says nothing about this one.
        ManagerKind::Systemd | ManagerKind::SystemdUser => {
            log.iter().rev().find_map(|line| job(line)) == Some(Job::Stop)
        }
        ManagerKind::Supervisord => {
            facts.words.starts_with("STOPPED") && !facts.words.contains("Not started")
        }
        ManagerKind::Docker | ManagerKind::Podman => facts.words.ends_with(", stopped by somebody"),
        ManagerKind::Launchd | ManagerKind::Command => false,
    };
    if by_somebody {
        return Some("stopped by somebody (clean stop)".into());
    }
    facts.exit.map(|exit| match exit {
        Exit::Code(0) => "it ended without an error (exit status 0)".into(),
        other => ended(other, facts),
    })
}

#[derive(PartialEq)]
enum Job {
    Start,
    Stop,
}

/// Whether systemd's last word on starting it is that it was started too often. A crash loop leaves the `Result`
/// of its first failure, and after a failed `ExecStartPre=` no other fact tells (seen with systemd 252).
fn refused(log: &[String]) -> bool {
    let lines = log.iter().rev().filter_map(|line| of_systemd(line));
    let mut told = lines.filter_map(|text| match text.split(' ').next()? {
        "Starting" | "Started" => Some(false),
        _ => text.contains(": Start request repeated too quickly").then_some(true),
    });
    told.next() == Some(true)
}

/// Whether systemd's last word on starting it is that what it depends on failed.
fn depends(log: &[String]) -> bool {
    let lines = log.iter().rev().filter_map(|line| of_systemd(line));
    let mut told = lines.filter_map(|text| match text.split(' ').next()? {
        "Starting" | "Started" => Some(false),
        _ => text.ends_with("failed with result 'dependency'.").then_some(true),
    });
    told.next() == Some(true)
}

/// The job that a log line of systemd itself tells of, as `journalctl -o short` prints it, with or without the
/// host: `Jan 02 03:04:05 systemd[1]: Stopping web.service …`. The same words of anybody else do not count.
fn job(line: &str) -> Option<Job> {
    match of_systemd(line)?.split(' ').next()? {
        "Stopping" => Some(Job::Stop),
        "Starting" | "Started" => Some(Job::Start),
        _ => None,
    }
}

/// What systemd itself says in a log line.
fn of_systemd(line: &str) -> Option<&str> {
    let (who, text) = line.split_once("]: ")?;
    let (who, pid) = who.rsplit_once('[')?;
    let by_systemd = who == "systemd" || who.ends_with(" systemd");
    (by_systemd && pid.chars().all(|c| c.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(state: UnitState, result: Option<&str>, exit: Option<Exit>) -> UnitFacts {
        UnitFacts {
            result: result.map(Into::into),
            exit,
            start_limited: result == Some("start-limit-hit"),
            ..UnitFacts::bare(ManagerKind::Systemd, "web.service", state)
        }
    }

    fn lines(log: &[&str]) -> Vec<String> {
        log.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_way_to_die_has_its_words_and_no_proof_has_none() {
        use UnitState::{Failed, Retrying, Running, Starting, Stopped};
        let (code, signal) = (|n| Some(Exit::Code(n)), |n| Some(Exit::Signal(n)));
        let taken = "Jan 02 03:04:05 h web[7]: listen tcp :80: bind: Address already in use";
        for (state, result, exit, log, want) in [
            (Failed, Some("signal"), signal(9), "", Some("killed by signal 9 (SIGKILL)")),
            (Failed, Some("signal"), signal(40), "", Some("killed by signal 40")),
            (
                Failed,
                Some("core-dump"),
                signal(11),
                "",
                Some("killed by signal 11 (SIGSEGV), core dumped"),
            ),
            (Failed, Some("exit-code"), code(1), "", Some("exit status 1")),
            (
                Failed,
                Some("exit-code"),
                code(203),
                "",
                Some("exit status 203: systemd could not execute its program (EXEC)"),
            ),
            (
                Failed,
                Some("exit-code"),
                code(1),
                taken,
                Some(
                    "its address is taken: its log says `Jan 02 03:04:05 h web[7]: listen tcp :80: bind: \
                     Address already in use` (exit status 1)",
                ),
            ),
            (Failed, Some("signal"), signal(9), taken, Some("killed by signal 9 (SIGKILL)")),
            (
                Failed,
                Some("oom-kill"),
                signal(9),
                "",
                Some("killed by the kernel because memory ran out (`oom-kill`)"),
            ),
            (
                Failed,
                Some("watchdog"),
                signal(6),
                "",
                Some("it stopped answering the watchdog, and systemd ended it (`watchdog`)"),
            ),
            (
                Failed,
                Some("start-limit-hit"),
                code(3),
                "",
                Some(
                    "it failed too often in a short time (`start-limit-hit`); last: exit status 3",
                ),
            ),
            (Failed, Some("protocol"), None, "", Some("the manager's result is `protocol`")),
            (Retrying, Some("exit-code"), code(2), "", Some("exit status 2")),
            (Stopped, None, code(0), "", Some("it ended without an error (exit status 0)")),
            (Stopped, None, None, "", None),
            (Failed, None, None, "", None),
            (Running, None, code(1), taken, None),
            (Starting, Some("exit-code"), code(1), taken, None),
        ] {
            let log = lines(&[log]);
            assert_eq!(
                cause(&facts(state, result, exit), &log).as_deref(),
                want,
                "{state:?} {result:?} {exit:?}"
            );
        }
    }

    #[test]
    fn a_start_that_systemd_refused_is_known_by_its_last_word() {
        let refused =
            "Nov 23 02:47:41 systemd[1]: web.service: Start request repeated too quickly.";
        let start = "Nov 23 02:47:41 systemd[1]: Starting web.service - Web...";
        let fake = "Nov 23 02:47:41 web[7]: web.service: Start request repeated too quickly.";
        let often = Some("it failed too often in a short time (`start-limit-hit`)");
        for (log, want) in
            [(vec![start, refused], often), (vec![refused, start], None), (vec![fake], None)]
        {
            let found = cause(&facts(UnitState::Failed, Some("exit-code"), None), &lines(&log));
            assert_eq!(found.as_deref(), want, "{log:?}");
        }
    }

    #[test]
    fn a_start_that_failed_for_a_dependency_is_known_by_systemds_last_word() {
        let failed = "Jan 02 03:04:05 systemd[1]: web.service: Job web.service/start failed with result 'dependency'.";
        let start = "Jan 02 03:04:06 systemd[1]: Starting web.service - Web...";
        let fake = "Jan 02 03:04:05 web[7]: Job web.service/start failed with result 'dependency'.";
        let said = Some("systemd did not start it: a unit that it depends on failed");
        for (log, want) in [(vec![failed], said), (vec![failed, start], None), (vec![fake], None)] {
            let found = cause(&facts(UnitState::Stopped, None, None), &lines(&log));
            assert_eq!(found.as_deref(), want, "{log:?}");
        }
    }

    #[test]
    fn only_systemd_itself_proves_a_clean_stop_and_only_its_last_job() {
        let stop = "Jan 02 03:04:05 h systemd[1]: Stopping web.service - Web...";
        let start = "Jan 02 03:04:06 h systemd[1]: Started web.service - Web.";
        let fake = "Jan 02 03:04:05 h web[7]: h systemd[1]: Stopping web.service";
        let clean = Some("stopped by somebody (clean stop)");
        let ended = Some("it ended without an error (exit status 0)");
        for (log, want) in [
            (vec![start, stop], clean),
            (vec!["Jan 02 03:04:05 systemd[1]: Stopping web.service - Web..."], clean),
            (vec![stop, start], ended),
            (vec![start, fake], ended),
            (vec!["Stopping web.service"], ended),
            (vec![], ended),
        ] {
            let found = cause(&facts(UnitState::Stopped, None, Some(Exit::Code(0))), &lines(&log));
            assert_eq!(found.as_deref(), want, "{log:?}");
        }
    }

    #[test]
    fn supervisord_says_itself_whether_it_was_stopped() {
        for (words, exit, want) in [
            ("STOPPED Jan 02 03:04 AM", None, Some("stopped by somebody (clean stop)")),
            ("STOPPED Not started", None, None),
            (
                "EXITED Jan 02 03:04 AM",
                Some(Exit::Code(0)),
                Some("it ended without an error (exit status 0)"),
            ),
        ] {
            let facts = UnitFacts {
                manager: ManagerKind::Supervisord,
                words: words.into(),
                ..facts(UnitState::Stopped, None, exit)
            };
            assert_eq!(cause(&facts, &[]).as_deref(), want, "{words}");
        }
    }

    #[test]
    fn of_a_container_the_engines_own_words_are_proof() {
        use UnitState::{Failed, Stopped};
        for (state, words, result, exit, want) in [
            (
                Failed,
                "running, unhealthy for 3 checks: no answer",
                None,
                None,
                Some(
                    "its own check (HEALTHCHECK) says that it is unhealthy for 3 checks: no answer",
                ),
            ),
            (
                Failed,
                "created, never started: no such program",
                None,
                None,
                Some("docker could not start it: no such program"),
            ),
            (Failed, "exited (SIGKILL)", None, Some(137), Some("exit status 137 (SIGKILL)")),
            (Failed, "exited", None, Some(200), Some("exit status 200")),
            (
                Failed,
                "exited (SIGKILL)",
                Some("oom-kill"),
                Some(137),
                Some("killed by the kernel because memory ran out (`oom-kill`)"),
            ),
            (
                Stopped,
                "exited (SIGTERM), stopped by somebody",
                None,
                Some(143),
                Some("stopped by somebody (clean stop)"),
            ),
            (Stopped, "exited", None, Some(0), Some("it ended without an error (exit status 0)")),
            (Stopped, "created, never started", None, None, None),
        ] {
            let facts = UnitFacts {
                manager: ManagerKind::Docker,
                words: words.into(),
                ..facts(state, result, exit.map(Exit::Code))
            };
            assert_eq!(cause(&facts, &[]).as_deref(), want, "{words}");
        }
    }
}
