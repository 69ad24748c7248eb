//! What the plan says of a service as it was seen, and what is written down and told of that. Does nothing to it.

use std::time::Duration;

use crate::commands::cycle::Sight;
use crate::commands::healing::Healing;
use crate::commands::telling;
use crate::judge::ladder::{self, Ladder, Skipped};
use crate::judge::order;
use crate::judge::plan::{Action, Circumstances, Why, plan};
use crate::judge::settle::settle;
use crate::judge::since::grace;
use crate::model::incident::Kept;
use crate::model::state::Status;
use crate::model::story::Change;
use crate::model::text::human_duration;
use crate::model::unit::{Found, ManagerKind};
use crate::store::events::Kind;
use crate::sys::at_work::{AtWork, at_work};
use crate::sys::journal::Priority;

impl<'a> Healing<'a, '_> {
    /// What is to be done about a service as it was seen.
    pub(super) fn plan(&self, sight: &Sight) -> Action {
        let service = sight.service;
        let Some(state) = self.memory.state.services.get(&service.name) else {
            return Action::Leave(Why::Unknown);
        };
        let blocked_by = order::blocked_by(&service.needs, &self.memory.state.services);
        let now = self.memory.now();
        let age = state.incident.as_ref().map_or(Duration::ZERO, |i| now.elapsed(&i.opened));
        let start_grace = service.policy.start_grace;
        let grace = grace(self.since.as_ref(), &service.policy, &now);
        let at_work = state.verdict.is_down().then(|| self.at_work()).flatten();
        let about = Circumstances {
            found: told(sight)
                .and_then(|found| ladder::found(found, &service.strategies, age, start_grace)),
            blocked_by,
            can_act: Ok(()),
            held: state.held.as_deref(),
            at_work: at_work.as_ref().map(|work| (work.words.as_str(), work.lasted)),
            grace: grace.as_ref().map(|(left, why)| (*left, why.as_str())),
        };
        plan(state, &service.policy, &about, &now)
    }

    /// Who else is at work on what this host runs.
    pub(super) fn at_work(&self) -> Option<AtWork> {
        at_work(&self.config.deploy_locks, &self.memory.now())
    }

    /// Writes down what was decided, and tells of giving up.
    pub(super) fn settle(&mut self, sight: &Sight<'a>, action: &Action) {
        let now = self.memory.now();
        let name = &sight.service.name;
        let work = matches!(action, Action::Wait { .. }).then(|| self.at_work()).flatten();
        let Some(state) = self.memory.state.services.get_mut(name) else { return };
        if let (Some(work), Some(incident)) = (work, &mut state.incident) {
            incident.held = Some(Kept { why: work.words, last: now.stamp() });
        }
        let flip = settle(state, name, action, &now);
        let incident = state.incident.clone();
        let (next, tried_again) = match action {
            Action::Wait { left, why } if !left.is_zero() => {
                let again =
                    if state.status == Status::Failed { "tried again" } else { "looked at again" };
                (format!("{why}; {again} {}", in_time(*left)), None)
            }
            Action::Wait { why, .. } => (why.clone(), None),
            Action::Heal { .. } => ("the next run tries again".to_owned(), None),
            Action::GiveUp(why) => {
                let again = in_time(sight.service.policy.retry_after);
                (format!("given up: {why}; tried again {again}"), Some(again))
            }
            Action::HandsOff(_) | Action::Leave(_) | Action::Blocked(_) => (String::new(), None),
        };
        self.comes_next(name, next);
        let (Some(flip), Some(incident)) = (flip, incident) else { return };
        self.memory.flipped(&flip);
        self.keep_evidence(sight, &incident.id);
        let mut story = telling::story(
            self.memory,
            self.config,
            sight.service,
            sight,
            &incident,
            Change::Failed,
        );
        story.skipped = self.skipped(sight);
        story.next = tried_again.unwrap_or_default();
        story.left_alone = match action {
            Action::HandsOff(why) => Some(why.clone()),
            _ => None,
        };
        self.stories.push(story);
    }

    /// Nothing is left to try in this run: the plan says whether that is the end of it.
    pub(super) fn exhausted(&mut self, sight: &Sight<'a>) {
        let action = self.plan(sight);
        self.settle(sight, &action);
    }

    /// What comes next for a service; what was planned before is no longer so.
    pub(super) fn comes_next(&mut self, service: &str, text: String) {
        self.next.retain(|(other, _)| other != service);
        if !text.is_empty() {
            self.next.push((service.to_owned(), text));
        }
    }

    /// The steps of its ladder that are skipped now, in words.
    pub(super) fn skipped(&self, sight: &Sight) -> Vec<String> {
        let service = sight.service;
        let Some(state) = self.memory.state.services.get(&service.name) else { return Vec::new() };
        let ladder = Ladder::new(&service.strategies, state, &self.memory.now());
        ladder.skipped.iter().map(Skipped::words).collect()
    }

    /// Says once that a step is not tried for now.
    pub(super) fn say_skipped(&self, service: &str, incident: &str, text: &str) {
        self.memory.event(Kind::StepSkipped, service, incident, text);
        self.memory.journal(Priority::Notice, service, text, &[]);
    }
}

/// What the service's manager said; plain commands say nothing.
fn told<'s>(sight: &'s Sight) -> Option<&'s Found> {
    let silent =
        sight.settled.runner.as_ref().is_some_and(|runner| runner.kind == ManagerKind::Command);
    (!silent).then_some(&sight.settled.found)
}

fn in_time(left: Duration) -> String {
    format!("in {}", human_duration(left))
}
