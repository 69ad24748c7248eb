//! The end of what a container wrote, both streams, oldest line first. Where its engine cannot tell, because what it writes
//! goes elsewhere, that is nothing.

use std::time::Duration;

use jiff::Timestamp;

use crate::sys::engine::{Container, Engine, cli};

/// At most this much is read; engines cut lines at 16 KiB.
const LARGEST: usize = 1 << 20;
/// Before each piece of a stream: which stream, three zeros, and how many bytes follow, the first digit first.
const HEAD: usize = 8;

impl Engine {
    /// At most `lines` lines of its last run.
    pub fn log_tail(&self, container: &Container, lines: usize, limit: Duration) -> Vec<String> {
        let since = container.state.started().map_or(0, Timestamp::as_second).max(0);
        if self.socket.is_none() {
            let [out, err] = cli::logs(self.brand, &container.id, lines, since, LARGEST, limit);
            return last(merged(&out, &err), lines);
        }
        let query = format!("stdout=1&stderr=1&tail={lines}&since={since}");
        let path = format!("containers/{}/logs?{query}", container.id);
        match self.ask("GET", &path, LARGEST, limit) {
            Ok(answer) if answer.status == 200 => {
                let whole = answer.body.as_slice();
                let text = if container.has_terminal() { whole.to_vec() } else { unframed(whole) };
                let text = String::from_utf8_lossy(&text);
                last(text.lines().map(str::to_owned).collect(), lines)
            }
            _ => Vec::new(),
        }
    }
}

/// The pieces without what is before each of them (docs.docker.com/reference/api/engine, "Attach to a container", "Stream
/// format"). One that breaks off is taken as far as it goes; what is no such stream, as it is.
fn unframed(stream: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = stream;
    while let Some((head, after)) = rest.split_at_checked(HEAD) {
        let [which @ 0..=2, 0, 0, 0, size @ ..] = head else {
            return if text.is_empty() { stream.to_vec() } else { text };
        };
        let _ = which;
        let size = size.iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
        let (piece, next) = after.split_at(size.min(after.len()));
        text.extend_from_slice(piece);
        rest = next;
    }
    text
}

/// The lines of both streams of the command in the order of the time before each of them, which is left out.
fn merged(out: &str, err: &str) -> Vec<String> {
    let mut lines: Vec<(Timestamp, &str)> = Vec::new();
    for stream in [out, err] {
        let mut at = Timestamp::MIN;
        for line in stream.lines() {
            let (time, text) = line.split_once(' ').unwrap_or((line, ""));
            match time.parse() {
                Ok(time) => {
                    at = time;
                    lines.push((at, text));
                }
                Err(_) => lines.push((at, line)),
            }
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, text)| text.to_owned()).collect()
}

fn last(mut lines: Vec<String>, most: usize) -> Vec<String> {
    lines.retain(|line| !line.trim().is_empty());
    lines.split_off(lines.len().saturating_sub(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(stream: u8, text: &str) -> Vec<u8> {
        let size = u32::try_from(text.len()).unwrap().to_be_bytes();
        [&[stream, 0, 0, 0], &size[..], text.as_bytes()].concat()
    }

    #[test]
    fn a_stream_of_pieces_is_read_and_one_that_breaks_off_as_far_as_it_goes() {
        let long = "x".repeat(70_000);
        let whole = [piece(1, "a\n"), piece(2, &long), piece(2, "\nb\n")].concat();
        assert_eq!(unframed(&whole), format!("a\n{long}\nb\n").into_bytes());
        assert_eq!(unframed(&whole[..whole.len() - 2]), format!("a\n{long}\n").into_bytes());
        assert_eq!(unframed(&whole[..3]), b"");
        assert_eq!(unframed(b"no pieces at all"), b"no pieces at all");
    }

    #[test]
    fn the_streams_of_the_command_are_one_in_the_order_of_time() {
        let out = "2026-11-25T09:32:11.100000000Z up\n2026-11-25T10:32:11.3+01:00 ready\n";
        let err = "2026-11-25T09:32:11.2Z warned\nwithout a time\n2026-11-25T09:32:12Z died\n";
        let want = ["up", "warned", "without a time", "ready", "died"];
        assert_eq!(merged(out, err), want);
        assert_eq!(last(merged(out, err), 2), ["ready", "died"]);
    }
}
