//! The built binary, run as cron and people run it: without root, without real counterparts, each test on a host of
//! its own. What a single module computes is tested there, not here.

mod bad_input;
mod channels;
mod checking;
mod clock_jumps;
mod discovering;
mod drilling;
mod durations;
mod every_channel;
mod evidence;
mod folding;
mod full_disk;
mod healing;
mod hearing;
mod holding;
mod host_troubles;
mod hostile;
mod killed;
mod last_good;
mod logs;
mod lost;
mod mailing;
mod overlap;
mod own_installation;
mod pinging;
mod previewing;
mod processes;
mod registering;
mod remedies;
mod retrying;
mod routing;
mod send_test;
mod staleness;
mod status;
mod steady;
mod threading;
mod usage;
mod words;

/// A service that is up while `$DIR/up` is there, and whose restart puts it there.
const WEB: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["touch", "$DIR/up"]
"#;

/// One that nothing helps, with one attempt for a long time.
const HOPELESS: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["true"]
max_heals = "1 per 10m"
retry_after = "10h"
"#;

/// `FAST` and then these.
fn fast(services: &[&str]) -> String {
    format!("{}{}", crate::support::host::FAST, services.concat())
}
