//! `log` probes from run to run: what one run has read the next does not read again, and a restart that helps is
//! proven although the lines that led to it are still there.

use std::fs::OpenOptions;
use std::io::Write;

use super::fast;
use crate::support::host::Host;
use crate::support::real::flat;

/// Its restart ends with the dying words of the old process; `more` is what the new one says.
fn app(more: &str) -> String {
    format!(
        "[[service]]\nname = \"app\"\nchecks = [\"log:$DIR/app.log\"]\nrestart = [\"sh\", \"-c\", \
         \"echo again >>$DIR/restarts; echo ERROR last words >>$DIR/app.log; {more}\"]\n"
    )
}

fn append(host: &Host, line: &str) {
    let file = OpenOptions::new().append(true).open(host.path("app.log"));
    writeln!(file.unwrap(), "{line}").unwrap();
}

#[test]
fn lines_are_counted_between_runs_and_an_error_is_held_until_it_is_healed_once() {
    let host = Host::with(&fast(&[&app("true")]));
    host.write("app.log", "ERROR long ago\n").write("restarts", "");
    let first = host.run(&["check"]).ends(0);
    assert!(flat(&first.stdout).contains("from here on"), "{}", first.stdout);
    append(&host, "fine");
    let second = host.run(&["check"]).ends(0);
    assert!(flat(&second.stdout).contains("1 new line, it does not match"), "{}", second.stdout);

    append(&host, "ERROR cannot open");
    let third = host.run(&["check"]).ends(2);
    assert!(flat(&third.stdout).contains("ERROR cannot open"), "{}", third.stdout);
    let held = host.run(&["check"]).ends(2);
    assert!(
        flat(&held.stdout).contains("ago: 1 line matches"),
        "what one run read is not lost: {}",
        held.stdout
    );

    let healed = host.run(&["heal"]).ends(0);
    assert!(healed.stdout.starts_with("healed  app"), "{}", healed.stdout);
    for _ in 0..2 {
        let after = host.run(&["heal"]).ends(0);
        assert!(after.stdout.starts_with("up  app"), "{}", after.stdout);
    }
    assert_eq!(host.read("restarts"), "again\n", "restarted once");
}

#[test]
fn lines_that_go_on_coming_after_the_restart_fail_it() {
    // Longer than it is verified, and ended by itself.
    let goes_on = "(for i in $(seq 60); do echo ERROR still >>$DIR/app.log; sleep 0.1; done) >/dev/null 2>&1 &";
    let host = Host::with(&fast(&[&app(goes_on)]));
    host.write("app.log", "").write("restarts", "");
    host.run(&["check"]).ends(0);
    append(&host, "ERROR cannot open");
    let failed = host.run(&["heal"]).ends(2);
    assert!(flat(&failed.stdout).contains("ERROR still"), "{}", failed.stdout);
}
