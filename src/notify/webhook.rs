//! Any HTTP receiver: method, URL, headers and a JSON text of the config's, signed if it is to be. What is filled into
//! the text cannot leave the string that it stands in. Every 2xx is an acceptance: this channel knows no words.

use std::path::PathBuf;

use ring::hmac;
use serde_json::Value;

use crate::model::fields::Fields;
use crate::model::leaving::Leaving;
use crate::model::letter::{Outgoing, Sent};
use crate::model::scrub::scrub;
use crate::model::secret::{Secret, SecretSource};
use crate::notify::facts;
use crate::notify::hidden::Hidden;
use crate::notify::keys;
use crate::notify::post::{self, Answer, Call};
use crate::notify::reach::{self, Reached};
use crate::notify::template::{Template, in_json};
use crate::sys::clock::{self, Deadline};
use crate::sys::http;

/// `t=UNIX SECONDS,v1=HMAC-SHA256 in hexadecimal` of `UNIX SECONDS.BODY`.
const SIGNATURE: &str = "X-Miraclemax-Signature";

/// What to ask of whom.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    url: SecretSource,
    method: &'static str,
    headers: Vec<(String, SecretSource)>,
    body: Option<Template>,
    secret: Option<SecretSource>,
    /// Whether several stories may be one request.
    pub(super) digests: bool,
}

impl Webhook {
    /// Takes `url`, `method`, `header`, `header_file`, `token`, `body`, `secret` and `digests`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let url = keys::secret_url(fields);
        let methods = ["POST", "PUT", "PATCH"];
        let method = fields.one_of("method", &methods.map(|word| (word, word))).unwrap_or("POST");
        let mut headers = read_headers(fields);
        let place = fields.place_of("token_file");
        if let Some(token) = fields.secret("token", "token_file", "token_env") {
            if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
                let message = "`Authorization` is a header already: keep one of the two";
                fields.wrong(&place, message.into(), None);
            }
            headers.push(("Authorization".into(), token));
        }
        let body = fields.parsed("body", "JSON with `{{names}}` in its strings", |text| {
            let template = Template::parse(text)?;
            match serde_json::from_str::<Value>(&template.sample()) {
                Ok(_) => Ok(template),
                Err(err) => {
                    Err(format!("is no JSON: line {}, column {}", err.line(), err.column()))
                }
            }
        });
        let secret = fields.secret("secret", "secret_file", "secret_env");
        let digests = fields.flag("digests").unwrap_or(true);
        Some(Self { url: url?, method, headers, body, secret, digests })
    }

    /// A line to the host of the URL: what a request would do there is not known.
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        let mut hidden = Hidden::default();
        match hidden.read(&self.url) {
            Ok(url) => reach::line(url.reveal(), &hidden, by, "whether it takes a message"),
            Err(sent) => sent.into(),
        }
    }

    /// Where its secrets are.
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        let headers = self.headers.iter().map(|(_, value)| value);
        std::iter::once(&self.url).chain(headers).chain(&self.secret).collect()
    }

    /// Sends it.
    pub(super) fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        let answer = post::ask(|hidden| self.call(out, hidden), by);
        answer.map_or_else(|sent| sent, |answer| judge(&answer))
    }

    /// What would be asked: a token may stand in the text of the config.
    pub(super) fn shown(&self, out: &Outgoing<'_>, hidden: &mut Hidden) -> Result<Leaving, Sent> {
        let call = self.call(out, hidden)?;
        let said = String::from_utf8_lossy(&call.body).into_owned();
        let body = if self.body.is_some() { scrub(&said).into_owned() } else { said };
        Ok(Call { body: body.into_bytes(), ..call }.shown())
    }

    /// The request that tells it.
    fn call(&self, out: &Outgoing<'_>, hidden: &mut Hidden) -> Result<Call, Sent> {
        let url = hidden.read(&self.url)?;
        let body = match &self.body {
            Some(template) => template.fill(out, in_json),
            None => facts::json(out).to_string(),
        };
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            let value = hidden.read(value)?;
            let value = match name.as_str() {
                "Authorization" if !value.reveal().contains(' ') => {
                    format!("Bearer {}", value.reveal())
                }
                _ => value.reveal().to_owned(),
            };
            http::valid_header(name, &value).map_err(Sent::Later)?;
            headers.push((name.clone(), value));
        }
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".into(), "application/json".into()));
        }
        if let Some(secret) = &self.secret {
            let at = clock::now().wall.as_second();
            let secret = hidden.read(secret)?;
            let sign = hidden.made(|| signature(&secret, at, &body));
            headers.push((SIGNATURE.into(), format!("t={at},v1={sign}")));
        }
        let url = url.reveal().to_owned();
        Ok(Call { method: self.method, url, headers, body: body.into_bytes() })
    }
}

fn judge(answer: &Answer) -> Sent {
    match answer.status() {
        200..=299 => answer.accepted(&format!("HTTP {}", answer.status())),
        _ => answer.refused_as_said(),
    }
}

