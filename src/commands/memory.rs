//! What `check` and `heal` remember while they hold the lock: the state, its saves, events and journal.
//! Decides nothing; the judge does.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;

use crate::commands::cycle::Sight;
use crate::commands::keeping;
use crate::commands::setup::Setup;
use crate::commands::takeover;
use crate::config::Config;
use crate::judge::last_resort;
use crate::judge::repeats;
use crate::judge::since::Since;
use crate::judge::transition::transition;
use crate::model::incident;
use crate::model::policy::Policy;
use crate::model::repeats::PastHeal;
use crate::model::scrub::scrub;
use crate::model::state::{Cycle, Flip, HAPPENINGS, Happening, State, Status};
use crate::model::text::human_duration;
use crate::model::time::{Now, Stamp};
use crate::model::trail::trails;
use crate::model::verdict::{Look, Verdict};
use crate::outcome::{Outcome, Refusal};
use crate::store::Dir;
use crate::store::events::{self, Event, Kind};
use crate::store::holds::Kept;
use crate::store::lock::{self, Holder, Lock, Locked};
use crate::store::outbox::Orphans;
use crate::store::state::{self, Save};
use crate::sys::clock::{self, Deadline};
use crate::sys::journal::{Journal, JournalEntry, Priority};
use crate::sys::{host, process};

/// How often a lock that is held is tried again.
const LOCK_TICK: std::time::Duration = std::time::Duration::from_millis(100);

/// The state, under the lock.
pub(super) struct Memory<'a> {
    pub(super) dir: &'a Dir,
    pub(super) state: State,
    pub(super) host: String,
    setup: &'a Setup,
    /// Nothing is written: what would be done is only said.
    pub(super) rehearsal: bool,
    /// The holds in force, as they were last read.
    pub(super) holds: Vec<Kept>,
    /// The holds that this run found to have ended by themselves: their names, and in words how.
    pub(super) ended: Vec<(String, String)>,
    /// Read when the first incident opens.
    orphans: OnceLock<Orphans>,
    /// Until the state is saved for the last time.
    lock: Option<Lock>,
}

impl<'a> Memory<'a> {
    /// For looking only: takes no lock, and nothing is ever written.
    pub(super) fn look(setup: &'a Setup, dir: &'a Dir) -> Self {
        Self {
            dir,
            state: state::rehearse(dir).state,
            host: host::name(),
            setup,
            rehearsal: true,
            holds: Vec::new(),
            ended: Vec::new(),
            orphans: OnceLock::new(),
            lock: None,
        }
    }

    /// Takes the lock and loads the state. Waits for another run at most `patience`, then refuses with 75.
    /// In a `rehearsal` nothing is ever written: neither state nor events nor journal.
    pub(super) fn open(
        setup: &'a Setup,
        dir: &'a Dir,
        command: &str,
        deadline: Deadline,
        patience: std::time::Duration,
        rehearsal: bool,
    ) -> Result<Self> {
        let waited = Deadline::after(patience);
        let mut taken = None;
        let lock = loop {
            let holder = Holder {
                pid: std::process::id(),
                command: command.to_owned(),
                started: setup.clock().stamp(),
                deadline_secs: deadline.left().as_secs(),
                awake_ms: u64::try_from(clock::monotonic().as_millis()).ok(),
            };
            let held = match lock::take(dir, &holder)? {
                Locked::Mine(lock) => break lock,
                Locked::Held(held) => held,
            };
            let hangs = held.as_ref().and_then(|held| {
                takeover::hangs(held, &setup.clock()).filter(|_| !rehearsal && taken.is_none())
            });
            if let (Some(held), Some(over)) = (&held, hangs) {
                let done = takeover::take_over(dir, held, over, &setup.clock());
                taken = Some(done.map_err(|why| busy(setup, Some(held)).because(&why))?);
            } else if waited.passed() {
                return Err(busy(setup, held.as_ref()).into());
            } else {
                clock::pause(LOCK_TICK.min(waited.left()));
            }
        };
        let loaded = if rehearsal { state::rehearse(dir) } else { state::load(dir, &setup.now) };
        for notice in &loaded.notices {
            setup.screen.note(&format!("warning: {notice}"));
        }
        let mut state = loaded.state;
        let host = host::name();
        state.host.clone_from(&host);
        let mut memory = Self {
            dir,
            state,
            host,
            setup,
            rehearsal,
            holds: Vec::new(),
            ended: Vec::new(),
            orphans: OnceLock::new(),
            lock: Some(lock),
        };
        for notice in &loaded.notices {
            memory.event(Kind::State, "", "", notice);
        }
        if let Some(text) = taken {
            memory.setup.screen.note(&format!("warning: {text}"));
            memory.event(Kind::Action, "", "", &text);
            memory.journal(Priority::Warning, "", &text, &[]);
        }
        memory.refresh_holds();
        Ok(memory)
    }

