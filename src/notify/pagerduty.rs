//! Events API v2 of `PagerDuty`. An incident has one `dedup_key` from its trigger to its resolve, made of what it is, so
//! that nothing needs to be remembered and what is sent twice is one. Wire format:
//! <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>.

use serde_json::{Value, json};

use crate::model::fields::Fields;
use crate::model::letter::{Outgoing, Sent, thread};
use crate::model::secret::SecretSource;
use crate::model::story::{Change, Story};
use crate::notify::fit;
use crate::notify::hidden::Hidden;
use crate::notify::keys;
use crate::notify::phase::{Phase, severity};
use crate::notify::post::{self, Answer, Call};
use crate::notify::reach::{self, Reached};
use crate::notify::words::Own;
use crate::sys::clock::Deadline;

/// Characters of a key, and of a summary.
const KEY: usize = 255;
const SUMMARY: usize = 1024;
/// Bytes of the letter: an event may have 512 KB in all, and a character of it may be six in JSON.
const TEXT: usize = 64 * 1024;

/// An integration.
#[derive(Debug, Clone)]
pub(super) struct PagerDuty {
    key: SecretSource,
    server: String,
}

impl PagerDuty {
    /// Takes `routing_key` and `url` (of another region).
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let key = keys::secret(fields, ["routing_key", "routing_key_file", "routing_key_env"]);
        let server = keys::server(fields, "https://events.pagerduty.com");
        Some(Self { key: key?, server: server? })
    }

    /// A line to the server: it can be asked nothing but to take an event.
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        let mut hidden = Hidden::default();
        match hidden.read(&self.key) {
            Ok(_) => {
                reach::line(&self.server, &hidden, by, "whether the routing key is known there")
            }
            Err(sent) => sent.into(),
        }
    }

    /// Where its secrets are.
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        vec![&self.key]
    }

    /// Sends an event for each story; up to the first that is not taken.
    pub(super) fn send(&self, out: &Outgoing<'_>, own: Own, by: Deadline) -> Sent {
        let mut hidden = Hidden::default();
        let calls = match self.calls(out, own, &mut hidden) {
            Ok(calls) => calls,
            Err(sent) => return sent,
        };
        let mut last = Sent::Accepted("".into());
        for call in calls {
            last = call.send(by, &hidden).map_or_else(|sent| sent, |answer| judge(&answer));
            if !matches!(last, Sent::Accepted(_)) {
                return last;
            }
        }
        last
    }

    /// The requests that tell it, in their order.
    pub(super) fn calls(
        &self,
        out: &Outgoing<'_>,
        own: Own,
        hidden: &mut Hidden,
    ) -> Result<Vec<Call>, Sent> {
        let key = hidden.read(&self.key)?;
        let url = format!("{}/v2/enqueue", self.server);
        let mut calls = Vec::new();
        for story in out.stories {
            let event = event(story, out, own, key.reveal());
            calls.push(Call::json(&url, &event));
            if story.change == Change::Test {
                // Nobody has to close what shows that it arrives.
                calls.push(Call::json(&url, &resolve(&event)));
            }
        }
        Ok(calls)
    }
}

fn event(story: &Story, out: &Outgoing<'_>, own: Own, key: &str) -> Value {
    let rest = fit::rest(&[story]);
    let phase = Phase::of(story.change);
    let thread = match phase {
        // Of an incident that may be over, so with a key of its own.
        Phase::Notice | Phase::News => format!("{}.{}", story.change.word(), thread(story)),
        Phase::Firing | Phase::Resolved => thread(story),
    };
    let dedup: String = thread.chars().take(KEY).collect();
    let mut event = json!({ "routing_key": key, "dedup_key": dedup });
    if phase == Phase::Resolved {
        event["event_action"] = "resolve".into();
        return event;
    }
    event["event_action"] = "trigger".into();
    event["client"] = "miraclemax".into();
    let summary = if own.subject {
        out.letter.subject.clone()
    } else {
        format!("{} on {}: {}", story.about(), story.host, story.reason)
    };
    event["payload"] = json!({
        "summary": fit::cut(&summary, SUMMARY, |_| 1, &rest),
        "source": story.host,
        "severity": severity(story.critical && phase == Phase::Firing),
        "timestamp": story.opened.to_string(),
        "component": story.service,
        "group": story.name,
        "class": story.change.word(),
        "custom_details": {
            "incident": story.incident,
            "text": fit::cut(&out.letter.body, TEXT, char::len_utf8, &rest),
        },
    });
    event
}

/// Ends what `trigger` began.
fn resolve(trigger: &Value) -> Value {
    json!({
        "routing_key": trigger["routing_key"], "dedup_key": trigger["dedup_key"],
        "event_action": "resolve",
    })
}

