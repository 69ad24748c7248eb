//! The Management API of Healthchecks, version 3, hosted or one's own: the check of a heartbeat is made, changed, read
//! back and paused there. Wire format: <https://healthchecks.io/docs/api/>. The API key is a secret, and so is all that
//! tells where a check is pinged: neither is in an answer or an error. Never pings, never deletes.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::heartbeat::{Heartbeat, Kind, address};
use crate::model::secret::{Secret, SecretSource};
use crate::sys::clock::Deadline;
use crate::sys::secret;

mod address_of;
mod check;
mod client;
mod settings;

pub use check::{Check, Standing};
pub use settings::Settings;

use address_of::Which;
use client::Client;

/// Where the hosted service has its API.
const HOSTED: &str = "https://healthchecks.io";
/// What it takes for a period or a grace time, in seconds.
const TAKEN: std::ops::RangeInclusive<u64> = 60..=31_536_000;

/// Why it could not be done, in words that hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What kind of reason it is.
    pub what: Failure,
    /// In words.
    pub why: String,
    /// Something to do about it.
    pub hint: Option<String>,
}

/// Kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The configuration lacks what is needed, or has what the service does not take.
    Config,
    /// There is no such check: who relies on it relies on nothing.
    Gone,
    /// The service says no.
    Refused,
    /// There was no answer, or none to be understood.
    Unanswered,
}

impl Failed {
    fn new(what: Failure, why: impl Into<String>) -> Self {
        Self { what, why: why.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n  hint: {hint}"))
    }
}

/// What was done to a check.
pub struct Registered {
    /// As it is now.
    pub check: Check,
    /// It was not there before.
    pub created: bool,
    /// What is different now: `period 1d -> 5m`.
    pub changes: Vec<String>,
    /// Whether the URL in the config is that check's; none when there is no URL yet.
    pub same: Option<bool>,
}

impl Heartbeat {
    /// Whether the API can be asked at all: only then is there a key.
    pub fn has_api(&self) -> bool {
        self.settings.key.is_some()
    }

    /// The host of the API, as far as that can be told.
    pub fn api_host(&self) -> String {
        let url = self.url_if_any().ok().flatten();
        address::host(&self.api_base(url.as_ref())).to_owned()
    }

    /// Makes the check there, or changes it to what the config says; asked twice it does nothing the second time.
    /// It is found by the URL; without one, or `anew`, by the configured slug, else by name.
    pub fn register(&self, anew: bool, deadline: Deadline) -> Result<Registered, Failed> {
        self.settings.check(self)?;
        let url = self.url_if_any()?;
        let client = self.client(url.as_ref(), deadline)?;
        let which = url.as_ref().filter(|_| !anew).and_then(|url| address_of::which(url.reveal()));
        let slug = match &which {
            Some(Which::Slug(slug)) => Some(slug.clone()),
            _ => self.settings.slug.clone(),
        };
        let before =
            match &which {
                Some(Which::Uuid(uuid)) => Some(client.get(uuid).map_err(|failed| {
                    match failed.what {
                        Failure::Gone | Failure::Refused if failed.hint.is_none() => failed
                            .hint("`--force` registers it anew and replaces the URL in `url_file`"),
                        _ => failed,
                    }
                })?),
                _ => client.find(slug.as_deref(), &self.name)?,
            };
        let body = self.body(before.as_ref(), slug.as_deref());
        let (check, created) = match &before {
            Some(check) => (client.update(check.id()?, &body)?, false),
            None => client.create(body, if slug.is_some() { "slug" } else { "name" })?,
        };
        let changes = before.as_ref().map_or_else(Vec::new, |before| check.changes_since(before));
        let same = url.map(|url| check.is_pinged_at(url.reveal()));
        Ok(Registered { check, created, changes, same })
    }

    /// Reads the check back.
    pub fn read_back(&self, deadline: Deadline) -> Result<Check, Failed> {
        let url = self.url_if_any()?;
        let client = self.client(url.as_ref(), deadline)?;
        self.there(&client, url.as_ref())
    }

