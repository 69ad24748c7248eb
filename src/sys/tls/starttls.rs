//! How a protocol goes from plain text to TLS: a few bytes each way, and then the handshake on the same line.
//! Reads byte by byte, so that nothing sent before the handshake can be taken for what came after it.

use std::io::{Error, Read, Result, Write};

/// More than this is no greeting.
const MOST: usize = 16 * 1024;

/// A protocol that begins in plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    /// RFC 3207.
    Smtp,
    /// RFC 9051, section 6.2.1.
    Imap,
    /// RFC 2595, section 4.
    Pop3,
    /// RFC 4217.
    Ftp,
    /// "SSL Session Encryption" in `PostgreSQL`'s "Message Flow".
    Postgres,
}

impl StartTls {
    /// Each with its name in the config.
    pub const NAMES: [(&str, Self); 5] = [
        ("smtp", Self::Smtp),
        ("imap", Self::Imap),
        ("pop3", Self::Pop3),
        ("ftp", Self::Ftp),
        ("postgres", Self::Postgres),
    ];

    /// The name in the config.
    pub fn word(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
            Self::Postgres => "postgres",
        }
    }

    /// Talks until the handshake can begin. An error of kind `Other` holds what the server said instead.
    pub(super) fn begin(self, line: &mut (impl Read + Write)) -> Result<()> {
        match self {
            Self::Smtp => {
                answered(line, "220")?;
                line.write_all(b"EHLO localhost\r\n")?;
                answered(line, "250")?;
                line.write_all(b"STARTTLS\r\n")?;
                answered(line, "220")
            }
            Self::Ftp => {
                answered(line, "220")?;
                line.write_all(b"AUTH TLS\r\n")?;
                answered(line, "234")
            }
            Self::Imap => {
                begins(&read_line(line)?, "* OK")?;
                line.write_all(b"a STARTTLS\r\n")?;
                tagged(line)
            }
            Self::Pop3 => {
                begins(&read_line(line)?, "+OK")?;
                line.write_all(b"STLS\r\n")?;
                begins(&read_line(line)?, "+OK")
            }
            Self::Postgres => {
                // The length of the message, and the number that stands for the wish.
                line.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
                match byte(line)? {
                    b'S' => Ok(()),
                    b'N' => Err(Error::other("it has TLS switched off")),
                    _ => Err(Error::other("it is no PostgreSQL server")),
                }
            }
        }
    }

    /// What takes leave politely inside TLS.
    pub(super) fn goodbye(self) -> &'static [u8] {
        match self {
            Self::Smtp | Self::Ftp | Self::Pop3 => b"QUIT\r\n",
            Self::Imap => b"b LOGOUT\r\n",
            Self::Postgres => b"",
        }
    }
}

/// Replies with three digits; all lines of one but the last have a `-` behind them.
fn answered(line: &mut impl Read, code: &str) -> Result<()> {
    for _ in 0..100 {
        let text = read_line(line)?;
        begins(&text, code)?;
        if text.as_bytes().get(3) != Some(&b'-') {
            return Ok(());
        }
    }
    Err(Error::other("its answer does not end"))
}

/// Skips what the server says without being asked.
fn tagged(line: &mut impl Read) -> Result<()> {
    for _ in 0..100 {
        let text = read_line(line)?;
        if !text.starts_with('*') {
            return begins(&text, "a OK");
        }
    }
    Err(Error::other("its answer does not end"))
}

fn begins(text: &str, with: &str) -> Result<()> {
    let same = text.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    let said = crate::model::text::one_line(text, 80);
    if same { Ok(()) } else { Err(Error::other(format!("it answers `{said}`"))) }
}

fn read_line(line: &mut impl Read) -> Result<String> {
    let mut text = Vec::new();
    while text.len() < MOST {
        match byte(line)? {
            b'\n' => return Ok(String::from_utf8_lossy(&text).trim_end().to_owned()),
            byte => text.push(byte),
        }
    }
    Err(Error::other("its answer does not end"))
}

fn byte(line: &mut impl Read) -> Result<u8> {
    let mut byte = [0];
    line.read_exact(&mut byte)?;
    Ok(byte[0])
}
