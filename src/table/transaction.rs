//! Transactions as closures: reads that are re-checked at commit, writes that go in together, bounded retries.
//!
//! While the closure runs, nothing is locked: it reads what is there, and what it writes is kept aside. At the end, one
//! commit takes the locks of all items, compares each item and each range that was read with what it is now, and writes
//! everything as one record, or, if something changed meanwhile, nothing. Then the closure runs again. An item is compared by value: if
//! it was changed and changed back, what the closure saw is true, and so is what it decided.
//!
//! The closure reads the newest version of an item, also one whose sync is still going on, which no other read shows:
//! the commit would reject anything older. The caller does not hear of it too early, because the answer waits for its own sync, and
//! that makes durable all that was logged before.

use super::{Delete, HashKey, Key, KeyShape, Put, Read, Table, ToItem, Update, transact_items};
use crate::{
    config::Durability,
    engine::{Engine, WriteAction},
    error::{Error, ErrorKind, Result},
    expression::IntoCondition,
    item::ItemRef,
    request::{
        CommitTransaction, Executor, GetItem, Hooks, MAX_TRANSACTION_ACTIONS, MAX_TRANSACTION_BYTES, Query, RangeRead,
        ReadNewest, RequestKey, RequestRef, Select, TableRef, Touched, TransactWriteItem, TransactWriteItems,
    },
    schema::{EncodedKey, TableDefinition},
    service::is_hidden,
};
use std::sync::Arc;

/// Times that the closure runs before the transaction gives up.
const MAX_ATTEMPTS: usize = 100;

/// A transaction while its closure runs; see [`Database::transaction`](crate::Database::transaction).
///
/// ```
/// use hashrange::{Database, Error, Item, key::S};
///
/// #[derive(Debug)]
/// enum Refusal {
///     NoAccount(&'static str),
///     Database(Error),
/// }
/// impl From<Error> for Refusal {
///     fn from(error: Error) -> Self {
///         Self::Database(error)
///     }
/// }
///
/// # fn main() -> Result<(), Refusal> {
/// let db = Database::in_memory()?;
/// let accounts = db.create_table("accounts").hash::<S>("name").create()?;
/// accounts.put(&Item::new().with("name", "ann").with("balance", 100))?;
/// accounts.put(&Item::new().with("name", "bob").with("balance", 20))?;
///
/// let left = db.transaction(|tx| {
///     let ann = tx.get(&accounts, "ann")?.ok_or(Refusal::NoAccount("ann"))?;
///     let balance = ann.get("balance").and_then(|balance| balance.as_i64()).unwrap_or(0);
///     let half = balance / 2;
///     tx.update(&accounts, "ann", |update| update.add("balance", -half))?;
///     tx.update(&accounts, "bob", |update| update.add("balance", half))?;
///     Ok::<_, Refusal>(balance - half)
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
    hooks: Hooks,
    /// The same for what was decided on when the closure asked for it.
    decided: Hooks,
    touched: Vec<Touched>,
    ranges: Vec<RangeRead>,
    durability: Option<Durability>,
}

impl Transaction {
    /// Overrides the database's durability for this transaction: the last call before its end decides. Under
    /// [`Durability::Buffered`] a crash can take what it writes, and with it what others wrote before it and what it had read.
    pub fn durability(&mut self, durability: Durability) {
        self.durability = Some(durability);
    }

    /// The item with this key: as this transaction wrote it, or else as it is in the table, which is checked again at
    /// commit. Errors: validation (key, more than 100 items, a table of another database), disk.
    pub fn get<K: KeyShape>(&mut self, table: &Table<K>, key: impl Key<K>) -> Result<Option<ItemRef>> {
        let definition = table.definition();
        let key = key.encode(&definition)?;
        if self.hooks.caller().is_some() {
            let get = GetItem::new(table.table_ref(), RequestKey::encoded(key.clone()));
            self.executor().authorize(RequestRef::GetItem(&get))?;
        }
        let at = self.touch(table, &definition, key)?;
        let item = self.current(at)?;
        Ok(item.filter(|item| !is_hidden(self.engine.options(), &definition, item)))
    }

