//! TransactWriteItems: all or nothing, across items and tables.

use super::{
    any::{RequestRef, ResponseRef},
    batch_get_item::add_table,
    cached::{self, Behind},
    delete_item::DeleteItem,
    executor::{Executor, Request, Response, Run},
    fingerprint,
    get_item::read,
    key::RequestKey,
    key_paths::check_condition_paths,
    put_item::PutItem,
    table_ref::{FoundTable, TableRef},
    transact_get_items::charge_together,
    update_item::{UpdateItem, check_literal_index_keys, check_targets},
    write::{Change, Write, prepare_put},
    write_output::{ReturnValues, add_consumed, by_position, consumed},
};
use crate::{
    admission::TokenUse,
    capacity::{Consumed, ReadStrength, read_units},
    config::Durability,
    engine::{
        Charge, Decide, Engine, HeldTables, ItemResult, ItemResults, TableSlot, WriteAction, WriteOp, WriteOptions,
    },
    error::{CancellationReason, Detail, Error, ErrorKind, Result},
    expression::Condition,
    item::ItemRef,
    schema::TableDefinition,
    service::Access,
    wal::record::ClientToken,
};
use std::cell::Cell;

/// Most actions of one transaction.
pub const MAX_TRANSACTION_ACTIONS: usize = 100;
/// Most bytes of all items of one transaction.
pub(crate) const MAX_TRANSACTION_BYTES: usize = 4 << 20;

pub(super) const DUPLICATE: &str = "Transaction request cannot include multiple operations on one item";

/// Carries out up to 100 writes and checks of any tables: all of them or, with an error, none.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TransactWriteItems<'a> {
    /// The writes and checks; no item may come twice.
    pub actions: Vec<TransactWriteItem<'a>>,
    /// Makes the transaction repeatable for ten minutes: sent again with the same token it is not carried out again.
    pub client_request_token: Option<ClientRequestToken>,
    /// When to answer; the database's durability if absent.
    pub durability: Option<Durability>,
}

/// One action of a transaction. It returns no values: the outputs of a transaction are its effects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TransactWriteItem<'a> {
    /// Only checks a condition.
    ConditionCheck(ConditionCheck<'a>),
    /// Replaces an item.
    Put(PutItem<'a>),
    /// Updates the item with a key.
    Update(UpdateItem<'a>),
    /// Deletes the item with a key.
    Delete(DeleteItem<'a>),
}

/// Requires a condition of an item that a transaction does not change.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConditionCheck<'a> {
    /// The table.
    pub table: TableRef<'a>,
    /// The key.
    pub key: RequestKey<'a>,
    /// Must hold for the item that is there, or for no item. Without one the action only keeps others from the item.
    pub condition: Option<Condition>,
    /// Attaches the item to the cancellation reason if the condition fails.
    pub return_old_on_failure: bool,
}

impl<'a> ConditionCheck<'a> {
    /// Requires this condition of the item with this key.
    pub fn new(
        table: impl Into<TableRef<'a>>,
        key: impl Into<RequestKey<'a>>,
        condition: impl Into<Option<Condition>>,
    ) -> Self {
        Self { table: table.into(), key: key.into(), condition: condition.into(), return_old_on_failure: false }
    }
}

/// A client request token, which stands for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientRequestToken {
    /// The token, as the client made it.
    pub token: String,
    /// A number that two requests share only if they ask for the same. If absent, it is made from the actions. A front end
    /// sets it whose requests say more than their actions.
    pub fingerprint: Option<u64>,
}

impl ClientRequestToken {
    /// A token that stands for the actions of its request.
    pub fn new(token: impl Into<String>) -> Self {
        Self { token: token.into(), fingerprint: None }
    }
}

impl<'a> TransactWriteItems<'a> {
    /// Carries out these actions.
    pub fn new(actions: impl IntoIterator<Item = TransactWriteItem<'a>>) -> Self {
        Self { actions: actions.into_iter().collect(), client_request_token: None, durability: None }
    }
}

/// The response to a transaction that was carried out.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TransactOutput {
    /// Write units by table, in order of first appearance. Read units if it was replayed: of the larger image of each item,
    /// before or after the first call, or, once the database was opened again, of the items that are there.
    pub consumed: Vec<(String, Consumed)>,
    /// The token was known: the transaction had been carried out before, and was not again.
    pub replayed: bool,
}

