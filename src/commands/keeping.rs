//! What must not be lost: evidence before a restart destroys it, and the configs that worked. Decides nothing.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::commands::cycle::Sight;
use crate::commands::memory::Memory;
use crate::commands::scene;
use crate::config::{Service, Source};
use crate::manager::Reach;
use crate::model::story::{Evidence, Trace};
use crate::model::unit::UnitFacts;
use crate::remedy::known_good;
use crate::report::{self, cause};
use crate::store::events::Kind;
use crate::store::{Dir, incidents, last_good};
use crate::sys::clock::Deadline;

/// The evidence's file for programs, in the incident's folder.
const EVIDENCE: &str = "evidence.json";
/// The same for people.
const TEXT: &str = "evidence.txt";
/// Lines of its log that go into the evidence.
const LOG_LINES: usize = 20;
/// How the last start in vain is named among what the remedies showed.
const AFTER: &str = "the last start in vain";
/// Lines of its log that are kept of that one, and how long that may take.
const AFTERMATH_LINES: usize = 8;
const AFTERMATH: Duration = Duration::from_secs(2);
/// What remedies showed, kept of one incident.
const TRACES: usize = 6;

/// Takes the evidence that a restart would destroy, and keeps it with the incident. What was kept by an
/// earlier attempt stays: the first failure says most.
pub(super) fn keep_evidence(
    memory: &Memory,
    reach: &Reach,
    sight: &Sight,
    incident: &str,
    common: Option<&str>,
    deadline: Deadline,
) {
    if evidence_of(memory.dir, incident).is_some() {
        return;
    }
    let unit: Option<UnitFacts> = sight.facts().cloned();
    let limit = Duration::from_secs(5).min(deadline.left());
    let looking = scene::look(
        sight,
        needs_down(memory, sight.service),
        seen_up(memory, sight.service),
        memory.now(),
        reach,
        deadline,
    );
    let log = match &sight.settled.runner {
        Some(runner) => runner.log_tail(unit.as_ref(), LOG_LINES, reach, limit),
        None => Vec::new(),
    };
    let scene = looking.found();
    let cause = cause::root(unit.as_ref(), &log, &scene);
    let common = common.map(str::to_owned);
    let evidence = Evidence { unit, log, cause, common, scene: Some(scene), ..Evidence::default() };
    keep(memory, &sight.service.name, incident, &evidence);
}

/// Adds what a remedy showed to the incident's evidence; of many the first and the last are kept.
pub(super) fn add_evidence(
    memory: &Memory,
    service: &str,
    incident: &str,
    remedy: &str,
    lines: Vec<String>,
) {
    if lines.is_empty() {
        return;
    }
    let mut evidence = evidence_of(memory.dir, incident).unwrap_or_default();
    evidence.remedies.push(Trace { remedy: remedy.to_owned(), lines });
    if evidence.remedies.len() > TRACES {
        evidence.remedies.remove(TRACES / 2);
    }
    keep(memory, service, incident, &evidence);
}

/// Adds what the service said when it was tried in vain to bring it up: why it went down may be long past, and
/// another thing keep it down.
pub(super) fn keep_aftermath(
    memory: &Memory,
    reach: &Reach,
    sight: &Sight,
    incident: &str,
    deadline: Deadline,
) {
    let (Some(runner), Some(facts)) = (&sight.settled.runner, sight.facts()) else { return };
    let mut evidence = evidence_of(memory.dir, incident).unwrap_or_default();
    if evidence.unit.as_ref().is_some_and(|first| first.instance == facts.instance) {
        return;
    }
    let limit = AFTERMATH.min(deadline.left());
    let log = runner.log_tail(Some(facts), AFTERMATH_LINES, reach, limit);
    let cause = cause::cause(facts, &log).map(|cause| format!("ended: {cause}"));
    let known = &evidence.log;
    let new = log.into_iter().filter(|line| !known.contains(line));
    let lines: Vec<String> = cause.into_iter().chain(new).collect();
    if lines.is_empty() {
        return;
    }
    let trace = Trace { remedy: AFTER.to_owned(), lines };
    // The last failure says what is to be mended; those between say the same.
    evidence.remedies.retain(|trace| trace.remedy != AFTER);
    evidence.remedies.push(trace);
    keep(memory, &sight.service.name, incident, &evidence);
}

/// For programs, and for people.
fn keep(memory: &Memory, name: &str, incident: &str, evidence: &Evidence) {
    let json = serde_json::to_string_pretty(evidence).unwrap_or_default();
    let text = report::scene::text(name, incident, evidence);
    for (file, text) in [(TEXT, text), (EVIDENCE, json)] {
        if let Err(err) = incidents::keep(memory.dir, incident, file, &text) {
            let text = format!("evidence was not kept: {err:#}");
            memory.event(Kind::State, name, incident, &text);
        }
    }
}

/// When the service was last seen up.
fn seen_up(memory: &Memory, service: &Service) -> Option<Timestamp> {
    let state = memory.state.services.get(&service.name)?;
    state.seen_up.as_ref().map(|at| at.wall)
}

/// What it needs and what is down.
fn needs_down(memory: &Memory, service: &Service) -> Vec<String> {
    let states = &memory.state.services;
    let down = |name: &&String| states.get(*name).is_some_and(|state| state.verdict.is_down());
    service.needs.iter().filter(down).cloned().collect()
}

/// What was kept of an incident, if anything was.
pub(super) fn evidence_of(dir: &Dir, incident: &str) -> Option<Evidence> {
    let path = incidents::folder(dir, incident).join(EVIDENCE);
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// Copies the config files of a service that is up, so that they can be put back when an edit breaks it.
pub(super) fn keep_known_good(memory: &Memory, service: &Service) {
    if service.config_files.is_empty() {
        return;
    }
    let dir = memory.dir.known_good(&service.name);
    if let Err(err) = known_good::keep(&service.config_files, &dir) {
        memory.event(
            Kind::State,
            &service.name,
            "",
            &format!("known good config was not kept: {err:#}"),
        );
    }
}

/// Keeps the config that loaded.
pub(super) fn keep_config(memory: &Memory, sources: &[Source]) {
    let texts: Vec<(PathBuf, String)> =
        sources.iter().map(|s| (s.path.clone(), s.text.clone())).collect();
    if let Err(err) = last_good::keep(memory.dir, &texts) {
        memory.event(
            Kind::Config,
            "",
            "",
            &format!("the config that loaded was not kept: {err:#}"),
        );
    }
}
