//! A text of the config's with `{{names}}` in it, which are filled in when it leaves. The names are documented in
//! miraclemax-config(5), and stay. No logic: what differs by change has a text of its own.

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::model::incident::Attempt;
use crate::model::letter::Outgoing;
use crate::model::story::Story;
use crate::model::text::{human_duration, nearest, one_line};
use crate::notify::facts::{cause, healed_by, state, worst};
use crate::notify::fit;

/// What a `{{name}}` stands for.
type Named = (&'static str, fn(&Outgoing<'_>) -> String);

const NAMES: [Named; 26] = [
    ("subject", |out| out.letter.subject.clone()),
    ("title", |out| fit::unmarked(&out.letter.subject).to_owned()),
    ("text", |out| out.letter.body.clone()),
    ("service", |out| each(out, |story| story.service.clone())),
    ("about", |out| each(out, |story| story.about().to_owned())),
    ("domain", |out| each(out, |story| story.domain.clone().unwrap_or_default())),
    ("port", |out| each(out, |story| story.port.map(|port| port.to_string()).unwrap_or_default())),
    ("host", |out| first(out, |story| story.host.clone())),
    ("name", |out| first(out, |story| story.name.clone())),
    ("change", |out| each(out, |story| story.change.word().to_owned())),
    ("state", |out| state(out).word().to_owned()),
    ("severity", |out| worst(out).to_owned()),
    ("incident", |out| each(out, |story| story.incident.clone())),
    ("thread", |out| out.letter.thread.clone()),
    ("id", |out| out.id.to_owned()),
    ("reason", |out| each(out, |story| story.reason.clone())),
    ("cause", |out| each(out, |story| cause(story).unwrap_or_default().to_owned())),
    ("healed_by", |out| each(out, |story| healed_by(story).unwrap_or_default().to_owned())),
    ("attempts", |out| each(out, tried)),
    ("next", |out| each(out, |story| story.next.clone())),
    ("log", |out| first(out, |story| story.evidence.log.join("\n"))),
    ("lasted", |out| first(out, |story| human_duration(story.lasted))),
    ("count", |out| out.stories.len().to_string()),
    ("time", |out| first(out, |story| local(story.at))),
    ("since", |out| first(out, |story| story.opened.to_string())),
    ("at", |out| first(out, |story| story.at.to_string())),
];

fn first(out: &Outgoing<'_>, of: fn(&Story) -> String) -> String {
    out.stories.first().map(|story| of(story)).unwrap_or_default()
}

/// What was tried, in order: `service_restart, port_conflict`.
fn tried(story: &Story) -> String {
    let done = story.attempts.iter().filter(|attempt| attempt.counts());
    done.map(|attempt: &Attempt| attempt.remedy.as_str()).collect::<Vec<_>>().join(", ")
}

/// For people, in this host's time zone.
fn local(at: jiff::Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// Of several the different ones, in order.
fn each(out: &Outgoing<'_>, of: fn(&Story) -> String) -> String {
    let mut all: Vec<String> = Vec::new();
    for value in out.stories.iter().map(|story| of(story)) {
        if !value.is_empty() && !all.contains(&value) {
            all.push(value);
        }
    }
    all.join(", ")
}

/// A text with `{{names}}` in it.
#[derive(Debug, Clone)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Name(usize),
}

impl Template {
    /// Takes the text apart; the error never contains it, but for a name that does not exist.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let read = match after.split_once("}}") {
                Some((name, after)) => index(name.trim()).map(|index| (index, after)),
                None => Err("a `{{` is not closed by `}}`".into()),
            };
            let (index, after) = read.map_err(|why| {
                let above = text[..text.len() - after.len()].matches('\n').count();
                // Of one line it is plain where it is.
                if text.trim_end().contains('\n') {
                    format!("line {}: {why}", above + 1)
                } else {
                    why
                }
            })?;
            parts.extend([Part::Text(before.to_owned()), Part::Name(index)]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// With the values, each made safe by `escape` for where it stands.
    pub(super) fn fill(&self, out: &Outgoing<'_>, escape: fn(&str) -> String) -> String {
        self.filled(|index| escape(&NAMES[index].1(out)))
    }

    /// With `x` for every name: to see what the text is without them.
    pub(super) fn sample(&self) -> String {
        self.filled(|_| "x".into())
    }

    fn filled(&self, value: impl Fn(usize) -> String) -> String {
        let shown = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Name(index) => value(*index),
        };
        self.0.iter().map(shown).collect()
    }
}

/// Where a name stands among the known ones.
fn index(name: &str) -> Result<usize, String> {
    let known = NAMES.map(|(known, _)| known);
    known.iter().position(|known| *known == name).ok_or_else(|| {
        let name = one_line(name, 40);
        match nearest(&name, known) {
            Some(near) => format!("there is no `{{{{{name}}}}}`, but `{{{{{near}}}}}`"),
            None => format!("there is no `{{{{{name}}}}}`, only {}", known.join(", ")),
        }
    })
}

/// As it stands inside a JSON string.
pub(super) fn in_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::letter::Letter;
    use crate::model::story::Change;
    use crate::notify::tests::story;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn names_are_filled_in_and_what_they_hold_cannot_leave_its_string() {
        let letter = Letter {
            subject: "❌ Shop: a\"b\\c - FAILED".into(),
            body: "one\n\t{{host}}\n".into(),
            thread: "t@h".into(),
        };
        let (a, b) = (story(Change::Failed, "web", false), story(Change::Resolved, "db", true));
        let out = Outgoing {
            letter: &letter,
            id: "i@h",
            stories: &[&a, &b],
            holds: Duration::ZERO,
            reply_to: None,
        };
        let template = Template::parse(
            r#"{"s": "{{ subject }}", "t": "{{text}}", "x": "{{service}}/{{host}} {{state}} {{severity}}"}"#,
        );
        let json: Value = serde_json::from_str(&template.unwrap().fill(&out, in_json)).unwrap();
        let want = json!({
            "s": letter.subject, "t": letter.body, "x": "web, db/web1 firing critical",
        });
        assert_eq!(json, want);
    }

    #[test]
    fn a_name_that_does_not_exist_is_told_with_the_nearest() {
        for (text, want) in [
            ("{{servise}}", "there is no `{{servise}}`, but `{{service}}`"),
            ("a {{text", "not closed"),
            ("{{colour of it}}", "only subject, title, text"),
        ] {
            let why = Template::parse(text).unwrap_err();
            assert!(why.contains(want), "{why}");
        }
    }
}
