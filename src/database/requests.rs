//! Reads and writes of items: requests as values, and operations that span tables.

use super::Database;
use crate::{
    error::{Error, Result},
    expression::Projection,
    item::Item,
    request::{Executor, Request, TransactGetOutput, TransactOutput},
    service::ConflictGuard,
    table::{self, BatchGet, BatchGetOutput, BatchWrite, BatchWriteOutput, TransactAction, TransactWrite, Transaction},
};

impl Database {
    fn executor(&self) -> Executor<'_> {
        Executor::new(self.engine(), &self.inner.hooks)
    }
    /// Carries out a request that was described as a value: any type of [`request`](crate::request). Errors: those of the
    /// operation; the table is not there; a handle of another database.
    pub fn execute<R: Request>(&self, request: &R) -> Result<R::Response> {
        self.executor().execute(request)
    }
    /// Reads up to 100 items of any tables.
    pub fn batch_get(&self, requests: Vec<BatchGet>) -> Result<BatchGetOutput> {
        table::batch_get(self.executor(), &requests)
    }
    /// Does up to 25 puts and deletes in any tables, each by itself atomic.
    pub fn batch_write(&self, writes: Vec<(String, BatchWrite)>) -> Result<BatchWriteOutput> {
        table::batch_write(self.executor(), &writes)
    }
    /// A transaction of up to 100 writes and checks in any tables.
    pub fn transact_write(&self) -> TransactWrite {
        TransactWrite::new(self.engine().clone(), self.inner.hooks.clone())
    }
    /// Runs a closure whose reads and writes, of up to 100 items in any tables, happen at one moment: a read-modify-write
    /// over several items in one call.
    ///
    /// What the closure reads is checked again at commit; if others changed it meanwhile, nothing is written and the
    /// closure runs again, at most 100 times. So it should do nothing but compute, and use the transaction that it is
    /// given: what it does to a table directly is not part of it. It sees its own writes. An error that it returns, of any type
    /// that this crate's errors can become, ends the transaction and nothing is written.
    ///
    /// Errors: the closure's; validation; conflict, if others kept changing what was read; disk. See [`Transaction`] for an example.
    pub fn transaction<R, E: From<Error>>(&self, body: impl FnMut(&mut Transaction) -> Result<R, E>) -> Result<R, E> {
        table::transaction(self.engine(), &self.inner.hooks, body)
    }
    /// Holds a client request token as a transaction would that does not end, until the answer is dropped: transactions with
    /// that token are refused with `TransactionInProgressException`. For tests of what an application does then.
    pub fn simulate_token_conflict(&self, token: impl Into<String>) -> ConflictGuard {
        self.engine().simulate_token_conflict(token.into())
    }
    /// A transaction made at run time; `token` is a client request token and the fingerprint of the request.
    pub fn transact_write_actions(
        &self,
        actions: Vec<TransactAction>,
        token: Option<(String, u64)>,
    ) -> Result<TransactOutput> {
        table::transact_write(self.executor(), &actions, token)
    }
    /// Reads up to 100 items of any tables as they were at one moment.
    pub fn transact_get_keys(&self, keys: Vec<(String, Item, Option<Projection>)>) -> Result<TransactGetOutput> {
        table::transact_get(self.executor(), &keys)
    }
}
