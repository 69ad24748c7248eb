use super::*;
use crate::model::discovery::{Container, Listening};

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn unit(name: &str) -> Unit {
    Unit {
        name: name.into(),
        names: vec![name.into()],
        file_state: "enabled".into(),
        running: true,
        ..Unit::default()
    }
}

fn listens(at: &str, owner: Owner, program: &str) -> Listening {
    Listening { addr: addr(at), owners: vec![owner], program: Some(program.into()) }
}

fn of_unit(at: &str, unit: &str, program: &str) -> Listening {
    listens(at, Owner::Unit(unit.into()), program)
}

fn names(found: &Findings) -> Vec<&str> {
    found.services.iter().map(|finding| finding.name.as_str()).collect()
}

fn needs<'f>(found: &'f Findings, name: &str) -> &'f [String] {
    &found.services.iter().find(|finding| finding.name == name).expect("it was found").needs
}

/// An application behind a web server, with a database that Debian wraps and a cache.
fn host() -> Seen {
    let mut wrapper = unit("postgresql.service");
    wrapper.running = false;
    Seen {
        units: vec![
            Unit { after: words("network.target app.service"), ..unit("nginx.service") },
            Unit {
                own: true,
                requires: words("redis.service sysinit.target"),
                after: words("postgresql.service redis.service"),
                ..unit("app.service")
            },
            wrapper,
            Unit { part_of: words("postgresql.service"), ..unit("postgresql@15-main.service") },
            Unit {
                names: words("redis-server.service redis.service"),
                ..unit("redis-server.service")
            },
            Unit { own: true, ..unit("worker.service") },
            unit("idle-vendor.service"),
            unit("systemd-resolved.service"),
        ],
        listening: vec![
            of_unit("0.0.0.0:80", "nginx.service", "nginx"),
            of_unit("[::]:80", "nginx.service", "nginx"),
            of_unit("127.0.0.1:8080", "app.service", "app"),
            of_unit("127.0.0.1:5432", "postgresql@15-main.service", "postgres"),
            of_unit("127.0.0.1:6379", "redis.service", "redis-server"),
            of_unit("127.0.0.53:53", "systemd-resolved.service", "systemd-resolve"),
            listens("0.0.0.0:8000", Owner::Nobody, "python3"),
            listens("0.0.0.0:2049", Owner::Hidden, ""),
        ],
        ..Seen::default()
    }
}

#[test]
fn what_listens_or_was_written_here_is_a_service_and_the_base_system_is_not() {
    let found = sort_out(&host());
    assert_eq!(names(&found), ["app", "nginx", "postgresql@15-main", "redis-server", "worker"]);
    let nginx = &found.services[1];
    assert_eq!(nginx.ports.len(), 1, "IPv4 and IPv6 are one port");
    assert_eq!(nginx.ports[0].addrs, [addr("0.0.0.0:80"), addr("[::]:80")]);
    let asks: Vec<_> =
        found.services.iter().flat_map(|f| &f.ports).map(|port| (port.number, port.ask)).collect();
    let want = [(8080, Ask::Http), (80, Ask::Http), (5432, Ask::Connect), (6379, Ask::Connect)];
    assert_eq!(asks, want);
    assert_eq!(found.base["systemd-resolved.service"], [addr("127.0.0.53:53")]);
    assert_eq!(found.unmanaged["python3"], [addr("0.0.0.0:8000")]);
    assert_eq!(found.hidden, 1);
}

#[test]
fn needs_lead_through_aliases_and_wrappers_to_what_was_found() {
    let found = sort_out(&host());
    assert_eq!(needs(&found, "app"), ["postgresql@15-main", "redis-server"]);
    assert_eq!(needs(&found, "nginx"), ["app"]);
    assert_eq!(needs(&found, "worker"), [] as [&str; 0]);
}

#[test]
fn the_order_of_what_was_seen_changes_nothing() {
    let mut turned = host();
    turned.units.reverse();
    turned.listening.reverse();
    assert_eq!(sort_out(&turned), sort_out(&host()));
}

