//! Which of the things that run on a host are services to look after, and how they hang together. Pure: facts
//! in, findings out, sorted, so that the same host gives the same text.

mod base;
mod needs;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::judge::discovery::base::{SPEAKS_ANOTHER, is_base};
use crate::model::discovery::{
    Ask, Finding, Findings, Owner, Port, Present, Program, Runner, Seen, SocketUnit, Unit,
};
use crate::model::text::is_unsafe;

/// A service with more ports than this is a range, and one of them speaks for the others.
const MOST_PORTS: usize = 6;
/// The config's own limit is 100; this leaves room for what tells two of the same name apart.
const LONGEST_NAME: usize = 80;

/// Makes services of what was seen.
pub fn sort_out(seen: &Seen) -> Findings {
    let mut out = Findings::default();
    let mut drafts = Vec::new();
    for unit in &seen.units {
        drafts.extend(of_unit(unit, seen));
    }
    for socket in &seen.sockets {
        drafts.extend(of_socket(socket, seen));
    }
    drafts.extend(of_programs(&seen.programs, seen));
    for container in &seen.containers {
        let mark = format!("container:{}", container.name);
        let its =
            |owner: &Owner| matches!(owner, Owner::Container(name) if *name == container.name);
        let ports = ports(seen, its, Ask::Http, &container.ports);
        // Run by a unit, it is that unit's: a restart behind its back would confuse the two.
        if let Some(unit) = &container.unit {
            let unit_mark = format!("systemd:{unit}");
            if let Some(draft) = drafts.iter_mut().find(|d| d.finding.marks.contains(&unit_mark)) {
                draft.finding.marks.push(mark);
                draft.finding.ports = ports;
                draft.finding.remarks.push(format!("runs the container {}", container.name));
                continue;
            }
        }
        let name = container.name.clone();
        let runner = Runner::Container { engine: container.engine.clone(), name: name.clone() };
        let mut draft = Draft::new(&name, runner, vec![mark], ports);
        draft
            .finding
            .remarks
            .push(format!("{} container of {}", container.engine, container.image));
        drafts.push(draft);
    }
    drafts.sort_by(|a, b| a.order().cmp(&b.order()));
    name_apart(&mut drafts);
    needs::link(&mut drafts, seen);
    left_over(&mut out, seen, &drafts);
    out.services = drafts.into_iter().map(|draft| draft.finding).collect();
    out
}

/// What is not yet configured, with its needs under the names that are in the config.
pub fn lacking(found: Vec<Finding>, present: &[Present]) -> Vec<Finding> {
    let known = |finding: &Finding| {
        let same = |there: &&Present| {
            there.name == finding.name
                || there.marks.iter().any(|mark| finding.marks.contains(mark))
                || finding.ports.iter().any(|port| there.ports.contains(&port.number))
        };
        present.iter().find(same).map(|there| there.name.clone())
    };
    let names: BTreeMap<String, String> =
        found.iter().filter_map(|finding| Some((finding.name.clone(), known(finding)?))).collect();
    let mut left: Vec<_> =
        found.into_iter().filter(|finding| !names.contains_key(&finding.name)).collect();
    for finding in &mut left {
        for need in &mut finding.needs {
            if let Some(name) = names.get(need) {
                need.clone_from(name);
            }
        }
        finding.needs.sort();
        finding.needs.dedup();
    }
    left
}

/// A finding with what ties it to others.
struct Draft {
    finding: Finding,
    requires: Vec<String>,
    after: Vec<String>,
    wants: Vec<String>,
    part_of: Vec<String>,
}

impl Draft {
    fn new(name: &str, runner: Runner, marks: Vec<String>, ports: Vec<Port>) -> Self {
        let (needs, remarks) = (Vec::new(), Vec::new());
        let finding = Finding { name: fit(name), runner, marks, ports, needs, remarks };
        let none = Vec::new;
        Self { finding, requires: none(), after: none(), wants: none(), part_of: none() }
    }

    fn order(&self) -> (&str, &[String]) {
        (&self.finding.name, &self.finding.marks)
    }
}

