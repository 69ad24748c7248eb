//! The property lists of launchd's jobs (launchd.plist(5)), and whether launchd has the job. Written after the documented
//! form and outputs that others recorded; it was not run on a Mac.

use std::path::{Path, PathBuf};
use std::time::Duration;

use roxmltree::{Document, Node, ParsingOptions};

use crate::manager::launchd;
use crate::manager::reach::Reach;
use crate::model::schedule::Job;
use crate::model::unit::{Found, HandsOff};
use crate::sys::files;

/// Where jobs of the whole host are.
const DAEMONS: &str = "/Library/LaunchDaemons";
/// And those of every user who logs in.
const AGENTS: &str = "/Library/LaunchAgents";
/// More than any property list.
const MOST: u64 = 256 * 1024;

/// The jobs whose command line `wanted` takes; nothing on any other system.
pub fn jobs(reach: &Reach, limit: Duration, wanted: &dyn Fn(&str) -> bool) -> Vec<Job> {
    if !reach.launchd {
        return Vec::new();
    }
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join("Library/LaunchAgents"));
    let folders = [Some(PathBuf::from(DAEMONS)), Some(PathBuf::from(AGENTS)), home];
    let mut jobs = Vec::new();
    for folder in folders.into_iter().flatten() {
        let paths = files::guarded(&folder, limit, |folder| {
            let entries = std::fs::read_dir(folder)?.flatten();
            Ok(entries.map(|entry| entry.path()).collect::<Vec<_>>())
        });
        for path in paths.unwrap_or_default() {
            let Ok(bytes) = files::start(&path, limit, MOST) else { continue };
            let job = parse(&path, &String::from_utf8_lossy(&bytes));
            jobs.extend(job.filter(|job| wanted(&job.command)));
        }
    }
    let targets: Vec<String> = jobs.iter().map(|job| target(job, reach)).collect();
    let asked: Vec<&str> = targets.iter().map(String::as_str).collect();
    let found = launchd::show(&asked, reach, limit);
    for (job, target) in jobs.iter_mut().zip(&targets) {
        job.idle = found.get(target).and_then(idle);
    }
    jobs
}

fn target(job: &Job, reach: &Reach) -> String {
    if job.system {
        format!("system/{}", job.label)
    } else {
        format!("gui/{}/{}", reach.uid, job.label)
    }
}

/// Why it does not fire.
fn idle(found: &Found) -> Option<String> {
    match found {
        Found::Facts(facts) => match &facts.hands_off {
            Some(HandsOff::Disabled) => Some("it is disabled".to_owned()),
            Some(HandsOff::NotFound(why)) => Some(why.clone()),
            _ => None,
        },
        Found::Nowhere(why) | Found::Unknown(why) => Some(why.clone()),
    }
}

fn parse(path: &Path, text: &str) -> Option<Job> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).ok()?;
    let dict = document.root_element().children().find(|node| node.has_tag_name("dict"))?;
    let value = |key: &str| {
        let mut nodes = dict.children().filter(Node::is_element);
        nodes.find(|node| node.has_tag_name("key") && node.text() == Some(key))?;
        nodes.next()
    };
    let text = |node: Node<'_, '_>| node.text().unwrap_or_default().trim().to_owned();
    let words = value("ProgramArguments").map(|array| {
        array.children().filter(|node| node.has_tag_name("string")).map(text).collect::<Vec<_>>()
    });
    let command = words.filter(|words| !words.is_empty()).map(|words| words.join(" "));
    let keys = |dict: Node<'_, '_>| {
        dict.children().filter(|node| node.has_tag_name("key")).map(text).collect()
    };
    Some(Job {
        path: path.display().to_string(),
        label: text(value("Label")?),
        command: command.or_else(|| value("Program").map(text))?,
        every: value("StartInterval")
            .and_then(|node| text(node).parse().ok())
            .map(Duration::from_secs),
        variables: value("EnvironmentVariables").map_or_else(Vec::new, keys),
        system: path.starts_with(DAEMONS),
        idle: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_that_come_with_it_are_read() {
        for (name, text, command, every) in [
            (
                "heal",
                include_str!("../../../contrib/launchd/org.miraclemax.heal.plist"),
                "/usr/local/bin/miraclemax heal -q",
                60,
            ),
            (
                "ping",
                include_str!("../../../contrib/launchd/org.miraclemax.ping.plist"),
                "/usr/local/bin/miraclemax ping -q",
                300,
            ),
        ] {
            let path = format!("{DAEMONS}/org.miraclemax.{name}.plist");
            let job = parse(Path::new(&path), text).unwrap();
            assert_eq!(
                (job.label.as_str(), job.command.as_str()),
                (&*format!("org.miraclemax.{name}"), command)
            );
            assert_eq!(job.every, Some(Duration::from_secs(every)));
            assert_eq!(job.variables, ["PATH"]);
            assert!(job.system);
        }
        assert_eq!(parse(Path::new("/x"), "bplist00"), None);
        assert_eq!(parse(Path::new("/x"), "<plist><dict><key>Label</key></dict></plist>"), None);
    }
}
