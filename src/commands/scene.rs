//! Looks around when a service was found down, before a restart destroys what there is to see: listeners, processes,
//! memory, file systems, the kernel's words, changed config files. All side by side under one short bound: what does
//! not answer is left out. Changes nothing, and is no reason not to heal.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::Builder;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::commands::cycle::Sight;
use crate::manager::{Reach, Surroundings};
use crate::model::scene::{Changed, FileSystem, Heavy, Listening, Memory, Pressure, Scene};
use crate::model::time::Now;
use crate::model::unit::ManagerKind;
use crate::report::cause;
use crate::sys::clock::{self, Deadline, Stopwatch};
use crate::sys::sockets::Sockets;
use crate::sys::{files, host, journal_read, process};

/// Bound on all of it together.
pub(super) const LIMIT: Duration = Duration::from_secs(2);
/// Processes that are listed.
const HEAVIEST: usize = 5;
/// Listening sockets that are listed.
const LISTENERS: usize = 20;
/// Lines of the kernel that are searched, and those that are kept.
const KERNEL: (usize, usize) = (1000, 20);
/// How far the kernel's lines are searched when it is not known since when the service ran.
const KERNEL_SINCE: Duration = Duration::from_secs(3600);
/// File systems that every service may depend on.
const HOSTS_OWN: [&str; 2] = ["/", "/var"];

/// What is looked at, so that it outlives a thread that hangs.
struct About {
    now: Now,
    port: Option<u16>,
    unit: Option<String>,
    found: Surroundings,
    config_files: Vec<PathBuf>,
    seen_up: Option<Timestamp>,
    root: bool,
    deadline: Deadline,
}

