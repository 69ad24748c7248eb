//! Climbing the ladders: attempts are saved before they are begun, acted one after another, verified side by
//! side by the very probes that found the service down, and saved again. Never acts without a plan that says so.

use std::collections::VecDeque;
use std::time::Duration;

use crate::commands::attempting::Case;
use crate::commands::cycle::{Eye, Sight};
use crate::commands::keeping;
use crate::commands::memory::Memory;
use crate::commands::posting;
use crate::commands::setup::Configured;
use crate::commands::signs;
use crate::commands::telling::{self, Before};
use crate::config::{Config, Service};
use crate::judge::allowance::{Used, used_up};
use crate::judge::brake;
use crate::judge::ladder::{self, Ladder};
use crate::judge::order::{self, Needs};
use crate::judge::plan::{Action, Why};
use crate::judge::since::Since;
use crate::manager::Reach;
use crate::model::policy::Policy;
use crate::model::state::Status;
use crate::model::story::Story;
use crate::model::strategy::Strategy;
use crate::model::trail::Left;
use crate::store::events::Kind;
use crate::store::outbox::Entry;
use crate::store::state::Save;
use crate::sys::clock::{Deadline, Stopwatch};
use crate::sys::journal::Priority;

/// An attempt is not begun with less than this left of the run: it could not be verified.
const WORTH_BEGINNING: Duration = Duration::from_secs(5);

/// A run that heals.
pub(super) struct Healing<'a, 'm> {
    pub(super) config: &'a Config,
    configured: &'a Configured,
    pub(super) memory: &'m mut Memory<'a>,
    pub(super) eye: &'a Eye<'a>,
    pub(super) reach: &'a Reach,
    pub(super) deadline: Deadline,
    pub(super) stories: Vec<Story>,
    /// How many of them have been put into the outbox.
    pub(super) recorded: usize,
    /// Those of them that could not be written there.
    pub(super) unrecorded: Vec<Entry>,
    /// Services that this run healed.
    pub(super) healed: Vec<String>,
    /// What comes next for a service, in words.
    pub(super) next: Vec<(String, String)>,
    /// What became of the host since the last cycle; none when that is not to be minded.
    pub(super) since: Option<Since>,
    /// The trouble of the host that brakes healing.
    pub(super) brake: Option<String>,
    /// Attempts that this run has made.
    pub(super) acts: u32,
    /// The host is being rebooted: nothing else is begun.
    pub(super) rebooting: bool,
}

impl<'a, 'm> Healing<'a, 'm> {
    pub(super) fn new(
        configured: &'a Configured,
        memory: &'m mut Memory<'a>,
        eye: &'a Eye<'a>,
        deadline: Deadline,
    ) -> Self {
        Self {
            config: &configured.config,
            configured,
            memory,
            eye,
            reach: eye.reach,
            deadline,
            stories: Vec::new(),
            recorded: 0,
            unrecorded: Vec::new(),
            healed: Vec::new(),
            next: Vec::new(),
            since: None,
            brake: None,
            acts: 0,
            rebooting: false,
        }
    }

    /// Saves. What is to be told is in the outbox before the state says that it happened: a run that is killed in
    /// between tells it twice to the outbox, which keeps it once, and loses nothing.
    pub(super) fn save(&mut self) {
        let untold = &mut self.stories[self.recorded..];
        telling::mention_config(untold, self.configured);
        self.unrecorded.extend(posting::record(self.memory, self.config, untold));
        self.recorded = self.stories.len();
        self.memory.save(Save::Partial);
    }

    /// Heals what is down among `sights`, dependencies first.
    pub(super) fn run(&mut self, sights: Vec<Sight<'a>>) {
        let mut waiting: Vec<Option<Sight<'a>>> = sights.into_iter().map(Some).collect();
        let names: Vec<Needs> = waiting
            .iter()
            .flatten()
            .map(|s| Needs { service: &s.service.name, needs: &s.service.needs })
            .collect();
        self.brake = self.common_cause(waiting.iter().flatten());
        for wave in order::waves(&names) {
            let mut wave: Vec<Sight<'a>> =
                wave.into_iter().filter_map(|index| waiting[index].take()).collect();
            if !self.healed.is_empty() {
                self.look_again(&mut wave);
            }
            let cases = wave.into_iter().filter_map(|sight| self.case(sight)).collect();
            if self.brake.is_some() {
                self.one_by_one(cases);
            } else {
                self.climb(cases);
            }
        }
    }

