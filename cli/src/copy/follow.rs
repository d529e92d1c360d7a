//! Following the changes of the source: its streams, read from their oldest record and applied in order.
//!
//! A shard is read only when its parent was read to the end, so that the changes of one item stay in their order. Of a
//! page of records the last of each key is applied, then the page is noted; a page that was applied and not noted is
//! applied again, and ends the same. Each round reads a page of each shard, so that no shard waits for a busy one.

use super::{
    Mover,
    batch::{self, Change},
    definition::{self, Definition},
    incomplete, masked, refused,
    state::Shard as Progress,
};
use crate::{failure::Failure, output, text::counted};
use aws_sdk_dynamodb::{error::ProvideErrorMetadata, types::AttributeValue};
use aws_sdk_dynamodbstreams::types::{
    AttributeValue as StreamValue, OperationType, Record, Shard, ShardIteratorType, StreamViewType,
};
use std::{collections::HashMap, time::Duration};

/// Pause when no shard had anything new.
const PAUSE: Duration = Duration::from_millis(200);
/// What a stream keeps, in milliseconds: changes of before are gone.
const RETENTION_MILLIS: u64 = 24 * 3_600 * 1_000;
/// How often it is noted that the streams were read, in milliseconds.
const NOTE_MILLIS: u64 = 60 * 1_000;
/// Empty pages of a shard, one after another, after which it counts as read until now: the service also answers with empty pages
/// where records follow.
const EMPTY_PAGES: u32 = 50;
/// Rounds for which a list of shards is used. When a shard ends, the list is read again, since its children begin then.
const ROUNDS_WITH_LIST: u32 = 25;

/// Whether the changes of a table can be followed.
pub(super) fn check(definition: &Definition) -> Result<(), Failure> {
    let view = definition.stream().and_then(|stream| stream.stream_view_type()).map(|view| view.as_str());
    let with_new = [StreamViewType::NewImage, StreamViewType::NewAndOldImages];
    if with_new.iter().any(|needed| view == Some(needed.as_str())) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "the changes of {} cannot be followed: it needs a stream of NEW_IMAGE or NEW_AND_OLD_IMAGES, enabled before the \
         copy begins",
        definition.name
    )))
}

/// A stream that is followed.
struct Stream<'t> {
    table: &'t str,
    arn: String,
    /// Where to go on, by shard, for as long as the program runs.
    iterators: HashMap<String, String>,
    /// The shards, and for how many rounds they are not listed again.
    shards: Vec<Shard>,
    rounds_left: u32,
    /// The times up to which shards were read that have not ended, in milliseconds.
    read_until: HashMap<String, u64>,
    /// How many pages of a shard were empty since the last record.
    empty_pages: HashMap<String, u32>,
}

impl Stream<'_> {
    /// All changes of before this time were applied. If all shards have ended, that is the time at which the round began; it is not
    /// known before the shards were listed again of which some may be children of one that has ended.
    fn read_until(&self, began_millis: u64) -> u64 {
        if self.rounds_left == 0 { 0 } else { self.read_until.values().copied().min().unwrap_or(began_millis) }
    }
}

