//! What a `[[notify]]` accepts, refuses and is told.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use super::*;
use crate::model::letter::Letter;
use crate::model::node::{Entry, Node, Value};
use crate::model::place::{Place, Problems};

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn list(values: &[&str]) -> Value {
    Value::List(values.iter().map(|v| Node { value: text(v), place: place(9) }).collect())
}

fn place(line: u32) -> Place {
    Place { file: "c.toml".into(), line, col: 1 }
}

fn read(keys: &[(&str, Value)]) -> (Option<Channel>, Vec<String>) {
    let mut problems = Problems::default();
    let entries = keys.iter().zip(2..).map(|((key, value), line)| Entry {
        key: (*key).into(),
        place: place(line),
        node: Node { value: value.clone(), place: place(line) },
    });
    let fields = Fields::new("notify", place(1), entries.collect(), &mut problems);
    let channel = Channel::read(fields);
    (channel, problems.0.iter().map(ToString::to_string).collect())
}

fn with(more: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    let mut keys = vec![
        ("via", text("email")),
        ("to", list(&["me@example.org"])),
        ("from", text("mm@example.org")),
        ("smtp", text("smtp+plain://127.0.0.1:25")),
    ];
    for (key, value) in more {
        keys.retain(|(known, _)| known != key);
        keys.push((key, value.clone()));
    }
    keys
}

