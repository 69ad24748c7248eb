//! `https://host/path#status=200&contains=ok`: a URL answers as it should, and soon enough. TLS is verified
//! against the host's trust store. Reads a bounded part of the answer, and only if it is wanted; never shows
//! what may be a secret in the URL or in what it is asked with.

mod address;
mod asking;
mod expecting;
mod json;

use crate::model::fields::Fields;
use crate::model::text::human_duration;
use crate::probe::certificate::Asked;
use crate::probe::http::address::Address;
use crate::probe::http::asking::Asking;
use crate::probe::http::expecting::Expecting;
use crate::probe::limits::keys;
use crate::probe::took::Took;
use crate::probe::{Answer, At};
use crate::sys::http::{Request, Trouble, send};

/// Followed unless told otherwise: as many as `http` to `https` to a login page and back need.
const REDIRECTS: u32 = 5;

/// What to ask, and what the answer must be.
#[derive(Debug, Clone)]
pub struct Http {
    address: Address,
    asking: Asking,
    redirects: u32,
    expecting: Expecting,
    took: Took,
    asked: Asked,
}

impl Http {
    /// `target` is the URL, or what follows the scheme's `:`. Keys: those of where it is asked, what it is asked
    /// with and what it must answer (see the modules); of the time of the whole answer; of the certificate;
    /// `redirects` (how many are followed, 0 to 10; 5 unless given).
    pub(super) fn read(kind: &str, target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let address = Address::read(kind, target, fields);
        let method_at = fields.place_of("method");
        let asking = Asking::read(address.as_ref(), fields);
        let expecting = Expecting::read(fields);
        if asking.method == "HEAD" && expecting.needs_body() {
            let message = "the answer to `HEAD` has no body to look into";
            fields.wrong(&method_at, message.into(), None);
        }
        let took = Took::read(fields);
        let redirects =
            fields.whole("redirects", 0..=10).and_then(|count| u32::try_from(count).ok());
        let plain = address.as_ref().is_some_and(|address| address.url.starts_with("http:"));
        if plain && fields.has("days") {
            fields.problem("days", "a URL with `http://` has no certificate", None);
        }
        let asked = Asked::read(&keys!("days"), fields);
        let redirects = redirects.unwrap_or(REDIRECTS);
        Some(Self { address: address?, asking, redirects, expecting, took, asked })
    }

    /// The URL without what may be a secret.
    pub(super) fn shown(&self) -> String {
        self.address.shown()
    }

    /// The host that is asked first over the network.
    pub(super) fn host_name(&self) -> Option<&str> {
        self.address.host_name()
    }

    /// The port that is asked first over the network.
    pub(super) fn port(&self) -> Option<u16> {
        self.address.port()
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let who = self.address.who();
        let ready = match self.asking.ready() {
            Ok(ready) => ready,
            Err(unready) => {
                let answer = Answer::unknown(format!("`{who}` was not asked: {}", unready.why));
                return match unready.hint {
                    Some(hint) => answer.hinting(hint),
                    None => answer,
                };
            }
        };
        let request = Request {
            method: self.asking.method.to_owned(),
            url: self.address.url.clone(),
            headers: ready.headers,
            body: ready.body,
            limit: at.limit,
            redirects: self.redirects,
            most: self.expecting.most(),
            unix: self.address.unix.clone(),
            trust: self.asked.trust.clone(),
        };
        let answer = self.answered(&request, &who, at);
        let answer = ready
            .warnings
            .into_iter()
            .fold(answer, |answer, (said, hint)| answer.warning(said).hinting(hint));
        answer.scrubbed(&ready.secrets)
    }

    fn answered(&self, request: &Request, who: &str, at: &At<'_>) -> Answer {
        match send(request) {
            Ok(response) => {
                let asked = expecting::Asked { who, method: self.asking.method };
                let answer = self.expecting.judge(&response, who);
                let answer = self.took.hold(answer, response.took, "answered", who, at);
                let answer = self.expecting.sized(answer, &response, &asked, at.before);
                self.asked.hold(answer, who, &response.presented, at.before)
            }
            Err(Trouble::Here(why)) => Answer::unknown(format!("`{who}` cannot be judged: {why}")),
            Err(trouble @ Trouble::Request(_)) => Answer::unknown(format!("`{who}`: {trouble}")),
            Err(Trouble::Timeout(doing)) => Answer::down(format!(
                "`{who}` did not answer within {}: timed out while {doing}",
                human_duration(at.limit)
            )),
            Err(trouble) => Answer::down(format!("`{who}`: {trouble}")),
        }
    }
}

#[cfg(test)]
mod tests;
