//! What each channel calls the first message of an incident, so that later ones can be put under it. A help for the
//! reader and nothing else: what is lost or damaged here begins a new thread, and costs no letter.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::files::{KEPT, file, is_entry, json, read_json};
use super::pending::Turn;
use crate::model::letter::{First, Taken};
use crate::model::story::Story;
use crate::store::bounded::prune;
use crate::store::{Dir, atomic, dir};

/// Characters of a first message that are kept; no channel that shows it again takes more.
const BODY: usize = 4096;

/// The first message of an incident over one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The channel's name for it.
    handle: String,
    /// The incidents that it told of; several when it was a digest.
    tells: Vec<String>,
    /// Whether the channel was told that this incident is over.
    #[serde(default)]
    over: bool,
    /// The beginning of what it said.
    #[serde(default)]
    body: String,
}

impl Thread {
    /// As a channel is handed it.
    pub fn first(&self) -> First<'_> {
        let tells = self.tells.len();
        First { handle: &self.handle, body: &self.body, tells, over: self.over }
    }
}

/// The one message of `channel` that was the first of all these stories' incidents; none where it has several, or one
/// has none. It is over when each incident that it told of was told to be, or is with these stories.
pub fn begun(dir: &Dir, channel: &str, stories: &[&Story]) -> Option<Thread> {
    let (first, others) = stories.split_first()?;
    let mut thread = read(dir, channel, incident(first)?)?;
    let same = |story: &&Story| {
        let other = incident(story).and_then(|incident| read(dir, channel, incident));
        other.is_some_and(|other| other.handle == thread.handle)
    };
    if !others.iter().all(same) {
        return None;
    }
    let over = |told: &String| {
        stories.iter().any(|story| story.change.ends() && story.incident == *told)
            || read(dir, channel, told).is_some_and(|other| other.over)
    };
    thread.over = thread.tells.iter().all(over);
    Some(thread)
}

/// Remembers that `channel` took a message with these words of these stories: as the first of each incident that has
/// none yet, if it was given a name, and as the end of those that it ends. Only who has the turn to deliver writes.
pub fn told(
    dir: &Dir,
    _turn: &Turn,
    channel: &str,
    stories: &[&Story],
    taken: &Taken,
    body: &str,
) -> Result<()> {
    let tells = || stories.iter().filter_map(|story| incident(story)).map(str::to_owned).collect();
    for story in stories {
        let Some(incident) = incident(story) else { continue };
        let thread = match (read(dir, channel, incident), &taken.handle) {
            (Some(thread), _) if story.change.ends() && !thread.over => {
                Thread { over: true, ..thread }
            }
            (None, Some(handle)) => Thread {
                handle: handle.clone(),
                tells: tells(),
                over: story.change.ends(),
                body: body.chars().take(BODY).collect(),
            },
            _ => continue,
        };
        write(dir, channel, incident, &thread)?;
    }
    Ok(())
}

/// What it is remembered by; what is told of no incident has no thread.
fn incident(story: &Story) -> Option<&str> {
    Some(story.incident.as_str()).filter(|incident| !incident.is_empty())
}

fn folder(dir: &Dir) -> PathBuf {
    dir.outbox().join("threads")
}

fn path(dir: &Dir, channel: &str, incident: &str) -> PathBuf {
    // With the length no two pairs are the same word, whatever stands in them.
    file(&folder(dir), &format!("{incident}/{channel}/{}", incident.len()))
}

fn read(dir: &Dir, channel: &str, incident: &str) -> Option<Thread> {
    read_json(&path(dir, channel, incident)).ok()
}

