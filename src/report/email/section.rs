//! The parts that letters share: the lines about the service, steps, cause, evidence. Every text goes through
//! [`Page::line`], which makes it one safe line and wraps it.

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::incident::{Attempt, Outcome};
use crate::model::repeats::{PastHeal, Repeats};
use crate::model::story::{Change, Story};
use crate::model::text::{human_duration, one_line, plural};
use crate::model::time::lapse;
use crate::model::unit::HandsOff;
use crate::report::cause;
use crate::report::manual;
use crate::report::wrap::{WIDTH, wrap};

/// The most that is shown of one text from outside, in characters.
const LONGEST: usize = 600;
/// The most items of one list, and lines of one problem.
const MOST: usize = 12;
/// The most log lines, and characters of each.
const LOG: (usize, usize) = (20, 240);
/// The most lines of what one remedy showed.
const TRACE: usize = 45;

/// A letter's body being written.
pub(super) struct Page<'z> {
    zone: &'z TimeZone,
    text: String,
}

impl<'z> Page<'z> {
    pub(super) fn new(zone: &'z TimeZone) -> Self {
        Self { zone, text: String::new() }
    }

    /// The body; never ends in empty lines.
    pub(super) fn text(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
        self.text
    }

    /// `2026-01-02 03:04:05 +01:00`.
    pub(super) fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// `02:10`; with the date on another day than `now`, and the offset where that is another.
    pub(super) fn moment(&self, at: Timestamp, now: Timestamp) -> String {
        let (at, now) = (at.to_zoned(self.zone.clone()), now.to_zoned(self.zone.clone()));
        let date = if at.date() == now.date() { "" } else { "%Y-%m-%d " };
        let offset = if at.offset() == now.offset() { "" } else { " %:z" };
        at.strftime(&format!("{date}%H:%M{offset}")).to_string()
    }

    /// `from 2026-01-02 02:10 to 04:40 +01:00`.
    pub(super) fn span(&self, from: Timestamp, to: Timestamp) -> String {
        let (since, until) = (from.to_zoned(self.zone.clone()), to.to_zoned(self.zone.clone()));
        let offset = if since.offset() == until.offset() { "" } else { " %:z" };
        let begins = since.strftime(&format!("%Y-%m-%d %H:%M{offset}")).to_string();
        let date = if since.date() == until.date() { "" } else { "%Y-%m-%d " };
        format!("from {begins} to {}", until.strftime(&format!("{date}%H:%M %:z")))
    }

