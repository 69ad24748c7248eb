//! What is to be told of the host and of holds: restarts, times when nobody looked, hands that are kept off no more. It is
//! seen once, so a run that tells nobody keeps it for the next that does. Sends nothing.

use crate::commands::memory::Memory;
use crate::commands::telling::bare;
use crate::config::Config;
use crate::judge::since::Since;
use crate::model::incident::named;
use crate::model::state::HAPPENINGS;
use crate::model::story::{Change, Story};
use crate::model::time::lapse;

/// What is to be told by this run: `of_host`, of holds, and what others have seen.
pub(super) fn told(memory: &mut Memory, config: &Config, of_host: Option<Story>) -> Vec<Story> {
    let mut stories = std::mem::take(&mut memory.state.untold);
    stories.extend(of_host);
    stories.extend(of_holds(memory, config));
    stories
}

/// Keeps that, as this run tells nobody.
pub(super) fn kept(memory: &mut Memory, config: &Config, of_host: Option<Story>) {
    // Where nobody could ever be told there is nothing to keep.
    if config.notify.is_empty() {
        return;
    }
    let mut stories = told(memory, config, of_host);
    stories.drain(..stories.len().saturating_sub(HAPPENINGS));
    memory.state.untold = stories;
}

/// What became of the host since the last complete cycle. For a run over every service: others come again.
pub(super) fn of_host(memory: &Memory, config: &Config, since: &Since) -> Option<Story> {
    let now = memory.now();
    let last = memory.state.cycle.as_ref()?;
    let asked = memory.state.reboot.as_ref().is_some_and(|it| it.at.boot == last.finished.boot);
    let (change, reason, opened) = since.story(config.fresh_for, asked, &now)?;
    Some(Story {
        // By the cycle that it follows, so that a run that does it all again tells it once.
        incident: named(change.word(), last.finished.wall),
        opened,
        lasted: lapse(opened, now.wall),
        reason,
        ..bare(memory, config, change, now.wall)
    })
}

/// The holds that have ended by themselves in this run.
fn of_holds(memory: &mut Memory, config: &Config) -> Vec<Story> {
    let now = memory.now();
    let ended = std::mem::take(&mut memory.ended);
    let story = |(id, text): (String, String)| Story {
        incident: format!("hold-{id}"),
        reason: text,
        ..bare(memory, config, Change::Hold, now.wall)
    };
    ended.into_iter().map(story).collect()
}
