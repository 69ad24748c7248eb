//! A bot of Slack's: later messages of an incident are replies to its first one, and when it is over the title of that
//! says so. What still asks for a person is shown in the channel, too: who reads it is told of no reply. Wire format:
//! <https://docs.slack.dev/reference/methods/chat.postMessage>, <https://docs.slack.dev/reference/methods/chat.update>.

use serde_json::{Value, json};

use crate::model::fields::Fields;
use crate::model::letter::{First, Outgoing, Sent};
use crate::model::secret::SecretSource;
use crate::model::text::one_line;
use crate::notify::Marked;
use crate::notify::hidden::Hidden;
use crate::notify::keys;
use crate::notify::phase::Phase;
use crate::notify::post::{self, Answer, Call};
use crate::notify::reach::Reached;
use crate::sys::clock::Deadline;
use crate::sys::http;

/// What is wrong with this very message, and will be next time.
const NEVER: [&str; 5] =
    ["msg_too_long", "msg_blocks_too_long", "no_text", "invalid_blocks", "invalid_blocks_format"];

/// What is wrong with the place under the first message alone; mostly that it was deleted.
const THREAD: [&str; 5] = [
    "thread_not_found",
    "invalid_thread_ts",
    "cannot_reply_to_message",
    "restricted_action_thread_locked",
    "restricted_action_non_threadable_channel",
];

/// What a person can do about it.
const HINTS: [(&str, &str); 3] = [
    ("not_in_channel", "invite the bot to the channel"),
    ("channel_not_found", "`channel` is wrong, or private and the bot was not invited"),
    ("missing_scope", "the bot needs the scope `chat:write`"),
];

/// A bot and the channel that it writes to.
#[derive(Debug, Clone)]
pub(in crate::notify) struct Bot {
    token: SecretSource,
    channel: String,
    api: String,
}

/// A message, as a handle names it.
#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    /// The channel's id, also where the config has its name.
    channel: &'a str,
    ts: &'a str,
}

