//! The last resort as a whole: may it be, what shows that it must be, remembered, told, and only then done. What
//! became of it the first run after the boot finds out.

use std::time::Duration;

use crate::commands::attempting::Case;
use crate::commands::healing::Healing;
use crate::commands::keeping;
use crate::commands::posting;
use crate::commands::telling;
use crate::judge::attempts::about_to;
use crate::judge::last_resort::may_reboot;
use crate::manager::Acted;
use crate::model::state::Reboot;
use crate::model::story::Change;
use crate::model::strategy::Strategy;
use crate::remedy::reboot::{self, TYPED};
use crate::store::events::Kind;
use crate::store::state::Save;
use crate::sys::host;
use crate::sys::journal::Priority;

/// Bound on finding out whether it must be.
const EVIDENCE: Duration = Duration::from_secs(45);

impl Healing<'_, '_> {
    /// Reboots the host for the attempt that was begun, or says why not.
    pub(super) fn reboot(&mut self, case: &Case<'_>) -> Acted {
        let now = self.memory.now();
        // Its own hold would not have let it come so far; a reboot ends what people do to any other service as well.
        self.memory.refresh_holds();
        if let Some(kept) = self.memory.holds.first() {
            let words = kept.hold.words(&self.memory.now());
            return Acted::refused(format!("{} is held {words}", kept.hold.what()));
        }
        if let Err(why) = may_reboot(self.memory.state.reboot.as_ref(), &now) {
            return Acted::refused(why);
        }
        // Unremembered it would be done again after the boot, and again.
        if host::in_memory(self.memory.dir.path()) {
            let dir = self.memory.dir.path().display();
            return Acted::refused(format!(
                "`{dir}` is in memory: that it was done would be forgotten"
            ));
        }
        let limit = EVIDENCE.min(self.deadline.left());
        let shown = self.with_patient(&case.sight, &now, |patient| {
            reboot::evidence(patient, self.reach, limit)
        });
        let why = match shown {
            Ok(why) => why,
            Err(why) => return Acted::refused(why),
        };
        let (name, incident) = (&case.sight.service.name, &case.incident.id);
        self.memory.state.reboot = Some(Reboot {
            at: now.stamp(),
            service: name.clone(),
            incident: incident.clone(),
            why: why.clone(),
            rest: serde_json::Map::new(),
        });
        if let Some(state) = self.memory.state.services.get_mut(name) {
            about_to(state, TYPED);
        }
        keeping::add_evidence(
            self.memory,
            name,
            incident,
            Strategy::Reboot.word(),
            vec![why.clone()],
        );
        if !self.memory.save(Save::Partial) {
            return Acted::refused("the state cannot be saved, so that it would be repeated");
        }
        let text = format!("the host is rebooted for it: {why}");
        self.memory.event(Kind::Action, name, incident, &text);
        self.memory.journal(Priority::Critical, name, &text, &[]);
        self.tell(case);
        reboot::apply(self.deadline.left())
    }

    /// The letter leaves before the host goes down.
    fn tell(&mut self, case: &Case<'_>) {
        let service = case.sight.service;
        let mut story = telling::story(
            self.memory,
            self.config,
            service,
            &case.sight,
            &case.incident,
            Change::Reboot,
        );
        story.skipped = self.skipped(&case.sight);
        let stories = std::slice::from_ref(&story);
        let unrecorded = posting::record(self.memory, self.config, stories);
        self.memory.save(Save::Partial);
        posting::deliver(self.memory, self.config, unrecorded, self.deadline);
    }
}
