//! What `heal` would do, and why: for `--dry-run`. Does nothing of it.

use std::time::Duration;

use serde::Serialize;

use crate::commands::cycle::Sight;
use crate::commands::healing::Healing;
use crate::judge::allowance::used_up;
use crate::judge::ladder::{Ladder, Skipped};
use crate::judge::plan::{Action, Why};
use crate::model::strategy::Strategy;
use crate::model::text::{human_duration, one_line};
use crate::remedy;
use crate::report::text::{WIDTH, wrap};

/// Bound on finding out what one step would run into.
const LIMIT: Duration = Duration::from_secs(5);

/// What would be done about one service.
#[derive(Debug, Serialize)]
pub(super) struct Foretold {
    service: String,
    plan: String,
    /// The steps that would be tried, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ladder: Vec<&'static str>,
    /// What there is to say of single steps, and which are skipped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl Foretold {
    /// In lines of at most 80 columns.
    pub(super) fn text(&self) -> String {
        let first = format!("{}: {}", one_line(&self.service, 100), self.plan);
        let mut text = String::new();
        for (index, paragraph) in std::iter::once(&first).chain(&self.notes).enumerate() {
            for (line, words) in wrap(&one_line(paragraph, 1000), WIDTH - 4).iter().enumerate() {
                let indent = 2 * (usize::from(index > 0) + usize::from(line > 0));
                text.push_str(&format!("{:indent$}{words}\n", ""));
            }
        }
        text
    }
}

impl Healing<'_, '_> {
    /// What the plan says of a service as it was seen, after those that were foretold before it. Each is taken to need
    /// one attempt.
    pub(super) fn foretold(&mut self, sight: &Sight) -> Foretold {
        let action = self.plan(sight);
        let (mut ladder, mut notes) = (Vec::new(), Vec::new());
        if let Action::Heal { .. } = action {
            let (acts, limit) = (&self.memory.state.acts, &self.config.allowance);
            if let Some(used) = used_up(acts, self.acts, limit, &self.memory.now()) {
                let (service, reason) = (sight.service.name.clone(), sight.verdict.reason());
                let plan = format!("down ({reason}), waits: {}", used.words());
                return Foretold { service, plan, ladder, notes };
            }
            self.acts += 1;
            if let Some(cause) = &self.brake {
                notes.push(format!("by itself, and not after one that fails: {cause}"));
            }
        }
        let state = self.memory.state.services.get(&sight.service.name);
        if let (Action::Heal { left, .. }, Some(state)) = (&action, state) {
            let now = self.memory.now();
            let climbed = Ladder::new(&sight.service.strategies, state, &now);
            for strategy in climbed.ahead(*left) {
                ladder.push(strategy.word());
                let words = self.with_patient(sight, &now, |patient| {
                    remedy::foreseen(strategy, patient, self.reach, LIMIT)
                });
                notes.extend(words.map(|words| format!("{}: {words}", strategy.word())));
            }
            notes.extend(climbed.skipped.iter().map(Skipped::told));
        }
        let plan = self.in_words(&action, sight, &ladder);
        Foretold { service: sight.service.name.clone(), plan, ladder, notes }
    }

    fn in_words(&self, action: &Action, sight: &Sight, ladder: &[&str]) -> String {
        let reason = sight.verdict.reason();
        match action {
            Action::Leave(Why::Up) => "up, nothing to do".into(),
            Action::Leave(why) => format!("left alone: {}: {reason}", why.words()),
            Action::Blocked(by) => format!("down ({reason}), waits for {by}"),
            Action::Wait { left, why } if left.is_zero() => {
                format!("down ({reason}), waits for the next run: {why}")
            }
            Action::Wait { left, why } => {
                format!("down ({reason}), waits {}: {why}", human_duration(*left))
            }
            Action::GiveUp(why) => format!("down ({reason}), would be given up: {why}"),
            Action::HandsOff(why) => format!("down ({reason}), not to be touched: {why}"),
            Action::Heal { half_open, .. } => {
                let restarts = ladder.contains(&Strategy::ServiceRestart.word());
                let runner = sight.settled.runner.as_ref().filter(|_| restarts);
                let how =
                    runner.map(|runner| format!(" (`{}`)", runner.restart_command(self.reach)));
                let once = if *half_open { " once (it was given up)" } else { "" };
                let ladder = ladder.join(", then ");
                format!("down ({reason}), would try{once}: {ladder}{}", how.unwrap_or_default())
            }
        }
    }
}
