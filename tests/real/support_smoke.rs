//! Proof that each counterpart is what it claims to be, with nothing of the product in between. A failure here means that
//! the failures elsewhere say nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{fs, iter};

use crate::support::certs::{Certs, Pair};
use crate::support::machine::Machine;
use crate::support::pings::{Action, Fault as PingFault, Ping, Pings};
use crate::support::real;
use crate::support::smtp::{Fault, Mode, Options, Receiver};
use crate::support::supervisor::{Supervisor, Who};

const UUID: &str = "5f1a0c0e-6d4f-4f9e-9b55-0b6d1d6f8a01";
const RUN: &str = "0b0e8a52-22c6-4b0f-8a5e-4d6f6f1f3a77";
const SHORT: Duration = Duration::from_secs(20);

// ---- machine

#[test]
fn a_machine_boots_systemd_and_debians_cron() {
    let Some(machine) = Machine::boot("boots") else { return };
    assert_eq!(machine.run(&["systemctl", "is-system-running"]).ok().stdout, "running\n");
    assert_eq!(machine.run(&["systemctl", "is-active", "cron"]).ok().stdout, "active\n");
    assert_eq!(machine.read("/proc/1/comm").as_deref(), Some("systemd\n"));
    let host = machine.run(&["hostname"]).ok().stdout;
    assert!(host.ends_with("-boots\n"), "its own name, not the host's: {host}");
    assert!(machine.leader() > 1);
    for name in ["miraclemax", "miraclemax-status", "miraclemax-heartbeat", "miraclemax-self-heal"]
    {
        machine.sh(&format!("test -x /usr/local/bin/{name}")).ok();
    }
    // The loader of the machine takes what the host's linker made.
    let output = machine.run(&["miraclemax", "--version"]);
    assert!(!output.stderr.contains("GLIBC") && ![126, 127].contains(&output.code()), "{output:?}");
}

#[test]
fn a_unit_stops_and_starts_and_its_journal_is_there() {
    let Some(machine) = Machine::boot("unit") else { return };
    machine.unit(
        "story.service",
        "[Service]\nExecStart=sh -c 'echo once upon a time; exec sleep infinity'\n",
    );
    machine.run(&["systemctl", "start", "story"]).ok();
    let first = machine.property("story", "MainPID");
    assert_eq!(machine.property("story", "ActiveState"), "active");
    machine.run(&["systemctl", "stop", "story"]).ok();
    assert_eq!(machine.run(&["systemctl", "is-active", "story"]).code(), 3);
    machine.run(&["systemctl", "start", "story"]).ok();
    assert_ne!(machine.property("story", "MainPID"), first);
    let told =
        |machine: &Machine| machine.journal(&["-u", "story"]).matches("once upon a time").count();
    machine.wait_until("both instances have told", SHORT, |machine| {
        (told(machine) == 2).then_some(())
    });
    let entries = machine.journal_entries(&["-u", "story", "_TRANSPORT=stdout"]);
    assert!(entries.iter().all(|entry| entry["_SYSTEMD_UNIT"] == "story.service"), "{entries:?}");
}

#[test]
fn the_start_limit_is_hit_as_on_any_host() {
    let Some(machine) = Machine::boot("limit") else { return };
    machine.unit("story.service", "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=600\n[Service]\nExecStart=sleep infinity\n");
    let codes: Vec<i32> =
        iter::repeat_with(|| machine.run(&["systemctl", "restart", "story"]).code())
            .take(3)
            .collect();
    assert_eq!(codes, [0, 0, 1]);
    assert_eq!(machine.property("story", "Result"), "start-limit-hit");
}

#[test]
fn cron_runs_what_cron_d_says() {
    let Some(machine) = Machine::boot("cron") else { return };
    machine.write(
        "/etc/cron.d/story",
        "* * * * * root env >/run/story.new && mv /run/story.new /run/story\n",
    );
    // Cron's minute, and a little for a busy machine.
    let environment = machine
        .wait_until("cron's minute", Duration::from_secs(90), |machine| machine.read("/run/story"));
    assert!(environment.contains("PATH=/usr/bin:/bin\n"), "{environment}");
    assert!(!environment.contains("LANG="), "{environment}");
}

