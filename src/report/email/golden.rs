//! Every kind of letter against its fixture in `tests/fixtures/mail`, byte for byte. After a change that is
//! meant, rewrite them with `MIRACLEMAX_BLESS=1 cargo test --lib report::email` and read the difference.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};

use super::*;
use crate::model::course::{Over, Step};
use crate::model::incident::Attempt;
use crate::model::repeats::PastHeal;
use crate::model::story::{Evidence, Trace};
use crate::model::time::Stamp;
use crate::model::unit::{Exit, HandsOff, ManagerKind, UnitFacts, UnitState};
use crate::model::verdict::{Look, Verdict};
use crate::report::cause::cause;
use crate::report::wrap::WIDTH;

const NOON: i64 = 1_767_351_600; // 2026-01-02 11:00:00 UTC

/// Could not be sent since the one second, until the other.
fn late(now: i64, since: i64, count: usize, why: &str) -> Late {
    let wait = Wait { count, since: wall(since), why: Why::Unsent(why.into()) };
    Late { now: wall(now), waits: vec![wait], clock_set: false }
}

fn wall(secs: i64) -> Timestamp {
    Timestamp::from_second(NOON + secs).unwrap()
}

fn attempt(secs: u64, did: &[&str], took_ms: u64, outcome: Option<Outcome>) -> Attempt {
    Attempt {
        incident: "story-stages-20260102T110000Z".into(),
        remedy: "service_restart".into(),
        at: Stamp {
            wall: wall(secs.try_into().unwrap()),
            boot: "b".into(),
            since_boot_ms: 5_000_000 + secs * 1000,
        },
        did: did.iter().map(ToString::to_string).collect(),
        said: Vec::new(),
        took: Duration::from_millis(took_ms),
        outcome,
    }
}

fn unit(state: UnitState, words: &str, result: Option<&str>, exit: Option<Exit>) -> UnitFacts {
    UnitFacts {
        words: words.into(),
        result: result.map(Into::into),
        exit,
        start_limited: result == Some("start-limit-hit"),
        ..UnitFacts::bare(ManagerKind::Systemd, "story-stages.service", state)
    }
}

fn evidence(unit: UnitFacts, log: &[&str]) -> Evidence {
    let log: Vec<String> = log.iter().map(ToString::to_string).collect();
    Evidence { cause: cause(&unit, &log), unit: Some(unit), log, ..Evidence::default() }
}

fn trace(remedy: &str, lines: &[&str]) -> Trace {
    Trace { remedy: remedy.into(), lines: lines.iter().map(ToString::to_string).collect() }
}

fn look(probe: &str, detail: &str) -> Look {
    Look::new(probe, Verdict::Up, detail, Duration::from_millis(4))
}

fn story(change: Change) -> Story {
    Story {
        name: "MiracleMax".into(),
        service: "story-stages".into(),
        domain: Some("books.example.org".into()),
        port: Some(8080),
        critical: true,
        incident: "story-stages-20260102T110000Z".into(),
        opened: wall(0),
        reason: "systemd:story-stages.service: failed (Result: signal)".into(),
        lasted: Duration::from_millis(8_700),
        manager: Some(ManagerKind::Systemd),
        unit: Some("story-stages.service".into()),
        ..Story::new(change, "web1", wall(9))
    }
}

fn verified(story: Story) -> Story {
    Story {
        verified: vec![
            look("systemd:story-stages.service", "active (running)"),
            look("http://127.0.0.1:8080/health", "200 OK"),
        ],
        stable_for: Duration::from_secs(5),
        ..story
    }
}

#[test]
fn what_a_remedy_found_is_told_when_it_helped_and_not_twice_when_it_did_not() {
    let found = |outcome| Attempt {
        said: vec!["`web.conf` differed in line 2".into()],
        ..attempt(1, &["cp -p good web.conf"], 900, Some(outcome))
    };
    let steps = |outcome| {
        section::how(&Story { attempts: vec![found(outcome)], ..story(Change::Resolved) })
    };
    let healed = steps(Outcome::Healed);
    assert_eq!(
        healed[1..],
        ["Executed: cp -p good web.conf", "Found: `web.conf` differed in line 2"]
    );
    assert_eq!(steps(Outcome::StillDown("refused".into())).len(), 2);
}

