//! Restarts a container, which starts one that does not run (docs.docker.com/reference/api/engine, "Restart a container").
//! Whether that helped is for others to find out: a container that ends at once was restarted, too.

use std::time::Duration;

use crate::model::text::one_line;
use crate::sys::engine::{Container, Engine, Trouble, answer, cli};
use crate::sys::http;

/// An answer to a restart is empty, or a complaint.
const ANSWER: usize = 64 * 1024;
/// What of the limit is left for the start, once it was stopped.
const START: Duration = Duration::from_secs(10);

/// What became of a restart that the engine took on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restarted {
    /// It says that it is done.
    Done,
    /// It says that it could not, in its own words.
    Failed(String),
    /// It had not answered by the deadline.
    GoesOn,
}

impl Engine {
    /// Restarts it, and comes back by `limit`. It is given its own time to stop, as far as that is within the limit;
    /// then the engine kills it. An error when the engine was not asked, or does not know it.
    pub fn restart(&self, container: &Container, limit: Duration) -> Result<Restarted, Trouble> {
        let most = limit.saturating_sub(START).as_secs().max(1);
        let stop = container.stop_timeout().map_or(most, |own| own.min(most));
        let id = &container.id;
        if self.socket.is_none() {
            return cli::restart(self.brand, id, stop, limit);
        }
        match self.ask("POST", &format!("containers/{id}/restart?t={stop}"), ANSWER, limit) {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(Restarted::Done),
            Ok(answer) => match answer::refused(&answer.body) {
                Some(words) if !answer::is_missing(&words) => {
                    Ok(Restarted::Failed(one_line(words.trim(), 300)))
                }
                _ => Err(self.refused(&answer)),
            },
            Err(http::Trouble::Timeout(_)) => Ok(Restarted::GoesOn),
            Err(trouble) => Err(self.trouble(trouble)),
        }
    }
}
