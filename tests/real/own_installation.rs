//! `check --self` on a whole machine: with what contrib has for cron and systemd all is fine; then each trap is laid, and
//! is found and named. Of those for which cron itself complains, cron's own words are the proof.

use std::time::Duration;

use serde_json::Value;

use crate::support::certs::Certs;
use crate::support::host::Host;
use crate::support::machine::Machine;
use crate::support::pings::Pings;
use crate::support::real::saw;
use crate::support::smtp::{Mode, Options, Receiver};

const CRON: &str = include_str!("../../contrib/cron.d/miraclemax");
const TAB: &str = "/etc/cron.d/miraclemax";
const UNITS: [(&str, &str); 6] = [
    ("miraclemax-heal.service", include_str!("../../contrib/systemd/miraclemax-heal.service")),
    ("miraclemax-heal.timer", include_str!("../../contrib/systemd/miraclemax-heal.timer")),
    ("miraclemax-ping.service", include_str!("../../contrib/systemd/miraclemax-ping.service")),
    ("miraclemax-ping.timer", include_str!("../../contrib/systemd/miraclemax-ping.timer")),
    ("miraclemax-drill.service", include_str!("../../contrib/systemd/miraclemax-drill.service")),
    ("miraclemax-drill.timer", include_str!("../../contrib/systemd/miraclemax-drill.timer")),
];
const UUID: &str = "4c8f1a77-2c0d-4f0e-9d53-0d6f5b6e1a05";

/// How each trap is laid, the exit status, what is said of it; and what cron itself says when it reads the file, if it says
/// anything.
const TRAPS: [(&str, i32, &str, &str); 20] = [
    ("mv TAB TAB.cron", 2, "there is a `.` in its name", ""),
    ("chown daemon TAB", 2, "not to root", "WRONG FILE OWNER"),
    ("chmod 664 TAB", 2, "others than root can write it", "INSECURE MODE"),
    (
        "printf '%s' \"$(cat /root/good)\" >TAB",
        2,
        "has no newline at its end",
        "Missing newline before EOF",
    ),
    ("echo 'some words' >>TAB", 2, "neither a schedule nor", "Syntax error"),
    ("echo '61 * * * * root true' >>TAB", 2, "`61` is no minute", "bad minute"),
    (
        "echo '5 * * * * nobody-here true' >>TAB",
        2,
        "there is no user `nobody-here`",
        "bad username",
    ),
    (
        "sed -i 's/root  miraclemax heal -q/miraclemax heal -q/' TAB",
        2,
        "the user is missing: cron takes `miraclemax`",
        "bad username",
    ),
    (
        "sed -i 's/heal -q$/heal -q >>\\/var\\/log\\/mm-$(date +%F)/' TAB",
        2,
        "there is a `%` in it",
        "",
    ),
    ("sed -i '/^PATH=/d' TAB", 2, "there is no `miraclemax` in its PATH (`/usr/bin:/bin`)", ""),
    (
        "sed -i 's/^PATH=.*/PATH=$PATH:\\/usr\\/local\\/bin/' TAB",
        1,
        "cron expands nothing: `PATH`",
        "",
    ),
    (
        "sed -i 's/miraclemax heal -q$/miraclemax heal/' TAB",
        1,
        "it prints at every run, every 1m, and cron mails that to `root`",
        "",
    ),
    (
        "sed -i 's/^MAILTO=.*/MAILTO=/; s/miraclemax heal -q$/miraclemax heal/' TAB",
        1,
        "`MAILTO` is empty: that is lost",
        "",
    ),
    (
        "sed -i 's/^MAILTO=.*/MAILTO=\"\"/' TAB",
        1,
        "no [[notify]] is configured: nobody is told",
        "",
    ),
    (
        "sed -i 's/miraclemax heal -q$/\\/opt\\/gone\\/miraclemax heal -q/' TAB",
        2,
        "there is no `/opt/gone/miraclemax`",
        "",
    ),
    (
        "sed -i 's/miraclemax heal -q$/\\/opt\\/old\\/miraclemax heal -q/' TAB",
        1,
        "which is version 0.0.1",
        "",
    ),
    (
        "sed -i 's/^\\* \\* \\* \\* \\*  /7 * * * *  /' TAB",
        2,
        "after 20m the last cycle is stale",
        "",
    ),
    (
        "sed -i 's/^\\*.5 \\* \\* \\* \\*/*\\/30 * * * */' TAB",
        2,
        "it expects that every 5m and 10m of grace: it alerts in between",
        "",
    ),
    ("sed -i 's/^\\*.5 .*ping.*//' TAB", 2, "nothing that fires pings it", ""),
    (
        "sed -i 's/  root  miraclemax heal -q/  daemon  miraclemax heal -q/' TAB",
        2,
        "runs as `daemon`",
        "",
    ),
];

