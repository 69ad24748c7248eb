//! Alertmanager itself: outages are alerts there that its own rules act on (grouping, inhibition, silences), that are
//! renewed while an outage lasts and end with it; and the watchdog, whose end is what people are told of.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::place::Place;
use crate::support::prometheus::{Alertmanager, LOGIN};
use crate::support::real;
use crate::support::sink::{Heard, Sink};
use crate::support::supervisor::Who;

const PATIENCE: Duration = Duration::from_secs(30);

/// One group a host, told soon; an outage of the database explains that of the web server.
fn rules(sink: &Sink) -> String {
    format!(
        "route: {{receiver: hook, group_by: [host], group_wait: 500ms, group_interval: 1s}}\n\
         inhibit_rules:\n\
         - source_matchers: ['alertname=\"ServiceDown\"', 'service=\"db\"']\n  \
           target_matchers: ['service=\"web\"']\n  equal: [host]\n\
         receivers:\n- name: hook\n  webhook_configs: [{{url: 'http://127.0.0.1:{}/hook'}}]\n",
        sink.port()
    )
}

/// Services that are up while a file of their name is there; nothing heals them but `restart`, which does not help.
fn place(services: &[&str], more: &str) -> Place {
    let place = Place::new(Who::Same);
    let dir = place.folder().display().to_string();
    let mut config = "name = \"Box\"\nfresh_for = \"1m\"\n[defaults]\ntries = 1\n\
                      verify_for = \"1s\"\nstable_for = \"1s\"\nboot_grace = \"0s\"\n\
                      max_heals = \"1 per 10m\"\nretry_after = \"1h\"\n"
        .to_owned();
    for name in services {
        config.push_str(&format!(
            "[[service]]\nname = \"{name}\"\nchecks = [\"file:{dir}/{name}\"]\nrestart = [\"true\"]\n"
        ));
        place.write(name, "");
    }
    place.config(&format!("{config}{more}"));
    place
}

fn channel(server: &Alertmanager, more: &str) -> String {
    format!("[[notify]]\nvia = \"alertmanager\"\nurl = \"{}\"\n{more}", server.url())
}

fn goes_down(place: &Place, services: &[&str]) {
    for name in services {
        std::fs::remove_file(place.folder().join(name)).expect("it was written");
    }
}

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no time: {value}"))
}

fn services(alerts: &[Value]) -> Vec<&str> {
    alerts.iter().filter_map(|alert| alert["labels"]["service"].as_str()).collect()
}

/// What a notification tells: the state of the group, and its alerts by service and state.
fn told(heard: &Heard) -> (String, Vec<(String, String)>) {
    assert_eq!(heard.asked, "POST /hook");
    let json = heard.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let alerts = json["alerts"].as_array().expect("it tells of alerts").iter();
    let mut alerts: Vec<_> =
        alerts.map(|one| (text(&one["labels"]["service"]), text(&one["status"]))).collect();
    alerts.sort();
    (text(&json["status"]), alerts)
}

