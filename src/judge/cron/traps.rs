//! What keeps a crontab, or a line of it, from doing what it says: cron is silent about most of it. Judges what was read;
//! looks at nothing.

use std::path::Path;

use crate::judge::cron::command::is_redirected;
use crate::judge::cron::table::{Line, Table};
use crate::judge::cron::times::Times;
use crate::model::schedule::{Daemon, Tab, Whose};
use crate::model::text::{human_duration, one_line};

/// What does not fire for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Costs {
    /// All fires.
    Nothing,
    /// Its line, or that line does not do what it says.
    Line,
    /// The whole file: cron passes over it.
    File,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// The line; none when it is about the whole file.
    pub line: Option<usize>,
    /// See [`Costs`].
    pub costs: Costs,
    /// What it is.
    pub said: String,
    /// How to get out of it.
    pub hint: String,
}

impl Trap {
    fn new(
        line: Option<usize>,
        costs: Costs,
        said: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { line, costs, said: said.into(), hint: hint.into() }
    }
}

/// What the judge has to be told of the host.
pub struct Around<'a> {
    /// The cron that reads it.
    pub daemon: Daemon,
    /// Whether there is a user of this name; none when that cannot be told.
    pub is_user: &'a dyn Fn(&str) -> Option<bool>,
    /// The text of the script at a path; none when there is none.
    pub script: &'a dyn Fn(&str) -> Option<String>,
    /// Somebody else than cron's mail is told of what is wrong.
    pub told_otherwise: bool,
}

/// All of them, in the order of the lines.
pub fn traps(tab: &Tab, table: &Table, around: &Around<'_>) -> Vec<Trap> {
    let mut traps = of_file(tab, around.daemon);
    if table.unended {
        let last = table.lines.last().map(|line| line.number);
        let costs = match around.daemon {
            Daemon::Crond => Costs::Nothing,
            Daemon::Cron | Daemon::Absent | Daemon::Hidden => Costs::File,
        };
        let said =
            "its last line has no newline at its end: cron ignores the line, or the whole file";
        traps.push(Trap::new(last, costs, said, format!("`echo >> {}`", path(tab))));
    }
    for number in &table.odd {
        let said = "it is neither a schedule nor `NAME=value`: cron passes over the whole file";
        let hint = "put a `#` before it, or mend it";
        traps.push(Trap::new(Some(*number), Costs::File, said, hint));
    }
    for set in table.assignments.iter().filter(|set| set.value.contains('$')) {
        let said = format!(
            "cron expands nothing: `{}` is set to `{}` as it stands",
            set.name,
            one_line(&set.value, 60)
        );
        let hint = format!("write the value out: `{}=/usr/local/bin:/usr/bin:/bin`", set.name);
        traps.push(Trap::new(Some(set.line), Costs::Nothing, said, hint));
    }
    for line in &table.lines {
        traps.extend(of_line(tab, line, around));
    }
    traps
}

fn path(tab: &Tab) -> String {
    tab.name.split(' ').next().unwrap_or_default().to_owned()
}

fn of_file(tab: &Tab, daemon: Daemon) -> Vec<Trap> {
    let mut traps = Vec::new();
    let shown = &tab.name;
    let name = Path::new(shown).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if let Some(odd) = name.chars().find(|c| !plain(*c))
        && tab.whose == Whose::Dropped
    {
        let better: String = name.chars().filter(|c| plain(*c)).collect();
        let better = if better.is_empty() { "miraclemax".to_owned() } else { better };
        let said =
            format!("there is a `{odd}` in its name: cron reads no such file in /etc/cron.d");
        let hint = format!("`mv '{shown}' /etc/cron.d/{better}`");
        // cronie reads names with a dot, but not every name.
        let passed = name.starts_with('.') || name.ends_with('~') || name.contains('#');
        match daemon {
            Daemon::Crond if !passed => {}
            _ => traps.push(Trap::new(None, Costs::File, said, hint)),
        }
    }
    let Some(file) = tab.file else { return traps };
    if file.uid != 0 {
        let said = format!("it belongs to uid {}, not to root: cron ignores it", file.uid);
        traps.push(Trap::new(None, Costs::File, said, format!("`chown root:root '{shown}'`")));
    }
    if file.mode & 0o022 != 0 {
        let mode = file.mode & 0o7777;
        let said = format!("others than root can write it (mode {mode:04o}): cron ignores it");
        traps.push(Trap::new(None, Costs::File, said, format!("`chmod 0644 '{shown}'`")));
    }
    traps
}

