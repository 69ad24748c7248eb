//! OTLP over HTTP, judged by the official protobuf definitions, and passed on by a real collector: names, values,
//! attributes and times arrive, and points that were rejected are no success.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::curl::ask;
use crate::support::place::Place;
use crate::support::real::{self, Keeper};
use crate::support::supervisor::Who;

const PATIENCE: Duration = Duration::from_secs(30);

/// `otlp_receiver.py`, running.
struct Receiver {
    // Ended before its folder goes.
    _keeper: Keeper,
    port: u16,
    folder: tempfile::TempDir,
}

impl Receiver {
    /// None where there is no Python with the definitions.
    fn start(more: &[&str]) -> Option<Self> {
        let python = real::python();
        if !real::or_skip("OTLP receiver (opentelemetry-proto)", python.is_some()) {
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/otlp_receiver.py");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (python, requests) = (python?, folder.path().join("requests"));
        let mut line: Vec<&OsStr> = vec![python.as_ref(), script.as_ref()];
        line.extend([OsStr::new("--folder"), requests.as_ref()]);
        line.extend(more.iter().map(OsStr::new));
        let keeper = Keeper::spawn(&line, &folder.path().join("log"), Keeper::TERM);
        let port = keeper.ready("the OTLP receiver listens", PATIENCE, || {
            let ready: Value = serde_json::from_str(keeper.log().lines().next()?).ok()?;
            u16::try_from(ready["port"].as_u64()?).ok()
        });
        Some(Self { _keeper: keeper, port, folder })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it was asked so far, in order.
    fn requests(&self) -> Vec<Value> {
        let folder = fs::read_dir(self.folder.path().join("requests")).expect("it has made it");
        let mut paths: Vec<PathBuf> = folder
            .map(|entry| entry.expect("the folder can be read").path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect();
        paths.sort();
        let read = |path: &PathBuf| fs::read(path).expect("a whole file");
        paths.iter().map(|path| serde_json::from_slice(&read(path)).expect("JSON")).collect()
    }
}

/// The collector that comes with Python's `rotel`, passing on to `to`. None where it is not installed.
fn collector(to: &Receiver) -> Option<(Keeper, u16, tempfile::TempDir)> {
    let program = real::python().and_then(|python| {
        let libraries = fs::read_dir(python.parent()?.parent()?.join("lib")).ok()?;
        let mut programs = libraries
            .map_while(Result::ok)
            .map(|library| library.path().join("site-packages/rotel/rotel-agent"));
        programs.find(|path| path.is_file())
    });
    if !real::or_skip("OpenTelemetry collector (rotel)", program.is_some()) {
        return None;
    }
    let [http, grpc] = real::free_ports();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let line = format!(
        "start --exporter otlp --otlp-exporter-protocol http \
         --otlp-exporter-endpoint {} --otlp-http-endpoint 127.0.0.1:{http} \
         --otlp-grpc-endpoint 127.0.0.1:{grpc}",
        to.url()
    );
    let program = program?;
    let line: Vec<&OsStr> =
        [program.as_os_str()].into_iter().chain(line.split_whitespace().map(OsStr::new)).collect();
    let keeper = Keeper::spawn(&line, &folder.path().join("log"), Keeper::TERM);
    keeper.ready("the collector listens", PATIENCE, || {
        std::net::TcpStream::connect(("127.0.0.1", http)).ok()
    });
    Some((keeper, http, folder))
}

/// One service that is up, one that is not, and a heartbeat to `url` that tells of both and is none of the outage's.
fn place(url: &str) -> Place {
    let place = Place::new(Who::Same);
    let up = place.write("up", "");
    place.config(&format!(
        "name = \"Box\"\n[defaults]\ntries = 1\nheal = \"off\"\n\
         [[service]]\nname = 'a \"b\" ü'\nchecks = [\"file:{}\"]\n\
         [[service]]\nname = \"soft\"\ncritical = false\nchecks = [\"file:/no/such/file\"]\n\
         [[heartbeat]]\nname = \"box\"\nkind = \"otlp\"\nurl = \"{url}\"\ntries = 1\n\
         reports = \"liveness\"\n",
        up.display()
    ));
    assert_eq!(place.run(&["check", "-q"]).code(), 1);
    place
}

/// The attributes of a point or resource, as one object.
fn attributes(of: &Value) -> Value {
    let pairs = of["attributes"].as_array().expect("attributes").iter().map(|one| {
        let key = one["key"].as_str().expect("a key").to_owned();
        (key, one["value"]["stringValue"].clone())
    });
    Value::Object(pairs.collect())
}

/// The metrics of the only scope of a message: name, unit, and each point's value and attributes. Their times are now.
#[track_caller]
fn points(message: &Value) -> Vec<(String, String, f64, Value)> {
    let all = message["resourceMetrics"].as_array().expect("metrics of resources");
    assert_eq!(all.len(), 1, "{message:#}");
    let resource = attributes(&all[0]["resource"]);
    assert_eq!(resource["service.name"], "miraclemax");
    assert_eq!(resource.as_object().map(serde_json::Map::len), Some(2), "{resource}");
    let scope = &all[0]["scopeMetrics"][0];
    assert_eq!(scope["scope"]["name"], "miraclemax");
    assert_eq!(scope["scope"]["version"], env!("CARGO_PKG_VERSION"));
    let mut found = Vec::new();
    for metric in scope["metrics"].as_array().expect("metrics") {
        let text = |key: &str| metric[key].as_str().unwrap_or_default().to_owned();
        assert!(text("description").ends_with('.'), "{metric}");
        for point in metric["gauge"]["dataPoints"].as_array().expect("a gauge has points") {
            let nanos: i64 =
                point["timeUnixNano"].as_str().and_then(|text| text.parse().ok()).expect("a time");
            let age = i64::try_from(real::now().as_nanosecond()).expect("these days") - nanos;
            assert!((0..60_000_000_000).contains(&age), "{age}");
            let value = point["asDouble"].as_f64().expect("a number");
            found.push((text("name"), text("unit"), value, attributes(point)));
        }
    }
    found
}

/// What a ping of [`place`] says, with its times checked and taken out.
#[track_caller]
fn is_the_ping(message: &Value) {
    let mut points = points(message);
    for (name, _, value, _) in &mut points {
        let now = real::now().as_second();
        match name.as_str() {
            "miraclemax.last_success_timestamp" | "miraclemax.cycle_timestamp" => {
                assert!((0.0..60.0).contains(&(f64::from(u32::try_from(now).unwrap()) - *value)));
                *value = 0.0;
            }
            "miraclemax.cycle_duration" => {
                assert!((0.0..60.0).contains(value), "{value}");
                *value = 0.0;
            }
            _ => {}
        }
    }
    let own = json!({"heartbeat": "box"});
    let of = |service: &str| json!({"heartbeat": "box", "service": service});
    let want = [
        ("up", "1", 1.0, own.clone()),
        ("last_success_timestamp", "s", 0.0, own.clone()),
        ("cycle_timestamp", "s", 0.0, own.clone()),
        ("cycle_duration", "s", 0.0, own),
        ("service_status", "1", 0.0, of("a \"b\" ü")),
        ("service_status", "1", 1.0, of("soft")),
    ];
    let want = want.map(|(name, unit, value, attributes)| {
        (format!("miraclemax.{name}"), unit.to_owned(), value, attributes)
    });
    assert_eq!(points, want);
}

#[test]
fn what_is_sent_is_what_the_official_definitions_read() {
    let Some(receiver) = Receiver::start(&[]) else { return };
    let place = place(&receiver.url());
    let ran = place.run(&["ping"]);
    assert_eq!(ran.code(), 0, "{ran}");
    assert!(ran.text().contains("success accepted by 127.0.0.1"), "{ran}");
    let requests = receiver.requests();
    real::saw("request", format_args!("{requests:#?}"));
    assert_eq!((requests.len(), &requests[0]["path"]), (1, &json!("/v1/metrics")));
    assert_eq!(requests[0]["encoding"], "application/json");
    is_the_ping(&requests[0]["message"]);

    // How a job ended is two numbers more, and a failure has no last success.
    let ran = place.run(&["ping", "box", "--", "sh", "-c", "exit 3"]);
    assert_eq!(ran.code(), 3, "{ran}");
    let last = receiver.requests().pop().expect("it was told");
    let told = points(&last["message"]);
    let value =
        |name: &str| told.iter().find(|one| one.0 == name).map(|one| (one.2, one.1.as_str()));
    assert_eq!(value("miraclemax.up"), Some((0.0, "1")));
    assert_eq!(value("miraclemax.job_exit_status"), Some((3.0, "1")));
    assert!(
        value("miraclemax.job_duration").is_some_and(|(took, unit)| took < 60.0 && unit == "s")
    );
    assert_eq!(value("miraclemax.last_success_timestamp"), None);
}

#[test]
fn the_receiver_is_as_strict_as_the_definitions() {
    let Some(receiver) = Receiver::start(&[]) else { return };
    let url = format!("{}/v1/metrics", receiver.url());
    for (body, want) in [
        (r#"{"resourceMetrics": [{"schemaUrl": "x"}]}"#, "200"),
        (r#"{"resourceMetrics": [{"schemaUrls": "x"}]}"#, "400"),
        (r#"{"resource_metrics": [{"schemaUrl": "x"}]}"#, "400"),
        (r#"{"resourceMetrics": "x"}"#, "400"),
    ] {
        let answer = ask(&url, &["--header", "Content-Type: application/json", "--data", body]);
        assert_eq!(answer.status, want, "{body}: {:?}", receiver.requests().pop());
    }
}

#[test]
fn what_was_rejected_is_no_success_and_a_remark_is_no_rejection() {
    for (options, code, words) in [
        (&["--rejected", "2", "--words", "too old"][..], 2, "2 of its points were rejected (200)"),
        (&["--words", "deprecated name"], 0, "accepted by"),
        // Nothing to say is nothing at all in that encoding.
        (&["--binary"], 0, "accepted by"),
        (&["--binary", "--rejected", "2"], 2, "answered 200, but not as"),
    ] {
        let Some(receiver) = Receiver::start(options) else { return };
        let place = place(&receiver.url());
        let ran = place.run(&["ping"]);
        assert_eq!(ran.code(), code, "{options:?}: {ran}");
        assert!(ran.text().contains(words), "{options:?}: {ran}");
        assert_eq!(receiver.requests()[0]["status"], 200, "{:#?}", receiver.requests());
    }
    let Some(receiver) = Receiver::start(&[]) else { return };
    let ran = place(&format!("{}/elsewhere", receiver.url())).run(&["ping"]);
    assert_eq!(ran.code(), 2, "{ran}");
    assert!(ran.text().contains("not found (404)"), "{ran}");
}

#[test]
fn a_collector_passes_on_what_it_was_sent() {
    let Some(receiver) = Receiver::start(&[]) else { return };
    let Some((collector, port, _folder)) = collector(&receiver) else { return };
    let ran = place(&format!("http://127.0.0.1:{port}")).run(&["ping"]);
    assert_eq!(ran.code(), 0, "{ran}");
    let request = real::try_until(PATIENCE, || receiver.requests().pop())
        .unwrap_or_else(|| panic!("nothing was passed on:\n{}", collector.log()));
    assert_eq!(request["encoding"], "application/x-protobuf");
    is_the_ping(&request["message"]);
}
