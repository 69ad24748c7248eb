//! What each channel is asked, and what its answer comes to; that nothing is sent, and no secret shown.

use std::net::TcpListener;
use std::time::Duration;

use super::Reached;
use crate::notify::testing::{self, Asked, channel, reply};
use crate::sys::clock::Deadline;

const SID: &str = "AC00000000000000000000000000000000";
const KEY: &str = "SK00000000000000000000000000000000";

/// Looks over the channel of `table` (with the port that it is to use) at a server that answers so, and no more often.
fn reach(answers: Vec<String>, table: impl Fn(u16) -> String) -> (Reached, Vec<Asked>) {
    let limit = Duration::from_secs(20);
    let (reached, asked) =
        testing::play(answers, table, |channel| channel.reach(Deadline::after(limit)));
    let shown = format!("{reached:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    (reached, asked)
}

/// In one word, with what it says.
fn word(reached: &Reached) -> (&'static str, String) {
    match reached {
        Reached::Yes { said, unproven } => ("yes", format!("{said}; not {unproven}")),
        Reached::No(why) => ("no", why.clone()),
        Reached::Unknown(why) => ("unknown", why.clone()),
    }
}

#[track_caller]
fn comes_to(reached: &Reached, want: &str, says: &str) {
    let (word, said) = word(reached);
    assert_eq!(word, want, "{said}");
    assert!(said.contains(says), "{says}: {said}");
}

#[test]
fn telegram_is_asked_who_the_bot_is_and_for_the_chat() {
    let table = |port| {
        format!(
            "via = 'telegram'\ntoken = '1:s3cret-token'\nchat_id = -100\nurl = 'http://127.0.0.1:{port}'"
        )
    };
    let me = reply("200 OK", "", r#"{"ok":true,"result":{"id":1,"username":"mm_bot"}}"#);
    let chat = reply("200 OK", "", r#"{"ok":true,"result":{"id":-100,"type":"group"}}"#);
    let (reached, asked) = reach(vec![me.clone(), chat], table);
    comes_to(&reached, "yes", "@mm_bot knows the chat -100; not whether it may write there");
    assert_eq!(asked[0].line, "GET /bot1:s3cret-token/getMe HTTP/1.1");
    assert_eq!(asked[1].line, "POST /bot1:s3cret-token/getChat HTTP/1.1");
    assert_eq!(asked[1].json()["chat_id"], -100);
    let no_chat =
        reply("400 Bad Request", "", r#"{"ok":false,"description":"Bad Request: chat not found"}"#);
    comes_to(&reach(vec![me, no_chat], table).0, "no", "chat not found");
    let no_bot = reply(
        "401 Unauthorized",
        "",
        r#"{"ok":false,"description":"Unauthorized 1:s3cret-token"}"#,
    );
    comes_to(&reach(vec![no_bot], table).0, "no", "HTTP 401 Unauthorized");
    let busy = reply("429 Too Many Requests", "Retry-After: 7\r\n", "{}");
    comes_to(&reach(vec![busy], table).0, "unknown", "HTTP 429");
}

#[test]
fn slack_is_asked_who_the_bot_is() {
    let table = |port| {
        format!(
            "via = 'slack'\ntoken = 'xoxb-s3cret'\nchannel = 'C1'\napi = 'http://127.0.0.1:{port}/api'"
        )
    };
    let me = reply("200 OK", "", r#"{"ok":true,"user":"max","team":"Shop","user_id":"U1"}"#);
    let (reached, asked) = reach(vec![me], table);
    comes_to(&reached, "yes", "@max of Shop; not whether it may write to the channel");
    assert_eq!(asked[0].line, "POST /api/auth.test HTTP/1.1");
    assert_eq!(asked[0].header("authorization"), "Bearer xoxb-s3cret");
    let no = reply("200 OK", "", r#"{"ok":false,"error":"invalid_auth"}"#);
    comes_to(&reach(vec![no], table).0, "no", "invalid_auth");
    let busy = reply("429 Too Many Requests", "Retry-After: 7\r\n", "{}");
    comes_to(&reach(vec![busy], table).0, "unknown", "HTTP 429");
}

#[test]
fn discord_describes_its_webhook() {
    let table = |port| {
        format!("via = 'discord'\nurl = 'http://127.0.0.1:{port}/api/webhooks/1/s3cret-hook'")
    };
    let known =
        reply("200 OK", "", r#"{"id":"1","name":"alerts","channel_id":"2","token":"s3cret-hook"}"#);
    let (reached, asked) = reach(vec![known], table);
    comes_to(&reached, "yes", "the webhook `alerts` is known");
    assert_eq!(asked[0].line, "GET /api/webhooks/1/s3cret-hook HTTP/1.1");
    let gone = reply("404 Not Found", "", r#"{"message":"Unknown Webhook","code":10015}"#);
    comes_to(&reach(vec![gone], table).0, "no", "Unknown Webhook");
    let page = reply("200 OK", "", "<html>");
    comes_to(&reach(vec![page], table).0, "no", "not as expected");
}

#[test]
fn servers_of_ones_own_say_how_they_are() {
    let ntfy =
        |port| format!("via = 'ntfy'\nurl = 'http://127.0.0.1:{port}'\ntopic = 's3cret-topic'");
    let (reached, asked) = reach(vec![reply("200 OK", "", r#"{"healthy":true}"#)], ntfy);
    comes_to(&reached, "yes", "is healthy; not whether it takes this topic and token");
    assert_eq!(asked[0].line, "GET /v1/health HTTP/1.1");
    comes_to(
        &reach(vec![reply("200 OK", "", r#"{"healthy":false}"#)], ntfy).0,
        "no",
        "not as expected",
    );
    let alertmanager = |port| {
        format!(
            "via = 'alertmanager'\nurl = 'http://127.0.0.1:{port}/am'\nuser = 'u'\npassword = 's3cret'"
        )
    };
    let (reached, asked) = reach(vec![reply("200 OK", "", "OK")], alertmanager);
    comes_to(&reached, "yes", "is ready");
    assert_eq!(asked[0].line, "GET /am/-/ready HTTP/1.1");
    assert_eq!(asked[0].header("authorization"), "Basic dTpzM2NyZXQ=");
    comes_to(
        &reach(vec![reply("503 Service Unavailable", "", "")], alertmanager).0,
        "no",
        "HTTP 503",
    );
}

#[test]
fn twilio_is_asked_for_the_account_or_with_a_key_for_a_message() {
    let table = |more: &'static str| {
        move |port: u16| {
            format!(
                "via = 'twilio'\naccount = '{SID}'\n{more}token = 's3cret'\nfrom = '+4930123456'\nto = '+4930123457'\nurl = 'http://127.0.0.1:{port}'"
            )
        }
    };
    let active = reply("200 OK", "", r#"{"sid":"AC","status":"active"}"#);
    let (reached, asked) = reach(vec![active], table(""));
    comes_to(
        &reached,
        "yes",
        "takes its login; not whether a message to that telephone is delivered",
    );
    assert_eq!(asked[0].line, format!("GET /2010-04-01/Accounts/{SID}.json HTTP/1.1"));
    let suspended = reply("200 OK", "", r#"{"sid":"AC","status":"suspended"}"#);
    comes_to(&reach(vec![suspended], table("")).0, "no", "the account is suspended");
    let refused = reply("401 Unauthorized", "", r#"{"code":20003,"message":"Authenticate"}"#);
    comes_to(&reach(vec![refused], table("")).0, "no", "20003: Authenticate");
    let key: &'static str = "key = 'SK00000000000000000000000000000000'\n";
    assert!(key.contains(KEY));
    let (reached, asked) = reach(vec![reply("200 OK", "", r#"{"messages":[]}"#)], table(key));
    comes_to(&reached, "yes", "takes its login");
    assert_eq!(
        asked[0].line,
        format!("GET /2010-04-01/Accounts/{SID}/Messages.json?PageSize=1 HTTP/1.1")
    );
}

#[test]
fn where_nothing_can_be_asked_it_is_a_line_and_no_request() {
    for table in [
        "via = 'slack'\nurl = 'http://127.0.0.1:PORT/services/s3cret-hook'",
        "via = 'webhook'\nurl = 'http://127.0.0.1:PORT/s3cret-hook'",
        "via = 'pagerduty'\nrouting_key = 's3cret'\nurl = 'http://127.0.0.1:PORT'",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let channel = channel(&table.replace("PORT", &port.to_string()));
        let by = || Deadline::after(Duration::from_secs(20));
        comes_to(
            &channel.reach(by()),
            "yes",
            &format!("127.0.0.1:{port} takes connections; not whether"),
        );
        let (mut stream, _) = listener.accept().unwrap();
        let mut said = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut said).unwrap();
        assert_eq!(said, b"", "a request was made");
        drop(listener);
        let reached = channel.reach(by());
        comes_to(&reached, "no", "no connection");
        assert!(!format!("{reached:?}").contains("s3cret"), "{reached:?}");
    }
}

#[test]
fn a_program_is_looked_for_and_not_started() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("tell");
    let marker = dir.path().join("started");
    std::fs::write(&at, format!("#!/bin/sh\ntouch '{}'\n", marker.display())).unwrap();
    let by = || Deadline::after(Duration::from_secs(20));
    let of = |program: &str| {
        channel(&format!("via = 'command'\ncommand = ['{program}', '{{{{host}}}}']"))
    };
    let command = of(&at.display().to_string());
    comes_to(&command.reach(by()), "no", "is no program that can be run");
    std::fs::set_permissions(&at, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    comes_to(&command.reach(by()), "yes", "can be run; not what it does with a message");
    comes_to(&of("sh").reach(by()), "yes", "not whether cron's PATH leads there");
    comes_to(&of("no-such-program-here").reach(by()), "no", "in its PATH");
    let mail = "via = 'email'\nto = ['a@example.org']\nfrom = 'b@example.org'\nsendmail = '/nowhere/sendmail'";
    comes_to(&channel(mail).reach(by()), "no", "there is no `/nowhere/sendmail`");
    assert!(!marker.exists(), "it was started");
}

#[test]
fn a_secret_that_cannot_be_read_is_the_reason() {
    let slack = channel("via = 'slack'\nurl_file = '/nowhere/url'");
    comes_to(&slack.reach(Deadline::after(Duration::from_secs(5))), "no", "/nowhere/url");
}
