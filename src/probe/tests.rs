//! Reading probes, and helpers for the tests of every kind.

use super::*;
use crate::model::node::{Entry, Node, Value};
use crate::model::place::{Place, Problems};
use crate::model::verdict::Look;
use std::sync::Arc;

/// A probe from its short form, the simple way: the real parser is the config's.
fn read(text: &str) -> (Option<Probe>, Problems) {
    let (kind, rest) = text.split_once(':').unwrap();
    let (sign, options_of) = if kind.starts_with("http") { ('#', text) } else { ('?', rest) };
    let split = if matches!(kind, "exec" | "plugin") { None } else { options_of.split_once(sign) };
    let (target, options) = split.unwrap_or((options_of, ""));
    let place = Place { file: "test".into(), line: 1, col: 1 };
    let entries = options.split('&').filter(|option| !option.is_empty()).map(|option| {
        let (key, value) = option.split_once('=').unwrap();
        let node = Node { value: Value::Word(value.into()), place: place.clone() };
        Entry { key: key.into(), place: place.clone(), node }
    });
    let mut problems = Problems::default();
    let fields = Fields::new("probe", place.clone(), entries.collect(), &mut problems);
    (Probe::read(kind, target, fields), problems)
}

pub(super) fn probe(text: &str) -> Probe {
    let (probe, problems) = read(text);
    assert!(problems.is_empty(), "{problems}");
    probe.unwrap()
}

/// The problems that `text` has; at least one.
pub(super) fn problem(text: &str) -> String {
    let (_, problems) = read(text);
    assert!(!problems.is_empty(), "`{text}` has no problem");
    problems.to_string()
}

pub(super) fn look_within(text: &str, seen: Seen, limit: Duration) -> Look {
    look_with(text, seen, limit, Before::Nowhere, Aim::Know { fail_after: 1 })
}

/// A look that finds this of the one before.
pub(super) fn look_after(text: &str, before: Before) -> Look {
    look_for(text, before, Aim::Know { fail_after: 1 })
}

/// The same, to this end.
pub(super) fn look_for(text: &str, before: Before, aim: Aim) -> Look {
    look_with(text, Seen::default(), Duration::from_secs(20), before, aim)
}

fn look_with(text: &str, seen: Seen, limit: Duration, before: Before, aim: Aim) -> Look {
    let ask = Ask {
        probe: Arc::new(probe(text)),
        timeout: limit,
        tries: 1,
        gap: Duration::ZERO,
        start_grace: Duration::from_secs(90),
        before,
        aim,
    };
    let bounds = Bounds { jobs: 4, deadline: Deadline::after(Duration::from_secs(60)) };
    look_all(vec![ask], &Arc::new(seen), &bounds, &mut |_| {}).remove(0)
}

pub(super) fn look_seeing(text: &str, seen: Seen) -> Look {
    look_within(text, seen, Duration::from_secs(20))
}

pub(super) fn look(text: &str) -> Look {
    look_seeing(text, Seen::default())
}

#[test]
fn every_kind_can_be_named_and_an_unknown_one_gets_the_nearest() {
    for kind in Probe::KINDS {
        let (_, problems) = read(&format!("{kind}:"));
        assert!(!problems.to_string().contains("no kind of probe"), "{kind}: {problems}");
    }
    let found = problem("sytemd:nginx?nonsense=1");
    assert_eq!(
        found,
        "test:1:1: there is no kind of probe `sytemd`\n  hint: did you mean `systemd`?"
    );
    assert!(problem("quantum:x").contains("there is http, https, tcp"));
}

#[test]
fn the_short_form_comes_back_without_secrets_and_without_how_to_ask() {
    for (text, want) in [
        ("disk:/var?free=10%&timeout=5s", "disk:/var?free=10%"),
        ("port:8080?tries=3&gap=0s", "port:8080"),
        ("http://u:p@h:1/x?api_key=1&b=2#status=2xx", "http://h:1/x?api_key=***&b=2#status=2xx"),
        ("process:nginx?user=www-data&count=1:", "process:nginx?user=www-data&count=1:"),
        ("load:?per_core=2", "load:?per_core=2"),
    ] {
        assert_eq!(probe(text).text, want);
    }
    let asked = probe("port:1?tries=3&gap=0s&timeout=2s");
    assert_eq!(
        (asked.timeout, asked.tries, asked.gap),
        (Some(Duration::from_secs(2)), Some(3), Some(Duration::ZERO))
    );
}

#[test]
fn a_key_of_another_kind_is_refused_with_the_nearest() {
    assert!(problem("tcp:h:1?undr=2s").contains("did you mean `under`?"));
}

#[test]
fn implied_probes_read_as_if_written() {
    assert_eq!(Probe::implied_port(80).text, probe("port:80").text);
    let name = UnitName { manager: ManagerKind::Supervisord, unit: "web".into() };
    let implied = Probe::implied_unit(&name);
    assert_eq!((implied.text.as_str(), implied.unit()), ("supervisord:web", Some(&name)));
}

#[test]
fn the_host_and_the_port_that_are_asked_are_known() {
    for (text, host, port) in [
        ("http://u:p@h.example:81/x?y#status=200", Some("h.example"), Some(81)),
        ("http://h.example?y", Some("h.example"), Some(80)),
        ("https://[2001:db8::1]:8443", Some("2001:db8::1"), Some(8443)),
        ("https://[::1]/a:1", Some("::1"), Some(443)),
        ("tcp:[::1]:80", Some("::1"), Some(80)),
        ("tcp:h.example:23?closed=true", None, None),
        ("tls:h.example:465", Some("h.example"), Some(465)),
        ("port:22", None, Some(22)),
        ("disk:/", None, None),
    ] {
        let probe = probe(text);
        assert_eq!((probe.host().as_deref(), probe.port()), (host, port), "{text}");
    }
}