impl Response for TransactOutput {
    fn as_response(&self) -> ResponseRef<'_> {
        ResponseRef::TransactWrite(self)
    }
    fn consumed_by_table(&self) -> Vec<(usize, Consumed)> {
        by_position(&self.consumed)
    }
}

impl<'a> TransactWriteItem<'a> {
    /// The table.
    pub fn table(&self) -> &TableRef<'a> {
        match self {
            Self::ConditionCheck(check) => &check.table,
            Self::Put(put) => &put.table,
            Self::Update(update) => &update.table,
            Self::Delete(delete) => &delete.table,
        }
    }

    /// The condition, and whether its failure shows the item.
    fn condition(&self) -> (Option<&Condition>, bool) {
        match self {
            Self::ConditionCheck(check) => (check.condition.as_ref(), check.return_old_on_failure),
            Self::Put(put) => (put.condition.as_ref(), put.return_old_on_failure),
            Self::Update(update) => (update.condition.as_ref(), update.return_old_on_failure),
            Self::Delete(delete) => (delete.condition.as_ref(), delete.return_old_on_failure),
        }
    }

    /// Rejects what only single writes can do.
    pub(crate) fn check(&self) -> Result<()> {
        let (values, durability) = match self {
            Self::ConditionCheck(_) => return Ok(()),
            Self::Put(put) => (put.return_values, put.durability),
            Self::Update(update) => (update.return_values, update.durability),
            Self::Delete(delete) => (delete.return_values, delete.durability),
        };
        if values != ReturnValues::None {
            return Err(Error::validation("an action of a transaction returns no values"));
        }
        if durability.is_some() {
            return Err(Error::validation("the durability is that of the transaction, not of one of its actions"));
        }
        Ok(())
    }

    /// Checks and encodes the action.
    pub(crate) fn prepare<'s>(&'s self, definition: &TableDefinition, slot: &'s TableSlot) -> Result<Write<'s>> {
        let (key, change) = match self {
            Self::Put(put) => {
                let (key, bytes) = prepare_put(definition, &put.item)?;
                (key, Change::Put(bytes))
            }
            Self::Delete(delete) => (delete.key.encode(definition)?, Change::Delete),
            Self::ConditionCheck(check) => (check.key.encode(definition)?, Change::Check),
            Self::Update(update) => {
                let key = update.key.encode(definition)?;
                check_targets(definition, &update.update)?;
                check_literal_index_keys(definition, &update.update)?;
                (key, Change::Update(&update.update))
            }
        };
        let (condition, return_old_on_failure) = self.condition();
        check_condition_paths(definition, condition)?;
        Ok(Write { slot, key, change, condition, return_old_on_failure })
    }
}

impl Request for TransactWriteItems<'_> {}
impl Run for TransactWriteItems<'_> {
    type Response = TransactOutput;
    fn run(&self, executor: &Executor<'_>) -> Result<TransactOutput> {
        let engine = executor.engine;
        if !(1..=MAX_TRANSACTION_ACTIONS).contains(&self.actions.len()) {
            return Err(Error::validation(format!(
                "a transaction has 1 to {MAX_TRANSACTION_ACTIONS} actions, not {}",
                self.actions.len()
            )));
        }
        self.actions.iter().try_for_each(TransactWriteItem::check)?;
        let slots = self.actions.iter().map(|action| action.table().resolve(engine)).collect::<Result<Vec<_>>>()?;
        let held = engine.hold_tables(slots.iter().map(|slot| &***slot))?;
        let writes = self.prepare(&held, &slots)?;
        // What is a dry run stands for no request.
        let token = self.client_request_token.as_ref().filter(|_| !executor.is_dry_run);
        let token = token.map(|token| ClientToken {
            token: token.token.clone(),
            fingerprint: Some(token.fingerprint.unwrap_or_else(|| fingerprint::of(&writes))),
        });
        let _token_here = token.as_ref().map(|token| engine.enter_token(&token.token)).transpose()?;
        if let Some(token) = &token
            && let Some(used) = engine.known_token(&token.token)
        {
            drop(held); // waiting for the disk would keep schema changes out
            return replay(executor, &writes, token, used);
        }
        let items = writes.iter().map(|write| (write.slot, &write.key));
        let _here = engine.enter_transaction(Access::TransactWrite, items)?;
        let names: Vec<_> = (0..writes.len()).map(|at| held.definition(at).clone()).collect();
        let charge = Charge::Transaction;
        let options = WriteOptions { durability: self.durability, token, charge, ..executor.write_options() };
        let results = commit(engine, held, &writes, &options)?;
        if results.iter().any(Result::is_err) {
            return Err(rejection(results));
        }
        if let Some(token) = &options.token {
            engine.note_token_images(&token.token, results.iter().flatten().map(image_bytes).collect());
        }
        let mut output = TransactOutput::default();
        for (definition, outcome) in names.iter().zip(results.into_iter().flatten()) {
            add_consumed(&mut output.consumed, &definition.name, &consumed(&outcome, 2.0));
        }
        Ok(output)
    }
    fn run_cached(&self, behind: &Behind<'_>) -> Result<TransactOutput> {
        cached::transact_write(self, behind)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::TransactWriteItems(self)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        let mut tables = Vec::new();
        self.actions.iter().for_each(|action| add_table(&mut tables, action.table()));
        tables
    }
}

