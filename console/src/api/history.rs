//! What was: versions of an item, and what differs between two moments.

use super::{moment, tables, value};
use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::{
    Database, Item, ItemRef,
    history::{ItemVersion, Moment},
};
use serde::Serialize;
use serde_json::Value;
use std::{collections::VecDeque, ops::ControlFlow};

/// Differences that an answer has, at most.
const MAX_CHANGES: u64 = 1_000;

/// The most bytes of items in one answer. The first item is always in it, however large it is.
const MAX_BYTES: usize = 16 << 20;

/// Bytes that an entry of an answer has beside its item, about.
const ENTRY_BYTES: usize = 100;

/// From when to when the database can be read as it was.
#[derive(Debug, Serialize)]
pub(crate) struct Window {
    /// The first commit after which it can be read.
    pub(crate) first_commit: u64,
    /// The time of that commit, in milliseconds since 1970.
    pub(crate) first_millis: u64,
    /// The last commit.
    pub(crate) last_commit: u64,
    /// The time of that commit, in milliseconds since 1970.
    pub(crate) last_millis: u64,
    /// Bytes of the log that only history needs.
    pub(crate) log_bytes: u64,
}

/// What an item was from one commit to the next one that wrote it.
#[derive(Debug, Serialize)]
pub(crate) struct Version {
    /// Number of the commit.
    pub(crate) commit: u64,
    /// Its time, in milliseconds since 1970.
    pub(crate) at_millis: u64,
    /// The item in DynamoDB's JSON; absent if it was deleted.
    #[serde(serialize_with = "optional_item")]
    pub(crate) item: Option<Item>,
    /// Whether time to live deleted it.
    pub(crate) is_expiry: bool,
}

/// Versions of an item.
#[derive(Debug, Serialize)]
pub(crate) struct Versions {
    /// The newest ones that an answer has room for, oldest first.
    pub(crate) versions: Vec<Version>,
    /// Whether there are earlier ones.
    pub(crate) has_more: bool,
}

/// An item that differs between two moments.
#[derive(Debug, Serialize)]
pub(crate) struct Change {
    /// The item at the earlier moment.
    #[serde(serialize_with = "optional_item")]
    pub(crate) old: Option<Item>,
    /// The item at the later moment.
    #[serde(serialize_with = "optional_item")]
    pub(crate) new: Option<Item>,
    /// When it was last written between the two, in milliseconds since 1970.
    pub(crate) written_millis: Option<u64>,
}

/// What differs between two moments.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    /// Commit of the earlier moment.
    pub(crate) from_commit: u64,
    /// Commit of the later moment.
    pub(crate) to_commit: u64,
    /// The items, in the order of token and key.
    pub(crate) changes: Vec<Change>,
    /// Whether there are more.
    pub(crate) has_more: bool,
}

fn optional_item<S: serde::Serializer>(item: &Option<Item>, serializer: S) -> Result<S::Ok, S::Error> {
    item.as_ref().map(value::item_json).unwrap_or(Value::Null).serialize(serializer)
}

/// The window of the history; `None` if none is kept.
pub(crate) fn window(db: &Database) -> Option<Window> {
    let window = db.history_window()?;
    Some(Window {
        first_commit: window.earliest.commit,
        first_millis: window.earliest.at_millis,
        last_commit: window.latest.commit,
        last_millis: window.latest.at_millis,
        log_bytes: window.log_bytes,
    })
}

/// Versions of an item, as many of the newest as an answer has room for. No more than those are in memory.
pub(crate) fn versions(db: &Database, table: &str, key: &Item) -> Result<Versions, Refusal> {
    let (mut newest, mut bytes, mut has_more) = (VecDeque::new(), 0, false);
    let size = |version: &ItemVersion| ENTRY_BYTES + version.item.as_ref().map_or(0, ItemRef::size_bytes);
    db.visit_item_versions(table, key, |version| {
        bytes += size(&version);
        newest.push_back(version);
        while bytes > MAX_BYTES && newest.len() > 1 {
            bytes -= newest.pop_front().as_ref().map_or(0, size);
            has_more = true;
        }
        ControlFlow::Continue(())
    })?;
    let versions = newest.into_iter().map(|version| Version {
        commit: version.commit,
        at_millis: version.at_millis,
        item: version.item.map(|item| item.to_item()),
        is_expiry: version.is_expiry,
    });
    Ok(Versions { versions: versions.collect(), has_more })
}

/// What is left of the bytes that an answer may have.
struct Room {
    left: usize,
    is_empty: bool,
}

impl Default for Room {
    fn default() -> Self {
        Self { left: MAX_BYTES, is_empty: true }
    }
}

impl Room {
    /// Takes the room that items need. False if there is none, unless they are the first.
    fn takes<'a>(&mut self, items: impl IntoIterator<Item = &'a Option<ItemRef>>) -> bool {
        let bytes = items.into_iter().flatten().map(|item| item.size_bytes() + ENTRY_BYTES).sum::<usize>();
        let fits = self.left.checked_sub(bytes.max(ENTRY_BYTES));
        let takes = fits.is_some() || self.is_empty;
        (self.left, self.is_empty) = (fits.unwrap_or(0), false);
        takes
    }
}

/// What differs between two moments, up to a number of items and of bytes.
pub(crate) fn difference(
    db: &Database,
    table: &str,
    from: Moment,
    to: Moment,
    most: u64,
) -> Result<Difference, Refusal> {
    let (earlier, later) = (db.at(from)?, db.at(to)?);
    if earlier.commit() > later.commit() {
        return Err(Refusal::invalid("the first moment is the later one"));
    }
    let mut room = Room::default();
    let mut difference =
        Difference { from_commit: earlier.commit(), to_commit: later.commit(), changes: Vec::new(), has_more: false };
    for change in later.changes_since(&earlier, table)? {
        let change = change?;
        if difference.changes.len() as u64 >= most || !room.takes([&change.old, &change.new]) {
            difference.has_more = true;
            break;
        }
        difference.changes.push(Change {
            old: change.old.map(|item| item.to_item()),
            new: change.new.map(|item| item.to_item()),
            written_millis: change.written_millis,
        });
    }
    Ok(difference)
}

/// Answers `/console/api/tables/TABLE/history` (the window), `.../versions?key=` and `.../difference?from=&to=`.
pub(crate) fn respond(context: &Context, request: &Request, table: &str, what: &str) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    let db = &context.db;
    match what {
        "versions" => Ok(answer::json(&versions(db, table, &value::key_of(request.required("key")?)?)?)),
        "difference" => {
            let (from, to) =
                (moment::parse(request.required("from")?)?, moment::parse(request.parameter("to").unwrap_or("now"))?);
            let most = request.number("limit", MAX_CHANGES)?.unwrap_or(100);
            Ok(answer::json(&difference(db, table, from, to, most)?))
        }
        _ => {
            tables::describe(db, table)?;
            Ok(answer::json(&window(db)))
        }
    }
}
