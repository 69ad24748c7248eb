//! Dead man's switches outside the host. One file a service: its request, what its answer means. A ping is
//! accepted only if the service says so; it is tried again within its deadline. What a service cannot be told is
//! said, not dropped. The URL is a secret: it is in no answer, no error, no log. Never decides what is claimed: the
//! caller brings signal, text and facts.

use std::time::Duration;

use uuid::Uuid;

use crate::model::place::Place;
use crate::model::secret::{Secret, SecretSource};
use crate::sys::clock::{self, Deadline, Stopwatch};
use crate::sys::http::{self, Request, Response, Trouble};
use crate::sys::{host, secret};

mod address;
mod alertmanager;
mod all;
mod answer;
mod beside;
mod better_stack;
mod body;
mod cronitor;
mod datadog;
mod dead_mans_snitch;
mod dogstatsd;
mod facts;
mod headers;
mod healthchecks;
pub mod healthchecks_api;
mod hearing;
mod kind;
mod labels;
mod numbers;
mod otlp;
mod pushgateway;
mod read;
mod request;
mod secrets;
mod template;
mod tries;
mod uptime_kuma;
mod uptime_robot;

pub use all::ping_all;
pub use beside::Beside;
pub use facts::{Facts, Health};
pub use kind::Kind;

use answer::Answer;

/// A `[[heartbeat]]`.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Its name, unique.
    pub name: String,
    /// Which service; none when its URL tells, see [`Kind::of_url`].
    pub kind: Option<Kind>,
    /// Where to ping: a secret.
    pub url: SecretSource,
    /// How often it expects to be pinged, when told.
    pub period: Option<Duration>,
    /// How much later still counts as alive, when told.
    pub grace: Option<Duration>,
    /// Bound on one try; 10 s unless given.
    pub timeout: Duration,
    /// Tries a ping, from 1 to 10; 3 unless given.
    pub tries: u32,
    /// What its success stands for.
    pub reports: Reports,
    /// The services that it is about, and where that is written; all of them when empty.
    pub services: Vec<(String, Place)>,
    /// Its check, where the service has an API to make it by.
    pub settings: healthchecks_api::Settings,
}

/// What a heartbeat's success stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reports {
    /// That all is well: an outage is told as a failure.
    #[default]
    Health,
    /// That somebody looks: an outage is none of its business, so that a host which dies during one is still missed.
    Liveness,
}

/// What a ping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// All is well, or the job ended well.
    Success,
    /// A job has begun.
    Start,
    /// Something is wrong.
    Fail,
    /// Only to be written down: changes no state there.
    Log,
    /// A job ended with this exit status; 0 is success.
    ExitCode(u8),
}

impl Signal {
    /// As it stands in state and output: `success`, `start`, `fail`, `log`, `exit 3`.
    pub fn word(self) -> String {
        match self {
            Self::Success => "success".into(),
            Self::Start => "start".into(),
            Self::Fail => "fail".into(),
            Self::Log => "log".into(),
            Self::ExitCode(code) => format!("exit {code}"),
        }
    }
}

/// One ping to be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ping<'a> {
    /// What it says.
    pub signal: Signal,
    /// Its text; longer than the service takes, its end is sent.
    pub body: &'a str,
    /// Names the run, so that the service pairs start and end.
    pub rid: Option<Uuid>,
    /// Bytes of body that the service is known to take ([`Pinged::body_limit`] of an earlier ping).
    pub body_limit: Option<usize>,
    /// How long the job ran, at its end.
    pub took: Option<Duration>,
    /// What is known of the services, for those that keep numbers.
    pub facts: Option<&'a Facts>,
}

impl<'a> Ping<'a> {
    /// `signal` with `body`, of no named run.
    pub fn new(signal: Signal, body: &'a str) -> Self {
        Self { signal, body, rid: None, body_limit: None, took: None, facts: None }
    }

    /// The host that it is about.
    fn host(&self) -> String {
        self.facts.map_or_else(host::name, |facts| facts.host.clone())
    }

