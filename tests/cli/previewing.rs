//! `check --self --preview`: everybody sees what would be told, and nobody is told.

use std::net::TcpListener;

use super::channels::dead_port;
use super::every_channel::{Service, fine};
use super::{WEB, fast};
use crate::support::host::Host;

/// A channel of each kind, all at a port where somebody would notice.
fn channels(port: u16) -> String {
    let url = format!("http://127.0.0.1:{port}");
    let account = format!("AC{}", "0".repeat(32));
    let of = |via: &str, keys: &str| format!("[[notify]]\nvia = '{via}'\n{keys}\n");
    [
        of("email", &format!("to = 'me@example.org'\nfrom = 'mm@example.org'\nsmtp = 'smtp+plain://x@127.0.0.1:{port}'\npassword = 's3cret'")),
        of("telegram", &format!("chat_id = 1\ntoken = 's3cret'\nurl = '{url}'")),
        of("slack", &format!("url = '{url}/s3cret'\ntemplates = {{ failed = {{ text = 'call {{{{service}}}}' }} }}")),
        of("discord", &format!("url = '{url}/s3cret'")),
        of("ntfy", &format!("topic = 's3cret'\nurl = '{url}'")),
        of("webhook", &format!("url = '{url}/s3cret'\ntoken = 's3cret'\nsecret = 's3cret'")),
        of("pagerduty", &format!("routing_key = 's3cret'\nurl = '{url}'")),
        of("alertmanager", &format!("url = '{url}'\nuser = 'me'\npassword = 's3cret'")),
        of("twilio", &format!("account = '{account}'\ntoken = 's3cret'\nfrom = 'me'\nto = '+4912345678'\nurl = '{url}'")),
        of("command", "command = ['tell', '--password=s3cret', '{{title}}']"),
        of("webhook", &format!("name = 'boss'\nurl = '{url}/s3cret'\nafter = '30m'")),
        of("webhook", &format!("name = 'torn'\nurl = '{url}/s3cret'\ntoken_file = '/no/such/token'\non = ['failed']")),
    ]
    .concat()
}

#[test]
fn every_kind_shows_every_change_and_nobody_is_asked_or_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.set_nonblocking(true).expect("it can be asked without waiting");
    let port = listener.local_addr().expect("it is bound").port();
    let host = Host::with(&fast(&[WEB, &channels(port)]));
    host.fake("tell", "");
    for change in [
        "down",
        "failed",
        "resolved",
        "reminder",
        "reboot",
        "repeated",
        "escalated",
        "returned",
        "restarted",
        "gap",
        "hold",
        "channel",
        "config",
        "summary",
        "test",
    ] {
        let ran = host.run(&["check", "--self", "--preview", change]);
        // `torn` cannot read its token, which is said wherever it would be told.
        let torn = ["failed", "reboot", "channel", "config", "test"].contains(&change);
        assert_eq!((ran.code, ran.stderr.as_str()), (i32::from(torn), ""), "{change}: {ran:?}");
        assert!(!ran.stdout.contains("s3cret"), "{change}: {ran:?}");
        let shown =
            ran.stdout.matches("\n== ").count() + usize::from(ran.stdout.starts_with("== "));
        assert_eq!(shown + ran.stdout.matches("not told: ").count(), 12, "{change}: {ran:?}");
    }
    assert!(listener.accept().is_err(), "somebody was asked");
    assert_eq!(host.read("calls"), "", "somebody was told");
    assert!(!host.path("state").exists(), "something was remembered");
}

#[test]
fn a_preview_is_whole_and_names_who_is_not_told_and_what_would_go_wrong() {
    let host = Host::with(&fast(&[WEB, &channels(9)]));
    let text = host.run(&["check", "--self", "--preview", "failed", "web"]).ends(1).stdout;
    for want in [
        "\nby SMTP to 127.0.0.1:9, unencrypted, as `x`\nFrom: mm@example.org\nTo: me@example.org\nSubject: ❌ Test: web - FAILED\n",
        "\nPOST http://127.0.0.1:9/bot***/sendMessage\nContent-Type: application/json\n",
        "```\\ncall web\\n```",
        "X-Miraclemax-Signature: t=",
        "runs [\"tell\", \"--password=***\", \"Test: web - FAILED\"], which reads\n",
        "Authorization: Basic ***\n",
        "\nBody = Test: web - FAILED: port:8080: nobody listens (this is an example)\n",
        "== torn\nnot like this: cannot read the secret file `/no/such/token`",
        "\nnot told: boss: this has lasted for 12m, and it waits for 30m (`after`)\n",
    ] {
        assert!(text.contains(want), "{want}: {text}");
    }
    let json =
        host.run(&["check", "--self", "--preview", "escalated", "-o", "json"]).ends(0).json();
    let told = |name: &str| {
        let all = json["channels"].as_array().expect("a list");
        all.iter().find(|channel| channel["name"] == name).expect(name)["told"].clone()
    };
    assert_eq!((told("boss"), told("slack")), (true.into(), false.into()));
    for (args, code, want) in [
        (&["--preview", "failed"][..], 64, "--self"),
        (&["--self", "--preview", "fialed"], 64, "a similar value exists: 'failed'"),
        (&["--self", "--preview", "failed", "wbe"], 64, "did you mean `web`?"),
        (&["--self", "web"], 64, "`--self` looks at no service: `web`"),
    ] {
        let ran = host.run(&[&["check"], args].concat()).ends(code);
        assert!(ran.stderr.contains(want), "{want}: {ran:?}");
    }
}

#[test]
fn what_waits_is_shown_as_it_would_leave_and_a_test_that_arrives_makes_a_channel_whole_again() {
    let port = dead_port();
    let hook = format!("[[notify]]\nvia = 'webhook'\nurl = 'http://127.0.0.1:{port}/s3cret'\n");
    let host = Host::with(&fast(&[
        WEB,
        &hook,
        "[[notify]]\nvia = 'webhook'\nname = 'other'\non = ['hold']\nurl = 'http://127.0.0.1:9'\n",
    ]));
    let waiting = ["check", "--self", "--preview", "waiting"];
    let text = host.run(&waiting).ends(0).stdout;
    assert_eq!(
        text,
        "not told: webhook: nothing waits for it\nnot told: other: nothing waits for it\n"
    );
    assert!(!host.path("state").exists(), "something was remembered");

    host.run(&["heal"]).ends(0);
    assert!(host.read("state/channels.json").contains("failing_since"));
    let before = host.snapshot("state");
    let text = host.run(&waiting).ends(0).stdout;
    assert!(text.starts_with(&format!("== webhook\nPOST http://127.0.0.1:{port}/***\n")), "{text}");
    for want in ["LATE: this was written", "Test: web - RESOLVED", "not told: other: nothing waits"]
    {
        assert!(text.contains(want), "{want}: {text}");
    }
    assert!(host.snapshot("state") == before, "something was changed");

    let service = Service::at(port, Some(fine("204 No Content", "")));
    let other = hook.replace("'webhook'\nurl", "'webhook'\nname = 'webhook'\nurl");
    host.config(&fast(&[WEB, &other]));
    host.run(&["check", "--self", "--send-test"]).ends(0);
    let known = host.read("state/channels.json");
    assert!(known.contains("last_accepted") && !known.contains("failing_since"), "{known}");
    assert_eq!(service.heard.lock().unwrap().len(), 1);
    host.run(&["heal"]).ends(0);
    let heard = service.heard.lock().unwrap();
    assert!(heard.len() == 2 && heard[1].1.contains("LATE: this was written"), "{heard:?}");
}
