//! How far a copy is: a small database of its own.
//!
//! One table, `progress`. Its rows by partition key and sort key:
//!
//! | name | part | attributes |
//! |---|---|---|
//! | ` ` | `copy` | `from`, `to`, `segments`, `seen`; `mask`: the fingerprint of the rules, if items are masked |
//! | ` ` | `following` | `seen` |
//! | table | `made` | the table was made by this copy; `stream`: the source's ARN then; `source`, `target`: the ids of the tables |
//! | table | `segment N` | `last`: the key behind which the scan goes on, `items` so far, `done` |
//! | table | `copied` | all items are at the target |
//! | table | `shard ID` | `after`: the sequence number of the last record that was applied, `done` |
//!
//! `seen` is a time in milliseconds: the streams of the source hold no change of before that still has to be applied.

use super::CopyTarget;
use crate::failure::Failure;
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue as SdkValue};
use hashrange::{
    AttributeValue, Database, Item, Table,
    key::{Dynamic, S},
};
use std::collections::HashMap;

/// A key of the source, as the SDK has it.
pub(super) type Key = HashMap<String, SdkValue>;

/// How far a segment of a table is.
#[derive(Clone, Debug, Default)]
pub(super) struct Segment {
    /// The key behind which the scan goes on; none at the beginning.
    pub(super) last: Option<Key>,
    /// Items that are at the target.
    pub(super) items: u64,
    /// There is nothing left to read.
    pub(super) is_done: bool,
}

/// The tables that a copy began with.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    /// ARN of the stream that the table of the source had before the first of its items was read.
    pub(super) stream: Option<String>,
    /// Id of the table at the source. States of older versions have none.
    pub(super) source: Option<String>,
    /// Id of the table at the target, once that is there.
    pub(super) target: Option<String>,
}

/// How far a shard of a stream is.
#[derive(Clone, Debug, Default)]
pub(super) struct Shard {
    /// Sequence number of the last record that was applied.
    pub(super) after: Option<String>,
    /// The shard is closed and was read to its end.
    pub(super) is_done: bool,
}

/// The state of one copy. Every change is durable when the call returns.
#[derive(Clone)]
pub(crate) struct CopyState {
    /// Open as long as this is there.
    database: Database,
    rows: Table<Dynamic>,
    /// Parts of a table that are copied side by side.
    pub(super) segments: u32,
    is_going_on: bool,
}

/// What must be the same each time that a copy goes on.
pub(crate) struct Copying<'c> {
    pub(crate) from: &'c CopyTarget,
    pub(crate) to: &'c CopyTarget,
    /// The fingerprint of the rules that mask items, if there are any.
    pub(crate) mask: Option<&'c str>,
}

impl Copying<'_> {
    /// Compares with the row of the copy that is there. Errors: that one is between other places.
    fn check_places(&self, row: &Item) -> Result<(), Failure> {
        let same = text(row, "from") == Some(&self.from.to_string()) && text(row, "to") == Some(&self.to.to_string());
        if same {
            return Ok(());
        }
        let [from, to] = ["from", "to"].map(|name| text(row, name).unwrap_or_default());
        Err(Failure::Usage(format!(
            "the state is that of a copy from {from} to {to}; name another folder with --state"
        )))
    }

    /// The row of the copy with the fingerprint of its rules, or with none.
    fn masked(&self, mut row: Item) -> Item {
        row.remove("mask");
        match self.mask {
            Some(mask) => row.with("mask", mask),
            None => row,
        }
    }
}

/// The failure of a copy that would go on with items masked in another way.
fn other_mask(row: &Item) -> Failure {
    let began = if row.contains_key("mask") { "with other rules or another key" } else { "without a mask" };
    Failure::Usage(format!(
        "the copy began {began}; go on so, or begin again with an empty target and another folder for --state"
    ))
}

const TABLE: &str = "progress";
/// Partition key of the row about the copy as a whole; no table has this name.
const COPY: &str = " ";

impl CopyState {
    /// The state of a copy between two places: the one that is there, or that of a copy that begins.
    /// Errors: the one that is there is of other places, or its items were masked by other rules or another key.
    pub(crate) fn open(database: Database, copy: &Copying<'_>, segments: u32) -> Result<Self, Failure> {
        if database.list_tables().is_empty() {
            database.create_table(TABLE).hash::<S>("name").range::<S>("part").create()?;
        }
        let rows = database.dynamic_table(TABLE)?;
        // A copy that failed before it made a table has neither read nor masked anything. Then this is the only row, and the copy
        // begins now.
        let has_begun = rows.scan().items().nth(1).is_some();
        if let Some(row) = rows.get(key(COPY, "copy"))?.map(|row| row.to_item()).filter(|_| has_begun) {
            copy.check_places(&row)?;
            if text(&row, "mask") != copy.mask {
                return Err(other_mask(&row));
            }
            let segments = number(&row, "segments").and_then(|n| u32::try_from(n).ok()).unwrap_or(segments);
            return Ok(Self { database, rows, segments, is_going_on: true });
        }
        let now = database.clock().now_millis();
        let row = key(COPY, "copy").with("from", copy.from.to_string()).with("to", copy.to.to_string());
        rows.put(&copy.masked(row.with("segments", segments).with("seen", now)))?;
        Ok(Self { database, rows, segments, is_going_on: false })
    }

    /// Whether the copy began in an earlier run of the program.
    pub(crate) fn is_going_on(&self) -> bool {
        self.is_going_on
    }

