//! One incident through every kind of channel at once, with two of them dead, one that accepts connections and says
//! nothing, and one that asks to be left alone: the run ends in its deadline, each that works gets one message, and the
//! others get theirs when they are back.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::channels::{age_outbox, answer, dead_port};
use super::hearing::waiting;
use super::{HOPELESS, fast};
use crate::support::host::Host;

const DEADLINE: Duration = Duration::from_secs(6);

/// Who takes messages over HTTP, at which path, and what they answer to what they took.
pub(super) const SERVICES: [(&str, &str, &str, &str); 8] = [
    ("telegram", "/bot1:s3cret/sendMessage", "200 OK", r#"{"ok":true,"result":{"message_id":42}}"#),
    ("slack", "/services/s3cret", "200 OK", "ok"),
    ("discord", "/api/webhooks/1/s3cret?wait=true", "200 OK", r#"{"id":"77"}"#),
    ("ntfy", "/", "200 OK", r#"{"id":"xE7","event":"message"}"#),
    ("webhook", "/s3cret", "204 No Content", ""),
    (
        "pagerduty",
        "/v2/enqueue",
        "202 Accepted",
        r#"{"status":"success","message":"Event processed","dedup_key":"k"}"#,
    ),
    ("alertmanager", "/api/v2/alerts", "200 OK", ""),
    (
        "twilio",
        "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json",
        "201 Created",
        r#"{"sid":"SM1","status":"queued"}"#,
    ),
];

/// One of them.
pub(super) struct Service {
    pub(super) port: u16,
    /// Nothing at all while it is none.
    says: Arc<Mutex<Option<String>>>,
    /// First lines and bodies.
    pub(super) heard: Arc<Mutex<Vec<(String, String)>>>,
}

impl Service {
    pub(super) fn at(port: u16, says: Option<String>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (says, heard) = (Arc::new(Mutex::new(says)), Arc::<Mutex<Vec<_>>>::default());
        let (answer, log) = (Arc::clone(&says), Arc::clone(&heard));
        thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                match answer.lock().unwrap().clone() {
                    None => silent.push(stream),
                    Some(answer) => log.lock().unwrap().push(served(&stream, &answer)),
                }
            }
        });
        Self { port, says, heard }
    }

    fn now_says(&self, answer: &str) {
        *self.says.lock().unwrap() = Some(answer.to_owned());
    }

    /// What it was told of the outage of the service.
    fn told(&self, path: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let right = format!("POST {path} HTTP/1.1");
        for (line, body) in heard.iter() {
            assert_eq!(line, &right, "{body}");
        }
        let about = |body: &&String| body.contains("web") && !body.contains("- NOT REACHED");
        heard.iter().map(|(_, body)| body).filter(about).cloned().collect()
    }
}

/// Reads one request and answers it.
fn served(mut stream: &TcpStream, answer: &str) -> (String, String) {
    let (mut lines, mut head, mut length) = (BufReader::new(stream), Vec::new(), 0);
    for line in lines.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
            length = value.parse().expect("a length is a number");
        }
        head.push(line);
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).expect("the body is as long as it says");
    stream.write_all(answer.as_bytes()).expect("the answer can be sent");
    (head.swap_remove(0), String::from_utf8(body).expect("it is text"))
}

pub(super) fn fine(status: &str, body: &str) -> String {
    let json = if body.starts_with('{') { "Content-Type: application/json\r\n" } else { "" };
    answer(status, json, body)
}

pub(super) fn config(ports: &BTreeMap<&str, u16>) -> String {
    let url = |kind: &str| format!("http://127.0.0.1:{}", ports[kind]);
    format!(
        r#"
[[notify]]
via = "email"
to = ["me@example.org"]
from = "max@example.org"
sendmail = "$DIR/bin/sendmail"
[[notify]]
via = "command"
command = ["$DIR/bin/hear"]
[[notify]]
via = "telegram"
token = "1:s3cret"
chat_id = 1
url = "{}"
[[notify]]
via = "slack"
url = "{}/services/s3cret"
[[notify]]
via = "discord"
url = "{}/api/webhooks/1/s3cret"
[[notify]]
via = "ntfy"
topic = "s3cret"
url = "{}"
[[notify]]
via = "webhook"
url = "{}/s3cret"
[[notify]]
via = "pagerduty"
routing_key = "s3cret"
url = "{}"
[[notify]]
via = "alertmanager"
url = "{}"
[[notify]]
via = "twilio"
account = "AC00000000000000000000000000000000"
token = "s3cret"
from = "+15005550006"
to = "+4930123456"
url = "{}"
"#,
        url("telegram"),
        url("slack"),
        url("discord"),
        url("ntfy"),
        url("webhook"),
        url("pagerduty"),
        url("alertmanager"),
        url("twilio"),
    )
}

