//! The kinds that keep numbers or statuses, against receivers as strict as their documentation.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

use serde_json::{Value, json};

use super::tests::{SECRET, read, reply};
use super::wire::{exchange, ping};
use super::*;

const LIMIT: Duration = Duration::from_secs(20);

fn facts() -> Facts {
    let finished = jiff::Timestamp::from_second(1_767_225_600).unwrap();
    Facts {
        host: "h1".into(),
        services: vec![("web".into(), Health::Critical), ("a \"b\"".into(), Health::Ok)],
        cycle: Some((finished, Duration::from_millis(2500))),
    }
}

fn json_of(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

/// Seconds since 1970 that are these days, by this clock.
fn is_now(seconds: f64) -> bool {
    let now: f64 = clock::now().wall.as_second().to_string().parse().unwrap();
    (now - seconds).abs() < 60.0
}

#[test]
fn a_pushgateway_gets_its_group_and_keeps_the_last_success_over_a_failure() {
    let facts = facts();
    let keys = [("url", "URL"), ("kind", "pushgateway"), ("labels", "path=/var"), ("job", "box")];
    let say = Ping { facts: Some(&facts), ..ping(Signal::Success, "text") };
    let (seen, pinged) = exchange(&keys, &say, &reply("200 OK", "", ""));
    assert_eq!(seen.asked, "PUT /metrics/job/box/path@base64/L3Zhcg==/instance/h1");
    assert_eq!(seen.headers[1], "content-type: text/plain; version=0.0.4; charset=utf-8");
    assert!(seen.body.ends_with('\n'));
    // Each line is a HELP, a TYPE or a sample without a timestamp; each name is declared before it is used.
    let mut samples = Vec::new();
    let mut declared = Vec::new();
    for line in seen.body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            declared.push(rest.strip_suffix(" gauge").unwrap().to_owned());
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap();
            assert!(declared.iter().any(|known| name.split('{').next() == Some(known)), "{line}");
            samples.push((name.to_owned(), value));
        }
    }
    let value = |name: &str| samples.iter().find(|(own, _)| own == name).map(|(_, value)| *value);
    assert_eq!(value("miraclemax_up"), Some(1.0));
    assert!(is_now(value("miraclemax_last_success_timestamp_seconds").unwrap()));
    assert_eq!(value("miraclemax_cycle_timestamp_seconds"), Some(1_767_225_600.0));
    assert_eq!(value("miraclemax_cycle_duration_seconds"), Some(2.5));
    assert_eq!(value("miraclemax_service_status{service=\"web\"}"), Some(2.0));
    assert_eq!(value("miraclemax_service_status{service=\"a \\\"b\\\"\"}"), Some(0.0));
    assert_eq!(pinged.answer, "accepted, without the text: pushgateway takes none");

    let say = Ping { facts: Some(&facts), ..ping(Signal::Fail, "") };
    let (seen, pinged) = exchange(&keys, &say, &reply("202 Accepted", "", ""));
    assert!(seen.asked.starts_with("POST ") && seen.body.contains("\nmiraclemax_up 0\n"));
    assert!(!seen.body.contains("last_success") && pinged.accepted, "{}", seen.body);

    let job = [("url", "URL/push/metrics/job/x/a/b/"), ("kind", "pushgateway")];
    let say = Ping { took: Some(Duration::from_secs(3)), ..ping(Signal::ExitCode(0), "") };
    let (seen, pinged) = exchange(&job, &say, &reply("400 Bad Request", "", "inconsistent"));
    assert_eq!(seen.asked, "PUT /push/metrics/job/x/a/b");
    assert!(seen.body.contains("\nmiraclemax_job_exit_status 0\n"), "{}", seen.body);
    assert!(seen.body.contains("\nmiraclemax_job_duration_seconds 3\n"), "{}", seen.body);
    assert!(!pinged.accepted && pinged.answer.contains("contradict"), "{pinged:?}");
}

