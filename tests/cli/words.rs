//! A channel's own words: a mistake in them is found before anybody needs them, and loses nothing when it is not.

use super::{WEB, fast};
use crate::support::host::Host;

/// A program that keeps what it is told.
const TOLD: &str = r#"
[[notify]]
name = "program"
via = "command"
command = ["tell", "{{subject}}"]
input = "text"
"#;

#[test]
fn a_file_of_words_that_is_missing_is_found_by_a_dry_run_and_costs_nobody_the_letter() {
    let keys =
        "subject = \"{{service}}: {{change}} by {{healed_by}}\"\ntext_file = \"$DIR/words\"\n";
    let host = Host::with(&fast(&[WEB, TOLD, keys]));
    host.fake("tell", "cat > '$DIR/told'");
    let ran = host.run(&["check", "--dry-run"]).ends(78);
    let want =
        "config.toml:19:13: `text_file`: cannot read `$DIR/words`: no such file or directory";
    assert!(ran.stderr.contains(want), "{ran:?}");

    host.run(&["heal"]).ends(0);
    assert_eq!(host.read("calls"), "tell web: resolved by service_restart\n");
    assert!(
        host.read("told").contains("SUCCESS: Service is active again"),
        "{}",
        host.read("told")
    );
    let said = host.fill("in the usual words: cannot read `$DIR/words`");
    assert!(host.read("state/events.jsonl").contains(&said), "{}", host.read("state/events.jsonl"));

    host.write("words", "It was down for {{lasted}}.\n--\n{{text}}");
    host.run(&["check", "--dry-run"]).ends(0);
    host.remove("up").run(&["heal"]).ends(0);
    let told = host.read("told");
    assert!(told.starts_with("It was down for ") && told.contains("\n--\n"), "{told}");
    assert!(told.contains("SUCCESS: Service is active again"), "{told}");
}
