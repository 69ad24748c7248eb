//! Which units are active, with what discovery wants to know of each: one `systemctl show` for all of them, and
//! how its answer reads. Decides nothing.

use std::net::SocketAddr;
use std::time::Duration;

use super::{absent, systemctl};
use crate::manager::reach::Reach;
use crate::model::discovery::{SocketUnit, Unit};
use crate::model::unit::ManagerKind;

/// What is asked for; `org.freedesktop.systemd1(5)` says what each means.
const PROPERTIES: &str = "Id,Names,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,Requires,Requisite,\
BindsTo,Wants,After,PartOf,Triggers,Listen";

/// The active services and sockets.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Active {
    /// Service units.
    pub units: Vec<Unit>,
    /// Socket units that listen on TCP addresses.
    pub sockets: Vec<SocketUnit>,
}

/// Asks this systemd; nothing where there is none.
pub fn active(manager: ManagerKind, reach: &Reach, limit: Duration) -> Result<Active, String> {
    if absent(manager, reach).is_some() {
        return Ok(Active::default());
    }
    let args = ["show", "-p", PROPERTIES];
    let output = systemctl(manager, &args, &["*.service", "*.socket"], reach, limit).run();
    if !output.ok() {
        return Err(format!("{} does not answer: {}", manager.word(), output.reason()));
    }
    Ok(parse(&output.text(), manager == ManagerKind::SystemdUser))
}

fn parse(text: &str, user: bool) -> Active {
    let mut active = Active::default();
    for block in text.split("\n\n") {
        let block = Block(block);
        let name = block.text("Id");
        if block.text("LoadState") != "loaded"
            || !matches!(block.text("ActiveState"), "active" | "reloading")
        {
            continue;
        }
        let file_state = block.text("UnitFileState").to_owned();
        if name.ends_with(".socket") {
            let listens: Vec<SocketAddr> = block.all("Listen").filter_map(address).collect();
            if !listens.is_empty() {
                let (name, triggers) = (name.to_owned(), block.words(&["Triggers"]));
                active.sockets.push(SocketUnit { name, user, file_state, listens, triggers });
            }
        } else if name.ends_with(".service") {
            let mut names = block.words(&["Id", "Names"]);
            names.sort();
            names.dedup();
            active.units.push(Unit {
                name: name.to_owned(),
                names,
                user,
                file_state,
                own: is_own(block.text("FragmentPath")),
                running: block.text("SubState") == "running",
                requires: block.words(&["Requires", "Requisite", "BindsTo"]),
                after: block.words(&["After"]),
                wants: block.words(&["Wants"]),
                part_of: block.words(&["PartOf"]),
            });
        }
    }
    active
}

/// Where people put their units, and packages do not (systemd.unit(5), "Unit File Load Path").
fn is_own(path: &str) -> bool {
    path.starts_with("/etc/systemd/") || path.contains("/.config/systemd/user/")
}

/// `[::]:22 (Stream)`; none for a datagram's and for a path.
fn address(listen: &str) -> Option<SocketAddr> {
    listen.strip_suffix(" (Stream)")?.parse().ok()
}

struct Block<'t>(&'t str);

impl<'t> Block<'t> {
    fn all(&self, key: &'t str) -> impl Iterator<Item = &'t str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
    }

    fn text(&self, key: &'t str) -> &'t str {
        self.all(key).next().unwrap_or_default()
    }

    fn words(&self, keys: &[&'t str]) -> Vec<String> {
        let lists = keys.iter().flat_map(|key| self.text(key).split_whitespace());
        lists.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_active_ones_are_read_and_the_others_are_not() {
        let text = "Listen=[::]:2222 (Stream)\nListen=/run/a.sock (Stream)\nListen=[::]:53 (Datagram)\n\
                    Id=a.socket\nTriggers=a.service\nLoadState=loaded\nActiveState=active\nSubState=listening\n\
                    UnitFileState=enabled\n\n\
                    Id=web.service\nNames=web.service www.service\nRequires=sysinit.target a.socket\nBindsTo=b.mount\n\
                    Wants=db.service\nAfter=db.service\nPartOf=all.service\nLoadState=loaded\nActiveState=active\n\
                    SubState=running\nFragmentPath=/etc/systemd/system/web.service\nUnitFileState=enabled\n\n\
                    Id=down.service\nLoadState=loaded\nActiveState=failed\n\n\
                    Id=gone.service\nLoadState=not-found\nActiveState=active\n\n\
                    Id=unix.socket\nListen=/run/b.sock (Stream)\nLoadState=loaded\nActiveState=active\n";
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let want = Active {
            units: vec![Unit {
                name: "web.service".into(),
                names: words(&["web.service", "www.service"]),
                user: false,
                file_state: "enabled".into(),
                own: true,
                running: true,
                requires: words(&["sysinit.target", "a.socket", "b.mount"]),
                after: words(&["db.service"]),
                wants: words(&["db.service"]),
                part_of: words(&["all.service"]),
            }],
            sockets: vec![SocketUnit {
                name: "a.socket".into(),
                user: false,
                file_state: "enabled".into(),
                listens: vec!["[::]:2222".parse().unwrap()],
                triggers: words(&["a.service"]),
            }],
        };
        assert_eq!(parse(text, false), want);
        assert_eq!(parse("", false), Active::default());
    }

    #[test]
    fn a_host_without_systemd_has_no_units_and_no_trouble() {
        let found = active(ManagerKind::Systemd, &Reach::nothing(), Duration::ZERO);
        assert_eq!(found, Ok(Active::default()));
    }
}
