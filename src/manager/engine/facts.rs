//! How an engine's answer about a container reads, in the vocabulary of all managers. Pure: calls nobody.

use jiff::Timestamp;

use crate::model::text::one_line;
use crate::model::unit::{Exit, Found, HandsOff, ManagerKind, UnitFacts, UnitState};
use crate::sys::engine::{Container, Health};

/// Podman's mark on a container that a unit of systemd runs (podman-auto-update(1)).
const RUN_BY: &str = "PODMAN_SYSTEMD_UNIT";

/// What is known of it at `now`.
pub(crate) fn found(container: &Container, manager: ManagerKind, now: Timestamp) -> Found {
    let (state, unit) = (&container.state, one_line(container.name(), 100));
    let Some(stands) = stands(container, manager) else {
        let status = one_line(&state.status, 40);
        let word = manager.word();
        return Found::Unknown(format!(
            "{word} says that `{unit}` is `{status}`, which is not known"
        ));
    };
    let runs = state.status == "running";
    let ended = matches!(state.status.as_str(), "exited" | "stopped" | "dead" | "restarting");
    let since = if runs { state.started() } else { state.finished().filter(|_| ended) };
    Found::Facts(UnitFacts {
        manager,
        words: words(container, manager, stands),
        unit,
        state: stands,
        hands_off: hands_off(container, manager),
        main_pid: Some(state.pid).filter(|pid| runs && *pid != 0),
        instance: runs.then(|| format!("{}@{}", container.id, state.started_at)),
        result: (ended && state.oom_killed).then(|| "oom-kill".to_owned()),
        exit: ended.then_some(Exit::Code(state.exit_code)),
        restarts: Some(container.restart_count),
        in_state_ms: since.and_then(|since| in_state(container, stands, since, now)),
        start_limited: false,
    })
}

/// That the engine has none of this name.
pub(crate) fn missing(unit: &str, manager: ManagerKind) -> UnitFacts {
    let word = manager.word();
    UnitFacts {
        words: "not there".into(),
        hands_off: Some(HandsOff::NotFound(format!(
            "{word} has none of this name; see what there is: `{word} ps --all`"
        ))),
        ..UnitFacts::bare(manager, unit, UnitState::Stopped)
    }
}

/// docs.docker.com/reference/api/engine, "Inspect a container", `State.Status`; the words that Docker has not are
/// podman's (podman-ps(1), `status`).
fn stands(container: &Container, manager: ManagerKind) -> Option<UnitState> {
    let state = &container.state;
    Some(match (state.status.as_str(), container.health().map(|health| health.status.as_str())) {
        ("running", None | Some("healthy")) => UnitState::Running,
        ("running", Some("starting")) => UnitState::Starting,
        ("running", Some("unhealthy")) => UnitState::Failed,
        ("restarting", _) => UnitState::Retrying,
        ("paused", _) => UnitState::Stopped,
        ("created" | "configured" | "initialized", _) if state.error.trim().is_empty() => {
            UnitState::Stopped
        }
        ("exited" | "stopped", _)
            if !state.oom_killed
                && (state.exit_code == 0 || by_somebody(container, manager))
                && state.error.trim().is_empty() =>
        {
            UnitState::Stopped
        }
        ("created" | "configured" | "initialized" | "exited" | "stopped" | "dead", _) => {
            UnitState::Failed
        }
        ("stopping" | "removing", _) => UnitState::Stopping,
        _ => return None,
    })
}

/// Docker itself restarts what ended, unless it was told to end it; Podman may just not have been there.
fn by_somebody(container: &Container, manager: ManagerKind) -> bool {
    manager == ManagerKind::Docker
        && matches!(container.restart_policy(), "always" | "unless-stopped")
}

fn words(container: &Container, manager: ManagerKind, stands: UnitState) -> String {
    let state = &container.state;
    let status = one_line(&state.status, 40);
    let signal = match state.signal() {
        "" => String::new(),
        name => format!(" ({name})"),
    };
    let error = one_line(state.error.trim(), 200);
    let error = if error.is_empty() { error } else { format!(": {error}") };
    match (status.as_str(), container.health()) {
        ("running", None) => "running".to_owned(),
        ("running", Some(health)) if health.status == "unhealthy" => unwell(health),
        ("running", Some(health)) => format!("running, {}", one_line(&health.status, 40)),
        ("restarting", _) => format!(
            "restarting{signal} as its policy `{}` says, {} so far",
            one_line(container.restart_policy(), 20),
            container.restart_count
        ),
        ("exited" | "stopped", _)
            if stands == UnitState::Stopped && by_somebody(container, manager) =>
        {
            format!("{status}{signal}, stopped by somebody")
        }
        ("exited" | "stopped" | "dead", _) => format!("{status}{signal}{error}"),
        ("created" | "configured" | "initialized", _) => format!("{status}, never started{error}"),
        _ => status,
    }
}

fn unwell(health: &Health) -> String {
    format!("running, unhealthy{}", health.complaint())
}

fn hands_off(container: &Container, manager: ManagerKind) -> Option<HandsOff> {
    let podmans = manager == ManagerKind::Podman;
    match container.label(RUN_BY).filter(|unit| podmans && !unit.is_empty()) {
        Some(unit) => Some(HandsOff::RunBy(one_line(unit, 100))),
        None => (container.state.status == "paused").then_some(HandsOff::Paused),
    }
}

/// A container whose check has not had its time yet is starting since nobody knows when: `start_grace` alone does not end
/// that. A clock that was set back says nothing.
fn in_state(
    container: &Container,
    stands: UnitState,
    since: Timestamp,
    now: Timestamp,
) -> Option<u64> {
    let time = std::time::Duration::try_from(now.duration_since(since)).ok()?;
    if stands == UnitState::Starting && time <= container.first_word() {
        return None;
    }
    u64::try_from(time.as_millis()).ok()
}
