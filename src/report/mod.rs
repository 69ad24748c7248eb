//! What a run found, in words: one file a form. Pure: values in, text out; writes nowhere.

pub mod ping;
