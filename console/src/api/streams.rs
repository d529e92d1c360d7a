//! Change streams: their shards, and records as they come.
//!
//! A tail begins behind the newest record of every shard. It looks only after a commit, again when it has become durable, and every
//! five minutes to have new iterators, takes a bounded number of records and bytes at a time and at most ten times a second, and holds none of them.
//! If writers are faster than that for two seconds, it goes on behind the newest record and says so: a page that is left open
//! never makes the database keep or copy more. It does the same when it was not asked until its iterators were void.

use super::{tables, value};
use crate::{
    answer::{self, Answer, EventSource},
    context::{Context, StreamPlace},
    refusal::Refusal,
    request::Request,
};
use bytes::Bytes;
use hashrange::{
    Database, Error, ErrorKind, Item,
    streams::{ChangeRecord, IteratorStart, StreamDescription, StreamStatus},
};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};

/// Records of one part of a tail.
const PART_RECORDS: usize = 100;
/// Bytes of items after which a part is full; with what one shard adds to that, at most 1 MB, it is twice as many at most.
const PART_BYTES: usize = 1 << 20;
/// Full parts one after the other, after which a tail leaves records out.
const MAX_FULL_PARTS: u32 = 20;
/// Parts without a record after which a tail says that it is still there: about five seconds.
const QUIET_PARTS: u32 = 50;
/// Shards that one part looks at.
const PART_SHARDS: usize = 64;
/// Age of the oldest iterator at which all shards are read though there is no commit, for the new iterators that this gives: those
/// older than 15 minutes are void.
const RENEW_MILLIS: u64 = 5 * 60 * 1000;

/// Text of the event `gap` for a reader that is slower than the writers.
const TOO_FAST: &str = "records were left out: they come faster than a page can show";
/// Text of the event `gap` for a reader that took no part until the iterators of its tail were void.
const TOO_LATE: &str = "records may have been left out: this reader took none for 15 minutes";

/// A change stream of a table.
#[derive(Debug, Serialize)]
pub(crate) struct Stream {
    /// Its label: the UTC time at which it was enabled.
    pub(crate) label: String,
    /// Whether it takes records.
    pub(crate) is_enabled: bool,
    /// What its records carry, as DynamoDB names it.
    pub(crate) view: &'static str,
    /// Its shards, parents before children.
    pub(crate) shards: Vec<Shard>,
}

/// A shard of a stream.
#[derive(Debug, Serialize)]
pub(crate) struct Shard {
    /// Its id.
    pub(crate) id: String,
    /// The shard that it continues.
    pub(crate) parent: Option<String>,
    /// Whether it takes no more records.
    pub(crate) is_closed: bool,
}

/// A record of a stream.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    /// `INSERT`, `MODIFY` or `REMOVE`.
    pub(crate) event: &'static str,
    /// Its sequence number.
    pub(crate) sequence: String,
    /// When it was committed, in milliseconds since 1970.
    pub(crate) at_millis: u64,
    /// Whether time to live asked for it.
    pub(crate) by_ttl: bool,
    /// The key in DynamoDB's JSON.
    #[serde(serialize_with = "as_json")]
    pub(crate) keys: Item,
    /// The item before, where the view shows it.
    #[serde(serialize_with = "optional_as_json")]
    pub(crate) old: Option<Item>,
    /// The item after, where the view shows it.
    #[serde(serialize_with = "optional_as_json")]
    pub(crate) new: Option<Item>,
}

fn as_json<S: serde::Serializer>(item: &Item, serializer: S) -> Result<S::Ok, S::Error> {
    value::item_json(item).serialize(serializer)
}

fn optional_as_json<S: serde::Serializer>(item: &Option<Item>, serializer: S) -> Result<S::Ok, S::Error> {
    item.as_ref().map(value::item_json).unwrap_or(Value::Null).serialize(serializer)
}

impl Record {
    fn of(record: &ChangeRecord) -> Self {
        Self {
            event: record.event.name(),
            sequence: record.sequence_number(),
            at_millis: record.at_millis,
            by_ttl: record.by_ttl,
            keys: record.keys(),
            old: record.old.as_ref().map(|item| item.to_item()),
            new: record.new.as_ref().map(|item| item.to_item()),
        }
    }
}

