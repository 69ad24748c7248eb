//! Which finding needs which, by what systemd was told about them. Never makes a circle.

use std::collections::BTreeMap;

use super::Draft;
use crate::model::discovery::Seen;

/// Fills in [`crate::model::discovery::Finding::needs`]: first what a unit cannot be without, then what it starts
/// after, then what it wants; what would close a circle with those before is left out.
pub(super) fn link(drafts: &mut [Draft], seen: &Seen) {
    let mut edges: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let kinds: [fn(&Draft) -> &Vec<String>; 3] =
        [|draft| &draft.requires, |draft| &draft.after, |draft| &draft.wants];
    for kind in kinds {
        for (from, draft) in drafts.iter().enumerate() {
            for unit in kind(draft) {
                for to in named(unit, drafts, seen) {
                    let there = edges.get(&from).is_some_and(|list| list.contains(&to));
                    if !there && !reaches(&edges, to, from) {
                        edges.entry(from).or_default().push(to);
                    }
                }
            }
        }
    }
    for (from, list) in edges {
        let mut names: Vec<_> = list.iter().map(|to| drafts[*to].finding.name.clone()).collect();
        names.sort();
        drafts[from].finding.needs = names;
    }
}

/// The findings that a unit's name leads to: itself, else the parts of a wrapper (`postgresql.service` runs
/// nothing; its clusters are part of it).
fn named(unit: &str, drafts: &[Draft], seen: &Seen) -> Vec<usize> {
    let mark = format!("systemd:{unit}");
    let by = |test: &dyn Fn(&Draft) -> bool| {
        let found = drafts.iter().enumerate().filter(|(_, draft)| test(draft));
        found.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let itself = by(&|draft| draft.finding.marks.contains(&mark));
    if !itself.is_empty() {
        return itself;
    }
    let names = seen.units.iter().find(|known| known.names.iter().any(|name| name == unit));
    by(&|draft| {
        draft
            .part_of
            .iter()
            .any(|whole| whole == unit || names.is_some_and(|known| known.names.contains(whole)))
    })
}

/// Whether `to` is `from`, or `from` needs it, by way of others too.
fn reaches(edges: &BTreeMap<usize, Vec<usize>>, from: usize, to: usize) -> bool {
    let (mut open, mut seen) = (vec![from], Vec::new());
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if !seen.contains(&at) {
            seen.push(at);
            open.extend(edges.get(&at).into_iter().flatten());
        }
    }
    false
}