    /// The trouble of the host that explains what is newly down; the host is looked at only when there is much.
    pub(super) fn common_cause<'s>(
        &self,
        sights: impl Iterator<Item = &'s Sight<'a>>,
    ) -> Option<String>
    where
        'a: 's,
    {
        let states = &self.memory.state.services;
        let down = sights.filter(|sight| {
            let state = states.get(&sight.service.name);
            sight.verdict.is_down() && state.is_some_and(|state| state.status == Status::Down)
        });
        let down = down.count();
        if !brake::many(down) {
            return None;
        }
        let cause = brake::common_cause(down, &signs::read(self.memory, self.since.as_ref()))?;
        let text = format!("{down} services are down at once: {cause}");
        self.memory.event(Kind::Action, "", "", &text);
        self.memory.journal(Priority::Error, "", &text, &[]);
        Some(cause)
    }

    /// Under a brake: each alone, and none after one that could not be healed.
    fn one_by_one(&mut self, cases: Vec<Case<'a>>) {
        let mut failed = false;
        for case in cases {
            let name = case.sight.service.name.clone();
            if failed {
                let cause = self.brake.as_deref().unwrap_or_default();
                let text = format!("waits for the host to be mended: {cause}");
                self.comes_next(&name, text);
                continue;
            }
            self.climb(vec![case]);
            failed = !self.healed.contains(&name);
        }
    }

    /// After a dependency was healed, what needs it may have come back by itself.
    fn look_again(&mut self, wave: &mut Vec<Sight<'a>>) {
        let (again, mut up): (Vec<_>, Vec<_>) = wave.drain(..).partition(|s| {
            s.verdict.is_down() && s.service.needs.iter().any(|need| self.healed.contains(need))
        });
        let services: Vec<&'a Service> = again.iter().map(|sight| sight.service).collect();
        for sight in self.eye.look(&services, &Left::by(&self.memory.state)) {
            if sight.verdict.is_up() {
                self.observe(&sight, &sight.service.policy.clone());
            }
            up.push(sight);
        }
        *wave = up;
    }

    /// What the plan says of one service; a case when it says to heal.
    fn case(&mut self, sight: Sight<'a>) -> Option<Case<'a>> {
        let action = self.plan(&sight);
        self.settle(&sight, &action);
        let Action::Heal { left, .. } = action else { return None };
        let now = self.memory.now();
        let state = self.memory.state.services.get_mut(&sight.service.name)?;
        let incident = state.incident.clone()?;
        let ladder = Ladder::new(&sight.service.strategies, state, &now);
        let untold = ladder::untold(&ladder, state);
        for skipped in untold {
            self.say_skipped(&sight.service.name, &incident.id, &skipped.told());
        }
        let before = sight.facts().and_then(|facts| facts.instance.clone());
        self.keep_evidence(&sight, &incident.id);
        Some(Case {
            sight,
            incident,
            ladder,
            acted: false,
            strategy: Strategy::ServiceRestart,
            left,
            before,
            watch: Stopwatch::start(),
            did: Vec::new(),
            said: Vec::new(),
        })
    }

    pub(super) fn keep_evidence(&self, sight: &Sight<'a>, incident: &str) {
        let common = self.brake.as_deref();
        keeping::keep_evidence(self.memory, self.reach, sight, incident, common, self.deadline);
    }

    fn climb(&mut self, mut open: Vec<Case<'a>>) {
        while !open.is_empty() {
            let mut acted = Vec::new();
            let mut waiting = VecDeque::from(std::mem::take(&mut open));
            while let Some(case) = waiting.pop_front() {
                if !case.acted && case.sight.is_old() {
                    waiting.push_front(case);
                    waiting = self.look_before_acting(waiting);
                } else {
                    acted.extend(self.step(case));
                }
            }
            for (case, verified) in self.verify(acted) {
                open.extend(self.conclude(case, verified));
            }
        }
    }

    /// Looks once more at those to which nothing was done yet, after others were waited for: a deploy, a package upgrade
    /// or a person may have been faster. What is left to be healed.
    fn look_before_acting(&mut self, cases: VecDeque<Case<'a>>) -> VecDeque<Case<'a>> {
        let services: Vec<&'a Service> =
            cases.iter().filter(|case| !case.acted).map(|case| case.sight.service).collect();
        let sights = self.eye.glance(&services, &Left::by(&self.memory.state));
        let mut sights = sights.into_iter();
        let mut left = VecDeque::new();
        for case in cases {
            if case.acted {
                left.push_back(case);
            } else if let Some(sight) = sights.next() {
                left.extend(self.still_to_heal(case, sight));
            }
        }
        left
    }

    fn still_to_heal(&mut self, mut case: Case<'a>, sight: Sight<'a>) -> Option<Case<'a>> {
        let service = sight.service;
        if !sight.verdict.is_down() {
            self.observe(&sight, &service.policy);
        }
        let action = self.plan(&sight);
        case.before = sight.facts().and_then(|facts| facts.instance.clone());
        case.sight = sight;
        if let Action::Heal { left, .. } = action {
            case.left = left;
            return Some(case);
        }
        self.settle(&case.sight, &action);
        None
    }

    /// Tries the ladder's next steps until one acts. None when nothing is left to try in this run.
    fn step(&mut self, mut case: Case<'a>) -> Option<Case<'a>> {
        let service = case.sight.service;
        while case.left > 0 && !self.rebooting {
            let Some(strategy) = case.ladder.next(case.acted, case.left) else { break };
            if self.deadline.left() < WORTH_BEGINNING {
                self.exhausted(&case.sight);
                let text = "the run's deadline came first; the next run goes on";
                self.comes_next(&service.name, text.into());
                return None;
            }
            let (acts, limit) = (&self.memory.state.acts, &self.config.allowance);
            match used_up(acts, self.acts, limit, &self.memory.now()) {
                None => {}
                Some(used @ Used::Run(_)) => {
                    let text = format!("{}; the next run goes on", used.words());
                    self.comes_next(&service.name, text);
                    return None;
                }
                Some(used @ Used::Day { .. }) => {
                    let why = format!("the host's healing budget is used up: {}", used.words());
                    self.settle(&case.sight, &Action::HandsOff(why));
                    return None;
                }
            }
            // It may have been placed since this service was looked at.
            self.memory.refresh_holds();
            self.memory.note_held(&service.name, &service.policy);
            if let Some(why) = self.memory.held(&service.name, &service.policy) {
                self.settle(&case.sight, &Action::Leave(Why::Held(why)));
                return None;
            }
            if let Some(work) = self.at_work() {
                let action = Action::Wait { left: Duration::ZERO, why: work.words };
                self.settle(&case.sight, &action);
                return None;
            }
            if self.act(&mut case, strategy) && !self.rebooting {
                case.acted = true;
                case.left -= 1;
                return Some(case);
            }
        }
        if self.rebooting {
            self.comes_next(&service.name, "the host is being rebooted".into());
            return None;
        }
        self.exhausted(&case.sight);
        None
    }

    /// Takes in a look; tells of an incident that it closed.
    pub(super) fn observe(&mut self, sight: &Sight<'a>, policy: &Policy) {
        let mut before = Before::of(self.memory, sight.service);
        // What it needs was brought back in this run: that is told of.
        before.blocked |= sight.service.needs.iter().any(|need| self.healed.contains(need));
        let incident = before.incident.clone();
        let flip = self.memory.observe(sight, policy);
        let told = telling::closed(self.memory, self.config, sight, before, flip.as_ref());
        self.stories.extend(told);
        let closed = flip.as_ref().and_then(|flip| flip.closed.as_ref());
        if closed.is_some_and(|closed| closed.healed_by.is_some())
            && let Some(incident) = incident
        {
            self.stories.extend(telling::repeated(self.memory, self.config, sight, &incident));
        }
    }
}
