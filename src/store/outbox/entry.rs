//! One story on its way to its channels: how far each has come. Values and their rules; touches no file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::story::Story;
use crate::model::time::Stamp;

/// Names a story for ever, from what it tells: its incident, the change, and for reminders which one it is,
/// from 1 (0 where a change happens once). A run that was killed and does it all again comes to the same id.
pub fn id(story: &Story, number: u32) -> String {
    let change = story.change.word();
    match number {
        0 => format!("{}-{change}", story.incident),
        _ => format!("{}-{change}-{number}", story.incident),
    }
}

/// A story and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// See [`id`].
    pub id: String,
    /// When it was recorded.
    pub created: Stamp,
    /// What is to be told.
    pub story: Story,
    /// To whom, by the channel's name.
    pub channels: BTreeMap<String, Delivery>,
}

impl Entry {
    /// A new one for these channels, nothing tried yet.
    pub fn new<N: Into<String>>(
        story: Story,
        number: u32,
        created: Stamp,
        channels: impl IntoIterator<Item = N>,
    ) -> Self {
        let channels =
            channels.into_iter().map(|name| (name.into(), Delivery::default())).collect();
        Self { id: id(&story, number), created, story, channels }
    }

    /// One for each of its channels, by a name of its own that is always the same.
    pub fn alone(&self) -> impl Iterator<Item = Self> {
        self.channels.keys().map(|name| Self {
            id: format!("{}+{name}", self.id),
            channels: BTreeMap::from([(name.clone(), Delivery::default())]),
            ..self.clone()
        })
    }

    /// True when this channel is still to be tried.
    pub fn waits_for(&self, channel: &str) -> bool {
        self.channels.get(channel).is_some_and(|delivery| !delivery.finished())
    }

    /// True when no channel is to be tried any more.
    pub fn finished(&self) -> bool {
        self.channels.values().all(Delivery::finished)
    }
}

/// One channel's part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// How often it was tried.
    #[serde(default)]
    pub attempted: u32,
    /// When it was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// When the channel took it. Only this is "sent".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Timestamp>,
    /// What the channel said to the last try, or why there was none; secrets left out.
    #[serde(default)]
    pub answer: String,
    /// Given up on: it will not be tried again.
    #[serde(default)]
    pub gone: bool,
    /// Seconds for which the channel asked, at the last try, not to be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Delivery {
    /// True when it is not to be tried any more.
    pub fn finished(&self) -> bool {
        self.accepted.is_some() || self.gone
    }

    /// True while the channel is to be left alone. A clock that was set back, before the last try, ends it.
    pub fn resting(&self, now: Timestamp) -> bool {
        let Some((last, seconds)) = self.last.zip(self.retry_after) else { return false };
        let passed = now.as_second() - last.as_second();
        !self.finished() && u64::try_from(passed).is_ok_and(|passed| passed < seconds)
    }
}

/// What stays of an entry that is finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// See [`id`].
    pub id: String,
    /// When it was recorded.
    pub created: Stamp,
    /// How it ended for each channel.
    pub channels: BTreeMap<String, Delivery>,
}

impl Done {
    /// True when a channel was given up on: somebody was not told.
    pub fn is_lost(&self) -> bool {
        self.channels.values().any(|delivery| delivery.gone && delivery.accepted.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::story::Change;
    use crate::store::outbox::testing::story;

    #[test]
    fn a_channel_is_left_alone_for_as_long_as_it_asked() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let asked = Delivery { last: Some(at(1000)), retry_after: Some(60), ..Delivery::default() };
        for (now, want) in [(999, false), (1000, true), (1059, true), (1060, false)] {
            assert_eq!(asked.resting(at(now)), want, "{now}");
        }
        assert!(!Delivery { gone: true, ..asked.clone() }.resting(at(1000)));
        assert!(!Delivery { retry_after: None, ..asked }.resting(at(1000)));
    }

    #[test]
    fn the_same_story_has_the_same_id_and_another_has_another() {
        let reminder = Story { change: Change::Reminder, ..story("web-1") };
        for (story, number, want) in [
            (&story("web-1"), 0, "web-1-failed"),
            (&reminder, 1, "web-1-reminder-1"),
            (&reminder, 2, "web-1-reminder-2"),
        ] {
            assert_eq!(id(story, number), want);
        }
    }
}
