use super::*;

const UUID: &str = "5fe0c2a4-7b1e-4f0e-9a3c-2d6a8b1c9e77";

#[test]
fn every_shape_of_a_secret_is_hidden_and_what_is_around_it_stays() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fwpM";
    for (text, want) in [
        ("password=hunter2", "password=***"),
        ("db: Password: hunter2, retrying", "db: Password: ***, retrying"),
        ("passwd='two words' next", "passwd=*** next"),
        (
            r#"{"user":"bob","db_password":"a\"b","n":1}"#,
            r#"{"user":"bob","db_password":***,"n":1}"#,
        ),
        (r#"msg="{\"token\":\"abc\"}""#, r#"msg="{\"token\":\***"#),
        ("token: abc123 refused", "token: *** refused"),
        ("secret => s3cr3t;", "secret => ***;"),
        ("GET /?access_token=abc&x=1", "GET /?access_token=***&x=1"),
        ("X-Api-Key: 12345", "X-Api-Key: ***"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("Authorization: Basic Ym9iOng= ok", "Authorization: *** ok"),
        ("authorization: Custom abc def", "authorization: ***"),
        (r#"Authorization: Digest username="bob", response="66""#, "Authorization: ***"),
        ("Set-Cookie: session=abc; Path=/", "Set-Cookie: ***"),
        ("postgres://app:hunter2@db:5432/x", "postgres://app:***@db:5432/x"),
        ("amqp://u:p@ss/w@h/ down", "amqp://u:***@h/ down"),
        ("https://token@github.com/x.git", "https://***@github.com/x.git"),
        ("https://user:@h/x", "https://***@h/x"),
        ("app --db-password hunter2 --port 80", "app --db-password *** --port 80"),
        ("app --token=abc", "app --token=***"),
        ("curl -u bob:hunter2 http://h/", "curl -u bob:*** http://h/"),
        ("mysql -u root -phunter2 shop", "mysql -u root -p*** shop"),
        ("sshpass -p hunter2 ssh h", "sshpass -p *** ssh h"),
        ("AWS_SECRET_ACCESS_KEY=abc/def+ghi", "AWS_SECRET_ACCESS_KEY=***"),
        (
            "Environment=STRIPE_KEY=abc DB_DSN='x y' A=1",
            "Environment=STRIPE_KEY=*** DB_DSN=*** A=1",
        ),
        ("id AKIAIOSFODNN7EXAMPLE denied", "id *** denied"),
        ("push by ghp_abcdefghijklmnopqrstuv012345 failed", "push by *** failed"),
        ("sent Bearer abcdefgh0", "sent Bearer ***"),
        (jwt, "***"),
        (
            &format!("https://hc.example.org/ping/{UUID}/fail"),
            "https://hc.example.org/ping/***/fail",
        ),
        ("https://h/services/T0/B0/abcdefghij0123456789", "https://h/services/T0/B0/***"),
        ("https://h/bot123456:abcdefghijklmnopq/send?x=1", "https://h/***/send?x=1"),
        (
            "a -----BEGIN RSA PRIVATE KEY----- MII -----END RSA PRIVATE KEY----- b",
            "a -----BEGIN RSA PRIVATE KEY-----*** b",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIabc\nbroken off", "-----BEGIN PRIVATE KEY-----***"),
    ] {
        assert_eq!(scrub(text), want, "{text}");
        assert_eq!(scrub(want), want, "twice is as once: {text}");
    }
}

#[test]
fn what_is_no_secret_is_left_as_it_is() {
    for text in [
        "Access denied for user 'x'@'localhost' (using password: YES)",
        "token: expected `}`",
        "password: incorrect.",
        "listen tcp :80: bind: address already in use",
        "https://books.example.org/health?full=1 answered 503",
        "http://127.0.0.1:8080/users/bob@example.org 404",
        "https://h:8443/releases/v1.2.3/a-long-name-without-digits.html",
        "Primary key: 5",
        "SSH_AUTH_SOCK=/run/agent",
        "journalctl -u web.service -n 100",
        "systemctl restart web.service",
        "keys = 5; monkey=1",
        "sha256:989d7495b01df18b80cb74905ce579daefa539d9401fa24778e8b408654fb115",
        "",
        "ünïcödé 👍",
    ] {
        assert!(
            matches!(scrub(text), Cow::Borrowed(_)) || scrub(text) == text,
            "{text}: {}",
            scrub(text)
        );
        assert_eq!(scrub(text), text);
    }
}

#[test]
fn a_key_over_several_lines_of_a_log_is_hidden_and_the_lines_around_it_are_not() {
    let of_key = "Jan 02 03:04:05 web[7]: MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    let log = [
        "Jan 02 web[7]: dumping",
        "Jan 02 web[7]: -----BEGIN PRIVATE KEY-----",
        of_key,
        of_key,
        "Jan 02 web[7]: Ab0=",
        "Jan 02 web[7]: -----END PRIVATE KEY-----",
        "Jan 02 web[7]: died",
    ];
    let begin = "Jan 02 web[7]: -----BEGIN PRIVATE KEY-----***";
    let end = "Jan 02 web[7]: -----END PRIVATE KEY-----";
    assert_eq!(
        lines(log, 200),
        ["Jan 02 web[7]: dumping", begin, "***", "***", "***", end, "Jan 02 web[7]: died"]
    );
    assert_eq!(lines(log[3..].iter().copied(), 200), ["***", "***", end, "Jan 02 web[7]: died"]);
    assert_eq!(lines(log[..3].iter().copied(), 200), ["Jan 02 web[7]: dumping", begin, "***"]);
}

#[test]
fn hostile_text_is_cut_stays_on_its_line_and_takes_no_time() {
    let watch = std::time::Instant::now();
    let megabyte = "x".repeat(1 << 20);
    assert_eq!(lines([megabyte.as_str()], 500)[0].chars().count(), 501);
    for repeated in ["password=", "://", "a:b@", "token: \"", "-----BEGIN PRIVATE KEY-----", "eyJ."]
    {
        let text = format!("{}hunter2", repeated.repeat((1 << 20) / repeated.len()));
        assert!(lines([text.as_str()], 500)[0].chars().count() <= 501, "{repeated}");
        assert!(scrub(&text).len() <= LONGEST + 3, "{repeated}");
    }
    assert!(watch.elapsed().as_secs() < 30, "{:?}", watch.elapsed());
    let forged =
        String::from_utf8_lossy(b"password=a\xff\xfe\nBcc: evil@example.org\x1b[2J").into_owned();
    assert_eq!(lines([forged.as_str()], 80), ["password=*** Bcc: evil@example.org\\u{1b}[2J"]);
    // The secret is behind what is looked at: it is cut off.
    let behind = format!("{} password=hunter2", "é".repeat(LONGEST));
    assert!(!scrub(&behind).contains("hunter2"));
}
