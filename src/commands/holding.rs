//! Holds as runs and readers meet them: which are in force, which have ended by themselves. Whether one is over, the
//! judge says; what is placed and released by people is `hold`'s.

use std::collections::BTreeMap;

use crate::commands::cycle::Sight;
use crate::commands::memory::Memory;
use crate::config::{Config, Service};
use crate::judge::hold::{Over, healthy, held, over, seen};
use crate::model::hold::{Hold, Owner};
use crate::model::policy::Policy;
use crate::model::time::Now;
use crate::store::Dir;
use crate::store::events::Kind;
use crate::store::holds::{self, Kept};
use crate::sys::process;

/// The holds in force, for who only reads.
pub(super) fn in_force(dir: &Dir, now: &Now) -> Vec<Kept> {
    let mut holds = holds::list(dir).holds;
    holds.retain(|kept| is_over(&kept.hold, now).is_none());
    holds
}

fn is_over(hold: &Hold, now: &Now) -> Option<Over> {
    let runs = hold.owner.is_none_or(|owner| hold.since.boot == now.boot && is_there(owner));
    over(hold, runs, now)
}

/// Whether a process still runs. One that cannot be seen is taken to: the hold's time ends it all the same.
fn is_there(owner: Owner) -> bool {
    match process::one(owner.pid) {
        Some(process) => process.start == owner.start && !process.zombie,
        None => !process::all_visible(),
    }
}

impl Memory<'_> {
    /// Reads the holds anew, ends those that are over and sets aside what cannot be read: that holds nothing.
    pub(super) fn refresh_holds(&mut self) {
        let now = self.now();
        let listed = holds::list(self.dir);
        for (path, why) in listed.broken {
            if self.rehearsal {
                continue;
            }
            let text = match holds::set_aside(self.dir, &path) {
                Ok(aside) => format!(
                    "`{}` is no hold, so nothing is held by it: {why}; it is called `{}` now",
                    path.display(),
                    aside.display()
                ),
                Err(err) => format!("`{}` is no hold: {why}; {err:#}", path.display()),
            };
            self.warn(&text);
            self.event(Kind::Hold, "", "", &text);
        }
        self.holds = Vec::new();
        for kept in listed.holds {
            match is_over(&kept.hold, &now) {
                Some(why) => self.hold_ended(&kept, why),
                None => self.holds.push(kept),
            }
        }
    }

    /// Why hands are kept off a service now, as far as was read last.
    pub(super) fn held(&self, service: &str, policy: &Policy) -> Option<String> {
        let holds = self.holds.iter().map(|kept| &kept.hold);
        held(service, &policy.maintenance, holds, &self.now())
    }

    /// Takes in what this run saw of the services of holds that last until those are healthy, and ends those for
    /// which it was enough. For a run that has observed `sights`.
    pub(super) fn weigh_holds(&mut self, config: &Config, sights: &[Sight]) {
        let mut known = std::mem::take(&mut self.state.holds);
        let mut watched = BTreeMap::new();
        for kept in std::mem::take(&mut self.holds) {
            if !kept.hold.until_healthy {
                self.holds.push(kept);
                continue;
            }
            let covered: Vec<&Service> =
                config.services.iter().filter(|s| kept.hold.covers(&s.name)).collect();
            let before = known.remove(&kept.id).unwrap_or_default();
            let looks: Vec<_> = covered
                .iter()
                .filter_map(|service| sights.iter().find(|s| s.service.name == service.name))
                .map(|sight| &sight.verdict)
                .collect();
            // Of a look at some of them, only what is down counts.
            let whole = !covered.is_empty() && looks.len() == covered.len();
            let mut after = seen(&before, looks.into_iter());
            if !whole {
                after.ups = after.ups.min(before.ups);
            }
            let recover_after = covered.iter().map(|service| service.policy.recover_after).max();
            if whole && healthy(&kept.hold, &after, recover_after.unwrap_or(1)) {
                self.hold_ended(&kept, Over::Healthy);
            } else {
                watched.insert(kept.id.clone(), after);
                self.holds.push(kept);
            }
        }
        self.state.holds = watched;
        for sight in sights {
            self.note_held(&sight.service.name, &sight.service.policy);
        }
    }

    /// Writes down for a service whether hands are kept off it, and in its outage that they were.
    pub(super) fn note_held(&mut self, service: &str, policy: &Policy) {
        let held = self.held(service, policy);
        let last = self.now().stamp();
        let Some(state) = self.state.services.get_mut(service) else { return };
        if let (Some(why), Some(incident)) = (&held, &mut state.incident) {
            incident.held = Some(crate::model::incident::Kept { why: why.clone(), last });
        }
        state.held = held;
    }

    /// A hold that ended by itself. Who finds it gone already says nothing: another has.
    fn hold_ended(&mut self, kept: &Kept, why: Over) {
        if self.rehearsal {
            return;
        }
        match holds::end(self.dir, &kept.id) {
            Ok(false) => {}
            Ok(true) => {
                let (service, text) = ended(&kept.hold, why.words());
                self.event(Kind::Hold, &service, "", &text);
                self.ended.push((kept.id.clone(), text));
            }
            // It is over all the same, whatever becomes of its file.
            Err(err) => self.warn(&format!("{err:#}")),
        }
    }
}

/// What an event says of the end of a hold, and of which service.
pub(super) fn ended(hold: &Hold, why: &str) -> (String, String) {
    (service_of(hold), format!("the hold of {} {} ended: {why}", hold.what(), hold.by()))
}

/// The service of a hold on one; nothing for a hold on several.
pub(super) fn service_of(hold: &Hold) -> String {
    match hold.services.as_slice() {
        [one] => one.clone(),
        _ => String::new(),
    }
}
