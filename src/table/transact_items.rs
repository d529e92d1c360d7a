//! TransactWriteItems and TransactGetItems: all or nothing, across items and tables.

use super::{
    IntoCondition, Key, KeyShape, Table, ToItem,
    batch::add_consumed,
    get::{projected, read},
    put::{check, prepare},
    update::{check_targets, decide},
    write_output::consumed,
};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    config::Durability,
    engine::{Decide, Engine, ItemResults, TableSlot, WriteAction, WriteOp, WriteOptions},
    error::{CancellationReason, Detail, Error, ErrorKind, Result},
    expression::{self, Condition, ExpressionKind, Projection, UpdateBuilder},
    item::{Item, ItemRef},
    schema::{EncodedKey, TableDefinition},
    service::{Access, is_hidden},
    wal::record::ClientToken,
};
use bytes::Bytes;
use std::sync::Arc;

/// Most actions of one transaction.
pub const MAX_TRANSACTION_ACTIONS: usize = 100;
/// Most bytes of all items of one transaction.
pub const MAX_TRANSACTION_BYTES: usize = 4 << 20;

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

/// The answer to a transaction that was carried out.
#[derive(Clone, Debug, Default)]
pub struct TransactOutput {
    /// Write units by table, in order of first appearance.
    pub consumed: Vec<(String, Consumed)>,
    /// The token was known: the transaction had been carried out before, and was not again.
    pub replayed: bool,
}

/// The answer to a transactional read.
#[derive(Clone, Debug, Default)]
pub struct TransactGetOutput {
    /// What was found, in the order of the request.
    pub items: Vec<Option<ItemRef>>,
    /// Read units by table, in order of first appearance.
    pub consumed: Vec<(String, Consumed)>,
}

/// A transaction that is being described; [`TransactWrite::send`] carries it out.
#[derive(Debug)]
#[must_use = "nothing is written before `send`"]
pub struct TransactWrite {
    engine: Arc<Engine>,
    actions: Vec<TransactAction>,
    /// The table of each action, which a table that was created anew under its name does not replace.
    slots: Vec<Arc<TableSlot>>,
    /// What is wrong with an action; `send` tells.
    fault: Option<Error>,
    token: Option<String>,
    durability: Option<Durability>,
}

