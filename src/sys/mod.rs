//! The only doors outward: processes, network, files that may hang, clock, journal. Imports nothing of ours
//! but the words of `model`; decides nothing.

pub mod aside;
pub mod at_work;
pub mod clock;
pub mod connect;
pub mod crew;
pub mod dns;
pub mod engine;
pub mod exec;
pub mod files;
pub mod grown;
pub mod host;
pub mod http;
pub mod job;
pub mod journal;
pub mod journal_read;
pub mod made_up;
pub mod mail;
pub mod mounts;
pub mod names;
pub mod process;
pub mod programs;
pub mod secret;
pub mod signal;
pub mod sntp;
pub mod sockets;
mod timed;
pub mod tls;
pub mod unix;
pub mod why;
pub mod xmlrpc;
