//! Completions and man pages are generated from the command line's own definition and committed; here they are
//! held equal to it. `MIRACLEMAX_BLESS=1 cargo test --test integration generated` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

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
    let main = clap_mangen::Man::new(command.clone()).manual("miraclemax").source(source());
    let mut text = Vec::new();
    main.render_title(&mut text).unwrap();
    main.render_name_section(&mut text).unwrap();
    main.render_synopsis_section(&mut text).unwrap();
    main.render_description_section(&mut text).unwrap();
    main.render_options_section(&mut text).unwrap();
    main.render_subcommands_section(&mut text).unwrap();
    // What no flag can say: exit statuses, files, environment.
    text.extend(fs::read(root().join("man/miraclemax.1.in")).unwrap());
    held(&root().join("man/miraclemax.1"), &text);
    for sub in command.get_subcommands() {
        let name = format!("miraclemax-{}", sub.get_name());
        let name: &'static str = name.leak();
        let sub = sub.clone().name(name).display_name(name).version(env!("CARGO_PKG_VERSION"));
        let mut text = Vec::new();
        clap_mangen::Man::new(sub).manual("miraclemax").source(source()).render(&mut text).unwrap();
        text.extend(b".SH \"SEE ALSO\"\n\\fBmiraclemax\\fR(1), \\fBmiraclemax\\-config\\fR(5)\n");
        held(&root().join(format!("man/{name}.1")), &text);
    }
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
    for sub in visible().get_subcommands() {
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
