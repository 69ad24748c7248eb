//! Discord: a webhook of a channel, whose URL is the secret. Nobody is mentioned, whatever stands in the text. A
//! webhook cannot reply; when an incident is over, the title of its first message says so. Wire format:
//! <https://discord.com/developers/docs/resources/webhook#execute-webhook> and `#edit-webhook-message` there.

use serde_json::{Value, json};

use crate::model::fields::Fields;
use crate::model::letter::{First, Outgoing, Sent};
use crate::model::secret::{Secret, SecretSource};
use crate::model::story::Story;
use crate::model::text::one_line;
use crate::notify::Marked;
use crate::notify::fit::{self, utf16};
use crate::notify::hidden::Hidden;
use crate::notify::keys;
use crate::notify::phase::Phase;
use crate::notify::post::{self, Answer, Call};
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
        let answer = post::ask(|hidden| self.call(out, hidden), by);
        answer.map_or_else(|sent| sent, |answer| judge(&answer))
    }

    /// The request that sends it.
    pub(super) fn call(&self, out: &Outgoing<'_>, hidden: &mut Hidden) -> Result<Call, Sent> {
        let url = hidden.read(&self.url)?;
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
        let mut message = titled(&out.letter.subject, &rest);
        message["embeds"] = json!([embed]);
        // The query may name the thread of a forum.
        let (hook, query) = halves(&url);
        let query = if query.is_empty() { String::new() } else { format!("{query}&") };
        Ok(Call::json(&format!("{hook}?{query}wait=true"), &message))
    }

    /// Gives the first message the title of the last one.
    pub(super) fn mark_over(
        &self,
        first: First<'_>,
        out: &Outgoing<'_>,
        by: Deadline,
    ) -> Option<Marked> {
        is_id(first.handle).then(|| self.retitle(first.handle, out, by))
    }

    fn retitle(&self, message: &str, out: &Outgoing<'_>, by: Deadline) -> Marked {
        let mut hidden = Hidden::default();
        let url = hidden.read(&self.url)?;
        let (hook, query) = halves(&url);
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        // What is not mentioned stays: the embed that tells what was down.
        let title = titled(&post::last_title(out), &fit::rest(out.stories));
        let call = Call::json(&format!("{hook}/messages/{message}{query}"), &title);
        let answer = Call { method: "PATCH", ..call }.send(by, &hidden)?;
        if answer.status() == 200 { Ok(()) } else { Err(refused(&answer)) }
    }
}

/// The URL of a webhook without a slash at its end, and its query.
fn halves(url: &Secret) -> (&str, &str) {
    let (hook, query) = url.reveal().split_once('?').unwrap_or((url.reveal(), ""));
    (hook.trim_end_matches('/'), query)
}

fn titled(title: &str, rest: &str) -> Value {
    json!({
        "content": fit::cut(&escape(title), CONTENT, utf16, rest),
        "allowed_mentions": { "parse": [] },
    })
}

fn judge(answer: &Answer) -> Sent {
    let json = answer.json();
    match (answer.status(), json["id"].as_str()) {
        (200, Some(id)) if is_id(id) => answer.accepted_as(&format!("message {id}"), id.to_owned()),
        (200, Some(id)) => answer.accepted(&format!("message {id}")),
        (204, _) => answer.accepted("taken"),
        _ => refused(answer),
    }
}

fn refused(answer: &Answer) -> Sent {
    let json = answer.json();
    let said = json["message"].as_str().map_or_else(|| answer.text(), str::to_owned);
    let refused = answer.refused(&said, post::seconds(&json["retry_after"]));
    // A forum wants to know which thread: the URL lacks a `thread_id`.
    post::mendable(refused, said.contains("thread_id"))
}

