//! Prometheus' own Pushgateway: what `ping` brings there is read back as Prometheus would scrape it, and what it does
//! not take is no success.

use serde_json::{Value, json};

use crate::support::curl::ask;
use crate::support::place::Place;
use crate::support::prometheus::{LOGIN, Pushgateway};
use crate::support::real;
use crate::support::supervisor::Who;

/// Names that have to be escaped on their way.
const ODD: &str = r#"we"b\ ü"#;

/// Two services that are up while their files are there, and these heartbeats.
fn place(heartbeats: &str) -> Place {
    let place = Place::new(Who::Same);
    let dir = place.folder().display().to_string();
    place.config(&format!(
        "name = \"Box\"\n[defaults]\ntries = 1\nheal = \"off\"\n\
         [[service]]\nname = '{ODD}'\nchecks = [\"file:{dir}/up\"]\n\
         [[service]]\nname = \"soft\"\ncritical = false\nchecks = [\"file:{dir}/soft\"]\n{heartbeats}"
    ));
    place.write("up", "");
    place.write("soft", "");
    place
}

/// The value of the sample whose line begins so; labels are in the order of their names.
#[track_caller]
fn sample(samples: &[String], begins: &str) -> f64 {
    let line = samples.iter().find_map(|line| line.strip_prefix(begins)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("no `{begins}` among {samples:#?}"))
}

#[test]
fn what_is_pushed_is_what_prometheus_scrapes_and_a_failure_leaves_the_last_success() {
    let Some(gateway) = Pushgateway::start(None) else { return };
    let url = gateway.url();
    let place = place(&format!(
        "[[heartbeat]]\nname = \"health\"\nkind = \"pushgateway\"\nurl = \"{url}\"\n\
         labels = [\"path=/var/x\", \"instance=box1\", \"zone=a b%ü\", \"none=\"]\n\
         [[heartbeat]]\nname = \"alive\"\nkind = \"pushgateway\"\nurl = \"{url}/\"\n\
         job = \"alive/s\"\nlabels = [\"instance=box1\"]\nreports = \"liveness\"\n"
    ));
    let health = r#"instance="box1",job="miraclemax",none="",path="/var/x""#;
    let with = |name: &str| format!("miraclemax_{name}{{{health},zone=\"a b%ü\"}}");
    let alive = |name: &str| format!("miraclemax_{name}{{instance=\"box1\",job=\"alive/s\"}}");
    let status = |service: &str| {
        format!("miraclemax_service_status{{{health},service=\"{service}\",zone=\"a b%ü\"}}")
    };
    let odd = r#"we\"b\\ ü"#;

    assert_eq!(place.run(&["check", "-q"]).code(), 0);
    let ran = place.run(&["ping"]);
    assert_eq!(ran.code(), 0, "{ran}");
    let well = gateway.samples();
    real::saw("well", well.join("\n"));
    assert_eq!(well.len(), 2 * 6, "each number once: {well:#?}");
    assert_eq!(sample(&well, &with("up")).to_string(), "1");
    assert_eq!(sample(&well, &alive("up")).to_string(), "1");
    assert_eq!(sample(&well, &status(odd)).to_string(), "0");
    let success = sample(&well, &with("last_success_timestamp_seconds"));
    let cycle = sample(&well, &with("cycle_timestamp_seconds"));
    assert!((0.0..60.0).contains(&(success - cycle)), "{success} and {cycle}");
    assert!(sample(&well, &with("cycle_duration_seconds")) < 60.0);

    for name in ["up", "soft"] {
        std::fs::remove_file(place.folder().join(name)).expect("it was written");
    }
    assert_eq!(place.run(&["check", "-q"]).code(), 2);
    let ran = place.run(&["ping"]);
    assert_eq!(ran.code(), 0, "the failure was accepted: {ran}");
    let down = gateway.samples();
    real::saw("down", down.join("\n"));
    assert_eq!(down.len(), 2 * 6, "{down:#?}");
    assert_eq!(sample(&down, &with("up")).to_string(), "0");
    assert_eq!(sample(&down, &alive("up")).to_string(), "1", "somebody looks");
    assert_eq!(sample(&down, &status(odd)).to_string(), "2");
    assert_eq!(sample(&down, &status("soft")).to_string(), "1");
    assert_eq!(
        sample(&down, &with("last_success_timestamp_seconds")).to_string(),
        success.to_string(),
        "a failure is no success"
    );

    // Each is a group of its own, of gauges, and nothing was refused on the way.
    let groups = gateway.groups();
    assert_eq!(groups.len(), 2, "{groups:#?}");
    for group in &groups {
        assert_eq!(group["last_push_successful"], true);
        assert_eq!(group["miraclemax_up"]["type"], "GAUGE");
        assert_eq!(group["push_failure_time_seconds"]["metrics"][0]["value"], "0");
    }
    let labels = json!({
        "instance": "box1", "job": "miraclemax", "none": "", "path": "/var/x", "zone": "a b%ü",
    });
    assert!(groups.iter().any(|group| group["labels"] == labels), "{groups:#?}");
}