    /// One line, or one paragraph if it is long.
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(&wrap("", "  ", &one_line(text, LONGEST)));
    }

    /// One line that belongs to the one above it.
    pub(super) fn below(&mut self, text: &str) {
        self.text.push_str(&wrap("  ", "    ", &one_line(text, LONGEST)));
    }

    /// An empty line.
    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// The title of a section.
    pub(super) fn head(&mut self, title: &str) {
        self.line(&format!("{title}:"));
    }

    /// A numbered list; the middle of a long one is left out, and that is said.
    pub(super) fn numbered(&mut self, items: &[String]) {
        for (index, item) in items.iter().enumerate() {
            let left_out = items.len().saturating_sub(MOST);
            if left_out > 0 && index == MOST / 2 {
                self.line(&format!("   ... {left_out} left out ..."));
            }
            if left_out > 0 && (MOST / 2..MOST / 2 + left_out).contains(&index) {
                continue;
            }
            let number = format!("{}. ", index + 1);
            let rest = " ".repeat(number.len());
            self.text.push_str(&wrap(&number, &rest, &one_line(item, LONGEST)));
        }
    }

    /// Who and where it is.
    pub(super) fn header(&mut self, story: &Story, status: Option<&str>) {
        match &story.domain {
            Some(domain) => self.line(&format!("Service: {} ({domain})", story.service)),
            None => self.line(&format!("Service: {}", story.service)),
        }
        if let Some(status) = status {
            self.line(&format!("Status: {status}"));
        }
        // What the configuration said of it went with it.
        if story.change != Change::Unwatched {
            self.line(if story.critical { "Priority: CRITICAL" } else { "Priority: Standard" });
        }
        if let Some(port) = story.port {
            self.line(&format!("Port: {port}"));
        }
        self.line(&format!("Host: {}", story.host));
        self.line(&format!("Time: {}", self.time(story.at)));
        self.line(&format!("Incident: {}", story.incident));
    }

    /// Since when it is down, and why.
    pub(super) fn since(&mut self, story: &Story) {
        self.line(&format!(
            "Down since: {}, for {}",
            self.time(story.opened),
            human_duration(story.lasted)
        ));
        self.line(&format!("Reason: {}", story.reason));
        self.held(story);
    }

    /// By what hands were kept off meanwhile: why nothing was done and told before.
    pub(super) fn held(&mut self, story: &Story) {
        if let Some(why) = &story.held {
            self.line(&format!("Hands were kept off meanwhile: {why}"));
        }
    }

    /// The steps of the ladder that were not tried.
    pub(super) fn skipped(&mut self, story: &Story) {
        for skipped in story.skipped.iter().take(MOST) {
            self.line(&format!("skipped: {skipped}"));
        }
    }

    /// The root cause, where the evidence proves one.
    pub(super) fn cause(&mut self, story: &Story) {
        let cause = story.evidence.cause.as_deref().unwrap_or("not known");
        self.line(&format!("ROOT CAUSE: {cause}"));
        if let Some(common) = &story.evidence.common {
            self.line(&format!("COMMON CAUSE of several outages: {common}"));
        }
    }

    /// Numbered commands. A command that does not fit beside its purpose has a line of its own, so that it can
    /// be pasted.
    pub(super) fn manual(&mut self, title: &str, story: &Story) {
        self.head(title);
        for (index, step) in manual::steps(story).iter().enumerate() {
            let label = format!("{}. {}:", index + 1, step.what);
            if label.chars().count() + 1 + step.command.chars().count() <= WIDTH {
                let _ = writeln!(self.text, "{label} {}", step.command);
            } else {
                self.line(&label);
                self.text.push_str(&wrap("   ", "   ", &step.command));
            }
        }
    }

    /// When it is tried again.
    pub(super) fn next(&mut self, story: &Story) {
        let next = if story.next.is_empty() { "none, until it is mended" } else { &story.next };
        self.line(&format!("Next attempt: {next}"));
    }

    /// How often it was healed before, when that is more than once.
    pub(super) fn repeats(&mut self, story: &Story) {
        let often = story.repeats.as_ref().filter(|repeats| repeats.heals.len() > 1);
        if let Some(repeats) = often {
            let mark = if repeats.reached { "REPEATED" } else { "AGAIN" };
            self.line(&format!("{mark}: {}", repeats.words()));
        }
    }

    /// What was found before a restart destroyed it.
    pub(super) fn evidence(&mut self, story: &Story) {
        let evidence = &story.evidence;
        let found = evidence.unit.is_some() || !evidence.log.is_empty();
        if !found && evidence.remedies.is_empty() {
            return;
        }
        self.blank();
        self.head(if found { "EVIDENCE, as found before anything was done" } else { "EVIDENCE" });
        if let Some(unit) = &evidence.unit {
            self.line(&format!("Unit: {} ({}): {}", unit.unit, unit.manager.word(), unit.words));
            if let Some(result) = &unit.result {
                self.line(&format!("Result: {result}"));
            }
            if let Some(exit) = unit.exit {
                self.line(&format!("Last end of its main process: {}", cause::ended(exit, unit)));
            }
            if let Some(restarts) = unit.restarts.filter(|count| *count > 0) {
                self.line(&format!("Restarts by the manager itself: {restarts}"));
            }
        }
        if !evidence.log.is_empty() {
            let skipped = evidence.log.len().saturating_sub(LOG.0);
            self.line(&format!(
                "Last {} of its log:",
                plural(evidence.log.len() - skipped, "line")
            ));
            for line in &evidence.log[skipped..] {
                self.quoted(line);
            }
        }
        self.traces(story);
    }

    /// What the remedies showed.
    fn traces(&mut self, story: &Story) {
        for trace in story.evidence.remedies.iter().take(MOST) {
            self.line(&format!("Shown by {}:", trace.remedy));
            for line in trace.lines.iter().take(TRACE) {
                self.quoted(line);
            }
        }
    }

    fn quoted(&mut self, line: &str) {
        let line = one_line(line, LOG.1);
        // As it stands where it fits: in a config's line the indentation may be what is wrong.
        if line.chars().count() + 4 <= WIDTH {
            let _ = writeln!(self.text, "  | {line}");
        } else {
            self.text.push_str(&wrap("  | ", "  |   ", &line));
        }
    }

    /// The problems of the config on disk, when it is broken.
    pub(super) fn problems(&mut self, story: &Story) {
        if story.problems.is_empty() {
            return;
        }
        self.blank();
        self.head("THE CONFIGURATION IS BROKEN, the last one that loaded is in use");
        self.problem_list(story);
    }

    /// The problems themselves, each with the lines that show its spot and its hint as they are.
    pub(super) fn problem_list(&mut self, story: &Story) {
        for (index, problem) in story.problems.iter().take(MOST).enumerate() {
            let number = format!("{}. ", index + 1);
            let rest = " ".repeat(number.len());
            let mut before = number.as_str();
            for line in problem.lines().take(MOST) {
                let line = one_line(line, LONGEST);
                if before.len() + line.chars().count() <= WIDTH {
                    let _ = writeln!(self.text, "{before}{line}");
                } else {
                    self.text.push_str(&wrap(before, &rest, &line));
                }
                before = &rest;
            }
        }
        if let Some(more) = story.problems.len().checked_sub(MOST).filter(|more| *more > 0) {
            self.line(&format!("... and {more} more"));
        }
    }
}