    /// Whether it says that something is wrong.
    fn is_bad(&self) -> bool {
        match self.signal {
            Signal::Success | Signal::Start | Signal::Log => false,
            Signal::ExitCode(code) => code != 0,
            Signal::Fail => true,
        }
    }
}

/// What came of a ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinged {
    /// True only if the service said that it took it.
    pub accepted: bool,
    /// `accepted`, with what was left out of it; or why it was not. One line that never holds the URL.
    pub answer: String,
    /// The host that was asked; empty when it is not known.
    pub by: String,
    /// Nothing was sent, because the service cannot be told this: no failure of the ping.
    pub unheard: bool,
    /// How often it was tried; 0 when it could not be tried at all.
    pub tries: u32,
    /// Pauses included.
    pub took: Duration,
    /// Bytes of body that the service says it takes, when it says.
    pub body_limit: Option<usize>,
}

impl Pinged {
    /// One that was never tried, and why.
    fn untried(why: String) -> Self {
        let (by, took) = (String::new(), Duration::ZERO);
        Self { accepted: false, answer: why, by, unheard: false, tries: 0, took, body_limit: None }
    }
}

impl Heartbeat {
    /// Pings it, trying again until it is accepted, refused for good, out of tries, or out of time.
    pub fn ping(&self, ping: &Ping<'_>, deadline: Deadline) -> Pinged {
        self.ping_with(ping, deadline, &mut http::send, &mut |time| {
            clock::pause(time.min(deadline.left()));
            true
        })
    }

    /// Like [`Self::ping`], with the door and the pause (false from it: try no more) as arguments.
    fn ping_with(
        &self,
        ping: &Ping<'_>,
        deadline: Deadline,
        send: &mut dyn FnMut(&Request) -> Result<Response, Trouble>,
        pause: &mut dyn FnMut(Duration) -> bool,
    ) -> Pinged {
        let watch = Stopwatch::start();
        let url = match secret::read(&self.url) {
            Ok(url) => url,
            Err(err) => return Pinged::untried(format!("{err:#}")),
        };
        let found = Kind::of_url(url.reveal());
        let kind = self.kind.as_ref().unwrap_or(&found);
        let heard = match hearing::of(kind, ping) {
            Ok(heard) => heard,
            Err(why) => return Pinged { unheard: true, ..Pinged::untried(why) },
        };
        let mut body_limit = ping.body_limit;
        let bounds = tries::Bounds { tries: self.tries, timeout: self.timeout, deadline };
        let mut once =
            |limit: Duration| self.once(kind, &url, &heard.ping, limit, &mut body_limit, send);
        let outcome = tries::run(&bounds, &mut once, pause, &mut tries::spread);
        let (accepted, answer) = match outcome.refused {
            None => (true, heard.accepted),
            Some(why) => (false, url.scrub_url(&why)),
        };
        let by = address::host(url.reveal()).to_owned();
        let (tries, took) = (outcome.tries, watch.read());
        Pinged { accepted, answer, by, unheard: false, tries, took, body_limit }
    }

    /// One try.
    fn once(
        &self,
        kind: &Kind,
        url: &Secret,
        ping: &Ping<'_>,
        limit: Duration,
        body_limit: &mut Option<usize>,
        send: &mut dyn FnMut(&Request) -> Result<Response, Trouble>,
    ) -> Answer {
        let ping = Ping { body_limit: *body_limit, ..*ping };
        if let Some(answer) = kind.tell(url.reveal(), &ping, limit) {
            return answer;
        }
        let response = match kind.request(self, url.reveal(), &ping, limit) {
            Err(why) => return Answer::Refused(why),
            Ok(request) => match send(&request) {
                Err(trouble) => return answer::of_trouble(&trouble),
                Ok(response) => response,
            },
        };
        *body_limit = kind.body_limit(&response).or(*body_limit);
        kind.judge(&response)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod wire_numbers;
