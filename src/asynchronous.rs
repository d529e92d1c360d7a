//! Handles for programs on tokio (feature `tokio`).
//!
//! The engine blocks: a write returns when it is durable. [`AsyncTable`] and [`AsyncDatabase`] run such calls on tokio's
//! pool for blocking work, where those of many tasks share one sync of the log. Reads of one item do not wait for anything
//! but memory that is not resident, and are called directly on the [`Table`]. Reads of many pages and change records are
//! [`Stream`]s. See `docs/async.md` for the reasons and figures.
//!
//! ```
//! use hashrange::{Database, Item, asynchronous::Asynchronous, key::S};
//! use std::{future::poll_fn, pin::Pin};
//! use futures_core::Stream;
//!
//! # #[tokio::main]
//! # async fn main() -> hashrange::Result<()> {
//! let db = Database::in_memory()?;
//! let orders = db.create_table("orders").hash::<S>("customer").range::<S>("order").create()?;
//! let writer = orders.asynchronous();
//!
//! writer.put(Item::new().with("customer", "c#1").with("order", "o#7").with("total", 120)).await?;
//! writer.call(|orders| orders.update(("c#1", "o#7")).set("status", "PAID").send()).await?;
//! let order = orders.get(("c#1", "o#7"))?; // a read of one item: no pool
//! assert!(order.is_some());
//!
//! let mut items = orders.query("c#1").stream();
//! while let Some(item) = poll_fn(|context| Pin::new(&mut items).poll_next(context)).await {
//!     assert_eq!(item?.get("status").and_then(|status| status.as_str()), Some("PAID"));
//! }
//! db.asynchronous().close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A future that is dropped does not stop what it began: the call ends on the pool, and a write that it made is made.
//!
//! Imports: error, item, request, table, consumer, database.

use crate::{
    consumer::{Batch, Consumer, Delivery, Follow},
    database::Database,
    error::{Error, Result},
    item::ItemRef,
    request::{Page, WriteOutput},
    table::{KeyShape, PagedRequest, Pages, Read, Table, ToItem},
};
use futures_core::Stream;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    task::{JoinError, JoinHandle, spawn_blocking},
};

/// Types with an asynchronous handle.
pub trait Asynchronous {
    /// The handle.
    type Handle;
    /// A handle whose calls run on tokio's pool for blocking work.
    fn asynchronous(&self) -> Self::Handle;
}

impl<K: KeyShape> Asynchronous for Table<K> {
    type Handle = AsyncTable<K>;
    fn asynchronous(&self) -> AsyncTable<K> {
        AsyncTable(self.clone())
    }
}

impl Asynchronous for Database {
    type Handle = AsyncDatabase;
    fn asynchronous(&self) -> AsyncDatabase {
        AsyncDatabase(self.clone())
    }
}

/// A table whose calls run on tokio's pool for blocking work. Cloning is cheap.
#[derive(Debug)]
pub struct AsyncTable<K>(Table<K>);

impl<K> Clone for AsyncTable<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: KeyShape> AsyncTable<K> {
    /// The table itself, for reads of one item.
    pub fn table(&self) -> &Table<K> {
        &self.0
    }
    /// Puts an item, as [`Table::put`] does.
    ///
    /// # Errors
    /// Those of [`Table::put`].
    pub async fn put<T: ToItem + Send + 'static>(&self, item: T) -> Result<WriteOutput> {
        self.call(move |table| table.put(&item)).await
    }
    /// Runs any calls on the table: conditional writes, updates, deletes, pages.
    ///
    /// # Errors
    /// Those of the calls; `Closed` if the runtime shuts down.
    pub async fn call<R: Send + 'static>(
        &self,
        calls: impl FnOnce(&Table<K>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let table = self.0.clone();
        blocking(move || calls(&table)).await
    }
}

/// A database whose calls run on tokio's pool for blocking work. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct AsyncDatabase(Database);