impl TransactWrite {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, actions: Vec::new(), slots: Vec::new(), fault: None, token: None, durability: None }
    }
    fn action<K>(mut self, table: &Table<K>, kind: TransactKind, condition: Option<Condition>) -> Self {
        if !Arc::ptr_eq(&self.engine, &table.engine) {
            self.fault.get_or_insert_with(foreign_table);
        }
        let name = table.slot.state().definition.name.clone();
        self.actions.push(TransactAction { table: name, kind, condition, return_old_on_failure: true });
        self.slots.push(table.slot.clone());
        self
    }
    /// Number of actions so far.
    pub(crate) fn action_count(&self) -> usize {
        self.actions.len()
    }
    /// Makes the transaction repeatable for ten minutes: sent again with the same token it is not carried out again.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }
    /// Overrides the database's durability for this transaction.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }
    /// Replaces an item.
    pub fn put<K: KeyShape, T: ToItem + ?Sized>(self, table: &Table<K>, item: &T) -> Result<Self> {
        let item = item.to_item()?.into_owned();
        Ok(self.action(table, TransactKind::Put(item), None))
    }
    /// Replaces an item if a condition holds for the one that is there.
    pub fn put_when<K: KeyShape, T: ToItem + ?Sized>(
        self,
        table: &Table<K>,
        item: &T,
        condition: impl IntoCondition,
    ) -> Result<Self> {
        let item = item.to_item()?.into_owned();
        Ok(self.action(table, TransactKind::Put(item), Some(condition.into_condition(ExpressionKind::Condition)?)))
    }
    /// Updates the item with a key.
    pub fn update<K: KeyShape>(
        self,
        table: &Table<K>,
        key: impl Key<K>,
        describe: impl FnOnce(UpdateBuilder) -> UpdateBuilder,
    ) -> Result<Self> {
        let definition = table.definition();
        let kind = TransactKind::Update(key.attributes(&definition)?, describe(UpdateBuilder::new()).build()?);
        Ok(self.action(table, kind, None))
    }
    /// Updates the item with a key if a condition holds for the one that is there.
    pub fn update_when<K: KeyShape>(
        self,
        table: &Table<K>,
        key: impl Key<K>,
        describe: impl FnOnce(UpdateBuilder) -> UpdateBuilder,
        condition: impl IntoCondition,
    ) -> Result<Self> {
        let definition = table.definition();
        let kind = TransactKind::Update(key.attributes(&definition)?, describe(UpdateBuilder::new()).build()?);
        let condition = condition.into_condition(ExpressionKind::Condition)?;
        Ok(self.action(table, kind, Some(condition)))
    }
    /// Deletes the item with a key.
    pub fn delete<K: KeyShape>(self, table: &Table<K>, key: impl Key<K>) -> Result<Self> {
        let definition = table.definition();
        let kind = TransactKind::Delete(key.attributes(&definition)?);
        Ok(self.action(table, kind, None))
    }
    /// Deletes the item with a key if a condition holds for it.
    pub fn delete_when<K: KeyShape>(
        self,
        table: &Table<K>,
        key: impl Key<K>,
        condition: impl IntoCondition,
    ) -> Result<Self> {
        let definition = table.definition();
        let kind = TransactKind::Delete(key.attributes(&definition)?);
        let condition = condition.into_condition(ExpressionKind::Condition)?;
        Ok(self.action(table, kind, Some(condition)))
    }
    /// Requires a condition of an item that is not changed.
    pub fn check<K: KeyShape>(self, table: &Table<K>, key: impl Key<K>, condition: impl IntoCondition) -> Result<Self> {
        let definition = table.definition();
        let kind = TransactKind::Check(key.attributes(&definition)?);
        Ok(self.action(table, kind, Some(condition.into_condition(ExpressionKind::Condition)?)))
    }
    /// Carries the transaction out: all of it or, with an error, nothing.
    pub fn send(self) -> Result<TransactOutput> {
        let fingerprint = || xxhash_rust::xxh3::xxh3_64(format!("{:?}", self.actions).as_bytes());
        let token = self.token.map(|token| ClientToken { token, fingerprint: fingerprint() });
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        transact_write(&self.engine, &self.actions, self.slots, token, self.durability)
    }
}

/// The refusal of a table that belongs to another database.
pub(super) fn foreign_table() -> Error {
    Error::validation("a transaction takes tables of its own database only")
}

/// The tables of actions, by their names.
pub(crate) fn slots_of(engine: &Engine, actions: &[TransactAction]) -> Result<Vec<Arc<TableSlot>>> {
    let slot = |action: &TransactAction| engine.table(&action.table);
    actions.iter().map(|action| slot(action).ok_or_else(|| Error::no_table(&*action.table))).collect()
}

/// An action whose key and item are checked and encoded.
struct Prepared {
    slot: Arc<TableSlot>,
    key: EncodedKey,
    put: Option<Bytes>,
}

/// Carries out a list of actions, of which `slots` are the tables, as one commit.
pub fn transact_write(
    engine: &Engine,
    actions: &[TransactAction],
    slots: Vec<Arc<TableSlot>>,
    token: Option<ClientToken>,
    durability: Option<Durability>,
) -> Result<TransactOutput> {
    if !(1..=MAX_TRANSACTION_ACTIONS).contains(&actions.len()) {
        return Err(Error::validation(format!(
            "a transaction has 1 to {MAX_TRANSACTION_ACTIONS} actions, not {}",
            actions.len()
        )));
    }
    slots.iter().try_for_each(|slot| slot.check_alive())?;
    let prepared = prepare_all(actions, slots)?;
    let _token_here = token.as_ref().map(|token| engine.enter_token(&token.token)).transpose()?;
    if let Some(token) = &token
        && let Some(output) = replay(engine, actions, &prepared, token)?
    {
        return Ok(output);
    }
    let items = prepared.iter().map(|prepared| (&*prepared.slot, &prepared.key));
    let _here = engine.enter_transaction(Access::TransactWrite, items)?;
    let mut closures: Vec<Box<Decide<'_>>> = Vec::with_capacity(actions.len());
    for (action, prepared) in actions.iter().zip(&prepared) {
        closures.push(Box::new(move |definition: &TableDefinition, old: Option<&ItemRef>| {
            decide_action(action, prepared, definition, old)
        }));
    }
    let mut ops: Vec<WriteOp<'_>> = Vec::with_capacity(actions.len());
    for (prepared, decide) in prepared.iter().zip(&mut closures) {
        ops.push(WriteOp { slot: &prepared.slot, key: &prepared.key, decide: &mut **decide });
    }
    let options = WriteOptions { durability, token, ..WriteOptions::default() };
    let results = engine.write(&mut ops, &options)?;
    if results.iter().any(Result::is_err) {
        return Err(cancelled(results));
    }
    let mut output = TransactOutput::default();
    for (action, outcome) in actions.iter().zip(results.into_iter().flatten()) {
        add_consumed(&mut output.consumed, &action.table, &consumed(&outcome, 2.0));
    }
    Ok(output)
}