/// Commits all writes as one.
fn commit(engine: &Engine, held: HeldTables<'_>, writes: &[Write<'_>], options: &WriteOptions) -> Result<ItemResults> {
    let written = Cell::new(0);
    let mut closures: Vec<Box<Decide<'_>>> = Vec::with_capacity(writes.len());
    for write in writes {
        closures.push(Box::new(|definition: &TableDefinition, old: Option<&ItemRef>| {
            let decision = write.decide(definition, old, &mut None)?;
            if let WriteAction::Put(item) = &decision {
                written.set(written.get() + ItemRef::from_bytes(item.clone()).size_bytes());
            }
            check_bytes(written.get())?;
            Ok(decision)
        }));
    }
    let mut ops: Vec<WriteOp<'_>> = Vec::with_capacity(writes.len());
    for (write, decide) in writes.iter().zip(&mut closures) {
        ops.push(WriteOp { slot: write.slot, key: &write.key, decide: &mut **decide });
    }
    engine.write_held(held, &mut ops, options)
}

impl TransactWriteItems<'_> {
    fn prepare<'s>(&'s self, held: &HeldTables<'_>, slots: &'s [FoundTable<'s>]) -> Result<Vec<Write<'s>>> {
        let mut all: Vec<Write<'_>> = Vec::with_capacity(self.actions.len());
        let mut reasons = Reasons::default();
        let mut bytes = 0;
        for (at, (action, slot)) in self.actions.iter().zip(slots).enumerate() {
            let Some(write) = reasons.take(action.prepare(held.definition(at), slot))? else { continue };
            if let Change::Put(item) = &write.change {
                bytes += ItemRef::from_bytes(item.clone()).size_bytes();
            }
            if all.iter().any(|other| std::ptr::eq(other.slot, write.slot) && other.key == write.key) {
                return Err(Error::validation(DUPLICATE));
            }
            all.push(write);
        }
        reasons.finish()?;
        check_bytes(bytes)?;
        Ok(all)
    }
}

/// Rejects a transaction whose items have more bytes together than they may.
fn check_bytes(size_bytes: usize) -> Result<()> {
    if size_bytes <= MAX_TRANSACTION_BYTES {
        return Ok(());
    }
    let detail = Detail::TransactionTooLarge { size_bytes, limit_bytes: MAX_TRANSACTION_BYTES };
    let text = format!(
        "Collection size of items exceeded: the items of a transaction have at most {MAX_TRANSACTION_BYTES} bytes together, \
         not {size_bytes}"
    );
    Err(Error::validation(text).with_detail(detail))
}

/// Bytes of the larger one of the images of an item, before and after.
fn image_bytes(outcome: &ItemResult) -> usize {
    let bytes = |item: &Option<ItemRef>| item.as_ref().map_or(0, ItemRef::size_bytes);
    bytes(&outcome.old).max(bytes(&outcome.new))
}

/// Why actions cannot be carried out; collected for all of them, since the answer has a reason for each.
#[derive(Default)]
pub(super) struct Reasons {
    all: Vec<CancellationReason>,
    is_cancelled: bool,
    /// The error of the first action whose key is empty.
    empty_key: Option<Error>,
}

