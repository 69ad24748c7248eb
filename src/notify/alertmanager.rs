//! Prometheus' Alertmanager: each outage is an alert, which ends by itself unless it is renewed: this host may die
//! with the outage. Later runs renew it; a recovery ends it. Wire format:
//! <https://prometheus.io/docs/alerting/latest/alerts_api/>.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::model::fields::Fields;
use crate::model::letter::{Ongoing, Outgoing, Sent};
use crate::model::node;
use crate::model::secret::SecretSource;
use crate::model::story::{Change, Story};
use crate::notify::hidden::Hidden;
use crate::notify::keys;
use crate::notify::phase::{Phase, severity};
use crate::notify::post::{self, Answer, Call};
use crate::notify::reach::{self, Reached};
use crate::notify::words;
use crate::sys::clock::{self, Deadline};
use crate::sys::http;

/// Labels that are this channel's to set: they are what tells one alert from another.
const OURS: [&str; 4] = ["alertname", "service", "host", "severity"];

/// The name of the alert for an outage.
const SERVICE: &str = "ServiceDown";
/// How long an alert lasts that only shows that it arrives.
const TEST: Duration = Duration::from_secs(60);

/// A server.
#[derive(Debug, Clone)]
pub(super) struct Alertmanager {
    server: String,
    token: Option<SecretSource>,
    login: Option<(String, SecretSource)>,
    labels: Vec<(String, String)>,
}

impl Alertmanager {
    /// Takes `url`, `token` or `user` with `password`, and `labels` (more of them).
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        if !fields.has("url") {
            fields.required("url");
            return None;
        }
        let server = keys::server(fields, "");
        let token = fields.secret("token", "token_file", "token_env");
        let place = fields.place_of("user");
        let user = fields.word("user");
        let password = fields.secret("password", "password_file", "password_env");
        if user.is_some() != password.is_some() {
            fields.wrong(&place, "`user` and its password belong together".into(), None);
        } else if token.is_some() && user.is_some() {
            fields.wrong(&place, "`token` and `user` both log in: keep one".into(), None);
        }
        let labels = read_labels(fields);
        for key in words::KEYS {
            let message = format!(
                "`{key}`: alertmanager is told facts, and its own templates put them into words"
            );
            let hint = "see `templates` in the configuration of Alertmanager; `labels` can tell alerts apart";
            fields.refuse(key, &message, hint.into());
        }
        Some(Self { server: server?, token, login: user.zip(password), labels })
    }

    pub(super) fn server(&self) -> &str {
        self.server.split_once("://").map_or(&self.server, |(_, rest)| rest)
    }

    /// The server's own word for whether it is ready
    /// (<https://prometheus.io/docs/alerting/latest/management_api/>).
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        self.ready(by).unwrap_or_else(Reached::from)
    }

    fn ready(&self, by: Deadline) -> Result<Reached, Sent> {
        let mut hidden = Hidden::default();
        let call = self.logged_in(Call::get(format!("{}/-/ready", self.server)), &mut hidden)?;
        let answer = call.send(by, &hidden)?;
        Ok(match answer.status() {
            200 => Reached::yes(format!("{} is ready", self.server()), "whom it tells"),
            _ => reach::refused(&answer, &answer.text()),
        })
    }

    /// Where its secrets are.
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        let password = self.login.as_ref().map(|(_, password)| password);
        self.token.iter().chain(password).collect()
    }

    /// Sends an alert for each story; of two of one outage the later.
    pub(super) fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        self.post(self.of_stories(out), by)
    }

    /// The request that tells it.
    pub(super) fn call(&self, out: &Outgoing<'_>, hidden: &mut Hidden) -> Result<Call, Sent> {
        self.telling(self.of_stories(out), hidden)
    }

    fn of_stories(&self, out: &Outgoing<'_>) -> Vec<Value> {
        let now = clock::now().wall;
        let mut alerts: Vec<Value> = Vec::new();
        for story in out.stories {
            let alert = self.of_story(story, now, out.holds);
            alerts.retain(|other| other["labels"] != alert["labels"]);
            alerts.push(alert);
        }
        alerts
    }

    /// Says again of what goes on that it does.
    pub(super) fn renew(&self, ongoing: &[Ongoing<'_>], holds: Duration, by: Deadline) -> Sent {
        let now = clock::now().wall;
        let alerts = ongoing.iter().map(|one| self.alert(SERVICE, one, later(now, holds)));
        self.post(alerts.collect(), by)
    }

    fn of_story(&self, story: &Story, now: Timestamp, holds: Duration) -> Value {
        let ongoing = Ongoing {
            host: &story.host,
            service: &story.service,
            critical: story.critical,
            incident: &story.incident,
            opened: story.opened,
            reason: &story.reason,
        };
        let name = match story.change {
            Change::Config => "ConfigBroken",
            Change::Gap => "NobodyLooked",
            Change::Channel => "ChannelBroken",
            Change::Test => "Test",
            Change::Repeated => "HealedRepeatedly",
            _ => SERVICE,
        };
        let ends = match Phase::of(story.change) {
            // An alert that ends before it began is refused; a clock may have been set meanwhile.
            Phase::Resolved => story.at.max(story.opened),
            Phase::Firing | Phase::Notice => later(now, holds),
            // Only of a test, which is over soon.
            Phase::News => later(now, TEST),
        };
        self.alert(name, &ongoing, ends)
    }

    fn alert(&self, name: &str, one: &Ongoing<'_>, ends: Timestamp) -> Value {
        let mut labels: Map<String, Value> =
            self.labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        let ours = [name, one.service, one.host, severity(one.critical)];
        for (key, value) in OURS.iter().zip(ours).filter(|(_, value)| !value.is_empty()) {
            labels.insert((*key).to_owned(), value.into());
        }
        let about = if one.service.is_empty() { one.host } else { one.service };
        json!({
            "labels": labels,
            "annotations": {
                "summary": format!("{about} on {}: {}", one.host, one.reason),
                "incident": one.incident,
            },
            "startsAt": one.opened.to_string(),
            "endsAt": ends.to_string(),
        })
    }

    fn post(&self, alerts: Vec<Value>, by: Deadline) -> Sent {
        let answer = post::ask(|hidden| self.telling(alerts, hidden), by);
        answer.map_or_else(|sent| sent, |answer| judge(&answer))
    }

    fn telling(&self, alerts: Vec<Value>, hidden: &mut Hidden) -> Result<Call, Sent> {
        let call = Call::json(&format!("{}/api/v2/alerts", self.server), &Value::Array(alerts));
        self.logged_in(call, hidden)
    }

    fn logged_in(&self, call: Call, hidden: &mut Hidden) -> Result<Call, Sent> {
        let said = match (&self.token, &self.login) {
            (Some(token), _) => format!("Bearer {}", hidden.read(token)?.reveal()),
            (None, Some((user, password))) => {
                http::basic(user, &hidden.read(password)?).reveal().to_owned()
            }
            (None, None) => return Ok(call),
        };
        http::valid_header("Authorization", &said).map_err(Sent::Later)?;
        Ok(call.header("Authorization", &said))
    }
}

