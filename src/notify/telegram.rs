//! Telegram: `sendMessage` of the Bot API, in HTML, the body as preformatted text so that paths are no commands and
//! `@names` call nobody. Later messages of an incident are replies to its first one. Wire format:
//! <https://core.telegram.org/bots/api#sendmessage>, replies: <https://core.telegram.org/bots/api#replyparameters>.

use serde_json::{Value, json};

use crate::model::fields::Fields;
use crate::model::letter::{Outgoing, Sent};
use crate::model::node;
use crate::model::secret::SecretSource;
use crate::model::text::one_line;
use crate::notify::fit::{self, utf16};
use crate::notify::hidden::Hidden;
use crate::notify::keys;
use crate::notify::post::{self, Answer, Call};
use crate::notify::reach::{self, Reached};
use crate::sys::clock::Deadline;

/// UTF-16 units of a text, after its entities were parsed.
const LIMIT: usize = 4096;

/// A bot and the chat that it writes to.
#[derive(Debug, Clone)]
pub(super) struct Telegram {
    token: SecretSource,
    chat: String,
    topic: Option<u64>,
    server: String,
}

impl Telegram {
    /// Takes `token`, `chat_id`, `topic` (of a forum) and `url` (of a Bot API server of one's own).
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let token = keys::secret(fields, ["token", "token_file", "token_env"]);
        if !fields.has("chat_id") {
            fields.required("chat_id");
        }
        let chat = fields.read("chat_id", "a number such as `-1001234567890` or `@channel`", chat);
        let topic = fields.whole("topic", 1..=u64::MAX);
        let server = keys::server(fields, "https://api.telegram.org");
        Some(Self { token: token?, chat: chat?, topic, server: server? })
    }

    pub(super) fn chat(&self) -> &str {
        &self.chat
    }

    /// Who the bot is, and whether it knows the chat.
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        self.known(by).unwrap_or_else(Reached::from)
    }

    fn known(&self, by: Deadline) -> Result<Reached, Sent> {
        let mut hidden = Hidden::default();
        let token = hidden.read(&self.token)?;
        let url = |method: &str| format!("{}/bot{}/{method}", self.server, token.reveal());
        let bot = Call::get(url("getMe")).send(by, &hidden)?;
        let found = bot.json();
        let (200, Some(name)) = (bot.status(), found["result"]["username"].as_str()) else {
            return Ok(reach::refused(&bot, &said(&bot)));
        };
        let chat = json!({ "chat_id": self.chat_id() });
        let answer = Call::json(&url("getChat"), &chat).send(by, &hidden)?;
        if answer.status() != 200 || answer.json()["ok"] != true {
            return Ok(reach::refused(&answer, &said(&answer)));
        }
        let said = format!("@{} knows the chat {}", one_line(name, 60), self.chat);
        Ok(Reached::yes(said, "whether it may write there"))
    }

    /// Where its secrets are.
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        vec![&self.token]
    }

    /// Sends it; once more without what was not understood: as a reply to nothing, without markup.
    pub(super) fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        let (mut html, mut under) = (true, self.first(out));
        loop {
            let answer = match post::ask(|hidden| self.calling(out, html, under, hidden), by) {
                Ok(answer) => answer,
                Err(sent) => return sent,
            };
            let said = said(&answer);
            if html && said.contains("can't parse entities") {
                html = false;
            } else if under.is_some() && answer.status() == 400 && said.contains("repl") {
                // It is said that a message that is gone may be left out, but not heeded everywhere: not in topics.
                under = None;
            } else {
                return self.judge(&answer);
            }
        }
    }

    fn chat_id(&self) -> Value {
        self.chat.parse::<i64>().map_or_else(|_| json!(self.chat), Value::from)
    }

    /// The request that sends it.
    pub(super) fn call(&self, out: &Outgoing<'_>, hidden: &mut Hidden) -> Result<Call, Sent> {
        self.calling(out, true, self.first(out), hidden)
    }

    fn calling(
        &self,
        out: &Outgoing<'_>,
        html: bool,
        under: Option<i64>,
        hidden: &mut Hidden,
    ) -> Result<Call, Sent> {
        let token = hidden.read(&self.token)?;
        let url = format!("{}/bot{}/sendMessage", self.server, token.reveal());
        let subject = &out.letter.subject;
        let room = LIMIT.saturating_sub(subject.chars().map(utf16).sum::<usize>() + 1);
        let body = fit::cut(out.letter.body.trim_end(), room, utf16, &fit::rest(out.stories));
        let text = if html {
            format!("<b>{}</b>\n<pre>{}</pre>", escape(subject), escape(&body))
        } else {
            format!("{subject}\n{body}")
        };
        Ok(Call::json(&url, &self.message(&text, html, under)))
    }

    fn first(&self, out: &Outgoing<'_>) -> Option<i64> {
        out.reply_to.and_then(|first| self.under(first.handle))
    }

    /// The message of a handle, if it is in this chat: elsewhere its number is another's.
    fn under(&self, handle: &str) -> Option<i64> {
        let (chat, message) = handle.split_once(':')?;
        (chat == self.chat).then_some(message)?.parse().ok()
    }

    fn message(&self, text: &str, html: bool, under: Option<i64>) -> Value {
        let mut message = json!({
            "chat_id": self.chat_id(),
            "text": text,
            "link_preview_options": { "is_disabled": true },
        });
        if html {
            message["parse_mode"] = "HTML".into();
        }
        if let Some(topic) = self.topic {
            message["message_thread_id"] = topic.into();
        }
        if let Some(first) = under {
            message["reply_parameters"] =
                json!({ "message_id": first, "allow_sending_without_reply": true });
        }
        message
    }

    fn judge(&self, answer: &Answer) -> Sent {
        let json = answer.json();
        if answer.status() == 200 && json["ok"] == true {
            let message = &json["result"]["message_id"];
            let words = format!("message {message}");
            return match message.as_i64() {
                Some(message) => answer.accepted_as(&words, format!("{}:{message}", self.chat)),
                None => answer.accepted(&words),
            };
        }
        let said = said(answer);
        let refused = answer.refused(&said, post::seconds(&json["parameters"]["retry_after"]));
        // Of the chat or its topic: a wrong id, a group that was made a supergroup, a topic that was closed.
        post::mendable(refused, ["chat", "thread", "TOPIC"].iter().any(|word| said.contains(word)))
    }
}