impl Mover {
    /// Applies the changes of the tables until the program is stopped.
    pub(crate) async fn follow(&self, tables: &[String]) -> Result<(), Failure> {
        let mut seen_millis = self.state.seen_millis()?;
        if self.state.now_millis().saturating_sub(seen_millis) >= RETENTION_MILLIS {
            let text = "the changes of the source were last seen more than a day ago and streams keep a day, so some are \
                        lost; copy again with another --state";
            return Err(Failure::Usage(text.to_owned()));
        }
        let mut streams = Vec::new();
        for table in tables {
            let definition = definition::read(&self.from, table).await?;
            check(&definition)?;
            let arn = definition.description.latest_stream_arn;
            let arn = arn.ok_or_else(|| incomplete(format!("cannot find the stream of {table}")))?;
            let began_with = self.state.made(table)?.and_then(|made| made.stream);
            if began_with.as_deref() != Some(arn.as_str()) {
                let text = format!(
                    "the stream of {table} was enabled after the copy began, so changes of between are lost; copy again \
                     with another --state"
                );
                return Err(Failure::Usage(text));
            }
            streams.push(Stream {
                table,
                arn,
                iterators: HashMap::new(),
                shards: Vec::new(),
                rounds_left: 0,
                read_until: HashMap::new(),
                empty_pages: HashMap::new(),
            });
        }
        output::remark("following the changes of the source; stop with Ctrl-C");
        loop {
            let (mut applied, began_millis) = (0, self.state.now_millis());
            for stream in &mut streams {
                applied += self.follow_once(stream).await?;
            }
            if applied > 0 {
                output::remark(format_args!("{} applied", counted(applied, "change")));
            }
            let read_until = streams.iter().map(|stream| stream.read_until(began_millis)).min();
            if let Some(millis) = read_until.filter(|millis| *millis > seen_millis + NOTE_MILLIS) {
                self.state.note_seen(millis)?;
                seen_millis = millis;
            }
            if applied == 0 {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// One page of each shard of a stream that can be read; returns how many records were applied.
    async fn follow_once(&self, stream: &mut Stream<'_>) -> Result<u64, Failure> {
        let table = stream.table;
        if stream.rounds_left == 0 {
            stream.shards = self.shards(table, &stream.arn).await?;
            stream.rounds_left = ROUNDS_WITH_LIST;
            let is_listed = |id: &str| stream.shards.iter().any(|shard| shard.shard_id() == Some(id));
            stream.read_until.retain(|id, _| is_listed(id));
            stream.empty_pages.retain(|id, _| is_listed(id));
        }
        stream.rounds_left -= 1;
        let mut applied = 0;
        let shards = std::mem::take(&mut stream.shards);
        for shard in &shards {
            let id = shard.shard_id().unwrap_or_default();
            let state = self.state.shard(table, id)?;
            let has_parent = |parent: &str| shards.iter().any(|shard| shard.shard_id() == Some(parent));
            let waits = match shard.parent_shard_id().filter(|parent| has_parent(parent)) {
                Some(parent) => !self.state.shard(table, parent)?.is_done,
                None => false,
            };
            if !state.is_done && !waits {
                applied += self.follow_shard(stream, id, state).await?;
            }
        }
        stream.shards = shards;
        Ok(applied)
    }

    async fn shards(&self, table: &str, arn: &str) -> Result<Vec<Shard>, Failure> {
        let (mut shards, mut start) = (Vec::new(), None);
        loop {
            let page = self.from.streams.describe_stream().stream_arn(arn).set_exclusive_start_shard_id(start);
            let page =
                page.send().await.map_err(|error| refused(format!("cannot list the shards of {table}"), error))?;
            let page =
                page.stream_description.ok_or_else(|| incomplete(format!("cannot list the shards of {table}")))?;
            shards.extend(page.shards.unwrap_or_default());
            start = page.last_evaluated_shard_id;
            if start.is_none() {
                return Ok(shards);
            }
        }
    }

    /// Applies the page that a shard has behind the last record that was noted; returns how many records those are.
    async fn follow_shard(&self, stream: &mut Stream<'_>, id: &str, mut state: Progress) -> Result<u64, Failure> {
        let table = stream.table;
        let iterator = match stream.iterators.remove(id) {
            Some(iterator) => Some(iterator),
            None => self.iterator(stream, id, &state).await?,
        };
        let Some(iterator) = iterator else { return Ok(0) };
        let asked_millis = self.state.now_millis();
        let page = match self.from.streams.get_records().shard_iterator(iterator).send().await {
            Ok(page) => page,
            // The target kept this waiting for too long; the next round begins at what was noted.
            Err(error) if error.code() == Some("ExpiredIteratorException") => return Ok(0),
            Err(error) => return Err(refused(format!("cannot read the changes of {table}"), error)),
        };
        let records = page.records.unwrap_or_default();
        let last = records.iter().rev().find_map(|record| record.dynamodb()?.sequence_number());
        state.after = last.map(str::to_owned).or(state.after);
        state.is_done = page.next_shard_iterator.is_none();
        let count = records.len() as u64;
        let empty_pages = stream.empty_pages.entry(id.to_owned()).or_default();
        *empty_pages = if records.is_empty() { empty_pages.saturating_add(1) } else { 0 };
        let until_millis = match records.last() {
            None if *empty_pages < EMPTY_PAGES => 0,
            None => asked_millis,
            Some(last) => written_millis(last).unwrap_or_default().min(asked_millis),
        };
        let changes = last_of_each_key(records).into_iter().map(|change| self.mask(table, change));
        batch::write(&self.to.items, table, changes.collect::<Result<_, _>>()?).await?;
        if count > 0 || state.is_done {
            self.state.note_shard(table, id, &state)?;
        }
        match page.next_shard_iterator {
            // A page may be empty before records: the next round has to go on behind it, not at the last record.
            Some(next) => {
                stream.iterators.insert(id.to_owned(), next);
                let read_until = stream.read_until.entry(id.to_owned()).or_default();
                *read_until = until_millis.max(*read_until);
            }
            None => {
                stream.read_until.remove(id);
                stream.rounds_left = 0;
            }
        }
        Ok(count)
    }

    /// A change as the rules leave it. A key is masked as the same key in an item, so a deletion finds what it deletes.
    fn mask(&self, table: &str, change: Change) -> Result<Change, Failure> {
        Ok(match change {
            Change::Put(item) => Change::Put(masked(self.masks.as_ref(), table, item)?),
            Change::Delete(key) => Change::Delete(masked(self.masks.as_ref(), table, key)?),
        })
    }

    /// An iterator behind the last record that was noted.
    async fn iterator(&self, stream: &Stream<'_>, id: &str, state: &Progress) -> Result<Option<String>, Failure> {
        let iterator = self.from.streams.get_shard_iterator().stream_arn(&stream.arn).shard_id(id);
        let iterator = match &state.after {
            Some(after) => iterator.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(after),
            None => iterator.shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        let answer = iterator.send().await;
        let what = || format!("cannot read the changes of {}", stream.table);
        Ok(answer.map_err(|error| refused(what(), error))?.shard_iterator)
    }
}

/// When the change of a record was made, in milliseconds since 1970, to the second.
fn written_millis(record: &Record) -> Option<u64> {
    let seconds = record.dynamodb()?.approximate_creation_date_time()?.secs();
    u64::try_from(seconds).ok()?.checked_mul(1_000)
}

/// The changes to make: of several records of one key the last counts.
fn last_of_each_key(records: Vec<Record>) -> Vec<Change> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut changes: Vec<Change> = Vec::new();
    for record in records {
        let Some(change) = record.dynamodb else { continue };
        let mut key: Vec<_> = change.keys.clone().unwrap_or_default().into_iter().collect();
        key.sort_by(|one, other| one.0.cmp(&other.0));
        let name = format!("{key:?}");
        let change = match (record.event_name, change.new_image) {
            (Some(OperationType::Remove), _) | (_, None) => Change::Delete(items(change.keys.unwrap_or_default())),
            (_, Some(image)) => Change::Put(items(image)),
        };
        match places.get(&name) {
            Some(place) => changes[*place] = change,
            None => {
                places.insert(name, changes.len());
                changes.push(change);
            }
        }
    }
    changes
}

fn items(values: HashMap<String, StreamValue>) -> HashMap<String, AttributeValue> {
    values.into_iter().filter_map(|(name, value)| Some((name, item(value)?))).collect()
}

/// A value of the streams' client as one of the other client. Values do not nest deeper than 32 levels.
fn item(value: StreamValue) -> Option<AttributeValue> {
    Some(match value {
        StreamValue::S(text) => AttributeValue::S(text),
        StreamValue::N(number) => AttributeValue::N(number),
        StreamValue::B(bytes) => AttributeValue::B(bytes),
        StreamValue::Bool(value) => AttributeValue::Bool(value),
        StreamValue::Null(value) => AttributeValue::Null(value),
        StreamValue::Ss(set) => AttributeValue::Ss(set),
        StreamValue::Ns(set) => AttributeValue::Ns(set),
        StreamValue::Bs(set) => AttributeValue::Bs(set),
        StreamValue::L(list) => AttributeValue::L(list.into_iter().filter_map(item).collect()),
        StreamValue::M(map) => AttributeValue::M(items(map)),
        _ => return None,
    })
}