fn resolved() -> Story {
    let killed =
        unit(UnitState::Failed, "failed (Result: signal)", Some("signal"), Some(Exit::Signal(9)));
    Story {
        attempts: vec![attempt(
            1,
            &["systemctl restart story-stages.service"],
            6_240,
            Some(Outcome::Healed),
        )],
        new_instance: true,
        evidence: evidence(
            killed,
            &[
                "Jan 02 10:59:59 web1 systemd[1]: story-stages.service: Main process exited, code=killed, status=9/KILL",
            ],
        ),
        ..verified(story(Change::Resolved))
    }
}

/// Healed three times within a week, which is as often as `repeats` says.
fn with_repeats(story: Story) -> Story {
    let heal = |days: i64, remedy: &str, cause: &str| PastHeal {
        at: Stamp { wall: wall(9 - days * 86_400), boot: "b".into(), since_boot_ms: 0 },
        remedy: remedy.into(),
        cause: cause.into(),
    };
    let cause = "exit status 78 (EX_CONFIG), 4m after `/etc/web.toml` was changed";
    let heals = vec![
        heal(5, "service_restart", "killed by signal 9 (SIGKILL)"),
        heal(2, "config_validation", cause),
        heal(0, "service_restart", "killed by signal 9 (SIGKILL)"),
    ];
    let window = Duration::from_secs(7 * 86_400);
    Story { repeats: Some(Repeats { heals, window, reached: true }), ..story }
}

fn failed() -> Story {
    let limited = unit(
        UnitState::Failed,
        "failed (Result: start-limit-hit)",
        Some("start-limit-hit"),
        Some(Exit::Code(1)),
    );
    let still = |why: &str| Some(Outcome::StillDown(why.into()));
    let restart = "systemctl restart traefik.service";
    Story {
        service: "traefik".into(),
        domain: None,
        port: Some(80),
        incident: "traefik-20260102T110000Z".into(),
        unit: Some("traefik.service".into()),
        reason: "tcp:localhost:80: connection refused".into(),
        at: wall(125),
        lasted: Duration::from_secs(125),
        attempts: vec![
            attempt(1, &[restart], 31_000, still("tcp:localhost:80: connection refused")),
            attempt(
                62,
                &["systemctl reset-failed traefik.service", restart],
                31_400,
                still("tcp:localhost:80: connection refused"),
            ),
        ],
        evidence: evidence(
            UnitFacts { unit: "traefik.service".into(), restarts: Some(5), ..limited },
            &[
                "Jan 02 10:59:58 web1 traefik[812]: level=info msg=\"starting\"",
                "Jan 02 10:59:58 web1 traefik[812]: error opening listener: listen tcp :80: bind: address already in use",
            ],
        ),
        next: "in 1h".into(),
        ..story(Change::Failed)
    }
}

