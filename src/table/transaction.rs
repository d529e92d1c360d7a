//! Transactions as closures: reads that are re-checked at commit, writes that go in together, bounded retries.
//!
//! While the closure runs, nothing is locked: it reads what is there, and what it writes is kept aside. At the end, one
//! commit takes the locks of all items, compares each item that was read with what it is now, and writes everything as
//! one record, or, if an item changed meanwhile, nothing. Then the closure runs again. An item is compared by value: if
//! it was changed and changed back, what the closure saw is true, and so is what it decided.
//!
//! The closure reads the newest version of an item, also one whose sync is still going on, which no other read shows:
//! the commit would refuse anything older. Nobody hears of it too early, because the answer waits for its own sync, and
//! that makes durable all that was logged before.

use super::{
    Key, KeyShape, MAX_TRANSACTION_ACTIONS, Table, ToItem,
    put::prepare,
    transact_items::{MAX_TRANSACTION_BYTES, foreign_table},
    update::{check_targets, decide},
};
use crate::{
    engine::{Decide, Engine, TableSlot, WriteAction, WriteOp, WriteOptions, key_ref},
    error::{Error, ErrorKind, Result},
    expression::UpdateBuilder,
    item::ItemRef,
    partition::ReadPoint,
    schema::{EncodedKey, TableDefinition},
    service::{Access, is_hidden},
};
use std::sync::Arc;

/// Times that the closure runs before the transaction gives up.
const MAX_ATTEMPTS: usize = 100;

/// A transaction while its closure runs; see [`Database::transaction`](crate::Database::transaction).
///
/// ```
/// use hashrange::{Database, Error, Item, S};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::in_memory()?;
/// let accounts = db.create_table("accounts").hash::<S>("name").create()?;
/// accounts.put(&Item::new().with("name", "ann").with("balance", 100))?;
/// accounts.put(&Item::new().with("name", "bob").with("balance", 20))?;
///
/// let left = db.transaction(|tx| {
///     let ann = tx.get(&accounts, "ann")?.ok_or_else(|| Error::not_found("ann has no account"))?;
///     let balance = ann.get("balance").and_then(|balance| balance.as_i64()).unwrap_or(0);
///     let half = balance / 2;
///     tx.update(&accounts, "ann", |update| update.add("balance", -half))?;
///     tx.update(&accounts, "bob", |update| update.add("balance", half))?;
///     Ok(balance - half)
/// })?;
/// assert_eq!(left, 50);
/// let bob = accounts.get("bob")?.expect("bob has an account");
/// assert_eq!(bob.get("balance").and_then(|balance| balance.as_i64()), Some(70));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Transaction {
    engine: Arc<Engine>,
    touched: Vec<Touched>,
}

/// An item that the closure read or wrote.
#[derive(Debug)]
struct Touched {
    slot: Arc<TableSlot>,
    key: EncodedKey,
    /// The item as it was read first; `None` if it was not read.
    read: Option<Option<ItemRef>>,
    /// What becomes of it; `None` if it is not written.
    write: Option<WriteAction>,
}

impl Transaction {
    /// The item with this key: as this transaction wrote it, or else as it is in the table, which is checked again at
    /// commit. Errors: validation (key, more than 100 items, a table of another database), disk.
    pub fn get<K: KeyShape>(&mut self, table: &Table<K>, key: impl Key<K>) -> Result<Option<ItemRef>> {
        let key = key.encode(&table.definition())?;
        let at = self.touch(table, key)?;
        let item = self.current(at)?;
        let definition = table.definition();
        Ok(item.filter(|item| !is_hidden(self.engine.options(), &definition, item)))
    }

    /// Replaces an item. Errors: validation (keys, sizes, types, more than 100 items), disk.
    pub fn put<K: KeyShape, T: ToItem + ?Sized>(&mut self, table: &Table<K>, item: &T) -> Result<()> {
        let item = item.to_item()?;
        let (key, bytes) = prepare(&table.definition(), &item)?;
        let at = self.touch(table, key)?;
        self.touched[at].write = Some(WriteAction::Put(bytes));
        Ok(())
    }

    /// Updates the item with a key, and creates it if it is not there. The item counts as read. Errors: validation
    /// (among them an update that does not fit the item's types), disk.
    pub fn update<K: KeyShape>(
        &mut self,
        table: &Table<K>,
        key: impl Key<K>,
        describe: impl FnOnce(UpdateBuilder) -> UpdateBuilder,
    ) -> Result<()> {
        let definition = table.definition();
        let update = describe(UpdateBuilder::new()).build()?;
        check_targets(&definition, &update)?;
        let attributes = key.attributes(&definition)?;
        let at = self.touch(table, key.encode(&definition)?)?;
        let old = self.current(at)?;
        match decide(&definition, &update, old.as_ref(), &attributes)?.0 {
            WriteAction::Keep => {}
            decision => self.touched[at].write = Some(decision),
        }
        Ok(())
    }

    /// Deletes the item with a key, if it is there. Errors: validation (key, more than 100 items), disk.
    pub fn delete<K: KeyShape>(&mut self, table: &Table<K>, key: impl Key<K>) -> Result<()> {
        let key = key.encode(&table.definition())?;
        let at = self.touch(table, key)?;
        self.touched[at].write = Some(WriteAction::Delete);
        Ok(())
    }

