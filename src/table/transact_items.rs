//! TransactWriteItems, described action by action.

use super::{Delete, Key, KeyShape, Put, Table, ToItem, Update};
use crate::{
    config::Durability,
    engine::Engine,
    error::{Error, Result},
    expression::{ExpressionKind, IntoCondition},
    request::{
        ClientRequestToken, ConditionCheck, Executor, Hooks, RequestKey, TransactOutput, TransactWriteItem,
        TransactWriteItems,
    },
};
use std::sync::Arc;

/// A transaction that is being described; [`TransactWrite::send`] carries it out. Its actions are described as single writes
/// are, and take the same conditions. A failed condition shows the item that it failed for, in the cancellation reasons.
///
/// ```
/// use hashrange::{Database, Item, key::S, attr};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::in_memory()?;
/// let orders = db.create_table("orders").hash::<S>("id").create()?;
/// let stock = db.create_table("stock").hash::<S>("sku").create()?;
/// stock.put(&Item::new().with("sku", "bolt").with("left", 1))?;
/// let buy = |id: &str| {
///     db.transact_write()
///         .put_with(&orders, &Item::new().with("id", id), |put| put.when(attr("id").not_exists()))
///         .update(&stock, "bolt", |update| update.add("left", -1).when(attr("left").ge(1)))
///         .send()
/// };
/// buy("o1")?;
/// let refusal = buy("o2").unwrap_err();
/// assert_eq!(refusal.cancellation_reasons()[1].code(), "ConditionalCheckFailed");
/// assert!(orders.get("o2")?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is written before `send`"]
pub struct TransactWrite {
    engine: Arc<Engine>,
    hooks: Hooks,
    request: TransactWriteItems<'static>,
    /// What is wrong with the description; `send` reports it.
    fault: Option<Error>,
}

impl TransactWrite {
    pub(crate) fn new(engine: Arc<Engine>, hooks: Hooks) -> Self {
        Self { engine, hooks, request: TransactWriteItems::default(), fault: None }
    }
    fn action(mut self, action: Result<TransactWriteItem<'static>>) -> Self {
        match action {
            Ok(action) => self.request.actions.push(action),
            Err(fault) => return self.refuse(fault),
        }
        self
    }
    /// The transaction will fail with this, if nothing was wrong with it before.
    fn refuse(mut self, fault: Error) -> Self {
        self.fault.get_or_insert(fault);
        self
    }
    /// Number of actions so far.
    pub(crate) fn action_count(&self) -> usize {
        self.request.actions.len()
    }
    /// Makes the transaction repeatable for ten minutes: sent again with the same token it is not carried out again.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.request.client_request_token = Some(ClientRequestToken::new(token));
        self
    }
    /// Overrides the database's durability for this transaction.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.request.durability = Some(durability);
        self
    }
    /// Replaces an item.
    pub fn put<K: KeyShape, T: ToItem + ?Sized>(self, table: &Table<K>, item: &T) -> Self {
        self.put_with(table, item, |put| put)
    }
    /// Replaces an item, with conditions: `put_with(&table, &item, |put| put.when(..))`.
    pub fn put_with<K: KeyShape, T: ToItem + ?Sized>(
        self,
        table: &Table<K>,
        item: &T,
        describe: impl FnOnce(Put<'_>) -> Put<'_>,
    ) -> Self {
        let put = describe(table.put_with(item).return_old_on_failure()).into_request();
        self.action(put.map(|put| TransactWriteItem::Put(put.into_owned())))
    }
    /// Updates the item with a key, and creates it if it is not there: `update(&table, key, |update| update.set(..).when(..))`.
    pub fn update<K: KeyShape>(
        self,
        table: &Table<K>,
        key: impl Key<K>,
        describe: impl FnOnce(Update<'_>) -> Update<'_>,
    ) -> Self {
        let update = describe(table.update(key).return_old_on_failure()).into_request();
        let update = update.and_then(|update| update.into_owned(&table.definition()));
        self.action(update.map(TransactWriteItem::Update))
    }
    /// Deletes the item with a key.
    pub fn delete<K: KeyShape>(self, table: &Table<K>, key: impl Key<K>) -> Self {
        self.delete_with(table, key, |delete| delete)
    }
    /// Deletes the item with a key, with conditions: `delete_with(&table, key, |delete| delete.when(..))`.
    pub fn delete_with<K: KeyShape>(
        self,
        table: &Table<K>,
        key: impl Key<K>,
        describe: impl FnOnce(Delete<'_>) -> Delete<'_>,
    ) -> Self {
        let delete = describe(table.delete_with(key).return_old_on_failure()).into_request();
        let delete = delete.and_then(|delete| delete.into_owned(&table.definition()));
        self.action(delete.map(TransactWriteItem::Delete))
    }
    /// Requires a condition of an item that is not changed.
    pub fn check<K: KeyShape>(self, table: &Table<K>, key: impl Key<K>, condition: impl IntoCondition) -> Self {
        self.action(check(table, key, condition).map(TransactWriteItem::ConditionCheck))
    }
    /// Carries the transaction out: all of it or, with an error, nothing. One that failed with a
    /// [retryable](Error::is_retryable) error can be sent again. Errors also: what is wrong with the description.
    pub fn send(&self) -> Result<TransactOutput> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => Executor::new(&self.engine, &self.hooks).execute(&self.request),
        }
    }
}

/// A condition on an item that is not changed.
pub(super) fn check<K: KeyShape>(
    table: &Table<K>,
    key: impl Key<K>,
    condition: impl IntoCondition,
) -> Result<ConditionCheck<'static>> {
    let key = RequestKey::encoded(key.encode(&table.definition())?);
    let condition = condition.into_condition(ExpressionKind::Condition)?;
    let mut check = ConditionCheck::new(table.owned_ref(), key, condition);
    check.return_old_on_failure = true;
    Ok(check)
}
