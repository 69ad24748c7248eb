//! `needs` must name other services, and lead nowhere in a circle.

use std::collections::HashMap;

use crate::config::service::Placed;
use crate::model::place::{Place, Problems};
use crate::model::text::nearest;

/// Reports a name in `services` of a `[[notify]]` that no service has.
pub(super) fn exists(name: &str, place: &Place, services: &[Placed], problems: &mut Problems) {
    if !services.iter().any(|placed| placed.service.name == name) {
        missing("services", name, place, services, problems);
    }
}

fn missing(key: &str, name: &str, place: &Place, services: &[Placed], problems: &mut Problems) {
    let message = format!("`{key}` names `{name}`, which is no service here");
    match nearest(name, services.iter().map(|placed| placed.service.name.as_str())) {
        Some(near) => problems.at_with_hint(place, message, format!("did you mean `{near}`?")),
        None => problems.at(place, message),
    }
}

/// Reports names that no service has and circles, each circle once.
pub(super) fn check(services: &[Placed], problems: &mut Problems) {
    let index: HashMap<&str, usize> =
        services.iter().enumerate().rev().map(|(i, s)| (s.service.name.as_str(), i)).collect();
    let mut edges = Vec::with_capacity(services.len());
    for placed in services {
        let mut known = Vec::new();
        for (name, place) in placed.service.needs.iter().zip(&placed.needs) {
            if let Some(needed) = index.get(name.as_str()) {
                known.push((*needed, place));
                continue;
            }
            missing("needs", name, place, services, problems);
        }
        edges.push(known);
    }

    // Depth first with a path of its own: a long chain must not use up the stack.
    let mut done = vec![false; services.len()];
    for start in 0..services.len() {
        let mut path = vec![(start, 0)];
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            let Some((needed, place)) = (!done[node]).then(|| edges[node].get(*next)).flatten()
            else {
                done[node] = true;
                path.pop();
                continue;
            };
            *next += 1;
            if let Some(from) = path.iter().position(|(seen, _)| seen == needed) {
                let circle: Vec<_> = path[from..]
                    .iter()
                    .map(|(node, _)| *node)
                    .chain([*needed])
                    .map(|node| services[node].service.name.as_str())
                    .collect();
                let (message, hint) = if let [name, _] = circle[..] {
                    (format!("`{name}` needs itself"), "take it out")
                } else {
                    (
                        format!("`needs` goes in a circle: {}", circle.join(" -> ")),
                        "take one of them out: none could ever be healed first",
                    )
                };
                problems.at_with_hint(place, message, hint);
            } else if !done[*needed] {
                path.push((*needed, 0));
            }
        }
    }
}
