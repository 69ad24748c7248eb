//! `failed-units:`: no unit of this host's systemd has failed. Names those that have; resets and starts none.

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::range::Range;
use crate::model::text::{one_line, plural};
use crate::model::trail::Before;
use crate::probe::limits::{Limits, MAIN};
use crate::probe::memory::nothing;
use crate::probe::{Answer, At};
use crate::sys::exec::Command;
use crate::sys::host;

/// Room for the answer about ten thousand units.
const ANSWER: usize = 1 << 20;
/// More names than this are counted.
const NAMES: usize = 5;

/// How many may have failed, and which do not count.
#[derive(Debug, Clone)]
pub struct FailedUnits {
    except: Vec<String>,
    count: Limits,
}

impl FailedUnits {
    /// No target. Keys: `except` (names of units that do not count, with `*` for any text), `warn`, `crit` (how many;
    /// none may have failed unless anything is given).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let except = fields.texts("except").unwrap_or_default();
        let count = Limits::read(&MAIN, Unit::Plain, fields);
        let count = count.or_crit(Range::at_most(0.0, Unit::Plain));
        nothing("failed-units", target, fields).then_some(Self { except, count })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        if !host::booted_with_systemd() {
            return Answer::unknown("this host was not booted with systemd");
        }
        let list = ["list-units", "--state=failed", "--plain", "--no-legend", "--full"];
        let words = ["systemctl", "--no-pager", "--no-ask-password"].into_iter().chain(list);
        let command = Command::new(words, at.limit.min(at.deadline.left())).keep(ANSWER);
        let output = command.env("LC_ALL", "C.UTF-8").run();
        if !output.ok() {
            return Answer::unknown(format!("systemctl does not list units: {}", output.reason()));
        }
        self.judge(&output.text(), at.before)
    }

    /// `listed` is a unit a line, its name first (systemctl(1), `list-units --plain`).
    fn judge(&self, listed: &str, before: &Before) -> Answer {
        let names = listed.lines().filter_map(|line| line.split_whitespace().next());
        let counts = |name: &&str| !self.except.iter().any(|pattern| fits(pattern, name));
        let names: Vec<&str> = names.filter(counts).collect();
        #[expect(clippy::cast_precision_loss, reason = "units are far fewer than 2^52")]
        let number = Measure::new("failed", names.len() as f64, Unit::Plain);
        let Some(first) = names.first() else {
            return self.count.hold(Answer::up("none"), number, "no unit has failed", before);
        };
        let shown: Vec<_> = names.iter().take(NAMES).map(|name| one_line(name, 80)).collect();
        let more = names.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let said = format!("{} failed: {}{more}", plural(names.len(), "unit"), shown.join(", "));
        let answer = self.count.hold(Answer::up(&said), number, &said, before);
        let first = one_line(first, 100);
        answer.hinting(format!(
            "see why: `systemctl status '{first}'`; when mended: `systemctl reset-failed`"
        ))
    }
}

/// Whether `name` is what `pattern` says, `*` standing for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Kind;
    use crate::probe::tests::{probe, problem};

    const LISTED: &str = "certbot.service loaded failed failed Certbot\n\
        run-user-1000.mount loaded failed failed /run/user/1000\n";

    #[test]
    fn failed_units_are_named_but_for_the_excepted() {
        let many: String = (0..8).map(|n| format!("u{n}.service loaded failed failed\n")).collect();
        for (keys, listed, word, said) in [
            ("", "", "up", "none"),
            (
                "",
                LISTED,
                "down",
                "2 units failed: certbot.service, run-user-1000.mount, more than 0",
            ),
            ("except=run-*.mount", LISTED, "down", "1 unit failed: certbot.service, more than 0"),
            ("except=certbot.service,run-*", LISTED, "up", "none"),
            (
                "warn=0",
                LISTED,
                "up",
                "2 units failed: certbot.service, run-user-1000.mount, more than 0",
            ),
            ("crit=2", LISTED, "up", "2 units failed: certbot.service, run-user-1000.mount"),
            (
                "crit=7",
                &many,
                "down",
                "8 units failed: u0.service, u1.service, u2.service, u3.service, u4.service and 3 \
                 more, more than 7",
            ),
        ] {
            let Kind::FailedUnits(units) = probe(&format!("failed-units:?{keys}")).kind else {
                unreachable!()
            };
            let answer = units.judge(listed, &Before::Nowhere);
            let reason = answer.warning.as_deref().unwrap_or(answer.verdict.reason());
            let seen = if reason.is_empty() { &answer.detail } else { reason };
            assert_eq!((answer.verdict.word(), seen), (word, said), "{keys}");
        }
        assert!(problem("failed-units:web").contains("`failed-units` takes no target"));
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, want) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxc", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("*x*", "yyy", false),
        ] {
            assert_eq!(fits(pattern, name), want, "{pattern} {name}");
        }
    }
}