fn chat(value: &node::Value) -> Option<String> {
    match value {
        node::Value::Int(number) => Some(number.to_string()),
        node::Value::Text(text) => {
            let text = text.trim();
            let known = text.parse::<i64>().is_ok() || text.starts_with('@') && text.len() > 1;
            known.then(|| text.to_owned())
        }
        _ => None,
    }
}

/// The three characters that HTML mode asks to be escaped.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn said(answer: &Answer) -> String {
    answer.json()["description"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{self, Mail, reply, secret_is_hidden};

    const TOKEN: &str = "123456:s3cret-token-of-a-bot";

    fn send(mail: &Mail, answers: Vec<String>) -> (Sent, Vec<testing::Asked>) {
        testing::send(answers, mail, |port| {
            format!(
                "via = 'telegram'\ntoken = '{TOKEN}'\nchat_id = -1001\nurl = 'http://127.0.0.1:{port}/'"
            )
        })
    }

    fn ok() -> String {
        reply("200 OK", "", r#"{"ok":true,"result":{"message_id":42}}"#)
    }

    #[test]
    fn a_message_is_html_with_everything_of_ours_escaped() {
        let mail = Mail::new("❌ Shop: web - FAILED", "a < b && c\nat @home /etc/x\n");
        let (sent, asked) = send(&mail, vec![ok()]);
        testing::taken(&sent, "message 42", "-1001:42");
        let [asked] = &asked[..] else { panic!("{asked:?}") };
        assert_eq!(asked.line, format!("POST /bot{TOKEN}/sendMessage HTTP/1.1"));
        asked.is_json();
        let want = json!({
            "chat_id": -1001,
            "text": "<b>❌ Shop: web - FAILED</b>\n<pre>a &lt; b &amp;&amp; c\nat @home /etc/x</pre>",
            "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true },
        });
        assert_eq!(asked.json(), want);
    }

    #[test]
    fn a_long_one_is_cut_to_4096_units_and_says_so() {
        let mail = Mail::new("❌ x", &"<🔥>\n".repeat(3000));
        let (_, asked) = send(&mail, vec![ok()]);
        let text = asked[0].json()["text"].as_str().unwrap().to_owned();
        assert!(text.ends_with("\n[cut here; all of it on web1: miraclemax status web]</pre>"));
        let parsed =
            ["<b>", "</b>", "<pre>", "</pre>"].iter().fold(text, |t, tag| t.replace(tag, ""));
        let parsed = parsed.replace("&lt;", "<").replace("&gt;", ">");
        let units = parsed.encode_utf16().count();
        assert!((4080..=4096).contains(&units), "{units}");
    }

    #[test]
    fn markup_that_is_not_understood_is_sent_once_more_as_plain_text() {
        let no =
            r#"{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: x"}"#;
        let (sent, asked) =
            send(&Mail::new("a<b", "c&d\n"), vec![reply("400 Bad Request", "", no), ok()]);
        testing::taken(&sent, "message 42", "-1001:42");
        assert_eq!(asked[1].json()["text"], "a<b\nc&d");
        assert_eq!(asked[1].json().get("parse_mode"), None);
        let twice = vec![reply("400 Bad Request", "", no), reply("400 Bad Request", "", no)];
        assert!(matches!(send(&Mail::new("a", "b"), twice).0, Sent::Never(_)));
    }

    #[test]
    fn a_later_message_is_a_reply_to_the_first_also_when_that_is_gone() {
        let mail = || Mail::new("✅ web", "up\n");
        let (sent, asked) = send(&mail().under("-1001:41", true), vec![ok()]);
        testing::taken(&sent, "message 42", "-1001:42");
        let reply_to = json!({ "message_id": 41, "allow_sending_without_reply": true });
        assert_eq!(asked[0].json()["reply_parameters"], reply_to);
        // As some servers answer although it was allowed to go without.
        let gone = r#"{"ok":false,"error_code":400,"description":"Bad Request: message to be replied not found"}"#;
        let answers = vec![reply("400 Bad Request", "", gone), ok()];
        let (sent, asked) = send(&mail().under("-1001:41", true), answers);
        testing::taken(&sent, "message 42", "-1001:42");
        assert_eq!(asked[0].json()["reply_parameters"], reply_to);
        assert_eq!(asked[1].json().get("reply_parameters"), None);
        assert_eq!(asked[1].json()["parse_mode"], "HTML");
        let twice = vec![reply("400 Bad Request", "", gone), reply("400 Bad Request", "", gone)];
        let (sent, _) = send(&mail().under("-1001:41", true), twice);
        assert!(matches!(sent, Sent::Never(_)), "{sent:?}");
    }

    #[test]
    fn a_first_message_in_another_chat_is_not_replied_to() {
        for handle in ["-1002:41", "41", "-1001:x", ""] {
            let (_, asked) = send(&Mail::new("a", "b").under(handle, false), vec![ok()]);
            assert_eq!(asked[0].json().get("reply_parameters"), None, "{handle}");
        }
    }

    #[test]
    fn each_refusal_has_its_class_and_none_shows_the_token() {
        let body = |code: u16, text: &str, more: &str| {
            format!(r#"{{"ok":false,"error_code":{code},"description":"{text}"{more}}}"#)
        };
        for (status, body, want) in [
            (429, body(429, "Too Many Requests", r#","parameters":{"retry_after":35}"#), "busy 35"),
            (400, body(400, "Bad Request: message text is empty", ""), "never"),
            (400, body(400, "Bad Request: chat not found", ""), "later"),
            (400, body(400, "Bad Request: message thread not found", ""), "later"),
            (400, body(400, "Bad Request: TOPIC_CLOSED", ""), "later"),
            (401, body(401, "Unauthorized", ""), "later"),
            (403, body(403, "Forbidden: bot was blocked by the user", ""), "later"),
            (404, body(404, &format!("Not Found: /bot{TOKEN}/x"), ""), "later"),
            (502, "bad gateway".into(), "later"),
            (200, "<html>sign in</html>".into(), "later"),
        ] {
            let (sent, _) = send(&Mail::new("a", "b"), vec![reply(&status.to_string(), "", &body)]);
            assert_eq!(testing::class(&sent), want, "{status} {body}: {sent:?}");
            secret_is_hidden(&sent, "s3cret");
        }
    }
}