fn judge(answer: &Answer) -> Sent {
    match answer.status() {
        // It answers with nothing; a page in its place is of somebody else.
        200 if answer.text().trim().is_empty() => answer.accepted("HTTP 200"),
        _ => answer.refused_as_said(),
    }
}

fn later(now: Timestamp, holds: Duration) -> Timestamp {
    let end = SignedDuration::try_from(holds).ok().and_then(|holds| now.checked_add(holds).ok());
    end.unwrap_or(Timestamp::MAX)
}

/// `labels = { team = "ops" }`.
fn read_labels(fields: &mut Fields<'_>) -> Vec<(String, String)> {
    let Some(node) = fields.node("labels") else { return Vec::new() };
    let node::Value::Table(entries) = node.value else {
        let message = format!("`labels` expects a table, found {}", node.value.kind());
        let hint = "write `labels = { team = \"ops\" }`".to_owned();
        fields.wrong(&node.place, message, Some(hint));
        return Vec::new();
    };
    let mut labels = Vec::new();
    for entry in entries {
        let mut chars = entry.key.chars();
        let begins = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        let named = begins && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
        match entry.node.value {
            _ if !named => {
                let message = format!("`labels`: `{}` is no name of a label", entry.key);
                fields.wrong(&entry.place, message, None);
            }
            _ if OURS.contains(&entry.key.as_str()) => {
                let message = format!("`labels`: `{}` is set for every alert", entry.key);
                fields.wrong(&entry.place, message, None);
            }
            node::Value::Text(value) => labels.push((entry.key, value)),
            other => {
                let found = other.kind();
                let message = format!("`labels`: `{}` expects a string, found {found}", entry.key);
                fields.wrong(&entry.node.place, message, None);
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{self, Mail, reply, secret_is_hidden};
    use crate::notify::tests::story;

    fn send(mail: &Mail, answer: String) -> (Sent, Vec<testing::Asked>) {
        testing::send(vec![answer], mail, |port| {
            format!(
                "via = 'alertmanager'\nurl = 'http://127.0.0.1:{port}/am/'\nuser = 'me'\n\
                 password = 's3cret'\nlabels = {{ team = 'ops' }}"
            )
        })
    }

    fn at(value: &Value) -> Timestamp {
        value.as_str().unwrap().parse().unwrap()
    }

    #[test]
    fn what_is_down_fires_until_it_would_have_been_renewed_twice() {
        let down = Story { reason: "no answer".into(), ..story(Change::Failed, "web", true) };
        let before = clock::now().wall;
        let (sent, asked) = send(&Mail::of("s", "t", vec![down]), reply("200 OK", "", ""));
        assert_eq!(sent, Sent::Accepted("HTTP 200".into()));
        assert_eq!(asked[0].line, "POST /am/api/v2/alerts HTTP/1.1");
        asked[0].is_json();
        // me:s3cret
        assert_eq!(asked[0].header("authorization"), "Basic bWU6czNjcmV0");
        let mut json = asked[0].json();
        let ends = at(&json[0]["endsAt"].take());
        let held = ends.duration_since(before).as_secs();
        assert!((2400..2430).contains(&held), "{held}");
        let want = json!([{
            "labels": {
                "alertname": "ServiceDown", "service": "web", "host": "web1",
                "severity": "critical", "team": "ops",
            },
            "annotations": { "summary": "web on web1: no answer", "incident": "web-1" },
            "startsAt": "1970-01-01T00:00:00Z", "endsAt": null,
        }]);
        assert_eq!(json, want);
    }

    #[test]
    fn a_recovery_ends_the_alert_of_the_same_labels_and_outweighs_what_was_before() {
        let failed = story(Change::Failed, "web", true);
        let mut resolved = story(Change::Resolved, "web", true);
        resolved.at = "1970-01-01T00:05:00Z".parse().unwrap();
        let other = story(Change::Down, "db", false);
        let mail = Mail::of("s", "t", vec![failed, other, resolved]);
        let (_, asked) = send(&mail, reply("200 OK", "", ""));
        let json = asked[0].json();
        let services: Vec<_> =
            json.as_array().unwrap().iter().map(|a| &a["labels"]["service"]).collect();
        assert_eq!(services, ["db", "web"]);
        assert_eq!(json[1]["endsAt"], "1970-01-01T00:05:00Z");
    }

    #[test]
    fn each_refusal_has_its_class_and_none_shows_the_password() {
        for (status, headers, body, want) in [
            (400, "", r#""start time must be before end time""#, "never"),
            (401, "", "s3cret", "later"),
            (404, "", "", "later"),
            (429, "Retry-After: 3\r\n", "", "busy 3"),
            (500, "", "", "later"),
            (200, "", "<html>welcome</html>", "later"),
        ] {
            let (sent, _) = send(&Mail::new("a", "b"), reply(&status.to_string(), headers, body));
            assert_eq!(testing::class(&sent), want, "{status}: {sent:?}");
            secret_is_hidden(&sent, "s3cret");
        }
    }

    #[test]
    fn mistakes_in_labels_are_told() {
        for (more, want) in [
            ("labels = 'x'", "`labels` expects a table, found a string"),
            ("labels = { host = 'x' }", "`labels`: `host` is set for every alert"),
            ("labels = { a-b = 'x' }", "`labels`: `a-b` is no name of a label"),
            ("labels = { a = 1 }", "`labels`: `a` expects a string, found a whole number"),
            ("user = 'me'", "`user` and its password belong together"),
        ] {
            let table = format!("via = 'alertmanager'\nurl = 'http://h:9093'\n{more}");
            let (_, problems) = testing::read(&table);
            assert!(problems.contains(want), "{want}: {problems}");
        }
    }
}
