//! Dependencies: which services come first, and which wait. Decides nothing about the services themselves.

use std::collections::BTreeMap;

use crate::model::state::{ServiceState, Status};
use crate::model::verdict::Verdict;

/// A service and what it needs, by name.
#[derive(Debug, Clone, Copy)]
pub struct Needs<'a> {
    /// Its name.
    pub service: &'a str,
    /// The services that must be up before it. Names of none of the services are passed over.
    pub needs: &'a [String],
}

/// The services as indices, in waves: what a service needs is in an earlier wave, and those of one wave need
/// none of each other. Within a wave they keep their order. The config refuses circles; if there is one all
/// the same, its services make the last wave, so that none is lost.
pub fn waves(services: &[Needs<'_>]) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = (0..services.len()).collect();
    let mut waves = Vec::new();
    while !left.is_empty() {
        let waits = |index: &usize| {
            let named = |name: &String| left.iter().any(|other| services[*other].service == name);
            services[*index].needs.iter().any(named)
        };
        let (later, wave): (Vec<usize>, Vec<usize>) = left.iter().partition(|index| waits(index));
        if wave.is_empty() {
            waves.push(later);
            break;
        }
        waves.push(wave);
        left = later;
    }
    waves
}

/// The first of `needs` that is not there to be used: found down, not found out since it was down, or waiting
/// for a dependency of its own. One hop: the one before has been settled before.
pub fn blocked_by<'a>(
    needs: &'a [String],
    states: &BTreeMap<String, ServiceState>,
) -> Option<&'a str> {
    needs.iter().map(String::as_str).find(|name| states.get(*name).is_some_and(is_missing))
}

fn is_missing(state: &ServiceState) -> bool {
    match state.verdict {
        Verdict::Up => false,
        Verdict::Down(_) => true,
        Verdict::Unknown(_) => {
            state.blocked_by.is_some() || matches!(state.status, Status::Down | Status::Failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::plan::{Action, Circumstances, plan};
    use crate::judge::settle::{give_up, settle};
    use crate::judge::support::{cycles, found, free, now};
    use crate::model::policy::Policy;
    use crate::model::unit::UnitState;

    /// `a<b,c d` : a needs b and c; d needs nothing.
    fn waves_of(text: &str) -> String {
        let parsed: Vec<(&str, Vec<String>)> = text
            .split_whitespace()
            .map(|word| {
                let (name, needs) = word.split_once('<').unwrap_or((word, ""));
                (name, needs.split(',').filter(|n| !n.is_empty()).map(str::to_owned).collect())
            })
            .collect();
        let services: Vec<Needs<'_>> =
            parsed.iter().map(|(service, needs)| Needs { service, needs }).collect();
        let names = |wave: &Vec<usize>| {
            wave.iter().map(|i| services[*i].service).collect::<Vec<_>>().join(" ")
        };
        waves(&services).iter().map(names).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn what_is_needed_comes_in_an_earlier_wave() {
        for (services, want) in [
            ("", ""),
            ("b a", "b a"),
            ("app<db db web<app", "db | app | web"),
            ("a<b,c b<d c<d d e", "d e | b c | a"),
            ("a<nobody", "a"),
            ("a<a b", "b | a"),
            ("a<b b<a c d<a", "c | a b d"),
        ] {
            assert_eq!(waves_of(services), want, "{services}");
        }
    }

    #[test]
    fn a_dependency_blocks_while_it_is_not_known_to_be_up() {
        let policy = Policy { fail_after: 2, recover_after: 2, ..Policy::default() };
        for (verdicts, want) in [
            ("u", false),
            ("?", false), // never seen down
            ("u?", false),
            ("ud", true),   // suspect
            ("ud?", false), // suspect once, and not down again
            ("udd", true),
            ("udd?", true),
            ("uddu", false), // up, though not yet for long enough to close its incident
        ] {
            let (db, _) = cycles(verdicts, &policy);
            let states = BTreeMap::from([("db".to_owned(), db)]);
            let needs = ["unknown".to_owned(), "db".to_owned()];
            assert_eq!(blocked_by(&needs, &states), want.then_some("db"), "{verdicts}");
        }
    }

    #[test]
    fn one_given_up_or_itself_blocked_blocks_too() {
        let needs = ["app".to_owned()];
        let (mut app, at) = cycles("ud", &Policy::default());
        give_up(&mut app, "app", "tried", &now(at));
        let states = BTreeMap::from([("app".to_owned(), app)]);
        assert_eq!(blocked_by(&needs, &states), Some("app"));

        let (mut app, at) = cycles("ud", &Policy::default());
        settle(&mut app, "app", &Action::Blocked("db".into()), &now(at));
        app.verdict = Verdict::Unknown("no answer".into());
        let states = BTreeMap::from([("app".to_owned(), app)]);
        assert_eq!(blocked_by(&needs, &states), Some("app"));
    }

    #[test]
    fn what_is_blocked_is_not_healed_and_is_healed_once_it_is_not() {
        let (mut app, at) = cycles("ud", &Policy::default());
        let found = found(UnitState::Failed, None);
        let about = Circumstances { blocked_by: Some("db"), ..free(&found) };
        let action = plan(&app, &Policy::default(), &about, &now(at + 3600));
        assert_eq!(settle(&mut app, "app", &action, &now(at + 3600)), None, "nor told");
        assert_eq!(app.blocked_by.as_deref(), Some("db"));
        let about = Circumstances { blocked_by: None, ..about };
        let action = plan(&app, &Policy::default(), &about, &now(at + 3600));
        assert_eq!(action, Action::Heal { half_open: false, left: 5 });
        settle(&mut app, "app", &action, &now(at + 3600));
        assert_eq!(app.blocked_by, None);
    }
}
