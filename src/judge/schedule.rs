//! Whether what is scheduled is enough: a cycle before the last one is stale, a ping before its switch fires, a run that
//! is over before the next. Pure: it is told what fires when.

use std::time::Duration;

use crate::judge::cron::command::{Does, Ours};
use crate::model::finding::Finding;
use crate::model::text::{human_duration, one_line};

/// What findings here are about.
const ABOUT: &str = "schedule";

/// Something that runs this program at times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// Where that is written: `/etc/cron.d/miraclemax, line 16`, `miraclemax-heal.timer`.
    pub place: String,
    /// What it runs.
    pub ours: Ours,
    /// As whom.
    pub user: String,
    /// The longest time between two firings; none when that cannot be told, or it fires once a boot.
    pub every: Option<Duration>,
    /// Nothing that is known keeps it from firing.
    pub fires: bool,
    /// Where a program without a path is looked for; none where it has to have one.
    pub path: Option<String>,
    /// Names of the variables that it sets.
    pub variables: Vec<String>,
    /// It gets others that cannot be told.
    pub more_variables: bool,
}

/// What a schedule is held to.
#[derive(Debug, Clone)]
pub struct Demands {
    /// How old the last complete cycle may be.
    pub fresh_for: Duration,
    /// A run ends by then.
    pub deadline: Duration,
    /// How long the last complete cycle took.
    pub took: Option<Duration>,
    /// The heartbeats: name, period, grace.
    pub heartbeats: Vec<(String, Option<Duration>, Option<Duration>)>,
    /// Who this is.
    pub user: String,
    /// The program that is to be run, by its path, with the options that mean this config and state directory.
    pub program: String,
    /// Config and state directory that are meant, and those that a run without options takes.
    pub meant: [Where; 2],
    /// Something could not be read, so that there may be more than is known.
    pub unread: bool,
}

/// A file or directory that an option names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Where {
    /// The one that is looked at here.
    pub here: String,
    /// The one that is taken where nothing is said.
    pub usual: String,
}

impl Where {
    /// The other one that a run takes, which was told `given`. What only a shell can tell is taken for this one.
    fn other(&self, given: Option<&str>) -> Option<String> {
        let taken = given.unwrap_or(&self.usual);
        let same = taken == self.here || taken.contains(['$', '~']);
        (!same && !self.here.is_empty()).then(|| one_line(taken, 120))
    }
}

/// What `firings` come to.
pub fn judge(firings: &[Firing], demands: &Demands) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let mine = |firing: &&Firing| firing.user == demands.user;
    for firing in firings.iter().filter(|firing| !mine(firing)) {
        let user = one_line(&firing.user, 60);
        let said = format!(
            "{} runs as `{user}`: that renews the state of `{user}`, not this one",
            firing.place
        );
        found.push(
            Finding::warning(ABOUT, said)
                .hint(format!("`sudo -u '{user}' miraclemax check --self`")),
        );
    }
    let (mut live, mut told) = (Vec::new(), false);
    for firing in firings.iter().filter(mine).filter(|firing| firing.fires) {
        let [config, state] = &demands.meant;
        let other = config.other(firing.ours.config.as_deref());
        let other = other.or_else(|| state.other(firing.ours.state_dir.as_deref()));
        let Some(other) = other else {
            live.push(firing);
            continue;
        };
        if !told {
            let said =
                format!("{} works with `{other}`, which is not looked at here", firing.place);
            let hint = "name that one here, too: `--config FILE`, `--state-dir DIR`";
            found.push(Finding::warning(ABOUT, said).hint(hint));
        }
        told = true;
    }
    found.extend(cycles(&live, demands));
    found.extend(demands.heartbeats.iter().map(|heartbeat| pings(&live, heartbeat, demands)));
    found
}

