//! Completions and man pages are generated from the command line's own definition and committed; here they are
//! held equal to it. `MIRACLEMAX_BLESS=1 cargo test --test integration generated` writes them anew.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "completions are given to the shells, and that one is missing is said"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use clap_complete::Shell;
use miraclemax::cli::Cli;

const HELP: &str =
    "run `MIRACLEMAX_BLESS=1 cargo test --test integration generated`, and look at what changed";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Compares `text` with the committed file, or writes it when asked to.
fn held(path: &Path, text: &[u8]) {
    if std::env::var_os("MIRACLEMAX_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        return;
    }
    let committed = fs::read(path).unwrap_or_default();
    assert!(committed == text, "{} is not what the command line says; {HELP}", path.display());
}

#[test]
fn completions_are_those_of_the_command_line() {
    for (shell, file) in [
        (Shell::Bash, "miraclemax.bash"),
        (Shell::Zsh, "_miraclemax"),
        (Shell::Fish, "miraclemax.fish"),
    ] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut visible(), "miraclemax", &mut text);
        held(&root().join("completions").join(file), &text);
    }
}

/// The command line without what is not for people.
fn visible() -> clap::Command {
    let command = Cli::command();
    let hidden: Vec<String> = command
        .get_subcommands()
        .filter(|sub| sub.is_hide_set())
        .map(|sub| sub.get_name().to_owned())
        .collect();
    assert_eq!(hidden, ["drill-service"]);
    let mut shown = clap::Command::new("miraclemax")
        .version(env!("CARGO_PKG_VERSION"))
        .about(command.get_about().unwrap().clone())
        .long_about(command.get_long_about().unwrap().clone())
        .after_help(command.get_after_help().unwrap().clone())
        .after_long_help(command.get_after_long_help().unwrap().clone())
        .disable_help_subcommand(true)
        .args(command.get_arguments().cloned());
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        shown = shown.subcommand(sub.clone());
    }
    shown
}

#[test]
fn man_pages_are_those_of_the_command_line() {
    let mut command = visible();
    command.build();
    let mut text = page(command.clone(), "miraclemax");
    clap_mangen::Man::new(command.clone()).render_subcommands_section(&mut text).unwrap();
    examples(&command, &mut text);
    // What no flag can say: exit statuses, files, environment.
    text.extend(fs::read(root().join("man/miraclemax.1.in")).unwrap());
    held(&root().join("man/miraclemax.1"), &text);
    for sub in command.get_subcommands() {
        let name = format!("miraclemax-{}", sub.get_name());
        let mut text = page(sub.clone(), &name);
        examples(sub, &mut text);
        text.extend(
            format!(".SH \"EXIT STATUS\"\n{}\n", EXIT[usize::from(name == "miraclemax-ping")])
                .bytes(),
        );
        text.extend(b".SH \"SEE ALSO\"\n\\fBmiraclemax\\fR(1), \\fBmiraclemax\\-config\\fR(5)\n");
        held(&root().join(format!("man/{name}.1")), &text);
    }
}

/// The exit status in short, and that of `ping`, which may be another program's.
const EXIT: [&str; 2] = [
    "0 ok, 1 warning, 2 critical, 3 unknown, 64 wrong usage, 75 another run holds the lock, \
     78 wrong configuration; see \\fBmiraclemax\\fR(1).",
    "0 if every ping was accepted, 2 if not, 64 wrong usage, 78 wrong configuration. With \
     \\fB\\-\\- COMMAND\\fR that of the command, whatever becomes of the pings, and whatever is wrong with the \
     configuration; 75 when \\fB\\-\\-lock\\fR found that the run before it has not ended; 124 when \\fB\\-\\-timeout\\fR \
     ended it, 126 or 127 when it could not be started, 128 and the signal's number when a signal ended it.",
];

/// A page from its title to its options.
fn page(command: clap::Command, name: &str) -> Vec<u8> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let name: &'static str = name.to_owned().leak();
    let command = command
        .display_name(name)
        .override_usage(usage)
        .mut_arg("help", |arg| arg.help("Print help").long_help(None::<&str>));
    let man = clap_mangen::Man::new(command).title(name).manual("miraclemax").source(source());
    let mut text = Vec::new();
    man.render_title(&mut text).unwrap();
    man.render_name_section(&mut text).unwrap();
    man.render_synopsis_section(&mut text).unwrap();
    man.render_description_section(&mut text).unwrap();
    man.render_options_section(&mut text).unwrap();
    text
}

/// The examples of the long help, line for line; what follows them there is in the page's own sections.
fn examples(command: &clap::Command, text: &mut Vec<u8>) {
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let examples = help.strip_prefix("Examples:\n").expect("every command has examples");
    text.extend(b".SH EXAMPLES\n.nf\n");
    for line in examples.lines().take_while(|line| !line.is_empty()) {
        let line = line.strip_prefix("  ").expect("examples are indented");
        text.extend(
            format!("{}\n", line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq"))
                .bytes(),
        );
    }
    text.extend(b".fi\n");
}

fn source() -> String {
    format!("miraclemax {}", env!("CARGO_PKG_VERSION"))
}

#[test]
fn every_command_and_flag_has_a_page_that_names_it() {
    let page = |name: &str| {
        fs::read_to_string(root().join(format!("man/{name}.1"))).unwrap().replace("\\-", "-")
    };
    let mut flags = 0;
    // Options are put off until a command is built.
    let mut command = visible();
    command.build();
    for sub in command.get_subcommands() {
        let text = page(&format!("miraclemax-{}", sub.get_name()));
        for flag in sub.get_arguments().filter_map(clap::Arg::get_long) {
            flags += 1;
            assert!(
                text.contains(&format!("--{flag}")),
                "miraclemax-{}.1 does not name --{flag}",
                sub.get_name()
            );
        }
        assert!(
            page("miraclemax").contains(&format!("miraclemax-{}", sub.get_name())),
            "{}",
            sub.get_name()
        );
    }
    assert!(flags >= 15, "only {flags} flags were compared");
}

/// What each shell offers for `line`; None where the shell is not installed.
fn offered(shell: &str, line: &str) -> Option<String> {
    let dir = root().join("completions");
    let dir = dir.display();
    let words: Vec<&str> = line.split(' ').collect();
    let script = match shell {
        "bash" => format!(
            "source '{dir}/miraclemax.bash'; COMP_WORDS=({line}); COMP_CWORD={}; COMP_LINE='{line}'; \
             _miraclemax miraclemax '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2]
        ),
        _ => format!("source '{dir}/miraclemax.fish'; complete -C '{line}'"),
    };
    let plain = if shell == "bash" { "--norc" } else { "--no-config" };
    let output = Command::new(shell).args([plain, "-c", &script]).output().ok()?;
    assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// They need neither the program nor its configuration, and so work when that is broken.
#[test]
fn completions_complete_commands_and_flags_in_real_shells() {
    for shell in ["bash", "fish"] {
        for (line, want) in [
            ("miraclemax st", &["stale", "status"][..]),
            ("miraclemax heal --dr", &["--dry-run", "--drill"]),
            ("miraclemax stale --max", &["--max-age"]),
            ("miraclemax check --format j", &["json"]),
        ] {
            let Some(offered) = offered(shell, line) else {
                println!("skipped: there is no {shell}");
                break;
            };
            for word in want {
                assert!(
                    offered.lines().any(|offer| offer.split('\t').next() == Some(word)),
                    "{shell}: `{line}` offers {offered:?}, not {word}"
                );
            }
        }
    }
}
