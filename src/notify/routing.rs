//! Whom a channel tells what, and when: its `on`, `min_severity`, `services`, `quiet_hours`, `remind_every`, `after` and
//! `summary`. Sends nothing, and remembers nothing of what was told.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::fields::Fields;
use crate::model::occasion::Occasion;
use crate::model::place::Place;
use crate::model::story::{Change, Story};
use crate::model::text::{human_duration, nearest, one_line};
use crate::model::units::parse_every;
use crate::model::window::Window;

/// Every change that `on = [...]` can name.
const CHANGES: [Change; 12] = [
    Change::Down,
    Change::Failed,
    Change::Resolved,
    Change::Reminder,
    Change::Repeated,
    Change::Reboot,
    Change::Returned,
    Change::Restarted,
    Change::Gap,
    Change::Hold,
    Change::Channel,
    Change::Config,
];

/// How much a service's outage matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Any service.
    Warning,
    /// Only those with `critical = true`.
    Critical,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Routing {
    /// Which changes it tells. Unless given: those that ask for something, and what a person would wonder about later.
    pub on: Vec<Change>,
    /// What it is told about, by severity.
    pub min_severity: Severity,
    /// The services it is told about, with their places; empty is all. Not checked to exist here.
    pub services: Vec<(String, Place)>,
    /// When only what is critical is sent; the rest waits.
    pub quiet_hours: Vec<Window>,
    /// How often it is told again of what goes on, `Some(None)` for never; as the service says unless given.
    pub remind_every: Option<Option<Duration>>,
    /// It is told only of outages, and only of those that have lasted so long.
    pub after: Option<Duration>,
    /// When it is told how things stand.
    pub summary: Option<Occasion>,
}