fn letters() -> Vec<(&'static str, Story, Option<Late>)> {
    let late = late(7_325, 9, 1, "`mx:587`: connecting: connection refused");
    let masked = UnitFacts {
        hands_off: Some(HandsOff::Masked),
        ..unit(UnitState::Stopped, "inactive (dead), masked", None, None)
    };
    let by_itself = Story {
        attempts: vec![attempt(1, &[], 0, Some(Outcome::Refused("no right to restart it".into())))],
        ..verified(story(Change::Resolved))
    };
    let third_time = Story {
        attempts: [
            failed().attempts,
            vec![attempt(
                120,
                &["systemctl restart traefik.service"],
                6_000,
                Some(Outcome::Healed),
            )],
        ]
        .concat(),
        verified: vec![look("tcp:localhost:80", "")],
        critical: false,
        change: Change::Resolved,
        ..failed()
    };
    let supervised = Story {
        manager: Some(ManagerKind::Supervisord),
        unit: Some("shop:story-stages".into()),
        critical: false,
        reason: "supervisord:shop:story-stages: FATAL Exited too quickly".into(),
        attempts: vec![attempt(
            1,
            &["supervisorctl restart shop:story-stages"],
            30_000,
            Some(Outcome::StillDown(
                "FATAL Exited too quickly (process log may have details)".into(),
            )),
        )],
        problems: vec!["/etc/miraclemax/config.toml:3:1: service has no key `prot`".into()],
        ..story(Change::Failed)
    };
    let config = Story {
        service: String::new(),
        incident: String::new(),
        problems: vec![
            "/etc/miraclemax/config.toml:3:1: service has no key `prot`\n  hint: did you mean `port`?".into(),
            "/etc/miraclemax/config.toml:9:12: no such probe\n  tpc:localhost:80\n  ^\n  hint: did you mean `tcp`?".into(),
        ],
        ..story(Change::Config)
    };
    let reminder = Story {
        change: Change::Reminder,
        at: wall(14_400),
        lasted: Duration::from_secs(14_400),
        ..failed()
    };
    let alone =
        Story { evidence: evidence(masked, &[]), attempts: vec![], ..story(Change::Failed) };
    let down = Story {
        manager: Some(ManagerKind::Command),
        server: None,
        left_alone: Some("`heal = \"off\"`".into()),
        ..story(Change::Down)
    };
    let helped_unseen = Story {
        attempts: vec![attempt(61, &["systemctl restart story-stages.service"], 0, None)],
        ..by_itself.clone()
    };
    vec![
        ("resolved", resolved(), None),
        ("resolved-unseen", helped_unseen, None),
        ("resolved-by-itself", by_itself, None),
        ("resolved-third-attempt", third_time, None),
        ("failed", failed(), None),
        ("failed-supervisord-late", supervised, Some(late)),
        ("failed-masked", alone, None),
        ("reminder", reminder, None),
        ("resolved-repeated", with_repeats(resolved()), None),
        (
            "repeated",
            with_repeats(Story { change: Change::Repeated, attempts: vec![], ..story(Change::Repeated) }),
            None,
        ),
        ("drill", Story { drill: true, attempts: resolved().attempts, ..verified(story(Change::Resolved)) }, None),
        (
            "drill-failed",
            Story {
                drill: true,
                reason: "it was healed, but not told: hc did not accept a ping: not found: no such check (404)"
                    .into(),
                ..story(Change::Failed)
            },
            None,
        ),
        ("down", down, None),
        ("config", config, None),
    ]
}

/// Letters that tell of single remedies.
fn remedies() -> Vec<(&'static str, Story, Option<Late>)> {
    let rebooting = Story {
        attempts: vec![
            attempt(1, &["systemctl restart story-stages.service"], 31_000, {
                Some(Outcome::StillDown("the restart of story-stages.service goes on".into()))
            }),
            Attempt { remedy: "reboot".into(), ..attempt(40, &["systemctl reboot"], 0, None) },
        ],
        evidence: Evidence {
            remedies: vec![trace(
                "reboot",
                &["pid 812 (story-stages) hangs in the kernel, where no signal can end it"],
            )],
            ..Evidence::default()
        },
        ..story(Change::Reboot)
    };
    let rebooted = Story {
        attempts: vec![Attempt {
            remedy: "reboot".into(),
            ..attempt(40, &["systemctl reboot"], 95_000, Some(Outcome::Healed))
        }],
        ..verified(story(Change::Resolved))
    };
    let config_mended = Story {
        attempts: vec![Attempt {
            remedy: "config_validation".into(),
            ..attempt(
                1,
                &[
                    "cp -p /var/lib/miraclemax/known-good/story-stages/%2Fetc%2Fstages.toml /etc/stages.toml",
                    "systemctl restart story-stages.service",
                ],
                6_240,
                Some(Outcome::Healed),
            )
        }],
        evidence: Evidence {
            remedies: vec![trace(
                "config_validation",
                &[
                    "--- /etc/stages.toml (broken)",
                    "+++ last known good",
                    "@@ -1,2 +1,2 @@",
                    " password = ***",
                    "-port = eighty",
                    "+port = 8080",
                ],
            )],
            ..resolved().evidence
        },
        ..resolved()
    };
    let skipped =
        Story { skipped: vec!["port_conflict, never worked in 6 tries".into()], ..failed() };
    vec![
        ("reboot", rebooting, None),
        ("resolved-rebooted", rebooted, None),
        ("resolved-config", config_mended, None),
        ("failed-skipped", skipped, None),
    ]
}

