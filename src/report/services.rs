//! Services as `check`, `heal` and `status` show them: one value, as a table row or as JSON with the same
//! words. Judges nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::incident::{Attempt, Outcome, PastIncident};
use crate::model::policy::Budget;
use crate::model::repeats::Repeats;
use crate::model::state::{ServiceState, Status, Tally};
use crate::model::text::{brief_duration, human_duration, one_line, plural};
use crate::model::time::Now;
use crate::model::verdict::{Look, Verdict};
use crate::report::looks::with_status;
use crate::report::screen::Paint;
use crate::report::text::Row;

/// One service, ready to be shown.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// `failed`, `down`, `unknown`, `blocked`, `held`, `suspect`, `degraded`, `new`,
    /// `healed` or `up`.
    pub status: &'static str,
    /// Whether its outage is critical.
    pub critical: bool,
    /// Since when it has this status.
    pub since: jiff::Timestamp,
    /// How long that is, in seconds.
    pub for_seconds: u64,
    /// When it was last looked at.
    pub looked: jiff::Timestamp,
    /// Why it is not up, or degraded; empty when all is well.
    pub reason: String,
    /// The dependency it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// Why it is left alone although it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_alone: Option<String>,
    /// Why hands are kept off it for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// What comes next: `next attempt in 40s`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next: String,
    /// The outage that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// The attempts of that outage or, after a heal, of the one just closed.
    pub attempts: Vec<Attempt>,
    /// What each remedy came to over all its outages.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub remedies: BTreeMap<String, Tally>,
    /// The outage before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_incident: Option<PastIncident>,
    /// How often it was healed of late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Repeats>,
    /// Each probe.
    #[serde(serialize_with = "with_status")]
    pub probes: Vec<Look>,
}

impl Shown {
    /// From what is remembered. `healed` is set by the run that healed it.
    pub fn of(name: &str, state: &ServiceState, critical: bool, healed: bool, now: &Now) -> Self {
        let incident = state.incident.as_ref().map(|incident| incident.id.clone());
        let told = incident
            .clone()
            .or_else(|| healed.then(|| state.last_incident.as_ref().map(|i| i.id.clone()))?);
        Self {
            name: name.to_owned(),
            status: word(state, healed),
            critical,
            since: state.since.wall,
            for_seconds: now.elapsed(&state.since).as_secs(),
            looked: state.looked.wall,
            reason: match state.verdict.reason() {
                "" => state.warnings(),
                reason => reason.to_owned(),
            },
            blocked_by: state.blocked_by.clone(),
            left_alone: state.left_alone.clone(),
            held: state.held.clone(),
            next: String::new(),
            attempts: state
                .attempts
                .iter()
                .filter(|a| Some(&a.incident) == told.as_ref())
                .cloned()
                .collect(),
            incident,
            remedies: state.remedies.clone(),
            last_incident: state.last_incident.clone(),
            repeats: None,
            probes: state.looks.clone(),
        }
    }

    /// With how often it was healed of late, `limit` being its `repeats`.
    #[must_use]
    pub fn counted(self, state: &ServiceState, limit: Option<Budget>, now: &Now) -> Self {
        Self { repeats: Repeats::of(&state.heals, limit, now), ..self }
    }

    /// Worst first, then by name.
    pub fn order(&self) -> (u8, &str) {
        let rank = match self.status {
            "failed" => 0,
            "down" => 1,
            "unknown" => 2,
            "blocked" | "held" => 3,
            "suspect" => 4,
            "degraded" => 5,
            "new" => 6,
            "healed" => 7,
            _ => 8,
        };
        (rank + u8::from(!self.critical) * u8::from(rank < 2) * 3, &self.name)
    }