    /// Where the item stands among those touched.
    fn touch<K: KeyShape>(&mut self, table: &Table<K>, key: EncodedKey) -> Result<usize> {
        if !Arc::ptr_eq(&self.engine, &table.engine) {
            return Err(foreign_table());
        }
        let known = |touched: &Touched| Arc::ptr_eq(&touched.slot, &table.slot) && touched.key == key;
        if let Some(at) = self.touched.iter().position(known) {
            return Ok(at);
        }
        if self.touched.len() == MAX_TRANSACTION_ACTIONS {
            return Err(Error::validation(format!(
                "a transaction reads and writes at most {MAX_TRANSACTION_ACTIONS} items; do it in several"
            )));
        }
        self.touched.push(Touched { slot: table.slot.clone(), key, read: None, write: None });
        Ok(self.touched.len() - 1)
    }

    /// The item as the closure sees it, hidden or not.
    fn current(&mut self, at: usize) -> Result<Option<ItemRef>> {
        let touched = &mut self.touched[at];
        match (&touched.write, &touched.read) {
            (Some(WriteAction::Put(bytes)), _) => Ok(Some(ItemRef::from_bytes(bytes.clone()))),
            (Some(WriteAction::Delete), _) => Ok(None),
            (_, Some(read)) => Ok(read.clone()),
            (_, None) => {
                let item = newest(&self.engine, &touched.slot, &touched.key)?;
                touched.read = Some(item.clone());
                Ok(item)
            }
        }
    }

    /// Commits, with the writes or without; whether all that was read is still true.
    fn commit(&self, with_writes: bool) -> Result<bool> {
        let written = |touched: &Touched| match &touched.write {
            Some(WriteAction::Put(bytes)) => bytes.len(),
            _ => 0,
        };
        let bytes: usize = self.touched.iter().map(written).sum();
        if with_writes && bytes > MAX_TRANSACTION_BYTES {
            return Err(Error::validation(format!(
                "the items that a transaction writes have at most {MAX_TRANSACTION_BYTES} bytes together, not {bytes}"
            )));
        }
        let relevant = || self.touched.iter().filter(|touched| with_writes || touched.read.is_some());
        let decide = |touched: &Touched, now: Option<&ItemRef>| match &touched.read {
            Some(read) if !is_same(read.as_ref(), now) => Err(conflict()),
            _ if with_writes => Ok(touched.write.clone().unwrap_or(WriteAction::Keep)),
            _ => Ok(WriteAction::Keep),
        };
        let mut closures: Vec<Box<Decide<'_>>> = Vec::new();
        for touched in relevant() {
            closures.push(Box::new(move |_: &TableDefinition, now: Option<&ItemRef>| decide(touched, now)));
        }
        let ops = relevant().zip(&mut closures);
        let mut ops: Vec<WriteOp<'_>> = ops
            .map(|(touched, decide)| WriteOp { slot: &touched.slot, key: &touched.key, decide: &mut **decide })
            .collect();
        if ops.is_empty() {
            return Ok(true);
        }
        let items = relevant().map(|touched| (&*touched.slot, &touched.key));
        let Ok(_here) = self.engine.enter_transaction(Access::TransactWrite, items) else { return Ok(false) };
        let options = WriteOptions { report_conflict_early: true, ..WriteOptions::default() };
        for result in self.engine.write(&mut ops, &options)? {
            match result {
                Err(error) if error.kind() == ErrorKind::Conflict => return Ok(false),
                other => drop(other?),
            }
        }
        Ok(true)
    }
}

/// The newest item at a place, expired or not, durable or not.
fn newest(engine: &Engine, slot: &TableSlot, key: &EncodedKey) -> Result<Option<ItemRef>> {
    slot.check_alive()?;
    let partition = slot.state().ring.find(key.token());
    let found = partition.get(key_ref(key), ReadPoint::Newest, engine.wal().visible())?;
    Ok(found.and_then(|version| version.item))
}

/// Runs a closure until what it read holds at the moment of its commit.
pub fn transaction<R>(engine: &Arc<Engine>, mut body: impl FnMut(&mut Transaction) -> Result<R>) -> Result<R> {
    for _ in 0..MAX_ATTEMPTS {
        let mut transaction = Transaction { engine: engine.clone(), touched: Vec::new() };
        let answer = body(&mut transaction);
        // A closure that gives up may have been misled by items of different moments: what it saw is checked as well.
        if transaction.commit(answer.is_ok())? {
            return answer;
        }
        std::thread::yield_now();
    }
    Err(conflict())
}

fn is_same(read: Option<&ItemRef>, now: Option<&ItemRef>) -> bool {
    match (read, now) {
        (None, None) => true,
        // The same item may lie with inline names in a memtable and with a dictionary's in a run.
        (Some(read), Some(now)) => {
            (read.names().is_none() && now.names().is_none() && read.encoded() == now.encoded())
                || read.to_item() == now.to_item()
        }
        _ => false,
    }
}

fn conflict() -> Error {
    let text = format!(
        "Transaction is ongoing for the item: others changed what the transaction had read, {MAX_ATTEMPTS} times in a \
         row; try again later, or touch fewer items"
    );
    Error::new(ErrorKind::Conflict, "TransactionConflictException", text)
}