    /// The time up to which the streams of the source were read, or at which the copy began, in milliseconds.
    pub(super) fn seen_millis(&self) -> Result<u64, Failure> {
        let parts = ["following", "copy"].map(|part| self.rows.get(key(COPY, part)));
        let mut seen = 0;
        for row in parts {
            seen = seen.max(row?.and_then(|row| number(&row.to_item(), "seen")).unwrap_or_default());
        }
        Ok(seen)
    }

    /// The present, in milliseconds.
    pub(super) fn now_millis(&self) -> u64 {
        self.database.clock().now_millis()
    }

    /// What the streams of the source hold of before a time was applied.
    pub(super) fn note_seen(&self, millis: u64) -> Result<(), Failure> {
        self.put(key(COPY, "following").with("seen", millis))
    }

    /// Whether all items of a table are at the target.
    pub(super) fn is_copied(&self, table: &str) -> Result<bool, Failure> {
        Ok(self.rows.get(key(table, "copied"))?.is_some())
    }

    /// All items of a table are at the target.
    pub(super) fn note_copied(&self, table: &str) -> Result<(), Failure> {
        self.put(key(table, "copied"))
    }

    /// The tables that this copy began with, if it has made the table at the target or was about to.
    pub(super) fn made(&self, table: &str) -> Result<Option<Made>, Failure> {
        let Some(row) = self.rows.get(key(table, "made"))?.map(|row| row.to_item()) else { return Ok(None) };
        let [stream, source, target] = ["stream", "source", "target"].map(|name| text(&row, name).map(str::to_owned));
        Ok(Some(Made { stream, source, target }))
    }

    /// This copy makes the table, or has made it.
    pub(super) fn note_made(&self, table: &str, made: &Made) -> Result<(), Failure> {
        let mut row = key(table, "made");
        for (name, value) in [("stream", &made.stream), ("source", &made.source), ("target", &made.target)] {
            if let Some(value) = value {
                row = row.with(name, value.as_str());
            }
        }
        self.put(row)
    }

    /// Whether items of a table were copied, or all of them are.
    pub(super) fn has_begun(&self, table: &str) -> Result<bool, Failure> {
        for segment in 0..self.segments {
            if self.rows.get(key(table, &format!("segment {segment}")))?.is_some() {
                return Ok(true);
            }
        }
        self.is_copied(table)
    }

    /// How far a segment is.
    pub(super) fn segment(&self, table: &str, segment: u32) -> Result<Segment, Failure> {
        let Some(row) = self.rows.get(key(table, &format!("segment {segment}")))? else {
            return Ok(Segment::default());
        };
        let row = row.to_item();
        let last = match row.get("last") {
            Some(AttributeValue::M(key)) => Some(key.iter().filter_map(|(k, v)| Some((k.clone(), sdk(v)?))).collect()),
            _ => None,
        };
        Ok(Segment { last, items: number(&row, "items").unwrap_or_default(), is_done: row.contains_key("done") })
    }

    /// Notes how far a segment is.
    pub(super) fn note_segment(&self, table: &str, segment: u32, state: &Segment) -> Result<(), Failure> {
        let mut row = key(table, &format!("segment {segment}")).with("items", state.items);
        if let Some(last) = &state.last {
            let last = last.iter().filter_map(|(name, value)| Some((name.clone(), engine(value)?))).collect();
            row.insert("last".to_owned(), AttributeValue::M(last));
        }
        self.put(if state.is_done { row.with("done", true) } else { row })
    }

    /// How far a shard is.
    pub(super) fn shard(&self, table: &str, shard: &str) -> Result<Shard, Failure> {
        let Some(row) = self.rows.get(key(table, &format!("shard {shard}")))? else { return Ok(Shard::default()) };
        let row = row.to_item();
        Ok(Shard { after: text(&row, "after").map(str::to_owned), is_done: row.contains_key("done") })
    }

    /// Notes how far a shard is.
    pub(super) fn note_shard(&self, table: &str, shard: &str, state: &Shard) -> Result<(), Failure> {
        let mut row = key(table, &format!("shard {shard}"));
        if let Some(after) = &state.after {
            row = row.with("after", after.as_str());
        }
        self.put(if state.is_done { row.with("done", true) } else { row })
    }

    fn put(&self, row: Item) -> Result<(), Failure> {
        self.rows.put(&row)?;
        Ok(())
    }
}

fn key(name: &str, part: &str) -> Item {
    Item::new().with("name", name).with("part", part)
}

fn text<'i>(row: &'i Item, name: &str) -> Option<&'i str> {
    match row.get(name)? {
        AttributeValue::S(text) => Some(text),
        _ => None,
    }
}

fn number(row: &Item, name: &str) -> Option<u64> {
    match row.get(name)? {
        AttributeValue::N(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// A key attribute from the SDK's form to the engine's.
fn engine(value: &SdkValue) -> Option<AttributeValue> {
    Some(match value {
        SdkValue::S(text) => AttributeValue::S(text.clone()),
        SdkValue::N(number) => AttributeValue::N(hashrange::Number::parse(number).ok()?),
        SdkValue::B(bytes) => AttributeValue::B(bytes.as_ref().to_vec().into()),
        _ => return None,
    })
}

/// A key attribute from the engine's form to the SDK's.
fn sdk(value: &AttributeValue) -> Option<SdkValue> {
    Some(match value {
        AttributeValue::S(text) => SdkValue::S(text.clone()),
        AttributeValue::N(number) => SdkValue::N(number.to_string()),
        AttributeValue::B(bytes) => SdkValue::B(Blob::new(bytes.to_vec())),
        _ => return None,
    })
}
