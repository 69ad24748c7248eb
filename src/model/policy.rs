//! How patient, how eager and how stubborn the program is about one service. Values only.

use std::time::Duration;

use crate::model::window::Window;

/// At most `count` attempts in any `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Attempts allowed; at least 1.
    pub count: u32,
    /// The sliding window they are counted in.
    pub window: Duration,
}

/// At most so many attempts on the whole host, whatever its services' own budgets allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// In one run; at least 1.
    pub run: u32,
    /// In any 24 hours; at least 1.
    pub day: u32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { run: 20, day: 100 }
    }
}

/// When up and down in turns counts as flapping, in percent of the last 20 changes of verdict that could have
/// been, the newer ones weighing more. Two thresholds, so that it does not flap in and out of flapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flapping {
    /// It begins at this share or above, 1 to 100.
    pub start: u8,
    /// It ends below this share; lower than `start`.
    pub stop: u8,
}

/// What to do about a unit that somebody stopped cleanly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenStopped {
    /// Start it again.
    Heal,
    /// Leave it, and say so.
    Respect,
}

/// `[defaults]`, or a service's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Bound on one look of one probe.
    pub timeout: Duration,
    /// Looks in one run before a probe that is not up is believed.
    pub tries: u32,
    /// Pause between them.
    pub gap: Duration,
    /// Consecutive failed cycles before DOWN.
    pub fail_after: u32,
    /// Consecutive good cycles before UP again.
    pub recover_after: u32,
    /// How long after an attempt the probes may take to turn up.
    pub verify_for: Duration,
    /// How long they must then stay up.
    pub stable_for: Duration,
    /// How long a unit may be on its way up before that counts as down.
    pub start_grace: Duration,
    /// How long after the host's boot nothing is healed: services come up by themselves then.
    pub boot_grace: Duration,
    /// Attempts allowed in a window; used up means giving up.
    pub max_heals: Budget,
    /// Pause after a failed attempt; doubles with each, up to `cooldown_max`.
    pub cooldown: Duration,
    /// The longest pause it grows to.
    pub cooldown_max: Duration,
    /// Pause after giving up before one more attempt is made (half-open).
    pub retry_after: Duration,
    /// When healing stops because it does not hold; `None` never.
    pub flapping: Option<Flapping>,
    /// So many heals in a window are told, because no restart mends their cause; `None` never.
    pub repeats: Option<Budget>,
    /// How often an incident that goes on is told again; `None` never.
    pub remind_every: Option<Duration>,
    /// What a clean stop means.
    pub when_stopped: WhenStopped,
    /// Windows in which it is looked at, but neither healed nor told of.
    pub maintenance: Vec<Window>,
    /// Windows in which people are not told of it unless it is critical; they are told afterwards.
    pub quiet_hours: Vec<Window>,
    /// False: look and tell, never touch.
    pub heal: bool,
}

impl Default for Policy {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            timeout: secs(10),
            tries: 2,
            gap: secs(1),
            fail_after: 1,
            recover_after: 1,
            verify_for: secs(30),
            stable_for: secs(5),
            start_grace: secs(90),
            boot_grace: secs(120),
            max_heals: Budget { count: 5, window: secs(600) },
            cooldown: secs(10),
            cooldown_max: secs(300),
            retry_after: secs(3600),
            // A service that fails in every cycle and is healed in each has reached 50 % at most when it is down
            // for the fifth time, 55 % at least for the sixth: the budget's five heals are made, no sixth.
            flapping: Some(Flapping { start: 55, stop: 25 }),
            repeats: Some(Budget { count: 3, window: secs(7 * 24 * 3600) }),
            remind_every: None,
            when_stopped: WhenStopped::Heal,
            maintenance: Vec::new(),
            quiet_hours: Vec::new(),
            heal: true,
        }
    }
}
