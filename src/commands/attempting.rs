//! One attempt: saved before it is begun, done, verified by the very probes that found the service down, and
//! saved again. Never decides whether it is made; `healing` asks the judge.

use std::time::Duration;

use crate::commands::cycle::Sight;
use crate::commands::healing::Healing;
use crate::commands::keeping;
use crate::config::Service;
use crate::judge::allowance::spend;
use crate::judge::attempts::{begin_attempt, end_attempt};
use crate::judge::ladder::Ladder;
use crate::model::incident::{Incident, Outcome};
use crate::model::policy::Policy;
use crate::model::scrub::{scrub, scrub_in_place};
use crate::model::story::Change;
use crate::model::text::human_duration;
use crate::model::time::Now;
use crate::model::trail::{Left, trails};
use crate::model::unit::ManagerKind;
use crate::model::verdict::Verdict;
use crate::remedy::{self, Patient, Strategy};
use crate::store::events::Kind;
use crate::sys::clock::{self, Stopwatch};
use crate::sys::journal::Priority;

/// Pause between two looks while an attempt is verified.
const TICK: Duration = Duration::from_millis(300);
/// Bound on one act of a manager.
const ACT_LIMIT: Duration = Duration::from_secs(60);

/// A service on its ladder.
pub(super) struct Case<'a> {
    pub(super) sight: Sight<'a>,
    pub(super) incident: Incident,
    /// What is left to climb.
    pub(super) ladder: Ladder,
    /// A step of the ladder has acted in this run.
    pub(super) acted: bool,
    /// The step that was tried last.
    pub(super) strategy: Strategy,
    /// Attempts that the budget still has room for.
    pub(super) left: u32,
    /// The run of the unit before anything was done.
    pub(super) before: Option<String>,
    pub(super) watch: Stopwatch,
    pub(super) did: Vec<String>,
    /// What was complained about meanwhile.
    pub(super) said: Vec<String>,
}

/// How an attempt's verification ended.
pub(super) enum Verified<'a> {
    /// Up, and for how long it was seen to stay up.
    Up {
        /// The last look.
        sight: Sight<'a>,
        /// Since it was first seen up.
        stable: Duration,
    },
    /// Up, but nothing was restarted.
    SameInstance(Sight<'a>),
    /// Not proven, and why.
    Not {
        /// The last look.
        sight: Sight<'a>,
        /// What was missing.
        why: String,
    },
}

