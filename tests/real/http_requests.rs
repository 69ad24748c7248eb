//! `http` probes against Debian's nginx in a machine, with curl asking the same beside them: logins, headers, methods,
//! sockets, and redirects, which must not take along what was meant for the first place.

use std::fmt::Write as _;
use std::time::Duration;

use crate::support::machine::Machine;
use crate::support::real::{free_port, saw};

/// What curl is given, path and options of the probe, and the status that both come to.
const CASES: [(&str, &str, u32); 16] = [
    ("", "/private", 401),
    ("--user max:word", "/private#user=max&password_file=/root/word", 200),
    ("--user max:other", "/private#user=max&password_file=/root/other", 401),
    ("--user max:word", "/to-private#user=max&password_file=/root/word", 200),
    ("-H 'Authorization: Bearer t0ken'", "/bearer#token_file=/root/token", 200),
    ("", "/bearer", 403),
    ("-H 'X-Api-Key: hunter2'", "/keyed#header=X-Api-Key: hunter2", 200),
    ("-H 'X-Api-Key: hunter2'", "/keyed#header_file=X-Api-Key: /root/key", 200),
    ("-H 'X-Api-Key: hunter2'", "/again#header_file=X-Api-Key: /root/key", 200),
    ("-H 'X-Api-Key: hunter3'", "/keyed#header=X-Api-Key: hunter3", 403),
    ("-H 'Host: other.example'", "/keyed#header=Host: other.example", 421),
    ("-X PUT -d x", "/page#method=PUT&body=x", 405),
    ("-X DELETE", "/page#method=DELETE", 405),
    ("-d x", "/page#body=x", 405),
    ("-d x", "/see-other#body=x", 200),
    ("-I", "/page#method=HEAD&size=7:7", 200),
];

