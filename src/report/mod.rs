//! What a run found, in one form a file: how it looks for whom. Knows the model and nothing else; decides
//! nothing, sends nothing.

pub mod cause;
pub mod discovered;
pub mod email;
pub mod leaving;
pub mod looks;
mod manual;
pub mod nagios;
pub mod ping;
pub mod scene;
pub mod screen;
pub mod services;
pub mod summary;
pub mod text;
mod wrap;
