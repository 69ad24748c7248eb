//! A channel's own words: `subject`, `text` or `text_file` of a `[[notify]]`, and under `templates` those for single
//! changes. Whatever is wrong with them loses no letter: it leaves with the usual words, and that is said.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::letter::{Letter, Outgoing, Sent, Taken};
use crate::model::place::{Place, Problems};
use crate::model::story::Change;
use crate::model::text::one_line;
use crate::notify::template::Template;
use crate::sys::files;

/// The keys.
pub(super) const KEYS: [&str; 4] = ["subject", "text", "text_file", "templates"];

/// Bytes of a file of words; more is no template but a mistake.
const LARGEST: u64 = 64 * 1024;
/// Bound on reading one: it may lie on a file system that hangs.
const READING: Duration = Duration::from_secs(2);
/// Characters of a subject and of a line.
const LINE: usize = 4096;

/// Those of all changes, and those of single ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    usual: Pair,
    of: Vec<(Change, Pair)>,
}

#[derive(Debug, Clone, Default)]
struct Pair {
    subject: Option<Template>,
    text: Option<Text>,
}

#[derive(Debug, Clone)]
enum Text {
    Here(Template),
    /// With the place of its key. It is read when it is needed.
    File(PathBuf, Place),
}

/// Which words of a letter are the channel's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Own {
    pub(super) subject: bool,
    pub(super) text: bool,
}

/// A letter in the channel's words.
pub(super) struct Worded<'a> {
    pub(super) letter: Cow<'a, Letter>,
    pub(super) own: Own,
    /// Why it has the usual words although it should have others.
    pub(super) trouble: Option<String>,
}

impl Words {
    /// Takes [`KEYS`].
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let usual = Pair::read(fields);
        let Some(node) = fields.node("templates") else { return Self { usual, of: Vec::new() } };
        let mut tables = Fields::of_node("notify.templates", node, fields.problems());
        let mut of = Vec::new();
        // A test keeps the usual words.
        for change in Change::ALL.into_iter().filter(|change| *change != Change::Test) {
            if let Some(node) = tables.node(change.word()) {
                let what = format!("notify.templates.{}", change.word());
                let mut fields = Fields::of_node(what, node, tables.problems());
                of.push((change, Pair::read(&mut fields)));
                fields.finish();
            }
        }
        tables.finish();
        Self { usual, of }
    }

    /// The letter in these words.
    pub(super) fn put<'a>(&self, out: &Outgoing<'a>) -> Worded<'a> {
        let mut worded =
            Worded { letter: Cow::Borrowed(out.letter), own: Own::default(), trouble: None };
        let (subject, text) = self.for_stories(out);
        let text = text.and_then(|text| match text.template() {
            Ok(template) => Some(template),
            Err(why) => {
                worded.trouble = Some(why);
                None
            }
        });
        // Nobody shall take these for an outage.
        if out.stories.iter().any(|story| story.drill || story.change == Change::Test) {
            return worded;
        }
        let filled = |template: &Template| template.fill(out, str::to_owned);
        // An empty message would be refused, and an empty subject says nothing.
        let subject =
            subject.map(|it| one_line(filled(it).trim(), LINE)).filter(|it| !it.is_empty());
        let text = text.map(|it| clean(&filled(&it))).filter(|it| !it.trim().is_empty());
        worded.own = Own { subject: subject.is_some(), text: text.is_some() };
        if let Some(subject) = subject {
            worded.letter.to_mut().subject = subject;
        }
        if let Some(text) = text {
            worded.letter.to_mut().body = text;
        }
        worded
    }

    /// Those of the one change that is told, key for key before those of all.
    fn for_stories(&self, out: &Outgoing<'_>) -> (Option<&Template>, Option<&Text>) {
        let mut changes = out.stories.iter().map(|story| story.change);
        let first = changes.next();
        let change = first.filter(|first| changes.all(|change| change == *first));
        let own = self.of.iter().find(|(of, _)| Some(*of) == change).map(|(_, pair)| pair);
        (
            own.and_then(|pair| pair.subject.as_ref()).or(self.usual.subject.as_ref()),
            own.and_then(|pair| pair.text.as_ref()).or(self.usual.text.as_ref()),
        )
    }

    /// What is wrong with the files of words as they are now.
    pub(super) fn check_files(&self, problems: &mut Problems) {
        for pair in std::iter::once(&self.usual).chain(self.of.iter().map(|(_, pair)| pair)) {
            if let Some(text @ Text::File(_, place)) = &pair.text
                && let Err(why) = text.template()
            {
                problems.at(place, format!("`text_file`: {why}"));
            }
        }
    }
}