fn write(dir: &Dir, channel: &str, incident: &str, thread: &Thread) -> Result<()> {
    let (folder, path) = (folder(dir), path(dir, channel, incident));
    dir::make(&folder)?;
    atomic::sweep(&folder);
    atomic::replace(&path, &json(thread)?)?;
    prune(&folder, KEPT, &path, is_entry, |path| fs::remove_file(path));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::story::Change;
    use crate::store::outbox::testing::{dir, story};
    use crate::store::outbox::{Pending, pending, take_turn};
    use crate::store::testing::{fifo, names};

    fn of(incident: &str, change: Change) -> Story {
        Story { change, ..story(incident) }
    }

    /// One process after another, each with the turn.
    fn tell(dir: &Dir, channel: &str, stories: &[&Story], handle: Option<&str>) {
        let turn = take_turn(dir).unwrap().unwrap();
        let taken = Taken { said: "ok".into(), handle: handle.map(Into::into) };
        told(dir, &turn, channel, stories, &taken, "what it said\n").unwrap();
    }

    fn first(dir: &Dir, channel: &str, stories: &[&Story]) -> Option<(String, bool)> {
        let thread = begun(dir, channel, stories)?;
        assert_eq!(thread.first().body, "what it said\n");
        Some((thread.first().handle.to_owned(), thread.first().over))
    }

    #[test]
    fn the_first_message_of_an_incident_stays_the_first_for_its_channel_alone() {
        let (_temp, dir) = dir();
        let (failed, reminder) = (of("a", Change::Failed), of("a", Change::Reminder));
        let (resolved, other) = (of("a", Change::Resolved), of("b", Change::Failed));
        assert_eq!(first(&dir, "chat", &[&failed]), None);
        tell(&dir, "chat", &[&failed], Some("1"));
        tell(&dir, "chat", &[&reminder], Some("2"));
        assert_eq!(first(&dir, "chat", &[&reminder]), Some(("1".into(), false)));
        assert_eq!(first(&dir, "mail", &[&reminder]), None);
        assert_eq!(first(&dir, "chat", &[&other]), None);
        assert_eq!(first(&dir, "chat", &[&resolved]), Some(("1".into(), true)));
        tell(&dir, "chat", &[&resolved], None);
        assert_eq!(first(&dir, "chat", &[&reminder]), Some(("1".into(), true)));
        assert_eq!(pending(&dir), Pending::default(), "a thread is no letter that waits");
    }

    #[test]
    fn a_channel_that_gives_no_names_and_a_story_of_no_incident_have_no_thread() {
        let (_temp, dir) = dir();
        let (failed, gap) = (of("a", Change::Failed), of("", Change::Gap));
        tell(&dir, "sms", &[&failed], None);
        tell(&dir, "chat", &[&gap], Some("1"));
        assert_eq!(first(&dir, "sms", &[&failed]), None);
        assert_eq!(first(&dir, "chat", &[&gap]), None);
        assert!(!folder(&dir).exists());
    }

    #[test]
    fn a_digest_is_the_first_of_all_that_it_tells_and_over_with_the_last_of_them() {
        let (_temp, dir) = dir();
        let down = ["a", "b", "c"].map(|incident| of(incident, Change::Failed));
        let up = ["a", "b", "c"].map(|incident| of(incident, Change::Resolved));
        tell(&dir, "chat", &down.each_ref(), Some("1"));
        assert_eq!(first(&dir, "chat", &down.each_ref()), Some(("1".into(), false)));
        assert_eq!(first(&dir, "chat", &up.each_ref()), Some(("1".into(), true)), "all at once");
        for (story, over) in up.iter().zip([false, false, true]) {
            assert_eq!(first(&dir, "chat", &[story]), Some(("1".into(), over)));
            tell(&dir, "chat", &[story], Some("2"));
        }
    }

    #[test]
    fn a_digest_of_several_threads_is_put_under_none_of_them() {
        let (_temp, dir) = dir();
        let [a, b, c] = ["a", "b", "c"].map(|incident| of(incident, Change::Failed));
        tell(&dir, "chat", &[&a], Some("1"));
        tell(&dir, "chat", &[&b], Some("2"));
        assert_eq!(first(&dir, "chat", &[&a, &b]), None);
        assert_eq!(first(&dir, "chat", &[&a, &c]), None, "one is new");
        tell(&dir, "chat", &[&a, &c], Some("3"));
        assert_eq!(first(&dir, "chat", &[&a]), Some(("1".into(), false)));
        let resolved = of("c", Change::Resolved);
        assert_eq!(
            first(&dir, "chat", &[&resolved]),
            Some(("3".into(), false)),
            "it tells of a, too"
        );
    }

    #[test]
    fn a_damaged_thread_begins_anew_and_what_a_killed_run_left_is_swept() {
        let (_temp, dir) = dir();
        let failed = of("a", Change::Failed);
        tell(&dir, "chat", &[&failed], Some("1"));
        let there = path(&dir, "chat", "a");
        let whole = fs::read(&there).unwrap();
        for length in 0..whole.len() - 1 {
            fs::write(&there, &whole[..length]).unwrap();
            assert_eq!(begun(&dir, "chat", &[&failed]), None, "cut at {length}");
        }
        fs::remove_file(&there).unwrap();
        fifo(&there);
        assert_eq!(begun(&dir, "chat", &[&failed]), None);
        fs::write(folder(&dir).join(".x.json.2000000000-0.tmp"), "{").unwrap();
        tell(&dir, "chat", &[&failed], Some("2"));
        assert_eq!(first(&dir, "chat", &[&failed]), Some(("2".into(), false)));
        assert_eq!(names(&folder(&dir)).len(), 1);
    }

    #[test]
    fn only_so_many_are_kept_and_of_each_only_so_much() {
        let (_temp, dir) = dir();
        let turn = take_turn(&dir).unwrap().unwrap();
        let taken = Taken { said: "ok".into(), handle: Some("1".into()) };
        let thread =
            Thread { handle: "1".into(), tells: Vec::new(), over: false, body: String::new() };
        dir::make(&folder(&dir)).unwrap();
        for number in 0..KEPT {
            let path = path(&dir, "chat", &number.to_string());
            fs::write(path, json(&thread).unwrap()).unwrap();
        }
        let failed = of("a", Change::Failed);
        told(&dir, &turn, "chat", &[&failed], &taken, &"ä".repeat(9000)).unwrap();
        assert_eq!(names(&folder(&dir)).len(), KEPT);
        let thread = begun(&dir, "chat", &[&failed]).unwrap();
        assert_eq!(thread.body.chars().count(), BODY);
    }
}