#[test]
fn two_machines_do_not_meet_and_leave_nothing() {
    let (Some(one), Some(two)) = (Machine::boot("two"), Machine::boot("two")) else { return };
    one.write("/etc/only-here", "one");
    assert_eq!(two.read("/etc/only-here"), None);
    one.run(&["systemctl", "stop", "cron"]).ok();
    assert_eq!(two.run(&["systemctl", "is-active", "cron"]).code(), 0);
    one.sh("setsid sleep infinity >/dev/null 2>&1 &").ok();
    let leaders = [one.leader(), two.leader()];
    let name = one.run(&["hostname"]).ok().stdout;
    drop((one, two));
    assert!(leaders.into_iter().all(real::is_gone));
    let mounts = fs::read_to_string("/proc/self/mounts").expect("Linux has it");
    assert!(!mounts.contains(name.trim()), "{mounts}");
}

#[test]
fn a_machine_is_killed_when_its_test_panics() {
    let Some(machine) = Machine::boot("panics") else { return };
    let leader = machine.leader();
    let panicked = std::thread::spawn(move || {
        let _machine = machine;
        std::panic::resume_unwind(Box::new("as a failed test does"));
    })
    .join();
    assert!(panicked.is_err());
    assert!(real::is_gone(leader));
}

#[test]
fn a_command_in_a_machine_has_its_user_its_stdin_and_its_place() {
    let Some(machine) = Machine::boot("command") else { return };
    let output = machine.run_with(&["cat"], "käse\n".as_bytes(), SHORT).ok();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("käse\n", ""));
    assert_eq!(machine.run_as("nobody", &["id", "-un"]).ok().stdout, "nobody\n");
    assert_eq!(machine.sh("false; echo not reached").stdout, "");
    assert_eq!(machine.run(&["sh", "-c", "kill -TERM $$"]).code(), 143);
    let groups = machine.read("/proc/self/cgroup").expect("Linux has it");
    assert!(groups.contains(":/test.scope\n"), "not a process of the host: {groups}");
}

// ---- mail

/// Sends one mail as any mail program would, with Python's smtplib; the last line it prints is the outcome.
fn send(receiver: &Receiver, mode: Mode, certs: &Certs, login: Option<(&str, &str)>) -> String {
    let script = r#"
import smtplib, ssl, sys
from email.message import EmailMessage
port, mode, ca, user, password = sys.argv[1:]
message = EmailMessage()
message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "✅ MiracleMax: story-stages - RESOLVED"
message.set_content("Zürich\nsecond line\n")
try:
    context = ssl.create_default_context(cafile=ca)
    if mode == "tls":
        server = smtplib.SMTP_SSL("localhost", int(port), timeout=5, context=context)
    else:
        server = smtplib.SMTP("localhost", int(port), timeout=5)
    if mode == "starttls":
        server.starttls(context=context)
    if user:
        server.login(user, password)
    server.send_message(message)
    print("sent")
except smtplib.SMTPRecipientsRefused as error:
    print(*[code for code, _ in error.recipients.values()])
except smtplib.SMTPResponseException as error:
    print(error.smtp_code)
except Exception as error:
    print("timeout" if "timed out" in str(error) else type(error).__name__)
"#;
    let mode = match mode {
        Mode::Plain => "plain",
        Mode::StartTls => "starttls",
        Mode::Tls => "tls",
    };
    let (user, password) = login.unwrap_or_default();
    let mut command = real::command(real::python().expect("the receiver runs on it"));
    command
        .args(["-c", script, &receiver.port().to_string(), mode])
        .arg(&certs.ca)
        .args([user, password]);
    real::run(command, b"", SHORT).ok().stdout.trim().to_owned()
}

fn options(mode: Mode, pair: &Pair) -> Options<'_> {
    Options { mode, pair: Some(pair), ..Options::default() }
}

