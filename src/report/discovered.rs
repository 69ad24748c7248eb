//! What runs here, as a configuration to begin with: TOML with comments that say what was seen. The same findings
//! give the same text; whatever a name holds, it stays inside its quotes and its comment.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::model::discovery::{Finding, Findings, Runner};
use crate::model::text::{one_line, plural};
use crate::report::wrap::wrap_to;

/// Wide enough for a terminal.
const WIDTH: usize = 80;

/// For a host on which nothing was found: the host itself, which is enough for a config, and an example.
const SKELETON: &str = r#"
[[service]]
name = "host"
checks = ["disk:/", "inodes:/", "memory:", "load:"]
heal = "off"

# [[service]]
# name = "nginx"                  # also the name of its unit
# port = 80
# checks = ["http://127.0.0.1/"]
"#;

/// The whole file.
pub fn config(found: &Findings) -> String {
    let count = found.services.len();
    let mut text = if count == 0 {
        "# `miraclemax check --discover` found no service here that it could name.\n".to_owned()
    } else {
        comment(&format!(
            "What `miraclemax check --discover` found on this host: {}. Take out what nobody relies on, and add \
             what it could not see: workers without a port, jobs, backups.",
            plural(count, "service")
        ))
    };
    text.push_str(
        "#\n\
         #   miraclemax check --dry-run      is this file valid\n\
         #   miraclemax check                look at everything once\n\
         #   miraclemax heal --dry-run       what heal would do now, and why\n\
         #\n\
         # All keys are in miraclemax-config(5).\n",
    );
    if count == 0 {
        text.push_str(SKELETON);
    }
    text.push_str(&services(&found.services));
    let mut rest = String::new();
    for (unit, addrs) in &found.base {
        rest.push_str(&item(unit, addrs, "left out: part of the base system"));
    }
    for (program, addrs) in &found.unmanaged {
        rest.push_str(&item(program, addrs, "no manager restarts it"));
    }
    if !rest.is_empty() {
        text.push_str("\n# Also listening:\n");
        text.push_str(&rest);
    }
    text
}

/// `present` as it is, and after it the services that it lacks.
pub fn merged(present: &str, lacking: &[Finding]) -> String {
    if lacking.is_empty() {
        return present.to_owned();
    }
    let end = if present.is_empty() || present.ends_with('\n') { "" } else { "\n" };
    let head = "\n# Found by `miraclemax check --discover --merge`:\n";
    format!("{present}{end}{head}{}", services(lacking))
}

fn services(found: &[Finding]) -> String {
    found.iter().map(service).collect()
}

fn service(found: &Finding) -> String {
    let mut text = format!("\n{}", comment(&seen(found)));
    for remark in &found.remarks {
        text.push_str(&comment(remark));
    }
    text.push_str(&format!("[[service]]\nname = {}\n", quoted(&found.name)));
    let mut checks: Vec<String> = Vec::new();
    match &found.runner {
        Runner::Unit { unit, user } => {
            text.push_str(&format!("unit = {}\n", quoted(unit)));
            if *user {
                text.push_str("scope = \"user\"\n");
            }
        }
        Runner::Program(program) => {
            text.push_str(&format!("supervisord = {}\n", quoted(program)));
        }
        Runner::Container { engine, name } => {
            text.push_str(&format!("{engine} = {}\n", quoted(name)));
        }
    }
    if let Some(port) = found.ports.first() {
        text.push_str(&format!("port = {}\n", port.number));
    }
    for (at, port) in found.ports.iter().enumerate() {
        match &port.check {
            Some(check) => checks.push(check.clone()),
            // The first is looked at by `port` already.
            None if at == 0 => {}
            None => checks.push(format!("port:{}", port.number)),
        }
    }
    if !checks.is_empty() {
        text.push_str(&list("checks", &checks));
    }
    if !found.needs.is_empty() {
        text.push_str(&list("needs", &found.needs));
    }
    text
}

/// `redis-server.service: listens on 127.0.0.1:6379 (redis-server)`.
fn seen(found: &Finding) -> String {
    let who = match &found.runner {
        Runner::Unit { unit, .. } => unit.clone(),
        Runner::Program(program) => format!("supervisord's {program}"),
        Runner::Container { name, .. } => format!("container {name}"),
    };
    if found.ports.is_empty() {
        return format!("{who}: runs, and listens on no TCP port");
    }
    let ports = found.ports.iter().map(|port| {
        let program = port.program.as_ref().map(|name| format!(" ({name})"));
        let said = port.said.as_ref().map(|said| format!(", {said}"));
        let (program, said) = (program.unwrap_or_default(), said.unwrap_or_default());
        format!("{}{program}{said}", addresses(&port.addrs))
    });
    format!("{who}: listens on {}", ports.collect::<Vec<_>>().join("; "))
}

fn item(name: &str, addrs: &[SocketAddr], why: &str) -> String {
    let text = one_line(&format!("{name} on {}: {why}", addresses(addrs)), 400);
    wrap_to(WIDTH, "#   ", "#     ", &text)
}

fn addresses(addrs: &[SocketAddr]) -> String {
    // The same port over IPv4 and IPv6 is one thing to a person.
    let mut ports: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for addr in addrs {
        ports.entry(addr.port()).or_default().push(addr.to_string());
    }
    ports.into_values().map(|list| list.join(" and ")).collect::<Vec<_>>().join(", ")
}

fn comment(text: &str) -> String {
    wrap_to(WIDTH, "# ", "# ", &one_line(text, 600))
}

/// `key = ["a", "b"]`, on several lines where one is too short.
fn list(key: &str, items: &[String]) -> String {
    let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
    let line = format!("{key} = [{}]\n", items.join(", "));
    if line.chars().count() <= WIDTH {
        return line;
    }
    let items: String = items.iter().map(|item| format!("  {item},\n")).collect();
    format!("{key} = [\n{items}]\n")
}

/// A TOML basic string (toml.io/en/v1.0.0#string).
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
