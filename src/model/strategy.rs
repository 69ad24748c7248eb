//! The names of what can be tried, as a ladder holds them. Values only: what each of them does is in `remedy`,
//! which of them is worth trying in `judge`.

/// A healing strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Have it read its config again through its manager. Not named in `healing_strategies`: `reload_first` puts
    /// it before [`Self::ServiceRestart`].
    ServiceReload,
    /// Restart it through its manager.
    ServiceRestart,
    /// End a stale copy of it that holds its port.
    PortConflict,
    /// Validate its config, and put back the one that worked.
    ConfigValidation,
    /// Make room where a file system is full.
    DiskCleanup,
    /// Run a program of the user's.
    Command,
    /// Reboot the host: the last resort.
    Reboot,
}

impl Strategy {
    /// Every one that `healing_strategies` can name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("service_restart", Self::ServiceRestart),
        ("port_conflict", Self::PortConflict),
        ("config_validation", Self::ConfigValidation),
        ("disk_cleanup", Self::DiskCleanup),
        ("command", Self::Command),
        ("reboot", Self::Reboot),
    ];

    /// As it is written in config, state and output.
    pub fn word(self) -> &'static str {
        match self {
            Self::ServiceReload => "service_reload",
            Self::ServiceRestart => "service_restart",
            Self::PortConflict => "port_conflict",
            Self::ConfigValidation => "config_validation",
            Self::DiskCleanup => "disk_cleanup",
            Self::Command => "command",
            Self::Reboot => "reboot",
        }
    }

    /// Whether it can do nothing for a service that no manager knows.
    pub fn needs_manager(self) -> bool {
        match self {
            Self::ServiceReload
            | Self::ServiceRestart
            | Self::PortConflict
            | Self::ConfigValidation => true,
            Self::DiskCleanup | Self::Command | Self::Reboot => false,
        }
    }

    /// Whether it can heal a service without another run of its unit: then the same instance proves nothing
    /// against it.
    pub fn keeps_the_instance(self) -> bool {
        match self {
            Self::ServiceReload | Self::DiskCleanup | Self::Command => true,
            Self::ServiceRestart | Self::PortConflict | Self::ConfigValidation | Self::Reboot => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_the_word_of_its_strategy() {
        for (name, strategy) in Strategy::ALL {
            assert_eq!(strategy.word(), name);
        }
    }
}
