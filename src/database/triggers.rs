//! Triggers: functions of the program that are called with the changes of a stream.

use super::Database;
use crate::{
    consumer::Consumer,
    error::Result,
    maintenance::{TriggerHealth, TriggerMonitor},
    stream::ChangeRecord,
    table::TransactWrite,
};
use std::{fmt, sync::Arc};

impl Database {
    /// Hands the changes of a stream to a function, batch after batch: on a thread of its own, or by [`Database::step`] in
    /// a database without threads. It may be called again with records that it has processed;
    /// [`Database::on_change_in_transaction`] takes each exactly once.
    ///
    /// A call that fails or panics is repeated and halved as [`Consumer::process`] says; without dead letters the trigger tries
    /// on for ever, with pauses of up to a minute. [`Database::triggers`] and [`Database::health`] tell how it fares. It ends with the database: a
    /// database whose triggers hold handles of it (tables, say) is open until [`Database::close`] is called.
    ///
    /// Errors: the database is closed, no thread can be started.
    pub fn on_change<E: fmt::Display + 'static>(
        &self,
        consumer: Consumer,
        mut handle: impl FnMut(&[ChangeRecord]) -> Result<(), E> + Send + 'static,
    ) -> Result<()> {
        let (monitor, mut consumer) = (self.monitor(&consumer), consumer.without_keeper());
        let watch = monitor.clone();
        let run = move |patience| {
            let processed = consumer.process(patience, |records| watch.call(|| handle(records)));
            processed.map(|records| records > 0)
        };
        self.inner.maintenance.add_trigger(monitor, Box::new(run))
    }
    /// Does the same with a function that adds what the records change in this database to a transaction, with which they are
    /// acknowledged: each takes effect exactly once; see [`Consumer::process_in_transaction`].
    ///
    /// ```
    /// use hashrange::{Database, Error, Item, key::S, schema::StreamView};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::options().background(false).in_memory()?;
    /// let orders = db.create_table("orders").hash::<S>("id").stream(StreamView::NewImage).create()?;
    /// let counts = db.create_table("counts").hash::<S>("of").create()?;
    /// let counter = counts.clone();
    /// db.on_change_in_transaction(orders.stream()?.checkpoint("counter"), move |records, transaction| {
    ///     Ok::<_, Error>(transaction.update(&counter, "orders", |update| update.add("n", records.len() as u64)))
    /// })?;
    /// orders.put(&Item::new().with("id", "o1"))?;
    /// while db.step()? != hashrange::inspect::Work::Idle {}
    /// let n = counts.get("orders")?.and_then(|item| item.get("n")?.as_u64());
    /// assert_eq!((n, db.triggers()[0].batches), (Some(1), 1));
    /// db.close()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_change_in_transaction<E: fmt::Display + 'static>(
        &self,
        consumer: Consumer,
        mut describe: impl FnMut(&[ChangeRecord], TransactWrite) -> Result<TransactWrite, E> + Send + 'static,
    ) -> Result<()> {
        let (monitor, mut consumer) = (self.monitor(&consumer), consumer.without_keeper());
        let watch = monitor.clone();
        let run = move |patience| {
            let describe = |records: &[ChangeRecord], tx| watch.call(|| describe(records, tx));
            consumer.process_in_transaction(patience, describe).map(|records| records > 0)
        };
        self.inner.maintenance.add_trigger(monitor, Box::new(run))
    }
    fn monitor(&self, consumer: &Consumer) -> Arc<TriggerMonitor> {
        let (name, table) = consumer.names();
        Arc::new(TriggerMonitor::new(self.clock().clone(), name, table))
    }
    /// How the triggers fare, in the order in which they were set up. A trigger without progress and its last failure are
    /// seen here.
    pub fn triggers(&self) -> Vec<TriggerHealth> {
        self.inner.maintenance.trigger_health()
    }
}
