//! Whom to tell of what goes on: those who were told before, now and then, and those who are told later than others.
//! Sends nothing.

use std::collections::BTreeMap;

use crate::commands::cycle::Sight;
use crate::commands::memory::Memory;
use crate::commands::telling;
use crate::config::Config;
use crate::judge::remind::{escalation_due, goes_on, reminder_due};
use crate::model::story::{Change, Story};
use crate::model::text::human_duration;
use crate::model::time::Stamp;

/// A reminder for each service that is down and due for some channel, and a story for those whom it concerns by now.
pub(super) fn reminders(memory: &Memory, config: &Config, sights: &[Sight]) -> Vec<Story> {
    let now = memory.now();
    let mut stories = Vec::new();
    for sight in sights {
        let service = sight.service;
        let Some(state) = memory.state.services.get(&service.name) else { continue };
        let Some(incident) = goes_on(state) else { continue };
        let (mut again, mut late) = (Vec::new(), Vec::new());
        for channel in &config.notify {
            let (name, routing) = (&channel.name, &channel.routing);
            let every = routing.remind_every.unwrap_or(service.policy.remind_every);
            let told = incident.told_to.contains_key(name);
            if routing.reminded(&service.name, service.critical, told)
                && reminder_due(incident, name, every, &now)
            {
                again.push(name.clone());
            }
            if let Some(after) = routing.after
                && routing.follows(&service.name, service.critical)
                && escalation_due(incident, name, after, &now)
            {
                late.push(name.clone());
            }
        }
        let story = |change| telling::story(memory, config, service, sight, incident, change);
        if !again.is_empty() {
            stories.push(Story { only: again, ..story(Change::Reminder) });
        }
        if !late.is_empty() {
            let story = story(Change::Escalated);
            let lines = vec![told_before(&incident.told_to, &story)];
            stories.push(Story { only: late, lines, ..story });
        }
    }
    stories
}

/// Why somebody is told only now, and who was before.
fn told_before(told_to: &BTreeMap<String, Stamp>, story: &Story) -> String {
    let lasted = human_duration(story.lasted);
    let names: Vec<&str> = told_to.keys().map(String::as_str).collect();
    let before = if names.is_empty() {
        String::new()
    } else {
        format!("; told before: {}", names.join(", "))
    };
    format!("You are told now because it has lasted for {lasted}{before}.")
}
