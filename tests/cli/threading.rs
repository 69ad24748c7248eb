//! One incident is one story: over several runs each channel puts what it is told later under its first message, and
//! shows there that it is over. What goes wrong with that costs no message.

use std::time::Duration;

use serde_json::{Value, json};

use super::channels::{Receiver, answer};
use super::mailing::mails;
use super::{WEB, fast};
use crate::support::host::Host;

/// As Slack, Telegram and Discord say that they took a message; the first is number 01.
const SLACK: &str = r#"{"ok":true,"channel":"C0123","ts":"1000.NN"}"#;
const TELEGRAM: &str = r#"{"ok":true,"result":{"message_id":1NN}}"#;
const DISCORD: &str = r#"{"id":"2NN"}"#;

struct Chats {
    slack: Receiver,
    telegram: Receiver,
    discord: Receiver,
}

impl Chats {
    fn new() -> Self {
        let ok = |body| Receiver::at(0, &answer("200 OK", "", body));
        Self { slack: ok(SLACK), telegram: ok(TELEGRAM), discord: ok(DISCORD) }
    }

    fn config(&self) -> String {
        format!(
            "[[notify]]\nvia = \"slack\"\ntoken = \"xoxb-s3cret\"\nchannel = \"#ops\"\napi = \"http://127.0.0.1:{}/api\"\n\
             [[notify]]\nvia = \"telegram\"\ntoken = \"1:s3cret\"\nchat_id = -5\nurl = \"http://127.0.0.1:{}\"\n\
             [[notify]]\nvia = \"discord\"\nurl = \"http://127.0.0.1:{}/api/webhooks/1/s3cret?thread_id=9\"\n",
            self.slack.port, self.telegram.port, self.discord.port
        )
    }
}

/// A service called so, whose restart helps nothing, and which is up while a file of its name is there.
fn hopeless(name: &str) -> String {
    let web = WEB
        .replace("\"touch\", \"$DIR/up\"", "\"true\"")
        .replace("$DIR/up", &format!("$DIR/{name}"));
    let more = "max_heals = \"1 per 10m\"\nretry_after = \"9h\"\nremind_every = \"10m\"\n";
    format!("{}{more}", web.replace("\"web\"", &format!("\"{name}\"")))
}

/// Failed, told again, and up again.
fn story_of(host: &Host) {
    host.run(&["heal"]).ends(2);
    host.age(Duration::from_secs(900));
    host.run(&["heal"]).ends(2);
    host.age(Duration::from_secs(300));
    host.write("web", "");
}

fn subjects(key: &str, said: &[Value]) -> Vec<String> {
    let first = |text: &Value| text.as_str().unwrap().lines().next().unwrap().to_owned();
    said.iter().map(|message| first(&message[key])).collect()
}

#[test]
fn a_failure_its_reminder_and_its_end_are_one_thread_over_three_runs() {
    let chats = Chats::new();
    let host = Host::with(&fast(&[&hopeless("web"), &chats.config()]));
    story_of(&host);
    host.run(&["heal"]).ends(0);
    host.run(&["heal"]).ends(0);

    let titles = ["❌ Test: web - FAILED", "❌ Test: web - STILL DOWN", "✅ Test: web - RESOLVED"];
    let slack = chats.slack.heard();
    assert_eq!(subjects("text", &slack), [titles[0], titles[1], titles[2], titles[2]]);
    let posts = ["POST /api/chat.postMessage"; 3];
    assert_eq!(chats.slack.asked(), [&posts[..], &["POST /api/chat.update"]].concat());
    assert_eq!((&slack[0]["channel"], slack[0].get("thread_ts")), (&json!("#ops"), None));
    for (reply, seen) in [(&slack[1], true), (&slack[2], false)] {
        assert_eq!((&reply["channel"], &reply["thread_ts"]), (&json!("C0123"), &json!("1000.01")));
        assert_eq!(reply["reply_broadcast"], seen, "{reply}");
    }
    assert_eq!((&slack[3]["channel"], &slack[3]["ts"]), (&json!("C0123"), &json!("1000.01")));
    assert_eq!(slack[3]["blocks"][1], slack[0]["blocks"][1], "what failed stays told");

    let telegram = chats.telegram.heard();
    let bold = titles.map(|title| format!("<b>{title}</b>"));
    assert_eq!(subjects("text", &telegram), bold);
    let under = json!({ "message_id": 101, "allow_sending_without_reply": true });
    let replies: Vec<_> = telegram.iter().map(|it| it.get("reply_parameters")).collect();
    assert_eq!(replies, [None, Some(&under), Some(&under)]);

    let hook = "/api/webhooks/1/s3cret";
    let post = format!("POST {hook}?thread_id=9&wait=true");
    let patch = format!("PATCH {hook}/messages/201?thread_id=9");
    assert_eq!(chats.discord.asked(), [&*post, &post, &post, &patch]);
    let discord = chats.discord.heard();
    assert_eq!(discord[3]["content"], discord[2]["content"]);
    assert_eq!(discord[3].get("embeds"), None);
}

