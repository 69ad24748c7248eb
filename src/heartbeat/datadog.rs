//! Datadog's service checks over HTTP (`https://api.SITE/api/v1/check_run`): one of the heartbeat, and one of each
//! service, tagged with its name. Wire format: <https://docs.datadoghq.com/api/latest/service-checks/>. It drops the
//! message of a check that is OK.

use std::time::Duration;

use serde_json::{Value, json};

use crate::heartbeat::answer::{self, Answer};
use crate::heartbeat::{Ping, address, body, request};
use crate::model::fields::Fields;
use crate::model::secret::SecretSource;
use crate::sys::http::{self, Request, Response};
use crate::sys::{clock, secret};

/// Where it is when nothing else is told.
pub(super) const URL: &str = "https://api.datadoghq.com";
/// Characters of a message that it shows.
const MESSAGE: usize = 499;

/// What a service check is called and tagged with; also of `DogStatsD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) check: String,
    pub(super) tags: Vec<String>,
}

impl Named {
    /// Keys: `check`, `tags`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let check = fields.word("check").unwrap_or_else(|| "miraclemax.heartbeat".into());
        Self { check, tags: fields.texts("tags").unwrap_or_default() }
    }

    /// Each check's name, status and tags: that of `ping` first.
    pub(super) fn checks(&self, ping: &Ping<'_>) -> Vec<(String, u8, Vec<String>)> {
        let status = if ping.is_bad() { 2 } else { 0 };
        let mut all = vec![(self.check.clone(), status, self.tags.clone())];
        for (service, health) in ping.facts.map(|facts| &facts.services[..]).unwrap_or_default() {
            let tags = [&self.tags[..], &[format!("service:{service}")]].concat();
            all.push((format!("{}.service", self.check), health.code(), tags));
        }
        all
    }
}

/// Datadog over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datadog {
    named: Named,
    /// The API key; none only after a complaint.
    key: Option<SecretSource>,
}

impl Datadog {
    /// Keys: `key` (or `key_file`, `key_env`), `check`, `tags`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let key = fields.secret("key", "key_file", "key_env");
        if key.is_none() {
            fields.problem("kind", "datadog needs `key_file`, `key_env` or `key`", None);
        }
        Self { named: Named::read(fields), key }
    }

    /// Where its key is.
    pub(super) fn key(&self) -> Option<&SecretSource> {
        self.key.as_ref()
    }

    /// The request that tells `ping` to the site at `url`.
    pub(super) fn request(
        &self,
        url: &str,
        ping: &Ping<'_>,
        limit: Duration,
    ) -> Result<Request, String> {
        let key = self.key.as_ref().ok_or("there is no key")?;
        let key = secret::read(key).map_err(|err| format!("{err:#}"))?;
        http::valid_header("DD-API-KEY", key.reveal())?;
        let (host, now) = (ping.host(), clock::now().wall.as_second());
        let checks = self.named.checks(ping).into_iter().enumerate();
        let checks = checks.map(|(index, (check, status, tags))| {
            let mut one = json!({
                "check": check,
                "host_name": host,
                "status": status,
                "timestamp": now,
                "tags": tags,
            });
            if index == 0 {
                one["message"] = body::gist(ping, MESSAGE).into();
            }
            one
        });
        let body = checks.collect::<Value>().to_string();
        let path = "/api/v1/check_run";
        let url = address::below(url, path, path)?;
        let mut request = request::post(url, request::JSON, body, limit);
        request.headers.push(("DD-API-KEY".into(), key.reveal().to_owned()));
        Ok(request)
    }
}

/// What the answer means: 202 and a status of `ok`.
pub(super) fn judge(response: &Response) -> Answer {
    let json: Option<Value> = serde_json::from_slice(&response.body).ok();
    match (response.status, json) {
        (202, Some(json)) if json["status"] == "ok" => Answer::Accepted,
        (401 | 403, _) => {
            let status = response.status;
            Answer::Refused(format!("not allowed: another site's key? ({status})"))
        }
        _ => answer::of_status(response),
    }
}
