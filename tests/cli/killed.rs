//! A run that is killed with SIGKILL, at every system call of its main thread that changes something outside it: the next
//! run tells every channel what is to be told, all of it, and once. Only what a channel took and the run had no time to
//! note is told again, and then under the same name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use super::fast;
use crate::support::host::{BOUND, Host};
use crate::support::real;
use crate::support::sink::Sink;
use crate::support::strace;

/// What is traced: whatever writes, sends, starts something or waits for an answer.
const CALLS: &str = "trace=?open,openat,write,pwrite64,writev,ftruncate,/^rename,/^link,/^unlink,/^mkdir,connect,\
                     sendto,sendmsg,recvfrom,clone,clone3,?vfork";

/// Runs at a time.
pub(super) const WORKERS: usize = 4;

/// Down, and its restart is a lie.
const LOST: &str =
    "[[service]]\nname = \"NAME\"\nchecks = [\"file:$DIR/NAME\"]\nrestart = [\"false\"]\n";
/// Down, and comes back.
const HEALED: &str = "[[service]]\nname = \"web\"\nchecks = [\"file:$DIR/web\"]\nrestart = [\"touch\", \"$DIR/web\"]\n";
/// One try of what is in vain, and patience with what is not.
const IN_VAIN: &str = "verify_for = \"1ms\"\nmax_heals = \"1 per 10m\"\n";
const IN_TIME: &str = "verify_for = \"20s\"\nmax_heals = \"5 per 10m\"\ncooldown = \"0s\"\n";
const COMMAND: &str = "[[notify]]\nvia = \"command\"\ncommand = [\"$DIR/bin/tell\"]\n";
const WEBHOOK: &str = "[[notify]]\nvia = \"webhook\"\nurl = \"http://127.0.0.1:PORT$DIR\"\n";

/// One history whose last run is killed.
pub(super) struct Scene {
    pub(super) name: &'static str,
    /// Services and channels.
    config: String,
    /// `IN_VAIN`, or `IN_TIME`.
    policy: &'static str,
    /// All is well for a run, before.
    well: bool,
    /// The config is broken then.
    broken: bool,
    pub(super) args: &'static [&'static str],
    /// The first call whose kill is worth a try: those before are another scene's, too.
    from: &'static str,
}

pub(super) fn scenes() -> Vec<Scene> {
    let one = LOST.replace("NAME", "web");
    let three: String = ["web", "db", "mq"].map(|name| LOST.replace("NAME", name)).concat();
    let (both, other) = ([COMMAND, WEBHOOK].concat(), [WEBHOOK, COMMAND].concat());
    let scene = |name, services: &str, channels: &str| Scene {
        name,
        config: fast(&[services, channels]),
        policy: IN_VAIN,
        well: true,
        broken: false,
        args: &["heal"],
        from: "",
    };
    vec![
        Scene { well: false, ..scene("the first run of all fails", &one, &both) },
        Scene { from: "/outbox/.lock", ..scene("the webhook comes first", &one, &other) },
        Scene { policy: IN_TIME, from: "/incidents", ..scene("healed", HEALED, &both) },
        Scene {
            args: &["check", "--notify"],
            from: "/outbox",
            ..scene("down, and only looked at", &one, &both)
        },
        Scene { broken: true, from: "/outbox", ..scene("the config breaks", &one, &both) },
        Scene { from: "/outbox/.lock", ..scene("three fail, in one letter", &three, &both) },
    ]
}

impl Scene {
    /// A host on which the run to be killed is the next one.
    pub(super) fn host(&self, sink: &Sink) -> Host {
        let policy = format!("{}stable_for = \"1ms\"\nretry_after = \"1h\"\n", self.policy);
        let config = self.config.replace("verify_for = \"1s\"\nstable_for = \"1s\"\n", &policy);
        let config = config.replace("PORT", &sink.port().to_string());
        let host = Host::with(&config);
        host.fake("tell", "cat >> $DIR/told");
        let services = ["web", "db", "mq"];
        if self.well {
            for name in services {
                host.write(name, "");
            }
            host.run(&["-q", "heal"]).silent();
        }
        if self.broken {
            host.config(&config.replace("restart", "restrat"));
        } else if self.well {
            for name in services {
                host.remove(name);
            }
        }
        host
    }
}

/// What was told over one channel: by service and change, the names it was told under.
pub(super) type Told = BTreeMap<(String, String), Vec<String>>;

fn told(letters: impl Iterator<Item = Value>) -> Told {
    let mut told = Told::new();
    for letter in letters {
        for story in letter["stories"].as_array().expect("a letter has stories") {
            let word = |key: &str| story[key].as_str().expect("it is text").to_owned();
            let id = letter["id"].as_str().expect("it has a name").to_owned();
            told.entry((word("service"), word("change"))).or_default().push(id);
        }
    }
    told
}

