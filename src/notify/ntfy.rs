//! ntfy, hosted or one's own: a message published as JSON, with a priority for each change. The topic is a secret:
//! who knows it can read along. Wire format: <https://docs.ntfy.sh/publish/#publish-as-json>.
//!
//! Messages of one incident have no `sequence_id` in common. It would have the newest take the place of the others: the
//! Android app makes no sound for that while the older one is still shown, so a reminder would wake nobody, and the end
//! would hide the failure from who was asleep.

use serde_json::{Value, json};

use crate::model::fields::Fields;
use crate::model::letter::{Outgoing, Sent};
use crate::model::secret::SecretSource;
use crate::model::story::{Change, Story};
use crate::notify::fit;
use crate::notify::hidden::Hidden;
use crate::notify::keys;
use crate::notify::phase::Phase;
use crate::notify::post::{self, Answer, Call};
use crate::notify::reach::{self, Reached};
use crate::sys::clock::Deadline;
use crate::sys::http;

/// Bytes of a message; a longer one would become an attachment, or be refused.
const LIMIT: usize = 4096;

/// A topic of a server.
#[derive(Debug, Clone)]
pub(super) struct Ntfy {
    server: String,
    topic: SecretSource,
    token: Option<SecretSource>,
    click: Option<String>,
}

impl Ntfy {
    /// Takes `topic`, `url` (of the server), `token` and `click` (what opens when it is tapped).
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let server = keys::server(fields, "https://ntfy.sh");
        let topic = keys::secret(fields, ["topic", "topic_file", "topic_env"]);
        let token = fields.secret("token", "token_file", "token_env");
        let click = fields.word("click");
        Some(Self { server: server?, topic: topic?, token, click })
    }

    pub(super) fn server(&self) -> &str {
        self.server.split_once("://").map_or(&self.server, |(_, rest)| rest)
    }

    /// The server's own word for how it is.
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        let answer =
            match Call::get(format!("{}/v1/health", self.server)).send(by, &Hidden::default()) {
                Ok(answer) => answer,
                Err(sent) => return sent.into(),
            };
        match (answer.status(), answer.json()["healthy"].as_bool()) {
            (200, Some(true)) => {
                let said = format!("{} is healthy", self.server());
                Reached::yes(said, "whether it takes this topic and token")
            }
            _ => reach::refused(&answer, &answer.text()),
        }
    }

    /// Where its secrets are.
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        std::iter::once(&self.topic).chain(&self.token).collect()
    }

    /// Publishes it.
    pub(super) fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        let answer = post::ask(|hidden| self.call(out, hidden), by);
        answer.map_or_else(|sent| sent, |answer| judge(&answer))
    }

    /// The request that publishes it.
    pub(super) fn call(&self, out: &Outgoing<'_>, hidden: &mut Hidden) -> Result<Call, Sent> {
        let topic = hidden.read(&self.topic)?;
        let token = self.token.as_ref().map(|token| hidden.read(token)).transpose()?;
        let body = out.letter.body.trim_end();
        let mut message = json!({
            "topic": topic.reveal(),
            "title": fit::unmarked(&out.letter.subject),
            "message": fit::cut(body, LIMIT, char::len_utf8, &fit::rest(out.stories)),
            "priority": out.stories.iter().map(|story| priority(story)).max().unwrap_or(3),
            "tags": tags(out.stories),
        });
        if let Some(click) = &self.click {
            message["click"] = click.as_str().into();
        }
        let mut call = Call::json(&self.server, &message);
        if let Some(token) = token {
            let bearer = format!("Bearer {}", token.reveal());
            http::valid_header("Authorization", &bearer).map_err(Sent::Later)?;
            call = call.header("Authorization", &bearer);
        }
        Ok(call)
    }
}

