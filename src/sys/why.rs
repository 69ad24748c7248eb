//! The operating system's errors in words for a person. Never a number where a word will do.

use std::io::{Error, ErrorKind};

/// `connection refused`, `permission denied` …; for errors without a word of ours, the system's own in lower
/// case and without its number.
pub fn why(err: &Error) -> String {
    let word = match err.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset by the other side",
        ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            "the other side closed the connection"
        }
        ErrorKind::HostUnreachable => "no route to the host",
        ErrorKind::NetworkUnreachable => "no route to the network",
        ErrorKind::NetworkDown => "the network is down",
        ErrorKind::AddrNotAvailable => "the address is not available on this host",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::NotFound => "no such file or directory",
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "no answer in time",
        _ => {
            let text = err.to_string();
            let text = text.split(" (os error").next().unwrap_or(&text);
            let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(text);
            return crate::model::text::one_line(&lower_first(text), 200);
        }
    };
    word.to_owned()
}

/// Only a word's first capital is lowered: `SELinux` and `I/O` stay.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_words_without_numbers() {
        for (code, want) in [
            (111, "connection refused"),
            (13, "permission denied"),
            (28, "no space left on device"),
        ] {
            assert_eq!(why(&Error::from_raw_os_error(code)), want);
        }
        assert_eq!(
            why(&Error::other("failed to lookup address information: Name or service not known")),
            "name or service not known"
        );
    }
}
