//! The channels: each is looked at as far as that tells nobody anything, and it is said what that does not prove.

use crate::config::Config;
use crate::model::finding::Finding;
use crate::model::text::one_line;
use crate::notify::{Channel, Reached};
use crate::sys::clock::Deadline;

use super::Part;

/// What proves the rest.
const PROOF: &str = "`miraclemax heal --drill --notify`";

/// A part for each of them.
pub(super) fn parts(config: &Config, by: Deadline) -> Vec<Part> {
    let part = |channel: &Channel| {
        let channel = channel.clone();
        let about = format!("channel {}", one_line(&channel.name, 60));
        Part::new(about.clone(), move || vec![finding(about, channel.reach(by))])
    };
    config.notify.iter().map(part).collect()
}

fn finding(about: String, reached: Reached) -> Finding {
    match reached {
        Reached::Yes { said, unproven } => {
            let said = one_line(&said, 300);
            Finding::ok(about, format!("{said}; not proven: {unproven} ({PROOF} does)"))
        }
        Reached::No(why) => Finding::critical(about, one_line(&why, 400))
            .hint(format!("put it right, then {PROOF} shows whether a message arrives")),
        Reached::Unknown(why) => {
            Finding::unknown(about, one_line(&why, 400)).hint(format!("{PROOF} sends one message"))
        }
    }
}