#[test]
fn outages_are_grouped_inhibited_silenced_renewed_and_over() {
    let sink = Sink::start();
    let Some(server) = Alertmanager::start(&rules(&sink), None) else { return };
    let all = ["db", "mail", "web"];
    let place = place(&all, &channel(&server, "labels = { team = \"ops ü\" }\n"));
    assert_eq!(place.run(&["check", "--notify", "-q"]).code(), 0);
    assert!(server.alerts().is_empty(), "{:#?}", server.alerts());

    goes_down(&place, &all);
    let before = real::now();
    assert_eq!(place.run(&["check", "--notify", "-q"]).code(), 2);
    let fired = server.alerts();
    assert_eq!(services(&fired), all);
    for (alert, name) in fired.iter().zip(all) {
        let host = alert["labels"]["host"].as_str().expect("it names its host");
        let labels = json!({
            "alertname": "ServiceDown", "service": name, "host": host, "severity": "critical",
            "team": "ops ü",
        });
        assert_eq!(alert["labels"], labels);
        let summary = alert["annotations"]["summary"].as_str().expect("a text");
        assert!(summary.starts_with(&format!("{name} on {host}: `")), "{summary}");
        assert!(summary.ends_with("is missing"), "{summary}");
        let incident = alert["annotations"]["incident"].as_str().expect("a text");
        assert!(incident.starts_with(&format!("{name}-")), "{incident}");
        let lasts = time(&alert["endsAt"]).duration_since(before);
        let twice = SignedDuration::from_mins(2);
        assert!(lasts >= twice && lasts < twice + SignedDuration::from_mins(1), "{lasts}");
    }

    // The web server's outage is explained by the database's: one notification tells of the other two.
    let db = fired[0]["fingerprint"].clone();
    let alerts = server.wait_until("it inhibits", |alerts| {
        alerts.iter().any(|alert| alert["status"]["state"] == "suppressed")
    });
    assert_eq!(alerts[2]["status"]["inhibitedBy"], json!([db]), "{alerts:#?}");
    let firing = |name: &str| (name.to_owned(), "firing".to_owned());
    let heard = sink.wait_for(1, PATIENCE);
    let want = ("firing".to_owned(), vec![firing("db"), firing("mail")]);
    assert_eq!((heard.len(), told(&heard[0])), (1, want));

    // Somebody takes care of the mail server. What goes on is renewed, and nobody is told again.
    server.silence("service", "mail");
    assert_eq!(place.run(&["check", "--notify", "-q"]).code(), 2);
    let renewed = server.wait_until("it is silenced", |alerts| {
        alerts.iter().any(|alert| alert["status"]["silencedBy"] != json!([]))
    });
    assert_eq!(services(&renewed), all);
    for (old, new) in fired.iter().zip(&renewed) {
        for key in ["fingerprint", "labels", "annotations", "startsAt"] {
            assert_eq!(old[key], new[key], "{key}");
        }
        assert!(time(&old["endsAt"]) < time(&new["endsAt"]), "{old} {new}");
    }

    for name in all {
        place.write(name, "");
    }
    assert_eq!(place.run(&["check", "--notify", "-q"]).code(), 0);
    assert!(server.alerts().is_empty(), "{:#?}", server.alerts());
    let heard = sink.wait_for(2, PATIENCE);
    let (status, ended) = told(&heard[1]);
    assert_eq!((heard.len(), status.as_str()), (2, "resolved"), "{heard:#?}");
    assert!(ended.contains(&("db".to_owned(), "resolved".to_owned())), "{ended:?}");
    let alerts = heard[1].json()["alerts"].clone();
    for alert in alerts.as_array().expect("it tells of alerts") {
        assert!(time(&alert["startsAt"]) < time(&alert["endsAt"]), "{alert}");
    }
    // What is over stays over.
    assert_eq!(place.run(&["check", "--notify", "-q"]).code(), 0);
    assert!(server.alerts().is_empty(), "{:#?}", server.alerts());
}

#[test]
fn what_only_wants_to_hear_of_failures_hears_of_no_other_and_is_not_left_with_one_that_is_over() {
    let sink = Sink::start();
    let Some(server) = Alertmanager::start(&rules(&sink), None) else { return };
    // Somebody else is told of all, which must not make an alert of it here.
    let other =
        format!("[[notify]]\nvia = \"webhook\"\nurl = \"http://127.0.0.1:{}/all\"\n", sink.port());
    let mine = channel(&server, "on = [\"failed\"]\n");
    let place = place(&["web"], &format!("{other}{mine}"));
    assert_eq!(place.run(&["heal", "-q"]).code(), 0);
    goes_down(&place, &["web"]);
    for _ in 0..2 {
        assert_eq!(place.run(&["check", "--notify", "-q"]).code(), 2);
        assert!(server.alerts().is_empty(), "it was not given up: {:#?}", server.alerts());
    }
    assert!(sink.heard().iter().any(|heard| heard.asked == "POST /all"), "{:#?}", sink.heard());

    for _ in 0..3 {
        assert_eq!(place.run(&["heal", "-q"]).code(), 2);
    }
    assert_eq!(services(&server.alerts()), ["web"], "it was given up");
    place.write("web", "");
    assert_eq!(place.run(&["heal", "-q"]).code(), 0);
    assert!(server.alerts().is_empty(), "it is over: {:#?}", server.alerts());
    assert_eq!(place.run(&["heal", "-q"]).code(), 0);
    assert!(server.alerts().is_empty(), "{:#?}", server.alerts());
}

