//! What is to be told of an incident, and of the config: stories, made of what was seen and measured. Sends
//! nothing; `posting` does.

use jiff::Timestamp;

use crate::commands::cycle::Sight;
use crate::commands::keeping::evidence_of;
use crate::commands::memory::Memory;
use crate::commands::setup::Configured;
use crate::config::{Config, Service};
use crate::judge::repeats::due;
use crate::model::incident::{Attempt, Incident};
use crate::model::place::Problems;
use crate::model::repeats::Repeats;
use crate::model::scrub::scrub;
use crate::model::state::Flip;
use crate::model::story::{Change, Evidence, Story};
use crate::store::digest;
use crate::store::events::Kind;
use crate::sys::journal::Priority;

/// The name that goes into subjects.
pub(super) fn name_of(config: &Config, host: &str) -> String {
    config.name.clone().unwrap_or_else(|| host.to_owned())
}

/// A story of which only its change, the host and the time are known.
pub(super) fn bare(memory: &Memory, config: &Config, change: Change, at: Timestamp) -> Story {
    Story { name: name_of(config, &memory.host), ..Story::new(change, &memory.host, at) }
}

/// What can be told of a service's incident; `lasted` is counted from its opening.
pub(super) fn story(
    memory: &Memory,
    config: &Config,
    service: &Service,
    sight: &Sight,
    incident: &Incident,
    change: Change,
) -> Story {
    let now = memory.now();
    let known = memory.state.services.get(&service.name);
    let limit = service.policy.repeats;
    let attempts: Vec<Attempt> =
        memory.state.services.get(&service.name).map_or_else(Vec::new, |state| {
            state
                .attempts
                .iter()
                .filter(|attempt| attempt.incident == incident.id)
                .cloned()
                .collect()
        });
    Story {
        service: service.name.clone(),
        domain: service.domain.clone(),
        port: service.port,
        critical: service.critical,
        incident: incident.id.clone(),
        opened: incident.opened.wall,
        reason: incident.reason.clone(),
        lasted: now.elapsed(&incident.opened),
        attempts,
        verified: if change == Change::Resolved { sight.looks.clone() } else { Vec::new() },
        repeats: known.and_then(|known| Repeats::of(&known.heals, limit, &now)),
        evidence: Evidence {
            scene: None,
            ..evidence_of(memory.dir, &incident.id).unwrap_or_default()
        },
        manager: sight.settled.runner.as_ref().map(|runner| runner.kind),
        unit: sight.settled.runner.as_ref().map(|runner| runner.unit.clone()),
        server: config.supervisord.as_ref().filter(|s| !s.usual).map(|s| s.address.clone()),
        held: incident.held.as_ref().map(|held| held.why.clone()),
        ..bare(memory, config, change, now.wall)
    }
}

/// A service as it was believed to be before a look.
pub(super) struct Before {
    pub(super) incident: Option<Incident>,
    /// It waited for what it needs: that is told of, and this is not.
    pub(super) blocked: bool,
}

impl Before {
    pub(super) fn of(memory: &Memory, service: &Service) -> Self {
        let state = memory.state.services.get(&service.name);
        Self {
            incident: state.and_then(|state| state.incident.clone()),
            blocked: state.is_some_and(|state| state.blocked_by.is_some()),
        }
    }
}

/// The end of an incident: of one that was healed, told of, or in which something was done, if only by a run that was
/// killed over it, the recovery; of any other that it came back by itself, but of one that hands were kept off.
pub(super) fn closed(
    memory: &Memory,
    config: &Config,
    sight: &Sight,
    before: Before,
    flip: Option<&Flip>,
) -> Option<Story> {
    let (incident, closed) = (before.incident?, flip?.closed.as_ref()?);
    let story = story(memory, config, sight.service, sight, &incident, Change::Resolved);
    let acted = story.attempts.iter().any(Attempt::counts);
    if closed.healed_by.is_some() || incident.told.is_some() || acted {
        return Some(story);
    }
    let of_itself = !before.blocked && incident.held.is_none();
    of_itself.then_some(Story { change: Change::Returned, ..story })
}

/// Of services that were told to be down and are no longer configured, that nobody looks any more. For a run over every
/// service, which forgets them.
pub(super) fn unwatched(memory: &Memory, config: &Config) -> Vec<Story> {
    let now = memory.now();
    let gone = memory.state.services.iter().filter(|(name, state)| {
        let configured = config.services.iter().any(|service| service.name == **name);
        !configured && state.incident.as_ref().is_some_and(|incident| incident.told.is_some())
    });
    let story = |(name, incident): (&String, &Incident)| Story {
        service: name.clone(),
        incident: incident.id.clone(),
        opened: incident.opened.wall,
        reason: incident.reason.clone(),
        lasted: now.elapsed(&incident.opened),
        ..bare(memory, config, Change::Unwatched, now.wall)
    };
    gone.filter_map(|(name, state)| Some((name, state.incident.as_ref()?))).map(story).collect()
}

/// That it has to be healed again and again, when that is due to be told after the heal that closed `incident`.
pub(super) fn repeated(
    memory: &mut Memory,
    config: &Config,
    sight: &Sight,
    incident: &Incident,
) -> Option<Story> {
    let (now, service) = (memory.now(), sight.service);
    let state = memory.state.services.get_mut(&service.name)?;
    let repeats = due(state, &service.policy, &now)?;
    memory.event(Kind::Action, &service.name, &incident.id, &repeats.words());
    memory.journal(Priority::Warning, &service.name, &repeats.words(), &[]);
    let told = story(memory, config, service, sight, incident, Change::Repeated);
    Some(Story { repeats: Some(repeats), ..told })
}

/// The broken config, told once for each way it is broken.
pub(super) fn config_story(memory: &mut Memory, configured: &Configured) -> Option<Story> {
    let Some(problems) = &configured.broken else {
        memory.state.config_told = None;
        return None;
    };
    let text = scrub(&problems.to_string()).into_owned();
    if memory.state.config_told.as_ref() == Some(&text) {
        return None;
    }
    let now = memory.now();
    // Another way of being broken is another incident, also when no cycle has ended since.
    let name = format!("config-{:016x}", digest(text.as_bytes()));
    let known = memory.state.cycle.as_ref().map(|cycle| &cycle.finished);
    let incident = memory.incident_id(&name, known, None, &now);
    memory.state.config_told = Some(text);
    Some(Story {
        critical: true,
        incident,
        reason: "the configuration is wrong; the last one that loaded is in use".into(),
        problems: told(problems),
        ..bare(memory, &configured.config, Change::Config, now.wall)
    })
}

/// The problems in words; a line of the config that is shown with one may hold a secret.
fn told(problems: &Problems) -> Vec<String> {
    problems.0.iter().map(|problem| scrub(&problem.to_string()).into_owned()).collect()
}

/// Every report says so when the config on disk is broken: what is told is then about the last good one.
pub(super) fn mention_config(stories: &mut [Story], configured: &Configured) {
    let Some(problems) = &configured.broken else { return };
    for story in stories {
        story.problems = told(problems);
    }
}
