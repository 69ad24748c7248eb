//! What starts programs at times on this host: cron, timers of systemd, jobs of launchd. Reads and asks; changes nothing,
//! and judges nothing.

pub mod cron;
pub mod launchd;
pub mod timers;
