//! Several statements at one moment: all of them, or none.

use super::{read, write};
use crate::{
    capacity::Consumed,
    database::Database,
    error::{CancellationReason, Error, ErrorKind, Result},
    expression::Condition,
    item::{Item, ItemRef},
    partiql::{
        authorize::Named,
        bind::Bound,
        plan::{ReadPlan, WriteKind, WritePlan},
        ranges::{self, KeyRange, SortRange},
        statement::{Planned, Statement},
    },
    request::{ClientRequestToken, MAX_TRANSACTION_ACTIONS, TransactGetItem, TransactGetItems, TransactWriteItems},
    schema::{KeyAttribute, TableDefinition},
};
use xxhash_rust::xxh3::Xxh3;

/// The answer to a transaction of statements.
#[derive(Clone, Debug, Default)]
pub struct TransactStatementsOutput {
    /// What the statements read, in their order; empty for writes.
    pub items: Vec<Option<ItemRef>>,
    /// Units by table, in order of first appearance.
    pub consumed: Vec<(String, Consumed)>,
    /// Whether the statements read; the units are of reading then.
    pub is_read: bool,
    /// The token was known: the statements had been carried out before, and were not again.
    pub replayed: bool,
}

/// A statement of a transaction, bound to its parameters.
struct TransactedStatement<'s> {
    statement: &'s Statement,
    bound: Bound,
}

/// Carries statements out at one moment.
pub(in crate::partiql) fn transact(
    database: &Database,
    statements: &[Statement],
    token: Option<&str>,
) -> Result<TransactStatementsOutput> {
    let members = bind_all(statements)?;
    let is_read = members.first().is_some_and(|member| member.bound.is_read());
    if members.iter().any(|member| member.bound.is_read() != is_read) {
        return Err(Error::validation(
            "ExecuteTransaction API does not support both read and write operations in the same request.",
        ));
    }
    check_tables(database, &members)?;
    let database = &database.decided().noted_as("ExecuteTransaction");
    let mut planned = Vec::with_capacity(members.len());
    for (at, member) in members.into_iter().enumerate() {
        let plan = member.statement.plan_bound(member.bound, true, &mut false);
        let place = |error: Error| if error.kind() == ErrorKind::Denied { error } else { at_statement(at, &error) };
        planned.push((member.statement, plan.map_err(place)?));
    }
    if is_read {
        return read_all(database, planned);
    }
    let token =
        token.map(|token| ClientRequestToken { token: token.to_owned(), fingerprint: Some(fingerprint(statements)) });
    write_all(database, planned, token)
}

/// A number that two transactions share only if they ask for the same.
fn fingerprint(statements: &[Statement]) -> u64 {
    let mut hasher = Xxh3::new();
    for statement in statements {
        hasher.update(&statement.fingerprint().to_be_bytes());
        hasher.update(&[u8::from(statement.returns_old_on_failure())]);
    }
    hasher.digest()
}

/// Says which statement is rejected.
fn at_statement(at: usize, error: &Error) -> Error {
    Error::validation(format!("Validation failed in TransactStatements[{at}]: {}", error.message()))
}

fn bind_all(statements: &[Statement]) -> Result<Vec<TransactedStatement<'_>>> {
    if !(1..=MAX_TRANSACTION_ACTIONS).contains(&statements.len()) {
        let count = statements.len();
        return Err(Error::validation(format!(
            "a transaction has 1 to {MAX_TRANSACTION_ACTIONS} statements, not {count}"
        )));
    }
    let mut members = Vec::with_capacity(statements.len());
    for (at, statement) in statements.iter().enumerate() {
        let bound = statement.bound_for_transaction().map_err(|error| at_statement(at, &error))?;
        if bound.has_returning() {
            let error = Error::validation("RETURNING clause is not supported in ExecuteTransaction.");
            return Err(at_statement(at, &error));
        }
        members.push(TransactedStatement { statement, bound });
    }
    Ok(members)
}

/// Tables that are not there cancel the transaction. Errors also: a policy does not allow to hear of it.
fn check_tables(database: &Database, members: &[TransactedStatement<'_>]) -> Result<()> {
    let is_missing = |member: &TransactedStatement<'_>| database.dynamic_table(&member.bound.target().table).is_err();
    if database.caller().is_some() && members.iter().any(is_missing) {
        members.iter().try_for_each(|member| Named::of(&member.bound).authorize(database))?;
    }
    let reason = |member: &TransactedStatement<'_>| match database.dynamic_table(&member.bound.target().table) {
        Ok(_) => CancellationReason::none(),
        Err(error) => CancellationReason::new("ResourceNotFound", error.message()),
    };
    unless_cancelled(members.iter().map(reason).collect())
}

