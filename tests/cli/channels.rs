//! Several channels at once: each is told once, whatever becomes of the others, and what one did not take waits for it
//! alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::hearing::waiting;
use super::{WEB, fast};
use crate::support::host::Host;

/// Answers every request in the same way until it is told another, and keeps what was said.
pub(super) struct Receiver {
    pub(super) port: u16,
    answer: Arc<Mutex<String>>,
    bodies: Arc<Mutex<Vec<Value>>>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// At this port; 0 for any free one. `NN` in an answer is the number of the request, from 01.
    pub(super) fn at(port: u16, answer: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let answer = Arc::new(Mutex::new(answer.to_owned()));
        let bodies = Arc::<Mutex<Vec<Value>>>::default();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (says, heard, asked) = (Arc::clone(&answer), Arc::clone(&bodies), Arc::clone(&lines));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (mut reader, mut length) = (BufReader::new(&stream), 0);
                let mut first = String::new();
                reader.read_line(&mut first).expect("a request begins with a line");
                for line in reader.by_ref().lines().map_while(Result::ok) {
                    if line.is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                        length = value.parse().expect("a length is a number");
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("the body is as long as it says");
                let body = serde_json::from_slice(&body).expect("the body is JSON");
                heard.lock().unwrap().push(body);
                let mut asked = asked.lock().unwrap();
                asked.push(first.trim_end().trim_end_matches(" HTTP/1.1").to_owned());
                let answer = says.lock().unwrap().replace("NN", &format!("{:02}", asked.len()));
                (&stream).write_all(answer.as_bytes()).expect("the answer can be sent");
            }
        });
        Self { port, answer, bodies, lines }
    }

    pub(super) fn says(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().unwrap());
    }

    pub(super) fn heard(&self) -> Vec<Value> {
        self.bodies.lock().unwrap().clone()
    }

    /// Methods and paths.
    pub(super) fn asked(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

/// A port that nobody listens on.
pub(super) fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port is free").port()
}

/// Lets time pass for those that wait in the outbox.
pub(super) fn age_outbox(host: &Host, by: SignedDuration) {
    for (path, _, bytes) in host.snapshot("state/outbox") {
        let name = path.to_str().expect("a plain name");
        if path.extension().is_none_or(|end| end != "json")
            || name.contains("/done/")
            || name.contains("/threads/")
        {
            continue;
        }
        let mut entry: Value = serde_json::from_slice(&bytes).expect("an entry is JSON");
        for delivery in entry["channels"].as_object_mut().expect("by channel").values_mut() {
            let last: Timestamp =
                delivery["last"].as_str().expect("tried").parse().expect("a time");
            delivery["last"] = (last - by).to_string().into();
        }
        host.write(name, &entry.to_string());
    }
}

#[test]
fn one_is_busy_one_is_dead_and_one_is_well_and_each_is_told_once() {
    let busy = answer("429 Too Many Requests", "Retry-After: 600\r\n", "rate_limited");
    let (slack, fine) = (Receiver::at(0, &busy), Receiver::at(0, &answer("204 X", "", "")));
    let dead = dead_port();
    let channels = format!(
        "[[notify]]\nvia = \"slack\"\nurl = \"http://127.0.0.1:{}/services/s3cret-hook\"\n\
         [[notify]]\nvia = \"discord\"\nurl = \"http://127.0.0.1:{dead}/api/webhooks/1/s3cret-hook\"\n\
         [[notify]]\nvia = \"webhook\"\nurl = \"http://127.0.0.1:{}/s3cret-hook\"\n",
        slack.port, fine.port
    );
    let host = Host::with(&fast(&[WEB, &channels]));

    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.ends_with("\n1 notification sent\n"), "{ran:?}");
    for said in ["slack did not accept a notification: HTTP 429", "discord did not accept"] {
        assert!(ran.stderr.contains(said), "{said}: {ran:?}");
    }
    assert!(!ran.stderr.contains("s3cret"), "{ran:?}");
    assert_eq!((slack.heard().len(), fine.heard().len()), (1, 1));
    let told = &fine.heard()[0];
    assert_eq!(
        (&told["state"], &told["stories"][0]["service"]),
        (&"resolved".into(), &"web".into())
    );

    slack.says(&answer("200 OK", "", "ok"));
    host.run(&["heal"]).ends(0);
    assert_eq!(slack.heard().len(), 1, "it asked to be left alone");
    // The one that works is told of the one that is dead, and not of the one that is busy.
    assert_eq!((fine.heard().len(), waiting(&host)), (2, 2));
    let told = &fine.heard()[1]["stories"][0];
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.starts_with("discord takes no letters: "), "{told}");
    assert!(!reason.contains("s3cret"), "{told}");

    let discord = Receiver::at(dead, &answer("204 No Content", "", ""));
    age_outbox(&host, SignedDuration::from_mins(11));
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.ends_with("\n2 notifications sent\n"), "{ran:?}");
    host.run(&["heal"]).ends(0);
    assert_eq!([slack.heard().len(), discord.heard().len(), fine.heard().len()], [2, 1, 2]);
    for body in [&slack.heard()[1], &discord.heard()[0]] {
        assert!(body.to_string().contains("LATE: this was written"), "{body}");
    }
    assert_eq!(waiting(&host), 0);
    let state = host.snapshot("state");
    let shown = state.iter().filter(|(path, _, bytes)| {
        // The last good config is kept as it is, readable by its owner alone.
        !path.to_string_lossy().contains("good")
            && bytes.windows(6).any(|window| window == b"s3cret")
    });
    assert_eq!(shown.map(|(path, ..)| path).collect::<Vec<_>>(), Vec::<&std::path::PathBuf>::new());
}

#[test]
fn an_alert_is_renewed_while_its_outage_lasts_and_ended_by_the_recovery() {
    let server = Receiver::at(0, &answer("200 OK", "", ""));
    let channels =
        format!("[[notify]]\nvia = \"alertmanager\"\nurl = \"http://127.0.0.1:{}\"\n", server.port);
    let web = WEB.replace("\"touch\", \"$DIR/up\"", "\"true\"");
    let more = "max_heals = \"1 per 10m\"\nretry_after = \"1h\"\n";
    let host = Host::with(&fast(&[&web, more, &channels]));
    for _ in 0..4 {
        host.run(&["heal"]).ends(2);
        host.age(std::time::Duration::from_secs(300));
    }
    let fired = server.heard();
    assert!(fired.len() >= 2, "it was not renewed: {fired:?}");
    let ends =
        |alert: &Value| -> Timestamp { alert[0]["endsAt"].as_str().unwrap().parse().unwrap() };
    for pair in fired.windows(2) {
        assert_eq!(pair[0][0]["labels"], pair[1][0]["labels"]);
        assert_eq!(pair[0][0]["annotations"], pair[1][0]["annotations"]);
        assert!(ends(&pair[0]) < ends(&pair[1]), "{pair:?}");
    }
    host.write("up", "");
    host.run(&["heal"]).ends(0);
    host.run(&["heal"]).ends(0);
    let all = server.heard();
    assert_eq!(all.len(), fired.len() + 1, "{all:?}");
    let last = all.last().unwrap();
    assert_eq!(last[0]["labels"], fired[0][0]["labels"]);
    assert!(ends(last) < ends(&fired[fired.len() - 1]), "{last}");
}
