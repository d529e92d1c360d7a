//! Change streams as the service shows them: streams by table and label, their shards, iterators, and pages of records.
//! Programs that use the database themselves read them with a [`Consumer`](crate::streams::Consumer).

use crate::{
    date,
    engine::Engine,
    error::{Detail, Error, Result},
    manifest::StreamMeta,
    request::MAX_PAGE_BYTES,
    schema::{KeySchema, StreamPurpose, StreamView},
    stream::{
        ChangeRecord, IteratorStart, MAX_SEQUENCE_DIGITS, MIN_SEQUENCE_DIGITS, ReadFrom, Sequence, Shard,
        ShardIterator, names, trimmed,
    },
};
use std::sync::Arc;

/// Most records of one page.
pub const MAX_PAGE_RECORDS: usize = 1000;

/// Whether a stream takes records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamStatus {
    /// It does.
    Enabled,
    /// It does not any more; its records are readable as long as records are kept.
    Disabled,
}

/// A change stream.
#[derive(Clone, Debug)]
pub struct StreamDescription {
    /// Name of its table.
    pub table_name: String,
    /// Its label: the UTC time at which it was enabled, `2026-11-20T12:34:56.789`. With the table's name it is unique.
    pub label: String,
    /// The same in milliseconds since 1970.
    pub label_millis: u64,
    /// Whether it takes records.
    pub status: StreamStatus,
    /// Which images its records carry.
    pub view: StreamView,
    /// Primary key of the table.
    pub key: KeySchema,
    /// Its shards, parents before children.
    pub shards: Vec<ShardDescription>,
}

/// A shard of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardDescription {
    /// Its id, 37 characters or more.
    pub id: String,
    /// The shard that it continues; that one may be gone by now.
    pub parent: Option<String>,
    /// No record has a lower sequence number.
    pub starting_sequence_number: String,
    /// No record has a higher one; absent while the shard takes records.
    pub ending_sequence_number: Option<String>,
}

/// A page of records.
#[derive(Clone, Debug, Default)]
pub struct StreamRecords {
    /// In the order in which they were committed. May be empty though there are more.
    pub records: Vec<ChangeRecord>,
    /// The iterator for what follows; absent once a closed shard was read to its end.
    pub next: Option<String>,
}

fn describe(engine: &Engine, stream: &StreamMeta) -> StreamDescription {
    let shards = engine.streams().shards_of(stream.id);
    // A parent that is gone keeps its id by its own time, which its number does not tell: then it is left out.
    let id_of = |number: u64| shards.iter().find(|shard| shard.id == number).map(|s| names::shard_id(&s.record()));
    let describe_shard = |shard: &Arc<Shard>| {
        let record = shard.record();
        ShardDescription {
            id: names::shard_id(&record),
            parent: record.parent.and_then(id_of),
            starting_sequence_number: Sequence::first_of(record.start_seqno + 1).to_string(),
            ending_sequence_number: record.end_seqno.map(|end| Sequence::new(end, usize::MAX).to_string()),
        }
    };
    StreamDescription {
        table_name: stream.table_name.clone(),
        label: date::label(stream.label_millis),
        label_millis: stream.label_millis,
        status: if stream.disabled_millis.is_none() { StreamStatus::Enabled } else { StreamStatus::Disabled },
        view: stream.view,
        key: stream.key.clone(),
        shards: shards.iter().map(describe_shard).collect(),
    }
}

/// All streams, or those of one table name, in the order in which they were enabled.
pub(crate) fn list_streams(engine: &Engine, table: Option<&str>) -> Vec<StreamDescription> {
    let streams = engine.streams().all_for(StreamPurpose::Readers);
    let wanted = streams.iter().filter(|stream| table.is_none_or(|name| stream.table_name == name));
    wanted.map(|stream| describe(engine, stream)).collect()
}

fn find(engine: &Engine, table: &str, label: &str) -> Result<Arc<StreamMeta>> {
    engine.streams().named(table, label).ok_or_else(|| {
        let text = format!("Requested resource not found: Stream: {table}/stream/{label} not found");
        Error::not_found(text).with_detail(Detail::NoStream { table: table.to_owned() })
    })
}

/// A stream by the name of its table and its label.
pub(crate) fn describe_stream(engine: &Engine, table: &str, label: &str) -> Result<StreamDescription> {
    find(engine, table, label).map(|stream| describe(engine, &stream))
}

