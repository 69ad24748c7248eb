//! `needs` must name other services, and lead nowhere in a circle.

use std::collections::HashMap;

use crate::config::service::Placed;
use crate::model::place::Problems;
use crate::model::text::nearest;

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
            let message = format!("`needs` names `{name}`, which is no service here");
            let names = services.iter().map(|s| s.service.name.as_str());
            match nearest(name, names) {
                Some(near) => {
                    problems.at_with_hint(place, message, format!("did you mean `{near}`?"));
                }
                None => problems.at(place, message),
            }
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
