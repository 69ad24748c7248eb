//! `container:web`: a container of Docker or Podman runs, its own check (HEALTHCHECK) is content, and it was not restarted
//! too often since the last look. Only asks the engine; starts and stops nothing.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::fields::Fields;
use crate::model::text::{human_duration, nearest, one_line};
use crate::model::time::lapse;
use crate::probe::restarts::{Restarts, times};
use crate::probe::{Answer, At};
use crate::sys::clock::{self, Deadline};
use crate::sys::engine::{self, Brand, Engine, Trouble};

/// Which container.
#[derive(Debug, Clone)]
pub struct Container {
    name: String,
    brand: Option<Brand>,
    socket: Option<PathBuf>,
    restarts: Restarts,
}

impl Container {
    /// `target` is the container's name. Keys: `engine` (`docker` or `podman`; with none, whichever knows it), `socket`
    /// (the engine's, where it is not at one of the usual places), `restarts` (limits of how often it was restarted since the
    /// last look).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let engines = [("docker", Brand::Docker), ("podman", Brand::Podman)];
        let brand = fields.one_of("engine", &engines);
        let socket = fields.path("socket");
        let restarts = Restarts::read(fields);
        let name = target.trim().to_owned();
        if !engine::is_name(&name) {
            let hint = "write `container:web`: a name as `docker ps` shows it";
            fields.problem("target", format!("`{name}` is no container's name"), Some(hint.into()));
            return None;
        }
        Some(Self { name, brand, socket, restarts })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let deadline = Deadline::after(at.limit);
        let engines = self.engines();
        let (mut without, mut troubles) = (Vec::new(), Vec::new());
        for engine in &engines {
            match engine.inspect(&self.name, deadline.left()) {
                Ok(found) => {
                    let answer = judge(&found, engine.brand, at.start_grace, clock::now().wall);
                    let instance = format!("{} {}", found.id, found.state.started_at);
                    let (name, counted) = (&self.name, found.restart_count);
                    return self.restarts.since_last(answer, name, &instance, counted, at.before);
                }
                Err(Trouble::Missing) => without.push(engine),
                Err(trouble) => troubles.push((engine, trouble)),
            }
        }
        match troubles.first() {
            Some((engine, trouble)) => self.not_known(engine, trouble, &without),
            None if without.is_empty() => self.no_engine(),
            None => self.missing(&without, deadline),
        }
    }

    fn engines(&self) -> Vec<Engine> {
        if let Some(socket) = &self.socket {
            let engine = Engine::at(socket);
            return vec![Engine { brand: self.brand.unwrap_or(engine.brand), ..engine }];
        }
        let mut engines = Engine::all();
        engines.retain(|engine| self.brand.is_none_or(|brand| brand == engine.brand));
        engines
    }

    /// One that could not be asked may have it.
    fn not_known(&self, engine: &Engine, trouble: &Trouble, without: &[&Engine]) -> Answer {
        let answer = Answer::unknown(format!("container `{}`: {trouble}", self.name));
        let (brand, name) = (engine.brand.word(), &self.name);
        match (trouble, engine.brand, without.first()) {
            (_, _, Some(other)) => {
                let other = other.brand.word();
                answer.hinting(format!(
                    "if it is {other}'s, say so: `container:{name}?engine={other}`"
                ))
            }
            (Trouble::NoRight(_), Brand::Docker, _) => {
                answer.hinting("run it as root, or as a member of the group `docker`")
            }
            (Trouble::NoRight(_), Brand::Podman, _) => {
                answer.hinting("run it as root, or as the user whose container it is")
            }
            _ => answer.hinting(format!("see whether it answers: `{brand} info`")),
        }
    }

    fn no_engine(&self) -> Answer {
        let engine = self.brand.map_or("docker or podman", Brand::word);
        Answer::unknown(format!("container `{}`: no {engine} is found on this host", self.name))
            .hinting(format!("say where it is: `container:{}?socket=/path`", self.name))
    }

    fn missing(&self, engines: &[&Engine], deadline: Deadline) -> Answer {
        let answer = Answer::down(format!("there is no container `{}`", self.name));
        let all: Vec<_> = engines
            .iter()
            .filter_map(|engine| engine.list(deadline.left()).ok())
            .flatten()
            .collect();
        let near = nearest(&self.name, all.iter().map(|listed| listed.name.as_str()));
        let brand = engines.first().map_or("docker", |engine| engine.brand.word());
        answer.hinting(near.map_or_else(
            || format!("see what there is: `{brand} ps --all`"),
            |near| format!("did you mean `{near}`?"),
        ))
    }
}

fn judge(found: &engine::Container, brand: Brand, grace: Duration, now: Timestamp) -> Answer {
    let (name, state, brand) = (one_line(found.name(), 100), &found.state, brand.word());
    let is = format!("container `{name}`");
    let logs = format!("see what it says: `{brand} logs --tail 50 {name}`");
    match (state.status.as_str(), found.health()) {
        ("running", None) => Answer::up(format!("running in {brand}")),
        ("running", Some(health)) => match health.status.as_str() {
            "healthy" => Answer::up(format!("running in {brand}, healthy")),
            "starting" => starting(found, &is, grace.max(found.first_word()), now).hinting(logs),
            "unhealthy" => {
                Answer::down(format!("{is} is unhealthy{}", health.complaint())).hinting(logs)
            }
            other => Answer::unknown(format!(
                "{is} has a health that is not known: `{}`",
                one_line(other, 40)
            )),
        },
        ("paused", _) => Answer::down(format!("{is} is paused"))
            .hinting(format!("let it go on: `{brand} unpause {name}`")),
        ("restarting", _) => {
            let count = times(u64::from(found.restart_count));
            Answer::down(format!("{is} is restarting, {count} so far: {}", ended(state)))
                .hinting(logs)
        }
        ("exited" | "stopped" | "dead", _) => {
            Answer::down(format!("{is} is {}: {}", state.status, ended(state))).hinting(logs)
        }
        ("created" | "configured" | "initialized", _) => {
            let why = one_line(state.error.trim(), 200);
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            Answer::down(format!("{is} was made, but does not run{why}"))
                .hinting(format!("start it: `{brand} start {name}`"))
        }
        ("stopping" | "removing", _) => Answer::down(format!("{is} is {}", state.status)),
        (other, _) => Answer::unknown(format!(
            "{is} is in a state that is not known: `{}`",
            one_line(other, 40)
        )),
    }
}

/// Until its check has come to a word, nothing is known.
fn starting(found: &engine::Container, is: &str, grace: Duration, now: Timestamp) -> Answer {
    let Some(started) = found.state.started() else {
        return Answer::unknown(format!("{is} is starting"));
    };
    // A clock that was set back has seen nothing of it yet.
    let since = lapse(started, now);
    let shown = human_duration(since);
    if since <= grace {
        Answer::unknown(format!("{is} is starting, for {shown} so far"))
    } else {
        let grace = human_duration(grace);
        Answer::down(format!("{is} has been starting for {shown}, more than {grace}"))
    }
}

fn ended(state: &engine::State) -> String {
    let code = state.exit_code;
    let signal = match state.signal() {
        "" => String::new(),
        name => format!(" ({name})"),
    };
    let memory = if state.oom_killed { ", killed because memory ran out" } else { "" };
    format!("exit status {code}{signal}{memory}")
}

#[cfg(test)]
mod tests;