fn judge(answer: &Answer) -> Sent {
    let json = answer.json();
    if answer.status() == 202 && json["status"] == "success" {
        return answer.accepted(json["message"].as_str().unwrap_or("taken"));
    }
    let mut said = json["message"].as_str().map_or_else(|| answer.text(), str::to_owned);
    for error in json["errors"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        said = format!("{said}: {error}");
    }
    let of_key = said.contains("routing_key") || said.to_lowercase().contains("routing key");
    post::mendable(answer.refused(&said, None), of_key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{self, Mail, reply, secret_is_hidden};
    use crate::notify::tests::story;

    fn send(mail: &Mail, answers: Vec<String>) -> (Sent, Vec<testing::Asked>) {
        testing::send(answers, mail, |port| {
            format!(
                "via = 'pagerduty'\nurl = 'http://127.0.0.1:{port}'\nrouting_key = 's3cret-key'"
            )
        })
    }

    fn ok() -> String {
        let body = r#"{"status":"success","message":"Event processed","dedup_key":"web-1@web1"}"#;
        reply("202 Accepted", "", body)
    }

    #[test]
    fn a_failure_triggers_and_the_recovery_resolves_under_the_same_key() {
        let failed = story(Change::Failed, "web", true);
        let failed = Story { reason: "port 80: refused".into(), ..failed };
        let (sent, asked) = send(&Mail::of("s", "text\n", vec![failed]), vec![ok()]);
        assert_eq!(sent, Sent::Accepted("Event processed".into()));
        assert_eq!(asked[0].line, "POST /v2/enqueue HTTP/1.1");
        asked[0].is_json();
        let want = json!({
            "routing_key": "s3cret-key", "event_action": "trigger", "dedup_key": "web-1@web1",
            "client": "miraclemax",
            "payload": {
                "summary": "web on web1: port 80: refused", "source": "web1",
                "severity": "critical", "timestamp": "1970-01-01T00:00:00Z",
                "component": "web", "group": "MiracleMax", "class": "failed",
                "custom_details": { "incident": "web-1", "text": "text\n" },
            },
        });
        assert_eq!(asked[0].json(), want);
        let resolved = Mail::of("s", "text\n", vec![story(Change::Resolved, "web", true)]);
        let (_, asked) = send(&resolved, vec![ok()]);
        let want = json!({
            "routing_key": "s3cret-key", "event_action": "resolve", "dedup_key": "web-1@web1",
        });
        assert_eq!(asked[0].json(), want);
    }

    #[test]
    fn a_test_is_an_event_of_little_weight_that_is_resolved_at_once() {
        let test = Mail::of("s", "text\n", vec![story(Change::Test, "", false)]);
        let (sent, asked) = send(&test, vec![ok(), ok()]);
        assert!(matches!(sent, Sent::Accepted(_)), "{sent:?}");
        let [began, ended] = [asked[0].json(), asked[1].json()];
        assert_eq!(
            (&began["event_action"], &ended["event_action"]),
            (&json!("trigger"), &json!("resolve"))
        );
        assert_eq!(
            (&began["dedup_key"], &began["payload"]["severity"]),
            (&ended["dedup_key"], &json!("warning"))
        );
    }

    #[test]
    fn keys_and_summaries_obey_their_limits() {
        let long = story(Change::Down, "web", false);
        let long = Story { host: "h.".repeat(300), reason: "ü".repeat(2000), ..long };
        let (_, asked) = send(&Mail::of("s", &"\u{e9}".repeat(300_000), vec![long]), vec![ok()]);
        let json = asked[0].json();
        let count = |value: &Value| value.as_str().unwrap().chars().count();
        assert_eq!(count(&json["dedup_key"]), 255);
        assert!(count(&json["payload"]["summary"]) <= 1024, "{json}");
        assert_eq!(json["payload"]["severity"], "warning");
        assert!(asked[0].body.len() < 512_000, "{}", asked[0].body.len());
    }

    #[test]
    fn each_refusal_has_its_class_and_none_shows_the_key() {
        let invalid = r#"{"status":"invalid event","message":"Event object is invalid","errors":["'s3cret-key' is bad"]}"#;
        for (status, headers, body, want) in [
            (400, "", invalid, "never"),
            (
                400,
                "",
                &invalid.replace("'s3cret-key' is bad", "Length of 'routing_key' is incorrect"),
                "later",
            ),
            (429, "", "", "later"),
            (429, "Retry-After: 120\r\n", "", "busy 120"),
            (500, "", "", "later"),
            (403, "", "s3cret-key", "later"),
            (200, "", "<html></html>", "later"),
        ] {
            let answer = reply(&status.to_string(), headers, body);
            let (sent, _) = send(&Mail::new("a", "b"), vec![answer]);
            assert_eq!(testing::class(&sent), want, "{status}: {sent:?}");
            secret_is_hidden(&sent, "s3cret");
        }
    }
}