fn cycles(live: &[&Firing], demands: &Demands) -> Vec<Finding> {
    let cycles: Vec<&&Firing> =
        live.iter().filter(|firing| firing.ours.does == Does::Cycle).collect();
    if cycles.is_empty() {
        let said = format!(
            "nothing that fires runs `miraclemax heal` or `miraclemax check` as `{}`",
            demands.user
        );
        return vec![missing(said, &install("* * * * *", "heal", demands), demands)];
    }
    let timed = cycles.iter().filter_map(|firing| Some((firing, firing.every?)));
    let Some((firing, every)) = timed.min_by_key(|(_, every)| *every) else {
        let place = &cycles[0].place;
        let said = format!("how often {place} fires cannot be told, or it fires once a boot");
        return vec![
            Finding::unknown(ABOUT, said).hint("see it: `systemctl list-timers`, crontab(5)"),
        ];
    };
    let (place, fresh_for) = (&firing.place, demands.fresh_for);
    let shown = human_duration(every);
    let said = format!("{place} runs it every {shown}");
    let fresh = human_duration(fresh_for);
    let rarely = "run it every minute, or set a longer `fresh_for`";
    let mut found = vec![if every > fresh_for {
        let said = format!("{said}, and after {fresh} the last cycle is stale (`fresh_for`)");
        Finding::critical(ABOUT, said).hint(rarely)
    } else if every.saturating_add(demands.took.unwrap_or(demands.deadline)) > fresh_for {
        let lasts = match demands.took {
            Some(took) => format!("the last run took {}", human_duration(took)),
            None => format!("a run may take {} (`deadline`)", human_duration(demands.deadline)),
        };
        let said = format!("{said}, and {lasts}: together that is more than {fresh} (`fresh_for`)");
        Finding::warning(ABOUT, said).hint(rarely)
    } else {
        Finding::ok(ABOUT, format!("{said}; the last cycle is stale after {fresh}"))
    }];
    if let Some(took) = demands.took.filter(|took| *took > every) {
        let said = format!(
            "the last run took {}, longer than the {shown} until the next: those in between do nothing",
            human_duration(took)
        );
        found
            .push(Finding::warning(ABOUT, said).hint("see what takes long: `miraclemax check -v`"));
    }
    found
}

fn pings(
    live: &[&Firing],
    (name, period, grace): &(String, Option<Duration>, Option<Duration>),
    demands: &Demands,
) -> Finding {
    let tells = |firing: &&&Firing| {
        let Ours { does, named, .. } = &firing.ours;
        let named_here = named.iter().any(|one| one == name);
        match does {
            Does::Ping => named.is_empty() || named_here,
            Does::Wrapped => named_here,
            Does::Cycle | Does::Part | Does::Drill | Does::Look => false,
        }
    };
    let shown = one_line(name, 60);
    let about = format!("heartbeat {shown}");
    let pings: Vec<&&Firing> = live.iter().filter(tells).collect();
    if pings.is_empty() {
        let said = "nothing that fires pings it".to_owned();
        let hint = install("*/5 * * * *", "ping", demands);
        return Finding { about, ..missing(said, &hint, demands) };
    }
    let timed = pings.iter().filter_map(|firing| Some((firing, firing.every?)));
    let Some((firing, every)) = timed.min_by_key(|(_, every)| *every) else {
        let said = format!("how often {} pings it cannot be told, or once a boot", pings[0].place);
        return Finding::unknown(about, said).hint("see it: `systemctl list-timers`, crontab(5)");
    };
    let said = format!("{} pings it every {}", firing.place, human_duration(every));
    let Some(period) = *period else {
        return Finding::ok(about, format!("{said}; no `period` is configured to hold that to"));
    };
    let expects = human_duration(period);
    let later =
        grace.map_or_else(String::new, |grace| format!(" and {} of grace", human_duration(grace)));
    let hint = "ping it more often, or set a longer `period` here and there (`miraclemax ping --register`)";
    if every > period.saturating_add(grace.unwrap_or_default()) {
        let said =
            format!("{said}, and it expects that every {expects}{later}: it alerts in between");
        Finding::critical(about, said).hint(hint)
    } else if every > period {
        let said = format!(
            "{said}, and it expects that every {expects}{later}: only the grace keeps it quiet"
        );
        Finding::warning(about, said).hint(hint)
    } else {
        Finding::ok(about, format!("{said}, as it expects ({expects})"))
    }
}

