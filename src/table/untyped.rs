//! Batches and transactions of tables that are known at run time only, by name.

use crate::{
    capacity::Consumed,
    error::Result,
    expression::{self, Condition, Projection},
    item::{Item, ItemRef},
    request::{
        self, BatchGetItem, BatchWriteItem, ClientRequestToken, ConditionCheck, DeleteItem, Executor,
        KeysAndAttributes, PutItem, TransactGet, TransactGetItems, TransactGetOutput, TransactOutput,
        TransactWriteItem, TransactWriteItems, UpdateItem, WriteRequest,
    },
};
use std::borrow::Cow;

/// One action of a transaction.
#[derive(Clone, Debug)]
pub struct TransactAction {
    /// Name of the table.
    pub table: String,
    /// What to do.
    pub kind: TransactKind,
    /// Must hold, or the whole transaction is cancelled.
    pub condition: Option<Condition>,
    /// Attaches the item to the cancellation reason if the condition fails.
    pub return_old_on_failure: bool,
}

/// What an action of a transaction does.
#[derive(Clone, Debug)]
pub enum TransactKind {
    /// Replaces an item.
    Put(Item),
    /// Deletes the item with a key.
    Delete(Item),
    /// Updates the item with a key.
    Update(Item, expression::Update),
    /// Only checks the condition on the item with a key.
    Check(Item),
}

/// The keys that a batch get reads from one table.
#[derive(Clone, Debug)]
pub struct BatchGet {
    /// Name of the table.
    pub table: String,
    /// Keys, each exactly the table's key attributes.
    pub keys: Vec<Item>,
    /// Returns only these paths.
    pub projection: Option<Projection>,
    /// Whether the reads must be strongly consistent; they cost twice as much then.
    pub consistent: bool,
}

/// The answer to a batch get.
#[derive(Clone, Debug, Default)]
pub struct BatchGetOutput {
    /// What was found, by table in the order of the request.
    pub items: Vec<(String, Vec<ItemRef>)>,
    /// Keys that did not fit into the answer: ask for them again.
    pub unprocessed: Vec<BatchGet>,
    /// Read units, by table.
    pub consumed: Vec<(String, Consumed)>,
}

/// One action of a batch write.
#[derive(Clone, Debug)]
pub enum BatchWrite {
    /// Replaces an item.
    Put(Item),
    /// Deletes the item with a key.
    Delete(Item),
}

/// The answer to a batch write.
#[derive(Clone, Debug, Default)]
pub struct BatchWriteOutput {
    /// Actions that were not done: send them again.
    pub unprocessed: Vec<(String, BatchWrite)>,
    /// Write units, by table.
    pub consumed: Vec<(String, Consumed)>,
}

/// Reads up to 100 items.
pub(crate) fn batch_get(executor: Executor<'_>, requests: &[BatchGet]) -> Result<BatchGetOutput> {
    let tables = requests.iter().map(|request| {
        let mut keys = KeysAndAttributes::new(&request.table, &request.keys);
        keys.projection.clone_from(&request.projection);
        keys.consistent_read = request.consistent;
        keys
    });
    let request::BatchGetOutput { items, unprocessed, consumed } = executor.execute(&BatchGetItem::new(tables))?;
    let left = requests.iter().zip(unprocessed).filter(|(_, left)| !left.is_empty());
    let left = left.map(|(request, left)| {
        let keys = left.into_iter().filter_map(|at| request.keys.get(at).cloned()).collect();
        BatchGet { keys, ..request.clone() }
    });
    Ok(BatchGetOutput { items, unprocessed: left.collect(), consumed })
}

/// Does up to 25 puts and deletes. Each is atomic, the batch is not; all are checked before any is done.
pub(crate) fn batch_write(executor: Executor<'_>, writes: &[(String, BatchWrite)]) -> Result<BatchWriteOutput> {
    let described = writes.iter().map(|(table, write)| {
        let write = match write {
            BatchWrite::Put(item) => WriteRequest::Put(Cow::Borrowed(item)),
            BatchWrite::Delete(key) => WriteRequest::Delete(key.into()),
        };
        (table.into(), write)
    });
    let output = executor.execute(&BatchWriteItem::new(described))?;
    let unprocessed = output.unprocessed.iter().filter_map(|at| writes.get(*at).cloned()).collect();
    Ok(BatchWriteOutput { unprocessed, consumed: output.consumed })
}

/// Carries out a list of actions as one commit.
pub(crate) fn transact_write(
    executor: Executor<'_>,
    actions: &[TransactAction],
    token: Option<(String, u64)>,
) -> Result<TransactOutput> {
    let mut request = TransactWriteItems::new(actions.iter().map(action));
    request.client_request_token = token.map(|(token, fingerprint)| {
        let mut token = ClientRequestToken::new(token);
        token.fingerprint = Some(fingerprint);
        token
    });
    executor.execute(&request)
}

fn action(action: &TransactAction) -> TransactWriteItem<'_> {
    let (table, condition, shown) = (&action.table, action.condition.clone(), action.return_old_on_failure);
    match &action.kind {
        TransactKind::Put(item) => {
            let mut put = PutItem::new(table, item);
            (put.condition, put.return_old_on_failure) = (condition, shown);
            TransactWriteItem::Put(put)
        }
        TransactKind::Delete(key) => {
            let mut delete = DeleteItem::new(table, key);
            (delete.condition, delete.return_old_on_failure) = (condition, shown);
            TransactWriteItem::Delete(delete)
        }
        TransactKind::Update(key, changes) => {
            let mut update = UpdateItem::new(table, key, changes.clone());
            (update.condition, update.return_old_on_failure) = (condition, shown);
            TransactWriteItem::Update(update)
        }
        TransactKind::Check(key) => {
            let mut check = ConditionCheck::new(table, key, condition);
            check.return_old_on_failure = shown;
            TransactWriteItem::ConditionCheck(check)
        }
    }
}

/// Reads items of any tables as they were at one moment.
pub(crate) fn transact_get(
    executor: Executor<'_>,
    keys: &[(String, Item, Option<Projection>)],
) -> Result<TransactGetOutput> {
    let gets = keys.iter().map(|(table, key, projection)| {
        let mut get = TransactGet::new(table, key);
        get.projection.clone_from(projection);
        get
    });
    executor.execute(&TransactGetItems::new(gets))
}
