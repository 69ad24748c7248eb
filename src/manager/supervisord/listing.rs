//! Which programs of supervisord run, for discovery. Decides nothing.

use std::time::Duration;

use crate::manager::reach::Reach;
use crate::manager::supervisord::{all, ask};
use crate::model::discovery::Program;
use crate::model::unit::UnitState;
use crate::sys::clock::Deadline;
use crate::sys::xmlrpc::Value;

/// What runs there.
#[derive(Debug, Default)]
pub struct Running {
    /// Each process, with its pid.
    pub programs: Vec<(Program, u32)>,
    /// supervisord's own pid.
    pub pid: Option<u32>,
}

/// Asks supervisord; nothing where there is none.
pub fn running(reach: &Reach, limit: Duration) -> Result<Running, String> {
    let Some(server) = &reach.supervisord else { return Ok(Running::default()) };
    let deadline = Deadline::after(limit);
    let all = all(server, deadline.left()).map_err(|failure| {
        format!("supervisord at `{}` cannot be asked: {failure}", server.address)
    })?;
    let programs = all.into_iter().filter_map(|process| {
        let runs = matches!(process.state, Some(UnitState::Running | UnitState::Starting));
        let pid = process.pid.filter(|_| runs)?;
        Some((Program { name: process.name, group: process.group }, pid))
    });
    let pid = match ask(server, "getPID", &[], deadline.left()) {
        Ok(Value::Int(pid)) => u32::try_from(pid).ok(),
        _ => None,
    };
    Ok(Running { programs: programs.collect(), pid })
}
