//! What is shipped beside the program must work: every example config loads, every job calls what exists.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "plists are given to Python, and that it is missing is said"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use miraclemax::cli::Cli;
use miraclemax::config::{self, Source};

fn contrib() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib")
}

fn files(dir: &str) -> Vec<(PathBuf, String)> {
    let mut files: Vec<_> =
        fs::read_dir(contrib().join(dir)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The command line parses as the program's own.
fn is_understood(line: &str, of: &Path) {
    let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches('"')).collect();
    Cli::try_parse_from(&words).unwrap_or_else(|err| panic!("{}: {line}: {err}", of.display()));
}

#[test]
fn every_example_config_loads() {
    let examples = files("examples");
    assert!(examples.len() >= 5, "only {} examples", examples.len());
    for (path, text) in examples {
        let sources = [Source { path: path.clone(), text }];
        let config = config::parse(&sources).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(!config.services.is_empty(), "{}", path.display());
    }
}

#[test]
fn cron_jobs_call_what_exists_and_cron_would_run_them() {
    let mut jobs = 0;
    for (path, text) in files("cron.d") {
        assert!(
            !path.file_name().unwrap().to_string_lossy().contains('.'),
            "cron passes over names with a dot"
        );
        assert!(text.ends_with('\n'), "cron passes over a last line without a newline");
        for line in text.lines().filter(|line| line.contains(" root  ")) {
            let command = line.split(" root  ").nth(1).unwrap();
            is_understood(command, &path);
            jobs += 1;
        }
    }
    assert_eq!(jobs, 4);
}

/// Python reads plists as macOS does; where it is missing, the test below still reads their arguments.
#[test]
fn launchd_jobs_are_well_formed_plists() {
    let program =
        "import plistlib, sys\nfor path in sys.argv[1:]:\n    plistlib.load(open(path, 'rb'))";
    let paths: Vec<PathBuf> = files("launchd").into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths.len(), 2);
    let python = Command::new("python3").arg("-c").arg(program).args(&paths).output();
    let Ok(output) = python else {
        println!("skipped: there is no python3");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn systemd_units_and_launchd_jobs_call_what_exists() {
    let mut jobs = 0;
    for (path, text) in files("systemd") {
        for line in text.lines().filter_map(|line| line.strip_prefix("ExecStart=")) {
            is_understood(line, &path);
            jobs += 1;
        }
        if path.extension().is_some_and(|ext| ext == "timer") {
            assert!(path.with_extension("service").exists(), "{} has no service", path.display());
        }
    }
    for (path, text) in files("launchd") {
        let inside = text.split("<array>").nth(1).unwrap().split("</array>").next().unwrap();
        let words: Vec<&str> = inside
            .split("<string>")
            .skip(1)
            .map(|word| word.split("</string>").next().unwrap())
            .collect();
        is_understood(&words.join(" "), &path);
        let label = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(text.contains(&format!("<string>{label}</string>")), "{label}");
        jobs += 1;
    }
    assert_eq!(jobs, 5);
}

#[test]
fn a_drill_that_tells_is_on_the_schedule_of_cron_and_of_systemd() {
    let drill = "miraclemax heal --drill --notify -q";
    for (dir, name) in [("cron.d", "miraclemax"), ("systemd", "miraclemax-drill.service")] {
        let text = fs::read_to_string(contrib().join(dir).join(name)).unwrap();
        assert!(text.lines().any(|line| line.ends_with(drill)), "{name}");
    }
}

/// The blocks `define KIND { key value … }` of a file of Nagios; whatever is in none of them is a comment.
fn nagios_objects(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let (mut found, mut open) = (Vec::new(), None);
    for line in
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        assert!(!line.contains(';'), "`;` begins a comment: {line}");
        if let Some(kind) = line.strip_prefix("define ") {
            let kind = kind.strip_suffix(" {").unwrap_or_else(|| panic!("{line}"));
            assert!(open.replace((kind.to_owned(), BTreeMap::new())).is_none(), "{line}");
        } else if line == "}" {
            found.push(open.take().expect("a block is open"));
        } else {
            let (key, value) = line.split_once("  ").unwrap_or_else(|| panic!("{line}"));
            let (_, keys) = open.as_mut().expect("keys are in a block");
            assert!(keys.insert(key.to_owned(), value.trim().to_owned()).is_none(), "{line}");
        }
    }
    assert!(open.is_none(), "the last block is not closed");
    found
}

#[test]
fn what_nagios_and_icinga_call_exists_is_a_plugin_and_is_what_sudo_allows() {
    let read = |name: &str| fs::read_to_string(contrib().join("nagios").join(name)).unwrap();
    let sudo = "/usr/bin/sudo -n ";
    let called =
        |line: &str| line.strip_prefix(sudo).unwrap_or_else(|| panic!("{line}")).to_owned();

    let allowed: BTreeSet<String> = read("sudoers")
        .lines()
        .filter_map(|line| line.strip_prefix("nagios ALL=(root) NOPASSWD: "))
        .map(str::to_owned)
        .collect();
    assert_eq!(allowed.len(), 2);
    for line in &allowed {
        assert!(
            !line.contains(['*', '?', '[', '\\', ',', ':', '=']),
            "sudo has its own use for it: {line}"
        );
        is_understood(line, Path::new("sudoers"));
        let plugin = line.contains(" check ");
        assert_eq!(plugin, line.contains(" -o nagios "), "{line}");
    }

    let objects = nagios_objects(&read("miraclemax.cfg"));
    let of = |kind: &'static str| objects.iter().filter(move |one| one.0 == kind).map(|one| &one.1);
    let commands: BTreeMap<&str, String> = of("command")
        .map(|one| (one["command_name"].as_str(), called(&one["command_line"])))
        .collect();
    let nrpe: BTreeMap<String, String> = read("nrpe.cfg")
        .lines()
        .filter_map(|line| line.strip_prefix("command[")?.split_once("]="))
        .map(|(name, line)| (name.to_owned(), called(line)))
        .collect();
    assert_eq!(commands.values().cloned().collect::<BTreeSet<_>>(), allowed);
    assert_eq!(nrpe.values().cloned().collect::<BTreeSet<_>>(), allowed);
    let mut services = 0;
    for service in of("service") {
        assert!(
            ["use", "host_name", "service_description"]
                .iter()
                .all(|key| service.contains_key(*key))
        );
        let command = &service["check_command"];
        let known = match command.split_once('!') {
            Some(("check_nrpe", name)) => nrpe.contains_key(name),
            _ => commands.contains_key(command.as_str()),
        };
        assert!(known, "there is no `{command}`");
        services += 1;
    }
    assert_eq!((services, commands.len() + services), (4, objects.len()));

    let icinga = read("icinga2.conf");
    let lists = icinga.split("command = [").skip(1).map(|rest| rest.split(']').next().unwrap());
    let lines: BTreeSet<String> = lists
        .map(|list| {
            let words: Vec<&str> =
                list.split(',').map(|word| word.trim().trim_matches('"')).collect();
            called(&words.join(" "))
        })
        .collect();
    assert_eq!(lines, allowed);
    for used in icinga.split("check_command = \"").skip(1) {
        let name = used.split('"').next().unwrap();
        assert!(
            icinga.contains(&format!("object CheckCommand \"{name}\" {{")),
            "there is no `{name}`"
        );
    }
    assert_eq!(icinga.matches('{').count(), icinga.matches('}').count());
}