#[test]
fn a_title_that_cannot_be_changed_is_written_down_and_its_message_sent_once() {
    let chats = Chats::new();
    let host = Host::with(&fast(&[&hopeless("web"), &chats.config()]));
    story_of(&host);
    // To a message that is posted it says "taken", and to one that is changed nothing that anybody expects.
    chats.discord.says(&answer("204 No Content", "", ""));
    host.run(&["heal"]).ends(0);
    host.run(&["heal"]).ends(0);
    let asked = chats.discord.asked();
    let posts = asked.iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!((posts, asked.len()), (3, 4), "{asked:?}");
    let events = host.read("state/events.jsonl");
    assert!(events.contains("first message by discord: not marked as over: HTTP 204"), "{events}");
    assert!(!events.contains("s3cret"), "{events}");
}

#[test]
fn later_mails_are_replies_to_the_first() {
    let mail = "[[notify]]\nvia = \"email\"\nto = [\"me@example.org\"]\nfrom = \"mm@example.org\"\n\
                sendmail = \"$DIR/bin/sendmail\"\n";
    let host = Host::with(&fast(&[&hopeless("web"), mail]));
    host.fake("sendmail", "cat > $DIR/mail.$(ls $DIR | grep -c mail)");
    story_of(&host);
    host.run(&["heal"]).ends(0);
    let [failed, reminder, resolved] = &mails(&host)[..] else { panic!("three mails are sent") };
    let header = |mail: &str, name: &str| {
        let unfolded = mail.replace("\r\n", "\n").replace("\n ", " ");
        unfolded.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned))
    };
    let (first, root) = (header(failed, "Message-ID: "), header(failed, "References: "));
    assert_eq!(header(failed, "In-Reply-To: "), None);
    for reply in [reminder, resolved] {
        assert_eq!(header(reply, "In-Reply-To: "), first);
        let both = format!("{} {}", root.as_deref().unwrap(), first.as_deref().unwrap());
        assert_eq!(header(reply, "References: "), Some(both));
    }
}

#[test]
fn a_digest_is_over_with_the_last_that_it_told_of() {
    let chats = Chats::new();
    let names = ["web", "db", "mq"];
    let services = names.map(hopeless).concat();
    let host = Host::with(&fast(&[&services, &chats.config()]));
    host.run(&["heal"]).ends(2);
    assert_eq!(subjects("text", &chats.slack.heard()), ["❌ Test: 3 services - FAILED"]);
    for name in names {
        host.age(Duration::from_secs(30));
        host.write(name, "");
        let _ = host.run(&["heal"]);
    }
    let asked = chats.slack.asked();
    let posts = asked.iter().filter(|line| line.ends_with("chat.postMessage")).count();
    assert_eq!((posts, asked.len()), (4, 5), "{asked:?}");
    let slack = chats.slack.heard();
    assert!(slack[1..4].iter().all(|reply| reply["thread_ts"] == "1000.01"), "{slack:?}");
    assert_eq!(slack[4]["text"], "✅ Test: mq - RESOLVED (the last of 3)");
}

#[test]
fn threads_that_are_lost_begin_anew_and_cost_no_message() {
    let chats = Chats::new();
    let host = Host::with(&fast(&[&hopeless("web"), &chats.config()]));
    story_of(&host);
    for (path, _, bytes) in host.snapshot("state/outbox/threads") {
        assert!(!String::from_utf8_lossy(&bytes).contains("s3cret"));
        host.write(path.to_str().unwrap(), &String::from_utf8_lossy(&bytes[..bytes.len() / 2]));
    }
    host.run(&["heal"]).ends(0);
    let titles = ["❌ Test: web - FAILED", "❌ Test: web - STILL DOWN", "✅ Test: web - RESOLVED"];
    assert_eq!(subjects("text", &chats.slack.heard()), titles);
    assert_eq!(chats.slack.heard()[2].get("thread_ts"), None);
    assert_eq!(chats.telegram.heard()[2].get("reply_parameters"), None);
    assert_eq!(chats.discord.asked().len(), 3);
}

#[test]
fn what_was_said_in_a_channels_own_words_stays_in_them() {
    let chats = Chats::new();
    let words =
        "text = \"{{service}}: {{change}}, call Max\"\nsubject = \"{{state}} {{service}}\"\n";
    let channels = chats.config().replacen("[[notify]]\n", &format!("[[notify]]\n{words}"), 1);
    let host = Host::with(&fast(&[&hopeless("web"), &channels]));
    story_of(&host);
    host.run(&["heal"]).ends(0);
    let slack = chats.slack.heard();
    let titles = ["firing web", "firing web", "resolved web", "resolved web"];
    assert_eq!(subjects("text", &slack), titles);
    assert_eq!(slack[3]["blocks"][1]["text"]["text"], "```\nweb: failed, call Max\n```");
}