/// Keys that are too long cancel the transaction.
fn check_key_sizes<'p>(keys: impl Iterator<Item = (&'p TableDefinition, Item)>) -> Result<()> {
    let reason = |(definition, key): (&TableDefinition, Item)| {
        let value = |attribute: &KeyAttribute| key.get(&attribute.name).cloned();
        let Some(hash) = value(&definition.key.hash) else { return CancellationReason::none() };
        let sort = definition.key.range.as_ref().and_then(value).map_or(SortRange::All, SortRange::Equal);
        match ranges::check_sizes(&KeyRange { hash, sort }) {
            Ok(()) => CancellationReason::none(),
            Err(error) => CancellationReason::new("ValidationError", error.message()),
        }
    };
    unless_cancelled(keys.map(reason).collect())
}

fn unless_cancelled(reasons: Vec<CancellationReason>) -> Result<()> {
    let is_cancelled = reasons.iter().any(|reason| reason.code() != "None");
    if is_cancelled { Err(Error::transaction_canceled(reasons)) } else { Ok(()) }
}

fn read_all(database: &Database, planned: Vec<(&Statement, Planned)>) -> Result<TransactStatementsOutput> {
    let mut plans: Vec<ReadPlan> = Vec::with_capacity(planned.len());
    let mut keys: Vec<Item> = Vec::with_capacity(planned.len());
    for (at, (_, plan)) in planned.into_iter().enumerate() {
        let Planned::Read(plan) = plan else { continue };
        let refuse = |text: &'static str| Err(at_statement(at, &Error::validation(text)));
        if plan.index.is_some() {
            return refuse("Reads on indices are not supported within transactions.");
        }
        let Some(range) = plan.single_key().filter(|_| plan.filter.is_none()) else {
            return refuse(
                "Select statements within ExecuteTransaction must specify the primary key in the where clause.",
            );
        };
        keys.push(read::key_item(&plan, range));
        plans.push(plan);
    }
    check_key_sizes(plans.iter().map(|plan| &*plan.definition).zip(keys.iter().cloned()))?;
    let gets = plans.iter().zip(&keys).map(|(plan, key)| TransactGetItem::new(&plan.table, key));
    let output = database.execute(&TransactGetItems::new(gets))?;
    let items = output.items.into_iter().zip(&plans).map(|(item, plan)| item.map(|item| read::flat(plan, item)));
    let items = items.collect();
    Ok(TransactStatementsOutput { items, consumed: output.consumed, is_read: true, replayed: false })
}

fn write_all(
    database: &Database,
    planned: Vec<(&Statement, Planned)>,
    token: Option<ClientRequestToken>,
) -> Result<TransactStatementsOutput> {
    let mut plans: Vec<(WritePlan, bool)> = Vec::with_capacity(planned.len());
    for (statement, plan) in planned {
        if let Planned::Write(plan) = plan {
            plans.push((plan, statement.returns_old_on_failure()));
        }
    }
    check_key_sizes(plans.iter().map(|(plan, _)| (&*plan.definition, plan.key())))?;
    let mut request = TransactWriteItems::new(plans.iter().map(|(plan, old)| write::request(plan, *old)));
    request.client_request_token = token;
    match database.execute(&request) {
        Ok(output) => Ok(TransactStatementsOutput {
            items: Vec::new(),
            consumed: output.consumed,
            is_read: false,
            replayed: output.replayed,
        }),
        Err(error) if !error.cancellation_reasons().is_empty() => Err(cancelled(&error, &plans)),
        Err(error) => Err(error),
    }
}

/// The reasons of a cancelled transaction, as statements have them: an insert of what is there is a duplicate, and a
/// conditional delete of what is not there counts as failed.
fn cancelled(error: &Error, plans: &[(WritePlan, bool)]) -> Error {
    let reason = |reason: &CancellationReason, plan: &WritePlan| match (&plan.kind, reason.code()) {
        (WriteKind::Insert(_), "ConditionalCheckFailed") => {
            CancellationReason::new("DuplicateItem", write::duplicate().message())
        }
        (WriteKind::Delete(_), "None") if demands_more(plan.demanded.as_ref()) && write::found(plan).is_none() => {
            CancellationReason::new("ConditionalCheckFailed", "The conditional request failed")
        }
        _ => reason.clone(),
    };
    let reasons = error.cancellation_reasons().iter().zip(plans);
    Error::transaction_canceled(reasons.map(|(one, (plan, _))| reason(one, plan)).collect())
}

/// Whether a condition is false for an item that is not there.
fn demands_more(condition: Option<&Condition>) -> bool {
    condition.is_some_and(|condition| !condition.matches(None))
}
