//! The house rule: who may import whom. Reads the `use crate::…` lines of the source and fails on an edge that
//! is not allowed. Nothing else belongs here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A layer, and the layers it may import.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("model", &[]),
    ("outcome", &[]),
    ("cli", &["model"]),
    ("sys", &["model"]),
    ("judge", &["model"]),
    ("probe", &["model", "sys"]),
    ("manager", &["model", "sys"]),
    ("heartbeat", &["model", "sys"]),
    ("notify", &["model", "sys"]),
    ("remedy", &["manager", "model", "sys"]),
    ("report", &["model"]),
    ("store", &["model"]),
    ("config", &["model", "probe", "manager", "remedy", "heartbeat", "notify"]),
    (
        "commands",
        &[
            "cli",
            "config",
            "heartbeat",
            "judge",
            "manager",
            "model",
            "notify",
            "outcome",
            "probe",
            "remedy",
            "report",
            "store",
            "sys",
        ],
    ),
    ("lib", &["cli", "commands", "model", "outcome", "sys"]),
];

/// What commands share; everything else in `commands` is a command, and one command never imports another.
const SHARED: &[&str] = &[
    "setup",
    "cycle",
    "gate",
    "memory",
    "healing",
    "attempting",
    "rebooting",
    "deciding",
    "foretelling",
    "happening",
    "pinged",
    "reminding",
    "summing",
    "telling",
    "unreached",
    "keeping",
    "signs",
    "takeover",
    "scene",
    "posting",
    "shown",
    "fresh",
    "holding",
    "switches",
    "claiming",
];

/// `heal --drill` is a mode of `heal`: it runs `heal`'s cycle on a service of its own.
const DRILL: (&str, &str) = ("drill", "heal");

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            files.push(path);
        }
    }
    files
}

/// `src/judge/plan.rs` is of layer `judge`, `src/cli.rs` of layer `cli`; and its own name is `plan`, `cli`.
fn layer(path: &Path) -> (String, String) {
    let inside = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .unwrap()
        .with_extension("");
    let parts: Vec<String> =
        inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    (parts[0].clone(), parts.last().unwrap().clone())
}

/// The paths after `crate::` in a file, those in braces one by one: `use crate::{a, b::c}` and `crate::a::b(…)`.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join(" ");
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let list = after.strip_prefix('{').and_then(|rest| rest.split('}').next());
        for path in list.map_or_else(|| vec![after], |list| list.split(',').collect()) {
            let path: String = path
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "_:".contains(*c))
                .collect();
            found.insert(path.trim_end_matches(':').to_owned());
        }
    }
    found
}

#[test]
fn every_import_follows_the_layers() {
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let (mut edges, mut wrong) = (0, Vec::new());
    for file in &files {
        let (from, name) = layer(file);
        if from == "main" {
            continue;
        }
        let allowed = ALLOWED.iter().find(|(layer, _)| *layer == from).map(|(_, allowed)| *allowed);
        let allowed = allowed.unwrap_or_else(|| panic!("{} is of no known layer", file.display()));
        for import in imports(&fs::read_to_string(file).unwrap()) {
            let mut parts = import.split("::");
            let (to, second) = (parts.next().unwrap(), parts.next().unwrap_or_default());
            edges += 1;
            if to != from && !allowed.contains(&to) {
                wrong
                    .push(format!("{}: `{from}` may not import `crate::{import}`", file.display()));
            }
            let command_to_command = from == "commands"
                && to == "commands"
                && name != "mod"
                && name != second
                && !SHARED.contains(&second)
                && (name.as_str(), second) != DRILL;
            if command_to_command {
                wrong.push(format!(
                    "{}: one command may not import another (`crate::{import}`)",
                    file.display()
                ));
            }
        }
    }
    assert!(
        files.len() > 40 && edges > 150,
        "only {} files and {edges} edges were read",
        files.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_seen_however_they_are_written() {
    let text = "use crate::model::text;\nuse crate::{judge, store::lock};\nlet x = crate::sys::clock::now(); // crate::no\n";
    assert_eq!(
        Vec::from_iter(imports(text)),
        ["judge", "model::text", "store::lock", "sys::clock::now"]
    );
}
