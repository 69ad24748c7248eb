//! `clock:`: this host's clock is synchronised; `clock:?server=pool.example.org`: it is as late as a time server's.
//! Never sets it.

use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::range::Range;
use crate::model::text::{human_duration, one_line};
use crate::model::trail::Before;
use crate::probe::limits::{Limits, MAIN};
use crate::probe::memory::nothing;
use crate::probe::{Answer, At, tcp};
use crate::sys::exec::{Command, Ended, Output};
use crate::sys::host;
use crate::sys::sntp::{self, Told};

/// What is asked about the clock: whether somebody keeps it right or, with a server, how far it is from its.
#[derive(Debug, Clone)]
pub struct Clock {
    server: Option<Server>,
}

#[derive(Debug, Clone)]
struct Server {
    /// A name or an address.
    host: String,
    port: u16,
    /// How far it may be, ahead or behind, in seconds.
    offset: Limits,
}

impl Clock {
    /// No target. Keys: `server` (a name, or a name and a port), `warn`, `crit`, `clear_below` (seconds from the
    /// server's clock, ahead or behind; at most 1s unless anything is given).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let server = fields.parsed("server", "a time server such as `pool.ntp.org`", |text| {
            tcp::host_and_port(text, sntp::PORT).ok_or_else(|| format!("`{text}` is no host"))
        });
        let offset = Limits::read(&MAIN, Unit::Seconds, fields);
        let own = nothing("clock", target, fields);
        let Some((host, port)) = server else {
            if offset.any() {
                let hint = "add `server=pool.ntp.org`";
                fields.problem(
                    "crit",
                    "the clock can only be held to a `server`'s",
                    Some(hint.into()),
                );
            }
            return own.then_some(Self { server: None });
        };
        let offset = offset.or_crit(Range::at_most(1.0, Unit::Seconds));
        own.then_some(Self { server: Some(Server { host, port, offset }) })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let Some(server) = &self.server else {
            return synchronised(at.limit.min(at.deadline.left()));
        };
        match sntp::ask(&server.host, server.port, at.limit) {
            Ok(told) => judge(told, server, at.before),
            // Whether the clock is right is what is asked, and that is not known now.
            Err(why) => Answer::unknown(format!("time server `{}`: {why}", server.host)),
        }
    }
}

fn judge(told: Told, server: &Server, before: &Before) -> Answer {
    let far = told.offset.abs();
    let side = if told.offset > 0.0 { "behind" } else { "ahead of" };
    let said = format!("{} {side} `{}`", shown(far), one_line(&server.host, 60));
    let number = Measure::new("offset", far, Unit::Seconds).between(Some(0.0), None);
    let answer =
        server.offset.hold(Answer::up(&said), number, &format!("the clock is {said}"), before);
    answer.hinting("see who keeps it: `timedatectl status`, `chronyc tracking`")
}

/// Thousandths of a second matter here.
fn shown(secs: f64) -> String {
    match Duration::try_from_secs_f64(secs) {
        Ok(time) if time >= Duration::from_secs(1) => human_duration(time),
        _ => format!("{:.1}ms", secs * 1000.0),
    }
}

/// The kernel is told by whoever keeps the clock; systemd's timedated passes it on, whoever that is. Else chrony
/// is asked itself.
fn synchronised(limit: Duration) -> Answer {
    if let Some(sign) = host::container() {
        return Answer::unknown(format!("this is a container (`{sign}`): its clock is its host's"))
            .hinting(
                "look at the host itself, or ask a time server: `clock:?server=pool.ntp.org`",
            );
    }
    let ask =
        |argv: &[&str]| Command::new(argv.iter().copied(), limit).env("LC_ALL", "C.UTF-8").run();
    let timedated = ask(&["timedatectl", "show", "--property=NTPSynchronized"]);
    if let Some(answer) = by_timedated(&timedated) {
        return answer;
    }
    let chrony = ask(&["chronyc", "-n", "-c", "tracking"]);
    by_chrony(&chrony).unwrap_or_else(|| {
        let (timedated, chrony) = (timedated.reason(), chrony.reason());
        Answer::unknown(format!("nobody here tells: timedatectl: {timedated}; chronyc: {chrony}"))
            .hinting("ask a time server: `clock:?server=pool.ntp.org`")
    })
}

