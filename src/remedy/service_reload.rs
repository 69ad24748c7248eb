//! Has a service that runs read its config again through its manager, before it is restarted. Refuses where it does
//! not run or cannot be reloaded: then the restart is next.

use std::time::Duration;

use crate::manager::{Acted, Reach};
use crate::remedy::{Patient, service_restart};
use crate::sys::clock::Deadline;

/// Reloads it, or says why not.
pub(crate) fn apply(patient: &Patient<'_>, reach: &Reach, limit: Duration) -> Acted {
    let deadline = Deadline::after(limit);
    match service_restart::ready(patient, reach, deadline) {
        Ok((runner, facts)) => runner.reload(facts.as_ref(), reach, deadline.left()),
        Err(why) => Acted::refused(why),
    }
}
