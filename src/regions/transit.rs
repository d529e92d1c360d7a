//! Changes on their way over one link: when each arrives.

use super::options::LinkModel;
use crate::{engine::StampedChange, random::mix, schema::EncodedKey};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Changes that a link keeps in memory; what is behind them stays in the log.
const MAX_PENDING: usize = 50_000;
/// What a change takes in memory besides its item and key, in bytes.
const OVERHEAD_BYTES: usize = 400;

/// Changes of a table for which the receiver has no capacity that a link keeps in memory where it has no room for all.
const MAX_BLOCKED: usize = 1_000;
/// The part of a link's room that such a table has.
const BLOCKED_PART: usize = 64;

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
    /// The receiver had no capacity for it before.
    pub is_again: bool,
    /// When it arrives, and its number.
    place: (u64, u64),
}

impl OnItsWay {
    pub fn new(table: String, to_table: u32, change: StampedChange, sent_millis: u64) -> Self {
        Self { table, to_table, change, sent_millis, is_again: false, place: (0, 0) }
    }
    fn bytes(&self) -> usize {
        let key = &self.change.key;
        let new = self.change.new.as_ref().map_or(0, |new| new.len());
        OVERHEAD_BYTES + new + 2 * (key.collection().len() + key.sort().len())
    }
}

/// The changes of one table on their way.
#[derive(Debug, Default)]
struct Queue {
    by_arrival: BTreeMap<(u64, u64), OnItsWay>,
    bytes: usize,
    /// Until then the receiver has no capacity for the table.
    blocked_until: u64,
}

impl Queue {
    /// When its first change is due, and the number of that.
    fn head(&self) -> Option<(u64, u64)> {
        let ((arrival, number), _) = self.by_arrival.first_key_value()?;
        Some(((*arrival).max(self.blocked_until), *number))
    }
    /// Whether it has more than so many changes, or bytes.
    fn exceeds(&self, (changes, bytes): (usize, usize)) -> bool {
        self.by_arrival.len() > changes || self.bytes > bytes
    }
    /// The first commit for which there is no room; the first one of all always has some.
    fn first_beyond(&self, (changes, bytes): (usize, usize)) -> Option<u64> {
        let mut commits: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
        for change in self.by_arrival.values() {
            let of_commit = commits.entry(change.change.commit).or_default();
            *of_commit = (of_commit.0 + 1, of_commit.1 + change.bytes());
        }
        let mut all = (0, 0);
        let is_beyond = |(_, of_commit): &(u64, (usize, usize))| {
            let is_first = all.0 == 0;
            all = (all.0 + of_commit.0, all.1 + of_commit.1);
            !is_first && (all.0 > changes || all.1 > bytes)
        };
        commits.into_iter().find(is_beyond).map(|(commit, _)| commit)
    }
}

/// A table that was cut off.
pub(super) struct CutOff {
    pub number: u32,
    pub table: String,
    /// The first commit of which nothing is on its way any more, nor of later ones.
    pub commit: u64,
}

/// The changes on their way over a link, by when they arrive.
#[derive(Debug)]
pub(super) struct Transit {
    model: LinkModel,
    seed: u64,
    /// Changes that were sent so far: those that arrive at the same time do so in this order.
    sent: u64,
    /// By the number of the sender's table.
    queues: HashMap<u32, Queue>,
    /// When the first change of each table is due, its number, and the table.
    heads: BTreeSet<(u64, u64, u32)>,
    /// For each item with changes on their way, how many those are and when the last one arrives.
    last_of_item: HashMap<(u32, EncodedKey), (u32, u64)>,
    /// Changes of each commit that did not arrive yet.
    commits: BTreeMap<u64, u32>,
    len: usize,
    bytes: usize,
    /// Bytes that there is room for.
    room_bytes: usize,
}

