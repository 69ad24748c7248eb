//! A real SMTP receiver for one test (`tests/real/smtp_receiver.py`), and what arrived at it. It never delivers anything.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::certs::Pair;
use super::real::{self, Keeper};

const READY: Duration = Duration::from_secs(20);

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Not at all.
    Plain,
    /// From STARTTLS on; whatever comes before is refused with 530.
    StartTls,
    /// From the first byte on.
    Tls,
}

/// How it misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 550 for every recipient: for ever.
    Recipient,
    /// 452 after DATA: try again later.
    Full,
    /// 554 after DATA: for ever.
    Spam,
    /// 535 for every password.
    Password,
    /// Gone after the final dot and before an answer.
    Drop,
    /// Accepts connections and never says anything.
    Tarpit,
}

/// What to start; [`Receiver::start`] does it.
#[derive(Debug, Clone)]
pub(crate) struct Options<'a> {
    /// 0 for any free port; a number to come back where an earlier one was.
    pub(crate) port: u16,
    /// Without a certificate only `Plain` works.
    pub(crate) mode: Mode,
    /// The server's certificate and key.
    pub(crate) pair: Option<&'a Pair>,
    /// User and password, if they are demanded.
    pub(crate) auth: Option<(&'a str, &'a str)>,
    /// None: a mail server as it should be.
    pub(crate) fault: Option<Fault>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { port: 0, mode: Mode::Plain, pair: None, auth: None, fault: None }
    }
}

/// One mail that was accepted: envelope, and content as Python's parser reads it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Mail {
    /// MAIL FROM.
    #[serde(rename = "mail_from")]
    pub(crate) from: String,
    /// RCPT TO, in order.
    #[serde(rename = "rcpt_tos")]
    pub(crate) to: Vec<String>,
    /// Whether it came over TLS.
    pub(crate) tls: bool,
    /// Who it was authenticated as.
    pub(crate) user: Option<String>,
    /// What the sender called itself.
    pub(crate) helo: String,
    /// Decoded.
    pub(crate) subject: String,
    /// The plain part, decoded, with `\n` line ends.
    pub(crate) text: String,
    /// The HTML part, if there is one.
    pub(crate) html: Option<String>,
    /// All headers in order, decoded.
    pub(crate) headers: Vec<(String, String)>,
    /// In which ways it breaks the rules for mail; empty for a good one.
    pub(crate) defects: Vec<String>,
}

impl Mail {
    /// The first header of that name, in whatever case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// The one line that the receiver prints.
#[derive(Deserialize)]
struct Ready {
    port: u16,
}

/// A running receiver; stopped on drop. Its mails live as long as it does.
pub(crate) struct Receiver {
    keeper: Keeper,
    port: u16,
    folder: tempfile::TempDir,
}

impl Receiver {
    /// Starts one on 127.0.0.1. None where there is no Python with aiosmtpd.
    pub(crate) fn start(options: &Options<'_>) -> Option<Self> {
        let python = real::python();
        if !real::or_skip("SMTP receiver (aiosmtpd)", python.is_some()) {
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let log = folder.path().join("receiver.log");
        let line = command_line(&python?, options, &folder.path().join("mails"));
        let line: Vec<&OsStr> = line.iter().map(AsRef::as_ref).collect();
        let keeper = Keeper::spawn(&line, &log, Keeper::TERM);
        let port = keeper.ready("the SMTP receiver listens", READY, || {
            let log = keeper.log();
            let ready: Ready = serde_json::from_str(log.lines().next()?).ok()?;
            Some(ready.port)
        });
        Some(Self { keeper, port, folder })
    }

    /// The port it listens on.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The mails accepted so far, in the order of their arrival.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.files("json")
            .iter()
            .map(|path| {
                let text = fs::read(path).expect("the receiver's files can be read");
                serde_json::from_slice(&text).expect("the receiver writes what `Mail` says")
            })
            .collect()
    }

    /// The same, byte for byte as received.
    pub(crate) fn raw(&self) -> Vec<Vec<u8>> {
        let files = self.files("eml");
        files.iter().map(|path| fs::read(path).expect("the receiver's files can be read")).collect()
    }

    /// Waits until `count` mails have arrived, and gives them all.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize, deadline: Duration) -> Vec<Mail> {
        real::try_until(deadline, || Some(self.mails()).filter(|mails| mails.len() >= count))
            .unwrap_or_else(|| {
                panic!(
                    "waited {deadline:?} for {count} mails; got {:#?}; its log:\n{}",
                    self.mails(),
                    self.keeper.log()
                )
            })
    }

    fn files(&self, extension: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("mails"))
            .expect("the receiver has made its folder");
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("the receiver's folder can be read").path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        paths.sort();
        paths
    }
}

fn command_line(python: &Path, options: &Options<'_>, maildir: &Path) -> Vec<std::ffi::OsString> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/smtp_receiver.py");
    let mut line = vec![python.into(), script.into(), "--maildir".into(), maildir.into()];
    let mode = match options.mode {
        Mode::Plain => "plain",
        Mode::StartTls => "starttls",
        Mode::Tls => "tls",
    };
    line.extend(["--mode", mode, "--port"].map(Into::into));
    line.push(options.port.to_string().into());
    if let Some(pair) = options.pair {
        line.extend(["--cert".into(), (&pair.cert).into(), "--key".into(), (&pair.key).into()]);
    }
    if let Some((user, password)) = options.auth {
        line.extend(["--auth".into(), format!("{user}:{password}").into()]);
    }
    match options.fault {
        None => {}
        Some(Fault::Recipient) => line.extend(["--reject", "rcpt550"].map(Into::into)),
        Some(Fault::Full) => line.extend(["--reject", "data452"].map(Into::into)),
        Some(Fault::Spam) => line.extend(["--reject", "data554"].map(Into::into)),
        Some(Fault::Password) => line.extend(["--reject", "auth535"].map(Into::into)),
        Some(Fault::Drop) => line.extend(["--reject", "drop"].map(Into::into)),
        Some(Fault::Tarpit) => line.push("--tarpit".into()),
    }
    line
}
