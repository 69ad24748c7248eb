//! HTTP servers for tests, without any HTTP of ours in them.

use std::io::{Read, Write};

use crate::sys::tls::testing::listen;

/// Reads one request, head and body.
pub(crate) fn request_of(stream: &mut impl Read) -> String {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let so_far = String::from_utf8_lossy(&text).to_lowercase();
        if let Some((head, body)) = so_far.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                break;
            }
        }
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => text.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A server that gives everyone the same bytes, with the request where they say `REQUEST`; its port.
pub(crate) fn fixed(answer: &str) -> u16 {
    let answer = answer.to_owned();
    listen(move |mut stream| {
        let request = request_of(&mut stream);
        let _ = stream.write_all(answer.replace("REQUEST", &request).as_bytes());
    })
}
