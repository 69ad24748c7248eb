//! The evidence of an incident as a text for people: all that was found before a restart destroyed it. Judges nothing.

use crate::model::scene::{FileSystem, Heavy, Listening, Pressure, Scene};
use crate::model::story::Evidence;
use crate::model::text::{human_duration, human_size, one_line};
use crate::report::cause::ended;

/// The most that is shown of one line, in characters.
const LONGEST: usize = 600;

/// `evidence` of the service's outage `incident`; line by line, each safe for a terminal.
pub fn text(service: &str, incident: &str, evidence: &Evidence) -> String {
    let mut page = String::new();
    let mut put = |line: &str| {
        page.push_str(&one_line(line, LONGEST));
        page.push('\n');
    };
    put(&format!("Service: {service}"));
    put(&format!("Incident: {incident}"));
    put(&format!("Root cause: {}", evidence.cause.as_deref().unwrap_or("not known")));
    if let Some(common) = &evidence.common {
        put(&format!("Common cause of several outages: {common}"));
    }
    if let Some(unit) = &evidence.unit {
        put("");
        put(&format!("Unit: {} ({}): {}", unit.unit, unit.manager.word(), unit.words));
        if let Some(result) = &unit.result {
            put(&format!("Result: {result}"));
        }
        if let Some(exit) = unit.exit {
            put(&format!("Last end of its main process: {}", ended(exit, unit)));
        }
        if let Some(restarts) = unit.restarts {
            put(&format!("Restarts by the manager itself: {restarts}"));
        }
    }
    for (title, lines) in evidence.scene.as_ref().map(sections).unwrap_or_default() {
        put("");
        put(&format!("{title}:"));
        for line in lines {
            put(&format!("  {line}"));
        }
    }
    if !evidence.log.is_empty() {
        put("");
        put("Last lines of its log:");
        for line in &evidence.log {
            put(&format!("  {line}"));
        }
    }
    for trace in &evidence.remedies {
        put("");
        put(&format!("What {} showed:", trace.remedy));
        for line in &trace.lines {
            put(&format!("  {line}"));
        }
    }
    page
}

type Section = (String, Vec<String>);

fn sections(scene: &Scene) -> Vec<Section> {
    let took = human_duration(scene.took);
    let at = scene.at.strftime("%Y-%m-%d %H:%M:%SZ");
    let port = scene.port.map(|port| format!(" (its port is {port})")).unwrap_or_default();
    let mut sections = vec![
        (format!("Listening sockets{port}"), scene.listeners.iter().map(listening).collect()),
        ("Most memory".into(), scene.processes.iter().map(heavy).collect()),
        ("Memory, load, pressure".into(), of_host(scene)),
        ("File systems".into(), scene.file_systems.iter().map(file_system).collect()),
        ("The kernel, on memory that ran out".into(), scene.kernel.clone()),
        (
            "Config files changed since it was last seen up".into(),
            scene
                .changed
                .iter()
                .map(|one| {
                    format!("{}  {}", one.at.strftime("%Y-%m-%d %H:%M:%SZ"), one.path.display())
                })
                .collect(),
        ),
        ("Down, and needed by it".into(), scene.needs_down.clone()),
        ("Not found out".into(), scene.missed.clone()),
    ];
    sections.retain(|(_, lines): &Section| !lines.is_empty());
    sections.insert(0, ("Looked at".into(), vec![format!("{at}, in {took}")]));
    sections
}

fn listening(one: &Listening) -> String {
    let unit = one.unit.as_ref().map(|unit| format!(", {unit}")).unwrap_or_default();
    let own = if one.own { ", its own" } else { "" };
    format!("{}  {}{unit}{own}", one.address, one.words())
}

fn heavy(one: &Heavy) -> String {
    let unit = one.unit.as_deref().unwrap_or("no unit");
    let user = one.user.as_deref().unwrap_or("?");
    format!("{:>10}  {} (pid {}, user {user}, {unit})", human_size(one.memory), one.name, one.pid)
}

