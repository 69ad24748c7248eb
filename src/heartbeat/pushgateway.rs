//! Prometheus' Pushgateway (`http://HOST:9091`): the numbers of a ping as one group of its own. A success replaces
//! the group (PUT); a failure only the numbers that it has (POST), so that the last success stays to be alerted on.
//! Wire format: <https://github.com/prometheus/pushgateway#api>, text exposition 0.0.4, without timestamps, which it
//! refuses.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use crate::heartbeat::answer::{self, Answer};
use crate::heartbeat::headers::Headers;
use crate::heartbeat::{Ping, address, labels, numbers, request};
use crate::model::fields::Fields;
use crate::sys::clock;
use crate::sys::http::{Request, Response};

/// A label of the group replaces one of its numbers, and the numbers of two services would be the same one.
const TAKEN: [(&str, &str); 2] = [("job", "the key `job`"), ("service", "each service's number")];

/// Which group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    job: String,
    /// Of the group; `instance` is this host unless given.
    labels: Vec<(String, String)>,
    headers: Headers,
}

impl Group {
    /// Keys: `job`, `labels`, `header`, `header_file`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            job: fields.word("job").unwrap_or_else(|| "miraclemax".into()),
            labels: labels::read(fields, &TAKEN),
            headers: Headers::read(fields),
        }
    }

    /// What it brings along.
    pub(super) fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The request that brings the numbers of `ping` to the gateway at `url`.
    pub(super) fn request(
        &self,
        url: &str,
        ping: &Ping<'_>,
        limit: Duration,
    ) -> Result<Request, String> {
        let mut path = format!("/metrics{}", segment("job", &self.job));
        for (name, value) in labels::or(self.labels.clone(), "instance", &ping.host()) {
            path.push_str(&segment(&name, &value));
        }
        let url = address::below(url, "/metrics/job", &path)?;
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        let mut request = request::post(url, kind, exposition(ping), limit);
        if !ping.is_bad() {
            "PUT".clone_into(&mut request.method);
        }
        request.headers.extend(self.headers.reveal()?);
        Ok(request)
    }
}

/// What the answer means: 200, or 202 where it does not check; both without a word.
pub(super) fn judge(response: &Response) -> Answer {
    match response.status {
        200 | 202 if response.body.trim_ascii().is_empty() => Answer::Accepted,
        400 if said(response, "inconsistent") => {
            Answer::Refused("the numbers contradict those of another group (400)".into())
        }
        404 | 405 => Answer::Refused(format!("no pushgateway is there ({})", response.status)),
        _ => answer::of_status(response),
    }
}

fn said(response: &Response, word: &str) -> bool {
    String::from_utf8_lossy(&response.body).contains(word)
}

/// `/name/value`, in base64 where a slash or nothing at all would not survive.
fn segment(name: &str, value: &str) -> String {
    if value.is_empty() {
        format!("/{name}@base64/=")
    } else if value.contains('/') {
        format!("/{name}@base64/{}", URL_SAFE.encode(value))
    } else {
        format!("/{name}/{}", address::encoded(value))
    }
}

fn exposition(ping: &Ping<'_>) -> String {
    let mut out = String::new();
    for number in numbers::of(ping, clock::now().wall) {
        let unit = if number.seconds { "_seconds" } else { "" };
        let name = format!("miraclemax_{}{unit}", number.name);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} gauge", number.help);
        for (service, value) in &number.values {
            let label =
                service.as_ref().map(|service| format!("{{service=\"{}\"}}", quoted(service)));
            let _ = writeln!(out, "{name}{} {value}", label.unwrap_or_default());
        }
    }
    out
}

fn quoted(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}