impl<'a> Healing<'a, '_> {
    /// One attempt, begun. False when the remedy refused: nothing was done.
    pub(super) fn act(&mut self, case: &mut Case<'a>, strategy: Strategy) -> bool {
        let service = case.sight.service;
        if self.acts > 0 {
            clock::pause(apart());
        }
        let now = self.memory.now();
        let (name, incident) = (&service.name, &case.incident.id);
        spend(&mut self.memory.state.acts, &self.config.allowance, &now);
        self.acts += 1;
        case.strategy = strategy;
        if let Some(state) = self.memory.state.services.get_mut(name) {
            begin_attempt(state, strategy.word(), &now);
        }
        self.save();
        self.memory.event(Kind::AttemptBegun, name, incident, strategy.word());
        self.eye.screen.progress(&format!("healing {name}: {}", strategy.word()));
        case.watch = Stopwatch::start();
        let limit = ACT_LIMIT.min(self.deadline.left());
        let acted = match strategy {
            Strategy::Reboot => self.reboot(case),
            _ => self.with_patient(&case.sight, &now, |patient| {
                remedy::apply(strategy, patient, self.reach, limit)
            }),
        };
        case.did = acted.did;
        case.said = acted.said;
        case.did.iter_mut().chain(&mut case.said).for_each(scrub_in_place);
        keeping::add_evidence(self.memory, name, incident, strategy.word(), acted.shown);
        match acted.result {
            Ok(()) => {
                self.rebooting = strategy == Strategy::Reboot;
                true
            }
            Err(refusal) => {
                // Nothing was done, so nothing was spent.
                self.memory.state.acts.pop();
                self.acts -= 1;
                self.end(case, Outcome::Refused(scrub(&refusal.why).into_owned()));
                false
            }
        }
    }

    /// Hands all that is known of a service to a remedy.
    pub(super) fn with_patient<T>(
        &self,
        sight: &Sight,
        now: &Now,
        act: impl FnOnce(&Patient<'_>) -> T,
    ) -> T {
        let service = sight.service;
        let known_good = self.memory.dir.known_good(&service.name);
        let state = self.memory.state.services.get(&service.name);
        let managed = self.managed_units(&service.name);
        act(&Patient {
            service: &service.name,
            port: service.port,
            runner: sight.settled.runner.as_ref(),
            facts: sight.facts(),
            config_files: &service.config_files,
            validate: service.validate.as_deref(),
            may_kill: &service.may_kill,
            cleanup: service.cleanup.as_ref(),
            heal_command: service.heal_command.as_deref(),
            known_good: &known_good,
            managed_units: &managed,
            exe: state.and_then(|state| state.exe.as_deref()),
            now,
        })
    }

    fn end(&mut self, case: &Case<'a>, outcome: Outcome) {
        let (name, incident) = (&case.sight.service.name, &case.incident.id);
        let came_to = match &outcome {
            Outcome::Healed => "healed".to_owned(),
            Outcome::StillDown(why) => format!("still down: {why}"),
            Outcome::Refused(why) => format!("not done: {why}"),
        };
        let did = case.did.join(", ");
        let took = human_duration(case.watch.read());
        let text = if did.is_empty() {
            format!("{came_to} ({took})")
        } else {
            format!("{did}: {came_to} ({took})")
        };
        let (priority, word) = match &outcome {
            Outcome::Healed => (Priority::Notice, "healed"),
            Outcome::StillDown(_) => (Priority::Error, "still-down"),
            Outcome::Refused(_) => (Priority::Warning, "refused"),
        };
        if let Some(state) = self.memory.state.services.get_mut(name) {
            let (did, said) = (case.did.clone(), case.said.clone());
            end_attempt(state, did, said, outcome, case.watch.read());
        }
        self.save();
        self.memory.event(Kind::AttemptEnded, name, incident, &text);
        let attempt = self
            .memory
            .state
            .services
            .get(name)
            .and_then(|state| state.incident.as_ref())
            .map(|i| i.attempts);
        let mut fields = vec![
            ("MIRACLEMAX_OUTCOME", word.to_owned()),
            ("MIRACLEMAX_ATTEMPT", attempt.map(|n| n.to_string()).unwrap_or_default()),
        ];
        // By this field root's `journalctl -u UNIT` shows the healing among the unit's own lines.
        if let Some(runner) =
            case.sight.settled.runner.as_ref().filter(|runner| runner.kind == ManagerKind::Systemd)
        {
            fields.push(("OBJECT_SYSTEMD_UNIT", runner.unit.clone()));
        }
        self.memory.journal(priority, name, &text, &fields);
    }

    /// Looks until each is up and has stayed up, or its time is over. Side by side.
    pub(super) fn verify(&self, acted: Vec<Case<'a>>) -> Vec<(Case<'a>, Verified<'a>)> {
        let mut done = Vec::new();
        let mut open: Vec<(Case<'a>, Option<Stopwatch>, Stopwatch)> =
            acted.into_iter().map(|case| (case, None, Stopwatch::start())).collect();
        // Each look goes on from the one before, as the looks of two runs do.
        let mut left = Left::by(&self.memory.state);
        while !open.is_empty() {
            let services: Vec<&'a Service> =
                open.iter().map(|(case, ..)| case.sight.service).collect();
            let sights = self.eye.verify(&services, &left);
            for sight in &sights {
                left.put(&sight.service.name, &trails(&sight.looks));
            }
            let late = self.deadline.left() < 2 * TICK;
            let mut still = Vec::new();
            for ((case, up, since), sight) in open.into_iter().zip(sights) {
                let policy = &case.sight.service.policy;
                let up = if sight.verdict.is_up() {
                    up.or_else(|| Some(Stopwatch::start()))
                } else {
                    None
                };
                let stable = up.map(|watch| watch.read());
                let verdict = match stable {
                    Some(_) if same_instance(&case, &sight) => Some(Verified::SameInstance(sight)),
                    Some(stable) if stable >= policy.stable_for => {
                        Some(Verified::Up { sight, stable })
                    }
                    None if since.read() >= policy.verify_for => {
                        let why = sight.verdict.reason().to_owned();
                        Some(Verified::Not { sight, why })
                    }
                    _ if late => {
                        let seen = seen(&sight);
                        let why = format!("the run's deadline came before it was proven: {seen}");
                        Some(Verified::Not { sight, why })
                    }
                    // Up and down in turns must end, too.
                    _ if since.read() >= policy.verify_for + 2 * policy.stable_for => {
                        let why = format!("did not stay up: {}", seen(&sight));
                        Some(Verified::Not { sight, why })
                    }
                    _ => None,
                };
                match verdict {
                    Some(verdict) => done.push((case, verdict)),
                    None => still.push((case, up, since)),
                }
            }
            open = still;
            if !open.is_empty() {
                clock::pause(TICK.min(self.deadline.left()));
            }
        }
        done
    }

    /// Writes down what an attempt came to. The case goes on when its ladder has more steps.
    pub(super) fn conclude(&mut self, case: Case<'a>, verified: Verified<'a>) -> Option<Case<'a>> {
        match verified {
            Verified::Up { sight, stable } => {
                self.end(&case, Outcome::Healed);
                let name = &case.sight.service.name;
                self.healed.push(name.clone());
                // Kept up for `stable_for` under the eyes of this run: more proof than `recover_after` asks.
                let proven = Policy { recover_after: 1, ..case.sight.service.policy.clone() };
                // One that was stopped had no instance: then any is new.
                let new_instance = case.sight.facts().is_some()
                    && sight.facts().is_some_and(|facts| {
                        facts.instance.is_some() && facts.instance != case.before
                    });
                self.observe(&sight, &proven);
                if let Some(story) = self
                    .stories
                    .iter_mut()
                    .rev()
                    .find(|s| s.incident == case.incident.id && s.change == Change::Resolved)
                {
                    story.stable_for = stable;
                    story.new_instance = new_instance;
                }
                None
            }
            Verified::SameInstance(sight) => {
                let why = "it came up by itself: still the same instance";
                self.end(&case, Outcome::Refused(why.into()));
                self.observe(&sight, &sight.service.policy);
                None
            }
            Verified::Not { sight, mut why } => {
                scrub_in_place(&mut why);
                if !case.said.is_empty() {
                    why = format!("{why} ({})", case.said.join("; "));
                }
                self.end(&case, Outcome::StillDown(why.clone()));
                keeping::keep_aftermath(
                    self.memory,
                    self.reach,
                    &sight,
                    &case.incident.id,
                    self.deadline,
                );
                if let Some(state) = self.memory.state.services.get_mut(&case.sight.service.name) {
                    state.verdict = Verdict::Down(why);
                    state.trails = trails(&sight.looks);
                }
                Some(case)
            }
        }
    }

    /// The units of all other services, which no remedy may touch.
    fn managed_units(&self, except: &str) -> Vec<String> {
        self.config
            .services
            .iter()
            .filter(|service| service.name != except)
            .flat_map(|service| {
                crate::manager::candidates(&service.manager, &service.name, self.reach)
            })
            .map(|unit| unit.unit)
            .collect()
    }
}

/// A moment between two acts, never the same: services that were started together do not all come for the same
/// disk and database at once.
fn apart() -> Duration {
    Duration::from_millis(50 + u64::from(uuid::Uuid::new_v4().as_bytes()[0]))
}

/// Whether nothing new runs although something should.
fn same_instance(case: &Case, sight: &Sight) -> bool {
    !case.strategy.keeps_the_instance()
        && case.before.is_some()
        && sight.facts().is_some_and(|facts| facts.instance == case.before)
}

fn seen(sight: &Sight) -> String {
    if sight.verdict.is_up() {
        "it was up at last".into()
    } else {
        sight.verdict.reason().to_owned()
    }
}