impl AsyncDatabase {
    /// The database itself.
    pub fn database(&self) -> &Database {
        &self.0
    }
    /// Closes the database, as [`Database::close`] does.
    ///
    /// # Errors
    /// Those of [`Database::close`].
    pub async fn close(self) -> Result<()> {
        let database = self.0;
        blocking(move || database.close()).await
    }
    /// Runs any calls on the database: transactions, changes of tables, `sync`.
    ///
    /// # Errors
    /// Those of the calls; `Closed` if the runtime shuts down.
    pub async fn call<R: Send + 'static>(
        &self,
        calls: impl FnOnce(&Database) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let database = self.0.clone();
        blocking(move || calls(&database)).await
    }
}

async fn blocking<R: Send + 'static>(call: impl FnOnce() -> Result<R> + Send + 'static) -> Result<R> {
    joined(spawn_blocking(call).await)?
}

/// What a call on the pool returned. A panic of the call goes on in the caller.
fn joined<R>(outcome: std::result::Result<R, JoinError>) -> Result<R> {
    outcome.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Error::closed(),
    })
}

impl<R: PagedRequest + Send + 'static> Read<R> {
    /// The items as a stream: pages are read on tokio's pool for blocking work, each when the one before is used up.
    pub fn stream(self) -> ItemStream<R> {
        let (pages, limit) = self.into_pages_and_limit();
        ItemStream { reading: Reading::Idle(pages), page: Vec::new().into_iter(), left: limit.unwrap_or(usize::MAX) }
    }
}

type PageRead<R> = (Pages<R>, Option<Result<Page>>);

/// Where a stream of items is.
#[derive(Debug)]
enum Reading<R> {
    Idle(Pages<R>),
    Running(JoinHandle<PageRead<R>>),
    Done,
}

/// Items of a query or scan; see [`Read::stream`].
#[derive(Debug)]
#[must_use = "a stream reads nothing until it is polled"]
pub struct ItemStream<R> {
    reading: Reading<R>,
    page: std::vec::IntoIter<ItemRef>,
    left: usize,
}