/// `NTPSynchronized=yes` (org.freedesktop.timedate1(5)).
fn by_timedated(output: &Output) -> Option<Answer> {
    let text = output.text();
    match text
        .trim()
        .strip_prefix("NTPSynchronized=")
        .filter(|_| output.ended == Ended::Exited(0))?
    {
        "yes" => Some(Answer::up("synchronised")),
        "no" => {
            Some(Answer::down("the clock is not synchronised: nobody keeps it right").hinting(
                "see who should: `timedatectl status`; `apt-get install systemd-timesyncd`",
            ))
        }
        _ => None,
    }
}

/// The last of the fields of `tracking` is the leap status (chronyc(1), "tracking").
fn by_chrony(output: &Output) -> Option<Answer> {
    let text = output.text();
    let mut fields = text.trim().split(',').filter(|_| output.ended == Ended::Exited(0));
    let (server, leap) = (fields.nth(1)?, fields.next_back()?);
    match leap {
        "Not synchronised" => Some(
            Answer::down("the clock is not synchronised: chrony has no source that it trusts")
                .hinting("see its sources: `chronyc sources -v`"),
        ),
        _ => Some(Answer::up(format!("synchronised by chrony, from `{}`", one_line(server, 60)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Kind;
    use crate::probe::tests::{probe, problem};

    fn said(text: &str) -> Output {
        let (stdout, took) = (text.as_bytes().to_vec(), Duration::ZERO);
        Output { ended: Ended::Exited(0), stdout, stderr: Vec::new(), took }
    }

    #[test]
    fn who_knows_whether_it_is_synchronised_is_believed() {
        let words = |answer: Option<Answer>| answer.map(|a| (a.verdict.word(), a.detail));
        let up = |detail: &str| Some(("up", detail.to_owned()));
        let down = Some(("down", String::new()));
        assert_eq!(words(by_timedated(&said("NTPSynchronized=yes\n"))), up("synchronised"));
        assert_eq!(words(by_timedated(&said("NTPSynchronized=no\n"))), down);
        assert_eq!(words(by_timedated(&said(""))), None);
        // As chrony 4.3 prints it, with a server and before it has one.
        let good = "7F000001,127.0.0.1,3,1795592345.1,0.000000011,-0.000001,0.00001,-0.5,0.0,0.01,0.0001,0.002,64.2,Normal\n";
        assert_eq!(words(by_chrony(&said(good))), up("synchronised by chrony, from `127.0.0.1`"));
        let bad = "00000000,,0,0.000000000,0.000000000,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n";
        assert_eq!(words(by_chrony(&said(bad))), down);
        assert_eq!(words(by_chrony(&said("506 Cannot talk to daemon\n"))), None);
    }

    #[test]
    fn the_distance_from_a_server_is_held_to_its_limits() {
        for (keys, offset, word, reason) in [
            ("", 0.9, "up", ""),
            ("", 1.5, "down", "the clock is 1.5s behind `h`, more than 1s"),
            ("", -7200.0, "down", "the clock is 2h ahead of `h`, more than 1s"),
            ("&crit=100ms", 0.2, "down", "the clock is 200.0ms behind `h`, more than 100ms"),
            ("&warn=100ms", -0.2, "up", "the clock is 200.0ms ahead of `h`, more than 100ms"),
        ] {
            let kind = probe(&format!("clock:?server=h{keys}")).kind;
            let Kind::Clock(Clock { server: Some(server) }) = kind else { unreachable!() };
            let told = Told { offset, delay: 0.01, stratum: 2 };
            let answer = judge(told, &server, &Before::Nowhere);
            let said = answer.warning.as_deref().unwrap_or(answer.verdict.reason());
            assert_eq!((answer.verdict.word(), said), (word, reason), "{keys} {offset}");
        }
    }

    #[test]
    fn limits_are_those_of_the_distance_from_a_server() {
        assert!(problem("clock:?crit=1s").contains("the clock can only be held to a `server`'s"));
    }
}