#[test]
fn an_alertmanager_gets_a_watchdog_that_ends_unless_it_is_told_again() {
    let keys = [("url", "URL/am"), ("kind", "alertmanager"), ("period", "5m"), ("grace", "10m")];
    let (seen, pinged) =
        exchange(&keys, &ping(Signal::Success, "ALL_OK\nmore"), &reply("200 OK", "", ""));
    assert_eq!((seen.asked.as_str(), pinged.accepted), ("POST /am/api/v2/alerts", true));
    assert_eq!(seen.headers[1], "content-type: application/json");
    let json = json_of(&seen.body);
    let labels = |name: &str, severity: &str| json!({"alertname": name, "instance": host::name(), "severity": severity});
    assert_eq!(json[0]["labels"], labels("MiracleMaxWatchdog", "none"));
    assert_eq!(json[1]["labels"], labels("MiracleMaxUnwell", "critical"));
    assert_eq!(json[0]["annotations"], json!({"summary": "ALL_OK", "description": "ALL_OK\nmore"}));
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let lasts = |alert: &Value| time(&alert["endsAt"]).duration_since(time(&alert["startsAt"]));
    assert_eq!((lasts(&json[0]).as_secs(), lasts(&json[1]).as_secs()), (900, 0));
    assert!(is_now(time(&json[0]["startsAt"]).as_second().to_string().parse().unwrap()));

    let own = [keys[0], keys[1], ("labels", "alertname=Box")];
    let (seen, _) =
        exchange(&own, &ping(Signal::Fail, "ISSUES web:DOWN"), &reply("200 OK", "", ""));
    let json = json_of(&seen.body);
    assert_eq!(
        (json.as_array().unwrap().len(), &json[0]["labels"]["alertname"]),
        (1, &json!("BoxUnwell"))
    );
    assert_eq!(lasts(&json[0]).as_secs(), 900);
    let (_, pinged) =
        exchange(&own, &ping(Signal::Success, ""), &reply("400 Bad Request", "", "x"));
    assert!(!pinged.accepted, "{pinged:?}");
}

