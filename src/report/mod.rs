//! What a run found, in one form a file: how it looks for whom. Decides nothing, sends nothing.

pub mod cause;
pub mod email;
mod manual;
pub mod ping;
mod wrap;