/// An iterator over the records of a shard.
pub(crate) fn shard_iterator(
    engine: &Engine,
    table: &str,
    label: &str,
    shard_id: &str,
    start: &IteratorStart,
) -> Result<String> {
    let stream = find(engine, table, label)?;
    let shard = names::shard_number(shard_id).and_then(|number| engine.streams().shard(number));
    let shard = shard.filter(|shard| shard.stream == stream.id && names::shard_id(&shard.record()) == shard_id);
    let Some(shard) = shard else {
        let text = format!("Requested resource not found: Shard does not exist: {shard_id}");
        return Err(Error::not_found(text));
    };
    let from = match start {
        IteratorStart::TrimHorizon => ReadFrom::Oldest,
        IteratorStart::Latest => ReadFrom::At(Sequence::first_of(engine.wal().last_seqno() + 1)),
        IteratorStart::AtSequenceNumber(text) => ReadFrom::At(sequence_of(engine, &shard, text)?),
        IteratorStart::AfterSequenceNumber(text) => ReadFrom::At(sequence_of(engine, &shard, text)?.next()),
        IteratorStart::AtTimestamp(millis) => {
            if *millis > engine.options().clock.now_millis() {
                return Err(Error::validation("Timestamp should not be in the future"));
            }
            ReadFrom::At(shard.first_since(*millis, engine.read_horizon())?)
        }
    };
    Ok(iterator(engine, &shard, from))
}

fn iterator(engine: &Engine, shard: &Shard, from: ReadFrom) -> String {
    let issued_millis = engine.options().clock.now_millis();
    ShardIterator { stream: shard.stream, shard: shard.id, from, issued_millis }.encode(engine.database_id())
}

/// The place that a sequence number names in a shard.
fn sequence_of(engine: &Engine, shard: &Shard, text: &str) -> Result<Sequence> {
    let (word, limit) = match text.len() {
        ..MIN_SEQUENCE_DIGITS => ("greater", MIN_SEQUENCE_DIGITS),
        MIN_SEQUENCE_DIGITS..=MAX_SEQUENCE_DIGITS => ("", 0),
        _ => ("less", MAX_SEQUENCE_DIGITS),
    };
    if limit > 0 {
        return Err(Error::validation(format!(
            "1 validation error detected: Value at 'sequenceNumber' failed to satisfy constraint: Member must have length \
             {word} than or equal to {limit}"
        )));
    }
    let record = shard.record();
    let last = record.end_seqno.unwrap_or_else(|| engine.wal().last_seqno());
    let sequence: Option<Sequence> = text.parse().ok();
    match sequence
        .filter(|sequence| (record.start_seqno + 1..=last.max(record.start_seqno + 1)).contains(&sequence.seqno))
    {
        Some(sequence) if sequence.seqno <= record.trimmed_seqno => Err(trimmed()),
        Some(sequence) => Ok(sequence),
        None => Err(Error::validation(format!("Invalid SequenceNumber for the shard: {text}"))),
    }
}

/// Table and label of the stream that an iterator reads.
pub(crate) fn stream_of_iterator(engine: &Engine, iterator_text: &str) -> Result<(String, String)> {
    let now_millis = engine.options().clock.now_millis();
    let place = ShardIterator::decode(iterator_text, engine.database_id(), now_millis)?;
    let stream = engine.streams().stream(place.stream).ok_or_else(trimmed)?;
    Ok((stream.table_name.clone(), date::label(stream.label_millis)))
}

/// A page of records.
pub(crate) fn stream_records(engine: &Engine, iterator_text: &str, limit: Option<usize>) -> Result<StreamRecords> {
    let limit = limit.unwrap_or(MAX_PAGE_RECORDS);
    if !(1..=MAX_PAGE_RECORDS).contains(&limit) {
        let bound = if limit == 0 { "greater than or equal to 1" } else { "less than or equal to 1000" };
        return Err(Error::validation(format!(
            "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value \
             {bound}"
        )));
    }
    let now_millis = engine.options().clock.now_millis();
    let place = ShardIterator::decode(iterator_text, engine.database_id(), now_millis)?;
    let streams = engine.streams();
    let (Some(shard), Some(stream)) = (streams.shard(place.shard), streams.stream(place.stream)) else {
        return Err(trimmed());
    };
    let mut most_bytes = 0;
    let record = |change| {
        let record = ChangeRecord::new(change, &stream, engine.database_id());
        most_bytes += record.most_bytes();
        record
    };
    let page = shard.read(place.from, limit, engine.read_horizon(), record)?;
    let (mut records, mut next) = (page.changes, page.next);
    // Hardly any page comes near the limit, and what keys count has to be looked up.
    if most_bytes > MAX_PAGE_BYTES {
        let mut bytes = 0;
        let mut fits = |record: &ChangeRecord| {
            bytes += record.size_bytes();
            bytes <= MAX_PAGE_BYTES
        };
        let count = records.iter().take_while(|record| fits(record)).count().max(1);
        next = records.get(count).map_or(next, |record| Some(record.sequence));
        records.truncate(count);
    }
    let next = next.map(|sequence| iterator(engine, &shard, ReadFrom::At(sequence)));
    Ok(StreamRecords { records, next })
}
