//! What is to be told about an incident: everything a report needs, and nothing that was not seen or measured.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::incident::Attempt;
use crate::model::repeats::Repeats;
use crate::model::scene::Scene;
use crate::model::unit::{ManagerKind, UnitFacts};
use crate::model::verdict::{Look, millis};

/// What kind of change is told. `on = [...]` of a `[[notify]]` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Confirmed down (told by `check --notify`; `heal` tries first and tells how that went).
    Down,
    /// Given up on: a person is needed.
    Failed,
    /// Up again after it had been healed, given up or told.
    Resolved,
    /// An incident that goes on (`remind_every`).
    Reminder,
    /// The host is about to be rebooted, as the last resort.
    Reboot,
    /// Healed again and again: no restart mends the cause (`repeats`).
    Repeated,
    /// It goes on, and those who are told later than others (`after`) are told now.
    Escalated,
    /// It was down for sure, and came back by itself before anybody was told.
    Returned,
    /// It was told, and is no longer configured: nobody looks any more, and how it is now is not known.
    Unwatched,
    /// The host was restarted since the last cycle, and nobody had asked for that here.
    Restarted,
    /// Nobody looked for longer than is usual, although the host was there to be looked at, or because it was off.
    Gap,
    /// Hands are kept off no more: a hold has ended by itself.
    Hold,
    /// A channel does not take what it is sent.
    Channel,
    /// The configuration on disk is broken; the last good one is in use.
    Config,
    /// How things stand, every day or week (`summary`).
    Summary,
    /// Nothing has happened: it is seen whether a channel works.
    Test,
}

impl Change {
    /// Every one of them.
    pub const ALL: [Self; 16] = [
        Self::Down,
        Self::Failed,
        Self::Resolved,
        Self::Reminder,
        Self::Reboot,
        Self::Repeated,
        Self::Escalated,
        Self::Returned,
        Self::Unwatched,
        Self::Restarted,
        Self::Gap,
        Self::Hold,
        Self::Channel,
        Self::Config,
        Self::Summary,
        Self::Test,
    ];

    /// As it is written in `on = [...]`, state and output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Failed => "failed",
            Self::Resolved => "resolved",
            Self::Reminder => "reminder",
            Self::Reboot => "reboot",
            Self::Repeated => "repeated",
            Self::Escalated => "escalated",
            Self::Returned => "returned",
            Self::Unwatched => "unwatched",
            Self::Restarted => "restarted",
            Self::Gap => "gap",
            Self::Hold => "hold",
            Self::Channel => "channel",
            Self::Config => "config",
            Self::Summary => "summary",
            Self::Test => "test",
        }
    }

    /// Whether nothing more of the same incident is told.
    pub fn ends(self) -> bool {
        matches!(self, Self::Resolved | Self::Returned | Self::Unwatched)
    }

    /// Whether it is about an outage of one service, and not about the host or this program.
    pub fn of_service(self) -> bool {
        match self {
            Self::Down
            | Self::Failed
            | Self::Resolved
            | Self::Reminder
            | Self::Reboot
            | Self::Repeated
            | Self::Escalated
            | Self::Returned
            | Self::Unwatched => true,
            Self::Restarted
            | Self::Gap
            | Self::Hold
            | Self::Channel
            | Self::Config
            | Self::Summary
            | Self::Test => false,
        }
    }
}

/// What was found before a restart destroyed it. Text in it is untrusted: escape it for where it goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the manager said of the unit when it was found down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitFacts>,
    /// Last lines of its log, oldest first, bounded.
    #[serde(default)]
    pub log: Vec<String>,
    /// What is wrong with the host itself and explains why many are down at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common: Option<String>,
    /// Root cause in words, only where the evidence proves it: `killed by signal 9 (SIGKILL)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What the remedies showed, oldest first; bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Trace>,
    /// The host and the service's surroundings; kept with the incident, in no letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<Scene>,
}

/// What one remedy showed: the end of an output, what a file differed in, what was freed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Its name.
    pub remedy: String,
    /// Line by line.
    pub lines: Vec<String>,
}

/// One change of one incident, ready to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// What changed.
    pub change: Change,
    /// The `name` of the config, or the host's.
    pub name: String,
    /// Host name.
    pub host: String,
    /// The service; empty where it is about none ([`Change::of_service`]).
    pub service: String,
    /// Its `domain`.
    pub domain: Option<String>,
    /// Its `port`.
    pub port: Option<u16>,
    /// Its `critical`.
    pub critical: bool,
    /// The incident's id: the same in every story of one incident.
    pub incident: String,
    /// Wall clock of the change, RFC 3339.
    pub at: jiff::Timestamp,
    /// When the incident was confirmed.
    pub opened: jiff::Timestamp,
    /// Why it was down.
    pub reason: String,
    /// How long it was, or has been, down since it was confirmed.
    #[serde(with = "millis")]
    pub lasted: Duration,
    /// The attempts of this incident, oldest first.
    pub attempts: Vec<Attempt>,
    /// The looks that found it up, for [`Change::Resolved`]: what was verified.
    pub verified: Vec<Look>,
    /// For how long they were seen to stay up.
    #[serde(with = "millis")]
    pub stable_for: Duration,
    /// True when another run of the unit than before was seen to serve.
    pub new_instance: bool,
    /// Why it was not to be healed, when it was left alone: masked, `heal = "off"`, no right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_alone: Option<String>,
    /// The steps of its ladder that were skipped, and why, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// By what hands were kept off it while it was down: a hold, a maintenance window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// See [`Evidence`].
    pub evidence: Evidence,
    /// Who runs it, for commands that apply.
    pub manager: Option<ManagerKind>,
    /// Its unit there.
    pub unit: Option<String>,
    /// supervisord's address, where `supervisorctl` has to be told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// When the next attempt will be made, in words; empty when none will.
    pub next: String,
    /// It is of a drill: nothing of the host's is down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
    /// How often it was healed of late, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Repeats>,
    /// The channels that it is for, by name; empty is every one that wants it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// The problems of the config on disk, for [`Change::Config`] and whenever it is broken.
    pub problems: Vec<String>,
    /// What it has to say besides, line by line: of a summary, a gap, a channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

impl Story {
    /// One of which nothing is known but what it tells, of which host, and when.
    pub fn new(change: Change, host: &str, at: jiff::Timestamp) -> Self {
        Self {
            change,
            name: host.to_owned(),
            host: host.to_owned(),
            service: String::new(),
            domain: None,
            port: None,
            critical: false,
            incident: String::new(),
            at,
            opened: at,
            reason: String::new(),
            lasted: Duration::ZERO,
            attempts: Vec::new(),
            verified: Vec::new(),
            stable_for: Duration::ZERO,
            new_instance: false,
            left_alone: None,
            skipped: Vec::new(),
            held: None,
            evidence: Evidence::default(),
            manager: None,
            unit: None,
            server: None,
            next: String::new(),
            drill: false,
            repeats: None,
            only: Vec::new(),
            problems: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// What it is about: the service, or the host.
    pub fn about(&self) -> &str {
        if self.service.is_empty() { &self.host } else { &self.service }
    }
}
