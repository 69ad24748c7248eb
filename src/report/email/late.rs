//! What a letter says that leaves later than it was written: since when, why, and how the incident went meanwhile.

use jiff::Timestamp;

use crate::model::course::{Over, Step};
use crate::model::text::{human_duration, plural};
use crate::model::time::lapse;
use crate::report::email::mark;
use crate::report::email::section::Page;

/// More of the same in a row are counted.
const TWICE: usize = 2;

/// That letters leave later than they were written. Times are by the clock as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    /// When they leave.
    pub now: Timestamp,
    /// Since when, and why; one for each reason.
    pub waits: Vec<Wait>,
    /// The clock was set since the first was written.
    pub clock_set: bool,
}

/// Letters that waited for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// How many.
    pub count: usize,
    /// When the first was written.
    pub since: Timestamp,
    /// See [`Why`].
    pub why: Why,
}

/// Why a letter waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It could not be sent, and what the last try came to; empty where there was none.
    Unsent(String),
    /// There were quiet hours.
    Quiet,
}

/// Says so at the top of the letter; `alone` when it is the one letter that waited.
pub(super) fn note(page: &mut Page, late: &Late, alone: bool) {
    for Wait { count, since, why } in &late.waits {
        let (from, to) = (page.time(*since), page.time(late.now));
        let waited = lapse(*since, late.now);
        let waited = human_duration(waited);
        let (letters, span) = (plural(*count, "letter"), page.span(*since, late.now));
        let was = if *count == 1 { "was" } else { "were" };
        page.line(&match why {
            Why::Unsent(answer) => {
                let answer =
                    if answer.is_empty() { String::new() } else { format!(": {answer}") };
                if alone {
                    format!(
                        "LATE: this was written at {from} and could not be sent until {to}, {waited} later{answer}"
                    )
                } else {
                    format!("LATE: {letters} could not be sent {span}{answer}")
                }
            }
            Why::Quiet if alone => format!(
                "LATE: this was written at {from} and held back for quiet hours until {to}, {waited} later"
            ),
            Why::Quiet => format!("LATE: {letters} {was} held back for quiet hours {span}"),
        });
    }
    if late.clock_set {
        page.line("The clock was set meanwhile; these times are by the clock as it is now.");
    }
    page.blank();
}

/// `FAILED at 02:10, STILL DOWN at 03:10, RESOLVED at 04:20`.
pub(super) fn course(page: &Page, steps: &[Step], over: Option<&Over>, now: Timestamp) -> String {
    let mut told: Vec<String> = Vec::new();
    for same in steps.chunk_by(|a, b| a.change == b.change) {
        let (word, first, last) = (mark(same[0].change).1, same[0].at, same[same.len() - 1].at);
        if same.len() > TWICE {
            let (from, to) = (page.moment(first, now), page.moment(last, now));
            told.push(format!("{word} {} times from {from} to {to}", same.len()));
        } else {
            told.extend(same.iter().map(|step| format!("{word} at {}", page.moment(step.at, now))));
        }
    }
    match over {
        Some(Over { at: Some(at), .. }) => {
            told.push(format!("UP AGAIN at {}", page.moment(*at, now)));
        }
        Some(Over { at: None, .. }) => told.push("UP AGAIN since".into()),
        None => {}
    }
    told.join(", ")
}
