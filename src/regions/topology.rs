//! Which regions and which links between them work.

use std::collections::BTreeSet;

/// What does not work at the moment. Regions are numbered in the order of the options.
#[derive(Clone, Debug, Default)]
pub(super) struct Topology {
    cut: BTreeSet<(usize, usize)>,
    down: BTreeSet<usize>,
}

impl Topology {
    /// Whether changes travel from one region to another.
    pub fn is_connected(&self, from: usize, to: usize) -> bool {
        !self.cut.contains(&(from, to)) && !self.down.contains(&from) && !self.down.contains(&to)
    }
    /// Whether two regions can agree on something.
    pub fn can_agree(&self, one: usize, other: usize) -> bool {
        self.is_connected(one, other) && self.is_connected(other, one)
    }
    pub fn set_link(&mut self, from: usize, to: usize, works: bool) {
        if works {
            self.cut.remove(&(from, to));
        } else {
            self.cut.insert((from, to));
        }
    }
    pub fn set_region(&mut self, region: usize, is_up: bool) {
        if is_up {
            self.down.remove(&region);
        } else {
            self.down.insert(region);
        }
    }
    /// Everything works.
    pub fn heal(&mut self) {
        *self = Self::default();
    }
}
