//! The only doors outward: processes, network, files that may hang, clock, journal. Imports nothing of ours
//! but the words of `model`; decides nothing.

pub mod clock;
pub mod exec;
pub mod http;
pub mod job;
pub mod secret;