/// In hexadecimal.
fn signature(secret: &Secret, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `header = ["Name: value"]` and `header_file = ["Name: /path"]`.
fn read_headers(fields: &mut Fields<'_>) -> Vec<(String, SecretSource)> {
    let mut headers = Vec::new();
    for (key, form) in [("header", "Name: value"), ("header_file", "Name: /path")] {
        for (text, place) in fields.secret_texts(key) {
            let Some((name, value)) = text.split_once(':') else {
                fields.wrong(
                    &place,
                    format!("`{key}` has no `:`"),
                    Some(format!("write `{form}`")),
                );
                continue;
            };
            let (name, value) = (name.trim().to_owned(), value.trim());
            let file = key == "header_file";
            let checked = http::valid_header(&name, if file { "x" } else { value });
            if let Err(why) = checked {
                fields.wrong(&place, format!("`{key}`: {why}"), None);
            } else if !file {
                headers.push((name, SecretSource::Plain(Secret::new(value))));
            } else if value.starts_with('/') {
                headers.push((name, SecretSource::File(PathBuf::from(value))));
            } else {
                let message = format!("`{key}`: the file for `{name}` is no absolute path");
                fields.wrong(&place, message, Some(format!("write `{form}`")));
            }
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{self, Mail, reply, secret_is_hidden};
    use serde_json::json;

    fn send(more: &str, answer: String) -> (Sent, Vec<testing::Asked>) {
        testing::send(vec![answer], &Mail::new("❌ a\"b", "x\\y\n"), |port| {
            format!("via = 'webhook'\nurl = 'http://127.0.0.1:{port}/hook/s3cret-path'\n{more}")
        })
    }

    #[test]
    fn without_a_text_of_its_own_all_is_told_as_json() {
        let (sent, asked) = send("", reply("204 No Content", "", ""));
        assert_eq!(sent, Sent::Accepted("HTTP 204".into()));
        assert_eq!(asked[0].line, "POST /hook/s3cret-path HTTP/1.1");
        asked[0].is_json();
        let want = json!({
            "version": 1, "id": "id@h", "thread": "t@h", "subject": "❌ a\"b", "text": "x\\y\n",
            "state": "firing", "severity": "critical",
            "stories": [{
                "change": "failed", "state": "firing", "severity": "critical",
                "name": "MiracleMax", "host": "web1", "service": "web", "domain": null, "port": null,
                "incident": "web-1", "thread": "web-1@web1", "reason": "", "cause": null,
                "healed_by": null, "next": null,
                "since": "1970-01-01T00:00:00Z", "at": "1970-01-01T00:00:00Z", "lasted_s": 0,
                "drill": false,
            }],
        });
        assert_eq!(asked[0].json(), want);
    }

    #[test]
    fn method_headers_and_text_are_as_the_config_says() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        std::fs::write(&key, "s3cret-key\n").unwrap();
        let more = format!(
            "method = 'PUT'\nheader = ['X-Team: ops']\nheader_file = ['X-Api-Key: {}']\n\
             token = 's3cret-token'\nbody = '{{\"t\": \"{{{{subject}}}} {{{{change}}}}\"}}'",
            key.display()
        );
        let (sent, asked) = send(&more, reply("200 OK", "", "s3cret-key"));
        assert_eq!(testing::class(&sent), "accepted");
        assert!(asked[0].line.starts_with("PUT /hook/"), "{}", asked[0].line);
        asked[0].is_json();
        assert_eq!(asked[0].header("x-team"), "ops");
        assert_eq!(asked[0].header("x-api-key"), "s3cret-key");
        assert_eq!(asked[0].header("authorization"), "Bearer s3cret-token");
        assert_eq!(asked[0].json(), json!({ "t": "❌ a\"b failed" }));
    }

    #[test]
    fn a_signature_is_an_hmac_of_time_and_body() {
        // RFC 4231, test case 2, has no dot in it; this one was made with openssl.
        let made = signature(&Secret::new("Jefe"), 1_700_000_000, "{}");
        assert_eq!(made, "d3793e2b4103edfbd98cc19591832f5fad701d413db9fcae0ae7dab8184ed207");
        let (_, asked) = send("secret = 'Jefe'", reply("200 OK", "", ""));
        let header = asked[0].header("x-miraclemax-signature");
        let (at, sign) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        assert_eq!(sign, signature(&Secret::new("Jefe"), at.parse().unwrap(), &asked[0].body));
    }

    #[test]
    fn each_refusal_has_its_class_and_none_shows_a_secret() {
        for (status, headers, body, want) in [
            (429, "Retry-After: 9\r\n", "", "busy 9"),
            (503, "Retry-After: 5\r\n", "", "busy 5"),
            (400, "", "no s3cret-path here", "never"),
            (422, "", "", "never"),
            (401, "", "s3cret-token is wrong", "later"),
            (404, "", "", "later"),
            (500, "", "", "later"),
            (302, "Location: /s3cret-path\r\n", "", "later"),
        ] {
            let answer = reply(&status.to_string(), headers, body);
            let (sent, _) = send("token = 's3cret-token'", answer);
            assert_eq!(testing::class(&sent), want, "{status}: {sent:?}");
            secret_is_hidden(&sent, "s3cret");
        }
    }

    #[test]
    fn mistakes_are_told_and_no_value_is_shown() {
        for (more, want) in [
            ("body = '{\"a\": {{text}}'", "`body`: is no JSON: line 1"),
            ("body = '{\"a\": \"{{txt}}\"}'", "there is no `{{txt}}`, but `{{text}}`"),
            ("header = 's3cret'", "`header` has no `:`"),
            ("header = 'X Y: s3cret'", "`X Y` is no name of a header"),
            ("header_file = 'X-Key: s3cret'", "the file for `X-Key` is no absolute path"),
            ("method = 'GET'", "`method` expects one of `POST`, `PUT`, `PATCH`, found `GET`"),
        ] {
            let table = format!("via = 'webhook'\nurl = 'https://h.example/s3cret'\n{more}");
            let (_, problems) = testing::read(&table);
            assert!(problems.contains(want), "{want}: {problems}");
            assert!(!problems.contains("s3cret"), "{problems}");
        }
    }
}
