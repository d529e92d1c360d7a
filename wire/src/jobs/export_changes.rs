//! Incremental exports: what changed between two moments, key by key.

use super::{ExportFilter, Stopped, exports::Files};
use crate::transfer::Change;
use hashrange::{Item, ItemRef};

impl Files<'_> {
    /// A line for each key that was written in the time, and is or was there.
    pub(super) fn changes(&mut self) -> Result<(), Stopped> {
        let record = self.record;
        let Some(span) = record.span else { return Ok(()) };
        let filter = record.request.filter.as_deref().map(ExportFilter::parse).transpose()?.unwrap_or_default();
        // What was written in the first millisecond counts, what was written in the last one does not. Where history begins with
        // that millisecond, it begins behind what was written then.
        let from_millis = span.from_millis.saturating_sub(1).max(self.jobs.earliest_millis().min(span.from_millis));
        let earlier = self.jobs.past(Some(from_millis), 0)?;
        let later = self.jobs.past(Some(span.to_millis.saturating_sub(1)), 0)?;
        let mut file = self.begin()?;
        for (number, change) in later.changes_since(&earlier, &record.table)?.enumerate() {
            if number.is_multiple_of(1_024) {
                self.jobs.check_going_on()?;
            }
            let change = change?;
            let selects = |item: &Option<ItemRef>| item.as_ref().is_some_and(|item| filter.selects(item));
            let Some(present) = change.new.as_ref().or(change.old.as_ref()) else { continue };
            if !selects(&change.new) && !selects(&change.old) {
                continue;
            }
            let keys = ItemRef::from(&key_of(present, &record.key));
            self.bytes += present.size_bytes() as u64;
            let shown = |item: Option<ItemRef>| item.map(|item| filter.shown(item));
            let (old, new) = (shown(change.old.filter(|_| span.shows_old)), shown(change.new));
            file.change(&Change {
                written_millis: change.written_millis.unwrap_or(span.to_millis),
                keys: &keys,
                old: old.as_ref(),
                new: new.as_ref(),
            })?;
        }
        self.end(file)
    }
}

fn key_of(item: &ItemRef, names: &[String]) -> Item {
    let value = |name: &String| Some((name.clone(), item.get(name)?.to_value()));
    names.iter().filter_map(value).collect()
}
