//! Removal of what is older than a restore has to reach.
//!
//! First an object says which entries count no more, so that nothing new begins with them. They and what only they need are
//! removed once a pause is over, so that a restore that had begun can end.

use super::{
    Archive,
    catalog::{Entry, Removed, number_of, read_entries, read_removed},
    chain::chains,
    entry_file::sealed,
};
use crate::{canary::canary, error::Result};
use serde::Serialize;
use std::collections::BTreeSet;

/// What a removal did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Entries of the catalog that count no more.
    pub entries: u64,
    /// Objects that were removed, entries included.
    pub objects: u64,
    /// Bytes that are free.
    pub bytes: u64,
    /// Bytes that a later removal frees.
    pub waiting_bytes: u64,
}

impl Archive {
    /// Removes what no moment from `horizon_millis` on needs; times are in milliseconds since 1970. Each timeline keeps the
    /// base that serves the horizon, and everything behind it; the newest one keeps at least its last base. Objects go once
    /// `grace_millis` have passed since the removal that gave them up: a restore that takes no longer can end. It may run
    /// beside a database that archives to this place. Errors: the place cannot be read or written; what is left is whole.
    pub fn prune(&mut self, now_millis: u64, horizon_millis: u64, grace_millis: u64) -> Result<Pruned> {
        let mut pruned = self.give_up(now_millis, horizon_millis)?;
        let entries = read_entries(&self.place)?;
        let needed: BTreeSet<String> = entries.iter().flat_map(Entry::objects).map(|object| object.name).collect();
        for (name, removed) in read_removed(&self.place)? {
            let is_free = |object: &str| number_of(object).map_or(!needed.contains(object), |at| at < removed.below);
            let free = removed.objects.iter().filter(|(object, _)| is_free(object));
            if removed.at_millis.saturating_add(grace_millis) > now_millis {
                pruned.waiting_bytes += free.map(|(_, bytes)| bytes).sum::<u64>();
                continue;
            }
            for (object, bytes) in free {
                self.place.remove(object)?;
                pruned.objects += 1;
                pruned.bytes += bytes;
            }
            // Last: until then it says that what is left of the entries does not count.
            self.place.remove(&name)?;
        }
        Ok(pruned)
    }

    /// Lets the entries that are not needed count no more.
    fn give_up(&mut self, now_millis: u64, horizon_millis: u64) -> Result<Pruned> {
        let below = self.needed_from(horizon_millis);
        let gone: Vec<Entry> = self.entries.extract_if(.., |entry| entry.number < below).collect();
        if gone.is_empty() {
            return Ok(Pruned::default());
        }
        let objects = gone.iter().flat_map(Entry::objects).map(|object| (object.name, object.bytes));
        let entries = gone.iter().map(|entry| (Entry::name(entry.number), entry.inline_bytes()));
        let removed = Removed { at_millis: now_millis, below, objects: objects.chain(entries).collect() };
        self.place.create(&format!("removed/{below:010}-{now_millis}"), &sealed(&removed)?)?;
        Ok(Pruned { entries: gone.len() as u64, ..Pruned::default() })
    }

    /// The first entry that a moment from the horizon on needs.
    fn needed_from(&self, horizon_millis: u64) -> u64 {
        let newest = self.entries.last().map(|entry| entry.number);
        let mut needed = BTreeSet::new();
        for chain in chains(&self.entries) {
            // A gap divides a timeline into several chains; only the last chain is the newest one.
            let is_newest = chain.entries().last().map(|entry| entry.number) == newest;
            if !is_newest && chain.latest().at_millis < horizon_millis {
                continue;
            }
            let bases = chain.bases();
            let serves = bases.iter().rposition(|(_, base)| base.at_millis <= horizon_millis).unwrap_or(0);
            let serves = serves + usize::from(canary!(ArchivePrunedEarly));
            needed.extend(bases.get(serves).or(bases.last()).map(|(number, base)| chain.first_needed(*number, base)));
        }
        needed.first().copied().unwrap_or(0)
    }
}