    /// The items of a partition key, as this transaction wrote them, or else as they are in the table. The range counts as
    /// read, and is checked again at commit: an item that another writer puts between those that were read makes the closure
    /// run again, as one that is changed or deleted does. `describe` narrows the query: sort keys, filter, projection, limit,
    /// direction.
    ///
    /// A query counts as one of the 100 items. It may read a local index (`|query| query.index("by_total")`): what the index
    /// projects. Errors: validation (a global index, more than 4 MB, a table of another database), disk.
    ///
    /// ```
    /// use hashrange::{Database, Error, Item, key::{S, begins_with}};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let seats = db.create_table("seats").hash::<S>("show").range::<S>("seat").create()?;
    /// let booked = db.transaction(|tx| {
    ///     // At most two seats of a row, also if others book at the same time.
    ///     let row = tx.query(&seats, "hamlet", |query| query.range(begins_with("B")))?;
    ///     if row.len() >= 2 {
    ///         return Ok(false);
    ///     }
    ///     tx.put(&seats, &Item::new().with("show", "hamlet").with("seat", "B7"))?;
    ///     Ok::<_, Error>(true)
    /// })?;
    /// assert!(booked);
    /// # Ok(())
    /// # }
    /// ```
    pub fn query<K: KeyShape>(
        &mut self,
        table: &Table<K>,
        hash: impl HashKey<K>,
        describe: impl FnOnce(Read<Query<'static>>) -> Read<Query<'static>>,
    ) -> Result<Vec<ItemRef>> {
        if !Arc::ptr_eq(&self.engine, &table.engine) {
            return Err(foreign());
        }
        self.check_room()?;
        let query = describe(table.query(hash)).into_request()?;
        if query.options.select == Select::Count {
            return Err(Error::validation("a query of a transaction returns items; `Transaction::count` counts them"));
        }
        let of_table = |touched: &&Touched| Arc::ptr_eq(&touched.slot, &table.slot);
        let written =
            self.touched.iter().filter(of_table).filter_map(|touched| Some((&touched.key, touched.write.as_ref()?)));
        self.executor().authorize(RequestRef::Query(&query))?;
        let read = RangeRead::new(&Executor::new(&self.engine, &self.decided), query, written.clone().count())?;
        let items = read.present(&self.engine, &table.definition(), written)?;
        self.ranges.push(read);
        Ok(items)
    }

    /// The number of items that [`Transaction::query`] returns. The range counts as read in the same way.
    ///
    /// ```
    /// use hashrange::{Database, Error, Item, key::{S, begins_with}};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let seats = db.create_table("seats").hash::<S>("show").range::<S>("seat").create()?;
    /// seats.put(&Item::new().with("show", "hamlet").with("seat", "B7"))?;
    /// let booked = db.transaction(|tx| tx.count(&seats, "hamlet", |query| query.range(begins_with("B"))))?;
    /// assert_eq!(booked, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn count<K: KeyShape>(
        &mut self,
        table: &Table<K>,
        hash: impl HashKey<K>,
        describe: impl FnOnce(Read<Query<'static>>) -> Read<Query<'static>>,
    ) -> Result<usize> {
        Ok(self.query(table, hash, describe)?.len())
    }

    /// Replaces an item. Errors: validation (keys, sizes, types, more than 100 items), disk.
    pub fn put<K: KeyShape, T: ToItem + ?Sized>(&mut self, table: &Table<K>, item: &T) -> Result<()> {
        self.put_with(table, item, |put| put)
    }

    /// Replaces an item, with conditions: `put_with(&table, &item, |put| put.when(..))`. With a condition, the item that is
    /// there counts as read. Errors also: the condition does not hold.
    pub fn put_with<K: KeyShape, T: ToItem + ?Sized>(
        &mut self,
        table: &Table<K>,
        item: &T,
        describe: impl FnOnce(Put<'_>) -> Put<'_>,
    ) -> Result<()> {
        let put = describe(table.put_with(item)).into_request()?;
        self.write(table, &TransactWriteItem::Put(put))
    }

    /// Updates the item with a key, and creates it if it is not there. The item counts as read. Errors: validation
    /// (among them an update that does not fit the item's types), a condition that does not hold, disk.
    pub fn update<K: KeyShape>(
        &mut self,
        table: &Table<K>,
        key: impl Key<K>,
        describe: impl FnOnce(Update<'_>) -> Update<'_>,
    ) -> Result<()> {
        let update = describe(table.update(key)).into_request()?;
        self.write(table, &TransactWriteItem::Update(update))
    }

    /// Deletes the item with a key, if it is there. Errors: validation (key, more than 100 items), disk.
    pub fn delete<K: KeyShape>(&mut self, table: &Table<K>, key: impl Key<K>) -> Result<()> {
        self.delete_with(table, key, |delete| delete)
    }

    /// Deletes the item with a key, with conditions: `delete_with(&table, key, |delete| delete.when(..))`. With a condition,
    /// the item counts as read. Errors also: the condition does not hold.
    pub fn delete_with<K: KeyShape>(
        &mut self,
        table: &Table<K>,
        key: impl Key<K>,
        describe: impl FnOnce(Delete<'_>) -> Delete<'_>,
    ) -> Result<()> {
        let delete = describe(table.delete_with(key)).into_request()?;
        self.write(table, &TransactWriteItem::Delete(delete))
    }

    /// Requires a condition of an item, which counts as read. Errors: validation, the condition does not hold, disk.
    pub fn check<K: KeyShape>(
        &mut self,
        table: &Table<K>,
        key: impl Key<K>,
        condition: impl IntoCondition,
    ) -> Result<()> {
        let check = transact_items::check(table, key, condition)?;
        self.write(table, &TransactWriteItem::ConditionCheck(check))
    }

    /// Notes what becomes of an item, as the action decides by the item that the closure sees.
    fn write<K: KeyShape>(&mut self, table: &Table<K>, action: &TransactWriteItem<'_>) -> Result<()> {
        action.check()?;
        if self.hooks.caller().is_some() {
            let alone = TransactWriteItems::new([action.clone()]);
            self.executor().authorize(RequestRef::TransactWriteItems(&alone))?;
        }
        let definition = table.definition();
        let write = action.prepare(&definition, &table.slot)?;
        let at = self.touch(table, &definition, write.key.clone())?;
        let old = if write.depends_on_item() { self.current(at)? } else { None };
        match write.decide(&definition, old.as_ref(), &mut None)? {
            WriteAction::Keep => {}
            decided => {
                self.touched[at].definition = definition;
                self.touched[at].write = Some(decided);
            }
        }
        Ok(())
    }

    /// Where the item is among those touched.
    fn touch<K: KeyShape>(
        &mut self,
        table: &Table<K>,
        definition: &Arc<TableDefinition>,
        key: EncodedKey,
    ) -> Result<usize> {
        if !Arc::ptr_eq(&self.engine, &table.engine) {
            return Err(foreign());
        }
        let known = |touched: &Touched| Arc::ptr_eq(&touched.slot, &table.slot) && touched.key == key;
        if let Some(at) = self.touched.iter().position(known) {
            return Ok(at);
        }
        self.check_room()?;
        let (engine, slot, definition) = (table.engine.clone(), table.slot.clone(), definition.clone());
        self.touched.push(Touched { engine, slot, definition, key, read: None, write: None });
        Ok(self.touched.len() - 1)
    }

    fn check_room(&self) -> Result<()> {
        if self.touched.len() + self.ranges.len() < MAX_TRANSACTION_ACTIONS {
            return Ok(());
        }
        Err(Error::validation(format!(
            "a transaction reads and writes at most {MAX_TRANSACTION_ACTIONS} items; do it in several"
        )))
    }

    fn executor(&self) -> Executor<'_> {
        Executor::new(&self.engine, &self.hooks)
    }

    /// The item as the closure sees it, hidden or not.
    fn current(&mut self, at: usize) -> Result<Option<ItemRef>> {
        let touched = &mut self.touched[at];
        match (&touched.write, &touched.read) {
            (Some(WriteAction::Put(bytes)), _) => Ok(Some(ItemRef::from_bytes(bytes.clone()))),
            (Some(WriteAction::Delete), _) => Ok(None),
            (_, Some(read)) => Ok(read.clone()),
            (_, None) => {
                let table = TableRef::borrowed(&touched.engine, &touched.slot);
                let get = GetItem::new(table, RequestKey::encoded(touched.key.clone()));
                let item = Executor::new(&self.engine, &self.decided).execute(&ReadNewest(get))?.item;
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
        let commit = CommitTransaction::new(&self.touched, &self.ranges, with_writes, self.decided.is_some());
        let commit = commit.durability(self.durability);
        Ok(commit.is_empty() || Executor::new(&self.engine, &self.decided).execute(&commit)?.is_committed)
    }
}

fn foreign() -> Error {
    Error::validation("a transaction takes tables of its own database only")
}

/// Runs a closure until what it read holds at the moment of its commit.
pub fn transaction<R, E: From<Error>>(
    engine: &Arc<Engine>,
    hooks: &Hooks,
    mut body: impl FnMut(&mut Transaction) -> Result<R, E>,
) -> Result<R, E> {
    for _ in 0..MAX_ATTEMPTS {
        let mut transaction = Transaction {
            engine: engine.clone(),
            hooks: hooks.clone(),
            decided: hooks.decided(),
            touched: Vec::new(),
            ranges: Vec::new(),
            durability: None,
        };
        let answer = body(&mut transaction);
        // A closure that gives up may have been misled by items of different moments: what it saw is checked as well.
        if transaction.commit(answer.is_ok())? {
            return answer;
        }
        std::thread::yield_now();
    }
    let text = format!(
        "Transaction is ongoing for the item: others changed what the transaction had read, {MAX_ATTEMPTS} times in a \
         row; try again later, or touch fewer items"
    );
    Err(Error::new(ErrorKind::Conflict, "TransactionConflictException", text).into())
}