/// How many messages of the outage each has.
fn counts(
    host: &Host,
    services: &BTreeMap<&'static str, Service>,
) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for (kind, path, ..) in SERVICES {
        let told = services.get(kind).map_or(Vec::new(), |service| service.told(path));
        if kind == "alertmanager" {
            // Each run says again that it goes on: that is one alert as long as its labels are the same.
            let mut alerts: Vec<String> = told
                .iter()
                .map(|body| serde_json::from_str::<serde_json::Value>(body).expect("JSON"))
                .map(|alerts| alerts[0]["labels"].to_string())
                .collect();
            alerts.dedup();
            counts.insert(kind, alerts.len());
        } else {
            counts.insert(kind, told.len());
        }
    }
    let mails = super::mailing::mails(host);
    counts.insert("email", mails.iter().filter(|mail| mail.contains("web - FAILED")).count());
    let heard = std::fs::read_to_string(host.path("heard")).unwrap_or_default();
    counts.insert("command", heard.matches("web - FAILED\"").count());
    counts
}

#[test]
fn an_incident_reaches_each_once_whatever_becomes_of_the_others() {
    let limited = r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":600}}"#;
    let limited = fine("429 Too Many Requests", limited);
    let (mut services, mut ports) = (BTreeMap::new(), BTreeMap::new());
    for (kind, _, status, body) in SERVICES {
        let says = match kind {
            "ntfy" | "pagerduty" => {
                ports.insert(kind, dead_port());
                continue;
            }
            "telegram" => Some(limited.clone()),
            "discord" => None,
            _ => Some(fine(status, body)),
        };
        let service = Service::at(0, says);
        ports.insert(kind, service.port);
        services.insert(kind, service);
    }
    let host = Host::with(&fast(&[HOPELESS, &config(&ports)]));
    host.fake("sendmail", "cat > $DIR/mail.$$");
    host.fake("hear", "cat >> $DIR/heard; echo >> $DIR/heard");
    let all = |of: &dyn Fn(&str) -> usize| -> BTreeMap<&str, usize> {
        let kinds = SERVICES.iter().map(|it| it.0).chain(["email", "command"]);
        kinds.map(|kind| (kind, of(kind))).collect()
    };
    let broken = ["telegram", "discord", "ntfy", "pagerduty"];
    let first = all(&|kind| match kind {
        // It was asked, and asked to be left alone.
        "telegram" => 1,
        kind => usize::from(!broken.contains(&kind)),
    });

    for run in 0..3 {
        let began = Instant::now();
        let ran = host.run(&["heal", "--deadline", "6s"]).ends(2);
        assert!(began.elapsed() < DEADLINE + Duration::from_secs(3), "{:?}", began.elapsed());
        assert!(!ran.stderr.contains("s3cret"), "{ran:?}");
        if run == 0 {
            assert!(ran.stdout.ends_with("\n6 notifications sent\n"), "{ran:?}");
            for name in ["discord", "ntfy:", "pagerduty", "telegram:1"] {
                assert!(ran.stderr.contains(name), "{name}: {ran:?}");
            }
        }
        assert_eq!(counts(&host, &services), first, "run {run}");
    }

    for (kind, _, status, body) in SERVICES {
        match services.get(kind) {
            Some(service) => service.now_says(&fine(status, body)),
            None => {
                services.insert(kind, Service::at(ports[kind], Some(fine(status, body))));
            }
        }
    }
    age_outbox(&host, jiff::SignedDuration::from_mins(11));
    for run in 0..3 {
        host.run(&["heal", "--deadline", "6s"]).ends(2);
        let want = all(&|kind| if kind == "telegram" { 2 } else { 1 });
        assert_eq!(counts(&host, &services), want, "run {run} after they came back");
    }
    assert_eq!(waiting(&host), 0);
}
