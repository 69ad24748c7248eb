//! `check --self --send-test`: every channel and heartbeat is tried once, whatever becomes of the others, and nothing of
//! it is sent later.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::channels::{answer, dead_port};
use super::every_channel::{SERVICES, Service, config, fine};
use super::hearing::waiting;
use super::{WEB, fast};
use crate::support::host::Host;
use crate::support::pings::Pings;

const UUID: &str = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278";

fn args(format: &'static str) -> [&'static str; 7] {
    ["check", "--self", "--send-test", "--deadline", "5s", "-o", format]
}

#[test]
fn each_is_tried_once_and_what_fails_is_not_sent_later() {
    let (mut services, mut ports) = (BTreeMap::new(), BTreeMap::new());
    for (kind, _, status, body) in SERVICES {
        let says = match kind {
            "ntfy" => {
                ports.insert(kind, dead_port());
                continue;
            }
            "slack" => {
                Some(answer("429 Too Many Requests", "Retry-After: 600\r\n", "rate_limited"))
            }
            "discord" => None,
            _ => Some(fine(status, body)),
        };
        let service = Service::at(0, says);
        ports.insert(kind, service.port);
        services.insert(kind, service);
    }
    let pings = Pings::start();
    let heartbeats = format!(
        "[[heartbeat]]\nname = 'main'\nurl = '{}'\n\
         [[heartbeat]]\nname = 'snitch'\nkind = 'deadmanssnitch'\nurl = '{}/s3cret'\n",
        pings.check(UUID),
        pings.base(),
    );
    // Whatever they are asked to tell.
    let channels =
        config(&ports).replace("[[notify]]\n", "[[notify]]\non = ['hold']\ntext = 'call Max'\n");
    let channels = channels.replace("via = \"alertmanager\"", "via = \"webhook\"");
    let host = Host::with(&fast(&[WEB, &channels, &heartbeats]));
    host.fake("sendmail", "cat > $DIR/mail");
    host.fake("hear", "cat >> $DIR/heard");
    host.write("up", "");
    host.run(&["check"]).ends(0);

    let began = Instant::now();
    let ran = host.run(&args("text")).ends(2);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(!format!("{ran:?}").contains("s3cret"), "{ran:?}");
    let words = |word: &str| ran.stdout.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!(
        [words("accepted"), words("NOT ACCEPTED"), words("not tested")],
        [8, 3, 1],
        "{ran:?}"
    );
    for want in ["HTTP 429 Too Many Requests: rate_limited", "connection refused"] {
        assert!(ran.stdout.contains(want), "{want}: {ran:?}");
    }
    for (kind, service) in &services {
        let heard = service.heard.lock().unwrap();
        let want = match *kind {
            "discord" => 0,
            "pagerduty" => 2,
            _ => 1,
        };
        assert_eq!(heard.len(), want, "{kind}: {heard:?}");
        if let Some((_, body)) = heard.first() {
            assert!(body.contains("TEST") || body.contains("\"class\":\"test\""), "{kind}: {body}");
            assert!(!body.contains("call Max"), "{kind}: {body}");
        }
    }
    assert!(host.read("mail").contains("THIS IS A TEST") || host.read("mail").contains("base64"));
    assert!(host.read("heard").contains("\"change\":\"test\""), "{}", host.read("heard"));
    let requests = pings.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].path, format!("/ping/{UUID}/log"));

    let events = host.read("state/events.jsonl");
    assert_eq!(events.matches("test by ").count(), 11, "{events}");
    assert_eq!(waiting(&host), 0);
    host.run(&["heal"]).ends(0);
    assert_eq!(services["slack"].heard.lock().unwrap().len(), 1, "it was sent later");
}

#[test]
fn when_all_accept_it_ends_with_0_and_asked_to_be_quiet_it_is() {
    let (mut services, mut ports) = (BTreeMap::new(), BTreeMap::new());
    for (kind, _, status, body) in SERVICES {
        let service = Service::at(0, Some(fine(status, body)));
        ports.insert(kind, service.port);
        services.insert(kind, service);
    }
    let host = Host::with(&fast(&[WEB, &config(&ports)]));
    host.fake("sendmail", "cat > /dev/null");
    host.fake("hear", "cat > /dev/null");
    let json = host.run(&args("json")).ends(0).json();
    assert_eq!(json["accepted"], true, "{json}");
    let channels = json["channels"].as_array().expect("a list");
    assert_eq!(channels.iter().filter(|channel| channel["accepted"] == true).count(), 10, "{json}");
    assert!(!host.path("state").exists(), "a test needs no state");
    let mut quiet = args("text").to_vec();
    quiet.push("-q");
    let ran = host.run(&quiet).ends(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    let ran = host.run(&args("nagios")).ends(0);
    assert!(ran.stdout.starts_with("MIRACLEMAX OK - all 10 tests accepted"), "{ran:?}");
}
