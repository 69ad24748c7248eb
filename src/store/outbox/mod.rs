//! Notifications, recorded before they are sent, so that neither a killed run nor a mail server that hangs
//! loses one, and no story is told twice. Sends nothing itself.
//!
//! `outbox/ID.json` waits; `outbox/done/ID.json` is what stays of one that was delivered or given up on;
//! `outbox/taken/CHANNEL.json` is there while a letter of several is noted at each of them;
//! `outbox/threads/` has the first message of each incident.

mod entry;
mod files;
mod orphans;
mod pending;
mod receipt;
mod record;
#[cfg(test)]
mod testing;
mod threads;

pub use entry::{Delivery, Done, Entry, id};
pub use orphans::Orphans;
pub use pending::{Pending, Turn, pending, take_turn, waiting};
pub use receipt::Receipt;
pub use record::{Recorded, done, is_for, record, update};
pub use threads::{Thread, begun, told};