impl Routing {
    /// Takes the keys that all kinds of channels have for it.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let places = ["after", "remind_every"].map(|key| fields.place_of(key));
        let on = read_on(fields);
        let severities = [("critical", Severity::Critical), ("warning", Severity::Warning)];
        let min_severity = fields.one_of("min_severity", &severities).unwrap_or(Severity::Warning);
        let remind_every =
            fields.parsed("remind_every", "a duration such as `4h`, or `never`", parse_every);
        let summary = fields.parsed("summary", "a time such as `08:00` or `Mon 08:00`", |text| {
            Occasion::parse(text, &jiff::tz::TimeZone::system())
        });
        let routing = Self {
            on,
            min_severity,
            services: fields.placed_texts("services").unwrap_or_default(),
            quiet_hours: fields.windows("quiet_hours").unwrap_or_default(),
            remind_every,
            after: fields.duration("after"),
            summary,
        };
        routing.cross_check(&places, fields);
        routing
    }

    fn cross_check(&self, [after, remind]: &[Place; 2], fields: &mut Fields<'_>) {
        let outages = self.on.contains(&Change::Failed) || self.on.contains(&Change::Down);
        if self.after.is_some() && !outages {
            let message = "`after` waits for outages, of which this channel is not told";
            fields.problems().at_with_hint(after, message, "put `failed` into `on`");
        }
        if let Some(Some(_)) = self.remind_every
            && !self.on.contains(&Change::Reminder)
        {
            let message = "`remind_every` is set, but this channel is told of no reminders";
            fields.problems().at_with_hint(remind, message, "put `reminder` into `on`");
        }
    }

    /// Of whatever a drill has to tell.
    pub(super) fn of_a_drill() -> Self {
        Self {
            on: vec![Change::Failed, Change::Resolved],
            min_severity: Severity::Warning,
            services: Vec::new(),
            quiet_hours: Vec::new(),
            remind_every: None,
            after: None,
            summary: None,
        }
    }

    /// Whether this story is for it; `told` says whether it was told of the same outage before.
    ///
    /// A broken config, a channel that does not take its letters and a reboot are told wherever a failure is, the
    /// first two whatever the services. What is meant for some channels by name is for those and no others.
    pub fn wants(&self, channel: &str, story: &Story, told: bool) -> bool {
        self.why_not(channel, story, told).is_none()
    }

    /// Why this story is not for it, in words; none when it is.
    pub fn why_not(&self, channel: &str, story: &Story, told: bool) -> Option<String> {
        if !story.only.is_empty() {
            let meant = story.only.iter().any(|name| name == channel);
            return (!meant).then(|| "it is meant for others".to_owned());
        }
        let word = story.change.word();
        // Who was told of an outage and is told of ends is told of this one, whatever became of its name.
        if story.change == Change::Unwatched {
            return (!(told && self.on.contains(&Change::Resolved)))
                .then(|| "it was not told of the outage, or is told of no recoveries".into());
        }
        let named = self.on.contains(&story.change);
        let wherever = matches!(story.change, Change::Config | Change::Channel | Change::Reboot);
        if !(named || wherever && self.on.contains(&Change::Failed)) {
            let or = if wherever { " and no `failed`" } else { "" };
            return Some(format!("there is no `{word}`{or} in `on`"));
        }
        if matches!(story.change, Change::Config | Change::Channel) {
            return self.after.map(|_| "it is told of outages alone (`after`)".to_owned());
        }
        self.deaf_to(&story.service, story.critical).or_else(|| self.to_wait(story, told))
    }

    /// Whether it is told of an outage of this service while that lasts.
    pub fn follows(&self, service: &str, critical: bool) -> bool {
        let told = self.on.contains(&Change::Failed) || self.on.contains(&Change::Down);
        told && self.hears(service, critical)
    }

    /// Whether it is told again of an outage of this service that goes on; `told` says whether it was told of it.
    pub fn reminded(&self, service: &str, critical: bool, told: bool) -> bool {
        let named = self.on.contains(&Change::Reminder);
        named && self.hears(service, critical) && (self.after.is_none() || told)
    }

    /// Whether that is to wait for now: nothing that is critical ever is.
    pub fn quiet(&self, story: &Story, now: Timestamp) -> bool {
        !story.critical && self.quiet_hours.iter().any(|window| window.contains(now))
    }

    fn hears(&self, service: &str, critical: bool) -> bool {
        self.deaf_to(service, critical).is_none()
    }

    fn deaf_to(&self, service: &str, critical: bool) -> Option<String> {
        let severity = if critical { Severity::Critical } else { Severity::Warning };
        if severity < self.min_severity {
            return Some("it is told of what is `critical` alone (`min_severity`)".into());
        }
        let named = |(name, _): &(String, Place)| name == service;
        let heard = self.services.is_empty() || self.services.iter().any(named);
        (!heard).then(|| match service {
            "" => "it is told of some services, and this is of the host (`services`)".into(),
            _ => format!("{service} is not among its `services`"),
        })
    }

    /// Who is told later than others hears nothing of what is over before.
    fn to_wait(&self, story: &Story, told: bool) -> Option<String> {
        let after = self.after.filter(|_| !told)?;
        let (least, lasted) = (human_duration(after), human_duration(story.lasted));
        match story.change {
            Change::Down | Change::Failed | Change::Reboot if story.lasted >= after => None,
            Change::Down | Change::Failed | Change::Reboot => {
                Some(format!("this has lasted for {lasted}, and it waits for {least} (`after`)"))
            }
            change if change.of_service() => {
                Some(format!("it was not told of the outage, which did not last {least} (`after`)"))
            }
            _ => Some("it is told of outages alone (`after`)".into()),
        }
    }
}

