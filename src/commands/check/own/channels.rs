//! The channels: each is looked at as far as that tells nobody anything, and it is said what that does not prove.

use crate::config::Config;
use crate::model::finding::Finding;
use crate::model::place::Problems;
use crate::model::text::one_line;
use crate::notify::{Channel, Reached};
use crate::sys::clock::Deadline;

use super::Part;

/// What proves the rest.
const PROOF: &str = "`miraclemax check --self --send-test`";

/// A part for each of them.
pub(super) fn parts(config: &Config, by: Deadline) -> Vec<Part> {
    let part = |channel: &Channel| {
        let channel = channel.clone();
        let about = format!("channel {}", one_line(&channel.name, 60));
        Part::new(about.clone(), move || {
            let mut findings = vec![finding(about.clone(), channel.reach(by))];
            findings.extend(words(&about, &channel));
            findings
        })
    };
    config.notify.iter().map(part).collect()
}

/// What is wrong with the files that its words are in: the usual ones are sent instead.
fn words(about: &str, channel: &Channel) -> Vec<Finding> {
    let mut problems = Problems::default();
    channel.check_files(&mut problems);
    let found = problems.0.iter().map(|problem| one_line(&problem.to_string(), 400));
    found.map(|text| Finding::warning(about.to_owned(), text)).collect()
}

fn finding(about: String, reached: Reached) -> Finding {
    match reached {
        Reached::Yes { said, unproven } => {
            let said = one_line(&said, 300);
            Finding::ok(about, format!("{said}; not proven: {unproven} ({PROOF} shows it)"))
        }
        Reached::No(why) => Finding::critical(about, one_line(&why, 400))
            .hint(format!("put it right, then {PROOF} shows whether a message arrives")),
        Reached::Unknown(why) => {
            Finding::unknown(about, one_line(&why, 400)).hint(format!("{PROOF} sends one message"))
        }
    }
}