/// What to type where that is not scheduled.
fn install(times: &str, command: &str, Demands { user, program, .. }: &Demands) -> String {
    match user.as_str() {
        "root" => format!(
            "`echo '{times} root {program} {command} -q' >>/etc/cron.d/miraclemax`; \
             or timers of systemd: contrib/systemd"
        ),
        _ => format!(
            "`(crontab -l; echo '{times} {program} {command} -q') | crontab -`; \
             or let root run it: contrib/cron.d"
        ),
    }
}

/// Where something could not be read, what is not there may be there.
fn missing(said: String, hint: &str, demands: &Demands) -> Finding {
    if demands.unread {
        let said = format!("{said}, as far as may be read here");
        Finding::unknown(ABOUT, said).hint("look as root: `sudo miraclemax check --self`")
    } else {
        Finding::critical(ABOUT, said).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::cron::command::ours;
    use crate::judge::support::secs;
    use crate::model::finding::Standing;

    const MINUTE: u64 = 60;

    fn firing(command: &str, every: u64) -> Firing {
        Firing {
            place: format!("cron ({command})"),
            ours: ours(command).remove(0),
            user: "root".into(),
            every: (every > 0).then(|| secs(every)),
            fires: true,
            path: None,
            variables: Vec::new(),
            more_variables: false,
        }
    }

    fn demands() -> Demands {
        Demands {
            fresh_for: secs(20 * MINUTE),
            deadline: secs(4 * MINUTE),
            took: None,
            heartbeats: Vec::new(),
            user: "root".into(),
            program: "/opt/bin/miraclemax".into(),
            meant: ["/etc/mm.toml", "/var/lib/mm"]
                .map(|at| Where { here: at.into(), usual: at.into() }),
            unread: false,
        }
    }

    /// The standing of the worst, and what it says.
    fn worst(firings: &[Firing], demands: &Demands) -> (Standing, String) {
        let found = judge(firings, demands);
        let worst = found.iter().min_by_key(|finding| finding.status).expect("something is said");
        assert!(worst.status == Standing::Ok || worst.hint.is_some(), "{worst:?}");
        (worst.status, worst.said.clone())
    }

    #[test]
    fn cycles_come_often_enough_or_it_is_said() {
        let cycle = |every| firing("miraclemax heal -q", every);
        for (firings, standing, want) in [
            (vec![cycle(MINUTE)], Standing::Ok, "every 1m; the last cycle is stale after 20m"),
            (vec![cycle(60 * MINUTE), cycle(15 * MINUTE)], Standing::Ok, "every 15m"),
            (vec![cycle(60 * MINUTE)], Standing::Critical, "after 20m the last cycle is stale"),
            (vec![cycle(18 * MINUTE)], Standing::Warning, "a run may take 4m (`deadline`)"),
            (vec![cycle(0)], Standing::Unknown, "how often"),
            (vec![], Standing::Critical, "nothing that fires runs"),
            (
                vec![firing("miraclemax heal web", MINUTE)],
                Standing::Critical,
                "nothing that fires runs",
            ),
            (
                vec![firing("miraclemax heal --drill", MINUTE)],
                Standing::Critical,
                "nothing that fires runs",
            ),
            (
                vec![Firing { fires: false, ..cycle(MINUTE) }],
                Standing::Critical,
                "nothing that fires runs",
            ),
        ] {
            let (found, said) = worst(&firings, &demands());
            assert_eq!(found, standing, "{said}");
            assert!(said.contains(want), "{want}: {said}");
        }
        for (user, want) in [
            (
                "root",
                "`echo '* * * * * root /opt/bin/miraclemax heal -q' >>/etc/cron.d/miraclemax`",
            ),
            ("max", "echo '* * * * * /opt/bin/miraclemax heal -q') | crontab -`"),
        ] {
            let found = judge(&[], &Demands { user: user.into(), ..demands() });
            assert!(found[0].hint.as_ref().is_some_and(|hint| hint.contains(want)), "{found:?}");
        }
        let others = [Firing { user: "max".into(), ..cycle(MINUTE) }];
        let found = judge(&others, &demands());
        assert!(found[0].said.contains("runs as `max`"), "{found:?}");
        assert!(found[1].said.contains("as `root`"), "{found:?}");
        let unread = Demands { unread: true, ..demands() };
        assert_eq!(worst(&[], &unread).0, Standing::Unknown);
        let slow = Demands { took: Some(secs(90)), ..demands() };
        let (standing, said) = worst(&[cycle(MINUTE)], &slow);
        assert_eq!(standing, Standing::Warning);
        assert!(said.contains("the last run took 1m 30s, longer than the 1m"), "{said}");
    }

    #[test]
    fn a_run_with_another_config_or_state_is_none_of_this_one() {
        for (command, other) in [
            ("miraclemax heal -q", None),
            ("miraclemax -c /etc/mm.toml --state-dir /var/lib/mm heal", None),
            ("miraclemax --state-dir $HOME/state heal", None),
            ("miraclemax -c /etc/other.toml heal", Some("/etc/other.toml")),
            ("miraclemax --state-dir=/srv/mm heal", Some("/srv/mm")),
        ] {
            let found = judge(&[firing(command, MINUTE)], &demands());
            let told = found.iter().any(|one| one.said.contains("is not looked at here"));
            assert_eq!(told, other.is_some(), "{command}: {found:?}");
            assert_eq!(found.last().map(|one| one.status == Standing::Ok), Some(other.is_none()));
            if let Some(other) = other {
                assert!(found[0].said.contains(other), "{found:?}");
            }
        }
        let usual = |at: &str| Where { here: at.into(), usual: "/etc/mm.toml".into() };
        let elsewhere = Demands { meant: [usual("/tmp/mm.toml"), Where::default()], ..demands() };
        let (standing, said) = worst(&[firing("miraclemax heal", MINUTE)], &elsewhere);
        assert_eq!(standing, Standing::Critical, "{said}");
    }

    #[test]
    fn pings_come_before_the_switch_fires_or_it_is_said() {
        let beats = |period: u64, grace: u64| Demands {
            heartbeats: vec![(
                "main".into(),
                (period > 0).then(|| secs(period)),
                Some(secs(grace)),
            )],
            ..demands()
        };
        let cycle = firing("miraclemax heal -q", MINUTE);
        for (command, every, demands, standing, want) in [
            ("miraclemax ping", 300, beats(300, 600), Standing::Ok, ""),
            ("miraclemax ping main", 300, beats(300, 600), Standing::Ok, ""),
            ("miraclemax ping main -- backup", 300, beats(300, 600), Standing::Ok, ""),
            (
                "miraclemax ping other",
                300,
                beats(300, 600),
                Standing::Critical,
                "nothing that fires pings it",
            ),
            (
                "miraclemax ping",
                600,
                beats(300, 600),
                Standing::Warning,
                "only the grace keeps it quiet",
            ),
            ("miraclemax ping", 3600, beats(300, 600), Standing::Critical, "it alerts in between"),
            ("miraclemax ping", 3600, beats(0, 600), Standing::Ok, ""),
            ("miraclemax ping", 0, beats(300, 600), Standing::Unknown, "how often"),
        ] {
            let (found, said) = worst(&[cycle.clone(), firing(command, every)], &demands);
            assert_eq!(found, standing, "{command} every {every}: {said}");
            assert!(said.contains(want), "{want}: {said}");
        }
    }
}
