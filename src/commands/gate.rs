//! The connectivity gate: what is asked when something beyond this host does not answer, to tell whether it is
//! that or this host that has no way out. Asked at most once a run, and only then; heals nothing, wakes nobody.

use std::cell::OnceCell;
use std::time::Duration;

use crate::model::verdict::{Look, Verdict};
use crate::probe::Probe;
use crate::sys::names;

/// Bound on resolving a name, to tell whether it is this host's own.
const RESOLVE_LIMIT: Duration = Duration::from_secs(2);

/// See the module. Without probes everything stays as it was seen.
#[derive(Debug)]
pub(super) struct Gate<'a> {
    probes: &'a [Probe],
    /// Why this host is taken to be offline; none when it is not.
    offline: OnceCell<Option<String>>,
}

impl<'a> Gate<'a> {
    /// Of these probes.
    pub(super) fn of(probes: &'a [Probe]) -> Self {
        Self { probes, offline: OnceCell::new() }
    }

    /// Whether there is any.
    pub(super) fn is_set(&self) -> bool {
        !self.probes.is_empty()
    }

    /// What could not be reached beyond this host is unknown, not down, when no probe of the gate is up either.
    /// `hosts` are what each look has asked, if any host; `ask` looks with the gate's own.
    pub(super) fn weigh(
        &self,
        looks: &mut [Look],
        hosts: &[Option<String>],
        ask: impl FnOnce(&[Probe]) -> Vec<Look>,
    ) {
        let away = |look: &Look, host: &Option<String>| {
            let beyond = |host: &String| !names::is_own(host, RESOLVE_LIMIT);
            look.verdict.is_down() && host.as_ref().is_some_and(beyond)
        };
        let away = looks.iter_mut().zip(hosts).filter(|(look, host)| away(look, host));
        let mut away = away.map(|(look, _)| look).peekable();
        if away.peek().is_none() {
            return;
        }
        let offline = self.offline.get_or_init(|| offline(&ask(self.probes)));
        let Some(why) = offline else { return };
        for look in away {
            look.detail = look.verdict.reason().to_owned();
            look.verdict = Verdict::Unknown(format!("host offline: {why}"));
        }
    }
}

/// Why this host is offline, if it is: not one of the gate's probes was up.
fn offline(looks: &[Look]) -> Option<String> {
    let up = looks.iter().any(|look| look.verdict.is_up());
    let first = looks.first().filter(|_| !up)?;
    let others = match looks.len() {
        1 => String::new(),
        count => format!(", and {} more of the gate", count - 1),
    };
    Some(format!("{}{others}", first.verdict.reason()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(verdict: Verdict) -> Look {
        Look::new("tcp:h:1", verdict, "", Duration::ZERO)
    }

    fn down(reason: &str) -> Look {
        look(Verdict::Down(reason.into()))
    }

    #[test]
    fn only_what_is_beyond_this_host_is_in_doubt_and_only_when_the_whole_gate_is_shut() {
        let probes = [crate::config::probe("tcp:192.0.2.1:443").unwrap()];
        for (gate, remote) in [
            (vec![down("no route to host")], "host offline: no route to host"),
            (vec![down("a"), down("b")], "host offline: a, and 1 more of the gate"),
            (vec![down("a"), look(Verdict::Up)], "timed out"),
        ] {
            let mut looks =
                [down("timed out"), down("refused"), look(Verdict::Up), down("no process")];
            let hosts = ["192.0.2.7", "127.0.0.1", "192.0.2.7"].map(|host| Some(host.to_owned()));
            let hosts: Vec<_> = hosts.into_iter().chain([None]).collect();
            Gate::of(&probes).weigh(&mut looks, &hosts, |_| gate);
            let words = looks.each_ref().map(|look| look.verdict.reason());
            assert_eq!(words, [remote, "refused", "", "no process"]);
            assert_eq!(looks[0].verdict.is_down(), remote == "timed out");
        }
    }

    #[test]
    fn it_is_asked_once_and_only_when_something_beyond_is_down() {
        let probes = [crate::config::probe("tcp:192.0.2.1:443").unwrap()];
        let (gate, mut asked) = (Gate::of(&probes), 0);
        let hosts = [Some("192.0.2.7".to_owned())];
        for verdict in [Verdict::Up, Verdict::Down("x".into()), Verdict::Down("y".into())] {
            let mut looks = [look(verdict)];
            gate.weigh(&mut looks, &hosts, |probes| {
                asked += probes.len();
                vec![down("shut")]
            });
        }
        assert_eq!(asked, 1);
    }
}
