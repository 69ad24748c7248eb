//! Has a unit of systemd read its config again. Never restarts it, and never tells it to what it has no command for.

use std::time::Duration;

use crate::manager::acted::Acted;
use crate::manager::reach::Reach;
use crate::manager::systemd::act::judged;
use crate::manager::systemd::{absent, systemctl, typed};
use crate::model::unit::ManagerKind;
use crate::sys::clock::Deadline;
use crate::sys::exec::Ended;

/// The longest that asking whether it can be reloaded may take.
const ASK: Duration = Duration::from_secs(5);

/// One `systemctl reload`, for a unit that has a way to reload (`CanReload` of `org.freedesktop.systemd1(5)`).
/// Waits for its job, but not past `limit`: then the probes tell what became of it.
pub(crate) fn reload(manager: ManagerKind, unit: &str, reach: &Reach, limit: Duration) -> Acted {
    let deadline = Deadline::after(limit);
    if let Some(why) = absent(manager, reach) {
        return Acted::refused(why);
    }
    let ask = ["show", "--property=CanReload"];
    let answer = systemctl(manager, &ask, &[unit], reach, deadline.left().min(ASK)).run();
    if !answer.ok() {
        return Acted::refused(format!("systemctl: {}", answer.reason()));
    }
    if answer.text().trim() != "CanReload=yes" {
        return Acted::refused(format!("{unit} has no way to reload (`ExecReload=`)"));
    }
    let mut acted = Acted::nothing();
    acted.did.push(typed(manager, "reload", unit));
    let output = systemctl(manager, &["reload"], &[unit], reach, deadline.left()).run();
    if output.ended == Ended::TimedOut {
        acted.said.push(format!("the reload of {unit} goes on"));
        return acted;
    }
    judged(acted, "reload", unit, reach, &output)
}
