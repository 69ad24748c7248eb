//! What is to be told of the host and of holds: restarts, times when nobody looked, hands that are kept off no more. It is
//! seen once, so a run that tells nobody keeps it for the next that does. Sends nothing.

use crate::commands::memory::Memory;
use crate::commands::telling::name_of;
use crate::config::Config;
use crate::judge::since::Since;
use crate::model::state::HAPPENINGS;
use crate::model::story::{Change, Story};

/// What is to be told of them by this run, with what others have seen.
pub(super) fn told(memory: &mut Memory, config: &Config, since: Option<&Since>) -> Vec<Story> {
    let mut stories = std::mem::take(&mut memory.state.untold);
    stories.extend(seen(memory, config, since));
    stories
}

/// Keeps what this run, which tells nobody, has seen of them.
pub(super) fn kept(memory: &mut Memory, config: &Config, since: Option<&Since>) {
    // Where nobody could ever be told there is nothing to keep.
    if config.notify.is_empty() {
        return;
    }
    let seen = seen(memory, config, since);
    let untold = &mut memory.state.untold;
    untold.extend(seen);
    untold.drain(..untold.len().saturating_sub(HAPPENINGS));
}

fn seen(memory: &mut Memory, config: &Config, since: Option<&Since>) -> Vec<Story> {
    let of_host = since.and_then(|since| of_host(memory, config, since));
    of_host.into_iter().chain(of_holds(memory, config)).collect()
}

/// What became of the host since the last complete cycle. For a run over every service: others come again.
fn of_host(memory: &Memory, config: &Config, since: &Since) -> Option<Story> {
    let now = memory.now();
    let last = memory.state.cycle.as_ref()?;
    let asked = memory.state.reboot.as_ref().is_some_and(|it| it.at.boot == last.finished.boot);
    let (change, reason, opened) = since.story(config.fresh_for, asked, &now)?;
    Some(Story {
        name: name_of(config, &memory.host),
        // By the cycle that it follows, so that a run that does it all again tells it once.
        incident: format!("{}-{}", change.word(), last.finished.wall.strftime("%Y%m%dT%H%M%SZ")),
        opened,
        lasted: now.wall.duration_since(opened).try_into().unwrap_or_default(),
        reason,
        ..Story::new(change, &memory.host, now.wall)
    })
}

/// The holds that have ended by themselves in this run.
fn of_holds(memory: &mut Memory, config: &Config) -> Vec<Story> {
    let now = memory.now();
    let ended = std::mem::take(&mut memory.ended);
    let story = |(id, text): (String, String)| Story {
        name: name_of(config, &memory.host),
        incident: format!("hold-{id}"),
        reason: text,
        ..Story::new(Change::Hold, &memory.host, now.wall)
    };
    ended.into_iter().map(story).collect()
}