/// A machine that is looked after, without a schedule.
fn installed(name: &str, pings: &Pings) -> Option<Machine> {
    let machine = Machine::boot(name)?;
    machine.write("/etc/miraclemax/ping-url", &pings.check(UUID));
    machine.write(
        "/etc/miraclemax/config.toml",
        "[[service]]\nname = \"story\"\nchecks = [\"file:/srv/story\"]\n\
         [[heartbeat]]\nname = \"outside\"\nurl_file = \"/etc/miraclemax/ping-url\"\n\
         period = \"5m\"\ngrace = \"10m\"\n",
    );
    machine.write("/srv/story", "");
    machine.sh("chmod 600 /etc/miraclemax/*").ok();
    machine.run(&["miraclemax", "check"]).ok();
    machine.run(&["miraclemax", "ping"]).ok();
    Some(machine)
}

/// The exit status, and what was found.
fn looked(machine: &Machine) -> (i32, Vec<Value>) {
    let output = machine.run(&["miraclemax", "check", "--self", "-o", "json"]);
    let json: Value = serde_json::from_str(&output.stdout)
        .unwrap_or_else(|err| panic!("{err}: {}{}", output.stdout, output.stderr));
    (output.code(), json["findings"].as_array().expect("there are findings").clone())
}

#[track_caller]
fn all_fine(machine: &Machine, when: &str) {
    let shown = machine.run(&["miraclemax", "check", "--self"]);
    saw(when, format_args!("{}{}", shown.stdout, shown.stderr));
    assert_eq!(shown.code(), 0, "{when}: {}{}", shown.stdout, shown.stderr);
    let quiet = machine.run(&["miraclemax", "check", "--self", "-q"]).ok();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

/// The finding that says this, which ends with `code`; it has something to type.
#[track_caller]
fn finds(machine: &Machine, code: i32, want: &str) {
    let (came_to, found) = looked(machine);
    let says = |finding: &&Value| finding["said"].as_str().unwrap_or_default().contains(want);
    let hit = found.iter().find(says).unwrap_or_else(|| panic!("no `{want}` in {found:#?}"));
    assert_eq!(came_to, code, "{want}: {found:#?}");
    assert!(hit["hint"].is_string(), "{hit}");
    saw(want, hit);
}

/// Cron, started anew, says this of its files.
fn cron_says(machine: &Machine, want: &str) {
    // It is restarted more often than systemd likes.
    machine.sh("systemctl reset-failed cron; systemctl restart cron").ok();
    let run = format!("_SYSTEMD_INVOCATION_ID={}", machine.property("cron", "InvocationID"));
    let words = machine.wait_until(want, Duration::from_secs(20), |machine| {
        Some(machine.journal(&[&run])).filter(|words| words.contains(want))
    });
    saw("cron says", words);
}

#[test]
fn what_comes_with_it_for_cron_is_fine_and_each_trap_of_cron_is_named() {
    let pings = Pings::start();
    let Some(machine) = installed("own-cron", &pings) else { return };
    finds(&machine, 2, "nothing that fires runs `miraclemax heal` or `miraclemax check` as `root`");
    machine.write(TAB, CRON);
    all_fine(&machine, "cron.d as it comes");

    let mend = "rm -f /etc/cron.d/miraclemax*; cp /root/good /etc/cron.d/miraclemax; chmod 644 /etc/cron.d/miraclemax";
    machine.write("/root/good", CRON);
    for (lay, code, want, crons) in TRAPS {
        machine.write("/opt/old/miraclemax", "#!/bin/sh\necho miraclemax 0.0.1\n");
        machine.sh("chmod 755 /opt/old/miraclemax").ok();
        machine.sh(&lay.replace("TAB", TAB)).ok();
        finds(&machine, code, want);
        if !crons.is_empty() {
            cron_says(&machine, crons);
        }
        machine.sh(mend).ok();
    }
    all_fine(&machine, "mended");

    machine.run(&["systemctl", "stop", "cron"]).ok();
    finds(&machine, 2, "no cron daemon runs");
    machine.run(&["systemctl", "start", "cron"]).ok();
}

#[test]
fn a_crontab_of_ones_own_is_read_and_a_script_in_it_too() {
    let pings = Pings::start();
    let Some(machine) = installed("own-crontab", &pings) else { return };
    machine.write("/root/good", CRON);
    machine.sh("(sed -n '/^[A-Z]*=/p' /root/good; echo '* * * * * root miraclemax heal -q'; echo '*/5 * * * * miraclemax ping -q') | crontab -").ok();
    finds(&machine, 2, "it names a user, `root`");
    machine.sh("crontab -l | sed 's/ root / /' | crontab -").ok();
    all_fine(&machine, "root's own crontab");
    machine.sh("(sed -n '/^[A-Z]*=/p' /root/good; echo '* * * * * /opt/around'; echo '*/5 * * * * miraclemax ping -q') | crontab -").ok();
    machine.write("/opt/around", "#!/bin/sh\nexec miraclemax heal -q\n");
    all_fine(&machine, "a script around it");
}

#[test]
fn what_comes_with_it_for_systemd_is_fine_and_what_keeps_a_timer_from_firing_is_named() {
    let pings = Pings::start();
    let Some(machine) = installed("own-timers", &pings) else { return };
    for (name, text) in UNITS {
        machine.unit(name, text);
    }
    finds(&machine, 2, "miraclemax-heal.timer is inactive: it does not fire");
    // Where cron does the same they are not missed.
    machine.write(TAB, CRON);
    all_fine(&machine, "cron, and timers that nobody turned on");
    machine.sh("rm /etc/cron.d/miraclemax").ok();
    let timers = ["miraclemax-heal.timer", "miraclemax-ping.timer", "miraclemax-drill.timer"];
    machine.run(&[&["systemctl", "enable", "--now"][..], &timers].concat()).ok();
    all_fine(&machine, "timers as they come");
    let drop_in = "/etc/systemd/system/miraclemax-heal";
    for (lay, mend, code, want) in [
        (
            "systemctl disable miraclemax-ping.timer",
            "systemctl enable miraclemax-ping.timer",
            1,
            "miraclemax-ping.timer is not enabled",
        ),
        (
            "systemctl stop miraclemax-heal.timer",
            "systemctl start miraclemax-heal.timer",
            2,
            "miraclemax-heal.timer is inactive",
        ),
        (
            "mkdir -p DROP.timer.d; printf '[Timer]\\nOnCalendar=\\nOnCalendar=hourly\\n' >DROP.timer.d/x.conf; systemctl daemon-reload; systemctl restart miraclemax-heal.timer",
            "rm -r DROP.timer.d; systemctl daemon-reload; systemctl restart miraclemax-heal.timer",
            2,
            "miraclemax-heal.timer runs it every 1h, and after 20m the last cycle is stale",
        ),
        (
            "mkdir -p DROP.timer.d; printf '[Timer]\\nOnCalendar=\\nOnActiveSec=1\\nOnUnitActiveSec=30min\\n' >DROP.timer.d/x.conf; systemctl daemon-reload; systemctl restart miraclemax-heal.timer",
            "rm -r DROP.timer.d; systemctl daemon-reload; systemctl restart miraclemax-heal.timer",
            2,
            "miraclemax-heal.timer runs it every 30m, and after 20m the last cycle is stale",
        ),
        (
            "mkdir -p DROP.service.d; printf '[Service]\\nExecStart=\\nExecStart=/opt/gone heal\\nExecStart=/usr/local/bin/miraclemax heal -q\\n' >DROP.service.d/x.conf; systemctl daemon-reload; systemctl start miraclemax-heal.service || true",
            "rm -r DROP.service.d; systemctl daemon-reload; systemctl start miraclemax-heal.service",
            1,
            "the last run of miraclemax-heal.service failed",
        ),
        (
            "sed -i /Persistent/d /etc/systemd/system/miraclemax-drill.timer; systemctl daemon-reload",
            "echo 'Persistent=true' >/dev/null; sed -i 's/^OnCalendar.*/&\\nPersistent=true/' /etc/systemd/system/miraclemax-drill.timer; systemctl daemon-reload",
            1,
            "miraclemax-drill.timer fires every 7d, and what is missed while the host is off is not made up for",
        ),
    ] {
        machine.sh(&lay.replace("DROP", drop_in)).ok();
        finds(&machine, code, want);
        machine.sh(&mend.replace("DROP", drop_in)).ok();
    }
    all_fine(&machine, "mended");
    // Cron and timers side by side are no finding.
    machine.write(TAB, CRON);
    all_fine(&machine, "both");
}

#[test]
fn somebody_without_root_is_told_what_may_not_be_read() {
    let pings = Pings::start();
    let Some(machine) = installed("own-user", &pings) else { return };
    machine.write(TAB, CRON);
    let output = machine.run_as(
        "daemon",
        &[
            "miraclemax",
            "check",
            "--self",
            "--state-dir",
            "/var/lib/miraclemax",
            "-c",
            "/etc/miraclemax/config.toml",
        ],
    );
    let said = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    saw("as another user", &output.stdout);
    assert_eq!(output.code(), 2, "{said}");
    assert!(
        said.contains("runs as `root`: that renews the state of `root`, not this one"),
        "{said}"
    );
    assert!(
        said.contains("`sudo miraclemax check --self`") || said.contains("sudo -u 'root'"),
        "{said}"
    );
}

#[test]
fn a_mail_server_is_logged_into_over_starttls_and_gets_no_mail() {
    let certs = Certs::new();
    let login = Some(("max", "mutton:lettuce"));
    let options = Options {
        mode: Mode::StartTls,
        pair: Some(&certs.good),
        auth: login,
        ..Options::default()
    };
    let Some(receiver) = Receiver::start(&options) else { return };
    let config = |password: &str| {
        format!(
            "[[service]]\nname = \"web\"\nchecks = [\"file:$DIR/up\"]\n\
             [[notify]]\nvia = \"email\"\nto = [\"me@example.org\"]\nfrom = \"mm@example.org\"\n\
             smtp = \"smtp://max@localhost:{}\"\npassword = \"{password}\"\n",
            receiver.port()
        )
    };
    let mut host = Host::with(&config("mutton:lettuce"));
    host.set("SSL_CERT_FILE", &certs.ca.display().to_string());
    let good = host.run(&["check", "--self"]);
    saw("with the right password", &good.stdout);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&good.stdout).contains("localhost takes the login of `max` over STARTTLS; not proven: whether it takes a letter"), "{good:?}");
    host.config(&config("wrong-one"));
    let bad = host.run(&["check", "--self"]).ends(2);
    saw("with a wrong one", &bad.stdout);
    assert!(
        words(&bad.stdout).contains("AUTH as `max`: 535") && !bad.stdout.contains("wrong-one"),
        "{bad:?}"
    );
    host.set("SSL_CERT_FILE", "/dev/null");
    host.config(&config("mutton:lettuce"));
    let untrusted = host.run(&["check", "--self"]).ends(2);
    assert!(words(&untrusted.stdout).contains("STARTTLS: "), "{untrusted:?}");
    assert!(receiver.mails().is_empty());
}
