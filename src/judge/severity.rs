//! How bad it is, as an exit code tells it. Renders nothing.

use crate::model::state::{ServiceState, Status};
use crate::model::verdict::Verdict;

/// The monitoring plugins' four states, and their order when several meet (`max_state_alt` of the
/// monitoring-plugins): critical outweighs warning, warning outweighs unknown, unknown outweighs ok. A fault
/// that is known is worse than what could not be found out, and not found out is never ok.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// All is well.
    Ok,
    /// It could not be found out.
    Unknown,
    /// Degraded, or down where that is not critical or is meant.
    Warning,
    /// A critical service is down.
    Critical,
}

impl Severity {
    /// The exit code: 0 ok, 1 warning, 2 critical, 3 unknown.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// The plugins' word: `OK`, `WARNING`, `CRITICAL`, `UNKNOWN`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The worst of them; unknown when there are none, because nothing looked at is never ok.
    pub fn worst(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().max().unwrap_or(Self::Unknown)
    }
}

/// How bad one service is; `None` is a configured one that was never looked at. A blocked service is as down
/// as any other: what it waits for changes who heals it, not that it is down.
pub fn of_service(state: Option<&ServiceState>, critical: bool) -> Severity {
    let Some(state) = state else { return Severity::Unknown };
    let believed = match state.status {
        Status::New => Severity::Unknown,
        Status::Up => Severity::Ok,
        Status::Suspect => Severity::Warning,
        Status::Down | Status::Failed => {
            // Meant: held, or stopped by somebody who is respected. Coming back: up, but not for long enough.
            let meant = state.status == Status::Down && state.left_alone.is_some();
            if critical && state.held.is_none() && !meant && !state.verdict.is_up() {
                Severity::Critical
            } else {
                Severity::Warning
            }
        }
    };
    let seen = match state.verdict {
        Verdict::Up if state.flapping || state.looks.iter().any(|look| look.warns().is_some()) => {
            Severity::Warning
        }
        Verdict::Up => Severity::Ok,
        Verdict::Down(_) => Severity::Warning,
        Verdict::Unknown(_) => Severity::Unknown,
    };
    believed.max(seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::plan::{Action, Why};
    use crate::judge::settle::settle;
    use crate::judge::support::{cycles, now};
    use crate::model::policy::Policy;
    use crate::model::verdict::Look;

    #[test]
    fn every_state_has_its_row() {
        use Severity::{Critical, Ok, Unknown, Warning};
        let policy = Policy { fail_after: 2, recover_after: 2, ..Policy::default() };
        let flapping = "du".repeat(7);
        // (verdicts, then settled as, severity when critical, when not, when held)
        let failed = Action::GiveUp("tried".into());
        let masked = Action::HandsOff("masked".into());
        let respected = Action::Leave(Why::Stopped);
        let blocked = Action::Blocked("db".into());
        for (verdicts, action, severe, standard, held) in [
            ("", None, Unknown, Unknown, Unknown),
            ("?", None, Unknown, Unknown, Unknown),
            ("u", None, Ok, Ok, Ok),
            ("u?", None, Unknown, Unknown, Unknown),
            ("ud", None, Warning, Warning, Warning),
            ("ud?", None, Warning, Warning, Warning),
            ("udd", None, Critical, Warning, Warning),
            ("udd?", None, Critical, Warning, Warning),
            ("uddu", None, Warning, Warning, Warning),
            ("udd", Some(&failed), Critical, Warning, Warning),
            ("udd", Some(&masked), Critical, Warning, Warning),
            ("udd", Some(&respected), Warning, Warning, Warning),
            ("udd", Some(&blocked), Critical, Warning, Warning),
            (&flapping, None, Warning, Warning, Warning),
        ] {
            let (mut state, at) = cycles(verdicts, &policy);
            if let Some(action) = action {
                settle(&mut state, "web", action, &now(at));
            }
            let got = [(true, None), (false, None), (true, Some("maintenance".to_owned()))].map(
                |(critical, held)| {
                    of_service(Some(&ServiceState { held, ..state.clone() }), critical)
                },
            );
            assert_eq!(got, [severe, standard, held], "{verdicts} {action:?}");
        }
        assert_eq!(of_service(None, true), Unknown);
    }

    #[test]
    fn one_that_is_up_with_a_warning_is_a_warning_and_no_outage() {
        let (mut state, _) = cycles("u", &Policy::default());
        let look = Look::new("disk:/", Verdict::Up, "", std::time::Duration::ZERO);
        state.looks = vec![Look { warning: Some("nearly full".into()), ..look }];
        assert_eq!(of_service(Some(&state), true), Severity::Warning);
        assert_eq!((state.status, state.warnings().as_str()), (Status::Up, "nearly full"));
        state.verdict = Verdict::Unknown("?".into());
        assert_eq!(of_service(Some(&state), true), Severity::Unknown);
        assert_eq!(state.warnings(), "");
    }

    #[test]
    fn the_worst_is_as_the_plugins_have_it_and_nothing_is_unknown() {
        use Severity::{Critical, Ok, Unknown, Warning};
        for (all, want) in [
            (vec![], Unknown),
            (vec![Ok], Ok),
            (vec![Ok, Unknown], Unknown),
            (vec![Unknown, Warning, Ok], Warning),
            (vec![Warning, Critical, Unknown], Critical),
        ] {
            assert_eq!(Severity::worst(all.clone()), want, "{all:?}");
        }
        assert_eq!([Ok, Warning, Critical, Unknown].map(Severity::code), [0, 1, 2, 3]);
    }
}
