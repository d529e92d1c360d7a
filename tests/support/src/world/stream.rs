//! Change streams held against their tables: replayed from the start, a stream is its table.

use super::{
    shape::{Shape, shapes},
    step::BEGIN_MILLIS,
};
use hashrange::{
    Database, Item,
    schema::StreamView,
    streams::{ChangeEvent, ChangeRecord, IteratorStart, StreamDescription, StreamStatus},
};
use std::collections::{BTreeMap, BTreeSet};

/// How far from the beginning a clock may be set so that no record is ever a day old.
const WINDOW_MILLIS: u64 = 11 * 3_600_000;

/// Whether streams stay whole if a clock is set to this time.
pub fn keeps_streams(millis: u64) -> bool {
    millis.abs_diff(BEGIN_MILLIS) < WINDOW_MILLIS
}

/// Replays the stream of every table and compares; returns the number of records. If it is not whole, because records
/// have left that were a day old, it is only read.
pub fn check_streams(db: &Database, is_whole: bool) -> Result<u64, String> {
    let mut count = 0;
    for shape in shapes() {
        let streams = db.list_streams(Some(shape.name));
        let live = |stream: &&StreamDescription| stream.status == StreamStatus::Enabled;
        let Some(stream) = streams.iter().rev().find(live) else { continue };
        let records = records(db, stream)?;
        count += records.len() as u64;
        if is_whole {
            compare(db, shape, &records)?;
        }
    }
    Ok(count)
}

/// Every record of a stream, each shard after its parent.
fn records(db: &Database, stream: &StreamDescription) -> Result<Vec<ChangeRecord>, String> {
    let table = &stream.table_name;
    let wrong = |what: &str| format!("stream of {table}: {what}");
    let mut all: Vec<ChangeRecord> = Vec::new();
    let mut seen = BTreeSet::new();
    for shard in &stream.shards {
        if shard.parent.as_ref().is_some_and(|parent| !seen.contains(parent)) {
            return Err(wrong("a shard comes before its parent"));
        }
        seen.insert(&shard.id);
        let start = IteratorStart::TrimHorizon;
        let at =
            db.shard_iterator(table, &stream.label, &shard.id, &start).map_err(|error| wrong(&error.to_string()))?;
        let (mut next, mut last) = (Some(at), None);
        while let Some(at) = next {
            let page = db.stream_records(&at, None).map_err(|error| wrong(&error.to_string()))?;
            for record in &page.records {
                if last >= Some(record.sequence) {
                    return Err(wrong("sequence numbers do not ascend"));
                }
                last = Some(record.sequence);
            }
            next = page.next.filter(|_| !page.records.is_empty());
            all.extend(page.records);
        }
    }
    Ok(all)
}

fn event(was: bool, is: bool) -> ChangeEvent {
    match (was, is) {
        (false, _) => ChangeEvent::Insert,
        (true, true) => ChangeEvent::Modify,
        (true, false) => ChangeEvent::Remove,
    }
}

fn compare(db: &Database, shape: &Shape, records: &[ChangeRecord]) -> Result<(), String> {
    let mut items: BTreeMap<(usize, usize), Option<Item>> = BTreeMap::new();
    for record in records {
        let number = record.sequence_number();
        let key = shape.position(&record.keys());
        let key = key.ok_or_else(|| format!("stream of {}: record {number} of an unknown key", shape.name))?;
        let [old, new] = [&record.old, &record.new].map(|image| image.as_ref().map(|item| item.to_item()));
        // A stream that was turned on later does not tell what was there before.
        if let Some(known) = items.get(&key).cloned().or(shape.stream.then_some(None)) {
            let is_right = old == known || (old.is_none() && shape.view == StreamView::NewImage);
            if !is_right || record.event != event(known.is_some(), new.is_some()) {
                let event = record.event;
                return Err(format!("stream of {}: {event:?} {number} of {old:?}, which was {known:?}", shape.name));
            }
        }
        items.insert(key, new);
    }
    let table = db.dynamic_table(shape.name).map_err(|error| error.to_string())?;
    let mut there = BTreeMap::new();
    for item in table.scan().items() {
        let item = item.map_err(|error| format!("scan of {}: {error}", shape.name))?.to_item();
        there.insert(shape.position(&item).unwrap_or_default(), item);
    }
    for (key, item) in &items {
        if there.get(key) != item.as_ref() {
            let is = there.get(key);
            return Err(format!("stream of {}: {key:?} is {is:?}, and {item:?} in the stream", shape.name));
        }
    }
    match there.keys().find(|key| shape.stream && !items.contains_key(key)) {
        Some(key) => Err(format!("stream of {}: it does not tell of {key:?}", shape.name)),
        None => Ok(()),
    }
}