/// Puts what one look found into the scene.
type Put = Box<dyn FnOnce(&mut Scene) + Send>;
type Part = (&'static str, fn(&About) -> Put);

const PARTS: [Part; 6] = [
    ("listeners", listeners),
    ("processes", processes),
    ("memory and load", figures),
    ("file systems", file_systems),
    ("kernel", kernel),
    ("config files", changed),
];

/// A look that goes on in the background.
pub(super) struct Looking {
    scene: Scene,
    puts: mpsc::Receiver<(&'static str, Put)>,
    watch: Stopwatch,
    deadline: Deadline,
}

/// Begins to look, `seen_up` being when the service was last seen up.
pub(super) fn look(
    sight: &Sight,
    needs_down: Vec<String>,
    seen_up: Option<Timestamp>,
    now: Now,
    reach: &Reach,
    deadline: Deadline,
) -> Looking {
    let deadline = deadline.within(LIMIT);
    let runner = sight.settled.runner.as_ref();
    let found =
        runner.map(|runner| runner.surroundings(reach, deadline.left() / 2)).unwrap_or_default();
    let by_systemd = |kind| matches!(kind, ManagerKind::Systemd | ManagerKind::SystemdUser);
    let about = std::sync::Arc::new(About {
        port: sight.service.port,
        unit: runner.filter(|runner| by_systemd(runner.kind)).map(|runner| runner.unit.clone()),
        config_files: sight.service.config_files.clone(),
        seen_up,
        root: reach.root,
        deadline,
        now,
        found,
    });
    let scene = Scene {
        at: about.now.wall,
        ended: about.found.ended.and_then(|ended| about.wall(ended)),
        port: about.port,
        memory_limit: about.found.memory_limit,
        needs_down,
        ..Scene::default()
    };
    let (sender, puts) = mpsc::channel();
    for (name, part) in PARTS {
        let (sender, about) = (sender.clone(), about.clone());
        let work = move || {
            // The receiver may have gone: then nobody waits for it any more.
            let _ = sender.send((name, part(&about)));
        };
        // One that cannot be started is missed, as is one that hangs.
        let _ = Builder::new().name("scene".into()).spawn(work);
    }
    Looking { scene, puts, watch: Stopwatch::start(), deadline }
}

impl Looking {
    /// What was found by the deadline.
    pub(super) fn found(self) -> Scene {
        let Self { mut scene, puts, watch, deadline } = self;
        let mut waiting: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        while !waiting.is_empty()
            && let Ok((name, put)) = puts.recv_timeout(deadline.left())
        {
            put(&mut scene);
            waiting.retain(|other| *other != name);
        }
        scene.missed.extend(waiting.iter().map(|name| format!("{name}: no answer in time")));
        scene.took = watch.read();
        scene
    }
}

impl About {
    /// A moment of `CLOCK_MONOTONIC` by the wall clock; sleep of the host in between makes it too late.
    fn wall(&self, then: Duration) -> Option<Timestamp> {
        ago(&self.now, clock::monotonic().checked_sub(then)?)
    }

    /// Since when the last run of the service may have met with something; never too late.
    fn since(&self) -> Option<Timestamp> {
        match self.found.started {
            // The boot clock counts sleep, too.
            Some(started) => ago(&self.now, self.now.since_boot.checked_sub(started)?),
            None => ago(&self.now, KERNEL_SINCE),
        }
    }
}

fn ago(now: &Now, ago: Duration) -> Option<Timestamp> {
    now.wall.checked_sub(SignedDuration::try_from(ago).ok()?).ok()
}

fn missed(name: &str, why: impl std::fmt::Display) -> Put {
    let text = format!("{name}: {why}");
    Box::new(move |scene| scene.missed.push(text))
}

fn listeners(about: &About) -> Put {
    if about.port.is_none() && about.unit.is_none() {
        return Box::new(|_| ());
    }
    let sockets = match Sockets::read() {
        Ok(sockets) => sockets,
        Err(why) => return missed("listeners", why),
    };
    let all = sockets.all().into_iter().filter_map(|one| {
        let own = one.unit.is_some() && one.unit == about.unit;
        (own || Some(one.addr.port()) == about.port).then(|| Listening {
            address: one.addr.to_string(),
            name: one.called(),
            pid: one.pid,
            user: one.user.clone(),
            unit: one.unit.clone(),
            own,
        })
    });
    let all: Vec<Listening> = all.take(LISTENERS).collect();
    Box::new(move |scene| scene.listeners = all)
}

fn processes(_: &About) -> Put {
    let all = match process::all() {
        Ok(all) => all,
        Err(why) => return missed("processes", why),
    };
    let used = |pid| process::usage(pid).map_or(0, |usage| usage.memory);
    let mut all: Vec<(u64, process::Process)> =
        all.into_iter().map(|one| (used(one.pid), one)).filter(|(memory, _)| *memory > 0).collect();
    all.sort_by_key(|(memory, one)| (std::cmp::Reverse(*memory), one.pid));
    let heavy = all.into_iter().take(HEAVIEST).map(|(memory, one)| Heavy {
        pid: one.pid,
        user: process::uid(one.pid).map(process::user_name),
        unit: process::unit(one.pid),
        name: one.name,
        memory,
    });
    let heavy: Vec<Heavy> = heavy.collect();
    Box::new(move |scene| scene.processes = heavy)
}

fn figures(_: &About) -> Put {
    let swap = host::swap().ok();
    let memory = host::memory().ok().map(|memory| Memory {
        total: memory.total,
        available: memory.available,
        swap_total: swap.map_or(0, |swap| swap.total),
        swap_free: swap.map_or(0, |swap| swap.free),
    });
    let (load, cpus) = (host::load().ok(), host::cpus());
    let of = |what: &'static str| {
        let lines = host::pressure(what).into_iter();
        lines.map(move |(full, averages)| Pressure { what: what.into(), full, averages })
    };
    let pressure: Vec<Pressure> = ["cpu", "io", "memory"].into_iter().flat_map(of).collect();
    Box::new(move |scene| {
        (scene.memory, scene.load, scene.cpus) = (memory, load, cpus);
        scene.pressure = pressure;
    })
}

fn file_systems(about: &About) -> Put {
    let own = about.found.places.iter().map(PathBuf::as_path);
    let own = own.chain(about.config_files.iter().filter_map(|path| path.parent()));
    let places =
        own.map(|place| (place, true)).chain(HOSTS_OWN.map(|place| (Path::new(place), false)));
    let (mut found, mut late) = (Vec::<FileSystem>::new(), Vec::new());
    for (place, used) in places {
        match host::disk(place, about.deadline.left() / 2) {
            Ok(disk) => {
                let one = FileSystem {
                    place: place.to_owned(),
                    used,
                    total: disk.total,
                    free: disk.free,
                    inodes: disk.inodes,
                    inodes_free: disk.inodes_free,
                    read_only: disk.read_only,
                };
                // The same figures are the same file system: it is named once, by its first place.
                let figures = |one: &FileSystem| (one.total, one.free, one.inodes, one.inodes_free);
                if !found.iter().any(|other| figures(other) == figures(&one)) {
                    found.push(one);
                }
            }
            // Its directory is gone: that is no file system's fault.
            Err(files::Missed::Missing) => {}
            Err(why) => late.push(format!("{}: {why}", place.display())),
        }
    }
    Box::new(move |scene| {
        scene.file_systems = found;
        scene.missed.extend(late);
    })
}

fn kernel(about: &About) -> Put {
    let (Some(unit), Some(since)) = (&about.unit, about.since()) else {
        return Box::new(|_| ());
    };
    if !about.root {
        return missed("kernel", "only root may read its log");
    }
    let all = journal_read::kernel(since.as_second(), KERNEL.0, about.deadline.left());
    let mut lines = cause::of_unit(&all, unit);
    lines.drain(..lines.len().saturating_sub(KERNEL.1));
    Box::new(move |scene| scene.kernel = lines)
}

fn changed(about: &About) -> Put {
    let Some(seen_up) = about.seen_up else { return Box::new(|_| ()) };
    let mut found: Vec<Changed> = about
        .config_files
        .iter()
        .filter_map(|path| {
            let at = files::look(path, about.deadline.left() / 2).ok()?.mtime;
            (at > seen_up).then(|| Changed { path: path.clone(), at })
        })
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.at));
    Box::new(move |scene| scene.changed = found)
}
