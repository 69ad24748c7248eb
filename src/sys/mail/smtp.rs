//! One mail over SMTP, under a deadline that holds whatever the server does: the exchange runs in a thread of
//! its own that is left behind when it is late. Never sends over a line less protected than was asked for.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Auth, Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;

use crate::model::letter::Sent;
use crate::model::text::{human_duration, one_line};
use crate::sys::clock::{Deadline, Stopwatch};
use crate::sys::why::why;

use super::{Message, SAID, Security, Server};

/// PLAIN first; LOGIN for the servers that have nothing else.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// How far it came, for errors; the thread writes it, and it is read when the thread is late.
type Phase = Arc<Mutex<String>>;

/// Sends `message` by `server`. Recipients that are refused while others are taken are named in the answer.
pub(super) fn send(server: &Server, message: Message, deadline: Deadline) -> Sent {
    match exchange(server, Some(message), deadline) {
        Ok(said) => Sent::Accepted(said.into()),
        Err(Trouble { never: true, why }) => Sent::Never(why),
        Err(Trouble { never: false, why }) => Sent::Later(why),
    }
}

/// Goes as far as a mail would begin; what was come to, or why it was not.
pub(super) fn reach(server: &Server, deadline: Deadline) -> Result<String, String> {
    exchange(server, None, deadline).map_err(|trouble| trouble.why)
}

/// With or without a mail, in a thread that is left behind when it is late.
fn exchange(
    server: &Server,
    message: Option<Message>,
    deadline: Deadline,
) -> Result<String, Trouble> {
    let place = format!("`{}:{}`", one_line(&server.host, 120), server.port);
    let watch = Stopwatch::start();
    let phase: Phase = Arc::new(Mutex::new("connecting".into()));
    let (told, answer) = mpsc::channel();
    let work = Exchange { server: server.clone(), message, deadline, phase: Arc::clone(&phase) };
    let thread = std::thread::Builder::new().name("smtp".into()).spawn(move || work.run(&told));
    if let Err(err) = thread {
        return Err(later(format!("{place}: cannot start a thread: {err}")));
    }
    let at = |why: &str| {
        let reached = phase.lock().map(|phase| phase.clone()).unwrap_or_default();
        format!("{place}: {reached}: {why}")
    };
    match answer.recv_timeout(deadline.left()) {
        Ok(Ok(said)) => Ok(said),
        Ok(Err(Trouble { never, why })) => Err(Trouble { never, why: at(&why) }),
        Err(RecvTimeoutError::Timeout) => {
            Err(later(at(&format!("not done within {}", human_duration(watch.read())))))
        }
        Err(RecvTimeoutError::Disconnected) => Err(later(at("the exchange broke off"))),
    }
}

/// Why it stopped; `never` when the server refused this very mail for good.
struct Trouble {
    never: bool,
    why: String,
}

struct Exchange {
    server: Server,
    message: Option<Message>,
    deadline: Deadline,
    phase: Phase,
}

impl Exchange {
    fn run(self, told: &mpsc::Sender<Result<String, Trouble>>) {
        let mut open = None;
        let result = match &self.message {
            Some(message) => self.hand_over(message, &mut open),
            None => self.call_on(&mut open),
        };
        // Told before the goodbye: the server has it already, and its goodbye may never come.
        let _ = told.send(result);
        if let Some(mut connection) = open {
            let _ = connection.quit();
        }
    }

    /// Says no more than is said before a mail.
    fn call_on(&self, open: &mut Option<SmtpConnection>) -> Result<String, Trouble> {
        let connection = open.insert(self.connect()?);
        self.log_in(connection)?;
        self.step(connection, "NOOP")?;
        connection.command(Noop).map_err(|e| self.mendable(&e))?;
        let over = match self.server.security {
            Security::StartTls => " over STARTTLS",
            Security::Tls => " over TLS",
            Security::Plain => "",
        };
        let host = one_line(&self.server.host, 120);
        Ok(match &self.server.login {
            Some((user, _)) => format!("{host} takes the login of `{}`{over}", one_line(user, 80)),
            None => format!("{host} answers{over}"),
        })
    }

    fn hand_over(
        &self,
        message: &Message,
        open: &mut Option<SmtpConnection>,
    ) -> Result<String, Trouble> {
        let connection = open.insert(self.connect()?);
        self.log_in(connection)?;
        let envelope = &message.envelope;
        self.step(connection, "MAIL FROM")?;
        connection
            .command(Mail::new(envelope.from().cloned(), vec![]))
            .map_err(|e| self.about(&e))?;
        let mut refused = Vec::new();
        for to in envelope.to() {
            self.step(connection, &format!("RCPT TO `{to}`"))?;
            if let Err(err) = connection.command(Rcpt::new(to.clone(), vec![])) {
                let trouble = self.about(&err);
                // Without a reply there is nobody left to talk to.
                if err.status().is_none() {
                    return Err(trouble);
                }
                refused.push((to, trouble));
            }
        }
        if refused.len() == envelope.to().len() {
            let never = refused.iter().all(|(_, trouble)| trouble.never);
            let last = refused.pop().map(|(_, trouble)| trouble.why).unwrap_or_default();
            return Err(Trouble { never, why: last });
        }
        self.step(connection, "DATA")?;
        connection.command(Data).map_err(|e| self.about(&e))?;
        self.step(connection, "waiting for the mail to be taken")?;
        let answer = connection.message(&message.bytes).map_err(|e| self.about(&e))?;
        let mut said = said(&answer);
        for (to, trouble) in refused {
            let _ = write!(said, "; but not for `{to}`: {}", trouble.why);
        }
        Ok(said)
    }

