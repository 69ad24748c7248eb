//! Why letters leave later than they were written, and what became meanwhile of what they tell.

use std::borrow::Cow;

use crate::commands::posting::Post;
use crate::commands::posting::parcels::{Letter, Parcel};
use crate::model::course::{Course, Over};
use crate::model::story::{Change, Story};
use crate::model::time::lapse;
use crate::notify::Channel;
use crate::report::email::{Late, Wait, Why};

impl Post<'_> {
    /// What a parcel says of its lateness; none when it is not.
    pub(super) fn late(&self, parcel: &Parcel, channel: &Channel) -> Option<Late> {
        let late = parcel.letters.iter().filter(|letter| letter.late);
        let (quiet, unsent): (Vec<&Letter>, Vec<&Letter>) =
            late.partition(|letter| self.held_back(letter, channel));
        let wait = |letters: &[&Letter], why| {
            let since = letters.iter().map(|letter| letter.at).min()?;
            Some(Wait { count: letters.len(), since, why })
        };
        let answers = unsent.iter().filter_map(|letter| {
            letter.entry.channels.get(&channel.name).filter(|tried| !tried.answer.is_empty())
        });
        let answer = answers.max_by_key(|tried| tried.last).map(|tried| tried.answer.clone());
        let waits: Vec<Wait> =
            [wait(&unsent, Why::Unsent(answer.unwrap_or_default())), wait(&quiet, Why::Quiet)]
                .into_iter()
                .flatten()
                .collect();
        let clock_set = parcel.letters.iter().any(|letter| letter.at != letter.entry.story.at);
        (!waits.is_empty()).then(|| Late { now: self.memory.now().wall, waits, clock_set })
    }

    /// Whether it waited for quiet hours to end, and for nothing else.
    fn held_back(&self, letter: &Letter, channel: &Channel) -> bool {
        let tried = letter.entry.channels.get(&channel.name).is_some_and(|it| it.attempted > 0);
        !tried && self.quiet(&letter.entry.story, channel, letter.entry.created.wall)
    }

    /// What became of an outage that waited to be told; none while it goes on, and where that is not known.
    pub(super) fn over(&self, story: &Story) -> Option<Over> {
        let goes_on = matches!(
            story.change,
            Change::Down | Change::Failed | Change::Reminder | Change::Escalated | Change::Reboot
        );
        let state = self.memory.state.services.get(&story.service).filter(|_| goes_on)?;
        if state.incident.as_ref().is_some_and(|open| open.id == story.incident) {
            return None;
        }
        match state.last_incident.as_ref().filter(|last| last.id == story.incident) {
            Some(last) => Some(Over {
                at: Some(self.memory.now().when(&last.closed)),
                healed_by: last.healed_by.clone(),
            }),
            None => state.verdict.is_up().then_some(Over { at: None, healed_by: None }),
        }
    }
}

/// The latest state of an incident as a story: what is over is no outage any more.
pub(super) fn latest<'s>(course: &Course<'s>) -> Cow<'s, Story> {
    let Some(over) = &course.over else { return Cow::Borrowed(course.story) };
    let at = over.at.unwrap_or(course.story.at);
    let lasted = lapse(course.story.opened, at);
    Cow::Owned(Story { change: Change::Resolved, at, lasted, ..course.story.clone() })
}
