//! Each trap of cron by itself: made, found and named; and that a good crontab has none.

use std::time::Duration;

use super::judge;
use super::traps::Around;
use crate::judge::cron::command::Does;
use crate::judge::schedule::Firing;
use crate::model::finding::{Finding, Standing};
use crate::model::schedule::{Daemon, Tab, TabFile, Whose};

const GOOD: &str =
    "PATH=/usr/local/bin:/usr/bin:/bin\nMAILTO=root\n* * * * * root miraclemax heal -q\n";

fn dropped(text: &str) -> Tab {
    Tab {
        name: "/etc/cron.d/miraclemax".into(),
        whose: Whose::Dropped,
        file: Some(TabFile { uid: 0, mode: 0o644 }),
        text: Ok(text.into()),
    }
}

fn own(text: &str) -> Tab {
    let (name, whose) = ("crontab of root".into(), Whose::User("root".into()));
    Tab { name, whose, file: None, text: Ok(text.into()) }
}

fn judged(tab: &Tab, daemon: Daemon) -> (Vec<Firing>, Vec<Finding>) {
    let is_user = |name: &str| Some(["root", "max"].contains(&name));
    let script = |path: &str| {
        (path == "/opt/nightly")
            .then(|| "#!/bin/sh\n# miraclemax ping\nmiraclemax heal\n".to_owned())
    };
    judge(tab, &Around { daemon, is_user: &is_user, script: &script, told_otherwise: false })
}

/// The one finding, and whether anything fires all the same.
fn trap(tab: &Tab) -> (Standing, String, bool) {
    let (firings, findings) = judged(tab, Daemon::Cron);
    assert_eq!(findings.len(), 1, "{tab:?}: {findings:#?}");
    let finding = &findings[0];
    assert!(finding.hint.is_some(), "{finding:?}");
    (finding.status, finding.said.clone(), firings.iter().any(|firing| firing.fires))
}

#[test]
fn the_crontabs_that_come_with_it_have_no_trap() {
    let contrib = include_str!("../../../contrib/cron.d/miraclemax");
    let (firings, findings) = judged(&dropped(contrib), Daemon::Cron);
    assert_eq!(findings, []);
    let does: Vec<Does> = firings.iter().map(|firing| firing.ours.does).collect();
    assert_eq!(does, [Does::Cycle, Does::Ping, Does::Look, Does::Drill]);
    assert!(firings.iter().all(|firing| firing.fires && firing.user == "root"));
    assert_eq!(firings[1].every, Some(Duration::from_secs(300)));
    let example = include_str!("../../../contrib/crontab.example");
    let (firings, findings) = judged(&own(example), Daemon::Cron);
    assert_eq!(findings, []);
    let does: Vec<Does> = firings.iter().map(|firing| firing.ours.does).collect();
    assert_eq!(does, [Does::Cycle, Does::Ping, Does::Wrapped, Does::Wrapped]);
}

#[test]
fn of_what_is_not_ours_nothing_is_said() {
    let broken = Tab { name: "/etc/cron.d/other.cron".into(), ..dropped("MAILTO=\nnonsense") };
    assert_eq!(judged(&broken, Daemon::Cron), (vec![], vec![]));
}

