//! What people hear: a program that writes down the subject of each message, and what still waits to be told. Holds no
//! tests of its own.

use super::fast;
use crate::support::host::Host;

/// One with `$DIR/bin/tell NAME`, a channel that writes down what it is told, a line a message: `NAME subject`. Nobody
/// wonders there when it was last run.
pub(super) fn host(config: &[&str]) -> Host {
    let host = Host::with(&format!("fresh_for = \"100d\"\n{}", fast(config)));
    let tell = "python3 -c 'import json,sys; m=json.load(sys.stdin); print(sys.argv[1], m[\"subject\"])' $1 >> $DIR/told";
    host.fake("tell", tell);
    host
}

/// A channel of this name that is such a program, with `more` keys.
pub(super) fn channel(name: &str, more: &str) -> String {
    format!(
        "[[notify]]\nname = \"{name}\"\nvia = \"command\"\ncommand = [\"$DIR/bin/tell\", \"{name}\"]\n{more}\n"
    )
}

/// What was told since the last time this was asked, without the marks of subjects.
pub(super) fn told(host: &Host) -> Vec<String> {
    let text = std::fs::read_to_string(host.path("told")).unwrap_or_default();
    host.write("told", "");
    text.lines()
        .map(|line| {
            let marks = ['❌', '✅', '⚠', '🔄', '📋', 'ℹ', '\u{fe0f}'];
            line.replace(marks, "").replace("  ", " ")
        })
        .collect()
}

/// How many notifications wait, as `status` says.
pub(super) fn waiting(host: &Host) -> usize {
    let json = host.run(&["status", "--format", "json"]).json();
    json["notifications_waiting"].as_array().unwrap().len()
}