fn judge(answer: &Answer) -> Sent {
    let json = answer.json();
    if let (200, Some(id)) = (answer.status(), json["id"].as_str()) {
        return answer.accepted(&format!("message {id}"));
    }
    let said = json["error"].as_str().map_or_else(|| answer.text(), str::to_owned);
    post::mendable(answer.refused(&said, None), said.contains("topic"))
}

/// From 1 to 5, where 3 is the usual one and 5 keeps ringing.
fn priority(story: &Story) -> u8 {
    match (story.change, story.critical) {
        (Change::Summary, _) => 2,
        (change, _) if Phase::of(change).is_good() => 3,
        (Change::Failed | Change::Escalated | Change::Reboot, true) => 5,
        _ => 4,
    }
}

/// The first is the name of an emoji, which is shown before the title.
fn tags(stories: &[&Story]) -> Value {
    let good = stories.iter().all(|story| Phase::of(story.change).is_good());
    let mark = if good { "white_check_mark" } else { "rotating_light" };
    match stories {
        [story] => json!([mark, story.change.word(), story.host]),
        _ => json!([mark]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{self, Mail, reply, secret_is_hidden};

    fn send(mail: &Mail, answer: String) -> (Sent, Vec<testing::Asked>) {
        testing::send(vec![answer], mail, |port| {
            format!(
                "via = 'ntfy'\nurl = 'http://127.0.0.1:{port}'\ntopic = 's3cret-topic'\n\
                 token = 'tk_s3cret'\nclick = 'https://status.example.org/'"
            )
        })
    }

    #[test]
    fn a_message_has_title_priority_tags_and_what_a_tap_opens() {
        let ok = reply("200 OK", "", r#"{"id":"xE7","event":"message","topic":"s3cret-topic"}"#);
        let (sent, asked) = send(&Mail::new("❌ Shop: web - FAILED", "text\n"), ok);
        assert_eq!(sent, Sent::Accepted("message xE7".into()));
        assert_eq!(asked[0].line, "POST / HTTP/1.1");
        assert_eq!(asked[0].header("authorization"), "Bearer tk_s3cret");
        let want = json!({
            "topic": "s3cret-topic",
            "title": "Shop: web - FAILED",
            "message": "text",
            "priority": 5,
            "tags": ["rotating_light", "failed", "web1"],
            "click": "https://status.example.org/",
        });
        assert_eq!(asked[0].json(), want);
    }

    #[test]
    fn a_long_message_is_cut_to_4096_bytes_on_a_character() {
        let (_, asked) = send(&Mail::new("x", &"ä€🔥".repeat(2000)), reply("507", "", ""));
        let json = asked[0].json();
        let text = json["message"].as_str().unwrap();
        assert!((4080..=4096).contains(&text.len()), "{}", text.len());
        assert!(text.ends_with("miraclemax status web]"), "{text}");
    }

    #[test]
    fn each_refusal_has_its_class_and_none_shows_topic_or_token() {
        for (status, headers, body, want) in [
            (429, "Retry-After: 60\r\n", r#"{"code":42901,"error":"limit reached"}"#, "busy 60"),
            (429, "", r#"{"code":42908,"error":"daily quota for s3cret-topic"}"#, "later"),
            (400, "", r#"{"code":40009,"error":"topic s3cret-topic is invalid"}"#, "later"),
            (
                400,
                "",
                r#"{"code":40024,"error":"invalid request: request body must be valid JSON"}"#,
                "never",
            ),
            (401, "", r#"{"code":40101,"error":"unauthorized tk_s3cret"}"#, "later"),
            (403, "", r#"{"code":40301,"error":"forbidden"}"#, "later"),
            (413, "", r#"{"code":41301,"error":"too large"}"#, "never"),
            (500, "", "", "later"),
            (200, "", "<html>tk_s3cret</html>", "later"),
        ] {
            let (sent, _) = send(&Mail::new("a", "b"), reply(&status.to_string(), headers, body));
            assert_eq!(testing::class(&sent), want, "{status}: {sent:?}");
            secret_is_hidden(&sent, "s3cret");
        }
    }
}
