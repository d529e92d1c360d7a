//! How far a consumer has come, and which of its workers reads which shard: rows of a table that the database keeps for
//! itself.
//!
//! What the rows hold is written at [`stream::checkpoint`](crate::stream::checkpoint).
//!
//! Rows are written buffered: a row that a power failure takes away lets records come a second time, which a consumer
//! has to expect anyway. A row never outlives a record that it speaks of, since both are in one log, the record first.

use crate::{
    config::Durability,
    engine::{Engine, TableSpec, WriteAction, WriteOp, WriteOptions},
    error::{Error, ErrorKind, Result},
    expression::attr,
    item::{Item, ItemRef, KeyType, encode_item},
    request::Hooks,
    schema::{KeyAttribute, KeySchema, TableDefinition},
    stream::{
        Sequence,
        checkpoint::{self, BEGUN, Row, consumer_key, is_begun, shard_key},
    },
    table::{S, Table, TransactWrite},
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How long a worker may be silent before another one takes over.
pub(super) const LEASE_MILLIS: u64 = 30_000;

/// What the rows of a consumer say.
#[derive(Debug, Default)]
pub(super) struct CheckpointSnapshot {
    /// Of the shards.
    pub rows: BTreeMap<u64, Row>,
    /// Other workers that are alive.
    pub others: BTreeSet<String>,
    /// Whether the consumer has begun.
    pub begun: bool,
    /// When this worker's announcement ends.
    pub announced_until_millis: u64,
}

/// The rows of one consumer, as one of its workers sees them.
#[derive(Debug)]
pub(super) struct Checkpoints {
    engine: Arc<Engine>,
    table: Table<(S, S)>,
    consumer: String,
    worker: String,
}

impl Checkpoints {
    /// The rows of a consumer, for a new worker.
    pub fn open(engine: &Arc<Engine>, stream: u64, name: &str) -> Result<Self> {
        let table_name = checkpoint::table_name();
        let slot = match engine.table(&table_name) {
            Some(slot) => slot,
            None => create(engine, &table_name)?,
        };
        let table = Table::open(engine.clone(), slot, Hooks::default())?;
        let worker = engine.streams().reader_name();
        Ok(Self { engine: engine.clone(), table, consumer: consumer_key(stream, name), worker })
    }

    fn now_millis(&self) -> u64 {
        self.engine.options().clock.now_millis()
    }

    /// Whether a row is this worker's.
    pub fn is_mine(&self, row: &Row) -> bool {
        row.owner.as_ref() == Some(&self.worker)
    }
    /// The other worker that reads a shard, if it is alive: of this opening of the database, with a lease that has not
    /// ended.
    pub fn other_owner<'r>(&self, row: &'r Row) -> Option<&'r str> {
        let owner = row.owner.as_deref().filter(|owner| *owner != self.worker)?;
        let alive = owner.starts_with(&self.engine.streams().session_prefix()) && row.until_millis > self.now_millis();
        alive.then_some(owner)
    }

    /// All rows.
    pub fn ledger(&self) -> Result<CheckpointSnapshot> {
        let mut ledger = CheckpointSnapshot::default();
        for item in self.table.query(&self.consumer).items() {
            let item = item?;
            if is_begun(&item) {
                ledger.begun = true;
            } else if let Some(row) = Row::read(&item) {
                ledger.others.extend(self.other_owner(&row).map(str::to_owned));
                ledger.rows.insert(row.shard, row);
            } else if let Some(row) = Row::announcement(&item) {
                match self.other_owner(&row) {
                    Some(worker) => drop(ledger.others.insert(worker.to_owned())),
                    None if self.is_mine(&row) => ledger.announced_until_millis = row.until_millis,
                    // It did not say goodbye.
                    None => self.remove(&announcement_key(row.owner.as_deref().unwrap_or_default()))?,
                }
            }
        }
        Ok(ledger)
    }
    /// Every shard that there was when the consumer began has its row.
    pub fn mark_begun(&self) -> Result<()> {
        let item = Item::new().with("consumer", self.consumer.as_str()).with("shard", BEGUN);
        self.table.put_with(&item).durability(Durability::Buffered).send().map(drop)
    }
    /// Says that this worker is there, for as long as a lease.
    pub fn announce(&self) -> Result<()> {
        let until_millis = self.now_millis().saturating_add(LEASE_MILLIS);
        let item = Item::new().with("consumer", self.consumer.as_str()).with("shard", announcement_key(&self.worker));
        let item = item.with("owner", self.worker.as_str()).with("until", until_millis);
        self.table.put_with(&item).durability(Durability::Buffered).send().map(drop)
    }
    /// Takes the announcement back.
    pub fn leave(&self) -> Result<()> {
        self.remove(&announcement_key(&self.worker))
    }

    /// Takes a shard that no other worker has; `None` if one has it.
    pub fn acquire(&self, shard: u64) -> Result<Option<Row>> {
        let mut taken = None;
        self.change(shard, |row| {
            taken = None;
            if self.other_owner(&row).is_some() {
                return Ok(None);
            }
            let row = self.held(row);
            taken = Some(row.clone());
            Ok(Some(row))
        })?;
        Ok(taken)
    }

    /// Remembers that the records of a shard from `begin` to before `next` are processed, and keeps the lease.
    ///
    /// # Errors
    /// Records before `begin` are not acknowledged: a position never jumps a gap. Another worker has the shard.
    pub fn advance(&self, shard: u64, begin: Option<Sequence>, next: Sequence) -> Result<()> {
        self.change(shard, |row| {
            self.check_lease(&row)?;
            if row.next < begin {
                return Err(Error::validation(
                    "records before these are not acknowledged; acknowledge the records of a shard in their order",
                ));
            }
            let next = row.next.map_or(next, |known| known.max(next));
            Ok(Some(Row { next: Some(next), ..self.held(row) }))
        })
    }

    /// The same as part of a transaction: with it, or not at all. It is cancelled unless the shard's position is exactly
    /// `begin`, so that what was processed already does not take effect again.
    pub fn advance_in(
        &self,
        transaction: TransactWrite,
        shard: u64,
        begin: Option<Sequence>,
        next: Sequence,
    ) -> Result<TransactWrite> {
        let row = self.held(Row { shard, next: Some(next), ..Row::default() });
        let mine = attr("owner").eq(self.worker.as_str());
        let at = match begin {
            Some(begin) => attr("next").eq(begin.to_string()),
            None => attr("next").not_exists(),
        };
        Ok(transaction.put_with(&self.table, &row.item(&self.consumer), |put| put.when(mine & at)))
    }

    /// The position of a shard, as the row has it: `None` if it has none, or if another worker has the shard.
    pub fn position(&self, shard: u64) -> Result<Option<Sequence>> {
        let item = self.table.get((&self.consumer, shard_key(shard)))?;
        let row = item.as_ref().and_then(Row::read);
        Ok(row.filter(|row| self.is_mine(row)).and_then(|row| row.next))
    }

    /// Makes a row as it is before any worker has been at a shard.
    pub fn begin(&self, shard: u64, next: Sequence, done: bool) -> Result<()> {
        self.change(shard, |row| Ok((row.next.is_none() && !row.done).then_some(Row { next: Some(next), done, ..row })))
    }
    /// Keeps a lease.
    pub fn renew(&self, shard: u64) -> Result<()> {
        self.change(shard, |row| self.check_lease(&row).map(|()| Some(self.held(row))))
    }
    /// The shard is read and processed to its end.
    pub fn finish(&self, shard: u64) -> Result<()> {
        self.change(shard, |row| self.check_lease(&row).map(|()| Some(Row { done: true, owner: None, ..row })))
    }
    /// Lets other workers take a shard.
    pub fn release(&self, shard: u64) -> Result<()> {
        self.change(shard, |row| Ok(self.is_mine(&row).then_some(Row { owner: None, until_millis: 0, ..row })))
    }
    /// Removes the row of a shard that is gone.
    pub fn forget(&self, shard: u64) -> Result<()> {
        self.remove(&shard_key(shard))
    }

    fn remove(&self, sort_key: &str) -> Result<()> {
        let deletion = self.table.delete_with((&self.consumer, sort_key));
        deletion.durability(Durability::Buffered).send().map(drop)
    }

    fn held(&self, row: Row) -> Row {
        Row { owner: Some(self.worker.clone()), until_millis: self.now_millis().saturating_add(LEASE_MILLIS), ..row }
    }

    fn check_lease(&self, row: &Row) -> Result<()> {
        if self.is_mine(row) {
            return Ok(());
        }
        let text = "another worker reads this shard now; its records come again there";
        Err(Error::new(ErrorKind::Expired, "ExpiredIteratorException", text))
    }

    /// Replaces a row by what becomes of it, under its lock; `None` leaves it as it is.
    fn change(&self, shard: u64, mut become_of: impl FnMut(Row) -> Result<Option<Row>>) -> Result<()> {
        let key = crate::table::Key::encode(&(&self.consumer, shard_key(shard)), &self.table.definition())?;
        let mut decide = |_: &TableDefinition, old: Option<&ItemRef>| {
            let row = old.and_then(Row::read).unwrap_or(Row { shard, ..Row::default() });
            Ok(match become_of(row)? {
                Some(row) => WriteAction::Put(Bytes::from(encode_item(&row.item(&self.consumer)))),
                None => WriteAction::Keep,
            })
        };
        let op = WriteOp { slot: self.table.slot(), key: &key, decide: &mut decide };
        let options = WriteOptions { durability: Some(Durability::Buffered), ..WriteOptions::default() };
        self.engine.write_one(op, &options).map(drop)
    }
}

fn announcement_key(worker: &str) -> String {
    format!("worker {worker}")
}

fn create(engine: &Arc<Engine>, name: &str) -> Result<Arc<crate::engine::TableSlot>> {
    let key = KeySchema {
        hash: KeyAttribute::new("consumer", KeyType::S),
        range: Some(KeyAttribute::new("shard", KeyType::S)),
    };
    match engine.create_table(TableSpec::new(name, key)) {
        // Another worker was faster.
        Err(error) if error.kind() == ErrorKind::InUse => engine.table(name).ok_or(error),
        created => created,
    }
}