impl<R: PagedRequest + Send + Unpin + 'static> Stream for ItemStream<R> {
    type Item = Result<ItemRef>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<ItemRef>>> {
        loop {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            if let Some(item) = self.page.next() {
                self.left -= 1;
                return Poll::Ready(Some(Ok(item)));
            }
            match std::mem::replace(&mut self.reading, Reading::Done) {
                Reading::Done => return Poll::Ready(None),
                Reading::Idle(mut pages) => {
                    self.reading = Reading::Running(spawn_blocking(move || {
                        let page = pages.next();
                        (pages, page)
                    }));
                }
                Reading::Running(mut running) => {
                    let Poll::Ready(outcome) = Pin::new(&mut running).poll(context) else {
                        self.reading = Reading::Running(running);
                        return Poll::Pending;
                    };
                    match joined(outcome) {
                        Ok((_, None)) => return Poll::Ready(None),
                        Ok((pages, Some(Ok(page)))) => {
                            self.page = page.items.into_iter();
                            self.reading = Reading::Idle(pages);
                        }
                        Ok((_, Some(Err(error)))) | Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
            }
        }
    }
}

/// How long a call on the pool waits for change records: a stream that is dropped frees its thread within this time.
const PATIENCE: Duration = Duration::from_millis(500);

impl Consumer {
    /// The batches of change records as a stream, which does not end. Each batch is to be acknowledged, as those of
    /// [`Consumer::next_batch`]; acknowledging writes, so it belongs on the pool. The stream holds one thread of the pool
    /// while it waits. A stream that is dropped gives its leases back on the pool, a moment later.
    pub fn batches(self) -> BatchStream {
        BatchStream(Batching::Idle(Box::new(self)))
    }
    /// The records as a stream, which does not end: one by one, as those of [`Consumer::follow`], each to be acknowledged
    /// before the next is asked for. The stream holds one thread of the pool while it waits, and none while it is not polled.
    /// A stream that is dropped gives its leases back on the pool, a moment later.
    ///
    /// ```
    /// use hashrange::{Database, Item, asynchronous::Asynchronous, key::S, schema::StreamView};
    /// use tokio_stream::StreamExt;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let orders = db.create_table("orders").hash::<S>("id").stream(StreamView::NewImage).create()?;
    /// orders.asynchronous().put(Item::new().with("id", "o1")).await?;
    /// let mut changes = orders.stream()?.checkpoint("mailer").deliveries();
    /// if let Some(change) = changes.next().await {
    ///     let change = change?;
    ///     assert!(change.new.is_some());
    ///     orders.asynchronous().call(move |_| change.ack()).await?; // it writes: on the pool
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn deliveries(self) -> DeliveryStream {
        DeliveryStream(Following::Idle(Box::new(self.follow(PATIENCE))))
    }
}

/// Where a stream of batches is.
#[derive(Debug)]
enum Batching {
    Idle(Box<Consumer>),
    Waiting(JoinHandle<(Box<Consumer>, Result<Option<Batch>>)>),
    Done,
}

/// Batches of change records; see [`Consumer::batches`].
#[derive(Debug)]
#[must_use = "a stream reads nothing until it is polled"]
pub struct BatchStream(Batching);

impl Stream for BatchStream {
    type Item = Result<Batch>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Batch>>> {
        loop {
            match std::mem::replace(&mut self.0, Batching::Done) {
                Batching::Done => return Poll::Ready(None),
                Batching::Idle(mut consumer) => {
                    self.0 = Batching::Waiting(spawn_blocking(move || {
                        let batch = consumer.next_batch(PATIENCE);
                        (consumer, batch)
                    }));
                }
                Batching::Waiting(mut waiting) => {
                    let Poll::Ready(outcome) = Pin::new(&mut waiting).poll(context) else {
                        self.0 = Batching::Waiting(waiting);
                        return Poll::Pending;
                    };
                    match joined(outcome) {
                        Ok((consumer, Ok(batch))) => {
                            self.0 = Batching::Idle(consumer);
                            if let Some(batch) = batch {
                                return Poll::Ready(Some(Ok(batch)));
                            }
                        }
                        Ok((_, Err(error))) | Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
            }
        }
    }
}

impl Drop for BatchStream {
    fn drop(&mut self) {
        if let Batching::Idle(consumer) = std::mem::replace(&mut self.0, Batching::Done) {
            drop_on_pool(consumer);
        }
    }
}

/// Drops a reader of a change stream, which gives its leases back: that writes, and belongs on the pool where there is one. The
/// drop does not wait for it.
fn drop_on_pool(reader: impl Send + 'static) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(reader))),
        Err(_) => drop(reader),
    }
}

/// Where a stream of records is.
#[derive(Debug)]
enum Following {
    Idle(Box<Follow>),
    Waiting(JoinHandle<(Box<Follow>, Option<Result<Delivery>>)>),
    Done,
}

/// Change records to be acknowledged one by one; see [`Consumer::deliveries`].
#[derive(Debug)]
#[must_use = "a stream reads nothing until it is polled"]
pub struct DeliveryStream(Following);

impl Stream for DeliveryStream {
    type Item = Result<Delivery>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Delivery>>> {
        loop {
            match std::mem::replace(&mut self.0, Following::Done) {
                Following::Done => return Poll::Ready(None),
                Following::Idle(mut follow) => match follow.at_hand() {
                    Ok(None) => {
                        self.0 = Following::Waiting(spawn_blocking(move || {
                            let delivery = follow.next();
                            (follow, delivery)
                        }));
                    }
                    Ok(Some(delivery)) => {
                        self.0 = Following::Idle(follow);
                        return Poll::Ready(Some(Ok(delivery)));
                    }
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
                Following::Waiting(mut waiting) => {
                    let Poll::Ready(outcome) = Pin::new(&mut waiting).poll(context) else {
                        self.0 = Following::Waiting(waiting);
                        return Poll::Pending;
                    };
                    match joined(outcome) {
                        Ok((follow, None)) => self.0 = Following::Idle(follow),
                        Ok((follow, Some(Ok(delivery)))) => {
                            self.0 = Following::Idle(follow);
                            return Poll::Ready(Some(Ok(delivery)));
                        }
                        Ok((_, Some(Err(error)))) | Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
            }
        }
    }
}

impl Drop for DeliveryStream {
    fn drop(&mut self) {
        if let Following::Idle(follow) = std::mem::replace(&mut self.0, Following::Done) {
            drop_on_pool(follow);
        }
    }
}