#[test]
fn a_job_leaves_how_it_ended_and_how_long_it_took() {
    let Some(gateway) = Pushgateway::start(None) else { return };
    let place = place(&format!(
        "[[heartbeat]]\nname = \"dump\"\nkind = \"pushgateway\"\njob = \"dump\"\n\
         labels = [\"instance=box1\"]\nurl = \"{}\"\n",
        gateway.url()
    ));
    let of = |name: &str| format!("miraclemax_{name}{{instance=\"box1\",job=\"dump\"}}");
    for (script, status, up) in [("exit 3", 3, "0"), ("exit 0", 0, "1")] {
        let ran = place.run(&["ping", "dump", "--", "sh", "-c", script]);
        assert_eq!(ran.code(), status, "{ran}");
        let samples = gateway.samples();
        assert_eq!(sample(&samples, &of("job_exit_status")).to_string(), status.to_string());
        assert!(sample(&samples, &of("job_duration_seconds")) < 60.0, "{samples:#?}");
        assert_eq!(sample(&samples, &of("up")).to_string(), up);
        let succeeded = samples.iter().any(|line| line.contains("last_success"));
        assert_eq!(succeeded, status == 0, "{samples:#?}");
    }
}

#[test]
fn what_it_does_not_take_is_no_success() {
    let Some(gateway) = Pushgateway::start(Some(LOGIN)) else { return };
    let url = gateway.url();
    let place = place("");
    let key = place.write("login", "Basic bWF4OnMzY3JldA==\n");
    let wrong = place.write("wrong", "Basic bWF4Om90aGVy\n");
    let beat = |name: &str, url: &str, header: &str, more: &str| {
        format!(
            "[[heartbeat]]\nname = \"{name}\"\nkind = \"pushgateway\"\nurl = \"{url}\"\n\
             header_file = \"Authorization: {header}\"\ntries = 1\n{more}"
        )
    };
    let (key, wrong) = (key.display().to_string(), wrong.display().to_string());
    let whole = std::fs::read_to_string(place.folder().join("config/miraclemax/config.toml"));
    place.config(
        &[
            &whole.expect("it was just written"),
            &beat("fine", &url, &key, ""),
            &beat("wrong", &url, &wrong, ""),
            &beat("elsewhere", &format!("{url}/other"), &key, ""),
            &beat("prefix", &format!("{url}/metrics/job/x/odd"), &key, ""),
        ]
        .map(String::as_str)
        .concat(),
    );
    assert_eq!(place.run(&["check", "-q"]).code(), 0);

    let says = |name: &str, code: i32, words: &str| {
        let ran = place.run(&["ping", name]);
        assert_eq!(ran.code(), code, "{name}: {ran}");
        assert!(ran.text().contains(words), "{name}: `{words}` is not in {ran}");
        assert!(!ran.text().contains("bWF4"), "{ran}");
    };
    says("fine", 0, "accepted by 127.0.0.1");
    says("wrong", 2, "not allowed (401)");
    says("elsewhere", 2, "no pushgateway is there (404)");
    // A label without a value.
    says("prefix", 2, "not taken (400)");

    // Somebody else counts what is no counter.
    let other =
        "# TYPE miraclemax_cycle_duration_seconds counter\nmiraclemax_cycle_duration_seconds 3\n";
    let fine: Vec<Value> = gateway.groups();
    assert_eq!(fine.len(), 1, "only what was accepted is there: {fine:#?}");
    let delete =
        ask(&format!("{url}/metrics/job/miraclemax/instance/{}", host(&fine[0])), &["-XDELETE"]);
    assert_eq!(delete.status, "202", "{delete:?}");
    let pushed = ask(&format!("{url}/metrics/job/stranger"), &["--data-binary", other]);
    assert_eq!(pushed.status, "200", "{pushed:?}");
    says("fine", 2, "contradict those of another group (400)");
    assert!(gateway.samples().iter().all(|line| !line.contains("service_status")));
}

/// The `instance` of a group.
fn host(group: &Value) -> String {
    group["labels"]["instance"].as_str().expect("it has one unless told otherwise").to_owned()
}
