//! What to believe and what to do about it: pure functions from what was seen and what is remembered. Reads
//! no clock, starts nothing, imports only the model.

pub mod attempts;
pub mod budget;
pub mod flapping;
pub mod freshness;
pub mod obstacle;
pub mod order;
pub mod plan;
pub mod settle;
pub mod severity;
pub mod transition;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod support;
