//! What a service can be told, and what becomes of a ping that says more. Nothing is dropped without a word.

use crate::heartbeat::{Kind, Ping, Signal};

/// A part of what a ping can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// That a job has begun.
    Start,
    /// That something is wrong.
    Fail,
    /// Something to be written down only.
    Log,
    /// A job's exit status.
    ExitCode,
    /// A text.
    Text,
    /// A run's id.
    RunId,
}

/// A ping as the service can be told it.
pub(super) struct Heard<'a> {
    pub(super) ping: Ping<'a>,
    /// What to say when it is taken: `accepted`, and what was left out.
    pub(super) accepted: String,
}

/// `ping` without what `kind` cannot be told; an error when nothing would be left.
pub(super) fn of<'a>(kind: &Kind, ping: &Ping<'a>) -> Result<Heard<'a>, String> {
    let name = kind.name();
    let unheard = |what: &str| Err(format!("not told: {name} knows no {what}"));
    let mut heard = *ping;
    let mut left_out = Vec::new();
    match ping.signal {
        Signal::Start if !kind.hears(Part::Start) => return unheard("start"),
        Signal::Log if !kind.hears(Part::Log) => return unheard("log"),
        _ if ping.is_bad() && !kind.hears(Part::Fail) => {
            return unheard("failure, and finds out when it is not pinged");
        }
        // As success or failure it is told all the same, and where there is a text, it stands there.
        Signal::ExitCode(_) if !kind.hears(Part::ExitCode) && !kind.hears(Part::Text) => {
            left_out.push("the exit status");
        }
        Signal::Success | Signal::Start | Signal::Fail | Signal::Log | Signal::ExitCode(_) => {}
    }
    if !ping.body.is_empty() && !kind.hears(Part::Text) {
        (heard.body, left_out) = ("", [left_out, vec!["the text"]].concat());
    }
    if ping.rid.is_some() && !kind.hears(Part::RunId) {
        heard.rid = None;
        left_out.push("the run id");
    }
    let word = if kind.is_answered() { "accepted" } else { "sent, and never acknowledged" };
    let accepted = if left_out.is_empty() {
        word.to_owned()
    } else {
        format!("{word}, without {}: {name} takes none", left_out.join(" and "))
    };
    Ok(Heard { ping: heard, accepted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn said(kind: &Kind, ping: &Ping<'_>) -> String {
        match of(kind, ping) {
            Ok(heard) => format!("{}: {}", heard.ping.signal.word(), heard.accepted),
            Err(why) => why,
        }
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        for (kind, signal, want) in [
            (Kind::Healthchecks, Signal::Log, "log: accepted"),
            (Kind::Healthchecks, Signal::ExitCode(3), "exit 3: accepted"),
            (Kind::DeadMansSnitch, Signal::Start, "not told: deadmanssnitch knows no start"),
            (Kind::DeadMansSnitch, Signal::ExitCode(3), "exit 3: accepted"),
            (Kind::Cronitor, Signal::Start, "start: accepted"),
            (Kind::Cronitor, Signal::Log, "not told: cronitor knows no log"),
            (Kind::BetterStack, Signal::Fail, "fail: accepted"),
            (Kind::UptimeKuma, Signal::ExitCode(3), "exit 3: accepted"),
            (
                Kind::UptimeRobot,
                Signal::Success,
                "success: accepted, without the text: uptimerobot takes none",
            ),
            (
                Kind::UptimeRobot,
                Signal::Fail,
                "not told: uptimerobot knows no failure, and finds out when it is not pinged",
            ),
        ] {
            assert_eq!(said(&kind, &Ping::new(signal, "text")), want);
        }
        let ping = Ping { rid: Some(Uuid::new_v4()), ..Ping::new(Signal::ExitCode(0), "") };
        let want =
            "exit 0: accepted, without the exit status and the run id: uptimerobot takes none";
        assert_eq!(said(&Kind::UptimeRobot, &ping), want);
    }
}