fn channel(more: &[(&'static str, Value)]) -> Channel {
    let (channel, problems) = read(&with(more));
    assert!(problems.is_empty(), "{problems:#?}");
    channel.unwrap()
}

pub(super) fn story(change: Change, service: &str, critical: bool) -> Story {
    let at = jiff::Timestamp::UNIX_EPOCH;
    Story {
        name: "MiracleMax".into(),
        service: service.into(),
        critical,
        incident: "web-1".into(),
        ..Story::new(change, "web1", at)
    }
}

#[test]
fn the_defaults_are_the_documented_ones() {
    use Change::{Down, Failed, Gap, Reminder, Repeated, Resolved, Restarted, Returned};
    let channel = channel(&[]);
    assert_eq!(channel.name, "email:me@example.org");
    let usual = [Down, Failed, Resolved, Reminder, Repeated, Returned, Restarted, Gap];
    assert_eq!(channel.routing.on, usual);
    assert_eq!((channel.timeout, channel.routing.min_severity), (TIMEOUT, Severity::Warning));
}

#[test]
fn an_alert_that_would_end_by_itself_is_ended_by_the_recovery_and_no_letter_is_written_of_it() {
    let on = "on = ['failed']\nurl = 'http://127.0.0.1:9'";
    let alerts = testing::channel(&format!("via = 'alertmanager'\n{on}"));
    let letters = testing::channel(&format!("via = 'slack'\n{on}"));
    for (change, told, want) in [
        (Change::Resolved, true, true),
        (Change::Resolved, false, false),
        (Change::Down, true, false),
        (Change::Returned, true, false),
    ] {
        let story = story(change, "web", true);
        assert_eq!(alerts.wants(&story, told), want, "{change:?} {told}");
        assert!(!letters.wants(&story, told), "{change:?} {told}");
    }
}

#[test]
fn each_channel_is_told_what_it_asked_for_and_a_broken_config_wherever_a_failure_is() {
    use Change::{Config, Down, Failed, Gap, Hold, Reboot, Reminder, Repeated, Resolved};
    use Change::{Restarted, Returned, Summary, Test};
    let all = channel(&[]);
    let pager = channel(&[("on", list(&["failed"])), ("min_severity", text("critical"))]);
    let shop = channel(&[("services", list(&["shop"])), ("on", list(&["down", "resolved"]))]);
    for (change, service, critical, want) in [
        (Failed, "web", true, [true, true, false]),
        (Failed, "web", false, [true, false, false]),
        (Resolved, "shop", false, [true, false, true]),
        (Resolved, "web", true, [true, false, false]),
        (Down, "shop", true, [true, false, true]),
        (Reminder, "web", true, [true, false, false]),
        (Config, "", false, [true, true, false]),
        (Change::Channel, "", true, [true, true, false]),
        (Gap, "", false, [true, false, false]),
        (Restarted, "", false, [true, false, false]),
        (Hold, "", false, [false, false, false]),
        (Returned, "web", false, [true, false, false]),
        (Summary, "", false, [false, false, false]),
        (Test, "", false, [false, false, false]),
        (Reboot, "web", true, [true, true, false]),
        (Reboot, "shop", false, [true, false, false]),
        (Repeated, "web", true, [true, false, false]),
    ] {
        let story = story(change, service, critical);
        let told = [&all, &pager, &shop].map(|channel| channel.wants(&story, false));
        assert_eq!(told, want, "{change:?} {service} {critical}");
    }
}

#[test]
fn a_drill_is_told_by_every_channel_whatever_it_asked_for() {
    let pager = channel(&[
        ("on", list(&["down"])),
        ("min_severity", text("critical")),
        ("services", list(&["shop"])),
    ]);
    let story = story(Change::Resolved, "drill", false);
    assert!(!pager.wants(&story, false) && pager.for_drill().wants(&story, false));
}

#[test]
fn every_mistake_is_named_and_no_password_is_shown() {
    let login = text("smtps://me@mx");
    for (keys, want) in [
        (vec![], "notify needs `via`"),
        (vec![("via", text("emial"))], ", found `emial`\n  hint: did you mean `email`?"),
        (vec![("via", text("email"))], "notify needs `from`"),
        (with(&[("to", list(&[]))]), "`to` names nobody"),
        (with(&[("to", list(&["me"]))]), "c.toml:9:1: `to`: `me` is no mail address"),
        (with(&[("from", text("me\r\n@x"))]), "`from`: `me  @x` is no mail address"),
        (with(&[("on", list(&["fialed"]))]), "found `fialed`\n  hint: did you mean `failed`?"),
        (with(&[("on", list(&[]))]), "`on` is empty"),
        (with(&[("min_severity", text("high"))]), "one of `critical`, `warning`"),
        (with(&[("smtp", text("smtps://me:hunter2@mx"))]), "a password does not belong here"),
        (with(&[("smtp", login.clone())]), "names a user: give its password"),
        (with(&[("password", text("hunter2"))]), "names no user"),
        (with(&[("sendmail", text("/usr/sbin/sendmail"))]), "both given: keep one"),
        (with(&[("recipients", text("x"))]), "notify has no key `recipients`"),
    ] {
        let (_, problems) = read(&keys);
        let all = problems.join("\n");
        assert!(all.contains(want), "{want}: {all}");
        assert!(!all.contains("hunter2"), "{all}");
    }
}

#[test]
fn neither_smtp_nor_sendmail_is_a_problem_and_either_alone_is_not() {
    let keys: Vec<_> = with(&[]).into_iter().filter(|(key, _)| *key != "smtp").collect();
    assert!(read(&keys).1.join("\n").contains("needs `smtp` or `sendmail`"));
    let local = [keys, vec![("sendmail", text("/usr/sbin/sendmail"))]].concat();
    assert!(read(&local).0.is_some_and(|_| read(&local).1.is_empty()));
    let login = with(&[("smtp", text("smtps://me@mx")), ("password_env", text("P"))]);
    assert!(read(&login).0.is_some_and(|_| read(&login).1.is_empty()));
}

#[test]
fn a_letter_arrives_with_its_names_and_the_answer_comes_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let (mut out, mut heard) = (&stream, String::new());
        out.write_all(b"220 x\r\n").unwrap();
        for line in BufReader::new(&stream).lines().map_while(Result::ok) {
            let reply = match line.as_str() {
                "DATA" => "354 go\r\n",
                "." => "250 queued\r\n",
                line if line.starts_with("EHLO") || line.contains(":<") => "250 ok\r\n",
                _ => "",
            };
            heard.extend([line.as_str(), "\n"]);
            if line == "QUIT" || out.write_all(reply.as_bytes()).is_err() {
                break;
            }
        }
        heard
    });
    let story = story(Change::Failed, "web", true);
    let letter = Letter {
        subject: "❌ web".into(),
        body: "text\n".into(),
        thread: crate::model::letter::thread(&story),
    };
    let channel = channel(&[("smtp", text(&format!("smtp+plain://127.0.0.1:{port}")))]);
    let id = crate::model::letter::message_id(&story);
    let out = Outgoing {
        letter: &letter,
        id: &id,
        stories: &[&story],
        holds: Duration::ZERO,
        reply_to: None,
    };
    let sent = channel.send(&out, Deadline::after(Duration::from_secs(20)));
    testing::taken(&sent, "250 queued", "web-1.failed.0@web1");
    let heard = server.join().unwrap();
    for want in ["Message-ID: <web-1.failed.0@web1>\n", "References: <web-1@web1>\n", "\ntext\n.\n"]
    {
        assert!(heard.contains(want), "{want}: {heard}");
    }
}

