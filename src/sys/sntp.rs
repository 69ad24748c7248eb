//! Asks one time server how late it is: the simple client of RFC 5905, section 14, and RFC 4330. One question, one
//! answer, within its limit. Never sets a clock.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use jiff::Timestamp;

use crate::model::text::{human_duration, one_line};
use crate::sys::clock::{self, Deadline};
use crate::sys::names;
use crate::sys::why::why;

/// Where time servers listen.
pub const PORT: u16 = 123;
/// The seconds from 1900, where its time begins, to 1970.
const TO_UNIX: u64 = 2_208_988_800;
/// Another question is asked when no answer has come by then: one of them may have got lost.
const AGAIN: Duration = Duration::from_secs(1);

/// What a server says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// How many seconds this host's clock is behind the server's; negative when it is ahead.
    pub offset: f64,
    /// How long question and answer were under way, in seconds.
    pub delay: f64,
    /// How far the server is from a reference clock: 1 has one.
    pub stratum: u8,
}

/// Asks `host`. The error is in words that follow its name.
pub fn ask(host: &str, port: u16, limit: Duration) -> Result<Told, String> {
    let deadline = Deadline::after(limit);
    let found = names::resolve(host, limit).map_err(|unresolved| unresolved.to_string())?;
    let mut last = "the name has no address".to_owned();
    for ip in found {
        match ask_one((ip, port).into(), deadline, limit) {
            Ok(told) => return Ok(told),
            Err(untold) => last = untold,
        }
    }
    Err(last)
}

