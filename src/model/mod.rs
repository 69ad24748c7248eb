//! The words everyone speaks. Plain values and the rules that belong to them; imports nothing of ours,
//! reads no clock, touches no file, starts nothing.

pub mod course;
pub mod discovery;
pub mod fields;
pub mod finding;
mod hidden_url;
pub mod hold;
pub mod incident;
pub mod leaving;
pub mod letter;
pub mod measure;
pub mod node;
pub mod occasion;
pub mod place;
pub mod policy;
pub mod range;
pub mod reachable;
pub mod repeats;
pub mod scene;
pub mod schedule;
pub mod scrub;
pub mod secret;
pub mod state;
pub mod story;
pub mod strategy;
pub mod text;
pub mod time;
pub mod trail;
pub mod unit;
pub mod units;
pub mod verdict;
pub mod window;