/// Letters about the host and this program itself.
fn of_the_host() -> Vec<(&'static str, Story, Option<Late>)> {
    let of = |change, reason: &str| Story {
        name: "MiracleMax".into(),
        reason: reason.into(),
        ..Story::new(change, "web1", wall(0))
    };
    let lines = |lines: &[&str], story| Story {
        lines: lines.iter().map(ToString::to_string).collect(),
        ..story
    };
    let gap = Story {
        opened: wall(-14_400),
        lasted: Duration::from_secs(14_400),
        ..of(
            Change::Gap,
            "the host was awake, but this was not run; is the schedule (cron, timer) alive?",
        )
    };
    let channel = Story {
        critical: true,
        ..of(Change::Channel, "telegram:-1001: 401 Unauthorized: since 2026-01-02 10:20 UTC")
    };
    let escalated = Story {
        change: Change::Escalated,
        at: wall(1800),
        lasted: Duration::from_secs(1800),
        lines: vec![
            "You are told now because it has lasted for 30m; told before: email:me@example.org."
                .into(),
        ],
        ..failed()
    };
    let returned = Story { attempts: vec![], ..verified(story(Change::Returned)) };
    vec![
        ("gap", gap, None),
        ("restarted", of(Change::Restarted, "the host was restarted, 2m ago"), None),
        ("hold", of(Change::Hold, "the hold of web by root (deploy) ended: its time is up"), None),
        ("channel", channel, None),
        (
            "summary",
            lines(
                &["web: up; 100% of the last day", "db: up"],
                of(Change::Summary, "2 services up"),
            ),
            None,
        ),
        ("test", of(Change::Test, "asked for by `check --self --send-test`"), None),
        ("escalated", escalated, None),
        ("returned", returned, None),
        ("unwatched", Story { critical: false, ..story(Change::Unwatched) }, None),
    ]
}

fn zone() -> TimeZone {
    TimeZone::fixed(offset(1))
}

#[test]
fn every_letter_is_as_its_fixture_says() {
    for (name, story, late) in letters().into_iter().chain(remedies()).chain(of_the_host()) {
        golden(name, &compose(&story, late.as_ref(), &zone()));
    }
}

