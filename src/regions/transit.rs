//! Changes on their way over one link: when each arrives.

use super::options::LinkModel;
use crate::{engine::StampedChange, faults::mix, schema::EncodedKey};
use std::collections::{BTreeMap, HashMap};

/// Changes that a link keeps in memory; what is behind them stays in the log.
const MAX_PENDING: usize = 50_000;
/// What a change takes in memory besides its item and key, in bytes.
const OVERHEAD_BYTES: usize = 400;

/// A change on its way.
#[derive(Clone, Debug)]
pub(super) struct OnItsWay {
    /// The name of its table.
    pub table: String,
    /// The number of the receiver's table of that name when it was sent.
    pub to_table: u32,
    pub change: StampedChange,
    /// When it was committed, by the time of the world, in milliseconds since 1970.
    pub sent_millis: u64,
}

impl OnItsWay {
    fn bytes(&self) -> usize {
        let key = &self.change.key;
        let new = self.change.new.as_ref().map_or(0, |new| new.len());
        OVERHEAD_BYTES + new + 2 * (key.collection().len() + key.sort().len())
    }
}

/// The changes on their way over a link, by when they arrive.
#[derive(Debug)]
pub(super) struct Transit {
    model: LinkModel,
    seed: u64,
    /// Changes that were sent so far: those that arrive at the same time do so in this order.
    sent: u64,
    by_arrival: BTreeMap<(u64, u64), OnItsWay>,
    /// For each item with changes on their way, how many those are and when the last one arrives.
    last_of_item: HashMap<(u32, EncodedKey), (u32, u64)>,
    /// Changes of each commit that did not arrive yet.
    commits: BTreeMap<u64, u32>,
    bytes: usize,
    /// Bytes that there is room for.
    room_bytes: usize,
}

