//! What can be tried. One file a strategy: what it does, when it refuses, its tests.

/// A healing strategy, as written in `healing_strategies`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Restart it through its manager.
    ServiceRestart,
    /// End a stale copy of it that holds its port.
    PortConflict,
    /// Validate its config, and put back the one that worked.
    ConfigValidation,
}

impl Strategy {
    /// Every name with its strategy.
    pub const ALL: [(&'static str, Self); 3] = [
        ("service_restart", Self::ServiceRestart),
        ("port_conflict", Self::PortConflict),
        ("config_validation", Self::ConfigValidation),
    ];

    /// As it is written in the config.
    pub fn word(self) -> &'static str {
        match self {
            Self::ServiceRestart => "service_restart",
            Self::PortConflict => "port_conflict",
            Self::ConfigValidation => "config_validation",
        }
    }
}
