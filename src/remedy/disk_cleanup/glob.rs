//! Which files a pattern may mean. Strict, because what it matches is removed: absolute, in a directory that is
//! named in full, never in one where the system's own files are. Looks at no file.

use std::path::PathBuf;

use glob::{MatchOptions, Pattern};

/// Where nothing is ever removed.
const NEVER: [&str; 11] =
    ["bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "sbin", "sys", "usr"];
/// The same rules as a shell's: a `*` means no name that begins with a dot.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// A pattern such as `/var/log/app/*.gz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    text: String,
    dirs: Vec<Part>,
    name: Pattern,
}

/// A directory on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Of this name.
    Named(String),
    /// Each whose name matches.
    Like(Pattern),
}

impl Glob {
    /// Reads one; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("`{text}` is not an absolute path"));
        };
        let mut dirs = Vec::new();
        let mut parts: Vec<&str> = path.split('/').collect();
        let name = parts.pop().unwrap_or_default();
        for part in parts.iter().chain([&name]) {
            match *part {
                "" | "." | ".." => return Err(format!("`{text}` has a part that is no name")),
                part if part.contains("**") => {
                    return Err(format!("`{text}`: `**` goes too deep; name the directories"));
                }
                _ => {}
            }
        }
        for part in &parts {
            dirs.push(if is_literal(part) {
                Part::Named((*part).to_owned())
            } else {
                Part::Like(pattern(part)?)
            });
        }
        let Some(Part::Named(first)) = dirs.first() else {
            return Err(format!("`{text}` must begin with a directory that is named in full"));
        };
        let local = matches!(dirs.get(1), Some(Part::Named(second)) if second == "local");
        if NEVER.contains(&first.as_str()) && !(first == "usr" && local) {
            return Err(format!("nothing in `/{first}` is ever removed"));
        }
        Ok(Self { text: text.to_owned(), dirs, name: pattern(name)? })
    }

    /// As it is written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The directory up to which it is named in full.
    pub(super) fn base(&self) -> PathBuf {
        let named = self.dirs.iter().map_while(|part| match part {
            Part::Named(name) => Some(name.as_str()),
            Part::Like(_) => None,
        });
        std::iter::once("/").chain(named).collect()
    }

    /// The directories on the way, in order.
    pub(super) fn dirs(&self) -> &[Part] {
        &self.dirs
    }

    /// Whether it means a file of this name.
    pub(super) fn means(&self, name: &str) -> bool {
        self.name.matches_with(name, OPTIONS)
    }
}

/// Whether a directory's name is meant.
pub(super) fn is_like(pattern: &Pattern, name: &str) -> bool {
    pattern.matches_with(name, OPTIONS)
}

fn is_literal(part: &str) -> bool {
    !part.contains(['*', '?', '['])
}

fn pattern(part: &str) -> Result<Pattern, String> {
    Pattern::new(part).map_err(|err| format!("`{part}` is no pattern: {}", err.msg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_must_say_where_it_is() {
        for (text, want) in [
            ("/var/log/app/*.gz", Ok("/var/log/app")),
            ("/srv/*/cache/*", Ok("/srv")),
            ("/var/core", Ok("/var")),
            ("/usr/local/app/log/*.[0-9]", Ok("/usr/local/app/log")),
            ("var/log/*.gz", Err("not an absolute path")),
            ("/*", Err("named in full")),
            ("/core", Err("named in full")),
            ("/*/log/x", Err("named in full")),
            ("/var/log/../../etc/*", Err("no name")),
            ("/var//log/*", Err("no name")),
            ("/var/log/", Err("no name")),
            ("/var/**/*.gz", Err("goes too deep")),
            ("/var/log/[a", Err("is no pattern")),
            ("/etc/*.bak", Err("nothing in `/etc`")),
            ("/usr/lib/*", Err("nothing in `/usr`")),
            ("/usr/*/log/x", Err("nothing in `/usr`")),
            ("/proc/1/*", Err("nothing in `/proc`")),
        ] {
            match (Glob::parse(text), want) {
                (Ok(glob), Ok(base)) => assert_eq!(glob.base(), PathBuf::from(base), "{text}"),
                (Err(why), Err(want)) => assert!(why.contains(want), "{text}: {why}"),
                (got, want) => panic!("{text}: {got:?}, wanted {want:?}"),
            }
        }
    }

    #[test]
    fn a_star_means_no_hidden_file() {
        let glob = Glob::parse("/var/log/app/*.gz").unwrap();
        assert!(glob.means("a.gz") && !glob.means(".a.gz") && !glob.means("a.gz.new"));
    }
}