fn ask_one(addr: SocketAddr, deadline: Deadline, limit: Duration) -> Result<Told, String> {
    let any = match addr {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let failed = |err: std::io::Error| why(&err);
    let socket = UdpSocket::bind((any, 0)).map_err(failed)?;
    // So that only its answers come, and a refusal is heard.
    socket.connect(addr).map_err(failed)?;
    while !deadline.passed() {
        // Not the time but a secret that only who was asked knows: what is sent as the time comes back.
        let cookie = *uuid::Uuid::new_v4().as_bytes().first_chunk().unwrap_or(&[0; 8]);
        let sent = clock::now().wall;
        socket.send(&question(cookie)).map_err(failed)?;
        let until = deadline.within(AGAIN);
        while !until.passed() {
            // A timeout of nothing would wait for ever.
            let left = until.left().max(Duration::from_millis(1));
            socket.set_read_timeout(Some(left)).map_err(failed)?;
            let mut answer = [0; 512];
            match socket.recv(&mut answer) {
                Ok(count) => {
                    let received = clock::now().wall;
                    // What is not an answer to this question is somebody else's noise.
                    if let Some(told) = read(&answer[..count], cookie, sent, received) {
                        return told;
                    }
                }
                Err(err) if is_late(&err) => break,
                Err(err) => return Err(failed(err)),
            }
        }
    }
    Err(format!("no answer within {}", human_duration(limit)))
}

fn is_late(err: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(err.kind(), WouldBlock | TimedOut | Interrupted)
}

/// Version 4, from a client (3), with nothing but the time of sending.
fn question(cookie: [u8; 8]) -> [u8; 48] {
    let mut packet = [0; 48];
    packet[0] = (4 << 3) | 3;
    packet[40..].copy_from_slice(&cookie);
    packet
}

/// Reads an answer to the question with `cookie`; none when it is none. The form is that of RFC 5905, figure 8.
fn read(
    packet: &[u8],
    cookie: [u8; 8],
    sent: Timestamp,
    received: Timestamp,
) -> Option<Result<Told, String>> {
    let packet: &[u8; 48] = packet.first_chunk()?;
    let field = |at: usize| packet[at..].first_chunk::<8>().copied().unwrap_or_default();
    if packet[0] & 7 != 4 || field(24) != cookie {
        return None;
    }
    let (leap, stratum) = (packet[0] >> 6, packet[1]);
    let server = |why: String| Some(Err(why));
    // A kiss code is ASCII (RFC 5905, 7.4). One without is how chrony, and others, say that they know no time yet.
    let code = String::from_utf8_lossy(&packet[12..16]);
    if stratum == 0 && code.starts_with(|c: char| c.is_ascii_graphic()) {
        return server(format!("it sends us away (`{}`)", one_line(&code, 4)));
    }
    if leap == 3 || stratum == 0 || stratum >= 16 {
        return server("it is not synchronised itself".into());
    }
    let (arrived, left) = (u64::from_be_bytes(field(32)), u64::from_be_bytes(field(40)));
    if left == 0 {
        return server("it does not tell the time".into());
    }
    let there = between(ntp(sent), arrived);
    let back = between(ntp(received), left);
    let under_way = between(ntp(sent), ntp(received)) - between(arrived, left);
    Some(Ok(Told { offset: f64::midpoint(there, back), delay: under_way.max(0.0), stratum }))
}

/// As its time stamps are: seconds in the upper half, their fraction in the lower.
fn ntp(at: Timestamp) -> u64 {
    let nanos = u64::try_from(at.as_nanosecond().rem_euclid(1_000_000_000)).unwrap_or_default();
    let secs = at.as_nanosecond().div_euclid(1_000_000_000);
    // The seconds are counted modulo 2^32 since 1900: the second era begins in 2036.
    let secs = u64::try_from(secs).unwrap_or_default().wrapping_add(TO_UNIX);
    (secs << 32) | ((nanos << 32) / 1_000_000_000)
}

/// The seconds from one time stamp to another, right as long as they are less than 68 years apart.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "the difference of two stamps is read as signed on purpose; its last bits are nanoseconds' parts"
)]
fn between(from: u64, to: u64) -> f64 {
    to.wrapping_sub(from) as i64 as f64 / f64::from(2_f32.powi(32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COOKIE: [u8; 8] = *b"cookie!!";

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).unwrap()
    }

    fn answer(change: impl FnOnce(&mut [u8; 48])) -> [u8; 48] {
        let mut packet = [0; 48];
        packet[0] = (4 << 3) | 4;
        packet[1] = 2;
        packet[24..32].copy_from_slice(&COOKIE);
        packet[32..40].copy_from_slice(&ntp(at(1_800_000_010)).to_be_bytes());
        packet[40..48].copy_from_slice(&ntp(at(1_800_000_011)).to_be_bytes());
        change(&mut packet);
        packet
    }

    #[test]
    fn offset_and_delay_are_those_of_the_rfc() {
        // Sent at 0, arrived at 10 there, left at 11, received at 3: 8.5 s behind, 2 s under way in all.
        let told = read(&answer(|_| {}), COOKIE, at(1_800_000_000), at(1_800_000_003));
        assert_eq!(told, Some(Ok(Told { offset: 9.0, delay: 2.0, stratum: 2 })));
    }

    #[test]
    fn the_second_era_begins_in_2036_and_nothing_happens() {
        let end = 4_294_967_296 - i64::try_from(TO_UNIX).unwrap();
        assert!((between(ntp(at(end - 1)), ntp(at(end + 1))) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn who_does_not_know_the_time_is_told_apart_from_noise() {
        let read = |packet: [u8; 48]| read(&packet, COOKIE, at(0), at(1));
        let server = |why: &str| Some(Err(why.to_owned()));
        let kiss = answer(|packet| {
            packet[1] = 0;
            packet[12..16].copy_from_slice(b"RATE");
        });
        assert_eq!(read(kiss), server("it sends us away (`RATE`)"));
        let unsure = [answer(|p| p[0] |= 3 << 6), answer(|p| p[1] = 16), answer(|p| p[1] = 0)];
        for unsure in unsure {
            assert_eq!(read(unsure), server("it is not synchronised itself"));
        }
        assert_eq!(read(answer(|p| p[40..].fill(0))), server("it does not tell the time"));
        assert_eq!(read(answer(|p| p[24] ^= 1)), None);
        assert_eq!(read(question(COOKIE)), None);
    }

    #[test]
    fn a_server_that_says_nothing_costs_the_limit_and_noise_is_passed_over() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let asked = std::thread::spawn(move || {
            let mut question = [0; 48];
            let (_, from) = server.recv_from(&mut question).unwrap();
            server.send_to(b"noise", from).unwrap();
            server.send_to(&answer(|_| {}), from).unwrap();
            let cookie = *question[40..].first_chunk::<8>().unwrap();
            server.send_to(&answer(|p| p[24..32].copy_from_slice(&cookie)), from).unwrap();
            server
        });
        let told = ask("127.0.0.1", port, Duration::from_secs(20)).unwrap();
        assert_eq!(told.stratum, 2);
        let _silent = asked.join().unwrap();
        let untold = ask("127.0.0.1", port, Duration::from_millis(50)).unwrap_err();
        assert!(untold.starts_with("no answer within"));
    }

    proptest! {
        #[test]
        fn any_packet_is_read_or_passed_over(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut bytes = bytes;
            if let Some(place) = bytes.get_mut(24..32) {
                place.copy_from_slice(&COOKIE);
            }
            if let Some(Ok(told)) = read(&bytes, COOKIE, at(1_800_000_000), at(1_800_000_001)) {
                prop_assert!(told.offset.is_finite() && told.delay >= 0.0);
            }
        }
    }
}
