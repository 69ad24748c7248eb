//! Against servers that answer, that do not, and that mean harm: those cost the limit, and no more.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::testing::{Zone, answer, cut};
use super::*;
use crate::sys::clock::Stopwatch;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

fn ask_all(servers: &[SocketAddr], limit: Duration) -> Result<Vec<String>, Trouble> {
    let found = ask("www.example.org", Type::A, servers, Deadline::after(limit), limit)?;
    Ok(found.into_iter().map(|record| record.text).collect())
}

fn records() -> Vec<(String, Vec<String>)> {
    vec![("A".into(), vec!["192.0.2.1".into()])]
}

fn found() -> Vec<String> {
    vec!["192.0.2.1".into()]
}

/// Asks with the short limit, and it takes no longer by far.
fn costs_the_limit(server: SocketAddr) -> Trouble {
    let watch = Stopwatch::start();
    let trouble = ask_all(&[server], SHORT).unwrap_err();
    assert!(watch.read() < Duration::from_secs(10), "{trouble:?} after {:?}", watch.read());
    trouble
}

fn length_and(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}

/// The question that comes next by TCP, and where its answer goes.
fn next(server: &TcpListener) -> (TcpStream, Vec<u8>) {
    let (mut line, _) = server.accept().unwrap();
    let mut length = [0; 2];
    line.read_exact(&mut length).unwrap();
    let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
    line.read_exact(&mut question).unwrap();
    (line, question)
}

#[test]
fn noise_before_the_answer_is_passed_over() {
    let zone = Zone::answering(|question| {
        let good = answer(question, &records());
        let mut other_id = good.clone();
        other_id[0] ^= 0xff;
        let mut other_name = good.clone();
        other_name[13] ^= 1;
        let flood = std::iter::repeat_n(other_id, 200);
        let noise = [vec![], vec![0; 5], question.to_vec(), good[..good.len() - 3].to_vec()];
        flood.chain(noise).chain([other_name, good]).collect()
    });
    assert_eq!(ask_all(&[zone.addr], LONG), Ok(found()));
}

#[test]
fn what_is_hostile_costs_the_limit() {
    type Answers = fn(&[u8]) -> Vec<Vec<u8>>;
    let ways: [(&str, Answers); 5] = [
        ("nothing", |_| vec![]),
        ("nothing but another's id", |question| {
            let mut other = answer(question, &records());
            other[1] ^= 1;
            vec![other; 500]
        }),
        ("a name that points at itself", |question| {
            let mut packet = answer(question, &[]);
            packet[7] = 1;
            let here = u16::try_from(packet.len()).unwrap() | 0xc000;
            packet.extend(here.to_be_bytes());
            packet.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
            vec![packet]
        }),
        ("a length that is too long", |question| {
            let mut packet = answer(question, &records());
            let at = packet.len() - 6;
            packet[at..at + 2].copy_from_slice(&[0xff, 0xff]);
            vec![packet]
        }),
        ("more records than there are", |question| {
            let mut packet = answer(question, &records());
            packet[6..12].fill(0xff);
            vec![packet]
        }),
    ];
    for (way, answers) in ways {
        let zone = Zone::answering(answers);
        let trouble = costs_the_limit(zone.addr);
        assert_eq!(trouble, Trouble::Silent(SHORT, 1, zone.addr), "{way}");
    }
}

#[test]
fn what_is_too_long_is_asked_for_by_tcp() {
    let (zone, tcp) = Zone::with_tcp(|question| vec![cut(question)]);
    let serving = std::thread::spawn(move || {
        let (mut line, question) = next(&tcp);
        let many = (0..250).map(|last| format!("192.0.2.{last}")).collect();
        line.write_all(&length_and(&answer(&question, &[("A".into(), many)]))).unwrap();
    });
    assert_eq!(ask_all(&[zone.addr], LONG).unwrap().len(), 250);
    serving.join().unwrap();
}

#[test]
fn an_answer_by_tcp_that_drips_costs_the_limit() {
    let (zone, tcp) = Zone::with_tcp(|question| vec![cut(question)]);
    // How often it is asked in the time is not known, so it is left behind.
    std::thread::spawn(move || {
        loop {
            let (mut line, _) = next(&tcp);
            // As much as fits, a byte at a time, until nobody wants it any more.
            let mut drip = line.write_all(&[0xff, 0xff]);
            while drip.is_ok() {
                std::thread::sleep(Duration::from_millis(5));
                drip = line.write_all(&[0]);
            }
        }
    });
    assert_eq!(costs_the_limit(zone.addr), Trouble::Silent(SHORT, 1, zone.addr));
}

#[test]
fn what_comes_by_tcp_must_be_the_answer_too() {
    let (zone, tcp) = Zone::with_tcp(|question| vec![cut(question)]);
    let serving = std::thread::spawn(move || {
        for message in [vec![], vec![0; 30]] {
            let (mut line, _) = next(&tcp);
            line.write_all(&length_and(&message)).unwrap();
        }
    });
    let trouble = ask_all(&[zone.addr], LONG).unwrap_err();
    let want = Trouble::Broken(zone.addr, "over TCP: no answer to what was asked".into());
    assert_eq!(trouble, want);
    serving.join().unwrap();
}

#[test]
fn the_next_server_is_asked_when_one_is_silent_gone_or_unable() {
    let good = Zone::answering(|question| vec![answer(question, &records())]);
    let silent = Zone::answering(|_| vec![]);
    let refusing = Zone::serve(&[("REFUSED", &[])]);
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for first in [silent.addr, refusing.addr, gone] {
        assert_eq!(ask_all(&[first, good.addr], Duration::from_secs(4)), Ok(found()));
    }
    let trouble = ask_all(&[refusing.addr, gone], LONG).unwrap_err();
    let want = format!("{} refuses to answer (REFUSED)", refusing.addr);
    assert_eq!(trouble.to_string(), want, "what was said tells more than what was not");
    let trouble = ask_all(&[gone], LONG).unwrap_err();
    assert_eq!(trouble.to_string(), format!("{gone}: connection refused"));
}

#[test]
fn a_question_that_was_lost_is_asked_again() {
    let lost = std::sync::atomic::AtomicBool::new(false);
    let zone = Zone::answering(move |question| {
        if lost.swap(true, std::sync::atomic::Ordering::Relaxed) {
            vec![answer(question, &records())]
        } else {
            vec![]
        }
    });
    assert_eq!(ask_all(&[zone.addr], Duration::from_secs(2)), Ok(found()));
}

#[test]
fn a_name_that_is_not_there_is_not_asked_for_elsewhere() {
    let first = Zone::serve(&[("NXDOMAIN", &[])]);
    let second = Zone::serve(&[("A", &["192.0.2.1"])]);
    assert_eq!(ask_all(&[first.addr, second.addr], LONG), Err(Trouble::NoName));
}
