//! Discord: a webhook of a channel, whose URL is the secret. Nobody is mentioned, whatever stands in the text.
//! Wire format: <https://discord.com/developers/docs/resources/webhook#execute-webhook>.

use serde_json::json;

use crate::model::fields::Fields;
use crate::model::letter::{Outgoing, Sent};
use crate::model::secret::SecretSource;
use crate::model::story::Story;
use crate::model::text::one_line;
use crate::notify::fit::{self, utf16};
use crate::notify::keys;
use crate::notify::phase::Phase;
use crate::notify::post::{self, Answer, Call, Hidden};
use crate::notify::reach::{self, Reached};
use crate::sys::clock::Deadline;

/// Characters of the text before an embed, and of an embed's description; counted in UTF-16, which is never fewer.
const CONTENT: usize = 2000;
const DESCRIPTION: usize = 4096;
const FENCE: &str = "```";

/// A webhook.
#[derive(Debug, Clone)]
pub(super) struct Discord {
    url: SecretSource,
}

impl Discord {
    /// Takes `url`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        keys::secret_url(fields).map(|url| Self { url })
    }

    /// The webhook as Discord describes it, which posts nothing.
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        let mut hidden = Hidden::default();
        let answer = hidden
            .read(&self.url)
            .and_then(|url| Call::get(url.reveal().to_owned()).send(by, &hidden));
        let answer = match answer {
            Ok(answer) => answer,
            Err(sent) => return sent.into(),
        };
        let json = answer.json();
        if answer.status() == 200 && json["channel_id"].is_string() {
            let name = one_line(json["name"].as_str().unwrap_or("a webhook"), 60);
            return Reached::yes(
                format!("the webhook `{name}` is known"),
                "whether a message arrives",
            );
        }
        let said = json["message"].as_str().map_or_else(|| answer.text(), str::to_owned);
        reach::refused(&answer, &said)
    }

    /// Where its secrets are.
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        vec![&self.url]
    }

    /// Sends it, and waits for the server to confirm that it was stored.
    pub(super) fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        let mut hidden = Hidden::default();
        let url = match hidden.read(&self.url) {
            Ok(url) => url,
            Err(sent) => return sent,
        };
        let mark = if url.reveal().contains('?') { '&' } else { '?' };
        let url = format!("{}{mark}wait=true", url.reveal());
        let rest = fit::rest(out.stories);
        let body = out.letter.body.trim_end().replace(FENCE, "'''");
        let body = fit::cut(&body, DESCRIPTION - 2 * FENCE.len() - 2, utf16, &rest);
        let mut embed = json!({
            "description": format!("{FENCE}\n{body}\n{FENCE}"),
            "color": colour(out.stories),
        });
        if let Some(story) = out.stories.first() {
            embed["timestamp"] = story.at.to_string().into();
        }
        let message = json!({
            "content": fit::cut(&escape(&out.letter.subject), CONTENT, utf16, &rest),
            "embeds": [embed],
            "allowed_mentions": { "parse": [] },
        });
        match Call::json(&url, &message).send(by, &hidden) {
            Ok(answer) => judge(&answer),
            Err(sent) => sent,
        }
    }
}

fn judge(answer: &Answer) -> Sent {
    let json = answer.json();
    match (answer.status(), json["id"].as_str()) {
        (200, Some(id)) => answer.accepted(&format!("message {id}")),
        (204, _) => answer.accepted("taken"),
        _ => {
            let said = json["message"].as_str().map_or_else(|| answer.text(), str::to_owned);
            answer.refused(&said, post::seconds(&json["retry_after"]))
        }
    }
}

/// Green when all is well again, else red or, for what is no outage of something critical, amber.
fn colour(stories: &[&Story]) -> u32 {
    let good = |story: &&Story| Phase::of(story.change).is_good();
    if stories.iter().all(good) {
        0x002e_cc71
    } else if stories.iter().any(|story| !good(story) && story.critical) {
        0x00e7_4c3c
    } else {
        0x00f3_9c12
    }
}

/// The characters of Discord's Markdown, taken literally.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '[' | ']' | '#' | '<') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{self, Mail, reply, secret_is_hidden};

    fn send(mail: &Mail, answer: String) -> (Sent, Vec<testing::Asked>) {
        testing::send(vec![answer], mail, |port| {
            format!("via = 'discord'\nurl = 'http://127.0.0.1:{port}/api/webhooks/1/s3cret-hook'")
        })
    }

    #[test]
    fn a_message_is_a_title_and_an_embed_and_mentions_nobody() {
        let mail = Mail::new("❌ my_web *x*", "a @everyone\n```b\n");
        let (sent, asked) = send(&mail, reply("200 OK", "", r#"{"id":"77"}"#));
        assert_eq!(sent, Sent::Accepted("message 77".into()));
        assert_eq!(asked[0].line, "POST /api/webhooks/1/s3cret-hook?wait=true HTTP/1.1");
        asked[0].is_json();
        let want = json!({
            "content": "❌ my\\_web \\*x\\*",
            "embeds": [{
                "description": "```\na @everyone\n'''b\n```",
                "color": 0x00e7_4c3c,
                "timestamp": "1970-01-01T00:00:00Z",
            }],
            "allowed_mentions": { "parse": [] },
        });
        assert_eq!(asked[0].json(), want);
    }

    #[test]
    fn a_description_never_has_more_than_4096_characters() {
        let (_, asked) = send(&Mail::new("x", &"🔥\n".repeat(9000)), reply("204", "", ""));
        let json = asked[0].json();
        let text = json["embeds"][0]["description"].as_str().unwrap();
        let units = text.encode_utf16().count();
        assert!((4000..=4096).contains(&units), "{units}");
        assert!(text.ends_with("miraclemax status web]\n```"), "{text}");
    }

    #[test]
    fn each_refusal_has_its_class_and_none_shows_the_url() {
        for (status, headers, body, want) in [
            (429, "", r#"{"message":"rate limited","retry_after":1.5,"global":false}"#, "busy 1.5"),
            (429, "Retry-After: 7\r\n", "", "busy 7"),
            (400, "", r#"{"code":50035,"message":"Invalid Form Body"}"#, "never"),
            (404, "", r#"{"code":10015,"message":"Unknown Webhook s3cret-hook"}"#, "later"),
            (401, "", r#"{"message":"401: Unauthorized"}"#, "later"),
            (503, "", "", "later"),
            (200, "", "<html>s3cret-hook</html>", "later"),
        ] {
            let (sent, _) = send(&Mail::new("a", "b"), reply(&status.to_string(), headers, body));
            assert_eq!(testing::class(&sent), want, "{status}: {sent:?}");
            secret_is_hidden(&sent, "s3cret");
        }
    }
}
