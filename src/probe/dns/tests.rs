//! What a name resolves to, from servers of the tests' own, and mistakes in the settings.

use super::*;
use crate::model::verdict::Verdict;
use crate::probe::tests::{look, probe, problem};
use crate::sys::dns::testing::Zone;

fn texts(texts: &[&str]) -> Vec<Record> {
    texts.iter().map(|text| Record { text: (*text).into(), host: None }).collect()
}

#[test]
fn this_hosts_resolver_is_asked_unless_a_server_or_a_type_is_given() {
    let seen = look("dns:localhost?under=20s");
    assert!(seen.verdict.is_up() && seen.detail.contains("127.0.0.1"), "{seen:?}");
    let labels: Vec<_> = seen.measures.iter().map(|m| m.label.as_str()).collect();
    assert_eq!(labels, ["time", "addresses"]);
    let seen = look("dns:localhost?is=127.0.0.1");
    assert_eq!(seen.verdict, Verdict::Up);
    let seen = look("dns:localhost?is=192.0.2.7");
    assert!(seen.verdict.reason().ends_with("expected 192.0.2.7"), "{seen:?}");
    let seen = look("dns:localhost?absent=true");
    assert!(seen.verdict.reason().ends_with("expected absent"), "{seen:?}");
}

#[test]
fn what_it_resolves_to_is_held_to_what_is_expected() {
    let zone = Zone::serve(&[("A", &["10.0.0.5", "10.0.0.6"]), ("MX", &["10 mail.example.org"])]);
    let server = zone.addr;
    for (keys, reason) in [
        ("type=A", ""),
        ("", ""),
        ("type=A&is=10.0.0.5", ""),
        ("type=A&is=10.0.0.6,10.0.0.5&only=true", ""),
        ("type=A&is=10.0.0.5&only=true", "also resolves to 10.0.0.6, expected no other"),
        ("is=10.0.0.5,10.0.0.7", "resolves to 10.0.0.5, 10.0.0.6, expected 10.0.0.7"),
        ("type=MX&is=mail.example.org.", ""),
        ("type=MX&is=20 mail.example.org", "resolves to 10 mail.example.org, expected 20 mail"),
        ("type=TXT", "it has no TXT record"),
        ("type=TXT&absent=true", ""),
        ("absent=true", "resolves to 10.0.0.5, 10.0.0.6, expected absent"),
        ("under=1ns", "resolved too slowly"),
    ] {
        let seen = look(&format!("dns:www.example.org?server={server}&{keys}"));
        assert_eq!(seen.verdict.is_up(), reason.is_empty(), "{keys}: {seen:?}");
        assert!(seen.verdict.reason().contains(reason), "{keys}: {seen:?}");
    }
    let seen = look(&format!("dns:www.example.org?server={server}&type=MX"));
    let count = &seen.measures[1];
    assert_eq!((count.label.as_str(), count.value), ("records", Some(1.0)));
}

#[test]
fn a_name_that_is_not_there_is_down_and_up_where_it_must_not_be() {
    let zone = Zone::serve(&[("NXDOMAIN", &[])]);
    let probe = format!("dns:no.example.org?server={}", zone.addr);
    let want = "`no.example.org`: there is no such name (NXDOMAIN)";
    assert_eq!(look(&probe).verdict, Verdict::Down(want.into()));
    assert!(look(&format!("{probe}&absent=true")).verdict.is_up());
    let zone = Zone::serve(&[("SERVFAIL", &[])]);
    let probe = format!("dns:no.example.org?server={}", zone.addr);
    let seen = look(&probe);
    assert!(seen.verdict.is_down() && seen.verdict.reason().contains("SERVFAIL"), "{seen:?}");
    let seen = look(&format!("{probe}&absent=true"));
    assert!(matches!(seen.verdict, Verdict::Unknown(_)), "{seen:?}");
}

#[test]
fn few_of_many_are_shown_and_what_is_hostile_stays_on_its_line() {
    let records = texts(&["a\u{1b}[2J", "b", "c", "d", "e", "f"]);
    let said = shown(records.iter().map(|record| record.text.as_str()));
    assert_eq!(said, "a\\u{1b}[2J, b, c, d, and 2 more");
}

#[test]
fn whom_it_needs_to_reach_is_the_server_or_whoever_knows_the_name() {
    for (text, want) in [
        ("dns:db.example.org", Some("db.example.org")),
        ("dns:db.example.org?type=MX", Some("db.example.org")),
        ("dns:db.example.org?server=10.0.0.53", Some("10.0.0.53")),
        ("dns:db.example.org?server=[::1]:5353&type=A", Some("::1")),
        ("dns:db.example.org?absent=true", None),
    ] {
        assert_eq!(probe(text).host().as_deref(), want, "{text}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (text, want) in [
        ("dns:", "`` is no name"),
        ("dns:localhost:53", "`localhost:53` is no name"),
        ("dns:münchen.example", "xn--"),
        ("dns:192.0.2.1", "`dns:192.0.2.1?type=PTR` asks for the name of it"),
        ("dns:h?only=true", "`only` goes with `is`"),
        ("dns:h?absent=true&is=10.0.0.1", "`absent` goes with"),
        ("dns:h?is=db.example.org", "`db.example.org` is no address"),
        ("dns:h?type=A&is=::1", "`::1` is no IPv4 address"),
        ("dns:h?type=AAA", "did you mean `AAAA`?"),
        ("dns:h?server=a b", "`a b` is no host"),
    ] {
        let found = problem(text);
        assert!(found.contains(want), "{text}: {found}");
    }
    assert_eq!(probe("dns:192.0.2.1?type=PTR").host().unwrap(), "1.2.0.192.in-addr.arpa");
}