#[test]
fn needs_never_make_a_circle() {
    let circle = |units: Vec<Unit>| sort_out(&Seen { units, ..Seen::default() });
    let own = |unit: Unit| Unit { own: true, ..unit };
    // `a` wants `b`, which starts after it: what is wanted gives way.
    let found = circle(vec![
        own(Unit { wants: words("b.service"), ..unit("a.service") }),
        own(Unit { after: words("a.service"), ..unit("b.service") }),
    ]);
    assert_eq!((needs(&found, "a").len(), needs(&found, "b")), (0, &["a".to_owned()][..]));
    let found = circle(vec![
        own(Unit { requires: words("b.service"), ..unit("a.service") }),
        own(Unit { requires: words("c.service"), ..unit("b.service") }),
        own(Unit { after: words("a.service"), ..unit("c.service") }),
    ]);
    assert_eq!(needs(&found, "c"), [] as [&str; 0]);
}

#[test]
fn a_port_that_a_socket_unit_holds_is_the_sockets_and_is_not_asked() {
    let socket = SocketUnit {
        name: "pad.socket".into(),
        listens: vec![addr("[::]:9100")],
        triggers: words("pad.service"),
        file_state: "enabled".into(),
        user: false,
    };
    let mut shared = listens("[::]:9100", Owner::Init, "pad");
    shared.owners.push(Owner::Unit("pad.service".into()));
    for (units, listening) in [
        (vec![], listens("[::]:9100", Owner::Init, "systemd")),
        (vec![unit("pad.service")], shared),
    ] {
        let seen = Seen {
            units,
            sockets: vec![socket.clone()],
            listening: vec![listening],
            ..Seen::default()
        };
        let found = sort_out(&seen);
        assert_eq!(names(&found), ["pad"]);
        let pad = &found.services[0];
        assert_eq!(pad.runner, Runner::Unit { unit: "pad.socket".into(), user: false });
        assert_eq!(pad.ports[0].ask, Ask::Nothing);
        assert_eq!(pad.remarks, ["starts pad.service at the first connection"]);
    }
}

#[test]
fn what_cannot_be_started_again_is_left_out_and_what_is_not_enabled_says_so() {
    let seen = Seen {
        units: vec![
            Unit { file_state: "transient".into(), ..unit("run-r1.service") },
            Unit { file_state: "disabled".into(), ..unit("redis.service") },
        ],
        listening: vec![
            of_unit("127.0.0.1:1", "run-r1.service", "nc"),
            of_unit("127.0.0.1:2", "redis.service", "redis-server"),
        ],
        ..Seen::default()
    };
    let found = sort_out(&seen);
    assert_eq!(names(&found), ["redis"]);
    assert!(found.services[0].remarks[0].starts_with("not enabled at boot"));
    assert_eq!(found.unmanaged["nc"], [addr("127.0.0.1:1")]);
}

#[test]
fn programs_are_one_service_a_group_and_need_supervisord() {
    let program = |group: &str, name: &str| Program { name: name.into(), group: group.into() };
    let of = |at: &str, group: &str, name: &str| {
        listens(at, Owner::Program(group.into(), name.into()), "python3")
    };
    let seen = Seen {
        units: vec![unit("supervisor.service")],
        supervisor: Some("supervisor.service".into()),
        programs: vec![
            program("web", "web"),
            program("jobs", "jobs_01"),
            program("jobs", "jobs_00"),
            program("site", "api"),
        ],
        listening: vec![of("127.0.0.1:7001", "web", "web"), of("127.0.0.1:7002", "site", "api")],
        ..Seen::default()
    };
    let found = sort_out(&seen);
    assert_eq!(names(&found), ["jobs", "site", "supervisor", "web"]);
    let runners: Vec<_> = found.services.iter().map(|finding| finding.runner.clone()).collect();
    let program = |name: &str| Runner::Program(name.into());
    assert_eq!(
        runners,
        [
            program("jobs:*"),
            program("site:api"),
            Runner::Unit { unit: "supervisor.service".into(), user: false },
            program("web")
        ]
    );
    assert_eq!(needs(&found, "jobs"), ["supervisor"]);
    assert_eq!(found.services[3].ports[0].number, 7001);
}

