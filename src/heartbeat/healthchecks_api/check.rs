//! A check as the service tells it, and what is to be said of it. A read-only key is told less: no integrations, no
//! URL.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::heartbeat::Heartbeat;
use crate::heartbeat::healthchecks_api::address_of::{Which, which};
use crate::heartbeat::healthchecks_api::{Failed, Failure, seconds};
use crate::model::secret::Secret;
use crate::model::text::{human_duration, one_line, plural};
use crate::sys::clock;

/// No zone changes its time twice within it.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A check there. Not to be printed as it is: some of it tells where it is pinged.
#[derive(Clone, Deserialize)]
pub struct Check {
    pub(super) name: String,
    #[serde(default)]
    pub(super) slug: String,
    #[serde(default)]
    tags: String,
    status: String,
    /// A run of it has begun and not ended.
    #[serde(default)]
    pub started: bool,
    /// The last ping that it counted.
    #[serde(default)]
    pub last_ping: Option<Timestamp>,
    /// How many it counted.
    #[serde(default)]
    pub n_pings: u64,
    timeout: Option<u64>,
    grace: Option<u64>,
    schedule: Option<String>,
    tz: Option<String>,
    channels: Option<String>,
    /// Paused, it ignores pings until somebody resumes it there.
    #[serde(default)]
    pub manual_resume: bool,
    uuid: Option<String>,
    ping_url: Option<String>,
    update_url: Option<String>,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Pinged in time.
    Up,
    /// It would alert nobody: never pinged, or paused.
    Silent,
    /// Late, within its grace time.
    Late,
    /// It has alerted.
    Down,
    /// A word that is not known here.
    Unknown,
}

impl Check {
    /// In the service's own word: `up`, `new`, `grace`, `down`, `paused`.
    pub fn status(&self) -> String {
        one_line(&self.status, 20)
    }

    /// What that word means.
    pub fn standing(&self) -> Standing {
        match self.status.as_str() {
            // Servers of one's own that are years old say `started` here.
            "up" | "started" => Standing::Up,
            "new" | "paused" => Standing::Silent,
            "grace" => Standing::Late,
            "down" => Standing::Down,
            _ => Standing::Unknown,
        }
    }

    /// When it expects pings: `every 5m, grace 10m`, `at */5 * * * * UTC, grace 10m`.
    pub fn rhythm(&self) -> String {
        let grace = self.grace.map_or_else(String::new, |grace| {
            format!(", grace {}", human_duration(seconds(grace)))
        });
        format!("{}{grace}", self.when())
    }

    fn when(&self) -> String {
        match (&self.schedule, self.timeout) {
            (Some(schedule), _) => {
                let tz = self.tz.as_deref().unwrap_or("UTC");
                format!("at {} {}", one_line(schedule, 100), one_line(tz, 40))
            }
            (None, Some(timeout)) => format!("every {}", human_duration(seconds(timeout))),
            (None, None) => "at times that are not told".to_owned(),
        }
    }

    /// How many integrations it alerts by; none when the key may not know.
    pub fn integrations(&self) -> Option<usize> {
        let channels = self.channels.as_ref()?;
        Some(channels.split(',').filter(|channel| !channel.is_empty()).count())
    }

    /// Where it is pinged.
    pub fn ping_url(&self) -> Option<Secret> {
        self.ping_url.as_deref().map(Secret::new)
    }

    /// What the API calls it.
    pub(super) fn id(&self) -> Result<&str, Failed> {
        let of_url = || self.update_url.as_deref()?.rsplit('/').find(|part| !part.is_empty());
        let id = self.uuid.as_deref().or_else(of_url);
        id.filter(|id| uuid::Uuid::parse_str(id).is_ok()).ok_or_else(|| {
            Failed::new(Failure::Refused, "a read-only API key cannot change it")
                .hint("use a read-write key of the project")
        })
    }

    /// Whether pings to `url` are for it. By slug as far as that can be told: a slug is unique in its project, and the
    /// project is the key's.
    pub(super) fn is_pinged_at(&self, url: &str) -> bool {
        let theirs = self.ping_url.as_deref().and_then(which);
        match which(url) {
            Some(Which::Uuid(uuid)) => {
                self.id().is_ok_and(|id| id == uuid) || theirs == Some(Which::Uuid(uuid))
            }
            Some(Which::Slug(slug)) => self.slug == slug,
            None => false,
        }
    }

    /// What is different since `before`.
    pub(super) fn changes_since(&self, before: &Self) -> Vec<String> {
        let integrations =
            |check: &Self| plural(check.integrations().unwrap_or_default(), "integration");
        let quoted = |text: &str| format!("`{}`", one_line(text, 100));
        let pairs = [
            ("name ", quoted(&before.name), quoted(&self.name)),
            ("", before.rhythm(), self.rhythm()),
            ("tags ", quoted(&before.tags), quoted(&self.tags)),
            ("slug ", quoted(&before.slug), quoted(&self.slug)),
            ("", integrations(before), integrations(self)),
        ];
        let changed = pairs.into_iter().filter(|(_, before, after)| before != after);
        changed.map(|(what, before, after)| format!("{what}{before} -> {after}")).collect()
    }

    /// What keeps it from doing what the config says, each a sentence.
    pub fn findings(&self, heartbeat: &Heartbeat) -> Vec<String> {
        let mut found = Vec::new();
        match self.status.as_str() {
            "new" => {
                found.push("it was never pinged: it alerts nobody before its first ping".into());
            }
            "paused" if self.manual_resume => {
                found.push("it is paused, and ignores pings until it is resumed there".into());
            }
            "paused" => found.push("it is paused: it alerts nobody until it is pinged".into()),
            "grace" => found.push("its ping is late".into()),
            "down" => found.push("it is down: no ping in time, or a failure was told".into()),
            _ => {}
        }
        let settings = &heartbeat.settings;
        let when = match (&settings.schedule, heartbeat.period) {
            (Some(schedule), _) => {
                let (ours, theirs) = (settings.tz(), self.tz.as_deref().unwrap_or("UTC"));
                let zone = if same_times(&ours, theirs) { theirs } else { &ours };
                Some(format!("at {schedule} {zone}"))
            }
            (None, Some(period)) => Some(format!("every {}", human_duration(period))),
            (None, None) => None,
        };
        if let Some(when) = when.filter(|when| *when != self.when()) {
            found.push(format!("it is pinged {when}, and expects that {}", self.when()));
        }
        if let (Some(ours), Some(theirs)) = (heartbeat.grace, self.grace)
            && ours != seconds(theirs)
        {
            let (ours, theirs) = (human_duration(ours), human_duration(seconds(theirs)));
            found.push(format!("its grace is {theirs} there, {ours} in the configuration"));
        }
        if self.integrations() == Some(0) {
            found.push("it has no integration: it alerts nobody".into());
        }
        found
    }
}

/// Whether two zones have the same time all the year round: the service keeps old names under those of today.
fn same_times(one: &str, other: &str) -> bool {
    let (Ok(first), Ok(second)) = (TimeZone::get(one), TimeZone::get(other)) else {
        return one == other;
    };
    let now = clock::now().wall;
    let mut months = (0..12).filter_map(|month| now.checked_add(MONTH * month).ok());
    months.all(|at| first.to_offset(at) == second.to_offset(at))
}