    /// The clock as it stands now.
    pub(super) fn now(&self) -> Now {
        self.setup.clock()
    }

    /// When the run began.
    pub(super) fn began(&self) -> Now {
        self.setup.now.clone()
    }

    /// Takes in what was seen of a service.
    pub(super) fn observe(&mut self, sight: &Sight, policy: &Policy) -> Option<Flip> {
        let now = self.now();
        let name = &sight.service.name;
        self.conclude_reboot(name, &sight.verdict, policy, &now);
        let prev = self.state.services.get(name);
        let (verdict, looks) = (sight.verdict.scrubbed(), sight.looks.clone());
        let looks = looks.into_iter().map(Look::scrubbed).collect();
        let known = prev.map(|prev| &prev.looked);
        let last = prev.and_then(|prev| prev.last_incident.as_ref());
        let id = || self.incident_id(name, known, last.map(|last| last.id.as_str()), &now);
        let (mut state, flip) = transition(name, prev, verdict, looks, policy, &now, id);
        if sight.verdict.is_up()
            && let Some(instance) = sight.facts().and_then(|facts| facts.instance.clone())
        {
            state.instance = Some(instance);
            state.exe =
                sight.facts().and_then(|facts| facts.main_pid).and_then(process::exe).or(state.exe);
        }
        state.trails = trails(&sight.looks);
        if sight.verdict.is_up() {
            state.seen_up = Some(now.stamp());
            state.blocked_by = None;
            state.left_alone = None;
        }
        if let Some(closed) = flip.as_ref().and_then(|flip| flip.closed.as_ref())
            && let Some(remedy) = closed.healed_by.clone()
        {
            let kept = keeping::evidence_of(self.dir, &closed.id);
            let cause = kept.and_then(|kept| kept.cause).unwrap_or_default();
            repeats::remember(&mut state, PastHeal { at: now.stamp(), remedy, cause }, &now);
        }
        self.state.services.insert(name.clone(), state);
        self.note_held(name, policy);
        if let Some(flip) = &flip {
            self.flipped(flip);
        }
        flip
    }

    /// A name for an incident that opens now: that of one which a run told of and could not save, where it cannot be
    /// another than the `last` that is known.
    pub(super) fn incident_id(
        &self,
        name: &str,
        known: Option<&Stamp>,
        last: Option<&str>,
        now: &Now,
    ) -> String {
        let orphans = self.orphans.get_or_init(|| Orphans::read(self.dir));
        let found = orphans.incident(name, known, now).filter(|id| Some(id.as_str()) != last);
        found.unwrap_or_else(|| incident::named(name, now.wall))
    }

    /// Writes down what became of a reboot that was asked for, as soon as this look can tell.
    fn conclude_reboot(&mut self, name: &str, verdict: &Verdict, policy: &Policy, now: &Now) {
        let Some(state) = self.state.services.get_mut(name) else { return };
        if !last_resort::conclude(state, verdict, policy, now) {
            return;
        }
        let text = match state.attempts.last().and_then(|attempt| attempt.outcome.as_ref()) {
            Some(incident::Outcome::StillDown(why)) => format!("reboot: {why}"),
            _ => "reboot: the host was rebooted: healed".to_owned(),
        };
        let incident = self.incident(name);
        self.event(Kind::AttemptEnded, name, &incident, &text);
        self.journal(Priority::Notice, name, &text, &[]);
    }

    /// Writes a change of status down where people look for it.
    pub(super) fn flipped(&self, flip: &Flip) {
        let text = format!("{} -> {}{}", flip.from.word(), flip.to.word(), because(&flip.reason));
        let incident = self.incident(&flip.service);
        self.event(Kind::Flip, &flip.service, &incident, &text);
        let priority = match flip.to {
            Status::Failed => Priority::Critical,
            Status::Down | Status::Suspect => Priority::Warning,
            Status::New | Status::Up => Priority::Notice,
        };
        self.journal(
            priority,
            &flip.service,
            &text,
            &[("MIRACLEMAX_OUTCOME", flip.to.word().to_owned())],
        );
    }

    /// The id of the service's open incident, or of the one just closed.
    pub(super) fn incident(&self, service: &str) -> String {
        let Some(state) = self.state.services.get(service) else { return String::new() };
        let open = state.incident.as_ref().map(|incident| incident.id.clone());
        open.or_else(|| state.last_incident.as_ref().map(|last| last.id.clone()))
            .unwrap_or_default()
    }

    /// Says that something is not as it should be, and is no reason to stop.
    pub(super) fn warn(&self, text: &str) {
        self.setup.screen.note(&format!("warning: {text}"));
    }

