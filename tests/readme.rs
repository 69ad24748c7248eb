//! The README must not say what is not so: its configurations load, its command lines parse, the files that it names
//! are there, and its table of exit statuses is the program's. Runs none of it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use miraclemax::cli::Cli;
use miraclemax::config::{self, Source};
use miraclemax::outcome::Outcome;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks of one of `kinds`.
fn blocks(text: &str, kinds: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<(bool, String)> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut block) {
            (Some(kind), None) => block = Some((kinds.contains(&kind), String::new())),
            (Some(_), Some(_)) => {
                let (wanted, text) = block.take().unwrap();
                if wanted {
                    found.push(text);
                }
            }
            (None, Some((_, text))) => text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    assert!(block.is_none(), "a block is not closed");
    found
}

/// The words of a command line, as a shell takes them apart; a comment ends it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            (' ', None) => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "a quote is not closed: {line}");
    words.extend(word);
    words
}

/// The command lines of the program itself, as its arguments.
fn own(line: &str) -> Option<Vec<String>> {
    let mut words = words(line);
    if words.first().is_some_and(|word| word == "sudo") {
        words.remove(0);
    }
    if words.starts_with(&["cargo", "run", "--release", "--"].map(String::from)) {
        words.drain(..3);
        words[0] = "miraclemax".into();
    }
    words.first().is_some_and(|word| word.starts_with("miraclemax")).then_some(words)
}

#[test]
fn every_configuration_loads() {
    let configs = blocks(&readme(), &["toml"]);
    assert!(configs.len() >= 2, "only {} configurations", configs.len());
    for text in configs {
        let source = Source { path: PathBuf::from("README.md"), text: text.clone() };
        config::parse(&[source]).unwrap_or_else(|problems| panic!("{problems}\nin\n{text}"));
    }
}

#[test]
fn every_command_line_is_understood() {
    let text = readme();
    let typed: Vec<String> = blocks(&text, &["sh"])
        .iter()
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .chain(blocks(&text, &["console"]).iter().flat_map(|block| {
            block
                .lines()
                .filter_map(|line| line.strip_prefix("$ ").map(str::to_owned))
                .collect::<Vec<_>>()
        }))
        .collect();
    let mut understood = 0;
    for words in typed.iter().filter_map(|line| own(line)) {
        Cli::try_parse_from(&words).unwrap_or_else(|err| panic!("{words:?}: {err}"));
        understood += 1;
    }
    assert!(understood >= 7, "only {understood} command lines");
}

#[test]
fn every_file_that_is_named_is_there() {
    let text = readme();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let paths = text.split(|c: char| c.is_whitespace() || "`()[],;|".contains(c)).filter(|word| {
        ["contrib/", "tests/", "man/", "completions/", ".ci/", "src/"]
            .iter()
            .any(|dir| word.starts_with(dir))
    });
    let mut named = 0;
    for path in links.filter(|link| !link.contains("://") && !link.starts_with('#')).chain(paths) {
        let path = path.trim_end_matches(['.', ':']);
        // With a star, the directory is what must be there.
        let path = path.split_once('*').map_or(path, |(before, _)| before);
        assert!(root().join(path).exists(), "`{path}` is not there");
        named += 1;
    }
    assert!(named >= 20, "only {named} files");
}

#[test]
fn the_exit_statuses_are_the_programs() {
    let want = [
        (Outcome::Ok, "OK"),
        (Outcome::Warning, "WARNING"),
        (Outcome::Critical, "CRITICAL"),
        (Outcome::Unknown, "UNKNOWN"),
        (Outcome::Usage, "USAGE"),
        (Outcome::Busy, "BUSY"),
        (Outcome::Config, "CONFIG"),
    ];
    let text = readme();
    let table = text.split("| exit status |").nth(1).expect("a table of exit statuses");
    let rows: Vec<(u8, &str)> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].parse().unwrap(), cells[2])
        })
        .collect();
    let want: Vec<(u8, &str)> =
        want.iter().map(|(outcome, name)| (outcome.code(), *name)).collect();
    assert_eq!(rows, want);
}

#[test]
fn it_stays_short_enough_to_be_read() {
    let text = readme();
    assert!(text.lines().count() <= 390, "{} lines", text.lines().count());
    for line in text.lines() {
        assert!(!(line.starts_with('@') && line.ends_with('@')), "an example is missing: {line}");
    }
}