fn prepare_all(actions: &[TransactAction], slots: Vec<Arc<TableSlot>>) -> Result<Vec<Prepared>> {
    let mut all: Vec<Prepared> = Vec::with_capacity(actions.len());
    let mut reasons = Vec::with_capacity(actions.len());
    let mut bytes = 0;
    for (action, slot) in actions.iter().zip(slots) {
        let definition = slot.state().definition.clone();
        match prepare_action(action, &definition) {
            Ok((key, put)) => {
                bytes += put.as_ref().map_or(0, Bytes::len);
                if all.iter().any(|other| Arc::ptr_eq(&other.slot, &slot) && other.key == key) {
                    let text = "Transaction request cannot include multiple operations on one item";
                    return Err(Error::validation(text));
                }
                all.push(Prepared { slot, key, put });
                reasons.push(CancellationReason::none());
            }
            Err(error) if is_schema_mismatch(&error) => {
                reasons.push(CancellationReason::new("ValidationError", error.message()));
            }
            Err(error) => return Err(error),
        }
    }
    if reasons.iter().any(|reason| reason.code() != "None") {
        return Err(Error::transaction_canceled(reasons));
    }
    if bytes > MAX_TRANSACTION_BYTES {
        return Err(Error::validation(format!(
            "Collection size of items exceeded: the items of a transaction have at most {MAX_TRANSACTION_BYTES} bytes \
             together, not {bytes}"
        )));
    }
    Ok(all)
}

/// What depends on the table's schema cancels a transaction instead of refusing the request.
fn is_schema_mismatch(error: &Error) -> bool {
    matches!(
        error.detail(),
        Some(
            Detail::KeyMismatch { .. } | Detail::KeyType { .. } | Detail::KeyMissing { .. } | Detail::KeyUpdated { .. }
        )
    )
}

fn prepare_action(action: &TransactAction, definition: &TableDefinition) -> Result<(EncodedKey, Option<Bytes>)> {
    match &action.kind {
        TransactKind::Put(item) => prepare(definition, item).map(|(key, bytes)| (key, Some(bytes))),
        TransactKind::Delete(key) | TransactKind::Check(key) => {
            definition.key_of_attributes(key).map(|key| (key, None))
        }
        TransactKind::Update(key, update) => {
            let key = definition.key_of_attributes(key)?;
            check_targets(definition, update)?;
            Ok((key, None))
        }
    }
}

fn decide_action(
    action: &TransactAction,
    prepared: &Prepared,
    definition: &TableDefinition,
    old: Option<&ItemRef>,
) -> Result<WriteAction> {
    check(action.condition.as_ref(), old, action.return_old_on_failure)?;
    Ok(match (&action.kind, &prepared.put) {
        (TransactKind::Put(_), Some(bytes)) => WriteAction::Put(bytes.clone()),
        (TransactKind::Delete(_), _) => WriteAction::Delete,
        (TransactKind::Update(key, update), _) => decide(definition, update, old, key)?.0,
        _ => WriteAction::Keep,
    })
}