/// The steps from down to up, each one seen or measured.
pub(super) fn how(story: &Story) -> Vec<String> {
    let mut steps = vec![format!("Detected {} was down: {}", story.service, story.reason)];
    for attempt in &story.attempts {
        steps.push(match &attempt.outcome {
            Some(Outcome::Healed) => format!("Executed: {}", done(attempt)),
            _ => format!("Tried: {}: {}", done(attempt), result(attempt)),
        });
        // One that failed has it in its result.
        if attempt.outcome == Some(Outcome::Healed) {
            steps.extend(attempt.said.iter().map(|said| format!("Found: {said}")));
        }
    }
    for look in story.verified.iter().filter(|look| look.verdict.is_up()) {
        let seen = if look.detail.is_empty() { "up" } else { &look.detail };
        steps.push(format!("Verified: {}: {seen}", look.probe));
    }
    let stayed = human_duration(story.stable_for);
    let instance = if story.new_instance { "a new instance, and " } else { "" };
    if !story.stable_for.is_zero() {
        steps.push(format!("Verified: {instance}it stayed up for {stayed}"));
    } else if story.new_instance {
        steps.push("Verified: a new instance".into());
    }
    steps
}

/// Each heal with its time, what helped, and against what.
pub(super) fn heals(repeats: &Repeats, page: &Page) -> Vec<String> {
    let told = |heal: &PastHeal| {
        let cause = if heal.cause.is_empty() { "not known" } else { &heal.cause };
        format!("{}: {}; cause: {cause}", page.time(heal.at.wall), heal.remedy)
    };
    repeats.heals.iter().map(told).collect()
}

/// Each with how often it was.
pub(super) fn counted(counts: &[(&str, usize)]) -> Vec<String> {
    counts.iter().map(|(what, count)| format!("{}: {what}", plural(*count, "time"))).collect()
}

/// Each attempt with its time and its result.
pub(super) fn tried(story: &Story, page: &Page) -> Vec<String> {
    let told = |attempt: &Attempt| {
        format!("{}: {}: {}", page.time(attempt.at.wall), done(attempt), result(attempt))
    };
    story.attempts.iter().map(told).collect()
}

fn done(attempt: &Attempt) -> String {
    let ended = matches!(attempt.outcome, Some(Outcome::Healed | Outcome::StillDown(_)));
    if attempt.remedy == "reboot" && ended {
        return format!("the host was rebooted ({})", attempt.did.join(", "));
    }
    if attempt.did.is_empty() { attempt.remedy.clone() } else { attempt.did.join(", then ") }
}

fn result(attempt: &Attempt) -> String {
    let took = human_duration(attempt.took);
    match &attempt.outcome {
        Some(Outcome::Healed) => format!("healed, after {took}"),
        Some(Outcome::StillDown(why)) => format!("still down after {took}: {why}"),
        Some(Outcome::Refused(why)) => format!("not done: {why}"),
        None if attempt.remedy == "reboot" => {
            "asked for; the first run after the boot tells what came of it".into()
        }
        None => "begun, but the run ended before its result was known".into(),
    }
}

/// Why nothing was done: what was said, refused or found.
pub(super) fn why_not(story: &Story) -> String {
    if let Some(why) = &story.left_alone {
        return why.clone();
    }
    let refused = story.attempts.iter().rev().find_map(|attempt| match &attempt.outcome {
        Some(Outcome::Refused(why)) => Some(format!("{}: {why}", attempt.remedy)),
        _ => None,
    });
    let hands_off = story.evidence.unit.as_ref().and_then(|unit| unit.hands_off.as_ref());
    refused.unwrap_or_else(|| match hands_off {
        Some(HandsOff::Masked) => "its unit is masked".into(),
        Some(HandsOff::Disabled) => "its unit is disabled".into(),
        Some(HandsOff::NotFound(words)) => format!("the manager does not know its unit: {words}"),
        Some(HandsOff::JobQueued) => "a start or stop of it is under way".into(),
        Some(HandsOff::Paused) => "it is paused".into(),
        Some(HandsOff::RunBy(by)) => format!("it is run by systemd's {by}"),
        None => "nothing was tried".into(),
    })
}

/// From the beginning of the first attempt to the proof, as measured; none when nothing healed it.
pub(super) fn healing_time(story: &Story) -> Option<String> {
    let counted: Vec<&Attempt> = story.attempts.iter().filter(|a| a.counts()).collect();
    let at = counted.iter().rposition(|a| a.outcome == Some(Outcome::Healed))?;
    let (first, last) = (counted.first()?, counted[at]);
    let before = if first.at.boot == last.at.boot {
        Duration::from_millis(last.at.since_boot_ms.saturating_sub(first.at.since_boot_ms))
    } else {
        lapse(first.at.wall, last.at.wall)
    };
    let time = human_duration(before + last.took);
    Some(if at == 0 { time } else { format!("{time}, over {}", plural(at + 1, "attempt")) })
}