impl Transit {
    pub fn new(model: LinkModel, seed: u64, room_bytes: usize) -> Self {
        let (by_arrival, last_of_item, commits) = (BTreeMap::new(), HashMap::new(), BTreeMap::new());
        Self { model, seed, sent: 0, by_arrival, last_of_item, commits, bytes: 0, room_bytes }
    }
    /// The same link, with nothing on its way.
    pub fn emptied(&self) -> Self {
        Self { sent: self.sent, ..Self::new(self.model, self.seed, self.room_bytes) }
    }
    pub fn model(&self) -> LinkModel {
        self.model
    }
    /// From now on. What is on its way keeps its time.
    pub fn set_model(&mut self, model: LinkModel) {
        self.model = model;
    }
    /// Sends a change.
    pub fn send(&mut self, change: OnItsWay) {
        // By commit and item and not by the order of calls, so that it does not matter how often the log was looked at.
        let random = mix(self.seed ^ mix(change.change.commit) ^ change.change.key.token());
        let arrival = change.sent_millis.saturating_add(self.model.lag.draw(random));
        let item = (change.change.table, change.change.key.clone());
        let (count, last) = self.last_of_item.entry(item).or_default();
        (*count, *last) = (*count + 1, arrival.max(*last));
        let arrival = *last;
        if mix(random ^ 1) % 1_000 < u64::from(self.model.repeats_per_thousand) {
            let later = arrival.saturating_add(self.model.lag.draw(mix(random ^ 2))).saturating_add(1);
            *count += 1;
            self.put(later, change.clone());
        }
        self.put(arrival, change);
    }
    fn put(&mut self, arrival: u64, change: OnItsWay) {
        *self.commits.entry(change.change.commit).or_default() += 1;
        self.sent += 1;
        self.bytes += change.bytes();
        self.by_arrival.insert((arrival, self.sent), change);
    }
    /// Sends a change that was taken again: it arrives at this time, and later changes of its item behind it, unless they are on
    /// their way already.
    pub fn put_back(&mut self, change: OnItsWay, arrival: u64) {
        let item = (change.change.table, change.change.key.clone());
        let (count, last) = self.last_of_item.entry(item).or_default();
        (*count, *last) = (*count + 1, arrival.max(*last));
        self.put(arrival, change);
    }
    /// When the next change arrives.
    pub fn next_arrival(&self) -> Option<u64> {
        self.by_arrival.first_key_value().map(|((arrival, _), _)| *arrival)
    }
    /// The next change.
    pub fn take_next(&mut self) -> Option<OnItsWay> {
        let (_, change) = self.by_arrival.pop_first()?;
        Some(self.taken(change))
    }
    /// All changes of some tables, whenever they would arrive, in the order in which they were sent.
    pub fn take_tables(&mut self, is_wanted: impl Fn(&str) -> bool) -> Vec<OnItsWay> {
        let wanted = |change: &OnItsWay| is_wanted(&change.table);
        let mut keys: Vec<(u64, u64)> =
            self.by_arrival.iter().filter(|(_, change)| wanted(change)).map(|(key, _)| *key).collect();
        keys.sort_unstable_by_key(|(_, order)| *order);
        let taken: Vec<OnItsWay> = keys.iter().filter_map(|key| self.by_arrival.remove(key)).collect();
        taken.into_iter().map(|change| self.taken(change)).collect()
    }
    fn taken(&mut self, change: OnItsWay) -> OnItsWay {
        self.bytes -= change.bytes();
        let item = (change.change.table, change.change.key.clone());
        if let Some((count, _)) = self.last_of_item.get_mut(&item) {
            *count -= 1;
            if *count == 0 {
                self.last_of_item.remove(&item);
            }
        }
        if let Some(count) = self.commits.get_mut(&change.change.commit) {
            *count -= 1;
            if *count == 0 {
                self.commits.remove(&change.change.commit);
            }
        }
        change
    }
    /// The first commit that did not arrive as a whole.
    pub fn first_commit(&self) -> Option<u64> {
        self.commits.first_key_value().map(|(commit, _)| *commit)
    }
    /// When the change that is longest on its way was sent.
    pub fn oldest_sent(&self) -> Option<u64> {
        self.by_arrival.values().map(|change| change.sent_millis).min()
    }
    pub fn len(&self) -> usize {
        self.by_arrival.len()
    }
    /// Whether no more is to be read from the log.
    pub fn is_full(&self) -> bool {
        self.len() >= MAX_PENDING || self.bytes >= self.room_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{faults::Delay, schema::Stamp};

    fn change(commit: u64, item: u8) -> OnItsWay {
        let (key, stamp) = (EncodedKey::new(0, &[item], b""), Stamp::new(commit, "a"));
        let change = StampedChange { table: 1, key, new: None, stamp, commit, at_millis: commit };
        OnItsWay { table: "t".into(), to_table: 1, change, sent_millis: commit }
    }

    fn arrivals(seed: u64, repeats_per_thousand: u32) -> Vec<(u64, u64, u8)> {
        let mut transit = Transit::new(LinkModel { lag: Delay::Uniform(0, 50), repeats_per_thousand }, seed, 1 << 20);
        (1..=40).for_each(|commit| transit.send(change(commit, (commit % 4) as u8)));
        let mut all = Vec::new();
        while let Some(at) = transit.next_arrival() {
            let next = transit.take_next().unwrap();
            all.push((at, next.change.commit, next.change.key.collection()[1]));
        }
        assert!(transit.first_commit().is_none() && transit.last_of_item.is_empty() && transit.bytes == 0);
        all
    }

    #[test]
    fn items_keep_their_order_and_the_seed_decides_the_rest() {
        let all = arrivals(7, 0);
        assert_eq!(all, arrivals(7, 0));
        assert_ne!(all, arrivals(8, 0));
        for item in 0..4 {
            let of_item: Vec<u64> = all.iter().filter(|(.., of)| *of == item).map(|(_, commit, _)| *commit).collect();
            assert!(of_item.is_sorted() && of_item.len() == 10, "{of_item:?}");
        }
        assert!(!all.iter().map(|(_, commit, _)| *commit).is_sorted(), "different items overtake each other");
        assert_eq!(arrivals(7, 1_000).len(), 80);
    }

    #[test]
    fn a_commit_has_arrived_when_all_of_it_has() {
        let mut transit = Transit::new(LinkModel::lag(Delay::Fixed(5)), 0, 1 << 20);
        transit.send(change(3, 1));
        transit.send(change(3, 2));
        transit.send(change(4, 1));
        assert_eq!(transit.take_next().unwrap().change.commit, 3);
        assert_eq!(transit.first_commit(), Some(3));
        transit.take_next();
        assert_eq!((transit.first_commit(), transit.len()), (Some(4), 1));
    }
}