impl Reasons {
    /// What was prepared of the next action; `None` if [`Reasons::finish`] will say why it cannot be carried out. Errors: it rejects
    /// the whole request.
    pub fn take<T>(&mut self, prepared: Result<T>) -> Result<Option<T>> {
        match prepared {
            Ok(prepared) => {
                self.all.push(CancellationReason::none());
                Ok(Some(prepared))
            }
            Err(error) if is_schema_mismatch(&error) => {
                self.all.push(CancellationReason::new("ValidationError", error.message()));
                self.is_cancelled = true;
                Ok(None)
            }
            // The service reports an empty key after faults of several actions, such as two on one item.
            Err(error) if matches!(error.detail(), Some(Detail::KeyEmpty { .. })) => {
                self.empty_key.get_or_insert(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
    /// The cancellation, if there is a reason for it. Errors: also that a key is empty.
    pub fn finish(self) -> Result<()> {
        if let Some(error) = self.empty_key {
            return Err(error);
        }
        if self.is_cancelled { Err(Error::transaction_canceled(self.all)) } else { Ok(()) }
    }
}

/// What depends on the table's schema cancels a transaction instead of rejecting the request.
fn is_schema_mismatch(error: &Error) -> bool {
    matches!(
        error.detail(),
        Some(
            Detail::KeyMismatch { .. }
                | Detail::KeyType { .. }
                | Detail::KeyMissing { .. }
                | Detail::KeyUpdated { .. }
                | Detail::KeyTooLarge { .. }
        )
    )
}

/// Why nothing was written: items that are too large together reject the request, everything else cancels the transaction.
fn rejection(results: ItemResults) -> Error {
    let mut reasons = Vec::new();
    for result in results {
        reasons.push(match result {
            Ok(_) => CancellationReason::none(),
            Err(error) if matches!(error.detail(), Some(Detail::TransactionTooLarge { .. })) => return error,
            Err(error) if error.kind() == ErrorKind::ConditionFailed => {
                CancellationReason::new("ConditionalCheckFailed", error.message())
                    .with_old_item_bytes(error.old_item_bytes().cloned())
            }
            Err(error) if matches!(error.detail(), Some(Detail::CollectionTooLarge { .. })) => {
                CancellationReason::new("ItemCollectionSizeLimitExceeded", error.message())
            }
            Err(error) => {
                throttling_reason(&error).unwrap_or_else(|| CancellationReason::new("ValidationError", error.message()))
            }
        });
    }
    Error::transaction_canceled(reasons)
}

/// Why an action is cancelled that was throttled.
pub(super) fn throttling_reason(error: &Error) -> Option<CancellationReason> {
    let code = match error.code() {
        _ if error.kind() != ErrorKind::Throttled => return None,
        "ProvisionedThroughputExceededException" => "ProvisionedThroughputExceeded",
        _ => "ThrottlingError",
    };
    Some(CancellationReason::new(code, error.message()))
}

/// The answer to a transaction whose token is known already, which pays for reads of its items. Errors: the token was used for
/// another request; the reads are throttled.
fn replay(
    executor: &Executor<'_>,
    writes: &[Write<'_>],
    token: &ClientToken,
    used: TokenUse,
) -> Result<TransactOutput> {
    let engine = executor.engine;
    // A token that was logged before fingerprints had a version cannot be compared. It is taken as the client uses it: for
    // one request, which is not carried out again.
    if used.fingerprint.is_some() && used.fingerprint != token.fingerprint {
        return Err(Error::new(
            ErrorKind::TokenMismatch,
            "IdempotentParameterMismatchException",
            "The client request token was used before with another request",
        ));
    }
    // The first of the two may still be on its way to the disk; no answer rests on it before it is there.
    engine.wal().sync(used.seqno)?;
    // What the first call was sized on is not known any more once the database was opened again.
    let size = |(at, write): (usize, &Write<'_>)| match used.images.as_ref().and_then(|images| images.get(at)) {
        Some(size) => Ok(*size),
        None => Ok(read(engine, write.slot, &write.key)?.map_or(0, |item| item.size_bytes())),
    };
    let sizes = writes.iter().enumerate().map(size).collect::<Result<Vec<usize>>>()?;
    if executor.is_metered() {
        let reads = writes.iter().zip(&sizes).map(|(write, size)| (write.slot, &write.key, *size));
        charge_together(executor, reads)?;
    }
    let mut output = TransactOutput { replayed: true, ..TransactOutput::default() };
    for (write, size) in writes.iter().zip(sizes) {
        let units = read_units(size, ReadStrength::Transactional);
        add_consumed(&mut output.consumed, &write.slot.state().definition.name, &Consumed::of_table(units));
    }
    Ok(output)
}
