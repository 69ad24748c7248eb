//! Whether an incident that goes on is to be told again. Sends nothing.

use crate::model::policy::Policy;
use crate::model::state::ServiceState;
use crate::model::time::Now;

/// Whether a reminder is due: the incident was told `remind_every` ago or longer, and it is not coming back.
/// The caller sets [`Incident::told`](crate::model::incident::Incident::told) when it tells.
pub fn reminder_due(state: &ServiceState, policy: &Policy, now: &Now) -> bool {
    let told = state.incident.as_ref().and_then(|incident| incident.told.as_ref());
    match (told, policy.remind_every) {
        (Some(told), Some(every)) => !state.verdict.is_up() && now.elapsed(told) >= every,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::{cycle, cycles, now, rebooted, secs};

    #[test]
    fn what_was_told_is_told_again_while_it_lasts() {
        let policy =
            Policy { recover_after: 2, remind_every: Some(secs(3600)), ..Policy::default() };
        let (mut state, at) = cycles("ud", &policy);
        assert!(!reminder_due(&state, &policy, &now(at + 9999)), "never told, so not told again");
        state.incident.as_mut().unwrap().told = Some(now(at).stamp());
        assert!(!reminder_due(&state, &policy, &now(at + 3599)));
        assert!(reminder_due(&state, &policy, &now(at + 3600)));
        assert!(reminder_due(&state, &policy, &rebooted(at + 3600, 30)), "a reboot loses none");
        assert!(!reminder_due(&state, &Policy::default(), &now(at + 9999)), "not asked for");
        let (coming_back, _) = cycle(Some(&state), 'u', &policy, &now(at + 3600));
        assert!(coming_back.incident.is_some());
        assert!(!reminder_due(&coming_back, &policy, &now(at + 3600)));
    }
}
