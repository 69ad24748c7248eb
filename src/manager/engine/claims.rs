//! What an engine has on record about a container's processes: those of one that shares the host's network can hold its
//! ports. The others' ports are held by the engine's own proxy, which nobody ends.

use std::time::Duration;

use crate::manager::claims::Claims;
use crate::manager::engine::one;
use crate::manager::reach::Reach;
use crate::model::unit::ManagerKind;
use crate::sys::process;

/// Nothing where the engine does not answer, and of one that does not run.
pub(crate) fn claims(manager: ManagerKind, unit: &str, reach: &Reach, limit: Duration) -> Claims {
    let Some(Ok((_, container))) = one(manager, unit, reach, limit) else {
        return Claims::default();
    };
    let pid = Some(container.state.pid).filter(|pid| *pid != 0);
    let Some(pid) = pid else { return Claims::default() };
    Claims {
        // `docker-ID.scope`, where systemd keeps the engine's cgroups; another cgroup may be shared with anybody.
        unit: process::unit(pid).filter(|unit| unit.contains(&container.id)),
        present: vec![pid],
        user: process::uid(pid).map(process::user_name),
        ..Claims::default()
    }
}
