//! OpenTelemetry over HTTP (`http://HOST:4318`): the numbers of a ping as gauges, in the JSON of OTLP (64-bit integers
//! as strings, enums as numbers). Points that were rejected are no success, whatever the status. Wire format:
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

use std::time::Duration;

use serde_json::{Value, json};

use crate::heartbeat::answer::{self, Answer};
use crate::heartbeat::headers::Headers;
use crate::heartbeat::{Ping, address, numbers, request};
use crate::model::fields::Fields;
use crate::sys::clock;
use crate::sys::http::{Request, Response};

/// A collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otlp {
    headers: Headers,
}

impl Otlp {
    /// Keys: `header`, `header_file`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        Self { headers: Headers::read(fields) }
    }

    /// What it brings along.
    pub(super) fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The request that brings the numbers of `ping` to the collector at `url`.
    pub(super) fn request(
        &self,
        name: &str,
        url: &str,
        ping: &Ping<'_>,
        limit: Duration,
    ) -> Result<Request, String> {
        let url = address::below(url, "/v1/metrics", "/v1/metrics")?;
        let mut request = request::post(url, request::JSON, metrics(name, ping), limit);
        request.headers.extend(self.headers.reveal()?);
        Ok(request)
    }
}

/// What the answer means: 200, and no points rejected. A server that answers in the other encoding says "all taken"
/// with an empty body.
pub(super) fn judge(response: &Response) -> Answer {
    let status = response.status;
    let json: Option<Value> = serde_json::from_slice(&response.body).ok();
    match (status, json) {
        (200, None) if response.body.is_empty() => Answer::Accepted,
        (200, Some(Value::Object(all))) => {
            let rejected =
                all.get("partialSuccess").and_then(|part| part.get("rejectedDataPoints"));
            // A 64-bit integer: as a string by the rules, as a number by some.
            let count = rejected.map_or(Some(0), |count| match count {
                Value::Null => Some(0),
                Value::String(text) => text.parse().ok(),
                other => other.as_i64(),
            });
            match count {
                Some(0) => Answer::Accepted,
                Some(count) => {
                    Answer::Refused(format!("{count} of its points were rejected (200)"))
                }
                None => answer::portal(response),
            }
        }
        // These alone are worth another try, by the specification.
        (200..=499 | 502..=504, _) => answer::of_status(response),
        _ => Answer::Refused(format!("the service is in trouble ({status})")),
    }
}

fn metrics(name: &str, ping: &Ping<'_>) -> String {
    let now = clock::now().wall;
    let at = now.as_nanosecond().to_string();
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let metrics = numbers::of(ping, now).into_iter().map(|number| {
        let points = number.values.iter().map(|(service, value)| {
            let service = service.iter().map(|service| text("service", service));
            let own: Vec<Value> = [text("heartbeat", name)].into_iter().chain(service).collect();
            json!({"asDouble": value, "timeUnixNano": at, "attributes": own})
        });
        json!({
            "name": format!("miraclemax.{}", number.name),
            "description": number.help,
            "unit": if number.seconds { "s" } else { "1" },
            "gauge": {"dataPoints": points.collect::<Value>()},
        })
    });
    let resource = [text("service.name", "miraclemax"), text("host.name", &ping.host())];
    json!({"resourceMetrics": [{
        "resource": {"attributes": resource},
        "scopeMetrics": [{
            "scope": {"name": "miraclemax", "version": env!("CARGO_PKG_VERSION")},
            "metrics": metrics.collect::<Value>(),
        }],
    }]})
    .to_string()
}