    /// As a line of the table; every probe and attempt with `verbose`.
    pub fn row(&self, verbose: bool) -> Row {
        let age = human_duration(std::time::Duration::from_secs(self.for_seconds));
        let mut details = Vec::new();
        match self.status {
            "up" if self.probes.len() == 1 || verbose => details.push(self.up_detail()),
            "up" => details.push(plural(self.probes.len(), "probe")),
            "healed" => details.push(self.healed_detail()),
            "blocked" => {
                details
                    .push(format!("waits for {}", self.blocked_by.as_deref().unwrap_or_default()));
            }
            "new" => details.push("not looked at yet".into()),
            // First why nothing is done about it: that is all that fits in some places.
            "held" => {
                let held = self.held.as_deref().unwrap_or_default();
                details.extend([one_line(held, 300), one_line(&self.reason, 400)]);
            }
            _ => details.push(one_line(&self.reason, 400)),
        }
        if matches!(self.status, "failed" | "down") {
            let tried = self.attempts.iter().filter(|a| a.counts()).count();
            let mut line = format!("for {age}");
            if tried > 0 {
                line.push_str(&format!(", {}", plural(tried, "attempt")));
            }
            if !self.critical {
                line.push_str(", not critical");
            }
            if !self.next.is_empty() {
                line = format!("{line}; {}", self.next);
            }
            details.push(line);
        }
        if let Some(why) = self.held.as_ref().filter(|_| self.status != "held") {
            details.push(one_line(why, 200));
        }
        if let Some(why) = &self.left_alone {
            details.push(format!("left alone: {}", one_line(why, 400)));
        }
        let often = self.repeats.as_ref().filter(|repeats| repeats.reached || verbose);
        details.extend(often.map(Repeats::words));
        if verbose {
            details.extend(self.probes.iter().flat_map(probe_lines));
            details.extend(self.attempts.iter().map(attempt_line));
            // Of one try the attempt itself says it all.
            details.extend(self.remedies.iter().filter(|(_, one)| one.tried > 1).map(tally_line));
        }
        // A probe that is up may have nothing to add.
        details.retain(|line| !line.is_empty());
        let word = if matches!(self.status, "up" | "healed" | "new") {
            self.status.into()
        } else {
            self.status.to_uppercase()
        };
        Row { word, paint: self.paint(), name: one_line(&self.name, 60), details }
    }

    fn paint(&self) -> Paint {
        match self.status {
            "up" | "healed" => Paint::Good,
            "failed" | "down" if self.critical => Paint::Bad,
            "new" => Paint::Dim,
            _ => Paint::Warn,
        }
    }

    fn up_detail(&self) -> String {
        self.probes.first().map_or_else(String::new, |look| one_line(&look.detail, 200))
    }

    fn healed_detail(&self) -> String {
        let Some(attempt) = self.attempts.last() else { return "came back by itself".into() };
        let did = attempt.did.join(", ");
        format!(
            "{} in {}, verified by {}",
            one_line(&did, 200),
            human_duration(attempt.took),
            plural(self.probes.len(), "probe")
        )
    }
}

fn word(state: &ServiceState, healed: bool) -> &'static str {
    match (&state.verdict, &state.blocked_by, state.status) {
        (Verdict::Unknown(_), _, _) => "unknown",
        (Verdict::Down(_), _, Status::Down | Status::Suspect | Status::Failed)
            if state.held.is_some() =>
        {
            "held"
        }
        (_, Some(_), Status::Down | Status::Suspect) => "blocked",
        (_, _, Status::Up) if healed => "healed",
        (Verdict::Up, _, Status::Up) if !state.warnings().is_empty() => "degraded",
        (_, _, status) => status.word(),
    }
}

fn probe_lines(look: &Look) -> Vec<String> {
    let said = if look.reason().is_empty() { look.detail.as_str() } else { look.reason() };
    let text = format!("{}: {} ({})", look.probe, look.word(), brief_duration(look.took));
    let line = if said.is_empty() { text } else { format!("{text} {}", one_line(said, 200)) };
    let wrong = look.word() != "up";
    let hint = look.hint.as_ref().filter(|_| wrong).map(|hint| format!("hint: {hint}"));
    std::iter::once(line).chain(hint).collect()
}

/// `service_restart: worked in 3 of 5 tries, the last at 2026-01-02 03:04:05Z`.
fn tally_line((remedy, tally): (&String, &Tally)) -> String {
    let at = tally.last.wall.strftime("%Y-%m-%d %H:%M:%SZ");
    let count = match tally.worked {
        0 => format!("never worked in {} tries", tally.tried),
        worked => format!("worked in {worked} of {} tries", tally.tried),
    };
    format!("{}: {count}, the last at {at}", one_line(remedy, 40))
}

fn attempt_line(attempt: &Attempt) -> String {
    let did = if attempt.did.is_empty() { attempt.remedy.clone() } else { attempt.did.join(", ") };
    let came_to = match &attempt.outcome {
        Some(Outcome::Healed) => "healed".into(),
        Some(Outcome::StillDown(why)) => format!("still down: {}", one_line(why, 200)),
        Some(Outcome::Refused(why)) => format!("not done: {}", one_line(why, 200)),
        None => "the run ended before its outcome was known".into(),
    };
    format!("{}: {} ({})", one_line(&did, 200), came_to, human_duration(attempt.took))
}
