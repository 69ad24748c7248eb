//! `port:8080`: somebody on this host listens there, and who. Looks at LISTEN sockets only, never at clients;
//! opens no connection.

use crate::model::fields::Fields;
use crate::model::text::{human_duration, one_line};
use crate::probe::{Answer, At};
use crate::sys::process;
use crate::sys::sockets::Listener;

/// Which port, and whose it must be.
#[derive(Debug, Clone)]
pub struct Port {
    port: u16,
    owner: Option<String>,
}

impl Port {
    /// `target` is a port number. Key: `owner` (a program's file name or path, a user, or a unit: one of them
    /// must match).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let owner = fields.word("owner");
        let port = target.parse().ok().filter(|port| *port != 0);
        if port.is_none() {
            let message = format!("`{target}` is not a port from 1 to 65535");
            fields.problem("target", message, Some("write `port:8080`".into()));
        }
        Some(Self { port: port?, owner })
    }

    pub(super) fn of(port: u16) -> Self {
        Self { port, owner: None }
    }

    pub(super) const fn number(&self) -> u16 {
        self.port
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        match &*at.seen.sockets(at.again) {
            Ok(sockets) => self.judge(&sockets.on(self.port)),
            Err(why) => Answer::unknown(why),
        }
    }

    fn judge(&self, listeners: &[Listener]) -> Answer {
        let Some(first) = oldest(listeners) else {
            return Answer::down(format!("nobody listens on port {}", self.port));
        };
        let shown = shown(first, listeners);
        let Some(owner) = &self.owner else { return Answer::up(format!("listening: {shown}")) };
        if listeners.iter().any(|listener| owned(listener, owner)) {
            return Answer::up(format!("listening: {shown}"));
        }
        let asked = format!("port {} is held by {shown}, not by `{owner}`", self.port);
        if listeners.iter().any(|listener| listener.pid.is_none()) {
            let why = "this user may not see who listens";
            return Answer::unknown(format!(
                "port {}: {why}, so not whether it is `{owner}`",
                self.port
            ));
        }
        Answer::down(asked)
    }
}

/// Of several that share a socket the oldest is the one that opened it.
fn oldest(listeners: &[Listener]) -> Option<&Listener> {
    listeners.iter().min_by_key(|listener| (listener.start.is_none(), listener.start))
}

fn owned(listener: &Listener, owner: &str) -> bool {
    let exe = listener.exe.as_ref().and_then(|exe| exe.to_str());
    let unit = listener.unit.as_deref();
    exe == Some(owner)
        || exe.and_then(|exe| exe.rsplit('/').next()) == Some(owner)
        || listener.name.as_deref() == Some(owner)
        || listener.user.as_deref() == Some(owner)
        || unit == Some(owner)
        || unit.and_then(|unit| unit.strip_suffix(".service")) == Some(owner)
}

fn shown(first: &Listener, all: &[Listener]) -> String {
    let Some(pid) = first.pid else {
        let user = first.user.as_ref().map(|user| format!(" of user {user}"));
        return format!("a process{} that this user may not see", user.unwrap_or_default());
    };
    let called = first.called().unwrap_or_else(|| "a process".into());
    let mut words = vec![format!("pid {pid}")];
    words.extend(first.user.as_ref().map(|user| format!("user {user}")));
    words.extend(first.unit.as_ref().map(|unit| format!("unit {unit}")));
    // Asked for again by pid, so the start must still be the same one's.
    let age = process::one(pid).filter(|known| Some(known.start) == first.start);
    words.extend(age.map(|known| format!("for {}", human_duration(known.age()))));
    let mut pids: Vec<_> = all.iter().filter_map(|listener| listener.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    if pids.len() > 1 {
        words.push(format!("and {} more", pids.len() - 1));
    }
    one_line(&format!("{called} ({})", words.join(", ")), 200)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::Verdict;
    use crate::probe::tests::{look, problem};
    use std::net::{TcpListener, TcpStream};

    fn listener(pid: Option<u32>) -> Listener {
        Listener {
            addr: "0.0.0.0:80".parse().unwrap(),
            pid,
            start: pid.map(u64::from),
            name: pid.map(|_| "nginx".into()),
            exe: pid.map(|_| "/usr/sbin/nginx".into()),
            user: Some("root".into()),
            unit: pid.map(|_| "web.service".into()),
        }
    }

    #[test]
    fn the_listener_is_shown_with_pid_user_and_age() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let seen = look(&format!("port:{port}"));
        assert_eq!(seen.verdict, Verdict::Up);
        let me = format!("(pid {}, user ", std::process::id());
        assert!(seen.detail.starts_with("listening: miraclemax"), "{seen:?}");
        assert!(seen.detail.contains(&me) && seen.detail.contains(", for "), "{seen:?}");
    }

    #[test]
    fn a_client_of_a_gone_server_is_nobody_listening() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = server.local_addr().unwrap();
        let client = TcpStream::connect(addr).unwrap();
        let (kept, _) = server.accept().unwrap();
        drop(server);
        let seen = look(&format!("port:{}", addr.port()));
        let want = format!("nobody listens on port {}", addr.port());
        assert_eq!(seen.verdict, Verdict::Down(want));
        drop((client, kept));
    }

    #[test]
    fn the_owner_may_be_a_program_a_user_or_a_unit() {
        for (owner, want) in [
            ("nginx", "up"),
            ("/usr/sbin/nginx", "up"),
            ("root", "up"),
            ("web", "up"),
            ("web.service", "up"),
            ("python3", "down"),
        ] {
            let port = Port { port: 80, owner: Some(owner.into()) };
            let found = [listener(Some(7)), listener(Some(9))];
            assert_eq!(port.judge(&found).verdict.word(), want, "{owner}");
        }
    }

    #[test]
    fn one_that_may_not_be_seen_counts_as_listening_but_not_as_the_owner() {
        let hidden = [listener(None)];
        let seen = Port::of(80).judge(&hidden);
        assert_eq!(
            seen,
            Answer::up("listening: a process of user root that this user may not see")
        );
        let owned = Port { port: 80, owner: Some("nginx".into()) }.judge(&hidden);
        assert_eq!(owned.verdict.word(), "unknown");
    }

    #[test]
    fn a_port_is_a_number() {
        assert!(problem("port:http").contains("`http` is not a port from 1 to 65535"));
    }
}
