//! Slack: an incoming webhook, whose URL is the secret, or a bot, which can also put later messages of an incident
//! under its first one. The letter is a code block, in which nothing but the three characters of Slack's own markup
//! means anything. Wire format: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>,
//! escaping and limits: <https://docs.slack.dev/reference/block-kit/blocks/section-block>.

mod bot;

use serde_json::{Value, json};

use crate::model::fields::Fields;
use crate::model::letter::{First, Outgoing, Sent};
use crate::model::secret::SecretSource;
use crate::notify::Marked;
use crate::notify::fit;
use crate::notify::hidden::Hidden;
use crate::notify::keys;
use crate::notify::post::{self, Answer, Call};
use crate::notify::reach::{self, Reached};
use crate::sys::clock::Deadline;
use bot::Bot;

/// Characters of a section's text, as it is sent; counted in UTF-16, which is never fewer.
const LIMIT: usize = 3000;
const FENCE: &str = "```";

/// The way in.
#[derive(Debug, Clone)]
pub(super) enum Slack {
    /// Posts, and is told nothing of what it posted.
    Webhook(SecretSource),
    /// Posts, and knows its messages again.
    Bot(Bot),
}

impl Slack {
    /// Takes `url`; or `token`, `channel` and `api`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let given = |keys: &[&'static str]| keys.iter().copied().find(|key| fields.has(key));
        let webhook = given(&["url", "url_file", "url_env"]);
        let bot = given(&["token", "token_file", "token_env", "channel", "api"]);
        match (webhook, bot) {
            (Some(_), None) => keys::secret_url(fields).map(Self::Webhook),
            (None, Some(_)) => Bot::read(fields).map(Self::Bot),
            (Some(webhook), Some(bot)) => {
                let place = fields.place_of(bot);
                let message = format!("`{webhook}` and `{bot}` are both given: keep one");
                let hint = "a webhook has a `url` and no more, a bot `token` and `channel`";
                fields.wrong(&place, message, Some(hint.into()));
                keys::secret_url(fields);
                Bot::read(fields);
                None
            }
            (None, None) => {
                let place = fields.place();
                let message = "slack needs a webhook (`url_file`, `url_env` or `url`), or a bot \
                               (`token_file`, `token_env` or `token`, and `channel`)";
                fields.wrong(&place, message.into(), None);
                // Asked for, so that they are among the keys that there are.
                fields.secret("url", "url_file", "url_env");
                fields.secret("token", "token_file", "token_env");
                None
            }
        }
    }

    pub(super) fn default_name(&self) -> String {
        match self {
            Self::Webhook(_) => "slack".into(),
            Self::Bot(bot) => format!("slack:{}", bot.channel()),
        }
    }

    /// Who the bot is; or a line to the host of the webhook, which can be asked nothing but to post.
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        let mut hidden = Hidden::default();
        let url = match self {
            Self::Bot(bot) => return bot.reach(by),
            Self::Webhook(url) => hidden.read(url),
        };
        match url {
            Ok(url) => reach::line(url.reveal(), &hidden, by, "whether the webhook is known there"),
            Err(sent) => sent.into(),
        }
    }

    /// Where its secrets are.
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        match self {
            Self::Webhook(url) => vec![url],
            Self::Bot(bot) => vec![bot.token()],
        }
    }

    /// Sends it. The answer to what was taken is `ok`.
    pub(super) fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        if let Self::Bot(bot) = self {
            return bot.send(out, by);
        }
        let answer = post::ask(|hidden| self.call(out, hidden), by);
        answer.map_or_else(|sent| sent, |answer| judge(&answer))
    }

    /// The request that sends it.
    pub(super) fn call(&self, out: &Outgoing<'_>, hidden: &mut Hidden) -> Result<Call, Sent> {
        match self {
            Self::Webhook(url) => {
                let message = message(&out.letter.subject, &out.letter.body, out);
                Ok(Call::json(hidden.read(url)?.reveal(), &message))
            }
            Self::Bot(bot) => bot.call(out, hidden),
        }
    }

    /// Gives the first message the title of the last one, if a bot posted it.
    pub(super) fn mark_over(
        &self,
        first: First<'_>,
        out: &Outgoing<'_>,
        by: Deadline,
    ) -> Option<Marked> {
        match self {
            Self::Bot(bot) => bot.mark_over(first, out, by),
            Self::Webhook(_) => None,
        }
    }
}

/// A title and a text.
fn message(title: &str, body: &str, out: &Outgoing<'_>) -> Value {
    let title = escape(title);
    let body = body.trim_end().replace(FENCE, "'''");
    let room = LIMIT - 2 * FENCE.len() - 2;
    let body = escape(&fit::cut(&body, room, cost, &fit::rest(out.stories)));
    let section = |text: String| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } });
    json!({
        // What notifications show.
        "text": title,
        "blocks": [section(format!("*{title}*")), section(format!("{FENCE}\n{body}\n{FENCE}"))],
        "unfurl_links": false,
    })
}

fn judge(answer: &Answer) -> Sent {
    if answer.status() == 200 && answer.text().trim() == "ok" {
        return answer.accepted("ok");
    }
    answer.refused_as_said()
}

