//! The integration tests: one binary, so that it links once. Each module says what belongs in it.

mod cli;
mod contrib;
mod generated;
mod layers;
mod readme;
mod support;

#[path = "real/support_smoke.rs"]
mod support_smoke;

#[path = "real/alertmanager.rs"]
mod alertmanager;
#[path = "real/apprise.rs"]
mod apprise;
#[path = "real/bare_host.rs"]
mod bare_host;
#[path = "real/beside_plugins.rs"]
mod beside_plugins;
#[path = "real/containers.rs"]
mod containers;
#[path = "real/containers_heal.rs"]
mod containers_heal;
#[path = "real/cron_heals.rs"]
mod cron_heals;
#[path = "real/discovery_scene.rs"]
mod discovery_scene;
#[path = "real/dogstatsd_client.rs"]
mod dogstatsd_client;
#[path = "real/drill.rs"]
mod drill;
#[path = "real/evidence.rs"]
mod evidence;
#[path = "real/hands_off.rs"]
mod hands_off;
#[path = "real/heartbeat_scene.rs"]
mod heartbeat_scene;
#[path = "real/http_requests.rs"]
mod http_requests;
#[path = "real/logs.rs"]
mod logs;
#[path = "real/names_and_sockets.rs"]
mod names_and_sockets;
#[path = "real/otlp_collector.rs"]
mod otlp_collector;
#[path = "real/own_installation.rs"]
mod own_installation;
#[path = "real/package_upgrade.rs"]
mod package_upgrade;
#[path = "real/pushgateway.rs"]
mod pushgateway;
#[path = "real/remedies.rs"]
mod remedies;
#[path = "real/servers.rs"]
mod servers;
#[path = "real/silent_mail.rs"]
mod silent_mail;
#[path = "real/supervisord_heals.rs"]
mod supervisord_heals;
#[path = "real/timers.rs"]
mod timers;
#[path = "real/user_units.rs"]
mod user_units;