fn of_line(tab: &Tab, line: &Line, around: &Around<'_>) -> Vec<Trap> {
    let mut traps = Vec::new();
    let at = Some(line.number);
    match &line.times {
        Err(why) => {
            let said = format!("{}: cron passes over the whole file", one_line(why, 120));
            traps.push(Trap::new(
                at,
                Costs::File,
                said,
                "mend its first five fields; see crontab(5)",
            ));
            return traps;
        }
        Ok(times) if times.never() => {
            let said = "there is no such day: it never fires";
            traps.push(Trap::new(at, Costs::Line, said, "`* * * * *` is every minute"));
        }
        Ok(_) => {}
    }
    traps.extend(user_column(tab, line, around));
    if line.ours.is_empty() {
        return traps;
    }
    if line.cut {
        let said = "there is a `%` in it: cron ends the command there, and hands the rest to its standard input";
        traps.push(Trap::new(at, Costs::Line, said, r"write `\%`"));
    }
    traps.extend(output(line, around));
    traps
}

fn user_column(tab: &Tab, line: &Line, around: &Around<'_>) -> Option<Trap> {
    let at = Some(line.number);
    let trap = |costs, said: String, hint: String| Some(Trap::new(at, costs, said, hint));
    match &line.user {
        Some(user) => {
            let program = !line.ours.is_empty()
                && user.rsplit('/').next().is_some_and(|name| name.starts_with("miraclemax"));
            if program || user.contains('/') {
                return trap(
                    Costs::File,
                    format!("the user is missing: cron takes `{}` for one", one_line(user, 60)),
                    format!("write `root` before `{}`", one_line(user, 60)),
                );
            }
            if (around.is_user)(user) == Some(false) {
                return trap(
                    Costs::File,
                    format!(
                        "there is no user `{}`: cron passes over the whole file",
                        one_line(user, 60)
                    ),
                    "write `root` there, or a user of `getent passwd`".to_owned(),
                );
            }
            None
        }
        None if !line.ours.is_empty() => {
            // A crontab of a user has no such column: the shell would look for a program of that name.
            let (first, rest) = line.command.split_once([' ', '\t'])?;
            let is_program = crate::judge::cron::command::ours(&format!("{first} heal"));
            let user = is_program.is_empty() && (around.is_user)(first) == Some(true);
            let next = rest.trim_start().split([' ', '\t']).next().unwrap_or_default();
            let then = !crate::judge::cron::command::ours(&format!("{next} heal")).is_empty();
            if !(user && then) {
                return None;
            }
            trap(
                Costs::Line,
                format!(
                    "it names a user, `{first}`, as only lines in /etc/crontab and /etc/cron.d do: here that is the command"
                ),
                format!("`{}`, and take `{first}` out", edit(tab)),
            )
        }
        None => None,
    }
}

fn edit(tab: &Tab) -> String {
    match &tab.whose {
        Whose::User(_) => "crontab -e".to_owned(),
        Whose::Dropped | Whose::System => format!("editor {}", tab.name),
    }
}

/// What becomes of what it prints.
fn output(line: &Line, around: &Around<'_>) -> Option<Trap> {
    // A job of somebody's own may print what it likes.
    let loud = line.ours.iter().any(|one| !one.quiet && one.does.speaks());
    if is_redirected(&line.command) {
        return None;
    }
    let at = Some(line.number);
    let every = match &line.times {
        Ok(times @ Times::Calendar(_)) => times.longest().map(human_duration),
        _ => None,
    };
    let every = every.map_or_else(String::new, |every| format!(", every {every}"));
    match line.mailto.as_deref() {
        Some("") if loud => Some(Trap::new(
            at,
            Costs::Nothing,
            format!("it prints at every run{every}, and `MAILTO` is empty: that is lost"),
            "add `-q`, and set `MAILTO=` to somebody",
        )),
        Some("") if !around.told_otherwise => Some(Trap::new(
            at,
            Costs::Nothing,
            "`MAILTO` is empty and no [[notify]] is configured: nobody is told of what is wrong",
            "set `MAILTO=` to somebody, or configure a [[notify]]",
        )),
        Some("") => None,
        to if loud => Some(Trap::new(
            at,
            Costs::Nothing,
            format!(
                "it prints at every run{every}, and cron mails that to {}",
                to.map_or_else(
                    || "the crontab's owner".to_owned(),
                    |to| format!("`{}`", one_line(to, 60))
                )
            ),
            "add `-q`: it is silent then unless something is wrong",
        )),
        _ => None,
    }
}
