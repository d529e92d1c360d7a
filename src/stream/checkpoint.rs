//! How far a consumer has come in a shard: the rows of a table that the database keeps for itself, as bytes have them.
//!
//! Workers of consumers write the rows (`consumer::checkpoints`). The engine reads them where it keeps records that a consumer
//! has still to process.
//!
//! ```text
//! consumer (S, partition key)  number of the stream and the consumer's name
//! shard    (S, sort key)       number of the shard, 16 hexadecimal digits
//! next     (S)                 sequence number of the first record that is not known to be processed
//! done     (BOOL)              the shard was read to its end and processed
//! owner    (S), until (N)      the worker that reads it, and when its lease ends, in milliseconds since 1970
//! ```
//! A consumer that has begun has one more row, with `shard` = `begun`: from then on a shard that it has no row of, and
//! whose parent neither, came and went while it was away. Beside them each worker has a row that announces it, with `shard` =
//! `worker ` and its name, so that one that comes when all shards are taken is left its share of them.

use super::sequence::Sequence;
use crate::{
    item::{Item, ItemRef},
    schema::INTERNAL_PREFIX,
};

/// The sort key of the row that says that a consumer has begun.
pub const BEGUN: &str = "begun";

/// Name of the table.
pub fn table_name() -> String {
    format!("{INTERNAL_PREFIX}checkpoints")
}

/// The partition key of a consumer's rows.
pub fn consumer_key(stream: u64, name: &str) -> String {
    format!("{stream}/{name}")
}

/// The sort key of a shard's row.
pub fn shard_key(shard: u64) -> String {
    format!("{shard:016x}")
}

/// The row of a shard.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Number of the shard.
    pub shard: u64,
    /// The first record that is not known to be processed; `None` before a worker has been at the shard.
    pub next: Option<Sequence>,
    /// Whether the shard was read to its end and processed.
    pub done: bool,
    /// The worker that reads it.
    pub owner: Option<String>,
    /// When the worker's lease ends, in milliseconds since 1970.
    pub until_millis: u64,
}

impl Row {
    /// The row of a shard; `None` if it is another one.
    pub fn read(item: &ItemRef) -> Option<Self> {
        let text = |name| item.get(name).and_then(|value| value.as_str());
        Some(Self {
            shard: u64::from_str_radix(text("shard")?, 16).ok()?,
            next: text("next").and_then(|next| next.parse().ok()),
            done: item.get("done").and_then(|done| done.as_bool()).unwrap_or(false),
            owner: text("owner").map(str::to_owned),
            until_millis: item.get("until").and_then(|until| until.as_u64()).unwrap_or(0),
        })
    }
    /// The row that announces a worker, as far as it says the same as a shard's.
    pub fn announcement(item: &ItemRef) -> Option<Self> {
        let owner = item.get("owner")?.as_str()?.to_owned();
        let until_millis = item.get("until")?.as_u64()?;
        Some(Self { owner: Some(owner), until_millis, ..Self::default() })
    }
    /// The row as an item of a consumer.
    pub fn item(&self, consumer: &str) -> Item {
        let mut item = Item::new().with("consumer", consumer).with("shard", shard_key(self.shard));
        if let Some(next) = self.next {
            item = item.with("next", next.to_string());
        }
        if let Some(owner) = &self.owner {
            item = item.with("owner", owner.as_str()).with("until", self.until_millis);
        }
        if self.done { item.with("done", true) } else { item }
    }
}

/// Whether the row says that its consumer has begun.
pub fn is_begun(item: &ItemRef) -> bool {
    item.get("shard").and_then(|shard| shard.as_str()) == Some(BEGUN)
}

/// The stream and the name of the consumer whose row it is.
pub fn consumer_of(item: &ItemRef) -> Option<(u64, String)> {
    let (stream, name) = item.get("consumer")?.as_str()?.split_once('/')?;
    Some((stream.parse().ok()?, name.to_owned()))
}