#[test]
fn a_file_that_cron_passes_over_is_found_and_nothing_in_it_fires() {
    let named = |name: &str| Tab { name: format!("/etc/cron.d/{name}"), ..dropped(GOOD) };
    let filed = |uid, mode| Tab { file: Some(TabFile { uid, mode }), ..dropped(GOOD) };
    for (tab, want) in [
        (named("miraclemax.cron"), "there is a `.` in its name"),
        (named("miraclemax~"), "there is a `~` in its name"),
        (filed(1000, 0o644), "it belongs to uid 1000, not to root"),
        (filed(0, 0o664), "others than root can write it (mode 0664)"),
        (dropped(GOOD.trim_end()), "its last line has no newline at its end"),
        (dropped(&format!("{GOOD}nonsense here\n")), "line 4: it is neither a schedule nor"),
        (dropped(&format!("{GOOD}61 * * * * root true\n")), "line 4: `61` is no minute"),
        (dropped(&format!("{GOOD}1 * * * * nobody-here true\n")), "there is no user `nobody-here`"),
        (
            dropped("* * * * * /bin/miraclemax heal -q\n"),
            "the user is missing: cron takes `/bin/miraclemax`",
        ),
        (dropped("* * * * * miraclemax heal -q\n"), "the user is missing: cron takes `miraclemax`"),
    ] {
        let (standing, said, fires) = trap(&tab);
        assert_eq!((standing, fires), (Standing::Critical, false), "{said}");
        assert!(said.contains(want), "{want}: {said}");
    }
}

#[test]
fn cronie_takes_names_with_a_dot_and_a_last_line_without_an_end() {
    let dotted = Tab { name: "/etc/cron.d/miraclemax.cron".into(), ..dropped(GOOD) };
    assert_eq!(judged(&dotted, Daemon::Crond).1, []);
    let (firings, findings) = judged(&dropped(GOOD.trim_end()), Daemon::Crond);
    assert_eq!(findings[0].status, Standing::Warning);
    assert!(firings[0].fires);
}

#[test]
fn a_line_that_does_something_else_than_it_says_is_found() {
    for (line, standing, want) in [
        (
            "* * * * * miraclemax heal -q >> /var/log/$(date +%F)",
            Standing::Critical,
            "there is a `%` in it",
        ),
        ("* * * * * root miraclemax heal -q", Standing::Critical, "it names a user, `root`"),
        ("0 0 30 2 * miraclemax heal -q", Standing::Critical, "there is no such day"),
        (
            "* * * * * miraclemax heal",
            Standing::Warning,
            "it prints at every run, every 1m, and cron mails that to the crontab's owner",
        ),
        (
            "MAILTO=\n* * * * * miraclemax heal",
            Standing::Warning,
            "`MAILTO` is empty: that is lost",
        ),
        (
            "MAILTO=\"\"\n* * * * * miraclemax heal -q",
            Standing::Warning,
            "nobody is told of what is wrong",
        ),
        (
            "PATH=$HOME/bin:$PATH\n* * * * * miraclemax heal -q",
            Standing::Warning,
            "line 1: cron expands nothing: `PATH`",
        ),
    ] {
        let (found, said, fires) = trap(&own(&format!("{line}\n")));
        assert_eq!((found, fires), (standing, standing == Standing::Warning), "{line}: {said}");
        assert!(said.contains(want), "{want}: {said}");
    }
    for fine in [
        "* * * * * miraclemax heal >/dev/null",
        r"* * * * * miraclemax heal -q >> /var/log/$(date +\%F)",
        "* * * * * root-backup miraclemax heal -q",
        "@reboot miraclemax check -q",
    ] {
        assert_eq!(judged(&own(&format!("{fine}\n")), Daemon::Cron).1, [], "{fine}");
    }
}

#[test]
fn a_tab_that_may_not_be_read_is_unknown() {
    let tab = Tab { text: Err("permission denied".into()), ..dropped("") };
    let (firings, findings) = judged(&tab, Daemon::Cron);
    assert_eq!((firings.len(), findings[0].status), (0, Standing::Unknown));
}

#[test]
fn a_script_around_it_is_looked_into() {
    let (firings, findings) = judged(&own("@hourly nice /opt/nightly --all\n"), Daemon::Cron);
    assert_eq!(findings, []);
    let [firing] = &firings[..] else { panic!("{firings:#?}") };
    assert_eq!((firing.ours.does, firing.path.as_ref()), (Does::Cycle, None));
    assert_eq!(judged(&own("@hourly /opt/other\n"), Daemon::Cron), (vec![], vec![]));
}