impl Stream {
    fn of(stream: StreamDescription) -> Self {
        let shards = stream.shards.into_iter().map(|shard| Shard {
            id: shard.id,
            parent: shard.parent,
            is_closed: shard.ending_sequence_number.is_some(),
        });
        Self {
            label: stream.label,
            is_enabled: stream.status == StreamStatus::Enabled,
            view: tables::view_name(stream.view),
            shards: shards.collect(),
        }
    }
}

/// The streams of a table, those that were disabled too, as long as their records are kept.
pub(crate) fn of_table(db: &Database, table: &str) -> Vec<Stream> {
    db.list_streams(Some(table)).into_iter().map(Stream::of).collect()
}

/// How a tail writes a record.
pub(crate) type Write = fn(&Record) -> String;

/// Numbers of the newest commit and of the newest one that is on stable storage. Records of a buffered write can be read after the
/// former, those of another one after the latter.
type Commits = (u64, u64);

/// A reader behind the newest records of a stream.
struct Tail {
    db: Database,
    table: String,
    label: String,
    write: Write,
    /// Shards that are read, by their iterators, in the order in which it is their turn.
    shards: VecDeque<(String, String)>,
    /// Shards that were met.
    known: BTreeSet<String>,
    /// The commits all of whose records were read; `None` before every shard was read to its end twice.
    seen: Option<Commits>,
    /// The commits before every shard was read to its end the last time.
    swept: Option<Commits>,
    /// The commits and the time, in milliseconds since 1970, before the first of the quiet shards was read.
    began: (Commits, u64),
    /// No iterator is from an earlier time than this, in milliseconds since 1970.
    renewed_millis: u64,
    /// Shards that had nothing new, one after the other.
    quiet_shards: usize,
    full_parts: u32,
    quiet_parts: u32,
    /// Whether the last part had records: then the next one is empty, which makes the reader wait.
    is_rest_due: bool,
    _place: StreamPlace,
}

impl Tail {
    /// Takes up shards that appeared, from their beginning or behind their newest record.
    fn find_shards(&mut self, start: &IteratorStart) -> Result<(), Error> {
        let stream = self.db.describe_stream(&self.table, &self.label)?;
        for shard in stream.shards.into_iter().filter(|shard| self.known.insert(shard.id.clone())) {
            // What a closed shard has is over, unless it appeared and was closed between two looks.
            if shard.ending_sequence_number.is_none() || *start == IteratorStart::TrimHorizon {
                let iterator = self.db.shard_iterator(&self.table, &self.label, &shard.id, start)?;
                self.shards.push_back((shard.id, iterator));
                (self.quiet_shards, self.swept, self.seen) = (0, None, None);
            }
        }
        Ok(())
    }

