//! What is told as values: JSON for programs, and `{{names}}` in a text of the config's. The names and keys are
//! documented in miraclemax-config(5), and stay.

use serde_json::{Value, json};

use crate::model::letter::{Outgoing, thread};
use crate::model::story::Story;
use crate::model::text::{nearest, one_line};
use crate::notify::fit;
use crate::notify::phase::{Phase, severity};

/// All of it.
pub(super) fn json(out: &Outgoing<'_>) -> Value {
    json!({
        "version": 1,
        "id": out.id,
        "thread": out.letter.thread,
        "subject": out.letter.subject,
        "text": out.letter.body,
        "state": state(out).word(),
        "severity": worst(out),
        "stories": out.stories.iter().map(|story| one(story)).collect::<Vec<_>>(),
    })
}

fn one(story: &Story) -> Value {
    json!({
        "change": story.change.word(),
        "state": Phase::of(story.change).word(),
        "severity": severity(story.critical),
        "name": story.name,
        "host": story.host,
        "service": story.service,
        "domain": story.domain,
        "port": story.port,
        "incident": story.incident,
        "thread": thread(story),
        "reason": story.reason,
        "since": story.opened.to_string(),
        "at": story.at.to_string(),
        "lasted_s": story.lasted.as_secs(),
        "drill": story.drill,
    })
}

fn state(out: &Outgoing<'_>) -> Phase {
    let mut phases = out.stories.iter().map(|story| Phase::of(story.change));
    let first = phases.next().unwrap_or(Phase::Notice);
    if phases.all(|phase| phase == first) { first } else { Phase::Firing }
}

fn worst(out: &Outgoing<'_>) -> &'static str {
    severity(out.stories.iter().any(|story| story.critical))
}

/// What a `{{name}}` stands for.
type Named = (&'static str, fn(&Outgoing<'_>) -> String);

const NAMES: [Named; 15] = [
    ("subject", |out| out.letter.subject.clone()),
    ("title", |out| fit::unmarked(&out.letter.subject).to_owned()),
    ("text", |out| out.letter.body.clone()),
    ("service", |out| each(out, |story| story.service.clone())),
    ("host", |out| first(out, |story| story.host.clone())),
    ("name", |out| first(out, |story| story.name.clone())),
    ("change", |out| each(out, |story| story.change.word().to_owned())),
    ("state", |out| state(out).word().to_owned()),
    ("severity", |out| worst(out).to_owned()),
    ("incident", |out| each(out, |story| story.incident.clone())),
    ("thread", |out| out.letter.thread.clone()),
    ("id", |out| out.id.to_owned()),
    ("reason", |out| each(out, |story| story.reason.clone())),
    ("since", |out| first(out, |story| story.opened.to_string())),
    ("at", |out| first(out, |story| story.at.to_string())),
];

fn first(out: &Outgoing<'_>, of: fn(&Story) -> String) -> String {
    out.stories.first().map(|story| of(story)).unwrap_or_default()
}

/// Of several the different ones, in order.
fn each(out: &Outgoing<'_>, of: fn(&Story) -> String) -> String {
    let mut all: Vec<String> = Vec::new();
    for value in out.stories.iter().map(|story| of(story)) {
        if !all.contains(&value) {
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
            let (name, after) = after.split_once("}}").ok_or("a `{{` is not closed by `}}`")?;
            let name = name.trim();
            let found = NAMES.iter().position(|(known, _)| *known == name);
            let index = found.ok_or_else(|| {
                let name = one_line(name, 40);
                match nearest(&name, NAMES.map(|(known, _)| known)) {
                    Some(near) => format!("there is no `{{{{{name}}}}}`, but `{{{{{near}}}}}`"),
                    None => format!(
                        "there is no `{{{{{name}}}}}`, only {}",
                        NAMES.map(|(known, _)| known).join(", ")
                    ),
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