impl Pair {
    fn read(fields: &mut Fields<'_>) -> Self {
        let subject = fields.parsed("subject", "a text with `{{names}}`", Template::parse);
        let (both, place) = (fields.has("text"), fields.place_of("text_file"));
        let both = both && fields.has("text_file");
        let text = fields.parsed("text", "a text with `{{names}}`", Template::parse);
        let file = fields.path("text_file");
        if both {
            fields.wrong(&place, "`text` and `text_file` are both given: keep one".into(), None);
        }
        let text = text.map(Text::Here).or(file.map(|path| Text::File(path, place)));
        Self { subject, text }
    }
}

impl Text {
    fn template(&self) -> Result<Template, String> {
        match self {
            Self::Here(template) => Ok(template.clone()),
            Self::File(path, _) => in_file(path),
        }
    }
}

fn in_file(path: &Path) -> Result<Template, String> {
    let shown = one_line(&path.display().to_string(), 120);
    let bytes = files::start(path, READING, LARGEST + 1)
        .map_err(|why| format!("cannot read `{shown}`: {why}"))?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("cannot use `{shown}`: it has more than 64 KiB"));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| format!("cannot use `{shown}`: it is no text"))?;
    Template::parse(&text).map_err(|why| format!("`{shown}`: {why}"))
}

/// Line by line, without what drives a terminal.
fn clean(text: &str) -> String {
    let lines = text.trim_end().lines().map(|line| one_line(line, LINE) + "\n");
    lines.collect()
}

