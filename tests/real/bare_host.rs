//! A real machine on which nothing is configured: what ails it is found and named, with what to type. It says nothing of
//! how loaded the machine is.

use crate::support::machine::Machine;
use crate::support::real::saw;

const BROKEN: &str = "[Service]\nType=oneshot\nExecStart=/bin/false\n";

#[test]
fn with_nothing_configured_a_failed_unit_is_found_and_what_a_container_lacks_is_not_asked_for() {
    let Some(machine) = Machine::boot("bare") else { return };
    machine.unit("broken.service", BROKEN);
    assert_ne!(machine.run(&["systemctl", "start", "broken"]).code(), 0);
    let sick = machine.run(&["miraclemax", "check"]);
    saw("with a failed unit", format_args!("{}{}", sick.stdout, sick.stderr));
    assert_eq!(sick.code(), 2, "{}{}", sick.stdout, sick.stderr);
    // Long lines are wrapped, wherever that is.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = words(&sick.stdout);
    assert!(said.contains("DOWN failed-units:") && said.contains("broken.service"), "{said}");
    assert!(said.contains("systemctl reset-failed"), "{said}");
    for (kind, asked) in [("disk:/?", true), ("memory:", true), ("load:", true), ("clock:", false)]
    {
        assert_eq!(said.contains(kind), asked, "{kind}: {said}");
    }
    assert!(words(&sick.stderr).contains("there is no configuration at"), "{}", sick.stderr);
    // Others of this machine's units may have failed, too.
    machine.run(&["systemctl", "reset-failed", "broken"]).ok();
    let mended = machine.run(&["miraclemax", "check"]);
    assert!(words(&mended.stdout).contains("failed-units:"), "{}", mended.stdout);
    assert!(!mended.stdout.contains("broken.service"), "{}", mended.stdout);
}