#[test]
fn datadog_gets_a_check_of_the_heartbeat_and_of_each_service() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, format!("{SECRET}\n")).unwrap();
    let key = key.display().to_string();
    let keys = [("url", "URL"), ("kind", "datadog"), ("key_file", &*key), ("tags", "env:prod")];
    let facts = facts();
    let say = Ping { facts: Some(&facts), ..ping(Signal::Fail, "ISSUES web:DOWN\nmore") };
    let ok = reply("202 Accepted", "Content-Type: application/json\r\n", r#"{"status":"ok"}"#);
    let (seen, pinged) = exchange(&keys, &say, &ok);
    assert_eq!((seen.asked.as_str(), pinged.accepted), ("POST /api/v1/check_run", true));
    assert!(seen.headers.contains(&format!("dd-api-key: {SECRET}")), "{:?}", seen.headers);
    assert!(seen.headers.contains(&"content-type: application/json".to_owned()));
    let mut json = json_of(&seen.body);
    for check in json.as_array_mut().unwrap() {
        let time = check.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(time.is_i64() && is_now(time.as_f64().unwrap()), "{time}");
    }
    let service = |name: &str, status| {
        let tags = ["env:prod".to_owned(), format!("service:{name}")];
        json!({"check": "miraclemax.heartbeat.service", "host_name": "h1", "status": status, "tags": tags})
    };
    let whole = json!({"check": "miraclemax.heartbeat", "host_name": "h1", "status": 2, "tags": ["env:prod"], "message": "ISSUES web:DOWN"});
    assert_eq!(json, json!([whole, service("web", 2), service("a \"b\"", 0)]));
    for (answer, want) in [
        (
            reply("403 Forbidden", "", r#"{"errors":["Forbidden"]}"#),
            "not allowed: another site's key? (403)",
        ),
        (reply("202 Accepted", "", "hello"), "answered 202, but not as a ping receiver does"),
    ] {
        let (_, pinged) = exchange(&keys, &say, &answer);
        assert!(!pinged.accepted && pinged.answer.starts_with(want), "{pinged:?}");
    }
    let (heartbeat, problems) =
        read(vec![("name", "x"), ("kind", "datadog"), ("key_env", "DD_API_KEY")]);
    assert_eq!(problems, "");
    let SecretSource::Plain(url) = heartbeat.unwrap().url else { panic!() };
    assert_eq!(url.reveal(), "https://api.datadoghq.com");
    let (_, problems) = read(vec![("name", "x"), ("kind", "datadog")]);
    assert!(problems.contains("datadog needs `key_file`, `key_env` or `key`"), "{problems}");
}

/// What a datagram says but for its time, which is these days'.
fn datagram(text: &str) -> String {
    let (before, rest) = text.split_once("|d:").unwrap();
    let (time, after) = rest.split_once('|').unwrap();
    assert!(is_now(time.parse().unwrap()), "{text}");
    format!("{before}|{after}")
}

#[test]
fn dogstatsd_gets_datagrams_and_nobody_acknowledges_them() {
    let facts = facts();
    let say = Ping { facts: Some(&facts), ..ping(Signal::Fail, "ISSUES m: web|h:x\nmore") };
    let want = [
        "_sc|miraclemax.heartbeat|2|h:h1|#a:b|m:ISSUES m: web¦h:x",
        "_sc|miraclemax.heartbeat.service|2|h:h1|#a:b,service:web",
        "_sc|miraclemax.heartbeat.service|0|h:h1|#a:b,service:a__b_",
    ];
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dsd.socket");
    let local = UnixDatagram::bind(&path).unwrap();
    let mut buffer = [0; 4096];
    for url in
        [format!("udp://{}", agent.local_addr().unwrap()), format!("unix://{}", path.display())]
    {
        let keys = vec![("name", "x"), ("kind", "dogstatsd"), ("url", &*url), ("tags", "a:b")];
        let (heartbeat, problems) = read(keys);
        assert_eq!(problems, "");
        let pinged = heartbeat.unwrap().ping(&say, Deadline::after(LIMIT));
        let answer = (pinged.accepted, pinged.answer.as_str());
        assert_eq!(answer, (true, "sent, and never acknowledged"));
        for want in want {
            let count = match url.strip_prefix("udp:") {
                Some(_) => agent.recv(&mut buffer).unwrap(),
                None => local.recv(&mut buffer).unwrap(),
            };
            assert_eq!(datagram(std::str::from_utf8(&buffer[..count]).unwrap()), want);
        }
    }
    drop(local);
    let gone = format!("unix://{}", path.display());
    let keys = vec![("name", "x"), ("kind", "dogstatsd"), ("url", &*gone), ("tries", "1")];
    let pinged = read(keys).0.unwrap().ping(&say, Deadline::after(LIMIT));
    assert!(!pinged.accepted && pinged.answer.contains("not sent: "), "{pinged:?}");
    for (url, want) in [
        ("https://h/x", "`url` does not begin with `udp://` or `unix://`"),
        ("udp://127.0.0.1", "`url` is not `udp://HOST:PORT`"),
        ("unix://dsd", "`url` names no absolute path"),
    ] {
        let (_, problems) = read(vec![("name", "x"), ("kind", "dogstatsd"), ("url", url)]);
        assert!(problems.contains(want), "{problems}");
    }
}

#[test]
fn a_collector_gets_gauges_and_rejected_points_are_no_success() {
    let facts = facts();
    let keys = [("url", "URL/otlp"), ("kind", "otlp"), ("header", "api-key: k3y")];
    let say = Ping { facts: Some(&facts), ..ping(Signal::Success, "") };
    let (seen, pinged) = exchange(&keys, &say, &reply("200 OK", "", "{}"));
    assert_eq!((seen.asked.as_str(), pinged.accepted), ("POST /otlp/v1/metrics", true));
    assert!(seen.headers.contains(&"api-key: k3y".to_owned()), "{:?}", seen.headers);
    assert!(seen.headers.contains(&"content-type: application/json".to_owned()));
    let json = json_of(&seen.body);
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let all = &json["resourceMetrics"][0];
    let resource = json!([text("service.name", "miraclemax"), text("host.name", "h1")]);
    assert_eq!(all["resource"]["attributes"], resource);
    let metrics = all["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let names: Vec<_> = metrics.iter().map(|metric| metric["name"].as_str().unwrap()).collect();
    let want =
        ["up", "last_success_timestamp", "cycle_timestamp", "cycle_duration", "service_status"];
    assert_eq!(names, want.map(|name| format!("miraclemax.{name}")));
    let status = &metrics[4]["gauge"]["dataPoints"];
    assert_eq!(status[0]["attributes"], json!([text("heartbeat", "box"), text("service", "web")]));
    assert_eq!(status[0]["asDouble"], json!(2.0));
    let nanos = status[0]["timeUnixNano"].as_str().unwrap();
    assert!(is_now(nanos.parse::<f64>().unwrap() / 1e9), "{nanos}");
    for (status, body, want) in [
        ("200 OK", "", "accepted"),
        ("200 OK", r#"{"partialSuccess":null}"#, "accepted"),
        ("200 OK", r#"{"partialSuccess":{"rejectedDataPoints":null}}"#, "accepted"),
        (
            "200 OK",
            r#"{"partialSuccess":{"rejectedDataPoints":"0","errorMessage":"x"}}"#,
            "accepted",
        ),
        (
            "200 OK",
            r#"{"partialSuccess":{"rejectedDataPoints":"2"}}"#,
            "2 of its points were rejected (200)",
        ),
        (
            "200 OK",
            r#"{"partialSuccess":{"rejectedDataPoints":3}}"#,
            "3 of its points were rejected (200)",
        ),
        ("400 Bad Request", "{}", "not taken (400)"),
        ("500 Internal Server Error", "{}", "the service is in trouble (500)"),
    ] {
        let (_, pinged) = exchange(&keys, &say, &reply(status, "", body));
        let got = (pinged.accepted, pinged.answer.as_str());
        assert_eq!(got, (want == "accepted", want), "{status} {body}");
    }
}

#[test]
fn labels_with_mistakes_are_told() {
    for (label, want) in [
        ("9x=1", "`9x` is no name of a label"),
        ("__x=1", "`__x` is no name of a label"),
        ("plain", "`labels` expects `name=value`, found `plain`"),
        ("job=1", "the label `job` is set by the key `job`"),
        ("service=1", "the label `service` is set by each service's number"),
    ] {
        let keys =
            [("name", "x"), ("url", "http://h:9"), ("kind", "pushgateway"), ("labels", label)];
        let (_, problems) = read(keys.to_vec());
        assert!(problems.contains(want), "{problems}");
    }
}
