//! What a command line runs of this program's: found word by word, so that what stands before it (`flock`, `chronic`,
//! `sh -c`) does not hide it. Runs nothing, and is no shell.

use std::path::Path;

/// The program, and the links that stand for one command of it.
const NAMES: [(&str, Option<&str>); 4] = [
    ("miraclemax", None),
    ("miraclemax-heartbeat", Some("ping")),
    ("miraclemax-self-heal", Some("heal")),
    ("miraclemax-status", Some("status")),
];
/// Options that take the next word for their value.
const WITH_VALUE: [&str; 18] = [
    "-c",
    "--config",
    "--state-dir",
    "--deadline",
    "--color",
    "--output",
    "-o",
    "--format",
    "--wait",
    "--retry-for",
    "--reason",
    "--pid",
    "--hold",
    "--body",
    "--exit-code",
    "--rid",
    "--timeout",
    "--max-age",
];

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// `heal` or `check` of every service: what keeps the state fresh.
    Cycle,
    /// `heal` or `check` of some services, or one that leaves the state alone.
    Part,
    /// `ping`, of all heartbeats or of one.
    Ping,
    /// `ping NAME -- COMMAND`: a job of somebody's own.
    Wrapped,
    /// `heal --drill`.
    Drill,
    /// `stale` or `status`.
    Look,
}

impl Does {
    /// Whether it prints something of its own though all is well, unless it is asked to be quiet.
    pub fn speaks(self) -> bool {
        self != Self::Wrapped
    }
}

/// One run of this program in a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// The program as it is written: a path, or a name that `PATH` has to lead to.
    pub program: String,
    /// See [`Does`].
    pub does: Does,
    /// The services or the heartbeat that are named.
    pub named: Vec<String>,
    /// `-q`: it prints nothing unless something is wrong.
    pub quiet: bool,
    /// The config that is named.
    pub config: Option<String>,
    /// The state directory that is named.
    pub state_dir: Option<String>,
}

/// Every run of this program in `line`.
pub fn ours(line: &str) -> Vec<Ours> {
    let words = words(line);
    let starts = words.iter().enumerate().filter_map(|(at, word)| {
        let name = Path::new(&word.text).file_name()?.to_str()?;
        let (_, stands_for) = NAMES.iter().find(|(known, _)| *known == name)?;
        run(&word.text, *stands_for, &words[at + 1..])
    });
    starts.collect()
}

fn run(program: &str, stands_for: Option<&str>, rest: &[Word]) -> Option<Ours> {
    let mut found = Ours {
        program: program.to_owned(),
        does: Does::Look,
        named: Vec::new(),
        quiet: false,
        config: None,
        state_dir: None,
    };
    let mut command = stands_for.map(str::to_owned);
    let (mut flags, mut wrapped) = (Vec::new(), false);
    let mut rest = rest.iter().take_while(|word| !word.ends_command);
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        if text == "--" {
            wrapped = true;
            break;
        }
        if text.starts_with('-') && text.len() > 1 {
            let (key, value) = text.split_once('=').map_or((text, None), |(k, v)| (k, Some(v)));
            let takes = WITH_VALUE.contains(&key) && value.is_none();
            let value = value
                .map(str::to_owned)
                .or_else(|| if takes { rest.next().map(|word| word.text.clone()) } else { None });
            match key {
                "-c" | "--config" => found.config = value,
                "--state-dir" => found.state_dir = value,
                _ => {}
            }
            // Short options may stand together: `-qv`.
            let short = !key.starts_with("--") && key.contains('q');
            found.quiet |= key == "--quiet" || short;
            flags.push(key.to_owned());
        } else if command.is_none() {
            command = Some(text.to_owned());
        } else {
            found.named.push(text.to_owned());
        }
    }
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    found.does = match command?.as_str() {
        "heal" if has("--drill") => Does::Drill,
        "heal" | "check" => {
            let leaves = ["--dry-run", "--self", "--discover", "--hold", "--release"];
            let whole = found.named.is_empty() && !leaves.iter().any(|flag| has(flag));
            if whole { Does::Cycle } else { Does::Part }
        }
        "ping" if wrapped => Does::Wrapped,
        "ping" if has("--register") || has("--verify") || has("--pause") => Does::Look,
        "ping" => Does::Ping,
        "stale" | "status" => Does::Look,
        _ => return None,
    };
    Some(found)
}

struct Word {
    text: String,
    /// A command ends before it.
    ends_command: bool,
}

