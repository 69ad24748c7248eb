//! Any other service, by templates of its requests: `ok`, `fail`, `start`, `log`, a method, headers and a body, with
//! placeholders. What a placeholder stands for is escaped for where it stands; `{url}` alone is taken as it is.

use std::time::Duration;

use crate::heartbeat::answer::{self, Answer};
use crate::heartbeat::headers::Headers;
use crate::heartbeat::hearing::Part;
use crate::heartbeat::{Ping, Signal, address, body, request};
use crate::model::fields::Fields;
use crate::model::text::nearest;
use crate::sys::clock;
use crate::sys::http::{Request, Response};

/// Every placeholder.
const NAMES: [&str; 13] = [
    "url", "name", "host", "signal", "status", "success", "code", "line", "text", "rid", "time",
    "seconds", "millis",
];
/// The methods that make sense here.
const METHODS: [(&str, &str); 5] =
    [("GET", "GET"), ("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"), ("HEAD", "HEAD")];
/// Bytes of text in a URL, and in a body.
const TEXT_IN_URL: usize = 1000;
const TEXT_IN_BODY: usize = 10_000;
/// Characters of the one line.
const LINE: usize = 250;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    ok: String,
    fail: Option<String>,
    start: Option<String>,
    log: Option<String>,
    method: Option<&'static str>,
    headers: Headers,
    body: Option<String>,
    expect: Option<String>,
}

impl Template {
    /// Keys: `ok` (`{url}` unless given), `fail`, `start`, `log`, `method`, `header`, `header_file`, `body`, `expect`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let ok = template("ok", fields).unwrap_or_else(|| "{url}".into());
        Self {
            ok,
            fail: template("fail", fields),
            start: template("start", fields),
            log: template("log", fields),
            method: fields.one_of("method", &METHODS),
            headers: Headers::read(fields),
            body: template("body", fields),
            expect: fields.word("expect"),
        }
    }

    /// What it brings along.
    pub(super) fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Whether it has a template that can say this.
    pub(super) fn hears(&self, part: Part) -> bool {
        let holds = |name: &str| {
            let Self { ok, fail, start, log, body, .. } = self;
            let templates = [Some(ok), fail.as_ref(), start.as_ref(), log.as_ref(), body.as_ref()];
            templates.into_iter().flatten().any(|text| text.contains(name))
        };
        match part {
            Part::Fail => self.fail.is_some(),
            Part::Start => self.start.is_some(),
            Part::Log => self.log.is_some(),
            Part::ExitCode => holds("{code}"),
            Part::Text => holds("{text}") || holds("{line}"),
            Part::RunId => holds("{rid}"),
        }
    }

    /// The request for `ping` of the heartbeat of this name.
    pub(super) fn request(
        &self,
        name: &str,
        url: &str,
        ping: &Ping<'_>,
        limit: Duration,
    ) -> Result<Request, String> {
        let template = match ping.signal {
            Signal::Start => self.start.as_ref(),
            Signal::Log => self.log.as_ref(),
            Signal::Fail => self.fail.as_ref(),
            Signal::ExitCode(code) if code != 0 => self.fail.as_ref(),
            Signal::Success | Signal::ExitCode(_) => Some(&self.ok),
        };
        let value = |key: &str, room| value(key, name, ping, room);
        let to = fill(template.unwrap_or(&self.ok), &|key| match key {
            "url" => url.to_owned(),
            _ => address::encoded(&value(key, TEXT_IN_URL)),
        });
        address::parts(&to)?;
        let mut request = request::get(to, limit);
        if let Some(body) = &self.body {
            let json = body.trim_start().starts_with(['{', '[']);
            let filled = fill(body, &|key| match key {
                "url" => String::new(),
                _ if json => in_json(&value(key, TEXT_IN_BODY)),
                _ => value(key, TEXT_IN_BODY),
            });
            "POST".clone_into(&mut request.method);
            request.body = filled.into_bytes();
            if !self.headers.has("content-type") {
                let kind = if json { request::JSON } else { request::TEXT };
                request.headers.push(("Content-Type".into(), kind.into()));
            }
        }
        if let Some(method) = self.method {
            method.clone_into(&mut request.method);
        }
        request.headers.extend(self.headers.reveal()?);
        Ok(request)
    }

    /// What the answer means: good, with the text that is expected, and no page for people.
    pub(super) fn judge(&self, response: &Response) -> Answer {
        match &self.expect {
            Some(expect) if matches!(response.status, 200..=299) => {
                if String::from_utf8_lossy(&response.body).contains(expect) {
                    Answer::Accepted
                } else {
                    answer::portal(response)
                }
            }
            _ => answer::plain(response),
        }
    }
}

/// Takes `key`, and complains of placeholders that are none.
fn template(key: &'static str, fields: &mut Fields<'_>) -> Option<String> {
    let place = fields.place_of(key);
    let text = fields.secret_text(key)?;
    for name in placeholders(&text).filter(|name| !NAMES.contains(name)) {
        let hint = match nearest(name, NAMES) {
            Some(near) => format!("did you mean `{{{near}}}`?"),
            None => format!("there are {}", NAMES.map(|name| format!("{{{name}}}")).join(", ")),
        };
        let message = format!("`{key}` has no placeholder `{{{name}}}`");
        fields.problems().at_with_hint(&place, message, hint);
    }
    Some(text)
}

/// The names in braces; braces around anything but small letters are those of JSON.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| name_at(rest))
}

/// The name that `text`, which follows a brace, begins with.
fn name_at(text: &str) -> Option<&str> {
    let name = text.split_once('}')?.0;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(name)
}

fn fill(template: &str, value: &dyn Fn(&str) -> String) -> String {
    let mut parts = template.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(name) = name_at(part) {
            out.push_str(&value(name));
            out.push_str(&part[name.len() + 1..]);
        } else {
            out.push('{');
            out.push_str(part);
        }
    }
    out
}

fn value(key: &str, name: &str, ping: &Ping<'_>, room: usize) -> String {
    match key {
        "name" => name.to_owned(),
        "host" => ping.host(),
        "signal" => ping.signal.word(),
        "status" => if ping.is_bad() { "down" } else { "up" }.into(),
        "success" => (!ping.is_bad()).to_string(),
        "code" => match ping.signal {
            Signal::ExitCode(code) => code.to_string(),
            _ => u8::from(ping.is_bad()).to_string(),
        },
        "line" => body::gist(ping, LINE),
        "text" => body::fit(ping.body, room).into_owned(),
        "rid" => ping.rid.map(|rid| rid.to_string()).unwrap_or_default(),
        "seconds" => ping.took.map(|took| format!("{:.3}", took.as_secs_f64())).unwrap_or_default(),
        "millis" => ping.took.map(|took| took.as_millis().to_string()).unwrap_or_default(),
        _ => clock::now().wall.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    }
}

/// For between the quotes of a JSON string.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
