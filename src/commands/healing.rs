//! Climbing the ladders: attempts are saved before they are begun, acted one after another, verified side by
//! side by the very probes that found the service down, and saved again. Never acts without a plan that says so.

use std::time::Duration;

use crate::commands::cycle::{Eye, Sight};
use crate::commands::memory::Memory;
use crate::commands::telling;
use crate::config::{Config, Service};
use crate::judge::attempts::{begin_attempt, end_attempt};
use crate::judge::order::{self, Needs};
use crate::judge::plan::{Action, Circumstances, Why, plan};
use crate::judge::settle::settle;
use crate::manager::Reach;
use crate::model::incident::{Incident, Outcome};
use crate::model::policy::Policy;
use crate::model::story::{Change, Story};
use crate::model::text::human_duration;
use crate::model::unit::{Found, ManagerKind};
use crate::model::verdict::Verdict;
use crate::remedy::{self, Patient, Strategy};
use crate::store::events::Kind;
use crate::store::state::Save;
use crate::sys::clock::{self, Deadline, Stopwatch};
use crate::sys::journal::Priority;

/// Pause between two looks while an attempt is verified.
const TICK: Duration = Duration::from_millis(300);
/// Bound on one act of a manager.
const ACT_LIMIT: Duration = Duration::from_secs(60);
/// An attempt is not begun with less than this left of the run: it could not be verified.
const WORTH_BEGINNING: Duration = Duration::from_secs(5);

/// A run that heals.
pub(super) struct Healing<'a, 'm> {
    pub(super) config: &'a Config,
    pub(super) memory: &'m mut Memory<'a>,
    pub(super) eye: &'a Eye<'a>,
    pub(super) reach: &'a Reach,
    pub(super) deadline: Deadline,
    pub(super) stories: Vec<Story>,
    /// Services that this run healed.
    pub(super) healed: Vec<String>,
    /// What comes next for a service, in words.
    pub(super) next: Vec<(String, String)>,
}

/// A service on its ladder.
struct Case<'a> {
    sight: Sight<'a>,
    incident: Incident,
    step: usize,
    /// Attempts that the budget still has room for.
    left: u32,
    /// The run of the unit before anything was done.
    before: Option<String>,
    watch: Stopwatch,
    did: Vec<String>,
    /// What was complained about meanwhile.
    said: Vec<String>,
}

/// How an attempt's verification ended.
enum Verified<'a> {
    Up { sight: Sight<'a>, stable: Duration },
    SameInstance,
    Not(String),
}

impl<'a, 'm> Healing<'a, 'm> {
    pub(super) fn new(
        config: &'a Config,
        memory: &'m mut Memory<'a>,
        eye: &'a Eye<'a>,
        deadline: Deadline,
    ) -> Self {
        let (stories, healed, next) = (Vec::new(), Vec::new(), Vec::new());
        Self { config, memory, eye, reach: eye.reach, deadline, stories, healed, next }
    }

    /// Heals what is down among `sights`, dependencies first.
    pub(super) fn run(&mut self, sights: Vec<Sight<'a>>) {
        let mut waiting: Vec<Option<Sight<'a>>> = sights.into_iter().map(Some).collect();
        let names: Vec<Needs> = waiting
            .iter()
            .flatten()
            .map(|s| Needs { service: &s.service.name, needs: &s.service.needs })
            .collect();
        for wave in order::waves(&names) {
            let mut wave: Vec<Sight<'a>> =
                wave.into_iter().filter_map(|index| waiting[index].take()).collect();
            if !self.healed.is_empty() {
                self.look_again(&mut wave);
            }
            let cases = wave.into_iter().filter_map(|sight| self.case(sight)).collect();
            self.climb(cases);
        }
    }