pub(super) fn told_over_both(host: &Host, sink: &Sink) -> BTreeMap<&'static str, Told> {
    // A killed run does not wait for the program that it has started.
    real::wait_until("the program has ended", BOUND, || (!host.runs("bin/tell")).then_some(()));
    let lines = host.read("told");
    let letters = lines.lines().map(|line| serde_json::from_str(line).expect(line));
    let asked = format!("POST {}", host.fill("$DIR"));
    let heard = sink.heard().into_iter();
    let hooks = heard.filter(|it| it.asked == asked).map(|it| it.json());
    BTreeMap::from([("tell", told(letters)), ("webhook", told(hooks))])
}

/// Whether it is written down that this channel took that story.
pub(super) fn noted(host: &Host, channel: &str, story: &(String, String)) -> bool {
    // A channel is called by its kind and what is told: `command:tell`.
    let taken = |channels: &Value| {
        let mut ours =
            channels.as_object().into_iter().flatten().filter(|it| it.0.contains(channel));
        ours.any(|(_, delivery)| !delivery["accepted"].is_null())
    };
    host.snapshot("state/outbox").iter().any(|(path, _, bytes)| {
        let kept: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let id = kept["id"].as_str().unwrap_or_default();
        let service = if story.0.is_empty() { "config-" } else { &story.0 };
        !path.to_string_lossy().contains(".tmp")
            && id.starts_with(service)
            && id.ends_with(&format!("-{}", story.1))
            // On a full disk it was moved there as it was.
            && (path.parent().is_some_and(|folder| folder.ends_with("done"))
                || taken(&kept["channels"]))
    })
}

/// What is left that nobody will read.
pub(super) fn litter(host: &Host) -> Vec<PathBuf> {
    let all = host.snapshot("state").into_iter().map(|(path, ..)| path);
    let left = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "tmp") || path.ends_with("broken")
    };
    all.filter(left).collect()
}

/// Kills the run at this call, lets the next one do its work, and looks at what came of both. Whether the run got so far,
/// and whether something was told twice.
fn killed_at(scene: &Scene, sink: &Sink, point: &strace::Point, want: &Told) -> (bool, bool) {
    let shown = format!("{}, killed at {point}", scene.name);
    let host = scene.host(sink);
    let kill = point.inject("signal=KILL", "");
    let mut traced: Vec<OsString> =
        ["strace", "-qq", "-o", "/dev/null", "-e"].map(Into::into).into();
    traced.push(kill.into());
    let ran = host.finish(host.traced(traced, scene.args), &shown, "");
    let notes: Vec<bool> = ["tell", "webhook"]
        .iter()
        .flat_map(|channel| want.keys().map(|story| noted(&host, channel, story)))
        .collect();
    let next = host.run(scene.args);
    assert!([0, 2, 78].contains(&next.code), "{shown}: {ran:?} {next:?}");
    let mut twice = false;
    let mut notes = notes.into_iter();
    for (channel, told) in told_over_both(&host, sink) {
        let keys = |told: &Told| told.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&told), keys(want), "{shown}: {channel}: {next:?}");
        for (story, ids) in &told {
            let most = if notes.next() == Some(true) { 1 } else { 2 };
            assert!(ids.len() <= most, "{shown}: {channel}: {story:?} was told {ids:?}");
            assert!(ids.iter().all(|id| *id == ids[0]), "{shown}: {channel}: {story:?}: {ids:?}");
            twice |= ids.len() > 1;
        }
    }
    assert_eq!(litter(&host), Vec::<PathBuf>::new(), "{shown}");
    let status = host.run(&["status", "--format", "json"]).json();
    assert_eq!(status["notifications_waiting"], Value::Array(vec![]), "{shown}");
    assert!(!host.events().is_empty() && host.state().is_object(), "{shown}");
    (ran.code == 137, twice)
}

#[test]
fn killed_at_any_system_call_a_run_loses_no_story_and_tells_none_twice_that_it_could_note() {
    if !real::or_skip("`strace`, and the right to trace", strace::works()) {
        return;
    }
    let sink = Sink::start();
    let mut jobs = Vec::new();
    let scenes = scenes();
    for scene in &scenes {
        let host = scene.host(&sink);
        let calls = strace::calls(&host, CALLS, scene.args);
        let mut both = told_over_both(&host, &sink).into_values();
        let want = both.next().expect("two channels");
        assert!(!want.is_empty() && both.all(|other| other == want), "{}: {want:?}", scene.name);
        let points = strace::points(&calls, scene.from);
        assert!(points.len() > 5, "{}: {calls}", scene.name);
        jobs.extend(points.into_iter().map(|point| (scene, point, want.clone())));
    }
    let [next, kills, twice] = [(); 3].map(|()| AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((scene, point, want)) =
                    jobs.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let (killed, again) = killed_at(scene, &sink, point, want);
                    kills.fetch_add(usize::from(killed), Ordering::Relaxed);
                    twice.fetch_add(usize::from(again), Ordering::Relaxed);
                }
            });
        }
    });
    let (kills, twice) = (kills.into_inner(), twice.into_inner());
    real::saw("runs, kills, told twice", format!("{} {kills} {twice}", jobs.len()));
    // Threads take turns, so that a call may be another one's, or have another number, the next time.
    assert!(kills * 10 > jobs.len() * 9, "{kills} of {}", jobs.len());
    assert!(twice > 0, "no kill fell between an acceptance and the note of it");
}