fn furnish(machine: &Machine, port: u16, stranger: u16) {
    machine.write("/srv/www/private", "inside\n");
    machine.write("/srv/www/page", "a page\n");
    for (name, text) in
        [("word", "word\n"), ("other", "other"), ("token", "t0ken"), ("key", "hunter2")]
    {
        machine.write(&format!("/root/{name}"), text);
    }
    machine.write("/etc/nginx/users", "max:{PLAIN}word\n");
    let mut site = String::new();
    write!(
        site,
        r#"
        log_format seen '$request_method $uri key="$http_x_api_key" auth="$http_authorization" body="$request_body"';
        server {{
            listen 127.0.0.1:{port}; listen unix:/run/app.sock;
            server_name 127.0.0.1 localhost; root /srv/www; default_type text/plain;
            add_header X-Frame-Options "DENY, for all" always;
            location = /private {{ auth_basic books; auth_basic_user_file /etc/nginx/users; }}
            location = /to-private {{ return 302 /private; }}
            location = /bearer {{ if ($http_authorization != "Bearer t0ken") {{ return 403; }} return 200 in; }}
            location = /keyed {{ if ($http_x_api_key != hunter2) {{ return 403; }} return 200 in; }}
            location = /again {{ return 307 /keyed; }}
            location = /see-other {{ return 303 /page; }}
            location = /moved {{ return 302 http://127.0.0.1:{stranger}/moved; }}
            location = /repeat {{ return 307 http://127.0.0.1:{stranger}/repeat; }}
        }}
        server {{ listen 127.0.0.1:{port}; server_name other.example; return 421; }}
        server {{
            listen 127.0.0.1:{stranger}; access_log /var/log/nginx/seen.log seen;
            location / {{ return 200 stranger; }}
        }}
        "#
    )
    .unwrap();
    machine.write("/etc/nginx/sites-enabled/default", &site);
    machine
        .sh("chmod 600 /root/word /root/other /root/token /root/key; systemctl start nginx")
        .ok();
    machine.wait_until("nginx listens", Duration::from_secs(30), |machine| {
        machine.run(&["test", "-S", "/run/app.sock"]).status.success().then_some(())
    });
}

#[test]
fn nginx_answers_us_as_it_answers_curl() {
    let Some(machine) = Machine::boot("http") else { return };
    let (port, stranger) = (free_port(), free_port());
    furnish(&machine, port, stranger);
    let curl = |options: &str| {
        let line = format!("curl -sS -L --max-time 20 -o /dev/null -w '%{{http_code}}' {options}");
        machine.sh(&line).stdout
    };
    let ask = |probe: &str| {
        let output = machine.run(&["miraclemax", "check", "-o", "json", probe]);
        saw(probe, &output.stdout);
        (output.code(), output.stdout)
    };

    for (options, what, status) in CASES {
        let path = what.split('#').next().unwrap();
        let theirs = curl(&format!("{options} http://127.0.0.1:{port}{path}"));
        assert_eq!(theirs, status.to_string(), "curl {options} {path}");
        let (code, ours) = ask(&format!("http://127.0.0.1:{port}{what}"));
        assert!(ours.contains(&format!("HTTP {status}")), "{what}: {ours}");
        assert_eq!(code, if status == 200 { 0 } else { 2 }, "{what}: {ours}");
        assert!(!ours.contains("hunter") && !ours.contains("t0ken"), "{ours}");
    }

    // The same through the socket, and nowhere else from there.
    let socket = "unix=/run/app.sock";
    for (path, options, status) in [
        ("/page", "contains=a page", 200),
        ("/private", "user=max&password_file=/root/word", 200),
        ("/keyed", "method=PUT&body=x", 403),
        ("/to-private", "user=max&password_file=/root/word", 200),
    ] {
        let (_, ours) = ask(&format!("http://localhost{path}#{socket}&{options}"));
        assert!(ours.contains(&format!("HTTP {status}")), "{path}: {ours}");
    }
    let theirs = curl("--unix-socket /run/app.sock http://localhost/page");
    assert_eq!(theirs, "200");
    let (_, away) = ask(&format!("http://localhost/moved#{socket}"));
    assert!(away.contains("which is not behind the socket"), "{away}");

    // Headers of the answer.
    let page = format!("http://127.0.0.1:{port}/page#expect_header=");
    assert_eq!(ask(&format!("{page}x-frame-options: DENY")).0, 0);
    let (code, ours) = ask(&format!("{page}X-Frame-Options: SAMEORIGIN"));
    assert_eq!(code, 2);
    assert!(
        ours.contains("`X-Frame-Options: DENY, for all`, expected `SAMEORIGIN` in it"),
        "{ours}"
    );
    let (_, ours) = ask(&format!("{page}Strict-Transport-Security"));
    assert!(ours.contains("answers without the header `Strict-Transport-Security`"), "{ours}");

    // Another port is another place.
    let seen = |machine: &Machine| {
        machine.wait_until("the stranger has logged it", Duration::from_secs(10), |machine| {
            machine.read("/var/log/nginx/seen.log").filter(|log| !log.is_empty())
        })
    };
    let given = "header=X-Api-Key: hunter2&token_file=/root/token";
    assert_eq!(ask(&format!("http://127.0.0.1:{port}/moved#{given}")).0, 0);
    let log = seen(&machine);
    assert_eq!(log, "GET /moved key=\"-\" auth=\"-\" body=\"-\"\n");
    assert_eq!(
        ask(&format!("http://max:word@127.0.0.1:{port}/repeat#header_file=X-Api-Key: /root/key")).0,
        0
    );
    let (code, kept) = ask(&format!("http://127.0.0.1:{port}/repeat#{given}&body=x"));
    assert_eq!(code, 2);
    let want = format!(
        "HTTP 307 Temporary Redirect, expected 200-299: it redirects to `http://127.0.0.1:{stranger}`, which is not sent a POST"
    );
    assert!(kept.contains(&want), "{kept}");
    // Curl, which is told less of what is meant for whom, takes the header along; the log would have shown it.
    curl(&format!("-H 'X-Api-Key: hunter2' http://127.0.0.1:{port}/moved"));
    let lines = machine.wait_until("curl's is logged", Duration::from_secs(10), |machine| {
        machine.read("/var/log/nginx/seen.log").filter(|log| log.contains("hunter2"))
    });
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(
        lines,
        [
            "GET /moved key=\"-\" auth=\"-\" body=\"-\"",
            "GET /repeat key=\"-\" auth=\"-\" body=\"-\"",
            "GET /moved key=\"hunter2\" auth=\"-\" body=\"-\"",
        ]
    );
}