fn of_host(scene: &Scene) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(memory) = &scene.memory {
        let (free, all) = (human_size(memory.available), human_size(memory.total));
        lines.push(format!("memory: {free} available of {all}"));
        if memory.swap_total > 0 {
            let (free, all) = (human_size(memory.swap_free), human_size(memory.swap_total));
            lines.push(format!("swap: {free} free of {all}"));
        }
    }
    if let Some(limit) = scene.memory_limit {
        lines.push(format!("its own limit (`MemoryMax`): {}", human_size(limit)));
    }
    if let Some([one, five, fifteen]) = scene.load {
        lines.push(format!("load: {one:.2} {five:.2} {fifteen:.2}, {} processors", scene.cpus));
    }
    lines.extend(scene.pressure.iter().map(pressure));
    lines
}

fn pressure(one: &Pressure) -> String {
    let who = if one.full { "all tasks" } else { "some tasks" };
    let [ten, sixty, long] = one.averages;
    format!(
        "{who} waited for {}: {ten:.1} % of 10s, {sixty:.1} % of 1m, {long:.1} % of 5m",
        one.what
    )
}

fn file_system(one: &FileSystem) -> String {
    let inodes = match one.inodes {
        0 => String::new(),
        all => format!(", {} of {all} inodes free", one.inodes_free),
    };
    let trouble = one.trouble().map(|why| format!(": {}", why.to_uppercase())).unwrap_or_default();
    let used = if one.used { ", used by it" } else { "" };
    let (free, all) = (human_size(one.free), human_size(one.total));
    format!("{}  {free} free of {all}{inodes}{used}{trouble}", one.place.display())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::scene::{Changed, Memory};

    #[test]
    fn all_that_was_found_is_told_a_line_each_and_safe_for_a_terminal() {
        let at: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let scene = Scene {
            at,
            took: Duration::from_millis(310),
            port: Some(8080),
            listeners: vec![Listening {
                address: "0.0.0.0:8080".into(),
                name: Some("python3\u{1b}[2J".into()),
                pid: Some(4711),
                user: Some("www".into()),
                unit: None,
                own: false,
            }],
            processes: vec![Heavy {
                pid: 7,
                name: "db".into(),
                user: Some("pg".into()),
                memory: 3 << 30,
                unit: Some("db.service".into()),
            }],
            memory: Some(Memory {
                total: 8 << 30,
                available: 1 << 20,
                swap_total: 2048,
                swap_free: 0,
            }),
            memory_limit: Some(64 << 20),
            load: Some([4.0, 2.5, 1.0]),
            cpus: 2,
            pressure: vec![Pressure {
                what: "memory".into(),
                full: true,
                averages: [81.5, 12.0, 3.0],
            }],
            file_systems: vec![FileSystem {
                place: "/var".into(),
                used: true,
                total: 1 << 30,
                free: 0,
                inodes: 100,
                inodes_free: 7,
                read_only: false,
            }],
            changed: vec![Changed { path: "/etc/web.toml".into(), at }],
            needs_down: vec!["db".into()],
            missed: vec!["kernel: only root may read its log".into()],
            ..Scene::default()
        };
        let evidence = Evidence {
            log: vec!["died\n".into()],
            cause: Some("exit status 1".into()),
            scene: Some(scene),
            ..Evidence::default()
        };
        let want = "\
Service: web
Incident: web-1
Root cause: exit status 1

Looked at:
  2026-01-02 03:04:05Z, in 0.3s

Listening sockets (its port is 8080):
  0.0.0.0:8080  `python3\\u{1b}[2J` (pid 4711, user www)

Most memory:
     3.0 GiB  db (pid 7, user pg, db.service)

Memory, load, pressure:
  memory: 1.0 MiB available of 8.0 GiB
  swap: 0 B free of 2.0 KiB
  its own limit (`MemoryMax`): 64.0 MiB
  load: 4.00 2.50 1.00, 2 processors
  all tasks waited for memory: 81.5 % of 10s, 12.0 % of 1m, 3.0 % of 5m

File systems:
  /var  0 B free of 1.0 GiB, 7 of 100 inodes free, used by it: FULL

Config files changed since it was last seen up:
  2026-01-02 03:04:05Z  /etc/web.toml

Down, and needed by it:
  db

Not found out:
  kernel: only root may read its log

Last lines of its log:
  died
";
        assert_eq!(text("web", "web-1", &evidence), want);
    }
}
