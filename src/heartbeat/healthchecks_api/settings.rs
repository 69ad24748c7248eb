//! What a `[[heartbeat]]` says about its check beyond the URL. Opens no file.

use jiff::tz::TimeZone;

use crate::heartbeat::Heartbeat;
use crate::heartbeat::healthchecks_api::{Failed, Failure, TAKEN};
use crate::model::fields::Fields;
use crate::model::secret::SecretSource;
use crate::model::text::human_duration;
use crate::sys::http;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The API key of the project there.
    pub(super) key: Option<SecretSource>,
    /// `https://HOST`, when it is not told by the URL.
    pub(super) url: Option<String>,
    /// When pings are expected, as cron or systemd write it; then there is no period.
    pub(super) schedule: Option<String>,
    /// The zone of the schedule; this host's unless given.
    tz: Option<String>,
    /// Integrations that it alerts by, by name or UUID, or `*` for all.
    pub(super) channels: Option<Vec<String>>,
    pub(super) tags: Vec<String>,
    /// Its name in URLs.
    pub(super) slug: Option<String>,
}

impl Settings {
    /// When pings are expected, as cron or systemd write it.
    pub fn schedule(&self) -> Option<&str> {
        self.schedule.as_deref()
    }

    /// Where the API key is.
    pub(in crate::heartbeat) fn key(&self) -> Option<&SecretSource> {
        self.key.as_ref()
    }

    /// Reads the keys that are about the check there.
    pub(in crate::heartbeat) fn read(fields: &mut Fields<'_>) -> Self {
        let key = fields.secret("api_key", "api_key_file", "api_key_env");
        let url = fields.parsed("api_url", "the address of a server", base);
        if fields.has("schedule") && fields.has("period") {
            fields.problem("schedule", "`schedule` and `period` are both given: keep one", None);
        }
        let schedule = fields.parsed("schedule", "a schedule such as \"*/5 * * * *\"", short);
        if schedule.is_none() && fields.has("tz") {
            fields.problem("tz", "`tz` is the zone of a `schedule`, and there is none", None);
        }
        let tz = fields.word("tz");
        let words = |key: &'static str, fields: &mut Fields<'_>, apart: char| {
            let texts = fields.placed_texts(key)?;
            for (text, place) in &texts {
                if text.trim().is_empty() || text.contains(apart) {
                    let apart = if apart == ',' { "commas" } else { "spaces" };
                    let message = format!("`{key}`: a name is not empty and has no {apart} in it");
                    fields.wrong(place, message, None);
                }
            }
            Some(texts.into_iter().map(|(text, _)| text).collect::<Vec<_>>())
        };
        let place = fields.place_of("channels");
        let channels = words("channels", fields, ',');
        let all = |channels: &Vec<String>| channels.iter().any(|channel| channel == "*");
        if channels
            .as_ref()
            .is_some_and(|channels| channels.is_empty() || (channels.len() > 1 && all(channels)))
        {
            let hint = "write `channels = \"*\"` for all integrations of the project";
            let message = "`channels` names none, or all and some";
            fields.wrong(&place, message.into(), Some(hint.into()));
        }
        let tags = words("tags", fields, ' ').unwrap_or_default();
        let slug = fields.parsed("slug", "a slug", slug);
        Self { key, url, schedule, tz, channels, tags, slug }
    }

    /// The zone of the schedule.
    pub(super) fn tz(&self) -> String {
        let host = || TimeZone::system().iana_name().unwrap_or("UTC").to_owned();
        self.tz.clone().unwrap_or_else(host)
    }

    /// Whether the service takes what it would be told.
    pub(super) fn check(&self, heartbeat: &Heartbeat) -> Result<(), Failed> {
        let config = |why: String| Failed::new(Failure::Config, why);
        if self.schedule.is_none() && heartbeat.period.is_none() {
            return Err(config("it has neither `period` nor `schedule`".into())
                .hint("write how often it is pinged: `period = \"5m\"`"));
        }
        for (key, time) in [("period", heartbeat.period), ("grace", heartbeat.grace)] {
            let Some(time) = time else { continue };
            if !TAKEN.contains(&time.as_secs()) || time.subsec_nanos() > 0 {
                let time = human_duration(time);
                return Err(config(format!(
                    "its `{key}` is {time}: 1m to 365d are taken, in seconds"
                )));
            }
        }
        if heartbeat.name.chars().count() > 100 {
            return Err(config("its name is longer than 100 characters".into()));
        }
        Ok(())
    }
}

/// The address without what every address of the API has.
fn base(text: &str) -> Result<String, String> {
    http::valid(text).map_err(|why| why.to_string())?;
    if text.contains(['?', '#', '@']) {
        return Err("has more than a host and a path".into());
    }
    let text = text.trim_end_matches('/');
    let versions = ["/api/v3", "/api/v2", "/api/v1", "/api"];
    let text = versions.iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
    Ok(text.to_owned())
}

fn short(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 100 {
        return Err("is empty, or longer than 100 characters".into());
    }
    Ok(text.to_owned())
}

fn slug(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 100 || !text.chars().all(plain) {
        return Err("is made of a-z, 0-9, `-` and `_`, 100 at most".into());
    }
    Ok(text.to_owned())
}
