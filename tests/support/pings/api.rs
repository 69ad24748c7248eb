//! The Management API of a Healthchecks server, as documented, strictly: what a real server takes without a word and
//! ignores (an unknown field) is an error here.

use serde_json::{Map, Value, json};

use super::{Action, Answer, Request, is_slug, is_uuid};

/// A project with its checks.
pub(crate) struct Project {
    key: String,
    readonly: String,
    base: String,
    /// UUID and name of each integration.
    pub(crate) channels: Vec<(String, String)>,
    /// How many checks the account may have.
    pub(crate) room: usize,
    /// As they are told to a read-write key.
    pub(crate) checks: Vec<Value>,
}

impl Project {
    pub(super) fn new(key: &str, readonly: &str, base: String) -> Self {
        assert!(key.len() == 32 && readonly.len() == 32, "API keys have 32 characters");
        let channel =
            |n: u8, name: &str| (format!("00000000-0000-4000-8000-00000000000{n}"), name.into());
        let channels = vec![channel(1, "Mail to Max"), channel(2, "Pager")];
        Self {
            key: key.into(),
            readonly: readonly.into(),
            base,
            channels,
            room: 20,
            checks: vec![],
        }
    }

    /// A check as somebody makes it by hand there, of this UUID.
    pub(crate) fn add(&mut self, uuid: &str, name: &str) {
        let url = format!("{}/api/v3/checks/{uuid}", self.base);
        self.checks.push(json!({
            "name": name, "slug": "", "tags": "", "desc": "", "grace": 3600, "n_pings": 0, "status": "new",
            "started": false, "last_ping": null, "next_ping": null, "manual_resume": false, "methods": "",
            "start_kw": "", "success_kw": "", "failure_kw": "", "filter_subject": false, "filter_body": false,
            "filter_http_body": false, "filter_default_fail": false, "uuid": uuid,
            "ping_url": format!("{}/ping/{uuid}", self.base), "update_url": url,
            "pause_url": format!("{url}/pause"), "resume_url": format!("{url}/resume"),
            "channels": "", "timeout": 86400,
        }));
    }

    pub(super) fn uuids(&self) -> Vec<String> {
        self.checks.iter().filter_map(|check| Some(check["uuid"].as_str()?.to_owned())).collect()
    }

    pub(super) fn pinged(&mut self, uuid: &str, action: Action) {
        let Some(check) = self.checks.iter_mut().find(|check| check["uuid"] == uuid) else {
            return;
        };
        check["n_pings"] = (check["n_pings"].as_u64().unwrap_or_default() + 1).into();
        check["last_ping"] = now().to_string().into();
        match action {
            Action::Success => (check["status"], check["started"]) = ("up".into(), false.into()),
            Action::Fail => (check["status"], check["started"]) = ("down".into(), false.into()),
            Action::Start => check["started"] = true.into(),
            Action::Log => {}
        }
    }

