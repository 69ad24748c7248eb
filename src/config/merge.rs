//! Several files read as one: lists of tables add up, `[defaults]` add up key by key, and a key that two
//! files set is a mistake that names both places.

use crate::model::node::{Entry, Node, Value};
use crate::model::place::{Place, Problems};

/// Keys whose tables add up.
const LISTS: [&str; 3] = ["service", "heartbeat", "notify"];

/// Adds the entries of another file to those so far.
pub(super) fn add(into: &mut Vec<Entry>, from: Vec<Entry>, problems: &mut Problems) {
    for entry in from {
        let Some(known) = into.iter_mut().find(|known| known.key == entry.key) else {
            into.push(entry);
            continue;
        };
        if LISTS.contains(&entry.key.as_str()) {
            let node = std::mem::replace(&mut known.node.value, Value::Null);
            let before = into_list(node, &known.node.place);
            let more = into_list(entry.node.value, &entry.node.place);
            known.node.value = Value::List(before.into_iter().chain(more).collect());
            continue;
        }
        match (&mut known.node.value, entry.node.value) {
            (Value::Table(known), Value::Table(more)) => add(known, more, problems),
            _ => problems.at(
                &entry.place,
                format!("`{}` is set twice, first at {}", entry.key, known.place),
            ),
        }
    }
}

fn into_list(value: Value, place: &Place) -> Vec<Node> {
    match value {
        Value::List(items) => items,
        Value::Null => Vec::new(),
        other => vec![Node { value: other, place: place.clone() }],
    }
}