    /// After a dependency was healed, what needs it may have come back by itself.
    fn look_again(&mut self, wave: &mut Vec<Sight<'a>>) {
        let (again, mut up): (Vec<_>, Vec<_>) = wave.drain(..).partition(|s| {
            s.verdict.is_down() && s.service.needs.iter().any(|need| self.healed.contains(need))
        });
        let services: Vec<&'a Service> = again.iter().map(|sight| sight.service).collect();
        for sight in self.eye.look(&services) {
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
        let incident = self.memory.state.services.get(&sight.service.name)?.incident.clone()?;
        let before = sight.facts().and_then(|facts| facts.instance.clone());
        telling::keep_evidence(self.memory, self.reach, &sight, &incident.id, self.deadline);
        Some(Case {
            sight,
            incident,
            step: 0,
            left,
            before,
            watch: Stopwatch::start(),
            did: Vec::new(),
            said: Vec::new(),
        })
    }

    /// What is to be done about a service as it was seen.
    pub(super) fn plan(&self, sight: &Sight) -> Action {
        let service = sight.service;
        let Some(state) = self.memory.state.services.get(&service.name) else {
            return Action::Leave(Why::Unknown);
        };
        let blocked_by = order::blocked_by(&service.needs, &self.memory.state.services);
        let about = Circumstances {
            found: told(sight),
            blocked_by,
            can_act: Ok(()),
            held: state.held.as_deref(),
        };
        plan(state, &service.policy, &about, &self.memory.now())
    }

    fn climb(&mut self, mut open: Vec<Case<'a>>) {
        while !open.is_empty() {
            let mut acted = Vec::new();
            for case in open.drain(..) {
                acted.extend(self.step(case));
            }
            for (case, verified) in self.verify(acted) {
                open.extend(self.conclude(case, verified));
            }
        }
    }

    /// Tries the ladder's next steps until one acts. None when nothing is left to try in this run.
    fn step(&mut self, mut case: Case<'a>) -> Option<Case<'a>> {
        let service = case.sight.service;
        while let Some(&strategy) = service.strategies.get(case.step).filter(|_| case.left > 0) {
            if self.deadline.left() < WORTH_BEGINNING {
                self.next.push((
                    service.name.clone(),
                    "the run's deadline came first; the next run goes on".into(),
                ));
                break;
            }
            case.step += 1;
            if self.act(&mut case, strategy) {
                case.left -= 1;
                return Some(case);
            }
        }
        self.exhausted(&case.sight);
        None
    }

    /// One attempt, begun. False when the remedy refused: nothing was done.
    fn act(&mut self, case: &mut Case<'a>, strategy: Strategy) -> bool {
        let service = case.sight.service;
        let now = self.memory.now();
        let (name, incident) = (&service.name, &case.incident.id);
        if let Some(state) = self.memory.state.services.get_mut(name) {
            begin_attempt(state, strategy.word(), &now);
        }
        self.memory.save(Save::Partial);
        self.memory.event(Kind::AttemptBegun, name, incident, strategy.word());
        self.eye.screen.progress(&format!("healing {name}: {}", strategy.word()));
        case.watch = Stopwatch::start();
        let known_good = self.memory.dir.known_good(name);
        let now = self.memory.now();
        let exe = self.memory.state.services.get(name).and_then(|state| state.exe.clone());
        let managed = self.managed_units(name);
        let service = case.sight.service;
        let patient = Patient {
            service: &service.name,
            port: service.port,
            runner: case.sight.settled.runner.as_ref(),
            facts: case.sight.facts(),
            config_files: &service.config_files,
            validate: service.validate.as_deref(),
            may_kill: &service.may_kill,
            known_good: &known_good,
            managed_units: &managed,
            exe: exe.as_deref(),
            now: &now,
        };
        let acted =
            remedy::apply(strategy, &patient, self.reach, ACT_LIMIT.min(self.deadline.left()));
        case.did = acted.did;
        case.said = acted.said;
        match acted.result {
            Ok(()) => true,
            Err(refusal) => {
                self.end(case, Outcome::Refused(refusal.why));
                false
            }
        }
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
            end_attempt(state, case.did.clone(), outcome, case.watch.read());
        }
        self.memory.save(Save::Partial);
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
    fn verify(&self, acted: Vec<Case<'a>>) -> Vec<(Case<'a>, Verified<'a>)> {
        let mut done = Vec::new();
        let mut open: Vec<(Case<'a>, Option<Stopwatch>, Stopwatch)> =
            acted.into_iter().map(|case| (case, None, Stopwatch::start())).collect();
        while !open.is_empty() {
            let services: Vec<&'a Service> =
                open.iter().map(|(case, ..)| case.sight.service).collect();
            let sights = self.eye.once(&services);
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
                    Some(_) if same_instance(&case, &sight) => Some(Verified::SameInstance),
                    Some(stable) if stable >= policy.stable_for => {
                        Some(Verified::Up { sight, stable })
                    }
                    None if since.read() >= policy.verify_for => {
                        Some(Verified::Not(sight.verdict.reason().to_owned()))
                    }
                    _ if late => Some(Verified::Not(format!(
                        "the run's deadline came before it was proven: {}",
                        seen(&sight)
                    ))),
                    // Up and down in turns must end, too.
                    _ if since.read() >= policy.verify_for + 2 * policy.stable_for => {
                        Some(Verified::Not(format!("did not stay up: {}", seen(&sight))))
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
    fn conclude(&mut self, case: Case<'a>, verified: Verified<'a>) -> Option<Case<'a>> {
        match verified {
            Verified::Up { sight, stable } => {
                self.end(&case, Outcome::Healed);
                let name = &case.sight.service.name;
                self.healed.push(name.clone());
                // Kept up for `stable_for` under the eyes of this run: more proof than `recover_after` asks.
                let proven = Policy { recover_after: 1, ..case.sight.service.policy.clone() };
                let new_instance = case.before.is_some()
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
            Verified::SameInstance => {
                self.end(
                    &case,
                    Outcome::Refused("it came up by itself: still the same instance".into()),
                );
                None
            }
            Verified::Not(mut why) => {
                if !case.said.is_empty() {
                    why = format!("{why} ({})", case.said.join("; "));
                }
                self.end(&case, Outcome::StillDown(why.clone()));
                if let Some(state) = self.memory.state.services.get_mut(&case.sight.service.name) {
                    state.verdict = Verdict::Down(why);
                }
                Some(case)
            }
        }
    }

    /// Nothing is left to try in this run: the plan says whether that is the end of it.
    fn exhausted(&mut self, sight: &Sight<'a>) {
        let action = self.plan(sight);
        self.settle(sight, &action);
    }

    /// Writes down what was decided, and tells of giving up.
    fn settle(&mut self, sight: &Sight<'a>, action: &Action) {
        let now = self.memory.now();
        let name = &sight.service.name;
        let Some(state) = self.memory.state.services.get_mut(name) else { return };
        let flip = settle(state, name, action, &now);
        let incident = state.incident.clone();
        let (next, tried_again) = match action {
            Action::Wait { left, why } if !left.is_zero() => {
                (format!("{why}; {}", in_time("tried again", *left)), None)
            }
            Action::Wait { why, .. } => (why.clone(), None),
            Action::Heal { .. } => ("the next run tries again".to_owned(), None),
            Action::GiveUp(why) => {
                let left = sight.service.policy.retry_after;
                let next = format!("given up: {why}; {}", in_time("tried again", left));
                (next, Some(in_time("one more", left)))
            }
            Action::HandsOff(_) | Action::Leave(_) | Action::Blocked(_) => (String::new(), None),
        };
        if !next.is_empty() {
            self.next.retain(|(other, _)| other != name);
            self.next.push((name.clone(), next));
        }
        let (Some(flip), Some(incident)) = (flip, incident) else { return };
        self.memory.flipped(&flip);
        telling::keep_evidence(self.memory, self.reach, sight, &incident.id, self.deadline);
        let mut story = telling::story(
            self.memory,
            self.config,
            sight.service,
            sight,
            &incident,
            Change::Failed,
        );
        story.next = tried_again.unwrap_or_default();
        story.left_alone = match action {
            Action::HandsOff(why) => Some(why.clone()),
            _ => None,
        };
        self.stories.push(story);
    }

    /// Takes in a look; tells of an incident that it closed.
    pub(super) fn observe(&mut self, sight: &Sight<'a>, policy: &Policy) {
        let name = &sight.service.name;
        let before = self.memory.state.services.get(name).and_then(|state| state.incident.clone());
        let flip = self.memory.observe(sight, policy);
        self.stories.extend(telling::closed(
            self.memory,
            self.config,
            sight,
            before,
            flip.as_ref(),
        ));
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

fn same_instance(case: &Case, sight: &Sight) -> bool {
    case.before.is_some() && sight.facts().is_some_and(|facts| facts.instance == case.before)
}

/// What the service's manager said; plain commands say nothing.
fn told<'s>(sight: &'s Sight) -> Option<&'s Found> {
    let silent =
        sight.settled.runner.as_ref().is_some_and(|runner| runner.kind == ManagerKind::Command);
    (!silent).then_some(&sight.settled.found)
}

fn seen(sight: &Sight) -> String {
    if sight.verdict.is_up() {
        "it was up at last".into()
    } else {
        sight.verdict.reason().to_owned()
    }
}

fn in_time(what: &str, left: Duration) -> String {
    format!("{what} in {}", human_duration(left))
}