#[test]
fn mail_arrives_over_starttls_with_auth_and_is_read_by_another_parser() {
    let certs = Certs::new();
    let login = Some(("max", "mutton-lettuce"));
    let options = Options { auth: login, ..options(Mode::StartTls, &certs.good) };
    let Some(receiver) = Receiver::start(&options) else { return };
    assert_eq!(send(&receiver, Mode::StartTls, &certs, Some(("max", "wrong"))), "535");
    assert_eq!(send(&receiver, Mode::StartTls, &certs, None), "530", "AUTH is required");
    assert_eq!(
        send(&receiver, Mode::Plain, &certs, login),
        "SMTPNotSupportedError",
        "no AUTH before STARTTLS"
    );
    assert_eq!(send(&receiver, Mode::Plain, &certs, None), "530", "nothing before STARTTLS");
    assert!(receiver.mails().is_empty());

    assert_eq!(send(&receiver, Mode::StartTls, &certs, login), "sent");
    let mails = receiver.wait_for(1, SHORT);
    let [mail] = mails.as_slice() else { panic!("one mail: {mails:#?}") };
    assert_eq!(mail.from, "a@example.org");
    assert_eq!(mail.to, ["b@example.org"]);
    assert_eq!(mail.subject, "✅ MiracleMax: story-stages - RESOLVED");
    assert_eq!(mail.text, "Zürich\nsecond line\n");
    assert_eq!(mail.header("to"), Some("b@example.org"));
    assert_eq!((mail.tls, mail.user.as_deref(), mail.html.as_deref()), (true, Some("max"), None));
    assert!(!mail.helo.is_empty());
    assert_eq!(mail.defects, [""; 0]);
    assert!(receiver.raw()[0].starts_with(b"From: a@example.org\r\n"));
}

#[test]
fn mail_arrives_over_tls_and_plain() {
    let certs = Certs::new();
    let login = Some(("max", "secret:with:colons"));
    let Some(tls) = Receiver::start(&Options { auth: login, ..options(Mode::Tls, &certs.good) })
    else {
        return;
    };
    assert_eq!(send(&tls, Mode::Tls, &certs, login), "sent");
    assert!(tls.wait_for(1, SHORT)[0].tls);
    let Some(plain) = Receiver::start(&Options { auth: login, ..Options::default() }) else {
        return;
    };
    assert_eq!(send(&plain, Mode::Plain, &certs, login), "sent");
    assert!(!plain.wait_for(1, SHORT)[0].tls);
}

#[test]
fn bad_certificates_are_refused_by_a_client_that_looks() {
    let certs = Certs::new();
    for (what, pair) in
        [("expired", &certs.expired), ("name", &certs.wrong_host), ("signer", &certs.self_signed)]
    {
        let Some(receiver) = Receiver::start(&options(Mode::StartTls, pair)) else { return };
        assert_eq!(
            send(&receiver, Mode::StartTls, &certs, None),
            "SSLCertVerificationError",
            "{what}"
        );
    }
    let Some(receiver) = Receiver::start(&options(Mode::StartTls, &certs.expiring)) else { return };
    assert_eq!(send(&receiver, Mode::StartTls, &certs, None), "sent");
}

#[test]
fn a_mail_server_misbehaves_as_told() {
    let certs = Certs::new();
    let login = Some(("max", "secret"));
    for (fault, auth, outcome) in [
        (Fault::Recipient, None, "550"),
        (Fault::Full, None, "452"),
        (Fault::Spam, None, "554"),
        (Fault::Password, login, "535"),
        (Fault::Drop, None, "SMTPServerDisconnected"),
        (Fault::Tarpit, None, "timeout"),
    ] {
        let Some(receiver) =
            Receiver::start(&Options { fault: Some(fault), auth, ..Options::default() })
        else {
            return;
        };
        assert_eq!(send(&receiver, Mode::Plain, &certs, auth), outcome, "{fault:?}");
        assert!(receiver.mails().is_empty(), "{fault:?}");
        // And a good one can come back where it was.
        let port = receiver.port();
        drop(receiver);
        let Some(receiver) = Receiver::start(&Options { port, auth, ..Options::default() }) else {
            return;
        };
        assert_eq!(send(&receiver, Mode::Plain, &certs, auth), "sent", "after {fault:?}");
    }
}

// ---- supervisord

#[test]
fn a_supervisord_runs_programs_in_all_its_states() {
    for who in [Who::Same, Who::Nobody] {
        let sections = [
            ("program:web", "command=sleep 1000\nstartsecs=0"),
            ("program:once", "command=true\nstartsecs=0\nautorestart=false"),
            ("program:broken", "command=false\nstartretries=0"),
            ("program:struggling", "command=false\nstartretries=100"),
        ];
        let Some(supervisor) = Supervisor::start(who, &sections) else { return };
        for (program, state) in
            [("web", "RUNNING"), ("once", "EXITED"), ("broken", "FATAL"), ("struggling", "BACKOFF")]
        {
            supervisor.wait_for(program, state, SHORT);
        }
        let pid = supervisor.pid_of("web").expect("it runs");
        let owner = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        assert_eq!(owner.contains("Uid:\t65534"), who == Who::Nobody && real::is_root(), "{owner}");
        supervisor.ctl(&["stop", "web"]).ok();
        assert_eq!(supervisor.state("web"), "STOPPED");
        supervisor.ctl(&["start", "web"]).ok();
        let again = supervisor.pid_of("web").expect("it runs");
        assert_ne!(again, pid);
        assert!(
            supervisor.socket().exists() && supervisor.config().starts_with(supervisor.folder())
        );
        let daemon = supervisor.pid();
        drop(supervisor);
        assert!(real::is_gone(daemon) && real::is_gone(again));
    }
}

