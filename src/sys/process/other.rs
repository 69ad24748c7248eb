//! The process table where there is no `/proc`, through sysinfo with the narrowest question.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use sysinfo::{
    Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind, Users,
};

use super::{Container, Process, Usage};
use crate::model::time::Now;
use crate::sys::clock::Deadline;

fn ask(which: ProcessesToUpdate<'_>, kind: ProcessRefreshKind) -> System {
    let mut system = System::new();
    system.refresh_processes_specifics(which, true, kind.without_tasks());
    system
}

fn about(pid: u32, kind: ProcessRefreshKind) -> System {
    ask(ProcessesToUpdate::Some(&[Pid::from_u32(pid)]), kind)
}

fn known(process: &sysinfo::Process) -> Process {
    Process {
        pid: process.pid().as_u32(),
        parent: process.parent().map_or(0, Pid::as_u32),
        name: process.name().to_string_lossy().into_owned(),
        start: process.start_time(),
        zombie: matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead),
        stopped: matches!(process.status(), ProcessStatus::Stop),
        waiting: matches!(process.status(), ProcessStatus::UninterruptibleDiskSleep),
    }
}

pub(super) fn all() -> Result<Vec<Process>, String> {
    let system = ask(ProcessesToUpdate::All, ProcessRefreshKind::nothing());
    let found: Vec<_> = system.processes().values().map(known).collect();
    if found.is_empty() { Err("the system lists no process".into()) } else { Ok(found) }
}

pub(super) fn runs_in(_: u32) -> Option<Container> {
    None
}

pub(super) fn written(_: &BTreeSet<PathBuf>, _: Deadline) -> BTreeSet<PathBuf> {
    BTreeSet::new()
}

pub(super) fn one(pid: u32) -> Option<Process> {
    about(pid, ProcessRefreshKind::nothing()).process(Pid::from_u32(pid)).map(known)
}

pub(super) fn started(start: u64, _: &Now) -> Timestamp {
    i64::try_from(start).ok().and_then(|at| Timestamp::from_second(at).ok()).unwrap_or_default()
}

pub(super) fn all_visible() -> bool {
    true
}

pub(super) fn exe(pid: u32) -> Option<PathBuf> {
    let kind = ProcessRefreshKind::nothing().with_exe(UpdateKind::Always);
    about(pid, kind).process(Pid::from_u32(pid))?.exe().map(PathBuf::from)
}

pub(super) fn uid(pid: u32) -> Option<u32> {
    let kind = ProcessRefreshKind::nothing().with_user(UpdateKind::Always);
    let system = about(pid, kind);
    system.process(Pid::from_u32(pid))?.effective_user_id().map(|uid| **uid)
}

pub(super) fn usage(pid: u32) -> Option<Usage> {
    let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
    let system = about(pid, kind);
    let process = system.process(Pid::from_u32(pid))?;
    let cpu = std::time::Duration::from_millis(process.accumulated_cpu_time());
    Some(Usage { cpu, memory: process.memory(), threads: None })
}

pub(super) fn open_files(_: u32) -> Option<u64> {
    None
}

pub(super) fn most_files(_: u32) -> Option<u64> {
    None
}

pub(super) fn argv(pid: u32) -> Vec<String> {
    let kind = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always);
    let system = about(pid, kind);
    let words = system.process(Pid::from_u32(pid)).map_or(&[][..], |process| process.cmd());
    words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

pub(super) fn unit(_: u32) -> Option<String> {
    None
}

pub(super) fn container(_: u32) -> Option<String> {
    None
}

pub(super) fn user_name(uid: u32) -> Option<String> {
    let users = Users::new_with_refreshed_list();
    users.list().iter().find(|user| **user.id() == uid).map(|user| user.name().to_owned())
}
