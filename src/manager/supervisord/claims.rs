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
    // A program without a `user` of its own runs as supervisord does.
    let user = manager.and_then(process::uid).map(process::user_name);
    Claims {
        unit: None,
        shared: manager.and_then(process::unit),
        present: own.iter().filter_map(|process| process.pid).collect(),
        others: all
            .iter()
            .filter(|p| !own.contains(p))
            .filter_map(|p| p.pid)
            .chain(manager)
            .collect(),
        program: own.first().and_then(|process| program(process, &config.ok()?, user)),
    }
}

fn program(process: &Process, config: &Value, user: Option<String>) -> Option<Program> {
    let Value::List(items) = config else { return None };
    let of =
        |item: &&Value| item.text("name") == process.name && item.text("group") == process.group;
    let item = items.iter().find(of)?;
    let user = match item.get("uid") {
        Some(Value::Int(uid)) => Some(process::user_name(u32::try_from(*uid).ok()?)),
        _ => user,
    };
    Program::of_line(item.text("command"), user)
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
        let of = |unit: &str| program(named(unit, &all)[0], &config, Some("max".into()));
        let back = of("back").unwrap();
        assert_eq!(back.exe, PathBuf::from("/bin/sh"));
        assert_eq!((back.line.as_str(), back.user.as_deref()), ("/bin/sh -c exit 4", Some("max")));
        assert_eq!(of("web"), None, "`sleep` is no absolute path");
    }
}