/// Whether it is a snowflake, and so can stand in a URL.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
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

    fn table(port: u16, query: &str) -> String {
        format!(
            "via = 'discord'\nurl = 'http://127.0.0.1:{port}/api/webhooks/1/s3cret-hook{query}'"
        )
    }

    fn send(mail: &Mail, answer: String) -> (Sent, Vec<testing::Asked>) {
        testing::send(vec![answer], mail, |port| table(port, ""))
    }

    fn mark(
        mail: &Mail,
        answers: Vec<String>,
    ) -> (Option<Result<(), String>>, Vec<testing::Asked>) {
        testing::mark_over(answers, mail, |port| table(port, "?thread_id=9"))
    }

    fn taken(id: &str) -> String {
        reply("200 OK", "", &format!(r#"{{"id":"{id}"}}"#))
    }

    fn over() -> Mail {
        Mail::new("✅ my_web", "up\n").under("77", true)
    }

    #[test]
    fn a_message_is_a_title_and_an_embed_and_mentions_nobody() {
        let mail = Mail::new("❌ my_web *x*", "a @everyone\n```b\n");
        let (sent, asked) = send(&mail, reply("200 OK", "", r#"{"id":"77"}"#));
        testing::taken(&sent, "message 77", "77");
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
    fn a_thread_of_a_forum_is_written_to_and_looked_into() {
        let (sent, asked) =
            testing::send(vec![taken("78")], &over(), |port| table(port, "?thread_id=9"));
        testing::taken(&sent, "message 78", "78");
        let hook = "/api/webhooks/1/s3cret-hook";
        assert_eq!(asked[0].line, format!("POST {hook}?thread_id=9&wait=true HTTP/1.1"));
        let (marked, asked) = mark(&over(), vec![taken("77")]);
        assert_eq!(marked, Some(Ok(())));
        assert_eq!(asked[0].line, format!("PATCH {hook}/messages/77?thread_id=9 HTTP/1.1"));
    }

    #[test]
    fn the_title_of_the_end_is_in_the_channels_own_words_once() {
        let (_, asked) = testing::mark_over(vec![taken("77")], &over(), |port| {
            format!("{}\nsubject = 'ops: {{{{subject}}}}'", table(port, "/"))
        });
        assert_eq!(asked[0].json()["content"], "ops: ✅ my\\_web");
    }

    #[test]
    fn the_first_message_is_given_the_title_of_the_end_and_nothing_else_of_it_is_changed() {
        let (marked, asked) =
            testing::mark_over(vec![taken("77")], &over(), |port| table(port, "/"));
        assert_eq!(marked, Some(Ok(())));
        let path = "/api/webhooks/1/s3cret-hook/messages/77";
        assert_eq!(asked[0].line, format!("PATCH {path} HTTP/1.1"));
        asked[0].is_json();
        let want = json!({ "content": "✅ my\\_web", "allowed_mentions": { "parse": [] } });
        assert_eq!(asked[0].json(), want);
        let mut last = over();
        last.tells = 3;
        let (_, asked) = mark(&last, vec![taken("77")]);
        assert_eq!(asked[0].json()["content"], "✅ my\\_web (the last of 3)");
    }

    #[test]
    fn an_edit_that_fails_says_why_and_not_where() {
        let gone = r#"{"code":10008,"message":"Unknown Message of s3cret-hook"}"#;
        let (marked, _) = mark(&over(), vec![reply("404 Not Found", "", gone)]);
        let why = "HTTP 404 Not Found: Unknown Message of ***".to_owned();
        assert_eq!(marked, Some(Err(why)));
    }

    #[test]
    fn what_goes_on_and_what_is_no_message_of_this_channel_is_not_edited() {
        for (handle, over) in [("77", false), ("7/7", true), ("#ops:C1:1.5", true), ("", true)] {
            assert_eq!(mark(&Mail::new("a", "b").under(handle, over), vec![]).0, None, "{handle}");
        }
        assert_eq!(mark(&Mail::new("a", "b"), vec![]).0, None);
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
            (503, "Retry-After: 86400\r\n", "", "busy 3600"),
            (400, "", r#"{"code":50035,"message":"Invalid Form Body"}"#, "never"),
            (
                400,
                "",
                r#"{"code":220001,"message":"Webhooks posted to forum channels must have a thread_name or thread_id"}"#,
                "later",
            ),
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