    /// Pauses the check: it alerts nobody until it is pinged again.
    pub fn pause_there(&self, deadline: Deadline) -> Result<Check, Failed> {
        let url = self.url_if_any()?;
        let client = self.client(url.as_ref(), deadline)?;
        match url.as_ref().and_then(|url| address_of::which(url.reveal())) {
            Some(Which::Uuid(uuid)) => client.pause(&uuid),
            _ => client.pause(self.there(&client, url.as_ref())?.id()?),
        }
    }

    fn there(&self, client: &Client, url: Option<&Secret>) -> Result<Check, Failed> {
        let slug = match url.and_then(|url| address_of::which(url.reveal())) {
            Some(Which::Uuid(uuid)) => return client.get(&uuid),
            Some(Which::Slug(slug)) => Some(slug),
            None => self.settings.slug.clone(),
        };
        client.find(slug.as_deref(), &self.name)?.ok_or_else(|| {
            Failed::new(Failure::Gone, "there is no such check")
                .hint(format!("`miraclemax ping --register '{}'` makes it", self.name))
        })
    }

    /// What is to be told of it, and no more: what the config does not say stays as it is there. Integrations are all
    /// of the project's where there would be none: such a check alerts nobody.
    fn body(&self, before: Option<&Check>, slug: Option<&str>) -> Value {
        let settings = &self.settings;
        let mut body = json!({"name": self.name});
        if let Some(slug) = slug {
            body["slug"] = slug.into();
        }
        match (&settings.schedule, self.period) {
            (Some(schedule), _) => {
                body["schedule"] = schedule.as_str().into();
                body["tz"] = settings.tz().into();
            }
            (None, Some(period)) => body["timeout"] = period.as_secs().into(),
            (None, None) => {}
        }
        if let Some(grace) = self.grace {
            body["grace"] = grace.as_secs().into();
        }
        if !settings.tags.is_empty() {
            body["tags"] = settings.tags.join(" ").into();
        }
        match &settings.channels {
            Some(channels) => body["channels"] = channels.join(",").into(),
            None if before.is_none_or(|check| check.integrations() == Some(0)) => {
                body["channels"] = "*".into();
            }
            None => {}
        }
        body
    }

    /// The URL; none when its file is not there yet, or empty.
    fn url_if_any(&self) -> Result<Option<Secret>, Failed> {
        if let SecretSource::File(path) = &self.url
            && is_not_there_yet(path)
        {
            return Ok(None);
        }
        let url = secret::read(&self.url)
            .map_err(|err| Failed::new(Failure::Config, format!("{err:#}")))?;
        address::check(url.reveal())
            .map_err(|why| Failed::new(Failure::Config, format!("the URL {why}")))?;
        let kind = Kind::of_url(url.reveal());
        if kind != Kind::Healthchecks {
            let why = format!("its URL is one of {}, which has no such API", kind.name());
            return Err(Failed::new(Failure::Config, why));
        }
        Ok(Some(url))
    }

    fn api_base(&self, url: Option<&Secret>) -> String {
        let own = self.settings.url.clone();
        own.or_else(|| address_of::api(url?.reveal())).unwrap_or_else(|| HOSTED.to_owned())
    }

    fn client(&self, url: Option<&Secret>, deadline: Deadline) -> Result<Client, Failed> {
        let Some(key) = &self.settings.key else {
            return Err(Failed::new(Failure::Config, "it has no `api_key_file`").hint(
                "make an API key in the project's settings there, and write it to a file of mode 0600",
            ));
        };
        let key =
            secret::read(key).map_err(|err| Failed::new(Failure::Config, format!("{err:#}")))?;
        let base = self.api_base(url);
        let (timeout, tries) = (self.timeout, self.tries);
        Ok(Client { base, key, url: url.cloned(), timeout, tries, deadline })
    }
}

fn is_not_there_yet(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(about) => about.is_file() && about.len() == 0,
        Err(err) => err.kind() == std::io::ErrorKind::NotFound,
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
