//! Answers that are good, that are others', and that are none.

use super::*;
use proptest::prelude::*;
use simple_dns::ResourceRecord;
use simple_dns::rdata::{A, CNAME, MX};

const QUESTION: Question<'static> = Question { id: 7, name: "www.Example.org", kind: Type::A };

fn answer(question: &Question<'_>, change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
    let asked = question.packet().unwrap();
    let mut packet = Packet::parse(&asked).unwrap().into_reply();
    change(&mut packet);
    packet.build_bytes_vec().unwrap()
}

fn of(name: &'static str, data: RData<'static>) -> ResourceRecord<'static> {
    ResourceRecord::new(Name::new_unchecked(name), CLASS::IN, 60, data)
}

fn a(last: u8) -> RData<'static> {
    RData::A(A::from(Ipv4Addr::new(192, 0, 2, last)))
}

fn alias(name: &'static str) -> RData<'static> {
    RData::CNAME(CNAME(Name::new_unchecked(name)))
}

#[test]
fn aliases_are_followed_and_others_records_are_not_believed() {
    let bytes = answer(&QUESTION, |packet| {
        packet.answers = vec![
            of("www.example.org", alias("Web.example.org")),
            of("web.example.org", a(1)),
            of("web.example.org", a(1)),
            of("evil.example.org", a(2)),
        ];
    });
    let want = Reply::Records(vec![Record::plain("192.0.2.1")]);
    assert_eq!(QUESTION.read(&bytes), Some(want));
    let bytes = answer(&QUESTION, |packet| {
        packet.answers = vec![
            of("www.example.org", alias("x.example.org")),
            of("x.example.org", alias("www.example.org")),
        ];
    });
    assert!(matches!(QUESTION.read(&bytes), Some(Reply::NoRecord(_))), "a loop ends");
    let bytes = answer(&QUESTION, |packet| {
        packet.answers = vec![of("www.example.org", alias("Web.example.org"))];
    });
    let want = Reply::NoRecord(Some("web.example.org".into()));
    assert_eq!(QUESTION.read(&bytes), Some(want));
    assert_eq!(QUESTION.read(&answer(&QUESTION, |_| {})), Some(Reply::NoRecord(None)));
}

#[test]
fn only_an_answer_to_this_question_is_one() {
    assert_eq!(QUESTION.read(&QUESTION.packet().unwrap()), None, "it is the question");
    for other in [
        Question { id: 8, ..QUESTION },
        Question { kind: Type::Aaaa, ..QUESTION },
        Question { name: "example.org", ..QUESTION },
    ] {
        assert_eq!(QUESTION.read(&answer(&other, |_| {})), None);
    }
    let none = answer(&QUESTION, |packet| packet.questions.clear());
    assert_eq!(QUESTION.read(&none), None);
    let other_case = Question { name: "WWW.example.ORG", ..QUESTION };
    assert!(QUESTION.read(&answer(&other_case, |_| {})).is_some());
}

#[test]
fn what_a_server_refuses_is_said_in_words() {
    for (code, want) in [
        (RCODE::NameError, Reply::NoName),
        (RCODE::ServerFailure, Reply::Unable("cannot find it out (SERVFAIL)")),
        (RCODE::Refused, Reply::Unable("refuses to answer (REFUSED)")),
        (RCODE::YXDOMAIN, Reply::Unable("answers with an error")),
    ] {
        let bytes = answer(&QUESTION, |packet| *packet.rcode_mut() = code);
        assert_eq!(QUESTION.read(&bytes), Some(want));
    }
}

#[test]
fn records_are_compared_as_a_whole_or_by_the_host_that_they_name() {
    let question = Question { kind: Type::Mx, ..QUESTION };
    let bytes = answer(&question, |packet| {
        let exchange = Name::new_unchecked("Mail.Example.org");
        packet.answers = vec![of("www.example.org", RData::MX(MX { preference: 10, exchange }))];
    });
    let Some(Reply::Records(found)) = question.read(&bytes) else { panic!() };
    for (text, is) in [
        ("10 mail.example.org", true),
        ("10 MAIL.example.org.", true),
        ("mail.example.org", true),
        ("20 mail.example.org", false),
        ("example.org", false),
    ] {
        assert_eq!(found[0].is(&Type::Mx.wanted(text).unwrap()), is, "{text}");
    }
    assert_eq!(Type::Aaaa.wanted("2001:DB8:0::1"), Ok("2001:db8::1".into()));
    assert!(Type::A.wanted("::1").is_err() && Type::Ns.wanted(".").is_err());
}

#[test]
fn the_parts_of_a_text_are_one() {
    let question = Question { kind: Type::Txt, ..QUESTION };
    let bytes = answer(&question, |packet| {
        let text = TXT::new().with_string("v=spf1 ").unwrap().with_string("-all").unwrap();
        packet.answers = vec![of("www.example.org", RData::TXT(text))];
    });
    let want = Reply::Records(vec![Record::plain("v=spf1 -all")]);
    assert_eq!(question.read(&bytes), Some(want));
}

#[test]
fn names_are_of_labels_and_addresses_have_one() {
    for (name, good) in [
        ("example.org", true),
        ("example.org.", true),
        ("_sip._tcp.example.org", true),
        ("localhost", true),
        ("", false),
        (".", false),
        ("a..b", false),
        ("a b", false),
        ("localhost:53", false),
        ("münchen.example", false),
    ] {
        assert_eq!(is_name(name), good, "{name}");
    }
    assert!(!is_name(&"x".repeat(64)) && !is_name(&"abc.".repeat(64)));
    assert_eq!(reverse("192.0.2.1".parse().unwrap()), "1.2.0.192.in-addr.arpa");
    let six = reverse("2001:db8::1".parse().unwrap());
    assert!(six.starts_with("1.0.0.") && six.ends_with("8.b.d.0.1.0.0.2.ip6.arpa"), "{six}");
}

proptest! {
    #[test]
    fn any_packet_is_read_or_passed_over(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut packet = answer(&QUESTION, |_| {});
        // Says that it has one record of each section, and what follows is anything.
        packet[6..12].copy_from_slice(&[0, 1, 0, 1, 0, 1]);
        packet.extend(&bytes);
        let _ = QUESTION.read(&packet);
        let _ = (QUESTION.read(&bytes), is_cut(&bytes, 7));
    }
}