#[test]
fn what_is_previewed_is_what_is_sent_but_for_its_secrets() {
    use crate::model::leaving::Leaving;
    use crate::notify::testing::{self, Mail, reply};
    let account = format!("AC{}", "0".repeat(32));
    let (token, words) = ("token = 's3cret'\n", "text = '{{service}}: {{reason}}'\n");
    for (via, keys, answer) in [
        (
            "telegram",
            format!("{token}chat_id = 1\nurl = '$URL'\n{words}"),
            r#"{"ok":true,"result":{}}"#,
        ),
        ("slack", format!("url = '$URL/s3cret'\n{words}"), "ok"),
        ("slack", format!("{token}channel = 'C1'\napi = '$URL'"), r#"{"ok":true}"#),
        ("discord", "url = '$URL/s3cret'".into(), r#"{"id":"1"}"#),
        ("ntfy", format!("topic = 's3cret'\n{token}url = '$URL'"), r#"{"id":"1"}"#),
        ("webhook", format!("url = '$URL/s3cret'\nheader = 'X-Y: s3cret'\n{token}"), ""),
        ("pagerduty", "routing_key = 's3cret'\nurl = '$URL'\nsubject = '{{host}}!'".into(), ""),
        (
            "twilio",
            format!("account = '{account}'\nfrom = 'me'\nto = '+4912345678'\n{token}url = '$URL'"),
            "",
        ),
    ] {
        let mail = Mail::new("❌ web", "a \"b\" <c>\n");
        let table = |port: u16| {
            let keys = keys.replace("$URL", &format!("http://127.0.0.1:{port}"));
            format!("via = '{via}'\n{keys}")
        };
        let used = std::cell::Cell::new(0);
        let (_, asked) = testing::send(vec![reply("200 OK", "", answer)], &mail, |port| {
            used.set(port);
            table(port)
        });
        let preview = mail.outgoing(|out| testing::channel(&table(used.get())).preview(out));
        assert_eq!(preview.troubles, Vec::<String>::new(), "{via}");
        let [Leaving::Request { method, url, headers, body }] = &preview.leaving[..] else {
            panic!("{via}: {preview:?}")
        };
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let line = format!("{method} /{path} HTTP/1.1");
        assert_eq!(line, asked[0].line.replace("s3cret", "***"), "{via}");
        assert_eq!(*body, asked[0].body.replace("s3cret", "***"), "{via}");
        for (name, value) in headers {
            let sent = asked[0].header(name).replace("s3cret", "***");
            let hidden = value == "Basic ***" && sent.starts_with("Basic ");
            assert!(*value == sent || hidden, "{via}: {name}: {value}");
        }
        assert!(!format!("{preview:?}").contains("s3cret"), "{via}");
    }
}

#[test]
fn why_somebody_is_not_told_is_said_by_the_key_that_says_so() {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    for (more, change, service, critical, told, want) in [
        (("on", list(&["failed"])), Change::Down, "web", true, false, "no `down` in `on`"),
        (("on", list(&["down"])), Change::Config, "", true, false, "no `config` and no `failed`"),
        (("min_severity", text("critical")), Change::Down, "web", false, false, "(`min_severity`)"),
        (("services", list(&["db"])), Change::Down, "web", true, false, "web is not among its"),
        (("services", list(&["db"])), Change::Gap, "", true, false, "this is of the host"),
        (
            ("after", text("30m")),
            Change::Failed,
            "web",
            true,
            false,
            "lasted for 12m, and it waits for 30m",
        ),
        (("after", text("30m")), Change::Resolved, "web", true, false, "which did not last 30m"),
        (("after", text("30m")), Change::Gap, "", true, false, "of outages alone"),
    ] {
        let story = Story { lasted: minutes(12), ..story(change, service, critical) };
        let why = channel(&[more]).why_not(&story, told).unwrap();
        assert!(why.contains(want), "{change:?}: {why}");
    }
}

#[test]
fn a_password_that_cannot_be_read_keeps_the_letter_for_later() {
    let channel = channel(&[
        ("smtp", text("smtps://me@127.0.0.1")),
        ("password_file", text("/no/such/file")),
    ]);
    let letter = Letter { subject: "x".into(), body: "x\n".into(), thread: "t@h".into() };
    let out = Outgoing {
        letter: &letter,
        id: "id@h",
        stories: &[],
        holds: Duration::ZERO,
        reply_to: None,
    };
    let sent = channel.send(&out, Deadline::after(Duration::from_secs(5)));
    assert!(matches!(&sent, Sent::Later(why) if why.contains("/no/such/file")), "{sent:?}");
}