    fn connect(&self) -> Result<SmtpConnection, Trouble> {
        let server = &self.server;
        let tls = || TlsParameters::new(server.host.clone()).map_err(|e| self.mendable(&e));
        let wrapped = match server.security {
            Security::Tls => Some(tls()?),
            Security::StartTls | Security::Plain => None,
        };
        let hello = ClientId::default();
        let address = (server.host.as_str(), server.port);
        // Half, so that a first address that swallows everything leaves time for a second.
        let half = (self.deadline.left() / 2).max(Duration::from_millis(1));
        let mut connection =
            SmtpConnection::connect(address, Some(half), &hello, wrapped.as_ref(), None)
                .map_err(|e| self.mendable(&e))?;
        if server.security == Security::StartTls {
            self.step(&mut connection, "STARTTLS")?;
            if !connection.can_starttls() {
                let hint = "hint: `smtps://` for TLS from the start, `smtp+plain://` for none";
                return Err(later(format!("the server does not offer it; {hint}")));
            }
            connection.starttls(&tls()?, &hello).map_err(|e| self.mendable(&e))?;
        }
        Ok(connection)
    }

    /// Whatever goes wrong here is a matter of settings, which a person can mend: never for good.
    fn log_in(&self, connection: &mut SmtpConnection) -> Result<(), Trouble> {
        let Some((user, password)) = &self.server.login else { return Ok(()) };
        self.step(connection, &format!("AUTH as `{}`", one_line(user, 80)))?;
        if connection.server_info().get_auth_mechanism(&MECHANISMS).is_none() {
            return Err(later("the server offers neither PLAIN nor LOGIN".into()));
        }
        let credentials = Credentials::new(user.clone(), password.reveal().to_owned());
        connection.auth(&MECHANISMS, &credentials).map(|_| ()).map_err(|e| self.mendable(&e))
    }

    /// Notes what comes next, and bounds every read and write of it.
    fn step(&self, connection: &mut SmtpConnection, what: &str) -> Result<(), Trouble> {
        if let Ok(mut phase) = self.phase.lock() {
            what.clone_into(&mut phase);
        }
        if self.deadline.passed() {
            return Err(later("no time was left".into()));
        }
        let left = self.deadline.left().max(Duration::from_millis(1));
        connection.set_timeout(Some(left)).map_err(|err| later(err.to_string()))
    }

    /// An error about this mail: a 5xx is for good, but for 530, which asks for other settings.
    fn about(&self, err: &Error) -> Trouble {
        let settings = err.status().is_some_and(|code| u16::from(code) == 530);
        Trouble { never: err.is_permanent() && !settings, ..self.mendable(err) }
    }

    fn mendable(&self, err: &Error) -> Trouble {
        let mut why = reason(err);
        if let Some((user, password)) = &self.server.login {
            why = password.scrub(&why);
            // Some servers quote the command that they refuse.
            let credentials = Credentials::new(user.clone(), password.reveal().to_owned());
            for encoded in encodings(&credentials) {
                why = why.replace(&encoded, "***");
            }
        }
        later(one_line(&why, SAID))
    }
}

fn later(why: String) -> Trouble {
    Trouble { never: false, why }
}

/// The server's own words, or what the system said.
fn reason(err: &Error) -> String {
    let source = err.source();
    let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    let words = source.map_or_else(|| err.to_string(), ToString::to_string);
    match (err.status(), io.map(std::io::Error::kind)) {
        (Some(code), _) => format!("{code} {words}"),
        (None, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut)) => "no answer in time".into(),
        (None, Some(ErrorKind::UnexpectedEof)) => "the connection was closed".into(),
        (None, _) if words == "incomplete response" => "the connection was closed".into(),
        (None, _) if err.is_response() => format!("the answer is not SMTP ({words})"),
        (None, _) => io.map_or(words, why),
    }
}

fn said(answer: &Response) -> String {
    let words = answer.message().collect::<Vec<_>>().join(" ");
    one_line(&format!("{} {words}", answer.code()), SAID)
}

/// The password as it goes over the wire in base64, for PLAIN and for LOGIN.
fn encodings(credentials: &Credentials) -> Vec<String> {
    let plain = Auth::new(Mechanism::Plain, credentials.clone(), None).ok();
    // `Password:` in base64: the challenge that LOGIN answers with the password.
    let asked = "334 UGFzc3dvcmQ6\r\n".parse::<Response>().ok();
    let login = asked.and_then(|asked| {
        Auth::new_from_response(Mechanism::Login, credentials.clone(), &asked).ok()
    });
    let last = |auth: Auth| auth.to_string().split_whitespace().last().map(ToOwned::to_owned);
    [plain, login].into_iter().flatten().filter_map(last).collect()
}

#[cfg(test)]
mod tests;
