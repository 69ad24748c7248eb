//! What a probe leaves behind for its own next look in a later run: how far a log was read, how much CPU time a
//! process had used, how bad it was. Kept in the state; never shown.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::model::state::State;
use crate::model::verdict::Look;

/// By names that the kind of probe chooses. A value that is not what the kind expects is as good as none: an
/// older or newer version may have left it.
pub type Trail = BTreeMap<String, Value>;

/// The trails of one service, by the short form of the probe that left each.
pub type Trails = BTreeMap<String, Trail>;

/// What a probe finds of its last look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Before {
    /// Nothing is ever kept: a probe given on the spot.
    #[default]
    Nowhere,
    /// It will be kept, and this is what there is; empty at the first look.
    Kept(Arc<Trail>),
}

impl Before {
    /// What was left under `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Nowhere => None,
            Self::Kept(trail) => trail.get(name),
        }
    }

    /// All of it; empty when nothing is kept.
    pub fn kept(&self) -> Arc<Trail> {
        match self {
            Self::Nowhere => Arc::default(),
            Self::Kept(trail) => Arc::clone(trail),
        }
    }

    /// Whether what is left now will be there the next time.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

/// The trails that are there before a look, of all services.
#[derive(Debug, Default)]
pub struct Left(HashMap<String, HashMap<String, Arc<Trail>>>);

impl Left {
    /// What the last cycle left.
    pub fn by(state: &State) -> Self {
        let mut left = Self::default();
        for (service, state) in &state.services {
            left.put(service, &state.trails);
        }
        left
    }

    /// These trails of `service`, and none of its older ones.
    pub fn put(&mut self, service: &str, trails: &Trails) {
        if trails.is_empty() {
            self.0.remove(service);
            return;
        }
        let trails = trails.iter().map(|(probe, trail)| (probe.clone(), Arc::new(trail.clone())));
        self.0.insert(service.to_owned(), trails.collect());
    }

    /// What `probe` of `service` finds.
    pub fn of(&self, service: &str, probe: &str) -> Before {
        let trail = self.0.get(service).and_then(|trails| trails.get(probe)).cloned();
        Before::Kept(trail.unwrap_or_default())
    }
}

/// The trails among `looks`.
pub fn trails(looks: &[Look]) -> Trails {
    let left = looks.iter().filter(|look| !look.trail.is_empty());
    left.map(|look| (look.probe.clone(), (*look.trail).clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_probe_finds_its_own_trail_and_a_new_one_an_empty_one() {
        let trail = |n: u32| Trail::from([("offset".to_owned(), json!(n))]);
        let mut left = Left::default();
        left.put("web", &Trails::from([("log:/a".to_owned(), trail(7))]));
        assert_eq!(left.of("web", "log:/a").get("offset"), Some(&json!(7)));
        assert_eq!(left.of("web", "log:/b"), Before::Kept(Arc::default()));
        left.put("web", &Trails::from([("log:/b".to_owned(), trail(8))]));
        assert_eq!(left.of("web", "log:/a"), Before::Kept(Arc::default()));
        assert!(left.of("db", "log:/a").is_kept() && !Before::Nowhere.is_kept());
    }
}