impl Transit {
    pub fn new(model: LinkModel, seed: u64, room_bytes: usize) -> Self {
        let (queues, heads, last_of_item, commits) = (HashMap::new(), BTreeSet::new(), HashMap::new(), BTreeMap::new());
        Self { model, seed, sent: 0, queues, heads, last_of_item, commits, len: 0, bytes: 0, room_bytes }
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
        let arrival = self.last_of_item.get(&item).map_or(arrival, |(_, last)| arrival.max(*last));
        if mix(random ^ 1) % 1_000 < u64::from(self.model.repeats_per_thousand) {
            let later = arrival.saturating_add(self.model.lag.draw(mix(random ^ 2))).saturating_add(1);
            // It does not hold up what comes behind it.
            self.put(later, arrival, change.clone());
        }
        self.put(arrival, arrival, change);
    }
    /// A change that arrives at a time, and before which the next one of its item does not arrive at another.
    fn put(&mut self, arrival: u64, holds_until: u64, mut change: OnItsWay) {
        self.sent += 1;
        change.place = (arrival, self.sent);
        self.insert(change, holds_until, 0);
    }
    /// Sends a change again for whose table the receiver has no capacity until then. It stays before the others of its table, which
    /// wait for it.
    pub fn put_back(&mut self, change: OnItsWay, blocked_until: u64) {
        let (arrival, _) = change.place;
        self.insert(OnItsWay { is_again: true, ..change }, arrival, blocked_until);
    }
    fn insert(&mut self, change: OnItsWay, holds_until: u64, blocked_until: u64) {
        let item = (change.change.table, change.change.key.clone());
        let (count, last) = self.last_of_item.entry(item).or_default();
        (*count, *last) = (*count + 1, holds_until.max(*last));
        *self.commits.entry(change.change.commit).or_default() += 1;
        self.len += 1;
        self.bytes += change.bytes();
        self.change_queue(change.change.table, |queue| {
            queue.bytes += change.bytes();
            queue.blocked_until = queue.blocked_until.max(blocked_until);
            queue.by_arrival.insert(change.place, change);
        });
    }
    fn change_queue<T>(&mut self, table: u32, change: impl FnOnce(&mut Queue) -> T) -> T {
        let queue = self.queues.entry(table).or_default();
        let before = queue.head();
        let result = change(queue);
        let after = queue.head();
        if before != after {
            before.map(|(due, number)| self.heads.remove(&(due, number, table)));
            after.map(|(due, number)| self.heads.insert((due, number, table)));
        }
        if after.is_none() {
            self.queues.remove(&table);
        }
        result
    }
    /// When the next change is due.
    pub fn next_arrival(&self) -> Option<u64> {
        self.heads.first().map(|(due, ..)| *due)
    }
    /// The next change.
    pub fn take_next(&mut self) -> Option<OnItsWay> {
        let (.., table) = *self.heads.first()?;
        let change = self.change_queue(table, |queue| {
            let (_, change) = queue.by_arrival.pop_first()?;
            queue.bytes -= change.bytes();
            Some(change)
        })?;
        Some(self.taken(change))
    }
    /// All changes of some tables, whenever they would arrive, in the order in which they were sent.
    pub fn take_tables(&mut self, is_wanted: impl Fn(&str) -> bool) -> Vec<OnItsWay> {
        let is_wanted = |queue: &Queue| queue.by_arrival.values().next().is_some_and(|first| is_wanted(&first.table));
        let wanted: Vec<u32> =
            self.queues.iter().filter(|(_, queue)| is_wanted(queue)).map(|(number, _)| *number).collect();
        let mut taken: Vec<OnItsWay> = wanted.into_iter().flat_map(|number| self.take_since(number, 0)).collect();
        taken.sort_unstable_by_key(|change| change.place.1);
        taken
    }
    /// All changes of a table of this commit and later ones, in no order.
    fn take_since(&mut self, table: u32, commit: u64) -> Vec<OnItsWay> {
        let taken: Vec<OnItsWay> = self.change_queue(table, |queue| {
            let is_taken = |change: &OnItsWay| change.change.commit >= commit;
            let places: Vec<_> =
                queue.by_arrival.values().filter(|change| is_taken(change)).map(|change| change.place).collect();
            let taken: Vec<OnItsWay> = places.iter().filter_map(|place| queue.by_arrival.remove(place)).collect();
            queue.bytes -= taken.iter().map(OnItsWay::bytes).sum::<usize>();
            taken
        });
        taken.into_iter().map(|change| self.taken(change)).collect()
    }
    fn taken(&mut self, change: OnItsWay) -> OnItsWay {
        self.len -= 1;
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
        let changes = self.queues.values().flat_map(|queue| queue.by_arrival.values());
        changes.map(|change| change.sent_millis).min()
    }
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether no more is to be read from the log.
    pub fn is_full(&self) -> bool {
        self.len >= MAX_PENDING || self.bytes >= self.room_bytes
    }

    /// What a table has room for that was cut off: changes and bytes.
    fn blocked_room(&self) -> (usize, usize) {
        (MAX_BLOCKED, self.room_bytes / BLOCKED_PART)
    }
    /// Whether there is room for more of a table that was cut off.
    pub fn has_blocked_room(&self, table: u32) -> bool {
        self.queues.get(&table).is_none_or(|queue| !queue.exceeds(self.blocked_room()))
    }
    /// Whether a table that was cut off has come to need more.
    pub fn needs_more(&self, table: u32) -> bool {
        let (changes, bytes) = self.blocked_room();
        self.queues.get(&table).is_none_or(|queue| !queue.exceeds((changes / 2, bytes / 2)))
    }
    /// Makes room: the later changes of tables for which the receiver has no capacity now are on their way no more.
    pub fn cut_blocked(&mut self, now_millis: u64) -> Vec<CutOff> {
        let room = self.blocked_room();
        let is_cut = |queue: &Queue| queue.blocked_until > now_millis && queue.exceeds((2 * room.0, 2 * room.1));
        let beyond = |(number, queue): (&u32, &Queue)| {
            let commit = queue.first_beyond(room).filter(|_| is_cut(queue))?;
            let table = queue.by_arrival.values().next()?.table.clone();
            Some(CutOff { number: *number, table, commit })
        };
        let cut: Vec<CutOff> = self.queues.iter().filter_map(beyond).collect();
        for CutOff { number, commit, .. } in &cut {
            self.take_since(*number, *commit);
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{faults::Delay, schema::Stamp};

    fn change(commit: u64, item: u8) -> OnItsWay {
        let (key, stamp) = (EncodedKey::new(0, &[item], b""), Stamp::new(commit, "a"));
        let change = StampedChange { table: 1, key, new: None, stamp, commit, at_millis: commit };
        OnItsWay::new("t".into(), 1, change, commit)
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
