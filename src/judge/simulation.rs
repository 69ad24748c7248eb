//! The judge under a simulated cron: any sequence of verdicts, clock jumps, reboots, gaps, and runs that are
//! killed in the middle of an attempt. What must hold whatever happens, and proof that it does happen.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::judge::attempts::{begin_attempt, end_attempt};
use crate::judge::histories::{Fate, Scene, Step, histories};
use crate::judge::plan::{Action, Circumstances, plan};
use crate::judge::settle::settle;
use crate::judge::support::{found, hands_off, verdict};
use crate::judge::transition::transition;
use crate::model::incident::Outcome;
use crate::model::policy::{Policy, WhenStopped};
use crate::model::state::{Flip, ServiceState, Status};
use crate::model::time::Now;
use crate::model::unit::{Found, HandsOff, UnitState};

/// How often what was met.
type Met = BTreeMap<&'static str, usize>;

/// The host as it truly is, and what was told of it.
struct Host {
    policy: Policy,
    /// True seconds, which no clock shows.
    truth: u64,
    booted: u64,
    boots: u32,
    wall_off: i64,
    /// The state file's entry.
    saved: String,
    attempts: Vec<u64>,
    opened: usize,
    told_failed: BTreeMap<String, usize>,
    told_closed: BTreeMap<String, usize>,
    met: Met,
}

impl Host {
    fn new(policy: Policy) -> Self {
        let mut host = Self {
            policy,
            truth: 10_000,
            booted: 0,
            boots: 0,
            wall_off: 0,
            saved: String::new(),
            attempts: Vec::new(),
            opened: 0,
            told_failed: BTreeMap::new(),
            told_closed: BTreeMap::new(),
            met: Met::new(),
        };
        let mut state = ServiceState::new(host.now().stamp());
        state.rest.insert("of_a_newer_version".into(), serde_json::json!({"kept": [1, 2]}));
        host.save(&state);
        host
    }

    fn now(&self) -> Now {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let wall = SignedDuration::from_secs(i64::try_from(self.truth).unwrap() + self.wall_off);
        Now {
            wall: start.checked_add(wall).unwrap(),
            boot: format!("boot-{}", self.boots),
            since_boot: Duration::from_secs(self.truth - self.booted),
        }
    }

    fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    fn save(&mut self, state: &ServiceState) {
        self.saved = serde_json::to_string(state).unwrap();
        assert_eq!(&self.load(), state, "read back it is the same: {}", self.saved);
    }

    fn load(&self) -> ServiceState {
        serde_json::from_str(&self.saved).unwrap()
    }

    fn tell(&mut self, flip: Option<Flip>, state: &ServiceState) {
        let Some(flip) = flip else { return };
        if flip.to == Status::Down && flip.from != Status::Failed {
            self.opened += 1;
        }
        if flip.to == Status::Failed {
            let id = state.incident.as_ref().unwrap().id.clone();
            *self.told_failed.entry(id).or_default() += 1;
            self.meet("gave up");
        }
        if let Some(closed) = flip.closed {
            self.meet(if flip.from == Status::Failed {
                "recovered from failed"
            } else {
                "recovered"
            });
            if closed.healed_by.is_some() {
                self.meet("healed");
            }
            *self.told_closed.entry(closed.id).or_default() += 1;
        }
    }

    fn look(&mut self, prev: &ServiceState, seen: char) -> ServiceState {
        let id = format!("web-{}", self.opened);
        let (now, policy) = (self.now(), self.policy.clone());
        let (state, flip) =
            transition("web", Some(prev), verdict(seen), Vec::new(), &policy, &now, || id);
        self.tell(flip, &state);
        self.save(&state);
        state
    }

    /// Plans, from the state in memory and from the one read back.
    fn decide(&mut self, state: &mut ServiceState, scene: Scene) -> Action {
        let found = match scene {
            Scene::Unit(state, secs) => found(state, Some(Duration::from_secs(secs))),
            Scene::Masked => hands_off(HandsOff::Masked),
            Scene::Silent => Found::Unknown("timed out".into()),
            Scene::NoRight | Scene::Blocked | Scene::Held => found(UnitState::Failed, None),
        };
        let about = Circumstances {
            found: Some(&found),
            blocked_by: (scene == Scene::Blocked).then_some("db"),
            can_act: if scene == Scene::NoRight { Err("no right") } else { Ok(()) },
            held: (scene == Scene::Held).then_some("deploy"),
            at_work: None,
            grace: None,
        };
        let now = self.now();
        let action = plan(state, &self.policy, &about, &now);
        self.save(state);
        assert_eq!(
            plan(&self.load(), &self.policy, &about, &now),
            action,
            "read back, the same plan"
        );
        let flip = settle(state, "web", &action, &now);
        self.tell(flip, state);
        self.save(state);
        action
    }