/// Compares a letter with its fixture.
fn golden(name: &str, letter: &Letter) {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail");
    let text = format!("Subject: {}\n\n{}", letter.subject, letter.body);
    let path = dir.join(format!("{name}.txt"));
    if std::env::var_os("MIRACLEMAX_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, want, "{name}: MIRACLEMAX_BLESS=1 rewrites {}", path.display());
}

/// Outages of one run with one cause, and one that came back meanwhile.
fn several() -> Vec<Story> {
    let full = |evidence: Evidence| Evidence { common: Some("`/var` is full".into()), ..evidence };
    let killed =
        unit(UnitState::Failed, "failed (Result: signal)", Some("signal"), Some(Exit::Signal(9)));
    let failed = |service: &str, critical| Story {
        service: service.into(),
        incident: format!("{service}-20260102T110000Z"),
        critical,
        domain: None,
        attempts: vec![attempt(
            1,
            &["systemctl restart story-stages.service"],
            30_000,
            Some(Outcome::StillDown("connection refused".into())),
        )],
        evidence: full(evidence(killed.clone(), &[])),
        next: "in 1h".into(),
        ..story(Change::Failed)
    };
    let alone = Story {
        attempts: vec![],
        left_alone: Some("`b.service` is masked".into()),
        ..failed("b", true)
    };
    vec![resolved(), failed("standard", false), failed("a", true), alone]
}

#[test]
fn several_stories_are_one_letter_worst_first() {
    let stories = several();
    let courses: Vec<Course<'_>> = stories.iter().map(Course::of).collect();
    let late = late(7_200, 9, 3, "no connection: refused");
    for (name, letter) in [
        ("digest", tell(&courses, None, &zone())),
        ("digest_late_all_failed", tell(&courses[1..], Some(&late), &zone())),
    ] {
        golden(name, &letter);
        assert!(letter.thread.starts_with("digest-"), "{}", letter.thread);
    }
}

#[test]
fn several_that_nobody_looks_at_any_more_are_not_said_to_be_up_or_of_any_priority() {
    let gone = ["db", "web"].map(|service| Story {
        service: service.into(),
        incident: format!("{service}-20260102T110000Z"),
        critical: false,
        domain: None,
        ..story(Change::Unwatched)
    });
    golden("digest_unwatched", &tell(&gone.each_ref().map(Course::of), None, &zone()));
}

#[test]
fn what_a_summary_says_is_said_in_a_letter_of_several_and_what_is_of_the_host_is_no_service() {
    let of = |change, line: &str| Story {
        lines: vec![line.into()],
        ..Story::new(change, "web1", wall(0))
    };
    let both = [of(Change::Summary, "web: up"), of(Change::Failed, "")];
    let letter = tell(&both.each_ref().map(Course::of), None, &zone());
    assert!(letter.body.contains("\n  web: up\n"), "{}", letter.body);
    let holds = [of(Change::Hold, "a"), of(Change::Hold, "b")];
    let letter = tell(&holds.each_ref().map(Course::of), None, &zone());
    assert!(letter.subject.ends_with(": 2 HOLD ENDED"), "{}", letter.subject);
}

fn step(change: Change, secs: i64) -> Step {
    Step { change, at: wall(secs) }
}

#[test]
fn what_waited_is_told_by_its_latest_state_with_what_came_before_in_one_line() {
    use Change::{Failed, Reminder, Resolved};
    let resolved = resolved();
    let with = |steps: &[Step]| Course { steps: steps.to_vec(), ..Course::of(&resolved) };
    let ended = with(&[step(Failed, 0), step(Reminder, 3_600), step(Resolved, 7_800)]);
    let unsent = late(9_000, 0, 3, "`mx:587`: connecting: connection refused");
    let alone = tell(std::slice::from_ref(&ended), Some(&unsent), &zone());
    assert_eq!(alone.thread, thread(&resolved), "one incident is one conversation");
    golden("late-one", &alone);

    // One goes on since yesterday, one is over, of one only the beginning waited, and one waited for the morning.
    let stories = several();
    let reminder = Story { change: Reminder, ..stories[2].clone() };
    let (db, cron) = (service_story("db", Failed), service_story("cron", Resolved));
    let over = Over { at: Some(wall(5_000)), healed_by: Some("service_restart".into()) };
    let reminders = (1..=5).map(|hour| step(Reminder, hour * 3_600 - 40_000));
    let going_on = [step(Failed, -40_000)].into_iter().chain(reminders);
    let quiet = Wait { count: 2, since: wall(-20_000), why: Why::Quiet };
    let courses = [
        ended,
        Course { over: Some(over.clone()), ..Course::of(&db) },
        Course { steps: vec![step(Failed, -20_000), step(Resolved, -9_000)], ..Course::of(&cron) },
        Course { steps: going_on.collect(), ..Course::of(&reminder) },
    ];
    let waits = [late(9_000, -40_000, 10, "no connection: refused").waits, vec![quiet]].concat();
    let all = Late { now: wall(9_000), waits, clock_set: true };
    golden("late-several", &tell(&courses, Some(&all), &zone()));

    let beginning = Course { over: Some(over), ..Course::of(&stories[1]) };
    golden("late-over", &tell(&[beginning], Some(&late(7_200, 9, 1, "421 busy")), &zone()));
    let waits = vec![Wait { count: 1, since: wall(9), why: Why::Quiet }];
    let quiet = Late { waits, ..late(7_200, 0, 0, "") };
    golden("late-quiet", &compose(&down_story(), Some(&quiet), &zone()));
}

fn service_story(service: &str, change: Change) -> Story {
    let incident = format!("{service}-20260102T110000Z");
    Story { service: service.into(), incident, domain: None, ..story(change) }
}

fn down_story() -> Story {
    Story { critical: false, ..story(Change::Down) }
}

#[test]
fn moments_have_their_date_and_offset_where_they_are_not_those_of_now() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let page = Page::new(&zone);
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let now = at("2026-03-29T02:00:00Z"); // the clocks were put forward an hour ago
    for (then, moment, span) in [
        ("2026-03-29T01:30:00Z", "03:30", "from 2026-03-29 03:30 to 04:00 +02:00"),
        ("2026-03-29T00:30:00Z", "01:30 +01:00", "from 2026-03-29 01:30 +01:00 to 04:00 +02:00"),
        (
            "2026-03-28T22:30:00Z",
            "2026-03-28 23:30 +01:00",
            "from 2026-03-28 23:30 +01:00 to 2026-03-29 04:00 +02:00",
        ),
    ] {
        assert_eq!(page.moment(at(then), now), moment);
        assert_eq!(page.span(at(then), now), span);
    }
}

