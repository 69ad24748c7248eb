//! A config that an edit broke: what loaded last goes on, and nobody is left in the dark about it.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{WEB, fast};
use crate::support::host::{BOUND, Host, now};
use crate::support::real;

const MAIL: &str = r#"
[[notify]]
via = "email"
to = ["me@example.org"]
from = "max@example.org"
sendmail = "$DIR/bin/sendmail"
"#;

fn broken(host: &Host) {
    host.config(&fast(&[WEB, MAIL]).replace("restart", "restrat"));
}

#[test]
fn an_edit_that_breaks_the_config_does_not_stop_healing() {
    let host = Host::with(&fast(&[WEB, MAIL]));
    host.fake("sendmail", "cat >> $DIR/mails");
    host.write("up", "");
    host.run(&["-q", "heal"]).silent();
    broken(&host);
    host.remove("up");
    let warning = "miraclemax: warning: the configuration is wrong; the last one that loaded is in use\n\
                   $DIR/config.toml:11:1: service has no key `restrat`\n\
                   \u{20} hint: did you mean `restart`?\n";
    host.run(&["heal"]).is(
        78,
        "healed  web  touch $DIR/up in [T], verified by 1 probe\n\n2 notifications sent\n",
        warning,
    );
    assert!(host.path("up").exists());
    let told = |host: &Host| {
        host.read("mails")
            .lines()
            .filter(|line| line.starts_with("Subject: ") && line.ends_with(" - CONFIG"))
            .count()
    };
    assert!(host.read("mails").contains("restrat"), "{}", host.read("mails"));
    let first = told(&host);
    assert_eq!(first, 1, "it is told by mail: {}", host.read("mails"));
    host.run(&["heal"]).is(78, "up  web  0 B, [T] old\n", warning);
    host.run(&["check"]).is(78, "up  web  0 B, [T] old\n", warning);
    host.run(&["heal", "--dry-run"]).is(78, "web: up, nothing to do\n", warning);
    assert_eq!(told(&host), first, "it is told once");
    host.run(&["stale"]).is(
        1,
        "$DIR/state/state.json: CONFIG-BROKEN: the last good config is in use: $DIR/config.toml:11:1: service has no key `restrat`\n",
        "",
    );
    host.run(&["status"]).ends(1);
    let ran = host.run(&["check", "--dry-run"]).ends(78);
    assert!(
        ran.stderr.contains("error: the configuration is wrong\n$DIR/config.toml:11:1: "),
        "{ran:?}"
    );

    host.config(&fast(&[WEB, MAIL]));
    host.run(&["heal"]).is(0, "up  web  0 B, [T] old\n", "");
    host.run(&["stale"]).ends(0);
    // Broken again in the same way after it was whole: that is news. Incidents are named by their second.
    let second = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let whole = second(host.mtime());
    real::wait_until("the next second", BOUND, || (second(now()) > whole).then_some(()));
    broken(&host);
    host.run(&["heal"]).ends(78);
    assert_eq!(told(&host), 2);
}

#[test]
fn what_replaces_the_config_does_not_matter() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "");
    host.run(&["-q", "heal"]).silent();
    for ruin in [
        &(|| {
            host.write("config.toml", "");
        }) as &dyn Fn(),
        &|| {
            host.write("config.toml", "[[service]]\nname = \"we");
        },
        &|| std::fs::write(host.path("config.toml"), b"\xff\xfe\x00").unwrap(),
        &|| {
            host.remove("config.toml").fifo("config.toml");
        },
        &|| {
            host.remove("config.toml");
            std::fs::create_dir(host.path("config.toml")).unwrap();
        },
    ] {
        ruin();
        for command in ["check", "heal"] {
            let ran = host.run(&[command]).ends(78);
            assert_eq!(ran.stdout.split_whitespace().take(2).collect::<Vec<_>>(), ["up", "web"]);
            assert!(
                ran.stderr.contains("the last one that loaded is in use\n$DIR/config.toml"),
                "{ran:?}"
            );
        }
    }
    // That it is not there at all is no broken edit.
    std::fs::remove_dir(host.path("config.toml")).unwrap();
    host.run(&["heal"]).is(
        78,
        "",
        "miraclemax: error: there is no configuration at `$DIR/config.toml`\n[...]\n",
    );
}
