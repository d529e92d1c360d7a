//! The entries of a small collection, gathered at once: what most queries find in a memtable.

use super::{
    Memtable,
    cursor::settled_behind,
    versions::{Point, Stored},
};
use crate::{
    partition::key::{CollectionRange, ReadPoint},
    visible::Visible,
};
use smallvec::SmallVec;
use std::ops::Bound;

/// Keys of a collection that are gathered without an allocation.
const USUAL_KEYS: usize = 16;

impl Memtable {
    /// Gives `keep` the readable version of each key of a range, ascending by their sort keys, if the collection has at most
    /// `most` keys here; `false` if it has more, and `keep` got none.
    pub fn few(
        &self,
        range: &CollectionRange<'_>,
        read: ReadPoint,
        visible: &Visible,
        most: usize,
        mut keep: impl FnMut(Stored),
    ) -> bool {
        if self.is_empty() {
            return true;
        }
        let Some(lock) = self.shard(self.shard_number(range.token)) else { return true };
        let mut shard = lock.read();
        let Some(mut number) = shard.probable_collection(range.token, range.collection) else { return true };
        loop {
            shard = settled_behind(lock, shard, number);
            if shard.len_of(number) > most {
                return false;
            }
            let point = Point::new(read, visible);
            let mut found: SmallVec<[&Stored; USUAL_KEYS]> = SmallVec::new();
            found.extend(shard.all_of(number).filter_map(|entry| entry.readable(point)));
            // Counting a reference is a barrier; loading all records first lets the processor fetch them side by side.
            std::hint::black_box(found.iter().fold(0, |loaded, version| loaded ^ version.load_ahead()));
            // The name of the collection is in its records; until here nothing had to wait for one.
            if shard.all_of(number).next().is_some_and(|entry| entry.any().collection() == range.collection) {
                let is_whole = matches!((range.lower, range.upper), (Bound::Unbounded, Bound::Unbounded));
                let within = found.into_iter().filter(|version| is_whole || is_within(version.sort(), range));
                within.for_each(|version| keep(version.clone()));
                return true;
            }
            drop(found);
            match shard.find_collection(range.token, range.collection) {
                Some(exact) => number = exact,
                None => return true,
            }
        }
    }
}

fn is_within(sort: &[u8], range: &CollectionRange<'_>) -> bool {
    let is_behind = match range.lower {
        Bound::Included(lower) => sort >= lower,
        Bound::Excluded(lower) => sort > lower,
        Bound::Unbounded => true,
    };
    is_behind
        && match range.upper {
            Bound::Included(upper) => sort <= upper,
            Bound::Excluded(upper) => sort < upper,
            Bound::Unbounded => true,
        }
}
