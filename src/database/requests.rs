//! Reads and writes of items: requests as values, and operations that span tables.

use super::Database;
use crate::{
    capacity::ReadStrength,
    error::{Error, Result},
    item::ItemRef,
    request::{Executor, GetItem, GetOutput, Request, RequestKey, TableRef, TokenSeal, read_admitted},
    schema::{EncodedKey, TableDefinition},
    service::ConflictGuard,
    table::{self, BatchGet, BatchWrite, TransactGet, TransactWrite, Transaction},
};

impl Database {
    pub(super) fn executor(&self) -> Executor<'_> {
        Executor::new(self.engine(), &self.hooks)
    }
    /// Carries out a request that was described as a value: any type of [`request`](crate::request). Errors: those of the
    /// operation; the table is not there; a handle of another database.
    pub fn execute<R: Request>(&self, request: &R) -> Result<R::Response> {
        self.executor().execute(request)
    }
    /// What is there, for another request: nothing is asked, paid or noted, and no hook sees it.
    pub(crate) fn peek(&self, get: &GetItem<'_>) -> Result<Option<ItemRef>> {
        get.peek(&self.executor())
    }
    /// Gets an item by the key that a function finds for the definition of the table's key. `None` if it finds none, or there is no
    /// such table: nothing was read.
    #[inline]
    pub(crate) fn get_by(
        &self,
        table: &str,
        consistent_read: bool,
        find_key: impl FnOnce(&TableDefinition) -> Result<Option<EncodedKey>>,
    ) -> Result<Option<GetOutput>> {
        let Ok(slot) = self.usable(table) else { return Ok(None) };
        let Some(key) = find_key(slot.key_definition())? else { return Ok(None) };
        if self.hooks.is_some() {
            let get = GetItem::new(TableRef::borrowed(self.engine(), &slot), RequestKey::encoded(key));
            return self.execute(&GetItem { consistent_read, ..get }).map(Some);
        }
        // What the request does, without the request that no hook looks at.
        let strength = ReadStrength::of(consistent_read);
        let item = read_admitted(&self.executor(), &slot, strength, &key)?;
        Ok(Some(GetOutput::of(item, strength)))
    }
    /// Reads of up to 100 items of any tables in one call, each a read of its own.
    ///
    /// ```
    /// # use hashrange::{Database, Item, key::S};
    /// # fn main() -> hashrange::Result<()> {
    /// # let db = Database::in_memory()?;
    /// # let orders = db.create_table("orders").hash::<S>("id").create()?;
    /// # let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// let batch = db.batch_write();
    /// batch.put(&orders, &Item::new().with("id", "o1")).put(&stock, &Item::new().with("sku", "bolt")).send()?;
    /// let batch = db.batch_get().keys(&orders, ["o1", "o2"]).consistent(true).keys(&stock, ["bolt"]);
    /// let found = batch.send()?;
    /// assert_eq!(found.items.iter().map(|(_, items)| items.len()).collect::<Vec<_>>(), [1, 1]);
    /// assert!(batch.rest(&found).is_none(), "all keys fitted into the response");
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch_get(&self) -> BatchGet {
        BatchGet::new(self.engine().clone(), self.hooks.clone())
    }
    /// Up to 25 puts and deletes in any tables in one call, each by itself atomic.
    pub fn batch_write(&self) -> BatchWrite {
        BatchWrite::new(self.engine().clone(), self.hooks.clone())
    }
    /// Reads of up to 100 items of any tables as they are at one moment: a snapshot, which no commit falls into. Where the
    /// second read depends on the first, or ranges are read, [`Database::transaction`] gives one moment as well.
    ///
    /// ```
    /// # use hashrange::{Database, Item, key::S};
    /// # fn main() -> hashrange::Result<()> {
    /// # let db = Database::in_memory()?;
    /// # let orders = db.create_table("orders").hash::<S>("id").create()?;
    /// # let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// orders.put(&Item::new().with("id", "o1"))?;
    /// let found = db.transact_get().get(&orders, "o1").get(&stock, "bolt").send()?;
    /// assert_eq!(found.items.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "snapshot")]
    pub fn transact_get(&self) -> TransactGet {
        TransactGet::new(self.engine().clone(), self.hooks.clone())
    }
    /// A transaction of up to 100 writes and checks in any tables.
    pub fn transact_write(&self) -> TransactWrite {
        TransactWrite::new(self.engine().clone(), self.hooks.clone())
    }
    /// Runs a closure whose reads and writes, of up to 100 items in any tables, happen at one moment: a read-modify-write
    /// over several items in one call.
    ///
    /// What the closure reads, by [`Transaction::get`] or, as a range, by [`Transaction::query`], is checked again at commit. So a
    /// closure that only reads has a snapshot of several tables: all that it returned belongs to one moment. If others changed what it read meanwhile, nothing is written and the
    /// closure runs again, at most 100 times. So it should do nothing but compute, and use the transaction that it is
    /// given: what it does to a table directly is not part of it. It sees its own writes. An error that it returns, of any type
    /// that this crate's errors can become, ends the transaction and nothing is written.
    ///
    /// Errors: the closure's; validation; conflict, if others kept changing what was read; disk. See [`Transaction`] for an example.
    #[doc(alias = "snapshot")]
    pub fn transaction<R, E: From<Error>>(&self, body: impl FnMut(&mut Transaction) -> Result<R, E>) -> Result<R, E> {
        table::transaction(self.engine(), &self.hooks, body)
    }
    /// Bytes as a text that a client may keep and hand back, but neither change nor make up: a cursor of a program's own, say.
    /// It is proved as [`Page::next_token`](crate::request::Page::next_token) is, by the key of
    /// [`OpenOptions::page_token_key`](crate::OpenOptions::page_token_key). The client can read the bytes.
    ///
    /// ```
    /// # use hashrange::Database;
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let token = db.seal_token(b"chapter 7");
    /// assert_eq!(db.open_token(&token)?, b"chapter 7");
    /// assert!(db.open_token("chapter 8").is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn seal_token(&self, content: &[u8]) -> String {
        self.token_seal().seal_for_program(content)
    }
    /// The bytes of a token that [`Database::seal_token`] made. Errors: validation, for any other text and for a token of a
    /// database with another key.
    pub fn open_token(&self, token: &str) -> Result<Vec<u8>> {
        self.token_seal().open_for_program(token).ok_or_else(|| Error::validation("the token is not of this database"))
    }
    fn token_seal(&self) -> TokenSeal {
        TokenSeal::new(self.engine().options(), self.engine().database_id())
    }
    /// Holds a client request token as a transaction would that does not end, until the answer is dropped: transactions with
    /// that token are rejected with `TransactionInProgressException`. For tests of what an application does then.
    pub fn simulate_token_conflict(&self, token: impl Into<String>) -> ConflictGuard {
        self.engine().simulate_token_conflict(token.into())
    }
}