    /// One run; false when it was killed.
    fn run(&mut self, step: &Step) -> bool {
        self.truth += step.gap;
        self.wall_off += step.jump;
        if let Some((off, up)) = step.reboot {
            self.booted = self.truth + off;
            self.truth = self.booted + up;
            self.boots += 1;
        }
        let prev = self.load();
        let mut state = self.look(&prev, step.seen);
        if step.seen == '?' {
            assert_eq!((state.status, state.failures), (prev.status, prev.failures));
            assert_eq!(state.incident, prev.incident);
        }
        let action = self.decide(&mut state, step.scene);
        self.note(&action, &state);
        if let Action::Heal { left, half_open } = action {
            assert_eq!(step.seen, 'd', "only what was found down is healed");
            assert!(matches!(state.status, Status::Down | Status::Failed));
            assert_eq!(half_open, state.status == Status::Failed);
            assert!(matches!(step.scene, Scene::Unit(..) | Scene::Silent), "{:?}", step.scene);
            for fate in step.ladder.iter().take(left as usize) {
                begin_attempt(&mut state, "service_restart", &self.now());
                self.save(&state);
                if *fate != Fate::Refuses {
                    self.count_attempt();
                }
                let outcome = match fate {
                    Fate::KillsTheRun => {
                        self.meet("killed");
                        return false;
                    }
                    Fate::Heals => Outcome::Healed,
                    Fate::Fails => Outcome::StillDown("refused".into()),
                    Fate::Refuses => Outcome::Refused("not safe".into()),
                };
                self.truth += 3;
                end_attempt(&mut state, Vec::new(), Vec::new(), outcome, Duration::from_secs(3));
                self.save(&state);
                if *fate == Fate::Heals {
                    state = self.look(&state, 'u');
                    break;
                }
            }
            self.decide(&mut state, step.scene);
        }
        self.check_told(&state, step);
        true
    }

    /// The budget, by the true time.
    fn count_attempt(&mut self) {
        self.attempts.push(self.truth);
        let window = self.policy.max_heals.window.as_secs();
        let within = self.attempts.iter().filter(|at| self.truth - **at < window).count();
        let budget = self.policy.max_heals.count as usize;
        assert!(within <= budget, "{within} attempts within {window} s: {:?}", self.attempts);
        if within == budget {
            self.meet("budget just used up");
        }
    }

    fn note(&mut self, action: &Action, state: &ServiceState) {
        match action {
            Action::Heal { half_open: true, .. } => self.meet("half-open"),
            Action::Heal { .. } => self.meet("heal"),
            Action::Wait { why, .. } if why.starts_with("cooling") => self.meet("cooldown"),
            Action::Wait { why, .. } if why.ends_with("used up") => {
                self.meet("retry without budget");
            }
            Action::Wait { .. } => self.meet("wait"),
            Action::GiveUp(why) if why.starts_with("flapping") => self.meet("flapping"),
            Action::GiveUp(why) if why.starts_with("down again") => self.meet("healed too often"),
            Action::GiveUp(_) => self.meet("tried enough"),
            Action::HandsOff(_) => self.meet("hands off"),
            Action::Blocked(_) => self.meet("blocked"),
            Action::Leave(_) => {}
        }
        if state.verdict.word() == "unknown" && state.incident.is_some() {
            self.meet("unknown in an incident");
        }
        if state.incident.as_ref().is_some_and(|i| i.opened.boot != state.looked.boot) {
            self.meet("rebooted in an incident");
        }
    }

    /// Nothing told twice, nothing not told.
    fn check_told(&self, state: &ServiceState, step: &Step) {
        assert!(self.told_failed.values().all(|n| *n == 1), "failed: {:?}", self.told_failed);
        assert!(self.told_closed.values().all(|n| *n == 1), "closed: {:?}", self.told_closed);
        assert_eq!(self.opened, self.told_closed.len() + usize::from(state.incident.is_some()));
        assert_eq!(state.rest["of_a_newer_version"]["kept"][1], 2);
        let Some(incident) = &state.incident else {
            assert!(!matches!(state.status, Status::Down | Status::Failed));
            return;
        };
        let told = self.told_failed.contains_key(&incident.id);
        assert_eq!(told, incident.gave_up.is_some());
        assert_eq!(told, state.status == Status::Failed);
        // Down for longer than the policy's patience, and nothing excuses it: somebody has been told.
        let patience = self.policy.max_heals.window.max(self.policy.start_grace);
        let respected = self.policy.when_stopped == WhenStopped::Respect
            && matches!(step.scene, Scene::Unit(UnitState::Stopped, _));
        let excused = respected || matches!(step.scene, Scene::Blocked | Scene::Held);
        let old = self.now().elapsed_at_least(&incident.opened) >= patience;
        assert!(!state.verdict.is_down() || excused || !old || told, "nobody was told: {state:?}");
    }
}

fn live(policy: Policy, steps: &[Step]) -> Met {
    let mut host = Host::new(policy);
    for step in steps {
        host.run(step);
    }
    host.met
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_promises_hold((policy, steps) in histories()) {
        live(policy, &steps);
    }
}

#[test]
fn the_histories_meet_everything_that_could_break_a_promise() {
    let mut runner = TestRunner::deterministic();
    let mut met = Met::new();
    for _ in 0..70 {
        let (policy, steps) = histories().new_tree(&mut runner).unwrap().current();
        for (what, times) in live(policy, &steps) {
            *met.entry(what).or_default() += times;
        }
    }
    for what in [
        "blocked",
        "budget just used up",
        "cooldown",
        "flapping",
        "gave up",
        "half-open",
        "hands off",
        "heal",
        "healed",
        "healed too often",
        "killed",
        "rebooted in an incident",
        "recovered",
        "recovered from failed",
        "retry without budget",
        "tried enough",
        "unknown in an incident",
        "wait",
    ] {
        assert!(met.get(what).is_some_and(|times| *times >= 5), "{what} in {met:#?}");
    }
}
