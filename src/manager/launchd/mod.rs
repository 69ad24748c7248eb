//! launchd of macOS: which services it takes, how it is asked. Never starts `launchctl` on another system.

pub(crate) mod act;
pub(crate) mod facts;

use std::collections::HashMap;
use std::time::Duration;

use crate::manager::reach::Reach;
use crate::model::unit::{Found, UnitFacts};
use crate::sys::clock::Deadline;
use crate::sys::exec::{Command, Ended, Output, shown};

/// Room for what is told of one service, its environment included.
const ANSWER: usize = 1 << 20;
/// So many are asked about at once: launchd tells of one service a process.
const AT_ONCE: usize = 8;
/// The exit statuses of `launchctl` (`launchctl error 113`).
const NO_SERVICE: i32 = 113;
const NO_DOMAIN: i32 = 112;

/// A service as `launchctl` takes it, `system/LABEL`, `gui/UID/LABEL`, `user/UID/LABEL`, or its label alone.
pub(crate) fn service_target(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let uid = |uid: &str| !uid.is_empty() && uid.chars().all(|c| c.is_ascii_digit());
    let label = match parts[..] {
        [label] | ["system", label] => label,
        ["gui" | "user", of, label] if uid(of) => label,
        _ => {
            return Err(format!(
                "`{text}` is neither a label nor `system/LABEL`, `gui/UID/LABEL` or `user/UID/LABEL`"
            ));
        }
    };
    let odd = label.chars().any(|c| c.is_whitespace() || c.is_control() || c == '"');
    if label.is_empty() || odd || label.starts_with('-') {
        Err(format!("`{label}` is not the label of a service"))
    } else {
        Ok(text.to_owned())
    }
}

/// `launchctl` as a person would type it.
pub(crate) fn typed(args: &[&str]) -> String {
    let words = std::iter::once("launchctl").chain(args.iter().copied());
    shown(&words.map(str::to_owned).collect::<Vec<_>>())
}

fn launchctl(args: &[&str], limit: Duration) -> Output {
    Command::new(std::iter::once("launchctl").chain(args.iter().copied()), limit).keep(ANSWER).run()
}

/// Where a service may be, in the order in which it is looked for: without a domain, root's is the system's, and a
/// user's own come before it.
fn targets(unit: &str, reach: &Reach) -> Vec<String> {
    if unit.contains('/') {
        vec![unit.to_owned()]
    } else if reach.root {
        vec![format!("system/{unit}")]
    } else {
        let uid = reach.uid;
        vec![format!("gui/{uid}/{unit}"), format!("user/{uid}/{unit}"), format!("system/{unit}")]
    }
}

/// `gui/501` of `gui/501/com.example.web`.
fn domain(target: &str) -> &str {
    target.rsplit_once('/').map_or("system", |(domain, _)| domain)
}

fn label(target: &str) -> &str {
    target.rsplit_once('/').map_or(target, |(_, label)| label)
}

/// Asks about each of `units`, some side by side. Every one of them is in the answer.
pub(crate) fn show(units: &[&str], reach: &Reach, limit: Duration) -> HashMap<String, Found> {
    if !reach.launchd {
        let nowhere =
            |unit: &str| Found::Nowhere(format!("launchd `{unit}` (no launchd on this host)"));
        return units.iter().map(|unit| ((*unit).to_owned(), nowhere(unit))).collect();
    }
    let deadline = Deadline::after(limit);
    let mut shown = HashMap::new();
    for some in units.chunks(AT_ONCE) {
        let found = std::thread::scope(|scope| {
            let asking: Vec<_> =
                some.iter().map(|unit| scope.spawn(move || one(unit, reach, deadline))).collect();
            let lost = || Found::Unknown("launchd was not asked".into());
            asking.into_iter().map(|asked| asked.join().unwrap_or_else(|_| lost())).collect()
        });
        let found: Vec<Found> = found;
        shown.extend(some.iter().map(|unit| (*unit).to_owned()).zip(found));
    }
    shown
}

fn one(unit: &str, reach: &Reach, deadline: Deadline) -> Found {
    let targets = targets(unit, reach);
    let mut missing: Option<UnitFacts> = None;
    let mut trouble = None;
    for target in &targets {
        let output = launchctl(&["print", target], deadline.left());
        match output.ended {
            Ended::Exited(0) => {
                let disabled = disabled(target, deadline);
                return facts::found(&output.text(), target, disabled);
            }
            // One that is disabled is usually not loaded either: then that is why.
            Ended::Exited(NO_SERVICE)
                if missing.as_ref().is_none_or(|m| !facts::is_disabled(m)) =>
            {
                let facts = facts::missing(target, disabled(target, deadline));
                if missing.is_none() || facts::is_disabled(&facts) {
                    missing = Some(facts);
                }
            }
            Ended::Exited(NO_SERVICE) => {}
            Ended::Exited(NO_DOMAIN) => {
                let domain = domain(target);
                trouble.get_or_insert(format!("launchd has no domain `{domain}` now"));
            }
            _ => return Found::Unknown(format!("launchd does not answer: {}", output.reason())),
        }
    }
    let trouble = trouble.unwrap_or_else(|| "launchd was not asked".into());
    missing.map_or(Found::Unknown(trouble), Found::Facts)
}

/// Whether somebody disabled it. Where that cannot be read, launchd itself refuses to start what is disabled.
fn disabled(target: &str, deadline: Deadline) -> bool {
    let output = launchctl(&["print-disabled", domain(target)], deadline.left());
    output.ok() && facts::disabled(&output.text(), label(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_a_label_and_may_have_a_domain() {
        for (text, fine) in [
            ("com.example.web", true),
            ("system/com.example.web", true),
            ("gui/501/com.example.web", true),
            ("user/0/homebrew.mxcl.nginx", true),
            ("", false),
            ("system/", false),
            ("gui/com.example.web", false),
            ("gui/max/com.example.web", false),
            ("pid/7/com.example.web", false),
            ("system/a/b", false),
            ("com example", false),
            ("--help", false),
            ("system/-k", false),
        ] {
            assert_eq!(service_target(text).is_ok(), fine, "{text}");
        }
    }

    #[test]
    fn a_label_alone_is_looked_for_where_its_user_has_services() {
        let mut reach = Reach::nothing();
        reach.uid = 501;
        let own = ["gui/501/a.b", "user/501/a.b", "system/a.b"];
        assert_eq!(targets("a.b", &reach), own);
        assert_eq!(targets("gui/502/a.b", &reach), ["gui/502/a.b"]);
        reach.root = true;
        assert_eq!(targets("a.b", &reach), ["system/a.b"]);
        assert_eq!((domain("gui/501/a.b"), label("gui/501/a.b")), ("gui/501", "a.b"));
    }

    #[test]
    fn another_system_is_answered_without_a_process() {
        let found = show(&["system/a.b"], &Reach::nothing(), Duration::ZERO);
        let want = "launchd `system/a.b` (no launchd on this host)";
        assert_eq!(found["system/a.b"], Found::Nowhere(want.into()));
    }
}
