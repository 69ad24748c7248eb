//! What to believe and what to do about it: pure functions from what was seen and what is remembered. Reads
//! no clock, starts nothing, imports only the model.
//!
//! One run over one service, as it is called; the state is saved where it says so:
//! ```text
//! order::waves, order::blocked_by
//! transition(verdict)                       -> a flip to tell
//! plan -> settle                            -> a flip to tell
//!   Heal { left }: for up to `left` rungs of the ladder::Ladder
//!     begin_attempt, save, act and verify, end_attempt, save
//!     healed: transition(up), done          -> the flip that closes the incident
//!   none healed: plan -> settle once more   -> told at once when that was the last attempt
//! save
//! ```

pub mod allowance;
pub mod attempts;
pub mod brake;
pub mod budget;
pub mod cron;
pub mod discovery;
pub mod flapping;
pub mod freshness;
pub mod hold;
pub mod ladder;
pub mod last_resort;
pub mod obstacle;
pub mod order;
pub mod outages;
pub mod plan;
pub mod remind;
pub mod repeats;
pub mod schedule;
pub mod settle;
pub mod severity;
pub mod since;
pub mod timers;
pub mod transition;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod support;
