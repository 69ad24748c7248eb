//! The clock, where somebody here tells how it is; and whether there were times when nobody looked. Sets nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::commands::cycle::alone;
use crate::commands::fresh::Remembered;
use crate::commands::setup::Setup;
use crate::config;
use crate::judge::since::is_unseen;
use crate::model::finding::Finding;
use crate::model::text::one_line;
use crate::model::verdict::{Look, Verdict};
use crate::probe::{self, Bounds, Seen};
use crate::sys::clock::Deadline;
use crate::sys::host;

/// Bound on the question.
const LIMIT: Duration = Duration::from_secs(10);
/// What is told of the past.
const DAY: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Whether somebody keeps it right. Its answer is that of the probe `clock:`.
pub(super) fn findings(by: Deadline) -> Vec<Finding> {
    if host::container().is_some() {
        return vec![Finding::ok("clock", "this is a container: its clock is its host's")];
    }
    let Ok(probe) = config::probe("clock:") else { return Vec::new() };
    let bounds = Bounds { jobs: 1, deadline: by };
    let looks = probe::look_all(
        vec![alone(probe, LIMIT)],
        &Arc::new(Seen::default()),
        &bounds,
        &mut |_| (),
    );
    looks.iter().map(finding).collect()
}

fn finding(look: &Look) -> Finding {
    let hint = look.hint.clone().unwrap_or_else(|| "`timedatectl status`".to_owned());
    match &look.verdict {
        Verdict::Up => Finding::ok("clock", one_line(&look.detail, 200)),
        Verdict::Down(why) => Finding::warning("clock", one_line(why, 200)).hint(hint),
        // Where nobody keeps account of it, that is how this host is.
        Verdict::Unknown(why) => {
            Finding::ok("clock", format!("not told here: {}", one_line(why, 200)))
        }
    }
}

/// Sleep, restarts and times when nobody looked, of the last day.
pub(super) fn past(setup: &Setup, remembered: &Remembered) -> Option<Finding> {
    let recent = remembered.state.happened.iter().rev();
    let recent: Vec<_> =
        recent.take_while(|one| setup.now.wall.duration_since(one.at) < DAY).collect();
    let last = recent.first()?;
    let more = match recent.len() {
        1 => String::new(),
        count => format!(" ({} more in the last day)", count - 1),
    };
    let said = format!("{}{more}", one_line(&last.text, 300));
    let unseen = recent.iter().any(|one| is_unseen(&one.text));
    let hint = "keep the host awake, or expect no healing meanwhile; `miraclemax status` says more";
    Some(if unseen { Finding::warning("gaps", said).hint(hint) } else { Finding::ok("gaps", said) })
}
