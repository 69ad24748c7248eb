//! Dead man's switches outside the host. One file a service: its request, what its answer means. A ping is
//! accepted only if the service says so; it is tried again within its deadline. The URL is a secret: it is in
//! no answer, no error, no log. Never decides what is claimed: the caller brings signal and body.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use uuid::Uuid;

use crate::model::fields::Fields;
use crate::model::secret::{Secret, SecretSource};
use crate::sys::clock::{self, Deadline, Stopwatch};
use crate::sys::http::{self, Request, Response, Trouble};
use crate::sys::secret;

mod address;
mod answer;
mod beside;
mod body;
mod healthchecks;
mod tries;

pub use beside::Beside;

use answer::Answer;

/// Pinged side by side at most.
const JOBS: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not 0");

/// Which service, and so which wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Healthchecks, hosted or one's own, and what speaks like it.
    Healthchecks,
}

impl Kind {
    /// Every name with its kind.
    pub const ALL: [(&'static str, Self); 1] = [("healthchecks", Self::Healthchecks)];
}

/// A `[[heartbeat]]`.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Its name, unique.
    pub name: String,
    /// Which service.
    pub kind: Kind,
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
#[derive(Debug, Clone, Copy)]
pub struct Ping<'a> {
    /// What it says.
    pub signal: Signal,
    /// Its text; longer than the service takes, its end is sent.
    pub body: &'a str,
    /// Names the run, so that the service pairs start and end.
    pub rid: Option<Uuid>,
    /// Bytes of body that the service is known to take ([`Pinged::body_limit`] of an earlier ping).
    pub body_limit: Option<usize>,
}

impl<'a> Ping<'a> {
    /// `signal` with `body`, of no named run.
    pub fn new(signal: Signal, body: &'a str) -> Self {
        Self { signal, body, rid: None, body_limit: None }
    }
}

/// What came of a ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinged {
    /// True only if the service said that it took it.
    pub accepted: bool,
    /// `accepted`, or why it was not; one line that never holds the URL.
    pub answer: String,
    /// The host that was asked; empty when it is not known.
    pub by: String,
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
        Self { accepted: false, answer: why, by, tries: 0, took, body_limit: None }
    }
}

impl Heartbeat {
    /// Reads a `[[heartbeat]]` table.
    pub fn read(mut fields: Fields<'_>) -> Option<Self> {
        let name = fields.required("name");
        let place = fields.place_of("url");
        let url = fields.secret("url", "url_file", "url_env");
        let kind = fields.one_of("kind", &Kind::ALL).unwrap_or(Kind::Healthchecks);
        let (period, grace) = (fields.duration("period"), fields.duration("grace"));
        let timeout = fields.duration("timeout").unwrap_or(Duration::from_secs(10));
        let tries = fields.whole("tries", 1..=10).and_then(|n| u32::try_from(n).ok()).unwrap_or(3);
        match &url {
            None => {
                fields.problem("name", "a heartbeat needs `url_file`, `url_env` or `url`", None);
            }
            Some(SecretSource::Plain(plain)) => {
                if let Err(why) = address::check(plain.reveal()) {
                    let hint = "copy it whole from the service: `https://hc-ping.com/…`";
                    fields.problems().at_with_hint(&place, format!("`url` {why}"), hint);
                }
            }
            Some(SecretSource::File(_) | SecretSource::Env(_)) => {}
        }
        fields.finish();
        Some(Self { name, kind, url: url?, period, grace, timeout, tries })
    }

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
        let mut body_limit = ping.body_limit;
        let bounds = tries::Bounds { tries: self.tries, timeout: self.timeout, deadline };
        let mut once = |limit: Duration| self.once(&url, ping, limit, &mut body_limit, send);
        let outcome = tries::run(&bounds, &mut once, pause, &mut tries::spread);
        let (accepted, answer) = match outcome.refused {
            None => (true, "accepted".to_owned()),
            Some(why) => (false, address::scrub(url.reveal(), &why)),
        };
        let by = address::host(url.reveal()).to_owned();
        Pinged { accepted, answer, by, tries: outcome.tries, took: watch.read(), body_limit }
    }

    /// One try.
    fn once(
        &self,
        url: &Secret,
        ping: &Ping<'_>,
        limit: Duration,
        body_limit: &mut Option<usize>,
        send: &mut dyn FnMut(&Request) -> Result<Response, Trouble>,
    ) -> Answer {
        let request = match self.kind {
            Kind::Healthchecks => healthchecks::request(url.reveal(), ping, *body_limit, limit),
        };
        let response = match request {
            Err(why) => return Answer::Refused(why),
            Ok(request) => match send(&request) {
                Err(trouble) => return answer::of_trouble(&trouble),
                Ok(response) => response,
            },
        };
        match self.kind {
            Kind::Healthchecks => {
                *body_limit = healthchecks::body_limit(&response).or(*body_limit);
                healthchecks::judge(&response)
            }
        }
    }
}

/// Pings them all with what `say` has for each (by its place in `heartbeats`), side by side under a bound;
/// the answers are in the same order.
pub fn ping_all<'a>(
    heartbeats: &[&Heartbeat],
    say: &(dyn Fn(usize) -> Ping<'a> + Sync),
    deadline: Deadline,
) -> Vec<Pinged> {
    if let [only] = heartbeats {
        return vec![only.ping(&say(0), deadline)];
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(heartbeat) = heartbeats.get(index) else { return done };
            done.push((index, heartbeat.ping(&say(index), deadline)));
        }
    };
    let mut answers = vec![None; heartbeats.len()];
    std::thread::scope(|scope| {
        // Where a thread cannot be had (a host out of processes) this one does its part of the work.
        let threads: Vec<_> = (1..heartbeats.len().min(JOBS.get()))
            .filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mine = work();
        for (index, pinged) in
            threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().chain(mine)
        {
            answers[index] = Some(pinged);
        }
    });
    let lost = || Pinged::untried("the ping failed inside this program".into());
    answers.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect()
}

#[cfg(test)]
mod tests;
