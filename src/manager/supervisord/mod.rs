//! supervisord over XML-RPC: how it is asked. `supervisorctl` is never started: it costs a Python a call.

pub(crate) mod act;
pub(crate) mod claims;
pub(crate) mod facts;
pub mod listing;
pub mod server;

use std::collections::HashMap;
use std::time::Duration;

use crate::manager::reach::Reach;
use crate::manager::supervisord::facts::Process;
use crate::manager::supervisord::server::Server;
use crate::model::unit::Found;
use crate::sys::exec::shown;
use crate::sys::xmlrpc::{Failure, Value, call};

/// The name of a program, as `supervisorctl` takes it.
pub(crate) fn program_name(text: &str) -> Result<String, String> {
    let odd = text.chars().any(|c| c.is_whitespace() || c.is_control());
    if text.is_empty() || odd || text.starts_with('-') || text.matches(':').count() > 1 {
        Err(format!("`{text}` is not the name of a program"))
    } else {
        Ok(text.to_owned())
    }
}

/// A `supervisorctl` as a person would type it.
pub(crate) fn typed(args: &[&str], server: Option<&Server>) -> String {
    let mut words = vec!["supervisorctl"];
    if let Some(server) = server.filter(|server| !server.usual) {
        words.extend(["-s", &server.address]);
    }
    words.extend(args);
    shown(&words.into_iter().map(str::to_owned).collect::<Vec<_>>())
}

/// One call.
pub(crate) fn ask(
    server: &Server,
    method: &str,
    params: &[Value],
    limit: Duration,
) -> Result<Value, Failure> {
    let endpoint = server.endpoint().map_err(Failure::Trouble)?;
    call(&endpoint, &format!("supervisor.{method}"), params, limit)
}

/// Every process that it looks after.
pub(crate) fn all(server: &Server, limit: Duration) -> Result<Vec<Process>, Failure> {
    ask(server, "getAllProcessInfo", &[], limit).map(|answer| facts::parse(&answer))
}

/// Asks once about all of `units`. Every one of them is in the answer.
pub(crate) fn show(units: &[&str], reach: &Reach, limit: Duration) -> HashMap<String, Found> {
    let each = |found: &dyn Fn(&str) -> Found| {
        units.iter().map(|unit| ((*unit).to_owned(), found(unit))).collect()
    };
    let Some(server) = &reach.supervisord else {
        return each(&|unit| Found::Nowhere(format!("supervisord `{unit}` (none on this host)")));
    };
    match all(server, limit) {
        Ok(all) => each(&|unit| facts::found(unit, &all)),
        Err(failure) => {
            let why = format!("supervisord at `{}` cannot be asked: {failure}", server.address);
            each(&|_| Found::Unknown(why.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_supervisord_is_answered_at_once() {
        let found = show(&["web"], &Reach::nothing(), Duration::ZERO);
        assert_eq!(found["web"], Found::Nowhere("supervisord `web` (none on this host)".into()));
    }

    #[test]
    fn a_socket_that_nobody_listens_on_is_unknown_not_down() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let address = format!("unix://{}", path.display());
        let mut reach = Reach::nothing();
        reach.supervisord = Some(Server { address, login: None, usual: false });
        let found = show(&["web"], &reach, Duration::from_secs(5));
        let Found::Unknown(why) = &found["web"] else { panic!("{found:?}") };
        assert!(why.contains("connection refused"), "{why}");
    }

    #[test]
    fn the_command_for_people_names_a_server_that_is_not_the_usual_one() {
        let mut server =
            Server { address: "unix:///run/supervisor.sock".into(), login: None, usual: true };
        assert_eq!(typed(&["restart", "many:*"], Some(&server)), "supervisorctl restart 'many:*'");
        server.usual = false;
        assert_eq!(
            typed(&["status", "web"], Some(&server)),
            "supervisorctl -s unix:///run/supervisor.sock status web"
        );
    }
}
