//! What the tests stand on.

pub(crate) mod certs;
pub(crate) mod curl;
pub(crate) mod host;
pub(crate) mod machine;
pub(crate) mod nagios;
pub(crate) mod pings;
pub(crate) mod place;
pub(crate) mod prometheus;
pub(crate) mod real;
pub(crate) mod sink;
pub(crate) mod smtp;
pub(crate) mod strace;
pub(crate) mod supervisor;