fn cancelled(results: ItemResults) -> Error {
    let reasons = results.into_iter().map(|result| match result {
        Ok(_) => CancellationReason::none(),
        Err(error) if error.kind() == ErrorKind::ConditionFailed => {
            CancellationReason::new("ConditionalCheckFailed", error.message())
                .with_old_item_bytes(error.old_item_bytes().cloned())
        }
        Err(error) if matches!(error.detail(), Some(Detail::CollectionTooLarge { .. })) => {
            CancellationReason::new("ItemCollectionSizeLimitExceeded", error.message())
        }
        Err(error) => CancellationReason::new("ValidationError", error.message()),
    });
    Error::transaction_canceled(reasons.collect())
}

/// The answer to a transaction whose token is known already; an error if it was used for another request.
fn replay(
    engine: &Engine,
    actions: &[TransactAction],
    prepared: &[Prepared],
    token: &ClientToken,
) -> Result<Option<TransactOutput>> {
    let Some(used) = engine.known_token(&token.token) else { return Ok(None) };
    if used.fingerprint != token.fingerprint {
        return Err(Error::new(
            ErrorKind::TokenMismatch,
            "IdempotentParameterMismatchException",
            "The client request token was used before with another request",
        ));
    }
    // The first of the two may still be on its way to the disk; nobody is told of it before it is there.
    engine.wal().sync(used.seqno)?;
    let mut output = TransactOutput { replayed: true, ..TransactOutput::default() };
    for (action, prepared) in actions.iter().zip(prepared) {
        let size = read(engine, &prepared.slot, &prepared.key)?.map_or(0, |item| item.size_bytes());
        let units = read_units(size, ReadStrength::Transactional);
        add_consumed(&mut output.consumed, &action.table, &Consumed::of_table(units));
    }
    Ok(Some(output))
}

/// Reads items of any tables as they were at one moment.
pub fn transact_get(engine: &Engine, keys: &[(String, Item, Option<Projection>)]) -> Result<TransactGetOutput> {
    if !(1..=MAX_TRANSACTION_ACTIONS).contains(&keys.len()) {
        return Err(Error::validation(format!(
            "a transactional read has 1 to {MAX_TRANSACTION_ACTIONS} keys, not {}",
            keys.len()
        )));
    }
    let mut places: Vec<(Arc<TableSlot>, EncodedKey)> = Vec::with_capacity(keys.len());
    let mut reasons = Vec::with_capacity(keys.len());
    for (table, key, _) in keys {
        let slot = engine.table(table).ok_or_else(|| Error::no_table(&**table))?;
        let encoded = slot.state().definition.key_of_attributes(key);
        match encoded {
            Ok(key) => {
                if places.iter().any(|(other, known)| Arc::ptr_eq(other, &slot) && *known == key) {
                    return Err(Error::validation(
                        "Transaction request cannot include multiple operations on one item",
                    ));
                }
                places.push((slot, key));
                reasons.push(CancellationReason::none());
            }
            Err(error) if is_schema_mismatch(&error) => {
                reasons.push(CancellationReason::new("ValidationError", error.message()));
            }
            Err(error) => return Err(error),
        }
    }
    if reasons.iter().any(|reason| reason.code() != "None") {
        return Err(Error::transaction_canceled(reasons));
    }
    let _here = engine.enter_transaction(Access::TransactRead, places.iter().map(|(slot, key)| (&**slot, key)))?;
    let found = engine.read_together(&places)?;
    let mut output = TransactGetOutput::default();
    let mut bytes = 0;
    for (((table, _, projection), (slot, _)), item) in keys.iter().zip(&places).zip(found) {
        let item = item.filter(|item| !is_hidden(engine.options(), &slot.state().definition, item));
        let size = item.as_ref().map_or(0, ItemRef::size_bytes);
        bytes += size;
        let units = read_units(size, ReadStrength::Transactional);
        add_consumed(&mut output.consumed, table, &Consumed::of_table(units));
        output.items.push(item.map(|item| projected(item, projection.as_ref())));
    }
    if bytes > MAX_TRANSACTION_BYTES {
        return Err(Error::validation(format!(
            "Collection size of items exceeded: the items of a transactional read have at most {MAX_TRANSACTION_BYTES} \
             bytes together, not {bytes}"
        )));
    }
    Ok(output)
}