impl Bot {
    /// Takes `token`, `channel` and `api` (where the methods are).
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let token = keys::secret(fields, ["token", "token_file", "token_env"]);
        if !fields.has("channel") {
            fields.required("channel");
        }
        let expected = "a channel's id, such as `C0123456789`";
        let channel = fields.parsed("channel", expected, |text| match text.trim() {
            "" => Err("is empty".into()),
            text if text.contains(|c: char| c.is_whitespace() || c == ':') => {
                Err("there is white space or a `:` in it".into())
            }
            text => Ok(text.to_owned()),
        });
        let api = keys::server_at(fields, "api", "https://slack.com/api");
        Some(Self { token: token?, channel: channel?, api: api? })
    }

    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    pub(super) fn token(&self) -> &SecretSource {
        &self.token
    }

    /// Who it is: <https://docs.slack.dev/reference/methods/auth.test>, which needs no scope.
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        match self.ask("auth.test", &json!({}), by) {
            Ok(answer) if is_ok(&answer) => {
                let json = answer.json();
                let of = |key: &str| one_line(json[key].as_str().unwrap_or("?"), 60);
                let said = format!("@{} of {}", of("user"), of("team"));
                Reached::yes(said, "whether it may write to the channel")
            }
            Ok(answer) => refused(&answer).into(),
            Err(sent) => sent.into(),
        }
    }

    pub(super) fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        self.post(out, by).unwrap_or_else(|sent| sent)
    }

    fn post(&self, out: &Outgoing<'_>, by: Deadline) -> Result<Sent, Sent> {
        let answer = self.ask("chat.postMessage", &self.message(out), by)?;
        let under = self.first(out).is_some();
        let answer = if under && THREAD.contains(&word(&answer).as_str()) {
            let alone = Outgoing { reply_to: None, ..*out };
            self.ask("chat.postMessage", &self.message(&alone), by)?
        } else {
            answer
        };
        Ok(self.judge(&answer))
    }

    /// The request that posts it.
    pub(super) fn call(&self, out: &Outgoing<'_>, hidden: &mut Hidden) -> Result<Call, Sent> {
        self.calling("chat.postMessage", &self.message(out), hidden)
    }

    fn first<'a>(&self, out: &Outgoing<'a>) -> Option<Known<'a>> {
        out.reply_to.and_then(|first| self.known(first.handle))
    }

    /// Under the first message of its incident, if it has one in this channel.
    fn message(&self, out: &Outgoing<'_>) -> Value {
        let mut message = super::message(&out.letter.subject, &out.letter.body, out);
        message["channel"] = self.channel.as_str().into();
        if let Some(first) = self.first(out) {
            message["channel"] = first.channel.into();
            message["thread_ts"] = first.ts.into();
            let good = out.stories.iter().all(|story| Phase::of(story.change).is_good());
            message["reply_broadcast"] = (!good).into();
        }
        message
    }

    pub(super) fn mark_over(
        &self,
        first: First<'_>,
        out: &Outgoing<'_>,
        by: Deadline,
    ) -> Option<Marked> {
        let known = self.known(first.handle)?;
        let mut update = super::message(&post::last_title(out), first.body, out);
        update["channel"] = known.channel.into();
        update["ts"] = known.ts.into();
        Some(
            self.ask("chat.update", &update, by)
                .and_then(|answer| if is_ok(&answer) { Ok(()) } else { Err(refused(&answer)) }),
        )
    }

    fn ask(&self, method: &str, message: &Value, by: Deadline) -> Result<Answer, Sent> {
        post::ask(|hidden| self.calling(method, message, hidden), by)
    }

    fn calling(&self, method: &str, message: &Value, hidden: &mut Hidden) -> Result<Call, Sent> {
        let bearer = format!("Bearer {}", hidden.read(&self.token)?.reveal());
        http::valid_header("Authorization", &bearer).map_err(Sent::Later)?;
        let call = Call::json(&format!("{}/{method}", self.api), message);
        Ok(call.header("Authorization", &bearer))
    }

    /// `CONFIGURED:ID:TS`, if it is of the channel that is configured now.
    fn known<'a>(&self, handle: &'a str) -> Option<Known<'a>> {
        let (configured, rest) = handle.split_once(':')?;
        let (channel, ts) = rest.split_once(':')?;
        (configured == self.channel).then_some(Known { channel, ts })
    }

    fn judge(&self, answer: &Answer) -> Sent {
        if !is_ok(answer) {
            return refused(answer);
        }
        let json = answer.json();
        match (json["channel"].as_str(), json["ts"].as_str()) {
            (Some(channel), Some(ts)) => {
                let handle = format!("{}:{channel}:{ts}", self.channel);
                answer.accepted_as(&format!("message {ts}"), handle)
            }
            _ => answer.accepted("taken"),
        }
    }
}

/// Whether it was done: a refusal, too, has status 200.
fn is_ok(answer: &Answer) -> bool {
    answer.status() == 200 && answer.json()["ok"] == true
}

/// The word of a refusal.
fn word(answer: &Answer) -> String {
    answer.json()["error"].as_str().unwrap_or_default().to_owned()
}

