//! Reads of a global index whose changes take time to arrive: entries that have not arrived are passed over, and the
//! ones that were before them are shown in their place.

use super::target::Target;
use crate::{
    engine::{Engine, key_ref},
    error::Result,
    item::ItemRef,
    partition::KeyRef,
    schema::EncodedKey,
};
use std::{cmp::Ordering, collections::BTreeSet};

/// What one page of a read shows otherwise than the index holds.
pub(super) struct LaggedRead {
    hidden: BTreeSet<EncodedKey>,
    /// Entries to be shown, the next one last.
    shown: Vec<(EncodedKey, ItemRef)>,
    descending: bool,
}

impl LaggedRead {
    /// What is on its way to the target, if changes of it take time; `selects` says which entries the page asks for.
    pub fn of(
        engine: &Engine,
        target: &Target,
        descending: bool,
        selects: impl Fn(&EncodedKey) -> bool,
    ) -> Option<Self> {
        let pending_propagation = engine.pending_propagation(target.definition()?.id)?;
        let mut lagged = Self { hidden: BTreeSet::new(), shown: Vec::new(), descending };
        for (item, before) in pending_propagation.stale_entries(&engine.options().clock) {
            lagged.hidden.insert(item);
            let before = before.filter(|(key, _)| selects(key));
            lagged.shown.extend(before.map(|(key, bytes)| (key, ItemRef::from_bytes(bytes))));
        }
        lagged.shown.sort_by(|a, b| lagged_order(descending, key_ref(&b.0), key_ref(&a.0)));
        Some(lagged)
    }

    /// The next entry to be shown, if it comes before the one that the index has next.
    pub fn next_before(&mut self, next: Option<KeyRef<'_>>) -> Option<ItemRef> {
        let (key, _) = self.shown.last()?;
        if next.is_some_and(|next| lagged_order(self.descending, key_ref(key), next).is_gt()) {
            return None;
        }
        self.shown.pop().map(|(_, item)| item)
    }

    /// The same among entries up to a token.
    pub fn next_up_to(&mut self, token: u64) -> Option<ItemRef> {
        let is_next = self.shown.last().is_some_and(|(key, _)| key.token() <= token);
        if is_next { self.shown.pop().map(|(_, item)| item) } else { None }
    }

    /// Whether an entry of the index has not arrived.
    pub fn hides(&self, target: &Target, entry: &ItemRef) -> Result<bool> {
        let table = &target.state.definition;
        Ok(self.hidden.contains(&table.key_of_attributes(&table.key_attributes_of(entry))?))
    }
}

fn lagged_order(descending: bool, a: KeyRef<'_>, b: KeyRef<'_>) -> Ordering {
    let order = (a.token, a.collection, a.sort).cmp(&(b.token, b.collection, b.sort));
    if descending { order.reverse() } else { order }
}