#[test]
fn who_is_not_reached_stands_at_the_end_in_few_safe_lines() {
    let one = |channel: &str, waiting| Unreached {
        channel: channel.into(),
        since: wall(-35_400),
        waiting,
        why: "401 Unauthorized\nBcc: x".into(),
    };
    let mut letter = compose(&down_story(), None, &zone());
    let whole = letter.body.clone();
    mention(&mut letter, &[], &zone());
    assert_eq!(letter.body, whole);
    mention(&mut letter, &[one("telegram:-1001", 3), one("slack", 0)], &zone());
    let (_, end) = letter.body.split_at(whole.len());
    assert_eq!(
        end,
        "\nNOT REACHED: telegram:-1001 since 2026-01-02 02:10 +01:00 (3 letters wait):\n  401 \
         Unauthorized Bcc: x\nNOT REACHED: slack since 2026-01-02 02:10 +01:00: 401 Unauthorized Bcc: x\n"
    );
    let many: Vec<_> = (0..9).map(|at| one(&at.to_string(), 1)).collect();
    mention(&mut letter, &many, &zone());
    assert!(letter.body.ends_with("\nNOT REACHED either: 3 more\n"), "{}", letter.body);
}

#[test]
fn what_was_not_seen_is_not_claimed() {
    let no_looks = Story { verified: vec![], ..resolved() };
    let same_instance = Story { new_instance: false, ..resolved() };
    for (story, absent) in [
        (&no_looks, "SUCCESS"),
        (&same_instance, "restarted and"),
        (&same_instance, "new instance"),
    ] {
        let body = compose(story, None, &zone()).body;
        assert!(body.contains("UP AGAIN") || body.contains("SUCCESS"), "{body}");
        assert!(!body.contains(absent), "{absent}: {body}");
    }
    let refused = Story {
        attempts: vec![attempt(1, &[], 0, Some(Outcome::Refused("no right".into())))],
        ..story(Change::Failed)
    };
    let body = compose(&refused, None, &zone()).body;
    assert!(body.starts_with("❌ NOT HEALED: service_restart: no right\n"), "{body}");
}

#[test]
fn hostile_text_forges_no_header_drives_no_terminal_and_breaks_no_line() {
    let evil = format!("x\r\nBcc: evil@example.org\u{1b}[2J\u{202e}\0 {}", "y".repeat(4_000));
    let mut story = Story {
        name: evil.clone(),
        host: evil.clone(),
        service: evil.clone(),
        domain: Some(evil.clone()),
        incident: evil.clone(),
        reason: evil.clone(),
        verified: vec![look(&evil, &evil); 40],
        unit: Some(evil.clone()),
        next: evil.clone(),
        server: None,
        left_alone: Some(evil.clone()),
        problems: vec![evil.clone(); 40],
        evidence: evidence(
            UnitFacts { result: Some(evil.clone()), ..unit(UnitState::Failed, &evil, None, None) },
            &[evil.as_str(); 100],
        ),
        attempts: vec![attempt(1, &[&evil], 1, Some(Outcome::StillDown(evil.clone()))); 40],
        ..story(Change::Failed)
    };
    let late = late(1, 0, 2, &evil);
    for change in [Change::Failed, Change::Resolved, Change::Down, Change::Reminder, Change::Config]
    {
        story.change = change;
        let two = [Course::of(&story), Course::of(&story)];
        let two = tell(&two, Some(&late), &zone());
        let one = compose(&story, Some(&late), &zone());
        for letter in [one, two] {
            assert!(!letter.subject.chars().any(char::is_control), "{:?}", letter.subject);
            assert!(letter.subject.chars().count() < 200, "{:?}", letter.subject);
            assert!(letter.thread.is_ascii() && !letter.thread.contains(' '), "{}", letter.thread);
            assert!(letter.body.len() < 100_000, "{}", letter.body.len());
            for line in letter.body.lines() {
                let unsafe_char = line.chars().any(crate::model::text::is_unsafe);
                assert!(!unsafe_char && line.chars().count() <= WIDTH, "{change:?}: {line:?}");
                assert!(!line.starts_with("Bcc:"), "{line:?}");
            }
        }
    }
}

#[test]
fn a_host_that_has_no_other_name_is_named_once() {
    let at = "2026-01-02T11:00:00Z".parse().unwrap();
    let gap = |name: &str| Story { name: name.into(), ..Story::new(Change::Gap, "web1", at) };
    let subject = |story: &Story| compose(story, None, &TimeZone::UTC).subject;
    assert_eq!(subject(&gap("web1")), "⚠️ web1 - NOBODY LOOKED");
    assert_eq!(subject(&gap("Shop")), "⚠️ Shop: web1 - NOBODY LOOKED");
}