// ---- pings

/// Asks with curl: the status, or curl's own exit code as a negative number, and the body.
fn curl(arguments: &[&str]) -> (i32, String) {
    let mut command = real::command("curl");
    command.args(["--silent", "--max-time", "2", "--write-out", "\n%{http_code}"]).args(arguments);
    let output = real::run(command, b"", SHORT);
    let (body, status) = output.stdout.rsplit_once('\n').unwrap_or_default();
    if output.code() == 0 {
        (status.parse().unwrap_or(0), body.to_owned())
    } else {
        (-output.code(), String::new())
    }
}

#[test]
fn pings_are_judged_as_a_healthchecks_server_does() {
    if !real::or_skip("curl", real::which("curl").is_some()) {
        return;
    }
    let server = Pings::start();
    let check = server.check(UUID);
    let slug = server.slug("key-of_project", "backup");
    let ok = (200, "OK".to_owned());
    assert_eq!(curl(&[&check]), ok);
    assert_eq!(curl(&["--data-raw", "all is well", &format!("{check}/fail?rid={RUN}")]), ok);
    assert_eq!(curl(&[&format!("{check}/start")]), ok);
    assert_eq!(curl(&[&format!("{check}/log")]), ok);
    assert_eq!(curl(&["--head", "--output", "/dev/null", &format!("{check}/0")]).0, 200);
    assert_eq!(curl(&[&format!("{slug}/137")]), ok);
    assert_eq!(
        curl(&[&format!("{}/ping/key-of_project/new?create=1", server.base())]),
        (201, "Created".to_owned())
    );

    for (status, body, url) in [
        (404, "not found", format!("{}/ping/{}", server.base(), UUID.replace('5', "6"))),
        (404, "not found", format!("{}/ping/key-of_project/none", server.base())),
        (404, "not found", format!("{}/ping/other-key/none?create=1", server.base())),
        (400, "invalid uuid format", format!("{check}?rid=7")),
        (400, "invalid url format", format!("{check}/256")),
    ] {
        assert_eq!(curl(&[&url]), (status, body.to_owned()), "{url}");
    }
    assert_eq!(curl(&["--request", "PUT", &check]).0, 405);
    assert_eq!(curl(&[&format!("{check}/finish")]).0, 404);
    assert_eq!(curl(&[&format!("{}/", server.base())]).0, 404);

    let pings = server.wait_for(7, SHORT);
    let said: Vec<_> = pings.iter().map(|ping| (ping.action, ping.exit_status)).collect();
    assert_eq!(
        said,
        [
            (Action::Success, None),
            (Action::Fail, None),
            (Action::Start, None),
            (Action::Log, None),
            (Action::Success, Some(0)),
            (Action::Fail, Some(137)),
            (Action::Success, None),
        ]
    );
    assert_eq!(
        pings[1],
        Ping {
            check: UUID.to_owned(),
            action: Action::Fail,
            exit_status: None,
            rid: Some(RUN.to_owned()),
            body: "all is well".to_owned()
        }
    );
    assert_eq!(pings[5].check, "key-of_project/backup");
    let requests = server.requests();
    assert_eq!(
        (requests[1].method.as_str(), requests[1].path.as_str()),
        ("POST", &*format!("/ping/{UUID}/fail"))
    );
    assert_eq!(requests[1].body, b"all is well");
    assert_eq!(requests[1].query.as_deref(), Some(&*format!("rid={RUN}")));
    assert!(requests[0].header("user-agent").is_some_and(|agent| agent.starts_with("curl/")));
    assert!(requests.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert_eq!(requests.last().and_then(|request| request.status), Some(404));
}

#[test]
fn long_bodies_are_cut_and_the_limit_is_told() {
    if !real::or_skip("curl", real::which("curl").is_some()) {
        return;
    }
    let server = Pings::start();
    let check = server.check(UUID);
    server.body_limit(100);
    // Long enough that curl asks for leave first, and once without a length.
    let body = "x".repeat(2_000_000);
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    fs::write(file.path(), &body).expect("a temporary file can be written");
    let data = format!("@{}", file.path().display());
    for more in [&[][..], &["--header", "Transfer-Encoding: chunked"]] {
        let (status, text) = curl(&[&["--include", "--data-binary", &data, &check], more].concat());
        assert_eq!(status, 200);
        assert!(text.contains("Ping-Body-Limit: 100\r\n"), "{text}");
    }
    assert!(server.pings().iter().all(|ping| ping.body.len() == 100));
    assert!(server.requests().iter().all(|request| request.body.len() == body.len()));
}

#[test]
fn the_way_to_the_server_breaks_as_told() {
    if !real::or_skip("curl", real::which("curl").is_some()) {
        return;
    }
    let server = Pings::start();
    let check = server.check(UUID);
    for (fault, status) in [
        (PingFault::Status(410), 410),
        (PingFault::Status(500), 500),
        (PingFault::RetryAfter(429, "1"), 429),
        (PingFault::Captive, 200),
        (PingFault::Redirect, 302),
        (PingFault::OkNotFound, 200),
        (PingFault::OkRateLimited, 200),
        (PingFault::Late(Duration::from_secs(60)), -28),
        (PingFault::Silent, -28),
        (PingFault::Drop, -52),
        (PingFault::Garbage, -1),
    ] {
        server.fault(fault.clone());
        assert_eq!(curl(&[&check]).0, status, "{fault:?}");
    }
    server.fault(PingFault::RetryAfter(429, "7"));
    assert!(curl(&["--include", &check]).1.contains("Retry-After: 7\r\n"));
    server.fault(PingFault::Redirect);
    assert_eq!(curl(&["--location", &check]).0, 200);
    server.fault_times(2, PingFault::Status(503));
    let codes: Vec<i32> = iter::repeat_with(|| curl(&[&check]).0).take(4).collect();
    assert_eq!(codes, [503, 503, 200, 200]);
    server.fault(PingFault::Status(500));
    server.heal();
    assert_eq!(curl(&[&check]).0, 200);
    server.forget_checks();
    assert_eq!(curl(&[&check]), (404, "not found".to_owned()));
    let closed = format!("http://127.0.0.1:{}/ping/{UUID}", real::free_port());
    assert_eq!(curl(&[&closed]).0, -7);
    // A silent server must not hold its own test up.
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn http_that_breaks_the_rules_is_no_ping() {
    let server = Pings::start();
    let check = server.check(UUID);
    let path = check.trim_start_matches(&server.base()).to_owned();
    for request in [
        format!("GET {path} HTTP/1.1\r\n\r\n"),
        format!("GET {path} HTTP/1.0\r\nHost: a\r\n\r\n"),
        format!("GET {path}#part HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET {path} HTTP/1.1\nHost: a\n\n"),
        format!("POST {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer:?}");
    }
    assert_eq!(server.pings(), []);
    let port = server.port();
    drop(server);
    let again = Pings::start_on(port);
    assert_eq!(again.port(), port);
}

// ---- what they stand on

#[test]
fn a_counterpart_and_its_children_end_with_the_test() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let log = folder.path().join("log");
    // Deaf to TERM, with a child in the background.
    let script = "trap '' TERM; sleep 1000 & echo $!; sleep 1000";
    let line = ["sh", "-c", script].map(AsRef::as_ref);
    let keeper = real::Keeper::spawn(
        &line,
        &log,
        r#"kill -TERM "$child"; kill -KILL "$child"; wait "$child""#,
    );
    let child: u32 = keeper.ready("it names its child", SHORT, || keeper.log().trim().parse().ok());
    let pid = keeper.pid();
    assert!(!keeper.has_ended() && !real::is_gone(child));
    drop(keeper);
    assert!(real::is_gone(pid));
    // The session is killed last; nobody waits for orphans.
    real::wait_until("the orphan is gone", SHORT, || real::is_gone(child).then_some(()));
}

#[test]
#[should_panic(expected = "did not end in")]
fn a_command_is_killed_at_its_deadline() {
    let mut command = real::command("sh");
    command.args(["-c", "sleep 1000 & sleep 1000"]);
    real::run(command, b"", Duration::from_millis(200));
}
