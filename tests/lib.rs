//! The integration tests: one binary, so that it links once. Each module says what belongs in it.

mod contrib;
mod generated;
mod layers;
mod readme;
mod support;

#[path = "real/support_smoke.rs"]
mod support_smoke;
