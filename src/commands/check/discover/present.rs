//! What a config looks after already, in the words of discovery. Looks at nothing.

use std::net::IpAddr;

use crate::config::{Config, Service};
use crate::manager::Choice;
use crate::manager::systemd::unit_name;
use crate::model::discovery::Present;
use crate::probe::Probe;

/// Its services.
pub(super) fn services(config: &Config) -> Vec<Present> {
    config.services.iter().map(service).collect()
}

fn service(service: &Service) -> Present {
    let mut marks = match &service.manager {
        Choice::Systemd { unit, .. } => vec![format!("systemd:{unit}")],
        Choice::Supervisord { program } => vec![format!("supervisord:{program}")],
        Choice::Auto => {
            let unit = unit_name(&service.name).ok().map(|unit| format!("systemd:{unit}"));
            unit.into_iter().chain([format!("supervisord:{}", service.name)]).collect()
        }
        Choice::Container { name, .. } => vec![format!("container:{name}")],
        Choice::Launchd { .. } | Choice::Commands(_) => Vec::new(),
    };
    marks.extend(service.probes.iter().filter_map(|probe| mark(&probe.text)));
    // The service's own `port` is a probe, too.
    let ports = service.probes.iter().filter_map(local_port).collect();
    Present { name: service.name.clone(), marks, ports }
}

/// What a probe in short form says about whom it looks at.
fn mark(text: &str) -> Option<String> {
    let (kind, target) = text.split_once(':')?;
    let target = target.split('?').next()?;
    match kind {
        "systemd" => unit_name(target).ok().map(|unit| format!("systemd:{unit}")),
        "docker" | "podman" => Some(format!("container:{target}")),
        "supervisord" | "container" => Some(format!("{kind}:{target}")),
        _ => None,
    }
}

/// The port of this host that a probe looks at.
fn local_port(probe: &Probe) -> Option<u16> {
    let here = probe.host().is_none_or(|host| {
        let ip = host.parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
    });
    probe.port().filter(|_| here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Source};

    fn present(text: &str) -> Vec<Present> {
        let source = Source { path: "c.toml".into(), text: text.into() };
        services(&config::parse(&[source]).unwrap())
    }

    #[test]
    fn the_port_of_a_probe_counts_only_when_it_is_of_this_host() {
        for (text, want) in [
            ("port:8080", Some(8080)),
            ("port:8080?owner=web", Some(8080)),
            ("tcp:localhost:5432", Some(5432)),
            ("tcp:127.0.0.1:5432?timeout=1s", Some(5432)),
            ("tcp:[::1]:6379", Some(6379)),
            ("tcp:db.example.org:5432", None),
            ("http://127.0.0.1:8080/health?a=b:9#status=200", Some(8080)),
            ("http://localhost/health", Some(80)),
            ("https://[::1]/", Some(443)),
            ("tls:127.0.0.1:8443", Some(8443)),
            ("https://books.example.org:443/", None),
            ("disk:/var", None),
        ] {
            let text = format!("[[service]]\nname = \"a\"\nchecks = [\"{text}\"]\n");
            assert_eq!(present(&text)[0].ports, Vec::from_iter(want), "{text}");
        }
    }

    #[test]
    fn a_service_is_known_by_its_unit_its_program_and_its_probes() {
        let text = "[[service]]\nname = \"a\"\nunit = \"web\"\nport = 80\n\
                    [[service]]\nname = \"b\"\nchecks = [\"systemd:nginx\", \"tcp:localhost:81\"]\n\
                    [[service]]\nname = \"c\"\nsupervisord = \"site:web\"\n\
                    [[service]]\nname = \"d\"\nchecks = [\"docker:shop\"]\npodman = \"books\"\n";
        let present = present(text);
        assert_eq!(present[0].marks, ["systemd:web.service"]);
        assert_eq!(present[0].ports[0], 80);
        assert_eq!(
            present[1].marks,
            ["systemd:b.service", "supervisord:b", "systemd:nginx.service"]
        );
        assert_eq!(present[1].ports, [81]);
        assert_eq!(present[2].marks, ["supervisord:site:web"]);
        assert_eq!(present[3].marks, ["container:books", "container:shop"]);
    }
}
