//! How an incident went, as far as the letters tell it that wait together for one channel. Values only; who folds
//! letters makes them, and `report` words them.

use jiff::Timestamp;

use crate::model::story::{Change, Story};

/// One incident by its latest state, and how it came to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Course<'a> {
    /// The latest of what is to be told of it.
    pub story: &'a Story,
    /// All of it, oldest first; that of `story` is the last.
    pub steps: Vec<Step>,
    /// What became of it since, where `story` tells of an outage that is over.
    pub over: Option<Over>,
}

/// What changed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// See [`Change`].
    pub change: Change,
    /// By the clock as it is now, also where that was set since.
    pub at: Timestamp,
}

/// The end of an outage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// When it was found up again, by the clock as it is now; none where that is no longer known.
    pub at: Option<Timestamp>,
    /// The remedy that brought it back, where one did.
    pub healed_by: Option<String>,
}

impl<'a> Course<'a> {
    /// One of which nothing came before.
    pub fn of(story: &'a Story) -> Self {
        Self { story, steps: vec![Step { change: story.change, at: story.at }], over: None }
    }
}