    /// A line in `events.jsonl`. That it cannot be written is said, and costs nothing else.
    pub(super) fn event(&self, kind: Kind, service: &str, incident: &str, text: &str) {
        if self.rehearsal {
            return;
        }
        let event = Event {
            at: self.now().wall,
            kind,
            service: service.to_owned(),
            incident: incident.to_owned(),
            text: scrub(text).into_owned(),
            fields: BTreeMap::new(),
        };
        if let Err(err) = events::append(self.dir, &event) {
            self.setup.screen.note(&format!("warning: {err:#}"));
        }
    }

    /// An entry in the journal, with fields of its own beside service and incident.
    pub(super) fn journal(
        &self,
        priority: Priority,
        service: &str,
        text: &str,
        more: &[(&'static str, String)],
    ) {
        if self.rehearsal {
            return;
        }
        let message =
            if service.is_empty() { text.to_owned() } else { format!("{service}: {text}") };
        let message = scrub(&message).into_owned();
        let mut fields = vec![
            ("MIRACLEMAX_SERVICE", service.to_owned()),
            ("MIRACLEMAX_INCIDENT", self.incident(service)),
        ];
        fields.extend(more.iter().cloned());
        fields.retain(|(_, value)| !value.is_empty());
        Journal::default().log(&JournalEntry { priority, message, fields });
    }

    /// Saves; that it cannot be is said, and healing goes on: a full disk must not stop it.
    pub(super) fn save(&mut self, how: Save) -> bool {
        if self.rehearsal {
            return true;
        }
        match state::save(self.dir, &self.state, how) {
            Ok(()) => true,
            Err(err) => {
                self.setup.screen.note(&format!("warning: {err:#}"));
                false
            }
        }
    }

    /// Lets the next run begin: what follows changes no state. A mail server that hangs must not keep services
    /// from being looked at.
    pub(super) fn release(&mut self) {
        self.lock = None;
    }

    /// What became of the host since the last complete cycle; written down when this run will be one, too.
    pub(super) fn since(&mut self, usual: Duration, complete: bool) -> Option<Since> {
        let last = self.state.cycle.as_ref()?;
        let now = self.began();
        let since = Since::cycle(last, clock::monotonic(), usual, &now);
        for text in since.notices(usual).into_iter().filter(|_| complete) {
            self.event(Kind::Gap, "", "", &text);
            self.journal(Priority::Warning, "", &text, &[]);
            self.state.happened.push(Happening { at: now.wall, text });
        }
        let over = self.state.happened.len().saturating_sub(HAPPENINGS);
        self.state.happened.drain(..over);
        Some(since)
    }

    /// Ends the run: a cycle over every configured service renews the state file, any other keeps its age.
    pub(super) fn finish(
        &mut self,
        command: &str,
        config: &Config,
        complete: bool,
        broken: Option<String>,
    ) -> bool {
        if !complete {
            return self.save(Save::Partial);
        }
        let now = self.now();
        let after = self.state.cycle.as_ref().map(|cycle| now.elapsed(&cycle.finished));
        let count = self.state.cycle.as_ref().map_or(0, |cycle| cycle.count) + 1;
        self.state.cycle = Some(Cycle {
            finished: now.stamp(),
            took_ms: u64::try_from(self.setup.watch.read().as_millis()).unwrap_or(u64::MAX),
            command: command.to_owned(),
            after_ms: after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
            count,
            awake_ms: u64::try_from(clock::monotonic().as_millis()).ok(),
            services: config.services.iter().map(|service| service.name.clone()).collect(),
            config_broken: broken,
            oom_kills: host::oom_kills(),
            host_line: host::line(),
        });
        let known: HashSet<&str> = config.services.iter().map(|s| s.name.as_str()).collect();
        self.state.services.retain(|name, _| known.contains(name.as_str()));
        self.save(Save::Cycle)
    }
}

/// Within its own deadline the other run is no news; past it, it hangs.
fn busy(setup: &Setup, holder: Option<&Holder>) -> Refusal {
    let Some(holder) = holder else {
        return Refusal::new(Outcome::Busy, "another run holds the lock; nothing was done");
    };
    let since = holder.started.wall.strftime("%H:%M:%SZ");
    let who = format!("`miraclemax {}` (pid {}, since {since})", holder.command, holder.pid);
    match holder.overdue(&setup.clock()) {
        None => Refusal {
            harmless: true,
            ..Refusal::new(Outcome::Busy, format!("{who} holds the lock; nothing was done"))
                .hint("wait for it with `--wait 1m`")
        },
        Some(over) => {
            let over = human_duration(over);
            let message =
                format!("{who} holds the lock, {over} past its deadline; nothing was done");
            Refusal::new(Outcome::Busy, message).hint(format!(
                "look at it with `ps -o pid,stat,etime,args -p {0}`, end it with `kill {0}`",
                holder.pid
            ))
        }
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}