#[test]
fn a_container_has_its_published_ports_or_is_its_units() {
    let container = |name: &str, unit: Option<&str>| Container {
        name: name.into(),
        engine: "podman".into(),
        image: "books:1".into(),
        unit: unit.map(str::to_owned),
        ports: vec![addr("0.0.0.0:8081")],
    };
    let seen = Seen {
        units: vec![Unit { own: true, ..unit("books.service") }],
        containers: vec![container("systemd-books", Some("books.service"))],
        ..Seen::default()
    };
    let found = sort_out(&seen);
    assert_eq!(names(&found), ["books"]);
    assert_eq!(found.services[0].ports[0].number, 8081);
    let seen = Seen {
        units: vec![Unit { own: true, ..unit("web.service") }],
        containers: vec![container("web", None)],
        listening: vec![
            of_unit("0.0.0.0:8081", "docker.service", "docker-proxy"),
            listens("127.0.0.1:9000", Owner::Container("web".into()), "node"),
        ],
        ..Seen::default()
    };
    let found = sort_out(&seen);
    assert_eq!(names(&found), ["web", "web-unit"], "two of one name are told apart");
    let ports: Vec<_> = found.services[0].ports.iter().map(|port| port.number).collect();
    assert_eq!(ports, [8081, 9000], "what it publishes, and what it opens on the host itself");
    assert!(found.unmanaged.is_empty(), "its engine restarts it: {:?}", found.unmanaged);
    assert_eq!(found.services[0].marks, ["container:web"]);
    assert!(found.base.is_empty(), "the proxy's port is the container's: {:?}", found.base);
}

#[test]
fn names_are_fit_for_a_config_and_a_command_line() {
    for (name, want) in [
        ("postgresql@15-main", "postgresql@15-main"),
        ("a\\x2db", "a\\x2db"),
        ("site:web", "site-web"),
        ("a/b c", "a-b-c"),
        ("--", "service"),
        (".hidden", "hidden"),
        ("a\u{202e}b", "a-b"),
    ] {
        assert_eq!(fit(name), want, "{name}");
    }
    assert_eq!(fit(&"x".repeat(300)).len(), LONGEST_NAME);
}

#[test]
fn merging_adds_only_what_is_not_there_by_name_unit_or_port() {
    let found = || sort_out(&host()).services;
    let present = |name: &str, marks: &str, ports: &[u16]| Present {
        name: name.into(),
        marks: words(marks),
        ports: ports.to_vec(),
    };
    let left = |present: &[Present]| {
        let left = lacking(found(), present);
        left.iter().map(|finding| finding.name.clone()).collect::<Vec<_>>()
    };
    let all = ["app", "nginx", "postgresql@15-main", "redis-server", "worker"];
    for (there, gone) in [
        (present("x", "", &[]), None),
        (present("app", "", &[]), Some("app")),
        (present("cache", "systemd:redis.service", &[]), Some("redis-server")),
        (present("db", "", &[5432]), Some("postgresql@15-main")),
    ] {
        let want: Vec<_> = all.iter().filter(|name| Some(**name) != gone).collect();
        assert_eq!(
            left(std::slice::from_ref(&there)).iter().collect::<Vec<_>>(),
            want,
            "{there:?}"
        );
    }
    let there = [present("cache", "systemd:redis.service", &[]), present("db", "", &[5432])];
    let app = lacking(found(), &there).remove(0);
    assert_eq!(app.needs, ["cache", "db"], "needs are under the names that are in the config");
    assert_eq!(left(&all.map(|name| present(name, "", &[]))), [] as [&str; 0]);
}

#[test]
fn the_base_system_is_known_by_its_names() {
    for (unit, want) in [
        ("systemd-resolved.service", true),
        ("cron.service", true),
        ("user@1000.service", true),
        ("docker.service", true),
        ("chrony.service", true),
        ("cups-browsed.service", true),
        ("miraclemax-heal.service", true),
        ("ssh.service", false),
        ("nginx.service", false),
        ("docker-registry.service", false),
        ("ntpviz.service", false),
    ] {
        assert_eq!(is_base(unit), want, "{unit}");
    }
    for (program, want) in [
        ("redis-server", true),
        ("postgres", true),
        ("sshd-session", true),
        ("nginx", false),
        ("masterd", false),
    ] {
        assert_eq!(speaks_another(program), want, "{program}");
    }
}