fn of_unit(unit: &Unit, seen: &Seen) -> Option<Draft> {
    // What was made for one run (`systemd-run`) cannot be started again by its name.
    if is_base(&unit.name) || unit.file_state == "transient" {
        return None;
    }
    // The port of a service that a socket unit starts belongs to that unit.
    if !unit.user && seen.sockets.iter().any(|socket| !socket.user && starts(socket, unit)) {
        return None;
    }
    let ports = ports(seen, |owner| is_units(owner, unit), Ask::Http, &[]);
    let supervisor = seen.supervisor.as_ref() == Some(&unit.name);
    if ports.is_empty() && !(unit.own && unit.running) && !supervisor {
        return None;
    }
    let runner = Runner::Unit { unit: unit.name.clone(), user: unit.user };
    let marks = unit.names.iter().map(|name| format!("systemd:{name}")).collect();
    let mut draft = Draft::new(stem(&unit.name), runner, marks, ports);
    if supervisor {
        draft.finding.remarks.push("runs the programs of supervisord".into());
    }
    if unit.file_state.starts_with("disabled") {
        draft
            .finding
            .remarks
            .push("not enabled at boot: `heal` leaves it alone once it has been stopped".into());
    }
    draft.requires.clone_from(&unit.requires);
    draft.after.clone_from(&unit.after);
    draft.wants.clone_from(&unit.wants);
    draft.part_of.clone_from(&unit.part_of);
    Some(draft)
}

/// A socket unit that holds a port: it is what must be there, the service may come and go.
fn of_socket(socket: &SocketUnit, seen: &Seen) -> Option<Draft> {
    if socket.listens.is_empty() || is_base(&socket.name) {
        return None;
    }
    if socket.triggers.iter().any(|name| is_base(name)) {
        return None;
    }
    let held = seen.listening.iter().filter(|l| l.owners.contains(&Owner::Init));
    let held: Vec<_> = held.map(|l| l.addr).filter(|addr| socket.listens.contains(addr)).collect();
    if held.is_empty() {
        return None;
    }
    let ports = ports(seen, |_| false, Ask::Nothing, &held);
    let runner = Runner::Unit { unit: socket.name.clone(), user: socket.user };
    let names = std::iter::once(&socket.name).chain(&socket.triggers);
    let marks = names.map(|name| format!("systemd:{name}")).collect();
    let mut draft = Draft::new(stem(&socket.name), runner, marks, ports);
    draft.finding.remarks.push(match socket.triggers.first() {
        Some(service) => format!("starts {service} at the first connection"),
        None => "starts a service for each connection".into(),
    });
    // What the service needs, its socket's users need too.
    let service = seen.units.iter().find(|unit| unit.user == socket.user && starts(socket, unit));
    if let Some(unit) = service {
        draft.requires.clone_from(&unit.requires);
        draft.after.clone_from(&unit.after);
        draft.wants.clone_from(&unit.wants);
    }
    Some(draft)
}

fn starts(socket: &SocketUnit, unit: &Unit) -> bool {
    !socket.listens.is_empty() && socket.triggers.iter().any(|name| unit.names.contains(name))
}

/// One service a group: the processes of one are started and stopped together.
fn of_programs(programs: &[Program], seen: &Seen) -> Vec<Draft> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for program in programs {
        groups.entry(&program.group).or_default().push(&program.name);
    }
    groups
        .into_iter()
        .map(|(group, names)| {
            let full = |name: &str| match name {
                name if name == group => name.to_owned(),
                name => format!("{group}:{name}"),
            };
            let program = match names[..] {
                [only] => full(only),
                _ => format!("{group}:*"),
            };
            let ports = ports(
                seen,
                |owner| matches!(owner, Owner::Program(of, _) if of == group),
                Ask::Http,
                &[],
            );
            let mut marks = vec![format!("supervisord:{program}")];
            marks.extend(names.iter().map(|name| format!("supervisord:{}", full(name))));
            marks.push(format!("supervisord:{group}:*"));
            marks.sort();
            marks.dedup();
            let mut draft = Draft::new(group, Runner::Program(program), marks, ports);
            if names.len() > 1 {
                let remark = format!("{} processes of supervisord", names.len());
                draft.finding.remarks.push(remark);
            } else {
                draft.finding.remarks.push("program of supervisord".into());
            }
            draft.requires.extend(seen.supervisor.clone());
            draft
        })
        .collect()
}