    pub(super) fn manage(&mut self, request: &Request) -> Answer {
        let Some(path) = request.path.strip_prefix("/api/v3/") else {
            return Answer::page(404, "Not Found");
        };
        let key = request.header("X-Api-Key").unwrap_or_default();
        if key.len() != 32 {
            return error(401, "missing api key");
        }
        let reads = request.method == "GET";
        if key != self.key && !(reads && key == self.readonly) {
            return error(401, "wrong api key");
        }
        let readonly = key == self.readonly;
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["checks", ""]) => {
                let slug = request.query_value("slug");
                let checks = self.checks.iter();
                let checks = checks.filter(|check| slug.is_none_or(|slug| check["slug"] == slug));
                let all: Vec<Value> = checks.map(|check| shown(check, readonly)).collect();
                told(200, &json!({"checks": all}))
            }
            ("POST", ["checks", ""]) => self.create(request),
            ("GET", ["checks", uuid]) => match self.index(uuid) {
                Ok(at) => told(200, &shown(&self.checks[at], readonly)),
                Err(answer) => answer,
            },
            ("POST", ["checks", uuid]) => match (self.index(uuid), self.spec(request)) {
                (Err(answer), _) | (_, Err(answer)) => answer,
                (Ok(at), Ok(spec)) => {
                    self.change(at, &spec);
                    told(200, &self.checks[at])
                }
            },
            ("POST", ["checks", uuid, "pause"]) => match self.index(uuid) {
                Err(answer) => answer,
                Ok(_) if request.header("Content-Length") != Some("0") => error(400, "a body"),
                Ok(at) => {
                    self.checks[at]["status"] = "paused".into();
                    told(200, &self.checks[at])
                }
            },
            (_, ["checks", ..]) => Answer::text(405, ""),
            _ => Answer::page(404, "Not Found"),
        }
    }

    fn index(&self, uuid: &str) -> Result<usize, Answer> {
        let at = self.checks.iter().position(|check| check["uuid"] == uuid);
        at.filter(|_| is_uuid(uuid)).ok_or_else(|| Answer::page(404, "Not Found"))
    }

    fn create(&mut self, request: &Request) -> Answer {
        let spec = match self.spec(request) {
            Ok(spec) => spec,
            Err(answer) => return answer,
        };
        let unique: Vec<&str> =
            spec["unique"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let same = |check: &Value| unique.iter().all(|key| check[*key] == spec[*key]);
        let found = self.checks.iter().position(|check| !unique.is_empty() && same(check));
        let status = if found.is_some() { 200 } else { 201 };
        let at = match found {
            Some(at) => at,
            None if self.checks.len() >= self.room => return Answer::page(403, "Forbidden"),
            None => {
                let uuid = format!("00000000-1111-4000-8000-{:012x}", self.checks.len() + 1);
                self.add(&uuid, "");
                self.checks.len() - 1
            }
        };
        self.change(at, &spec);
        told(status, &self.checks[at])
    }

    fn spec(&self, request: &Request) -> Result<Value, Answer> {
        if request.header("Content-Type") != Some("application/json") {
            return Err(error(400, "not sent as application/json"));
        }
        let Ok(Value::Object(spec)) = serde_json::from_slice(&request.body) else {
            return Err(error(400, "could not parse request body"));
        };
        for (key, value) in &spec {
            let good = match key.as_str() {
                "name" | "schedule" => {
                    value.as_str().is_some_and(|text| text.chars().count() <= 100)
                }
                "slug" => {
                    value.as_str().is_some_and(|slug| is_slug(slug) && slug.to_lowercase() == slug)
                }
                "timeout" | "grace" => {
                    value.as_u64().is_some_and(|n| (60..=31_536_000).contains(&n))
                }
                "tz" => value.as_str().is_some_and(|tz| jiff::tz::TimeZone::get(tz).is_ok()),
                "tags" | "channels" => value.is_string(),
                "unique" => value
                    .as_array()
                    .is_some_and(|all| all.iter().all(|key| key == "name" || key == "slug")),
                _ => false,
            };
            if !good {
                return Err(error(
                    400,
                    &format!("json validation error: {key} has unexpected value"),
                ));
            }
        }
        let plain = spec.get("schedule").and_then(Value::as_str);
        if plain.is_some_and(|plain| plain.split(' ').count() != 5) {
            return Err(error(
                400,
                "json validation error: schedule is not a valid cron or OnCalendar expression",
            ));
        }
        if let Some(wanted) = spec.get("channels").and_then(Value::as_str).filter(|all| *all != "*")
        {
            for channel in wanted.split(',') {
                if self.channel(channel).is_none() {
                    return Err(error(400, &format!("invalid channel identifier: {channel}")));
                }
            }
        }
        Ok(Value::Object(spec))
    }

    fn channel(&self, wanted: &str) -> Option<String> {
        let found = self.channels.iter().find(|(uuid, name)| uuid == wanted || name == wanted);
        found.map(|(uuid, _)| uuid.clone())
    }

    fn change(&mut self, at: usize, spec: &Value) {
        let channels = spec["channels"].as_str().map(|wanted| {
            let all = self.channels.iter().map(|(uuid, _)| uuid.clone());
            let some = wanted.split(',').filter_map(|channel| self.channel(channel));
            let chosen: Vec<String> = if wanted == "*" { all.collect() } else { some.collect() };
            chosen.join(",")
        });
        let Value::Object(check) = &mut self.checks[at] else { unreachable!("it is one") };
        for key in ["name", "slug", "tags", "grace", "tz"] {
            if let Some(value) = spec.get(key) {
                check.insert(key.into(), value.clone());
            }
        }
        // A zone that was renamed is kept under its name of today.
        if check.get("tz").is_some_and(|zone| zone == "Europe/Kiev") {
            check.insert("tz".into(), "Europe/Kyiv".into());
        }
        if let Some(channels) = channels {
            check.insert("channels".into(), channels.into());
        }
        if let Some(schedule) = spec.get("schedule") {
            check.remove("timeout");
            check.insert("schedule".into(), schedule.clone());
        } else if let Some(timeout) = spec.get("timeout") {
            check.remove("schedule");
            check.remove("tz");
            check.insert("timeout".into(), timeout.clone());
        }
    }
}

fn shown(check: &Value, readonly: bool) -> Value {
    let mut check: Map<String, Value> = check.as_object().cloned().unwrap_or_default();
    if readonly {
        for key in ["uuid", "ping_url", "update_url", "pause_url", "resume_url", "channels"] {
            check.remove(key);
        }
        check.insert("unique_key".into(), "a6c7b0a8a66bed0df66abfdab3c77736861703ee".into());
    }
    Value::Object(check)
}

fn told(status: u16, value: &Value) -> Answer {
    let headers = vec![("Content-Type", "application/json".to_owned())];
    Answer { status, headers, body: value.to_string() }
}

fn error(status: u16, why: &str) -> Answer {
    told(status, &json!({"error": why}))
}

fn now() -> jiff::Timestamp {
    crate::support::host::now().try_into().expect("a sane clock")
}
