//! What all probes of one look share: the units asked for beforehand, and tables that are read at most once,
//! and only if a probe wants them. Reads nothing by itself.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::model::unit::{Found, UnitName};
use crate::sys::process::{self, Process};
use crate::sys::sockets::Sockets;

type Table<T> = Arc<Result<T, String>>;

/// See the module.
#[derive(Debug, Default)]
pub struct Seen {
    /// What the managers said, for every unit that a probe looks at ([`super::Probe::unit`]): a probe itself
    /// cannot reach a manager.
    pub units: HashMap<UnitName, Found>,
    processes: OnceLock<Table<Vec<Process>>>,
    sockets: OnceLock<Table<Sockets>>,
}

impl Seen {
    /// With these units, and nothing else read so far.
    pub fn new(units: HashMap<UnitName, Found>) -> Self {
        Self { units, ..Self::default() }
    }

    /// The process table; read `again`, it is this caller's alone.
    pub(super) fn processes(&self, again: bool) -> Table<Vec<Process>> {
        shared(&self.processes, again, process::all)
    }

    /// The listening sockets; read `again`, they are this caller's alone.
    pub(super) fn sockets(&self, again: bool) -> Table<Sockets> {
        shared(&self.sockets, again, Sockets::read)
    }
}

fn shared<T>(kept: &OnceLock<Table<T>>, again: bool, read: fn() -> Result<T, String>) -> Table<T> {
    if again { Arc::new(read()) } else { kept.get_or_init(|| Arc::new(read())).clone() }
}
