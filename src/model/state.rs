//! What is remembered between runs, as it stands in `state.json`. Values and their names; `store` reads and
//! writes them, `judge` changes them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::hold::HoldSeen;
use crate::model::incident::{Attempt, Incident, PastIncident};
use crate::model::repeats::PastHeal;
use crate::model::story::Story;
use crate::model::time::Stamp;
use crate::model::trail::Trails;
use crate::model::verdict::{Look, Verdict};

/// The version of the state file's form that this program writes.
pub const VERSION: u32 = 1;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// See [`VERSION`].
    pub version: u32,
    /// The host that wrote it.
    #[serde(default)]
    pub host: String,
    /// The last cycle that looked at every configured service; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<Cycle>,
    /// By service name.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceState>,
    /// The broken config that was last told about, so that it is told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_told: Option<String>,
    /// When something was done to a service, oldest first, for the host's own budget; one day of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Stamp>,
    /// What happened to the host itself, oldest first: restarts, sleep, times when nobody looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub happened: Vec<Happening>,
    /// The last reboot of the host that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot: Option<Reboot>,
    /// What was seen of the services of each hold since it was placed, by the hold's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holds: BTreeMap<String, HoldSeen>,
    /// When each channel was last told how things stand, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub summed: BTreeMap<String, Summed>,
    /// What was seen by runs that tell nobody, and is told by the next that does; oldest first, at most [`HAPPENINGS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Story>,
    /// Keys of a newer version, kept as they are.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The last summary of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summed {
    /// The time that it was for.
    pub at: Timestamp,
    /// How many cycles had finished by then.
    pub cycles: u64,
}

/// Something that happened to the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When it was noticed.
    pub at: Timestamp,
    /// In words.
    pub text: String,
}

/// How many [`State::happened`] keeps.
pub const HAPPENINGS: usize = 20;

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            host: String::new(),
            cycle: None,
            services: BTreeMap::new(),
            config_told: None,
            acts: Vec::new(),
            happened: Vec::new(),
            reboot: None,
            holds: BTreeMap::new(),
            summed: BTreeMap::new(),
            untold: Vec::new(),
            rest: Map::new(),
        }
    }
}

/// A reboot of the host as the last resort, noted before it is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reboot {
    /// When it was asked for; its boot is the one that it was to end.
    pub at: Stamp,
    /// The service that it was for.
    pub service: String,
    /// And its incident.
    pub incident: String,
    /// What showed that nothing less would help.
    pub why: String,
    /// Keys of a newer version, kept as they are.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A cycle that looked at every configured service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// When it finished; the state file's mtime says the same.
    pub finished: Stamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// `check` or `heal`.
    pub command: String,
    /// How long it finished after the one before, in milliseconds: the rhythm in which it is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// How many cycles have finished on this state, to tell a renewed file from a touched one.
    pub count: u64,
    /// Time awake since boot when it finished, in milliseconds: with the boot clock it tells how long the
    /// host has slept since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awake_ms: Option<u64>,
    /// The services it looked at, so that a config with more of them is not covered.
    pub services: Vec<String>,
    /// Set while the config on disk is broken and the last good one is used: its first problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_broken: Option<String>,
    /// The kernel's count of processes killed for want of memory since boot, as it stood then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// Load, memory and disk as seen then, for pings and status.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host_line: String,
}

/// What the program believes about a service, across runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Never seen.
    New,
    /// Works.
    Up,
    /// Failed, but not often enough to be believed (`fail_after`).
    Suspect,
    /// Down for sure; being healed, or about to be.
    Down,
    /// Given up on until it is seen up: a person is needed. Tried again now and then (`retry_after`).
    Failed,
}

impl Status {
    /// As it is written in state and output.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Failed => "failed",
        }
    }
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceState {
    /// See [`Status`].
    pub status: Status,
    /// Since when.
    pub since: Stamp,
    /// What the last cycle's probes said together.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// When they were asked.
    pub looked: Stamp,
    /// Each of them.
    #[serde(default)]
    pub looks: Vec<Look>,
    /// Consecutive cycles found down.
    #[serde(default)]
    pub failures: u32,
    /// Consecutive cycles found up.
    #[serde(default)]
    pub successes: u32,
    /// The dependency it waits for, while that is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// Why it is left alone although it is down: masked, `heal = "off"`, no right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_alone: Option<String>,
    /// Why hands are kept off it for now: a hold, and until when; a maintenance window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// The outage that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    /// Attempts, oldest first, kept as long as a budget can ask for them.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// The last outage that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_incident: Option<PastIncident>,
    /// The heals of the last 30 days, oldest first; at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heals: Vec<PastHeal>,
    /// When it was last told that it has to be healed again and again (`repeats`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats_told: Option<Stamp>,
    /// When it was last seen up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_up: Option<Stamp>,
    /// The run of the unit that was last seen up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The program that its main process was last seen running while it was up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<std::path::PathBuf>,
    /// The last verdicts, oldest first, one letter each: `u` up, `d` down; unknown ones leave no letter.
    /// At most [`RECENT`]; what flapping is judged by.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub recent: String,
    /// Up and down in turns so often that healing has stopped (`flapping`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flapping: bool,
    /// What its probes left for their next look.
    #[serde(default, skip_serializing_if = "Trails::is_empty")]
    pub trails: Trails,
    /// What each remedy came to over all its incidents, by the remedy's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remedies: BTreeMap<String, Tally>,
    /// Keys of a newer version, kept as they are.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// How often a remedy was tried for a service, and how often that healed it. What was refused is not counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Attempts whose outcome is known.
    pub tried: u32,
    /// Those that healed it.
    #[serde(default)]
    pub worked: u32,
    /// When the last of them was begun.
    pub last: Stamp,
    /// It is said already that this step is skipped now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_told: bool,
    /// Keys of a newer version, kept as they are.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// How many verdicts [`ServiceState::recent`] keeps: 21, between which 20 changes can lie.
pub const RECENT: usize = 21;

impl ServiceState {
    /// One that was never looked at.
    pub fn new(at: Stamp) -> Self {
        Self {
            status: Status::New,
            since: at.clone(),
            verdict: Verdict::Unknown("never looked at".into()),
            looked: at,
            looks: Vec::new(),
            failures: 0,
            successes: 0,
            blocked_by: None,
            left_alone: None,
            held: None,
            incident: None,
            attempts: Vec::new(),
            last_incident: None,
            heals: Vec::new(),
            repeats_told: None,
            seen_up: None,
            instance: None,
            exe: None,
            recent: String::new(),
            flapping: false,
            trails: Trails::new(),
            remedies: BTreeMap::new(),
            rest: Map::new(),
        }
    }

    /// Why it is degraded although it is up, each reason once; empty when it is not.
    pub fn warnings(&self) -> String {
        let mut reasons: Vec<&str> = Vec::new();
        if self.verdict.is_up() {
            for reason in self.looks.iter().filter_map(Look::warns) {
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        reasons.join("; ")
    }
}

/// A change of status that somebody may want to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// The service's name.
    pub service: String,
    /// Before.
    pub from: Status,
    /// After.
    pub to: Status,
    /// Why, in words.
    pub reason: String,
    /// How long the status before had lasted.
    pub lasted: std::time::Duration,
    /// The incident that this closed, when it did.
    pub closed: Option<PastIncident>,
}