fn read_on(fields: &mut Fields<'_>) -> Vec<Change> {
    let unless_given = vec![
        Change::Down,
        Change::Failed,
        Change::Resolved,
        Change::Reminder,
        Change::Repeated,
        Change::Returned,
        Change::Restarted,
        Change::Gap,
    ];
    let place = fields.place_of("on");
    let Some(words) = fields.placed_texts("on") else { return unless_given };
    let mut on = Vec::new();
    for (word, place) in &words {
        if let Some(change) = CHANGES.iter().find(|change| change.word() == word) {
            on.push(*change);
            continue;
        }
        let names = CHANGES.map(|change| format!("`{}`", change.word())).join(", ");
        let message = format!("`on` expects some of {names}, found `{}`", one_line(word, 40));
        match nearest(word, CHANGES.map(Change::word)) {
            Some(near) => {
                let hint = format!("did you mean `{near}`?");
                fields.problems().at_with_hint(place, message, hint);
            }
            None => fields.problems().at(place, message),
        }
    }
    if words.is_empty() && !fields.has("summary") {
        fields.problems().at(&place, "`on` is empty: this channel would never be used");
    }
    on
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{channel, read};
    use crate::notify::tests::story;

    const SOME: &str = "via = 'slack'\nurl = 'http://127.0.0.1:9/x'\nname = 'boss'\n";

    fn routing(more: &str) -> Routing {
        channel(&format!("{SOME}{more}")).routing
    }

    #[test]
    fn who_is_told_later_is_told_of_what_lasts_and_of_nothing_that_is_over_before() {
        use Change::{Config, Down, Escalated, Failed, Gap, Reminder, Resolved};
        let later = routing("after = '30m'");
        for (change, lasted, told, want) in [
            (Failed, 29, false, false),
            (Failed, 30, false, true),
            (Down, 31, false, true),
            (Reminder, 90, false, false),
            (Reminder, 90, true, true),
            (Resolved, 90, false, false),
            (Resolved, 90, true, true),
            (Escalated, 30, false, false), // told by name only
            (Config, 0, false, false),
            (Gap, 90, false, false),
        ] {
            let story =
                Story { lasted: Duration::from_secs(lasted * 60), ..story(change, "web", true) };
            assert_eq!(later.wants("boss", &story, told), want, "{change:?} {lasted} {told}");
        }
    }

    #[test]
    fn what_is_meant_for_some_by_name_is_for_those_and_no_others() {
        let only = Story { only: vec!["boss".into()], ..story(Change::Summary, "", false) };
        let pager = routing("on = ['failed']\nmin_severity = 'critical'");
        assert!(pager.wants("boss", &only, false));
        assert!(!pager.wants("other", &only, false));
    }

    #[test]
    fn quiet_hours_keep_back_what_is_not_critical() {
        let quiet = routing("quiet_hours = '22:00-07:00 UTC'");
        let at = |time: &str| format!("2026-01-05T{time}:00Z").parse().unwrap();
        for (critical, time, want) in
            [(false, "23:00", true), (false, "07:00", false), (true, "23:00", false)]
        {
            let story = story(Change::Failed, "web", critical);
            assert_eq!(quiet.quiet(&story, at(time)), want, "{critical} {time}");
        }
    }

    #[test]
    fn keys_that_contradict_each_other_are_mistakes() {
        for (more, want) in [
            ("after = '30m'\non = ['resolved']", "`after` waits for outages"),
            ("remind_every = '4h'\non = ['failed']", "told of no reminders"),
            ("remind_every = '4s'", "less than a minute"),
            ("quiet_hours = '22-07'", "`quiet_hours`: "),
            ("summary = 'daily'", "`daily` is not a weekday"),
        ] {
            let (_, problems) = read(&format!("{SOME}{more}"));
            assert!(problems.contains(want), "{more}: {problems}");
        }
        let list = "via = 'pagerduty'\nrouting_key = 'k'\nsummary = '08:00'";
        assert!(read(list).1.contains("no reader"));
        let never = routing("remind_every = 'never'\nsummary = 'Mon 08:00'");
        assert!(routing("summary = '08:00'\non = []").on.is_empty(), "for summaries alone");
        assert_eq!(never.remind_every, Some(None));
        assert!(never.summary.is_some() && routing("").remind_every.is_none());
    }
}
