//! A log probe as a whole.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::trail::Before;
use crate::model::verdict::Look;
use crate::probe::Kind;
use crate::probe::tests::{look, look_for, probe, problem};

pub(super) fn log(text: &str) -> Log {
    let Kind::Log(log) = probe(text).kind else { panic!("`{text}` is no log probe") };
    log
}

/// What a look leaves, for the next one.
fn after(look: &Look) -> Before {
    Before::Kept(Arc::clone(&look.trail))
}

const ONCE: Aim = Aim::Know { fail_after: 1 };

/// A log file in a directory of its own, and who looks at it from run to run.
struct Scene {
    dir: tempfile::TempDir,
    options: &'static str,
    before: Before,
}

impl Scene {
    fn new(options: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, options, before: Before::Kept(Arc::default()) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn append(&self, text: impl AsRef<[u8]>) {
        let file = OpenOptions::new().create(true).append(true).open(self.path("app.log"));
        file.unwrap().write_all(text.as_ref()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn look_for(&mut self, aim: Aim) -> Look {
        let text = format!("log:{}{}", self.path("app.log").display(), self.options);
        let look = look_for(&text, self.before.clone(), aim);
        self.before = after(&look);
        look
    }

    fn look(&mut self) -> Look {
        self.look_for(ONCE)
    }

    /// How many lines, and how many that count, a look saw.
    fn saw(&mut self) -> (u64, u64) {
        let look = self.look();
        let number = |label| {
            let measure = look.measures.iter().find(|measure| measure.label == label);
            measure.and_then(|measure| measure.value).unwrap_or(-1.0)
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
        let seen = (number("lines") as u64, number("matches") as u64);
        seen
    }
}

#[test]
fn it_begins_at_the_end_and_counts_what_comes() {
    let mut scene = Scene::new("?hold=0s");
    scene.append("ERROR old\nERROR half");
    let first = scene.look();
    assert_eq!((first.word(), first.detail.as_str()), ("up", "from here on"));
    let second = scene.look();
    assert_eq!((second.word(), second.detail.as_str()), ("up", "no new lines"));
    scene.append(" a line\nfine\n");
    let third = scene.look();
    let path = scene.path("app.log");
    assert_eq!(
        third.verdict.reason(),
        format!("1 line matches in `{}`, more than 0: `ERROR half a line`", path.display())
    );
    assert_eq!(third.detail, "2 new lines, 1 matches");
    assert_eq!(third.hint, Some(format!("see its last lines: `tail -n 50 {}`", path.display())));
    assert_eq!(scene.look().word(), "up");
    scene.append("a\nb\nc\n");
    assert_eq!(scene.look().detail, "3 new lines, none match");
    assert!(serde_json::to_string(&*scene.look().trail).unwrap().len() < 400);
}

#[test]
fn every_way_of_rotation_reads_the_rest_of_the_old_and_all_of_the_new() {
    type Act = fn(&Scene);
    let ways: [(&str, Act); 8] = [
        ("renamed", |scene| scene.rename("app.log", "app.log.1")),
        ("renamed by date", |scene| scene.rename("app.log", "app.log-20261125")),
        ("renamed by date, ending kept", |scene| scene.rename("app.log", "app-20261125.log")),
        ("copied and cut", |scene| {
            fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
            fs::write(scene.path("app.log"), "").unwrap();
        }),
        ("twice", |scene| {
            scene.rename("app.log", "app.log.2");
            scene.append("between\n");
            scene.rename("app.log", "app.log.1");
        }),
        ("copied and cut twice", |scene| {
            fs::copy(scene.path("app.log"), scene.path("app.log.2")).unwrap();
            fs::write(scene.path("app.log"), "between\n").unwrap();
            fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
            fs::write(scene.path("app.log"), "").unwrap();
        }),
        ("renamed, with older ones about", |scene| {
            fs::write(scene.path("app.log.2"), "start\nERROR before\n").unwrap();
            let old = fs::File::options().write(true).open(scene.path("app.log.2")).unwrap();
            let day = Duration::from_secs(86_400);
            old.set_modified(old.metadata().unwrap().modified().unwrap() - day).unwrap();
            fs::write(scene.path("app.log.1.gz"), "ERROR").unwrap();
            scene.rename("app.log", "app.log.1");
        }),
        ("not at all", |_| {}),
    ];
    for (way, rotate) in ways {
        let mut scene = Scene::new("?hold=0s");
        scene.append("start\nERROR seen\n");
        scene.look();
        scene.append("ERROR rest\nrest\n");
        rotate(&scene);
        scene.append("new\nERROR new\n");
        let between = u64::from(way.contains("twice"));
        assert_eq!(scene.saw(), (4 + between, 2), "{way}");
        assert_eq!(scene.saw(), (0, 0), "{way}");
        scene.append("ERROR later\n");
        assert_eq!(scene.saw(), (1, 1), "{way}");
    }
}

#[test]
fn what_was_lost_with_the_old_file_is_said() {
    type Act = fn(&Scene);
    let ways: [(&str, Act, &str); 4] = [
        ("cut", |scene| fs::write(scene.path("app.log"), "").unwrap(), "it was cut and begun"),
        (
            "cut, and grown past where it was",
            |scene| fs::write(scene.path("app.log"), "x\n".repeat(100)).unwrap(),
            "it was cut and begun",
        ),
        (
            "removed and made anew",
            |scene| {
                // Another inode for sure: the new one is made while the old is still there.
                fs::write(scene.path("other"), "").unwrap();
                scene.rename("other", "app.log");
            },
            "it is another file now, the one before is gone",
        ),
        (
            "compressed at once",
            |scene| {
                scene.rename("app.log", "app.log.1.gz");
            },
            "it is another file now, the one before is gone",
        ),
    ];
    for (way, act, note) in ways {
        let mut scene = Scene::new("?hold=0s");
        scene.append("start\nERROR seen\n");
        scene.look();
        act(&scene);
        scene.append("ERROR new\n");
        let look = scene.look();
        assert!(look.detail.contains(note), "{way}: {}", look.detail);
        assert!(look.verdict.reason().starts_with("1 line matches"), "{way}: {look:?}");
        assert_eq!(scene.saw(), (0, 0), "{way}");
    }
}

#[test]
fn an_inode_that_is_used_again_is_another_file() {
    let mut scene = Scene::new("?hold=0s");
    scene.append("start\nERROR seen\n");
    scene.look();
    let ino = fs::metadata(scene.path("app.log")).unwrap().ino();
    // The same number with other content, as a file system gives it that reuses them at once.
    fs::write(scene.path("app.log"), "Start\nERROR seen\nERROR again\n").unwrap();
    assert_eq!(fs::metadata(scene.path("app.log")).unwrap().ino(), ino);
    assert_eq!(scene.saw(), (3, 2));
}

#[test]
fn a_copy_of_a_file_that_was_empty_when_it_was_seen_is_read() {
    let mut scene = Scene::new("?hold=0s");
    scene.append("");
    let file = fs::File::options().write(true).open(scene.path("app.log")).unwrap();
    let made = file.metadata().unwrap().modified().unwrap();
    file.set_modified(made - Duration::from_secs(60)).unwrap();
    scene.look();
    scene.append("ERROR one\n");
    fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    fs::write(scene.path("app.log"), "").unwrap();
    assert_eq!(scene.saw(), (1, 1));
    scene.append("ERROR two\n");
    assert_eq!(scene.saw(), (1, 1));
    assert_eq!(scene.saw(), (0, 0));
}

#[test]
fn who_goes_on_writing_to_the_moved_file_is_heard_until_there_is_a_new_one() {
    let mut scene = Scene::new("?hold=0s");
    scene.append("start\n");
    scene.look();
    let mut old = OpenOptions::new().append(true).open(scene.path("app.log")).unwrap();
    scene.rename("app.log", "app.log.1");
    assert_eq!(scene.saw(), (0, 0), "there is none at the path, and that is known");
    scene.append("");
    old.write_all(b"ERROR late\nhal").unwrap();
    assert_eq!(scene.saw(), (1, 1));
    old.write_all(b"f ERROR\nERROR torn").unwrap();
    scene.append("ERROR new\n");
    assert_eq!(scene.saw(), (3, 3), "what has no end in the moved one is a line");
    assert_eq!(scene.saw(), (0, 0));
}

#[test]
fn a_file_that_is_not_there_is_what_missing_says() {
    for (options, word) in [
        ("", "unknown"),
        ("?missing=unknown", "unknown"),
        ("?missing=ok", "up"),
        ("?missing=down", "down"),
    ] {
        let mut scene = Scene::new(options);
        let look = scene.look();
        assert_eq!(look.word(), word, "{options} {look:?}");
        scene.append("ERROR at once\n");
        assert_eq!(scene.saw(), (1, 1), "{options}: all of a new file is new");
    }
    let mut scene = Scene::new("?missing=ok&hold=0s");
    scene.append("start\n");
    scene.look();
    scene.rename("app.log", "elsewhere");
    assert_eq!(scene.look().detail, "no new lines; it is not there");
    scene.rename("elsewhere", "app.log");
    scene.append("ERROR new\n");
    assert_eq!(scene.saw(), (1, 1), "the same file goes on where it was");
}

#[test]
fn binary_endless_and_foreign_lines_are_lines() {
    let mut scene = Scene::new("?hold=0s");
    scene.append("start\n");
    scene.look();
    scene.append(b"ERROR \xff\xfe\0\x1b[31m\r\nfine\r\n");
    let look = scene.look();
    assert_eq!(look.detail, "2 new lines, 1 matches");
    assert!(!look.verdict.reason().contains(|c: char| c.is_control()), "{look:?}");
    scene.append([b"ERROR ".as_slice(), &vec![b'x'; 300_000]].concat());
    assert_eq!(scene.saw(), (1, 1), "a line without end counts by its beginning");
    scene.append([vec![b'x'; 100_000].as_slice(), b"ERROR\nERROR next\n"].concat());
    assert_eq!(scene.saw(), (1, 1), "the rest of it does not");
    scene.append("ERROR no");
    assert_eq!(scene.saw(), (0, 0), "not yet");
    scene.append("w\n");
    assert_eq!(scene.saw(), (1, 1));
}

#[test]
fn a_stack_trace_that_two_looks_see_counts_once() {
    let mut scene = Scene::new("?hold=0s");
    scene.append("start\n");
    scene.look();
    scene.append("Traceback (most recent call last):\n");
    assert_eq!(scene.saw(), (1, 1));
    scene.append("  File \"x\"\n    raise ERROR\nValueError: ERROR\n");
    assert_eq!(scene.saw(), (3, 0));
}

#[test]
fn on_the_spot_the_end_is_looked_at_and_said_so() {
    let scene = Scene::new("");
    scene.append("ERROR far away\n");
    scene.append("x".repeat(1023) + "\n");
    scene.append(("y".repeat(1023) + "\n").repeat(1024));
    let text = format!("log:{}", scene.path("app.log").display());
    let seen = look(&text);
    assert_eq!(
        (seen.word(), seen.detail.as_str()),
        ("up", "1024 lines, none match; its last 1.0 MiB at most")
    );
    scene.append("ERROR near\n");
    let seen = look(&text);
    assert!(seen.verdict.is_down() && seen.trail.is_empty(), "{seen:?}");
}

#[test]
fn what_is_no_log_is_refused_at_once_and_not_read() {
    let scene = Scene::new("");
    let fifo = scene.path("fifo").display().to_string();
    let made = crate::sys::exec::Command::new(["mkfifo", &fifo], Duration::from_secs(10)).run();
    assert!(made.ok(), "{made:?}");
    let link = scene.path("link").display().to_string();
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(scene.path("socket")).unwrap();
    let socket = scene.path("socket").display().to_string();
    for (path, want) in [
        (fifo.as_str(), "a FIFO"),
        (&link, "a device"),
        ("/dev/zero", "a device"),
        ("/tmp", "a directory"),
        (&socket, "a socket"),
    ] {
        let watch = clock::Stopwatch::start();
        for before in [Before::Nowhere, Before::Kept(Arc::default())] {
            let seen = look_for(&format!("log:{path}"), before, ONCE);
            assert_eq!(seen.verdict, Verdict::Unknown(format!("`{path}`: it is {want}")));
        }
        assert!(watch.read() < Duration::from_secs(2), "{path}: {:?}", watch.read());
    }
}

#[test]
fn more_than_one_look_may_read_is_left_for_the_next_and_said() {
    let scene = Scene::new("");
    scene.append("ERROR line\n".repeat(1000));
    let log = log(&format!("log:{}", scene.path("app.log").display()));
    let mut begin = Begin::Start;
    let (mut seen, mut looks) = (0, 0);
    loop {
        let mut tally = Tally::new(&log.patterns, Trace::Out);
        let until = Deadline::after(Duration::from_secs(60));
        let bounds = Bounds { bytes: 1500, until };
        let read = file::read(&scene.path("app.log"), begin, &mut tally, bounds).unwrap();
        (seen, looks) = (seen + tally.matches, looks + 1);
        begin = Begin::At(read.place.unwrap());
        if read.behind == 0 {
            break;
        }
    }
    assert_eq!((seen, looks), (1000, 8), "each line once");
    // The time that is over is a bound as well.
    let mut tally = Tally::new(&log.patterns, Trace::Out);
    let bounds = Bounds { bytes: u64::MAX, until: Deadline::after(Duration::ZERO) };
    let read = file::read(&scene.path("app.log"), Begin::Start, &mut tally, bounds).unwrap();
    assert_eq!((read.behind, tally.lines), (11_000, 0));
}

/// A look at a log that is so far behind, `was` the last time.
fn lagging(behind: u64, was: Option<u64>) -> Answer {
    let log = log("log:/x");
    let trail = was.map(|was| Trail::from([("behind".to_owned(), json!(was))]));
    let before = Before::Kept(Arc::new(trail.unwrap_or_default()));
    let seen = crate::probe::Seen::default();
    let at = At {
        limit: Duration::from_secs(1),
        deadline: Deadline::after(Duration::from_secs(1)),
        start_grace: Duration::ZERO,
        again: false,
        before: &before,
        aim: ONCE,
        seen: &seen,
    };
    let tally = Tally::new(&log.patterns, Trace::Out);
    let (leave, notes) = (Trail::new(), Vec::new());
    log.judge(Found { tally, leave, notes, behind, first: false }, &at, 0)
}

#[test]
fn one_that_falls_further_and_further_behind_is_degraded() {
    assert_eq!(lagging(0, None).warning, None);
    let once = lagging(1 << 20, None);
    assert_eq!(once.warning, None, "it may catch up");
    assert_eq!(once.measures[2].label, "behind");
    assert_eq!(lagging(1 << 20, Some(2 << 20)).warning, None);
    let more = lagging(3 << 20, Some(2 << 20));
    assert_eq!(more.warning.as_deref(), Some("it grows faster than it is read: 3.0 MiB behind"));
}

/// The words of looks at which lines come (`e`: one that counts, `.`: another), or the clock goes on (`+`: ten minutes)
/// between; a `v` says that the look after it verifies an attempt.
fn words(options: &'static str, fail_after: u32, story: &str) -> Vec<&'static str> {
    let mut scene = Scene::new(options);
    scene.append("start\n");
    scene.look();
    let mut words = Vec::new();
    let mut aim = Aim::Know { fail_after };
    for letter in story.chars() {
        match letter {
            'e' => scene.append("ERROR\n"),
            'v' => {
                aim = Aim::Verify;
                continue;
            }
            '+' => {
                let mut trail = (*scene.before.kept()).clone();
                if let Some(held) = trail.get_mut("held") {
                    held["since"] = json!(held["since"].as_i64().unwrap() - 600);
                }
                scene.before = Before::Kept(Arc::new(trail));
                continue;
            }
            _ => scene.append("fine\n"),
        }
        words.push(scene.look_for(aim).word());
        aim = Aim::Know { fail_after };
    }
    words
}

#[test]
fn it_stays_as_bad_as_it_was_until_it_was_believed_and_hold_is_over() {
    for (options, fail_after, story, want) in [
        ("", 1, "e.+.", "down down up"),
        ("", 1, "e.e+.", "down down down up"),
        ("?hold=0s", 1, "e.", "down up"),
        ("?hold=0s", 2, "e..", "down down up"),
        ("?hold=0s", 3, "e...", "down down down up"),
        // Runs far apart: the hold is over at once, but it must be believed all the same.
        ("", 2, "e+.+.", "down down up"),
        ("?hold=20m", 1, "e+.+.", "down down up"),
        // Not held while an attempt is verified, nor after it.
        ("", 1, "ev..", "down up up"),
        ("", 1, "evevev..", "down down down up up"),
        ("?max=1", 1, "e.", "up up"),
        ("?warn=0&crit=5", 1, "e.+.", "degraded degraded up"),
    ] {
        assert_eq!(
            words(options, fail_after, story).join(" "),
            want,
            "{options} {fail_after} {story}"
        );
    }
}

#[test]
fn what_is_held_says_since_when_and_what_it_was() {
    let mut scene = Scene::new("");
    scene.append("start\n");
    scene.look();
    scene.append("ERROR it broke\n");
    scene.look();
    let held = scene.look();
    let path = scene.path("app.log");
    let want =
        format!("ago: 1 line matches in `{}`, more than 0: `ERROR it broke`", path.display());
    assert!(held.verdict.is_down() && held.verdict.reason().ends_with(&want), "{held:?}");
    assert_eq!(held.detail, "no new lines");
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_it_for_ever() {
    let log = log("log:/x");
    let held = Held { down: true, since: 10_000, runs: 1, said: String::new() };
    for (now, want) in [(10_000, true), (10_599, true), (10_600, false), (9_000, false)] {
        assert_eq!(log.still_holds(&held, ONCE, now), want, "{now}");
    }
}

#[test]
fn a_target_or_key_that_makes_no_sense_is_refused() {
    for (text, want) in [
        ("log:", "`` is neither an absolute path nor a unit's name"),
        ("log:app.log", "`app.log` is neither an absolute path"),
        ("log:logs/app", "`logs/app` is neither"),
        ("log:-u", "`-u` is neither"),
        ("log:/x?priority=err", "`priority` is for a unit's journal"),
        ("log:nginx?missing=ok", "`missing` is for a file"),
        ("log:nginx?priority=error", "expects one of `emerg`, `alert`, `crit`, `err`"),
        ("log:/x?missing=never", "`missing` expects one of `unknown`, `ok`, `down`"),
        ("log:/x?max=-1", "`max` expects a whole number"),
    ] {
        let found = problem(text);
        assert!(found.contains(want), "{text}: {found}");
    }
    let Source::Journal(journal) = log("log:nginx?priority=err").source else { panic!("a unit") };
    assert_eq!((journal.unit.as_str(), journal.priority), ("nginx.service", Some("err")));
}

#[derive(Debug, Clone)]
enum Op {
    Write(u8),
    Half,
    Rename,
    CopyAndCut,
    Look,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1u8..5).prop_map(Op::Write),
        1 => Just(Op::Half),
        2 => Just(Op::Rename),
        2 => Just(Op::CopyAndCut),
        3 => Just(Op::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn each_line_is_counted_once_whatever_becomes_of_the_file(
        ops in prop::collection::vec(op(), 1..40),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        let append = |text: &str| {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            file.unwrap().write_all(text.as_bytes()).unwrap();
        };
        let mut rotated = 0;
        let mut shift = || {
            for number in (1..=rotated).rev() {
                let name = |number| dir.path().join(format!("app.log.{number}"));
                fs::rename(name(number), name(number + 1)).unwrap();
            }
            rotated += 1;
            rotated
        };
        let patterns = log("log:/x?match=line").patterns;
        let (mut place, mut seen, mut written, mut half) = (None, 0, 0u64, false);
        let mut look = |place: &mut Option<file::Place>| {
            let mut tally = Tally::new(&patterns, Trace::Out);
            let bounds = Bounds { bytes: MOST, until: Deadline::after(Duration::from_secs(60)) };
            let begin = place.take().map_or(Begin::End, Begin::At);
            *place = file::read(&path, begin, &mut tally, bounds).unwrap().place;
            seen += tally.matches;
        };
        append("start\n");
        look(&mut place);
        for op in ops {
            if half && !matches!(op, Op::Look) {
                append(" ends\n");
                half = false;
            }
            match op {
                Op::Write(count) => for _ in 0..count {
                    written += 1;
                    append(&format!("line {written}\n"));
                },
                Op::Half => {
                    written += 1;
                    append(&format!("line {written}"));
                    half = true;
                }
                Op::Rename => {
                    let number = shift();
                    fs::rename(&path, dir.path().join("app.log.1")).unwrap();
                    // As dates do: two logs that begin with the same words are told apart by their times alone.
                    append(&format!("start {number}\n"));
                }
                Op::CopyAndCut => {
                    shift();
                    fs::copy(&path, dir.path().join("app.log.1")).unwrap();
                    fs::write(&path, "").unwrap();
                    written += 1;
                    append(&format!("line {written}\n"));
                }
                Op::Look => look(&mut place),
            }
        }
        if half {
            append(" ends\n");
        }
        look(&mut place);
        look(&mut place);
        prop_assert_eq!(seen, written);
    }
}
