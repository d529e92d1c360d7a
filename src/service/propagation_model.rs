//! A model of what the service really promises of a global index: that a change arrives there in the end.
//!
//! Index entries are written at once, as always. What the model keeps beside them, in memory, is the entry that each
//! changed item had before, until the change has had time to arrive; a read shows that entry in place of the newer ones.
//! So the model touches neither log nor files: a crash loses nothing, and a database that is opened again begins with
//! every change arrived. Changes of one item arrive in their order, those of different items do not.

use crate::{capacity::ModelTime, clock::Clock, faults::Delay, random::mix, schema::EncodedKey};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};

/// A replica that reads are answered from now and then, and that is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StaleReplica {
    /// Reads of a thousand that it answers, 0 to 1,000.
    pub reads_per_thousand: u32,
    /// Milliseconds by which changes arrive there later than elsewhere.
    pub behind_millis: u64,
}

/// Modelled propagation of changes to a global index, by the database's [`Clock`](crate::Clock).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexLag {
    /// How long changes take.
    pub delay: Delay,
    /// A replica that is behind; without, one read never shows less than the one before.
    pub stale: StaleReplica,
    /// The same seed draws the same delays and replicas for the same operations in the same order.
    pub seed: u64,
}

/// The modelled lag of an index, and how much is on its way there; see [`Database::index_lag`](crate::Database::index_lag).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct IndexLagReport {
    /// The model.
    pub lag: IndexLag,
    /// Changes that have not arrived yet.
    pub pending_changes: usize,
    /// Milliseconds until the last of them arrives; 0 if there is none.
    pub longest_millis: u64,
}

/// Where an item's entry is and what it carries.
pub type PlacedEntry = (EncodedKey, Bytes);

/// Changes on their way to one index.
#[derive(Debug)]
pub struct PendingPropagation {
    lag: IndexLag,
    /// A clock that is set back keeps no change on its way for longer.
    time: ModelTime,
    state: Mutex<PropagationState>,
}

/// Changes that are recorded between two looks for what has arrived, at least.
const LOOK_EVERY: usize = 1_000;

#[derive(Debug, Default)]
struct PropagationState {
    drawn: u64,
    reads: u64,
    /// By the item's place in its table.
    on_their_way: BTreeMap<EncodedKey, VecDeque<Change>>,
    /// Changes that may be recorded until what has arrived is taken away.
    until_look: usize,
}

impl PropagationState {
    /// Removes the changes that have arrived everywhere, also at a replica that is `behind_millis` behind.
    fn forget_arrived(&mut self, behind_millis: u64, now_millis: u64) {
        self.on_their_way.retain(|_, changes| {
            while changes.front().is_some_and(|change| change.due_millis.saturating_add(behind_millis) <= now_millis) {
                changes.pop_front();
            }
            !changes.is_empty()
        });
        self.until_look = LOOK_EVERY.max(self.on_their_way.len());
    }
}

#[derive(Debug)]
struct Change {
    due_millis: u64,
    before: Option<PlacedEntry>,
}

impl PendingPropagation {
    /// Nothing is on its way yet.
    pub fn new(lag: IndexLag) -> Self {
        Self { lag, time: ModelTime::default(), state: Mutex::default() }
    }

    fn now_millis(&self, clock: &Clock) -> u64 {
        self.time.of(|| clock.now_millis())
    }

    /// An item's entry has been changed from `before`. The caller holds the lock of the item's partition.
    pub fn record(&self, item: &EncodedKey, before: Option<PlacedEntry>, clock: &Clock) {
        let now_millis = self.now_millis(clock);
        let mut state = self.state.lock();
        // An index that no request reads keeps no more than twice what is on its way.
        if state.until_look == 0 {
            state.forget_arrived(self.lag.stale.behind_millis, now_millis);
        }
        state.until_look -= 1;
        state.drawn += 1;
        let due_millis = now_millis.saturating_add(self.lag.delay.draw(mix(self.lag.seed ^ mix(state.drawn))));
        let changes = state.on_their_way.entry(item.clone()).or_default();
        let due_millis = changes.back().map_or(due_millis, |last| last.due_millis.max(due_millis));
        changes.push_back(Change { due_millis, before });
    }

    /// The model, and what is on its way now.
    pub fn report(&self, clock: &Clock) -> IndexLagReport {
        let now_millis = self.now_millis(clock);
        let state = self.state.lock();
        let changes = state.on_their_way.values().flatten();
        let left = changes.map(|change| change.due_millis.saturating_sub(now_millis)).filter(|millis| *millis > 0);
        let (pending_changes, longest_millis) =
            left.fold((0, 0), |(count, most), millis| (count + 1, millis.max(most)));
        IndexLagReport { lag: self.lag, pending_changes, longest_millis }
    }

    /// The items whose newest entries one read does not see yet, each with the entry that it sees instead.
    pub fn stale_entries(&self, clock: &Clock) -> BTreeMap<EncodedKey, Option<PlacedEntry>> {
        let now_millis = self.now_millis(clock);
        let mut state = self.state.lock();
        state.reads += 1;
        let stale = self.lag.stale;
        state.forget_arrived(stale.behind_millis, now_millis);
        let chance = mix(self.lag.seed.rotate_left(32) ^ mix(state.reads)) % 1000;
        let behind_millis = if chance < u64::from(stale.reads_per_thousand) { stale.behind_millis } else { 0 };
        let seen_before = state.on_their_way.iter().filter_map(|(item, changes)| {
            let first = changes.iter().find(|change| change.due_millis.saturating_add(behind_millis) > now_millis);
            first.map(|change| (item.clone(), change.before.clone()))
        });
        seen_before.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_no_request_reads_keeps_what_is_on_its_way_alone() {
        let lag = IndexLag { delay: Delay::Fixed(100), stale: StaleReplica::default(), seed: 1 };
        let (pending, clock) = (PendingPropagation::new(lag), Clock::manual(0));
        for at in 0..20_000u64 {
            clock.set_millis(at);
            pending.record(&EncodedKey::new(0, &at.to_be_bytes(), b""), None, &clock);
        }
        assert!(pending.state.lock().on_their_way.len() <= 2 * LOOK_EVERY);
        assert_eq!(pending.report(&clock).pending_changes, 100);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nothing_on_its_way_for_longer() {
        let lag = IndexLag { delay: Delay::Fixed(100), stale: StaleReplica::default(), seed: 1 };
        let (pending, clock) = (PendingPropagation::new(lag), Clock::manual(10_000));
        pending.record(&EncodedKey::new(0, b"a", b""), None, &clock);
        let seen = [5_000, 5_099, 5_100].map(|now| {
            clock.set_millis(now);
            pending.stale_entries(&clock).len()
        });
        assert_eq!(seen, [1, 1, 0]);
    }
}
