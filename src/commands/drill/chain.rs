//! The end of the chain that a drill proves with `--notify`: the letter that leaves and the ping that arrives, by the
//! configured channels and heartbeats themselves. Their other settings, and the state, are left alone.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::Timeline;
use crate::commands::memory::Memory;
use crate::commands::posting;
use crate::commands::setup::{Configured, Setup};
use crate::commands::telling;
use crate::config::Config;
use crate::heartbeat::{self, Heartbeat, Signal};
use crate::model::incident::named;
use crate::model::scrub::scrub;
use crate::model::story::{Change, Story};
use crate::model::text::human_duration;
use crate::notify::Channel;
use crate::outcome::{Outcome, Refusal};
use crate::report::screen::Paint;
use crate::store::{Dir, outbox};
use crate::sys::clock::Deadline;
use crate::sys::host;

/// Bound on all pings together.
const PINGS: Duration = Duration::from_secs(45);

/// Whom a drill tells.
pub(super) struct Chain<'a> {
    setup: &'a Setup,
    name: String,
    /// Without its services, and each channel open to what a drill tells.
    config: Config,
    heartbeats: Vec<Heartbeat>,
    deadline: Deadline,
    /// The config on disk is broken: it is of the last one that loaded.
    pub(super) broken: bool,
}

impl<'a> Chain<'a> {
    /// Of the configuration, which must name somebody to be told.
    pub(super) fn new(setup: &'a Setup) -> Result<Self> {
        let configured = setup.config()?;
        setup.warn_broken(&configured);
        let deadline = setup.deadline(Some(&configured.config));
        let Configured { mut config, broken, .. } = configured;
        if config.notify.is_empty() && config.heartbeats.is_empty() {
            let refusal = Refusal::new(
                Outcome::Config,
                "neither a [[notify]] nor a [[heartbeat]] is configured: there is nobody to be told",
            );
            let hint =
                "without `--notify` the drill proves healing alone; see miraclemax-config(5)";
            return Err(refusal.hint(hint).into());
        }
        let name = telling::name_of(&config, &host::name());
        let heartbeats = std::mem::take(&mut config.heartbeats);
        config.services.clear();
        config.notify = config.notify.iter().map(Channel::for_drill).collect();
        Ok(Self { setup, name, config, heartbeats, deadline, broken: broken.is_some() })
    }

    /// Tells that the drill went well so far, and pings without changing anything there. Fails when not all of
    /// them accepted that, and names those.
    pub(super) fn prove(&self, folder: &Path, healed: Story, timeline: &Timeline) -> Result<()> {
        let story = Story { name: self.name.clone(), drill: true, ..healed };
        let mut refused = self.letters(folder, &story, timeline)?;
        refused.extend(self.pings(timeline)?);
        if refused.is_empty() {
            return Ok(());
        }
        bail!("it was healed, but not told: {}", refused.join("; "))
    }

    /// Tells by every channel that works that the drill failed, and why. That cannot fail: it is said at least here.
    pub(super) fn alarm(&self, folder: &Path, why: &str, timeline: &Timeline) {
        let now = self.setup.clock();
        let story = Story {
            name: self.name.clone(),
            service: "drill".into(),
            critical: true,
            incident: named("drill", now.wall),
            opened: self.setup.now.wall,
            reason: scrub(why).into_owned(),
            drill: true,
            ..Story::new(Change::Failed, &host::name(), now.wall)
        };
        if let Err(err) = self.letters(folder, &story, timeline) {
            self.setup.screen.note(&format!("error: nobody could be told: {err:#}"));
        }
    }

    /// Sends a letter through an outbox of the drill's own. Which channels did not accept it, and why.
    fn letters(&self, folder: &Path, story: &Story, timeline: &Timeline) -> Result<Vec<String>> {
        if self.config.notify.is_empty() {
            return Ok(Vec::new());
        }
        let dir = Dir::create(&folder.join("post"))?;
        let command = "heal --drill";
        let mut memory =
            Memory::open(self.setup, &dir, command, self.deadline, Duration::ZERO, false)?;
        let stories = std::slice::from_ref(story);
        let unrecorded = posting::record(&mut memory, &self.config, stories);
        memory.release();
        let delivered = posting::deliver(&memory, &self.config, unrecorded, self.deadline);
        let refused = delivered.refused;
        let waiting = outbox::waiting(&dir).entries;
        let mut missed = Vec::new();
        for channel in &self.config.notify {
            let said = refused.iter().find(|(name, _)| *name == channel.name);
            let waits =
                waiting.iter().filter(|entry| entry.story.change == story.change).any(|entry| {
                    entry.channels.get(&channel.name).is_none_or(|d| d.accepted.is_none())
                });
            let why = match said {
                Some((_, why)) => why,
                None if waits => "it was not tried in time",
                None => {
                    timeline.line("told", Paint::Good, &format!("{} accepted it", channel.name))?;
                    continue;
                }
            };
            timeline.complain("NOT TOLD", &format!("{}: {why}", channel.name))?;
            missed.push(format!("{} did not accept a letter: {why}", channel.name));
        }
        Ok(missed)
    }

    /// Leaves a note with every heartbeat, which changes nothing there. Which of them did not accept it, and why.
    fn pings(&self, timeline: &Timeline) -> Result<Vec<String>> {
        let all: Vec<&Heartbeat> = self.heartbeats.iter().collect();
        let body = format!("DRILL of {}: only a note, nothing is wrong\n", host::name());
        let say = |_| heartbeat::Ping::new(Signal::Log, &body);
        let pinged = heartbeat::ping_all(&all, &say, self.deadline.within(PINGS));
        let mut missed = Vec::new();
        for (heartbeat, pinged) in all.iter().zip(pinged) {
            if pinged.accepted {
                let took = human_duration(pinged.took);
                let text = format!("{} accepted a note in {took}", heartbeat.name);
                timeline.line("pinged", Paint::Good, &text)?;
            } else if pinged.unheard {
                // Any other signal would change something there, which a drill must not.
                let text = format!("{}: a note was {}", heartbeat.name, pinged.answer);
                timeline.line("unproven", Paint::Dim, &text)?;
            } else {
                timeline.complain("NO PING", &format!("{}: {}", heartbeat.name, pinged.answer))?;
                missed.push(format!("{} did not accept a ping: {}", heartbeat.name, pinged.answer));
            }
        }
        Ok(missed)
    }
}
