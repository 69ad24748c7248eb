//! Whether an incident that goes on is to be told again, or to those who are told later than others. Sends nothing.

use std::time::Duration;

use crate::model::incident::Incident;
use crate::model::state::ServiceState;
use crate::model::time::Now;

/// The incident of a service, if it is one of which people are told again while it lasts: it was told, no hands are
/// kept off, and it is not coming back.
pub fn goes_on(state: &ServiceState) -> Option<&Incident> {
    let incident = state.incident.as_ref()?;
    (incident.told.is_some() && state.held.is_none() && !state.verdict.is_up()).then_some(incident)
}

/// Whether `channel` is due to be told again, `every` so often. It was told last when it was itself told, or when
/// anybody was if nothing is known of it.
pub fn reminder_due(
    incident: &Incident,
    channel: &str,
    every: Option<Duration>,
    now: &Now,
) -> bool {
    let told = incident.told_to.get(channel).or(incident.told.as_ref());
    told.zip(every).is_some_and(|(told, every)| now.elapsed(told) >= every)
}

/// Whether `channel`, which is told of what has lasted for `after`, is due to be told.
pub fn escalation_due(incident: &Incident, channel: &str, after: Duration, now: &Now) -> bool {
    !incident.told_to.contains_key(channel) && now.elapsed(&incident.opened) >= after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::{cycle, cycles, now, rebooted, secs};
    use crate::model::policy::Policy;

    #[test]
    fn what_was_told_is_told_again_while_it_lasts() {
        let policy = Policy { recover_after: 2, ..Policy::default() };
        let hour = Some(secs(3600));
        let (mut state, at) = cycles("ud", &policy);
        assert_eq!(goes_on(&state), None, "never told, so not told again");
        state.incident.as_mut().unwrap().told = Some(now(at).stamp());
        let incident = goes_on(&state).expect("it goes on");
        assert!(!reminder_due(incident, "mail", hour, &now(at + 3599)));
        assert!(reminder_due(incident, "mail", hour, &now(at + 3600)));
        assert!(reminder_due(incident, "mail", hour, &rebooted(at + 3600, 30)), "also over a boot");
        assert!(!reminder_due(incident, "mail", None, &now(at + 9999)), "not asked for");
        let held = ServiceState { held: Some("held".into()), ..state.clone() };
        assert_eq!(goes_on(&held), None);
        let (coming_back, _) = cycle(Some(&state), 'u', &policy, &now(at + 3600));
        assert!(coming_back.incident.is_some());
        assert_eq!(goes_on(&coming_back), None);
    }

    #[test]
    fn each_channel_has_a_time_of_its_own() {
        let (mut state, at) = cycles("ud", &Policy::default());
        let incident = state.incident.as_mut().unwrap();
        incident.told = Some(now(at + 600).stamp());
        incident.told_to.insert("mail".into(), now(at).stamp());
        let due =
            |channel, after| reminder_due(incident, channel, Some(secs(600)), &now(at + after));
        assert_eq!((due("mail", 599), due("mail", 600)), (false, true));
        assert_eq!((due("chat", 1199), due("chat", 1200)), (false, true));
    }

    #[test]
    fn the_next_people_are_told_once_when_it_has_lasted() {
        let (mut state, at) = cycles("ud", &Policy::default());
        let incident = state.incident.as_mut().unwrap();
        for (after, want) in [(1799, false), (1800, true), (9999, true)] {
            assert_eq!(escalation_due(incident, "boss", secs(1800), &now(at + after)), want);
        }
        incident.told_to.insert("boss".into(), now(at + 1800).stamp());
        assert!(!escalation_due(incident, "boss", secs(1800), &now(at + 9999)));
    }
}