fn cost(c: char) -> usize {
    match c {
        '&' => 5,
        '<' | '>' => 4,
        _ => c.len_utf16(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{self, Mail, reply, secret_is_hidden};

    fn send(mail: &Mail, answer: String) -> (Sent, Vec<testing::Asked>) {
        testing::send(vec![answer], mail, |port| {
            format!("via = 'slack'\nurl = 'http://127.0.0.1:{port}/services/T000/B000/s3cret-hook'")
        })
    }

    #[test]
    fn a_message_is_a_title_and_a_code_block_that_calls_nobody() {
        let mail = Mail::new("❌ web <!channel>", "a & b\n``` <@U1>\n");
        let (sent, asked) = send(&mail, reply("200 OK", "", "ok"));
        assert_eq!(sent, Sent::Accepted("ok".into()));
        assert_eq!(asked[0].line, "POST /services/T000/B000/s3cret-hook HTTP/1.1");
        asked[0].is_json();
        let json = asked[0].json();
        assert_eq!(json["text"], "❌ web &lt;!channel&gt;");
        let texts: Vec<_> = json["blocks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|block| {
                assert_eq!(
                    (&block["type"], &block["text"]["type"]),
                    (&json!("section"), &json!("mrkdwn"))
                );
                block["text"]["text"].as_str().unwrap()
            })
            .collect();
        assert_eq!(texts, ["*❌ web &lt;!channel&gt;*", "```\na &amp; b\n''' &lt;@U1&gt;\n```"]);
    }

    #[test]
    fn a_webhook_keeps_no_thread() {
        let mail = Mail::new("✅ web", "up\n").under("C1:C1:1.2", true);
        let (sent, asked) = send(&mail, reply("200 OK", "", "ok"));
        assert_eq!(sent, Sent::Accepted("ok".into()));
        assert_eq!(asked[0].json().get("thread_ts"), None);
        let table = |port| format!("via = 'slack'\nurl = 'http://127.0.0.1:{port}/s3cret-hook'");
        assert_eq!(testing::mark_over(vec![], &mail, table).0, None);
    }

    #[test]
    fn it_is_a_webhook_or_a_bot_and_neither_both_nor_none() {
        for (keys, want) in [
            ("", "slack needs a webhook (`url_file`, `url_env` or `url`), or a bot"),
            ("tokn = 'hunter2'", "has no key `tokn`\n  hint: did you mean `token`?"),
            ("token = 'hunter2'", "notify needs `channel`"),
            ("channel = 'C1'", "needs `token_file`, `token_env` or `token`"),
            (
                "token = 'hunter2'\nchannel = 'a b'",
                "`channel`: there is white space or a `:` in it",
            ),
            (
                "token = 'hunter2'\nchannel = 'C1'\napi = 'slack.com'",
                "`api`: the URL does not begin",
            ),
            (
                "token_file = '/t'\nchannel = 'C1'\nurl = 'https://hunter2'",
                "`url` and `token_file` are both given: keep one",
            ),
            (
                "url_file = '/u'\nchannel = 'C1'",
                "`url_file` and `channel` are both given: keep one",
            ),
        ] {
            let (_, problems) = testing::read(&format!("via = 'slack'\n{keys}"));
            assert!(problems.contains(want), "{want}: {problems}");
            assert!(!problems.contains("hunter2"), "{problems}");
        }
    }

    #[test]
    fn a_section_never_has_more_than_3000_characters() {
        for body in ["<&>\n".repeat(3000), "🔥".repeat(5000), "a line\n".repeat(900)] {
            let (_, asked) = send(&Mail::new("x", &body), reply("200 OK", "", "ok"));
            let json = asked[0].json();
            let text = json["blocks"][1]["text"]["text"].as_str().unwrap();
            assert!(text.encode_utf16().count() <= 3000 && text.len() > 2000, "{}", text.len());
            assert!(text.ends_with("all of it on web1: miraclemax status web]\n```"), "{text}");
        }
    }

    #[test]
    fn each_refusal_has_its_class_and_none_shows_the_url() {
        for (status, headers, body, want) in [
            ("429 Too Many Requests", "Retry-After: 30\r\n", "rate_limited", "busy 30"),
            ("429 Too Many Requests", "", "rate_limited", "later"),
            ("400 Bad Request", "", "invalid_payload", "never"),
            ("403 Forbidden", "", "action_prohibited", "later"),
            ("404 Not Found", "", "no_service s3cret-hook", "later"),
            ("410 Gone", "", "channel_is_archived", "later"),
            ("500 Server Error", "", "rollup_error", "later"),
            ("200 OK", "", "<html>sign in</html>", "later"),
            ("302 Found", "Location: https://elsewhere.example/s3cret-hook\r\n", "", "later"),
        ] {
            let (sent, _) = send(&Mail::new("a", "b"), reply(status, headers, body));
            assert_eq!(testing::class(&sent), want, "{status}: {sent:?}");
            secret_is_hidden(&sent, "s3cret");
        }
    }
}
