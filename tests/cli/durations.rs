//! How long a wrapped job ran is told to every service that has a place for it. The far ends only take what they are sent;
//! what a service makes of it is tested with the service.

use serde_json::Value;

use super::{WEB, fast};
use crate::support::host::Host;
use crate::support::sink::{Heard, Sink};

/// What the job takes at least and at most, in seconds.
const TOOK: std::ops::Range<f64> = 0.2..20.0;

fn number(text: &str, before: &str) -> f64 {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no `{before}` in {text}"));
    let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().unwrap_or_else(|err| panic!("{err}: {text}"))
}

fn of_otlp(heard: &Heard) -> f64 {
    let metrics = heard.json()["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].clone();
    let metrics = metrics.as_array().expect("there are some").clone();
    let ours = |metric: &&Value| metric["name"].as_str().is_some_and(|it| it.contains("job"));
    let mut ours = metrics.iter().filter(ours);
    let found = ours.find(|metric| metric["unit"] == "s").unwrap_or_else(|| panic!("{metrics:?}"));
    found["gauge"]["dataPoints"][0]["asDouble"].as_f64().expect("it is a number")
}

#[test]
fn the_end_of_a_job_says_how_long_it_ran_wherever_there_is_a_place_for_it() {
    // A kind, its keys, and what is read of the last request that it sent.
    type Read = fn(&Heard) -> f64;
    let kinds: [(&str, &str, Read); 5] = [
        ("cronitor", "", |heard| number(&heard.asked, "metric=duration%3A")),
        ("uptimekuma", "tries = 1\n", |heard| number(&heard.asked, "ping=") / 1000.0),
        ("pushgateway", "", |heard| number(&heard.body, "\nmiraclemax_job_duration_seconds ")),
        ("otlp", "", of_otlp),
        ("url", "ok = \"{url}?s={seconds}&ms={millis}\"\n", |heard| {
            let (seconds, millis) = (number(&heard.asked, "?s="), number(&heard.asked, "&ms="));
            assert!((seconds * 1000.0 - millis).abs() <= 1.0, "{heard:?}");
            seconds
        }),
    ];
    for (kind, keys, read) in kinds {
        let sink = Sink::start();
        let host = Host::with(&fast(&[
            WEB,
            &format!(
                "[[heartbeat]]\nname = \"job\"\nkind = \"{kind}\"\n\
                 url = \"http://127.0.0.1:{}/token\"\n{keys}",
                sink.port()
            ),
        ]));
        host.run(&["ping", "job", "--", "sleep", "0.2"]).ends(0);
        let heard = sink.heard();
        let took = read(heard.last().unwrap_or_else(|| panic!("{kind}: nothing was sent")));
        assert!(TOOK.contains(&took), "{kind}: {took}: {heard:?}");
    }
}