impl Worded<'_> {
    /// What became of it, with what was wrong with its words.
    pub(super) fn noted(&self, sent: Sent) -> Sent {
        match (sent, &self.trouble) {
            (Sent::Accepted(taken), Some(why)) => {
                let said = format!("{}; in the usual words: {why}", taken.said);
                Sent::Accepted(Taken { said, ..taken })
            }
            (sent, _) => sent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::{Attempt, Outcome};
    use crate::model::story::{Evidence, Story};
    use crate::model::time::Stamp;
    use crate::notify::testing::{self, Mail, reply};
    use crate::notify::tests::story;

    const USUAL: &str = "❌ Shop: web - FAILED";

    /// The telephone message that leaves; it has no words but those of the letter.
    fn told(keys: &str, stories: Vec<Story>) -> (Sent, String) {
        let answer = reply("201 Created", "", r#"{"sid":"SM1"}"#);
        let mail = Mail::of(USUAL, "usual\ntext\n", stories);
        let (sent, asked) = testing::send(vec![answer], &mail, |port| {
            format!(
                "via = 'twilio'\nurl = 'http://127.0.0.1:{port}'\naccount = 'AC{0}'\ntoken = 's3cret'\n\
                 from = '+15005550006'\nto = '+4930123456'\n{keys}",
                "0".repeat(32)
            )
        });
        let form: Vec<_> =
            url::form_urlencoded::parse(asked[0].body.as_bytes()).into_owned().collect();
        (sent, form[2].1.clone())
    }

    fn stamp() -> Stamp {
        Stamp { wall: jiff::Timestamp::UNIX_EPOCH, boot: "boot".into(), since_boot_ms: 0 }
    }

    fn healed() -> Story {
        let attempt = Attempt {
            incident: "web-1".into(),
            remedy: "service_restart".into(),
            at: stamp(),
            did: Vec::new(),
            said: Vec::new(),
            took: Duration::ZERO,
            outcome: Some(Outcome::Healed),
        };
        Story {
            reason: "connection refused".into(),
            lasted: Duration::from_secs(125),
            domain: Some("books.example.org".into()),
            port: Some(8080),
            attempts: vec![attempt],
            evidence: Evidence {
                log: vec!["one".into(), "two".into()],
                cause: Some("killed".into()),
                ..Evidence::default()
            },
            ..story(Change::Resolved, "web", true)
        }
    }

    #[test]
    fn every_name_stands_for_what_it_says_and_what_is_not_known_for_nothing() {
        let names = "{{about}}|{{domain}}|{{port}}|{{cause}}|{{healed_by}}|{{attempts}}|{{next}}|{{lasted}}|{{count}}|{{log}}";
        let keys = format!("text = '{names}'");
        let (_, text) = told(&keys, vec![healed()]);
        let want =
            "web|books.example.org|8080|killed|service_restart|service_restart||2m 5s|1|one\ntwo";
        assert_eq!(text, want);
        let (_, text) = told(&keys, vec![story(Change::Gap, "", false)]);
        assert_eq!(text, "web1|||||||0s|1|");
    }

    #[test]
    fn words_of_one_change_come_before_those_of_all_and_of_several_changes_there_are_none() {
        let keys = "text = 'all: {{service}}'\ntemplates = { failed = { text = 'no: {{service}}' }, \
                    resolved = { subject = 'yes' } }";
        let one = |change, name| story(change, name, true);
        for (stories, want) in [
            (vec![one(Change::Failed, "web")], "no: web"),
            (vec![one(Change::Failed, "web"), one(Change::Failed, "db")], "no: web, db"),
            (vec![one(Change::Failed, "web"), one(Change::Down, "db")], "all: web, db"),
            (vec![one(Change::Resolved, "web")], "all: web"),
        ] {
            assert_eq!(told(keys, stories).1, want);
        }
        let (_, text) =
            told("templates = { resolved = { subject = '{{title}} yes' } }", vec![healed()]);
        assert_eq!(text, "Shop: web - FAILED yes");
    }

    #[test]
    fn a_letter_whose_words_cannot_be_made_leaves_in_the_usual_ones_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("words");
        let keys = format!("text_file = '{}'", path.display());
        let tell = || told(&keys, vec![story(Change::Down, "web", true)]);
        let said = |sent: &Sent| match sent {
            Sent::Accepted(taken) => taken.said.clone(),
            other => panic!("{other:?}"),
        };
        for (content, why) in [
            (None, "cannot read"),
            (Some("a\n{{txt}}"), "line 2: there is no `{{txt}}`, but `{{text}}`"),
            (Some(&*"x".repeat(70_000)), "more than 64 KiB"),
        ] {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let (sent, text) = tell();
            assert_eq!(text, "Shop: web - FAILED");
            let said = said(&sent);
            assert!(
                said.starts_with("message SM1; in the usual words: ") && said.contains(why),
                "{said}"
            );
        }
        std::fs::write(&path, "{{service}}: call Max\u{1b}\n").unwrap();
        assert_eq!(tell(), (Sent::Accepted("message SM1".into()), "web: call Max\\u{1b}".into()));
    }

    #[test]
    fn nothing_in_the_place_of_words_is_the_usual_words() {
        let (_, text) = told(
            "text = ' {{log}} '\nsubject = '{{next}}'",
            vec![story(Change::Down, "web", true)],
        );
        assert_eq!(text, "Shop: web - FAILED");
    }

    #[test]
    fn a_test_and_a_drill_keep_the_usual_words() {
        let drill = Story { drill: true, ..story(Change::Failed, "drill", false) };
        for story in [drill, story(Change::Test, "", false)] {
            assert_eq!(told("text = 'EVERYTHING IS DOWN'", vec![story]).1, "Shop: web - FAILED");
        }
    }

    #[test]
    fn mistakes_are_told_where_they_are() {
        let slack = "via = 'slack'\nurl = 'https://hooks.example.org/x'\n";
        let alertmanager = "via = 'alertmanager'\nurl = 'http://localhost:9093'\n";
        for (base, keys, want) in [
            (slack, "subject = '{{titel}}'", "`subject`: there is no `{{titel}}`, but `{{title}}`"),
            (slack, "text = 'a'\ntext_file = '/b'", "`text` and `text_file` are both given"),
            (slack, "text_file = 'b'", "`b` is not an absolute path"),
            (
                slack,
                "templates = { fialed = { text = 'x' } }",
                "no key `fialed`\n  hint: did you mean `failed`?",
            ),
            (
                slack,
                "templates = { failed = { txet = 'x' } }",
                "notify.templates.failed has no key `txet`",
            ),
            (slack, "templates = { failed = 'x' }", "expected a table for notify.templates.failed"),
            (alertmanager, "subject = 'x'", "`subject`: alertmanager is told facts"),
        ] {
            let (_, problems) = testing::read(&format!("{base}{keys}"));
            assert!(problems.contains(want), "{keys}: {problems}");
        }
    }
}
