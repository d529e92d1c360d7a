//! What requests consumed, by whom, and which keys are hot; what a request would consume.

use super::Database;
use crate::{
    error::Result,
    ledger::{HeatReport, Ledger},
    request::{Plans, Request, RequestPlan},
};

/// Requests that are planned instead of carried out; see [`Database::dry_run`].
#[derive(Clone, Debug)]
pub struct DryRun {
    database: Database,
    plans: Plans,
}

impl DryRun {
    /// The database, whose requests for items are planned. What it does to tables is done.
    pub fn database(&self) -> &Database {
        &self.database
    }
    /// Plans of the requests so far, in their order.
    pub fn plans(&self) -> Vec<RequestPlan> {
        self.plans.lock().clone()
    }
}

impl Database {
    /// The same database for requests that are noted under a tag, such as the name of the part of a program that sends them.
    /// Tables, batches and statements that this handle gives out have the tag too. At most 100 tags are told apart, further
    /// ones are noted as `(other)`. Without a ledger it changes nothing.
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S, ledger::LedgerOptions};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::options().ledger(LedgerOptions::new()).in_memory()?;
    /// db.create_table("stock").hash::<S>("sku").create()?;
    /// let checkout = db.tagged("checkout");
    /// checkout.table::<S>("stock")?.put(&Item::new().with("sku", "bolt"))?;
    /// db.table::<S>("stock")?.get("bolt")?;
    ///
    /// let ledger = db.ledger()?;
    /// let by_checkout = ledger.total(|row| row.tag.as_deref() == Some("checkout"));
    /// assert_eq!((by_checkout.write_milliunits, by_checkout.read_milliunits), (1_000, 0));
    /// assert_eq!(ledger.total(|row| row.operation == "GetItem").read_milliunits, 500);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Self {
        Self { inner: self.inner.clone(), hooks: self.hooks.tagged(tag) }
    }
    /// The same database for requests that are noted as those of another operation.
    pub(crate) fn noted_as(&self, operation: &'static str) -> Self {
        Self { inner: self.inner.clone(), hooks: self.hooks.noted_as(operation) }
    }
    /// What was consumed since the database was opened, as a copy: by table, index, operation, tag, partition and minute, with
    /// what it can be priced by. Errors: the database was opened without [`OpenOptions::ledger`](crate::OpenOptions::ledger).
    pub fn ledger(&self) -> Result<Ledger> {
        self.engine().ledger()
    }
    /// Which keys and partitions of a table and its indexes are hot since the database was opened, with how far that may be
    /// wrong. Errors: the database was opened without [`OpenOptions::ledger`](crate::OpenOptions::ledger); there is no such
    /// table.
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S, ledger::LedgerOptions};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::options().ledger(LedgerOptions::new()).in_memory()?;
    /// let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// for sku in ["bolt", "nut", "bolt"] {
    ///     stock.put(&Item::new().with("sku", sku))?;
    /// }
    /// let heat = db.heat("stock")?;
    /// let hottest = &heat.resources[0].accessed_partition_keys[0];
    /// assert_eq!(hottest.key, Item::new().with("sku", "bolt"));
    /// assert_eq!((hottest.weight, hottest.error), (2 * 3_000, 0)); // a write unit weighs as much as three of reading
    /// # Ok(())
    /// # }
    /// ```
    pub fn heat(&self, table: &str) -> Result<HeatReport> {
        self.engine().heat(table)
    }
    /// What a request would do, and what that costs: index, keys, partitions, items, units, and how many a second like it can
    /// go on for ever. Nothing is written, asked for or paid. The request is carried out up to there, so the numbers are those of
    /// the items that are there. Errors: a policy does not allow it, or a table or index does not exist; what it would be
    /// rejected for besides is in the plan.
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S, request::PutItem};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let stock = db.create_table("stock").hash::<S>("sku").provisioned(10, 5).create()?;
    /// let put = PutItem::new("stock", Item::new().with("sku", "bolt").with("text", "x".repeat(1_500)));
    /// let plan = db.explain(&put)?;
    /// assert_eq!((plan.units(), plan.most_per_sec()), (2.0, Some(2)));
    /// assert!(plan.throttles_at(2).is_empty());
    /// assert_eq!(plan.throttles_at(3)[0].name(), "TableWriteProvisionedThroughputExceeded");
    /// assert!(stock.get("bolt")?.is_none(), "nothing was written");
    /// # Ok(())
    /// # }
    /// ```
    pub fn explain<R: Request>(&self, request: &R) -> Result<RequestPlan> {
        self.executor().plan(request)
    }
    /// A handle whose requests for items are planned instead of carried out, whatever sends them: tables that it gives out,
    /// statements, batches, transactions. Each is answered as if it had been carried out.
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// let dry = db.dry_run();
    /// dry.database().statement("INSERT INTO stock VALUE {'sku': 'bolt'}").send()?;
    /// let plans = dry.plans();
    /// assert_eq!((plans.len(), plans[0].operation, plans[0].units()), (1, "PutItem", 1.0));
    /// assert!(stock.get("bolt")?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn dry_run(&self) -> DryRun {
        let plans = Plans::default();
        let database = Self { inner: self.inner.clone(), hooks: self.hooks.planning(plans.clone()) };
        DryRun { database, plans }
    }
    /// A request was rejected before it became one of [`request`](crate::request): a front end could not read it. It counts
    /// among the user errors of [`Ledger::metrics`].
    pub fn note_user_error(&self, operation: &'static str) {
        if let Some(recorder) = self.engine().recorder() {
            let now_millis = self.clock().now_millis();
            recorder.ended(&[], operation, crate::ledger::Ending::UserError, 0, now_millis);
        }
    }
}