fn is_units(owner: &Owner, unit: &Unit) -> bool {
    matches!(owner, Owner::Unit(name) if unit.names.contains(name))
}

/// The ports of whom `mine` says, and those at `also`.
fn ports(seen: &Seen, mine: impl Fn(&Owner) -> bool, ask: Ask, also: &[SocketAddr]) -> Vec<Port> {
    let mut found: BTreeMap<u16, Port> = BTreeMap::new();
    let mut add = |addr: SocketAddr, program: Option<&String>| {
        let port = found.entry(addr.port()).or_insert_with(|| Port {
            number: addr.port(),
            addrs: Vec::new(),
            program: program.cloned(),
            ask: match program {
                Some(program) if ask == Ask::Http && speaks_another(program) => Ask::Connect,
                _ => ask,
            },
            check: None,
            said: None,
        });
        port.addrs.push(addr);
        port.addrs.sort();
        port.addrs.dedup();
    };
    for listening in &seen.listening {
        if listening.owners.iter().any(&mine) {
            add(listening.addr, listening.program.as_ref());
        }
    }
    for addr in also {
        add(*addr, None);
    }
    found.into_values().take(MOST_PORTS).collect()
}

fn speaks_another(program: &str) -> bool {
    SPEAKS_ANOTHER.iter().any(|known| {
        program.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

/// What listens and is no finding's.
fn left_over(out: &mut Findings, seen: &Seen, drafts: &[Draft]) {
    for listening in &seen.listening {
        let found = drafts
            .iter()
            .flat_map(|draft| &draft.finding.ports)
            .any(|port| port.addrs.contains(&listening.addr));
        if found {
            continue;
        }
        let of_unit = listening.owners.iter().find_map(|owner| match owner {
            Owner::Unit(name) => Some(name),
            _ => None,
        });
        let program = || listening.program.clone().unwrap_or_else(|| "a process".into());
        let list = match (of_unit, listening.owners.first()) {
            // Its ports beyond the first few.
            (Some(unit), _) if has(drafts, unit) => continue,
            (Some(unit), _) if is_base(unit) => out.base.entry(unit.clone()).or_default(),
            (None, Some(Owner::Program(..) | Owner::Container(_))) => continue,
            (None, Some(Owner::Hidden) | None) => {
                out.hidden += 1;
                continue;
            }
            (None, Some(Owner::Init)) => out.base.entry("a socket unit".into()).or_default(),
            _ => out.unmanaged.entry(program()).or_default(),
        };
        list.push(listening.addr);
        list.sort();
        list.dedup();
    }
}

fn has(drafts: &[Draft], unit: &str) -> bool {
    let mark = format!("systemd:{unit}");
    drafts.iter().any(|draft| draft.finding.marks.contains(&mark))
}

/// A unit's name without its kind.
fn stem(unit: &str) -> &str {
    unit.rsplit_once('.').map_or(unit, |(stem, _)| stem)
}

/// What of a name can be a service's name, on a command line too: a `:` would make a probe of it there.
fn fit(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if is_unsafe(c) || c.is_whitespace() || "/:".contains(c) { '-' } else { c })
        .take(LONGEST_NAME)
        .collect();
    let plain = plain.trim_start_matches(['-', '.']);
    if plain.is_empty() { "service".into() } else { plain.to_owned() }
}

/// Two that would have the same name are told apart by who runs them.
fn name_apart(drafts: &mut [Draft]) {
    let mut taken: Vec<String> = Vec::new();
    for draft in drafts {
        let finding = &mut draft.finding;
        let by = match &finding.runner {
            Runner::Unit { user: true, .. } => "user",
            Runner::Unit { .. } => "unit",
            Runner::Program(_) => "program",
            Runner::Container { .. } => "container",
        };
        let plain = finding.name.clone();
        let mut number = 1;
        while taken.contains(&finding.name) {
            let more = if number == 1 { String::new() } else { format!("-{number}") };
            finding.name = format!("{plain}-{by}{more}");
            number += 1;
        }
        taken.push(finding.name.clone());
    }
}