/// The words of a line as a shell would part them, roughly: what is quoted is parted too, for it may be a line of its
/// own (`sh -c '…'`).
fn words(line: &str) -> Vec<Word> {
    let (mut words, mut text, mut ends) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    // A last space ends the last word.
    while let Some(c) = chars.next().or_else(|| (!text.is_empty()).then_some(' ')) {
        match c {
            '\\' => text.extend(chars.next()),
            '\'' | '"' => {}
            ' ' | '\t' | ';' | '&' | '|' | '(' | ')' | '<' | '>' | '`' => {
                // `2>&1`: the number belongs to the sign.
                if matches!(c, '<' | '>') && text.bytes().all(|byte| byte.is_ascii_digit()) {
                    text.clear();
                }
                if !text.is_empty() {
                    words.push(Word { text: std::mem::take(&mut text), ends_command: ends });
                    ends = false;
                }
                ends |= !matches!(c, ' ' | '\t');
            }
            c => text.push(c),
        }
    }
    words
}

/// Whether what the line prints goes somewhere: to a file, another program or nowhere.
pub fn is_redirected(line: &str) -> bool {
    line.contains('>') || line.replace("||", "").contains('|')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_whatever_stands_around_it() {
        for (line, want) in [
            ("miraclemax heal -q", Some(("miraclemax", Does::Cycle, true))),
            (
                "/usr/local/bin/miraclemax check",
                Some(("/usr/local/bin/miraclemax", Does::Cycle, false)),
            ),
            ("miraclemax -q heal", Some(("miraclemax", Does::Cycle, true))),
            ("miraclemax -c /etc/mm.toml heal -qv", Some(("miraclemax", Does::Cycle, true))),
            ("miraclemax --deadline 2m check --wait 5s", Some(("miraclemax", Does::Cycle, false))),
            ("miraclemax heal web", Some(("miraclemax", Does::Part, false))),
            ("miraclemax heal --dry-run", Some(("miraclemax", Does::Part, false))),
            ("miraclemax heal --drill --notify -q", Some(("miraclemax", Does::Drill, true))),
            ("miraclemax ping", Some(("miraclemax", Does::Ping, false))),
            (
                "miraclemax ping backups --timeout 2h -- /bin/backup heal",
                Some(("miraclemax", Does::Wrapped, false)),
            ),
            ("miraclemax-heartbeat", Some(("miraclemax-heartbeat", Does::Ping, false))),
            (
                "/opt/miraclemax-self-heal -q >/dev/null 2>&1",
                Some(("/opt/miraclemax-self-heal", Does::Cycle, true)),
            ),
            ("miraclemax-status", Some(("miraclemax-status", Does::Look, false))),
            ("flock -n /run/mm miraclemax heal", Some(("miraclemax", Does::Cycle, false))),
            ("miraclemax heal 2>/dev/null", Some(("miraclemax", Does::Cycle, false))),
            ("sh -c 'cd / && miraclemax heal -q'", Some(("miraclemax", Does::Cycle, true))),
            (
                "[ -x /bin/miraclemax ] && /bin/miraclemax heal",
                Some(("/bin/miraclemax", Does::Cycle, false)),
            ),
            (
                "chronic \"/bin/miraclemax\" heal; true",
                Some(("/bin/miraclemax", Does::Cycle, false)),
            ),
            ("backup --to miraclemax", None),
            ("miraclemax", None),
            ("miraclemaxed heal", None),
            ("rm -rf /var/lib/miraclemax/old", None),
            ("", None),
        ] {
            let found = ours(line);
            let found = found.first().map(|one| (one.program.as_str(), one.does, one.quiet));
            assert_eq!(found, want, "{line}");
        }
        let two = ours("miraclemax heal -q; miraclemax ping main");
        assert_eq!(two.len(), 2);
        assert_eq!((two[1].does, two[1].named.as_slice()), (Does::Ping, &["main".to_owned()][..]));
        let named = ours("miraclemax --config=/a.toml --state-dir /b heal");
        assert_eq!(named[0].config.as_deref(), Some("/a.toml"));
        assert_eq!(named[0].state_dir.as_deref(), Some("/b"));
        assert_eq!(named[0].does, Does::Cycle);
    }

    #[test]
    fn output_that_goes_somewhere_is_known() {
        for (line, want) in [
            ("miraclemax heal", false),
            ("miraclemax heal >/dev/null", true),
            ("miraclemax heal 2>&1 | logger", true),
            ("miraclemax heal || true", false),
        ] {
            assert_eq!(is_redirected(line), want, "{line}");
        }
    }
}
