//! One request to the API, its answer, and what its refusals mean.

use std::time::Duration;

use serde_json::Value;

use crate::heartbeat::answer::{self, Answer};
use crate::heartbeat::healthchecks_api::{Check, Failed, Failure};
use crate::heartbeat::tries;
use crate::model::secret::Secret;
use crate::model::text::one_line;
use crate::sys::clock::{self, Deadline};
use crate::sys::http::{self, Request, Response};
use crate::sys::tls::Trust;

/// Most that is read of an answer: the list of a project's checks.
const MOST: usize = 8 << 20;

/// The API of one project.
pub(super) struct Client {
    /// `https://HOST`
    pub(super) base: String,
    pub(super) key: Secret,
    /// The ping URL, which no error may show.
    pub(super) url: Option<Secret>,
    /// Bound on one try.
    pub(super) timeout: Duration,
    pub(super) tries: u32,
    pub(super) deadline: Deadline,
}

impl Client {
    /// The check of this UUID.
    pub(super) fn get(&self, uuid: &str) -> Result<Check, Failed> {
        check(self.call("GET", &format!("/checks/{uuid}"), None)?.1)
    }

    /// The one check of this slug, else of this name; none when there is none.
    pub(super) fn find(&self, slug: Option<&str>, name: &str) -> Result<Option<Check>, Failed> {
        let query = slug.map_or_else(String::new, |slug| format!("?slug={slug}"));
        let (_, mut answer) = self.call("GET", &format!("/checks/{query}"), None)?;
        let Value::Array(all) = answer["checks"].take() else { return Err(strange()) };
        let all = all.into_iter().map(check).collect::<Result<Vec<_>, _>>()?;
        let asked = |check: &Check| match slug {
            Some(slug) => check.slug == slug,
            None => check.name == name,
        };
        let mut found: Vec<Check> = all.into_iter().filter(asked).collect();
        if found.len() > 1 {
            let why = format!("{} checks there are called so", found.len());
            let hint = "write the URL of one of them to `url_file`, or give it a `slug` of its own";
            return Err(Failed::new(Failure::Refused, why).hint(hint));
        }
        Ok(found.pop())
    }

    /// Makes it, unless one with the same value of the field `unique` has come up meanwhile; whether it was made.
    pub(super) fn create(&self, mut body: Value, unique: &str) -> Result<(Check, bool), Failed> {
        body["unique"] = serde_json::json!([unique]);
        let (status, answer) = self.call("POST", "/checks/", Some(&body))?;
        Ok((check(answer)?, status == 201))
    }

    /// Changes it.
    pub(super) fn update(&self, uuid: &str, body: &Value) -> Result<Check, Failed> {
        check(self.call("POST", &format!("/checks/{uuid}"), Some(body))?.1)
    }

    /// Pauses it.
    pub(super) fn pause(&self, uuid: &str) -> Result<Check, Failed> {
        check(self.call("POST", &format!("/checks/{uuid}/pause"), None)?.1)
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value), Failed> {
        let bounds =
            tries::Bounds { tries: self.tries, timeout: self.timeout, deadline: self.deadline };
        let mut last = Err(Failed::new(Failure::Unanswered, ""));
        let mut once = |limit| match http::send(&self.request(method, path, body, limit)) {
            Err(trouble) => {
                last = Err(Failed::new(Failure::Unanswered, ""));
                answer::of_trouble(&trouble)
            }
            Ok(response) => {
                last = judge(method, path, &response);
                match &last {
                    Ok(_) => Answer::Accepted,
                    Err(failed) if failed.what == Failure::Unanswered => {
                        answer::of_status(&response)
                    }
                    Err(failed) => Answer::Refused(failed.why.clone()),
                }
            }
        };
        let mut pause = |time: Duration| {
            clock::pause(time.min(self.deadline.left()));
            true
        };
        let outcome = tries::run(&bounds, &mut once, &mut pause, &mut tries::spread);
        last.map_err(|failed| {
            let why = outcome.refused.unwrap_or(failed.why);
            Failed { why: self.scrub(&why), ..failed }
        })
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>, limit: Duration) -> Request {
        let mut headers = vec![("X-Api-Key".to_owned(), self.key.reveal().to_owned())];
        if method == "POST" {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        Request {
            method: method.to_owned(),
            url: format!("{}/api/v3{path}", self.base),
            headers,
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            limit,
            redirects: 0,
            most: MOST,
            unix: None,
            trust: Trust::default(),
        }
    }

    fn scrub(&self, text: &str) -> String {
        let text = self.key.scrub(text);
        match &self.url {
            Some(url) => url.scrub_url(&text),
            None => text,
        }
    }
}

/// What the answer means. Those that are left to [`answer::of_status`] are [`Failure::Unanswered`].
fn judge(method: &str, path: &str, response: &Response) -> Result<(u16, Value), Failed> {
    let said: Option<Value> = serde_json::from_slice(&response.body).ok();
    let error = said.as_ref().and_then(|said| said["error"].as_str());
    let error = error.map(|error| format!(": {}", one_line(error, 200))).unwrap_or_default();
    let refused = |why: &str| Failed::new(Failure::Refused, why);
    match response.status {
        200 | 201 => match said.filter(Value::is_object) {
            Some(said) => Ok((response.status, said)),
            None => Err(strange()),
        },
        300..=399 => Err(refused(&format!("redirected ({})", response.status))
            .hint("`api_url` is the address as the server itself writes it, with https")),
        400 => Err(refused(&format!("not taken (400){error}"))),
        401 => Err(refused(&format!("the API key is not accepted (401){error}")).hint(
            if method == "GET" {
                "it is 32 characters from the project's settings there, not the ping key"
            } else {
                "it must be a read-write key: 32 characters from the project's settings there"
            },
        )),
        403 if method == "POST" && path == "/checks/" => {
            Err(refused("the account has no room for another check (403)"))
        }
        403 => Err(refused("the check is of another project than the API key (403)")),
        404 if path.starts_with("/checks/?") || path == "/checks/" => {
            Err(refused("there is no such API (404)")
                .hint("`api_url` is the address of the server: `https://hc.example.org`"))
        }
        404 => Err(Failed::new(Failure::Gone, "there is no such check (404)")),
        _ => Err(Failed::new(Failure::Unanswered, "")),
    }
}

fn check(answer: Value) -> Result<Check, Failed> {
    serde_json::from_value(answer).map_err(|_| strange())
}

fn strange() -> Failed {
    let why = "answered, but not as this API does: a captive portal?";
    Failed::new(Failure::Refused, why).hint("if it is a server of your own, see `api_url`")
}