    /// Records of the shards whose turn it is, up to a part; and whether the part is full.
    fn read(&mut self) -> Result<(Vec<Record>, bool), Error> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        for _ in 0..self.shards.len().min(PART_SHARDS) {
            let Some((shard, iterator)) = self.shards.pop_front() else { break };
            let page = self.db.stream_records(&iterator, Some(PART_RECORDS - records.len()))?;
            self.quiet_shards = if page.records.is_empty() { self.quiet_shards + 1 } else { 0 };
            let images = page.records.iter().flat_map(|record| [&record.old, &record.new]).flatten();
            bytes += images.map(|item| item.size_bytes()).sum::<usize>();
            records.extend(page.records.iter().map(Record::of));
            match page.next {
                Some(next) => self.shards.push_back((shard, next)),
                None => self.find_shards(&IteratorStart::TrimHorizon)?,
            }
            if records.len() >= PART_RECORDS || bytes >= PART_BYTES {
                return Ok((records, true));
            }
        }
        Ok((records, false))
    }

    fn part(&mut self) -> Result<String, Error> {
        let (statistics, now_millis) = (self.db.statistics(), self.db.clock().now_millis());
        let commits = (statistics.last_commit, statistics.durable_commit);
        let is_renewal_due = now_millis.abs_diff(self.renewed_millis) >= RENEW_MILLIS;
        if self.seen == Some(commits) && !is_renewal_due {
            return Ok(String::new());
        }
        if self.quiet_shards == 0 {
            self.began = (commits, now_millis);
        }
        let (records, is_full) = match self.read() {
            Err(error) if error.kind() == ErrorKind::Expired => return self.start_again(TOO_LATE),
            read => read?,
        };
        if self.quiet_shards >= self.shards.len() {
            // Nothing came since the commits were looked at. A writer brings a record to its shard a moment after its commit has its number:
            // where a second look finds nothing either, there is nothing to read until the commits are others.
            let (commits, millis) = self.began;
            self.seen = Some(commits).filter(|_| self.swept == Some(commits));
            (self.swept, self.renewed_millis, self.quiet_shards) = (Some(commits), millis, 0);
            self.find_shards(&IteratorStart::TrimHorizon)?;
        }
        self.full_parts = if is_full { self.full_parts + 1 } else { 0 };
        let mut text: String = records.iter().map(|record| answer::event(None, &(self.write)(record))).collect();
        if self.full_parts > MAX_FULL_PARTS {
            text += &self.start_again(TOO_FAST)?;
        }
        Ok(text)
    }

    /// Moves the tail behind the newest record of every shard. Returns the event `gap`, which tells the reader why.
    fn start_again(&mut self, why: &str) -> Result<String, Error> {
        (self.full_parts, self.quiet_shards) = (0, 0);
        self.renewed_millis = self.db.clock().now_millis();
        self.shards.clear();
        self.known.clear();
        (self.swept, self.seen) = (None, None);
        self.find_shards(&IteratorStart::Latest)?;
        Ok(answer::event(Some("gap"), why))
    }
}

impl EventSource for Tail {
    fn next(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.is_rest_due) {
            return Some(Bytes::new());
        }
        // A stream that was disabled and forgotten, or a table that is gone, ends the tail; the page asks again.
        let text = self.part().ok()?;
        self.is_rest_due = !text.is_empty();
        self.quiet_parts = if text.is_empty() { self.quiet_parts + 1 } else { 0 };
        if self.quiet_parts >= QUIET_PARTS {
            self.quiet_parts = 0;
            return Some(Bytes::from_static(b": still here\n\n"));
        }
        Some(Bytes::from(text))
    }
}

/// Events for each record of a table's stream from now on. Errors: the table has no stream; too many are followed.
pub(crate) fn tail(context: &Context, table: &str, write: Write) -> Result<Answer, Refusal> {
    let db = context.db.clone();
    let enabled = db.list_streams(Some(table)).into_iter().rev().find(|stream| stream.status == StreamStatus::Enabled);
    let stream =
        enabled.ok_or_else(|| Refusal::not_found(format!("the table {table} has no stream that is enabled")))?;
    let began = ((0, 0), db.clock().now_millis());
    let mut tail = Tail {
        db,
        table: table.to_owned(),
        label: stream.label,
        write,
        shards: VecDeque::new(),
        known: BTreeSet::new(),
        seen: None,
        swept: None,
        began,
        renewed_millis: began.1,
        quiet_shards: 0,
        full_parts: 0,
        quiet_parts: QUIET_PARTS, // the first part is sent at once, so that the browser knows that it is connected
        is_rest_due: false,
        _place: context.open_stream()?,
    };
    tail.find_shards(&IteratorStart::Latest)?;
    Ok(answer::events(Box::new(tail)))
}

/// Answers `/console/api/tables/TABLE/stream` and `.../stream/events`.
pub(crate) fn respond(context: &Context, request: &Request, table: &str, path: &[&str]) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    tables::describe(&context.db, table)?;
    match path {
        [] => Ok(answer::json(&of_table(&context.db, table))),
        ["events"] => tail(context, table, |record| serde_json::to_string(record).unwrap_or_default()),
        _ => Err(Refusal::not_found("a stream has no such address")),
    }
}