#[test]
fn what_it_does_not_take_waits_until_it_does() {
    let sink = Sink::start();
    let Some(server) = Alertmanager::start(&rules(&sink), Some(LOGIN)) else { return };
    let login = "user = \"max\"\npassword_file = \"PASSWORD\"\n";
    let place = place(&["web"], "");
    let password = place.write("password", "other\n");
    let config = place.folder().join("config/miraclemax/config.toml");
    let whole = std::fs::read_to_string(config).expect("it was just written");
    let login = login.replace("PASSWORD", &password.display().to_string());
    place.config(&format!("{whole}{}", channel(&server, &login)));
    goes_down(&place, &["web"]);
    let ran = place.run(&["check", "--notify"]);
    assert!(ran.text().contains("did not accept") && ran.text().contains("401"), "{ran}");
    assert!(server.alerts().is_empty());

    place.write("password", "s3cret\n");
    let ran = place.run(&["check", "--notify"]);
    assert_eq!(ran.code(), 2, "{ran}");
    assert!(!ran.text().contains("did not accept"), "{ran}");
    assert_eq!(services(&server.alerts()), ["web"]);
}

#[test]
fn the_watchdog_fires_while_it_is_pinged_and_its_end_is_told() {
    let sink = Sink::start();
    let Some(server) = Alertmanager::start(
        &rules(&sink).replace("group_by: [host]", "group_by: [alertname]"),
        None,
    ) else {
        return;
    };
    let place = place(
        &["web"],
        &format!(
            "[[heartbeat]]\nname = \"dog\"\nkind = \"alertmanager\"\nurl = \"{}\"\n\
             labels = [\"team=ops\", \"instance=box1\"]\nperiod = \"2s\"\ngrace = \"3s\"\n",
            server.url()
        ),
    );
    let alert = |name: &str, severity: &str| json!({"alertname": name, "instance": "box1", "severity": severity, "team": "ops"});
    let watchdog = alert("MiracleMaxWatchdog", "none");
    let unwell = alert("MiracleMaxUnwell", "critical");
    let lists =
        |alerts: &[Value], labels: &Value| alerts.iter().any(|one| one["labels"] == *labels);

    assert_eq!(place.run(&["check", "-q"]).code(), 0);
    let before = real::now();
    assert_eq!(place.run(&["ping", "-q"]).code(), 0);
    let alerts = server.alerts();
    assert_eq!((alerts.len(), &alerts[0]["labels"]), (1, &watchdog));
    let text = |key: &str| alerts[0]["annotations"][key].as_str().unwrap_or_default().to_owned();
    assert!(text("summary").starts_with("ALL_OK services:1 "), "{alerts:#?}");
    assert!(text("description").contains("checked: 1 service, 0 not well"), "{alerts:#?}");
    let lasts = time(&alerts[0]["endsAt"]).duration_since(before);
    assert!((5..20).contains(&lasts.as_secs()), "period and grace: {lasts}");

    // What is unwell is another alert, which the next success ends.
    goes_down(&place, &["web"]);
    assert_eq!(place.run(&["check", "-q"]).code(), 2);
    assert_eq!(place.run(&["ping", "-q"]).code(), 0, "the failure was accepted");
    assert!(lists(&server.alerts(), &unwell), "{:#?}", server.alerts());
    place.write("web", "");
    assert_eq!(place.run(&["check", "-q"]).code(), 0);
    assert_eq!(place.run(&["ping", "-q"]).code(), 0);
    let alerts = server.alerts();
    assert!(lists(&alerts, &watchdog) && !lists(&alerts, &unwell), "{alerts:#?}");

    // Nobody pings any more: it ends by itself, and that is told.
    server.wait_until("the watchdog has ended", <[Value]>::is_empty);
    real::wait_until("its end is told", PATIENCE, || {
        let heard = sink.heard();
        let ended = heard.iter().map(Heard::json).find(|json| {
            json["status"] == "resolved" && json["groupLabels"]["alertname"] == "MiracleMaxWatchdog"
        })?;
        let alert = &ended["alerts"][0];
        assert!(time(&alert["startsAt"]) < time(&alert["endsAt"]), "{alert}");
        Some(())
    });
}
