//! `DogStatsD`'s datagrams beside those of Datadog's own client, which is told the same: byte for byte the same ones.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::place::Place;
use crate::support::real;
use crate::support::supervisor::Who;

const PATIENCE: Duration = Duration::from_secs(30);

/// What an agent would listen on.
enum Agent {
    Udp(UdpSocket),
    Unix(UnixDatagram, tempfile::TempDir),
}

impl Agent {
    fn udp() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
        socket.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
        Self::Udp(socket)
    }

    fn unix() -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("/tmp can be written");
        let socket = UnixDatagram::bind(folder.path().join("dsd.socket")).expect("a short path");
        socket.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
        Self::Unix(socket, folder)
    }

    /// As a heartbeat's `url`, and as the client's arguments.
    fn address(&self) -> (String, Value) {
        match self {
            Self::Udp(socket) => {
                let port = socket.local_addr().expect("it is bound").port();
                (format!("udp://127.0.0.1:{port}"), json!({"host": "127.0.0.1", "port": port}))
            }
            Self::Unix(_, folder) => {
                let path = folder.path().join("dsd.socket").display().to_string();
                (format!("unix://{path}"), json!({ "socket_path": path }))
            }
        }
    }

    /// The next so many datagrams, each without the line end that the client may give it.
    #[track_caller]
    fn hear(&self, count: usize) -> Vec<String> {
        let mut buffer = [0; 8192];
        let mut one = || {
            let length = match self {
                Self::Udp(socket) => socket.recv(&mut buffer),
                Self::Unix(socket, _) => socket.recv(&mut buffer),
            };
            let bytes = &buffer[..length.expect("a datagram in time")];
            let text = std::str::from_utf8(bytes).expect("datagrams are UTF-8");
            text.strip_suffix('\n').unwrap_or(text).to_owned()
        };
        (0..count).map(|_| one()).collect()
    }
}

/// The time that a datagram tells, which is now.
#[track_caller]
fn time(datagram: &str) -> i64 {
    let field = datagram.split('|').find_map(|field| field.strip_prefix("d:"));
    let time = field.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{datagram}"));
    assert!((0..60).contains(&(real::now().as_second() - time)), "{datagram}");
    time
}

/// Has Datadog's client send these to `to`.
#[track_caller]
fn client(python: &Path, to: &Value, checks: &[Value]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/dogstatsd_client.py");
    let mut client = real::command(python);
    client.arg(script);
    let told = json!({"to": to, "checks": checks}).to_string();
    real::run(client, told.as_bytes(), PATIENCE).ok();
}

#[test]
fn what_is_sent_is_what_datadogs_own_client_sends() {
    let python = real::python();
    if !real::or_skip("DogStatsD client (datadog)", python.is_some()) {
        return;
    }
    let Some(python) = python else { return };
    let kernel = fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux has it");
    let tags = ["env:prod", "team:a|b,c#d"];
    for agent in [Agent::udp(), Agent::unix()] {
        let (url, to) = agent.address();
        let place = Place::new(Who::Same);
        let up = place.write("up", "");
        place.config(&format!(
            "name = \"Box\"\n[defaults]\ntries = 1\nheal = \"off\"\n\
             [[service]]\nname = 'a \"b\" ü'\nchecks = [\"file:{}\"]\n\
             [[service]]\nname = \"soft\"\ncritical = false\nchecks = [\"file:/no/such/file\"]\n\
             [[heartbeat]]\nname = \"dog\"\nkind = \"dogstatsd\"\nurl = \"{url}\"\ntags = {tags:?}\n",
            up.display()
        ));
        assert_eq!(place.run(&["check", "-q"]).code(), 1);
        let ran = place.run(&["ping"]);
        assert_eq!(ran.code(), 0, "{ran}");
        assert!(ran.text().contains("sent, and never acknowledged"), "{ran}");
        let issues = ran.output.stdout.lines().find(|line| line.starts_with("ISSUES"));
        let message = issues.expect("it says what it told");
        let ours = agent.hear(3);
        real::saw("datagrams", ours.join("\n"));

        let check = |name: &str, status: u8, datagram: &str, more: &[&str]| {
            let tags = [&tags[..], more].concat();
            json!({
                "check_name": name, "status": status, "timestamp": time(datagram),
                "hostname": kernel.trim(), "tags": tags,
            })
        };
        let mut whole = check("miraclemax.heartbeat", 2, &ours[0], &[]);
        whole["message"] = message.into();
        let service = "miraclemax.heartbeat.service";
        let checks = [
            whole,
            check(service, 0, &ours[1], &["service:a \"b\" ü"]),
            check(service, 1, &ours[2], &["service:soft"]),
        ];
        client(&python, &to, &checks);
        // The client escapes what agents before version 6 misread after a bar, of which ours has none; those since
        // show a message as it came.
        let theirs = agent.hear(3).into_iter().map(|text| text.replace("m\\:", "m:"));
        assert_eq!(ours, theirs.collect::<Vec<_>>());
        assert!(message.contains("mem:"), "{message}");
    }
}

#[test]
fn a_message_cannot_say_that_it_is_of_another_host() {
    let agent = Agent::udp();
    let place = Place::new(Who::Same);
    place.config(&format!(
        "[[heartbeat]]\nname = \"dog\"\nkind = \"dogstatsd\"\nurl = \"{}\"\n",
        agent.address().0
    ));
    let ran = place.run(&["ping", "dog", "--", "sh", "-c", "echo 'done|h:other|#x|m:y'; exit 3"]);
    assert_eq!(ran.code(), 3, "{ran}");
    let sent = agent.hear(1).remove(0);
    let fields: Vec<&str> = sent.split('|').map(|field| field.split(':').next().unwrap()).collect();
    assert_eq!(fields, ["_sc", "miraclemax.heartbeat", "2", "d", "h", "m"], "{sent}");
}
