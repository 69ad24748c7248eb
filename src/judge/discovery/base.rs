//! What every host has, and what of the rest speaks something else than HTTP: two tables with their reasons.

/// Units that are left out: the host itself, not what people rely on it for. `ssh` is not here: it is a way in
/// that people miss at the worst moment. A `*` at the end stands for anything.
const BASE: [&str; 78] = [
    // The first process's own parts, sessions and consoles: systemd looks after them, and a restart of some
    // ends everybody's session.
    "systemd-*",
    "user@*",
    "user-runtime-dir@*",
    "session-*",
    "init.scope",
    "getty@*",
    "serial-getty@*",
    "console-getty",
    "container-getty@*",
    "autovt@*",
    "emergency",
    "rescue",
    // Restarting the message bus breaks what is connected to it.
    "dbus",
    "dbus-broker",
    "polkit",
    "udev",
    "udisks2",
    "accounts-daemon",
    "rtkit-daemon",
    "colord",
    "upower",
    "power-profiles-daemon",
    "switcheroo-control",
    "bluetooth",
    "ModemManager",
    // What would run miraclemax itself: it cannot look after its own clock; the heartbeat does.
    "cron",
    "crond",
    "cronie",
    "anacron",
    "atd",
    "miraclemax*",
    // The log.
    "rsyslog",
    "syslog*",
    "auditd",
    // The network and names: when they are down, a restart from here seldom helps, and may cut the way in.
    "networking",
    "NetworkManager*",
    "network-dispatcher",
    "networkd-dispatcher",
    "wpa_supplicant*",
    "dhcpcd*",
    "ifup@*",
    "dhclient*",
    "resolvconf",
    "connman",
    "avahi-daemon",
    "nscd",
    "sssd*",
    "rpcbind",
    "rpc-*",
    "nfs-*",
    "ufw",
    "firewalld",
    "nftables",
    // The clock: the probe `clock:` says whether it is right.
    "chrony",
    "chronyd",
    "ntp",
    "ntpd",
    "ntpsec",
    "openntpd",
    // Upkeep that comes and goes.
    "unattended-upgrades",
    "packagekit",
    "snapd*",
    "fwupd*",
    "apt-*",
    "cups*",
    "irqbalance",
    "thermald",
    "lvm2-*",
    "mdmonitor",
    "multipathd",
    // Guests' agents: the hypervisor or the cloud looks after them.
    "qemu-guest-agent",
    "open-vm-tools",
    "vgauth",
    "cloud-*",
    "walinuxagent",
    // Engines: to restart one ends every container on the host; the containers are looked at one by one.
    "docker",
    "containerd",
    "podman",
];

/// Programs whose protocol is another: asked for a page they write an alarming line into their log (redis calls
/// it a possible attack) or count a failed login. Versions may follow after a `-`.
pub(super) const SPEAKS_ANOTHER: [&str; 34] = [
    "redis-server",
    "valkey-server",
    "keydb-server",
    "memcached",
    "postgres",
    "pgbouncer",
    "mysqld",
    "mariadbd",
    "mongod",
    "mongos",
    "sshd",
    "dropbear",
    "master",
    "exim4",
    "sendmail",
    "dovecot",
    "imap",
    "smbd",
    "nmbd",
    "slapd",
    "ns-slapd",
    "named",
    "dnsmasq",
    "unbound",
    "pdns_server",
    "mosquitto",
    "beam.smp",
    "epmd",
    "vsftpd",
    "proftpd",
    "rsync",
    "nfsd",
    "turnserver",
    "rpcbind",
];

/// Whether a unit, by its full name, is part of the base system.
pub(super) fn is_base(unit: &str) -> bool {
    let stem = super::stem(unit);
    BASE.iter().any(|known| match known.strip_suffix('*') {
        Some(start) => unit.starts_with(start),
        None => stem == *known || unit == *known,
    })
}
