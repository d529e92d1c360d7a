//! How many items each partition key has.
//!
//! Heat counts requests, and a database that was just opened has met none. What was stored before is found by reading the table.
//! Items of one partition key follow each other, so one pass counts them and keeps the largest only.

use super::{pages::Pages, tables, value};
use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::{Item, ItemRef, history::Moment};
use serde::Serialize;

/// Items that are read, at most. They come in the order of the hashes of their keys, so the first ones are like all.
const MAX_ITEMS: u64 = 200_000;
/// Partition keys of an answer, at most.
const MAX_KEYS: usize = 20;

/// How many items the partition keys of a table have.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Sizes {
    /// Items that were read.
    pub(crate) items: u64,
    /// Their bytes by DynamoDB's rule.
    pub(crate) bytes: u64,
    /// Partition keys that they have.
    pub(crate) partition_keys: u64,
    /// Whether those are all items of the table.
    pub(crate) is_whole: bool,
    /// The partition keys with the most items.
    pub(crate) largest: Vec<Size>,
}

/// What a partition key has.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Size {
    /// The partition key in DynamoDB's JSON.
    #[serde(serialize_with = "as_json")]
    pub(crate) key: Item,
    /// Its items.
    pub(crate) items: u64,
    /// Their bytes by DynamoDB's rule.
    pub(crate) bytes: u64,
}

fn as_json<S: serde::Serializer>(item: &Item, serializer: S) -> Result<S::Ok, S::Error> {
    value::item_json(item).serialize(serializer)
}

impl Sizes {
    fn add(&mut self, of: Size) {
        self.items += of.items;
        self.bytes += of.bytes;
        self.partition_keys += 1;
        let at = self.largest.partition_point(|known| (known.items, known.bytes) >= (of.items, of.bytes));
        if at < MAX_KEYS {
            self.largest.truncate(MAX_KEYS - 1);
            self.largest.insert(at, of);
        }
    }
}

/// Counts the items of a table by partition key.
pub(crate) fn of_table(context: &Context, table: &str) -> Result<Sizes, Refusal> {
    let hash = tables::describe(&context.db, table)?.definition.key.hash.name.clone();
    let mut pages = Pages::new(context.db.at(Moment::Now)?, table);
    let (mut sizes, mut of, mut read) = (Sizes::default(), None::<Size>, 0);
    while let Some(page) = pages.next()? {
        for item in &page.items {
            let (key, bytes) = (key(item, &hash), item.size_bytes() as u64);
            match &mut of {
                Some(of) if of.key == key => {
                    of.items += 1;
                    of.bytes += bytes;
                }
                _ => of.replace(Size { key, items: 1, bytes }).into_iter().for_each(|done| sizes.add(done)),
            }
        }
        read += page.items.len() as u64;
        if read >= MAX_ITEMS {
            break;
        }
    }
    sizes.is_whole = pages.next()?.is_none_or(|page| page.items.is_empty());
    of.into_iter().for_each(|done| sizes.add(done));
    Ok(sizes)
}

fn key(item: &ItemRef, hash: &str) -> Item {
    item.get(hash).map(|value| Item::new().with(hash, value.to_value())).unwrap_or_default()
}

/// Answers `/console/api/heat/TABLE/sizes`.
pub(crate) fn respond(context: &Context, request: &Request, table: &str) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    Ok(answer::json(&of_table(context, table)?))
}