fn refused(answer: &Answer) -> Sent {
    let word = word(answer);
    let hint = HINTS.iter().find(|(known, _)| *known == word);
    let said = match hint {
        Some((_, hint)) => format!("{word}: {hint}"),
        None if word.is_empty() => answer.text(),
        None => word.clone(),
    };
    match answer.refused(&said, None) {
        Sent::Later(why) if NEVER.contains(&word.as_str()) => Sent::Never(why),
        // Of the channel or the login, whatever status it has: it can be mended.
        Sent::Never(why) if !word.is_empty() && !NEVER.contains(&word.as_str()) => Sent::Later(why),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::story::Change;
    use crate::notify::testing::{self, Asked, Mail, reply, secret_is_hidden};
    use crate::notify::tests::story;

    const TOKEN: &str = "xoxb-s3cret-token";

    fn send(mail: &Mail, answers: Vec<String>) -> (Sent, Vec<Asked>) {
        testing::send(answers, mail, table)
    }

    fn mark(mail: &Mail, answers: Vec<String>) -> (Option<Result<(), String>>, Vec<Asked>) {
        testing::mark_over(answers, mail, table)
    }

    fn table(port: u16) -> String {
        format!(
            "via = 'slack'\ntoken = '{TOKEN}'\nchannel = '#ops'\napi = 'http://127.0.0.1:{port}/api/'"
        )
    }

    fn ok(ts: &str) -> String {
        let text = json!({ "ok": true, "channel": "C0123", "ts": ts, "message": {} });
        reply("200 OK", "", &text.to_string())
    }

    fn no(word: &str) -> String {
        reply("200 OK", "", &json!({ "ok": false, "error": word }).to_string())
    }

    /// Called as the method is documented: no key that it does not have.
    fn is_call(asked: &Asked, method: &str, keys: &[&str]) -> Value {
        assert_eq!(asked.line, format!("POST /api/{method} HTTP/1.1"));
        assert_eq!(asked.header("authorization"), format!("Bearer {TOKEN}"));
        asked.is_json();
        let json = asked.json();
        let found: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, keys);
        json
    }

    fn resolved() -> Mail {
        Mail::of("✅ web", "up\n", vec![story(Change::Resolved, "web", true)])
    }

    #[test]
    fn the_first_message_is_one_of_the_channel() {
        let (sent, asked) = send(&Mail::new("❌ web <!channel>", "a & b\n"), vec![ok("1.5")]);
        testing::taken(&sent, "message 1.5", "#ops:C0123:1.5");
        let keys = ["blocks", "channel", "text", "unfurl_links"];
        let json = is_call(&asked[0], "chat.postMessage", &keys);
        assert_eq!(
            (&json["channel"], &json["text"]),
            (&json!("#ops"), &json!("❌ web &lt;!channel&gt;"))
        );
        assert_eq!(json["blocks"][1]["text"]["text"], "```\na &amp; b\n```");
    }

    #[test]
    fn a_later_one_is_a_reply_that_the_channel_sees_while_it_goes_on() {
        let mail = Mail::new("❌ web - STILL DOWN", "b\n").under("#ops:C0123:1.5", false);
        let (sent, asked) = send(&mail, vec![ok("1.6")]);
        testing::taken(&sent, "message 1.6", "#ops:C0123:1.6");
        let keys = ["blocks", "channel", "reply_broadcast", "text", "thread_ts", "unfurl_links"];
        let json = is_call(&asked[0], "chat.postMessage", &keys);
        assert_eq!((&json["channel"], &json["thread_ts"]), (&json!("C0123"), &json!("1.5")));
        assert_eq!(json["reply_broadcast"], true);
    }

    #[test]
    fn the_end_is_a_reply_and_the_title_of_the_first_over_what_that_said() {
        let mail = resolved().under("#ops:C0123:1.5", true);
        let (sent, asked) = send(&mail, vec![ok("1.7")]);
        testing::taken(&sent, "message 1.7", "#ops:C0123:1.7");
        let reply = asked[0].json();
        assert_eq!(reply["thread_ts"], "1.5");
        assert_eq!(reply["reply_broadcast"], false);
        let (marked, asked) = mark(&mail, vec![ok("1.5")]);
        assert_eq!(marked, Some(Ok(())));
        let keys = ["blocks", "channel", "text", "ts", "unfurl_links"];
        let json = is_call(&asked[0], "chat.update", &keys);
        assert_eq!((&json["channel"], &json["ts"]), (&json!("C0123"), &json!("1.5")));
        assert_eq!(json["text"], "✅ web");
        assert_eq!(json["blocks"][0]["text"]["text"], "*✅ web*");
        assert_eq!(json["blocks"][1]["text"]["text"], "```\nDOWN &lt;&amp;&gt;\n```");
    }

    #[test]
    fn an_update_that_fails_says_why_and_shows_no_token() {
        for (answer, why) in [
            (no("message_not_found"), "HTTP 200 OK, but not as expected: message_not_found"),
            (no(TOKEN), "HTTP 200 OK, but not as expected: ***"),
            (
                reply("429 X", "Retry-After: 30\r\n", ""),
                "HTTP 429 Too Many Requests (again in 30s)",
            ),
        ] {
            let (marked, _) = mark(&resolved().under("#ops:C0123:1.5", true), vec![answer]);
            assert_eq!(marked, Some(Err(why.to_owned())));
        }
    }

    #[test]
    fn what_goes_on_is_not_marked_as_over() {
        assert_eq!(mark(&resolved().under("#ops:C0123:1.5", false), vec![]).0, None);
        assert_eq!(mark(&resolved(), vec![]).0, None);
    }

    #[test]
    fn where_nothing_can_be_put_under_the_first_it_is_put_beside_it() {
        for word in THREAD {
            let mail = Mail::new("❌ web", "b\n").under("#ops:C0123:1.5", false);
            let (sent, asked) = send(&mail, vec![no(word), ok("1.8")]);
            testing::taken(&sent, "message 1.8", "#ops:C0123:1.8");
            let keys = ["blocks", "channel", "text", "unfurl_links"];
            is_call(&asked[1], "chat.postMessage", &keys);
            let (sent, _) = send(&Mail::new("❌ web", "b\n"), vec![no(word)]);
            assert!(matches!(sent, Sent::Later(_)), "{sent:?}");
        }
    }

    #[test]
    fn a_first_message_of_another_channel_is_let_be() {
        for handle in ["C9:C9:1.5", "77", "#ops:C1", ""] {
            let mail = resolved().under(handle, true);
            let (sent, asked) = send(&mail, vec![ok("1.9")]);
            testing::taken(&sent, "message 1.9", "#ops:C0123:1.9");
            let keys = ["blocks", "channel", "text", "unfurl_links"];
            assert_eq!(is_call(&asked[0], "chat.postMessage", &keys)["channel"], "#ops");
            assert_eq!(mark(&mail, vec![]).0, None);
        }
    }

    #[test]
    fn each_refusal_has_its_class_and_none_shows_the_token() {
        for (status, headers, body, want) in [
            ("200 OK", "", "msg_too_long", "never"),
            ("200 OK", "", "invalid_blocks", "never"),
            ("200 OK", "", "not_in_channel", "later"),
            ("200 OK", "", "channel_not_found", "later"),
            ("200 OK", "", "is_archived", "later"),
            ("200 OK", "", "missing_scope", "later"),
            ("200 OK", "", "invalid_auth", "later"),
            ("200 OK", "", "token_revoked xoxb-s3cret-token", "later"),
            ("200 OK", "", "rate_limited", "later"),
            ("200 OK", "", "fatal_error", "later"),
            ("400 Bad Request", "", "invalid_auth", "later"),
            ("400 Bad Request", "", "no_text", "never"),
            ("429 Too Many Requests", "Retry-After: 30\r\n", "ratelimited", "busy 30"),
            ("429 Too Many Requests", "", "ratelimited", "later"),
            ("500 Server Error", "", "internal_error", "later"),
            ("503 Unavailable", "Retry-After: 9\r\n", "service_unavailable", "busy 9"),
        ] {
            let body = json!({ "ok": false, "error": body }).to_string();
            let (sent, _) = send(&Mail::new("a", "b"), vec![reply(status, headers, &body)]);
            assert_eq!(testing::class(&sent), want, "{status} {body}: {sent:?}");
            secret_is_hidden(&sent, "s3cret");
        }
        for answer in ["<html>xoxb-s3cret-token</html>", r#"{"ok":"true"}"#, ""] {
            let (sent, _) = send(&Mail::new("a", "b"), vec![reply("200 OK", "", answer)]);
            assert_eq!(testing::class(&sent), "later", "{sent:?}");
            secret_is_hidden(&sent, "s3cret");
        }
        let (sent, _) = send(&Mail::new("a", "b"), vec![no("not_in_channel")]);
        assert!(matches!(&sent, Sent::Later(why) if why.contains("invite the bot")), "{sent:?}");
    }
}
