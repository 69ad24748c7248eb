//! What supervisord has on record about a program's processes, and about its other programs'.

use std::time::Duration;

use crate::manager::claims::{Claims, Program};
use crate::manager::reach::Reach;
use crate::manager::supervisord::facts::{Process, named};
use crate::manager::supervisord::{all, ask};
use crate::sys::clock::Deadline;
use crate::sys::process;
use crate::sys::xmlrpc::Value;

/// Nothing where supervisord does not answer.
pub(crate) fn claims(unit: &str, reach: &Reach, limit: Duration) -> Claims {
    let deadline = Deadline::after(limit);
    let Some(server) = &reach.supervisord else { return Claims::default() };
    let Ok(all) = all(server, deadline.left()) else { return Claims::default() };
    let own = named(unit, &all);
    let config = ask(server, "getAllConfigInfo", &[], deadline.left());
    let manager = match ask(server, "getPID", &[], deadline.left()) {
        Ok(Value::Int(pid)) => u32::try_from(pid).ok(),
        _ => None,
    };
    let item = config.ok().and_then(|config| item(own.first()?, &config));
    // A program without a `user` of its own runs as supervisord does.
    let user = match item.as_ref().and_then(|item| item.int("uid")) {
        Some(uid) => u32::try_from(uid).ok(),
        None => manager.and_then(process::uid),
    };
    Claims {
        unit: None,
        shared: manager.and_then(process::unit),
        present: own.iter().filter_map(|process| process.pid).collect(),
        others: all
            .iter()
            .filter(|process| !own.contains(process))
            .filter_map(|process| process.pid)
            .chain(manager)
            .collect(),
        program: item.and_then(|item| Program::of_line(item.text("command"))),
        user: user.map(process::user_name),
    }
}

/// What is configured for a process.
fn item(process: &Process, config: &Value) -> Option<Value> {
    let Value::List(items) = config else { return None };
    items
        .iter()
        .find(|item| item.text("name") == process.name && item.text("group") == process.group)
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::supervisord::facts;
    use crate::sys::xmlrpc;
    use std::path::PathBuf;

    #[test]
    fn the_program_is_read_as_supervisord_4_2_5_tells_it() {
        let read = |text| xmlrpc::parse(text).unwrap();
        let config = read(include_str!("../../../tests/fixtures/supervisord/config-4.2.5.xml"));
        let all =
            facts::parse(&read(include_str!("../../../tests/fixtures/supervisord/all-4.2.5.xml")));
        let of = |unit: &str| {
            Program::of_line(item(named(unit, &all)[0], &config).unwrap().text("command"))
        };
        let back = of("back").unwrap();
        assert_eq!(back.exe, PathBuf::from("/bin/sh"));
        assert_eq!(back.line, "/bin/sh -c exit 4");
        assert_eq!(of("web"), None, "`sleep` is no absolute path");
    }
}
