//! A crontab as cron reads it (crontab(5)): its lines with what is in force for each. Looks at no file.

use crate::judge::cron::command::{Ours, ours};
use crate::judge::cron::times::Times;

/// A line that runs something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// When, or why that is not to be read.
    pub times: Result<Times, String>,
    /// As whom, where lines say so; empty when nothing stands there.
    pub user: Option<String>,
    /// What is handed to the shell: up to the first `%` that is not escaped.
    pub command: String,
    /// There is such a `%`.
    pub cut: bool,
    /// What it runs of ours, also behind a `%` that hides it from the shell.
    pub ours: Vec<Ours>,
    /// `PATH` in force; cron's own unless set.
    pub path: Option<String>,
    /// `MAILTO` in force.
    pub mailto: Option<String>,
    /// Names of the variables that are set above it.
    pub variables: Vec<String>,
}

/// A variable that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Counted from 1.
    pub line: usize,
    /// Its name.
    pub name: String,
    /// Its value, as it is: cron expands nothing.
    pub value: String,
}

/// All of a crontab.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// The lines that run something, in their order.
    pub lines: Vec<Line>,
    /// The variables, in their order.
    pub assignments: Vec<Assignment>,
    /// Lines that are neither, by number.
    pub odd: Vec<usize>,
    /// The last line does not end.
    pub unended: bool,
}

/// Reads `text`; `with_user` when each line names one.
pub fn read(text: &str, with_user: bool) -> Table {
    let mut table =
        Table { unended: !text.is_empty() && !text.ends_with('\n'), ..Table::default() };
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim_start());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with(|c: char| c.is_ascii_digit() || "*@-".contains(c)) {
            let line = entry(number, line.trim_start_matches('-'), with_user, &table);
            table.lines.push(line);
        } else if let Some((name, value)) = assignment(line) {
            table.assignments.push(Assignment { line: number, name, value });
        } else {
            table.odd.push(number);
        }
    }
    table
}

fn entry(number: usize, line: &str, with_user: bool, table: &Table) -> Line {
    let count = if line.starts_with('@') { 1 } else { 5 };
    let (times, rest) = split_words(line, count);
    let (user, rest) = if with_user {
        let (user, rest) = split_words(rest, 1);
        (Some(user.to_owned()), rest)
    } else {
        (None, rest)
    };
    let (command, cut) = shell_part(rest.trim());
    let in_force = |name: &str| {
        let set = table.assignments.iter().rev().find(|set| set.name == name);
        set.map(|set| set.value.clone())
    };
    // `user` may be the program itself, where the user was left out.
    let whole = user.iter().map(String::as_str).chain([rest]).collect::<Vec<_>>().join(" ");
    Line {
        number,
        times: Times::parse(times),
        user,
        command,
        cut,
        ours: ours(&whole),
        path: in_force("PATH"),
        mailto: in_force("MAILTO"),
        variables: table.assignments.iter().map(|set| set.name.clone()).collect(),
    }
}

/// The first `count` words, and what follows them.
fn split_words(line: &str, count: usize) -> (&str, &str) {
    let mut rest = line.trim_start();
    for _ in 0..count {
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        rest = rest[end..].trim_start();
    }
    let head = &line[..line.len() - rest.len()];
    (head.trim(), rest)
}

/// Up to the first `%` that no backslash stands before; those that are escaped are plain.
fn shell_part(text: &str) -> (String, bool) {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('%') => out.push('%'),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            '%' => return (out, true),
            c => out.push(c),
        }
    }
    (out, false)
}

/// `NAME = value`, either in quotes or not.
fn assignment(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let bare = |text: &str| {
        let text = text.trim();
        let quoted = ['"', '\'']
            .iter()
            .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote).map(str::to_owned));
        quoted.unwrap_or_else(|| text.to_owned())
    };
    let name = bare(name);
    let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    named.then(|| (name, bare(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_what_is_in_force_for_them() {
        let text = "# comment\nSHELL=/bin/sh\nPATH = \"/usr/bin:/bin\"\n\n\
                    * * * * *  root  miraclemax heal -q\n\
                    MAILTO=''\n  @daily root\tmiraclemax ping | tee /tmp/x\n1 2 3\nnonsense here\n";
        let table = read(text, true);
        let [first, second, third] = &table.lines[..] else { panic!("{table:#?}") };
        assert_eq!((first.number, first.user.as_deref()), (5, Some("root")));
        assert_eq!(first.command, "miraclemax heal -q");
        assert_eq!(first.path.as_deref(), Some("/usr/bin:/bin"));
        assert_eq!((first.mailto.as_deref(), second.mailto.as_deref()), (None, Some("")));
        assert_eq!(second.command, "miraclemax ping | tee /tmp/x");
        assert_eq!(second.variables, ["SHELL", "PATH", "MAILTO"]);
        assert!(third.times.is_err());
        assert_eq!(table.odd, [9]);
        assert!(!table.unended);
        assert!(read("* * * * * true", false).unended);
        assert_eq!(read("", false), Table::default());
    }

    #[test]
    fn the_shell_gets_what_stands_before_a_percent_sign() {
        for (text, command, cut) in [
            ("* * * * * a %b", "a ", true),
            (r"* * * * * date +\%F", "date +%F", false),
            (r"* * * * * printf a\n", r"printf a\n", false),
            ("* * * * * true", "true", false),
        ] {
            let table = read(text, false);
            assert_eq!((table.lines[0].command.as_str(), table.lines[0].cut), (command, cut));
        }
        // What is hidden is found all the same.
        let hidden = read("* * * * * date +%F; miraclemax heal\n", false);
        assert_eq!(hidden.lines[0].ours.len(), 1);
    }

    #[test]
    fn a_user_that_was_left_out_does_not_hide_what_is_run() {
        let table = read("* * * * * /usr/bin/miraclemax heal -q\n", true);
        assert_eq!(table.lines[0].user.as_deref(), Some("/usr/bin/miraclemax"));
        assert_eq!(table.lines[0].ours[0].program, "/usr/bin/miraclemax");
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(?s).{0,80}", with_user: bool) {
            let table = read(&text, with_user);
            proptest::prop_assert!(table.lines.len() <= text.lines().count());
        }
    }
}
