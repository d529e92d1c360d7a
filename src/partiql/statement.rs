//! Statements as programs hold them: a text, its parameters, and how it shall run.

use super::{
    authorize::{Named, authorize},
    bind::{self, Bound, is_exists},
    cache,
    continuation::{self, Continuation},
    error,
    key_read::KeyRead,
    parse::{MAX_STATEMENT_LENGTH, Parsed},
    plan::{Access, Plan, ReadPlan, WritePlan, check_index_key, plan_select, plan_write},
    run::{self, BatchStatementsOutput, TransactStatementsOutput},
    syntax,
};
use crate::{
    capacity::Consumed,
    database::Database,
    error::{Error, Result},
    item::{AttributeValue, ItemRef, to_value},
    request::{EncodeKey, RequestPlan},
    schema::TableDefinition,
};
use serde::Serialize;
use smallvec::SmallVec;
use std::sync::Arc;

/// A statement that is being described; [`Statement::send`], [`Statement::page`] or [`Statement::items`] runs it.
///
/// ```
/// use hashrange::{Database, key::S};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::in_memory()?;
/// db.create_table("orders").hash::<S>("customer").range::<S>("order").create()?;
/// db.statement("INSERT INTO orders VALUE {'customer': ?, 'order': ?, 'total': 120}").bind("c#1").bind("o#7").send()?;
///
/// let select = db.statement("SELECT \"order\", total FROM orders WHERE customer = ? AND total > ?").bind("c#1").bind(100);
/// assert_eq!(select.explain()?.kind, hashrange::partiql::PlanKind::Query);
/// for item in select.items() {
///     assert_eq!(item?.get("total").and_then(|total| total.as_i64()), Some(120));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is done before `send`, `page` or `items`"]
pub struct Statement {
    database: Database,
    parsed: ParsedOrRefused,
    parameters: SmallVec<[AttributeValue; 2]>,
    /// What was wrong with a parameter.
    fault: Option<Error>,
    limit: Option<usize>,
    consistent: bool,
    no_scans: bool,
    old_on_failure: bool,
    resume: Option<Box<Continuation>>,
}

/// What a text was parsed into, or why it was not, and the text.
type ParsedOrRefused = std::result::Result<Arc<Parsed>, Box<(Error, Box<str>)>>;

/// The answer to a statement.
#[derive(Clone, Debug, Default)]
pub struct StatementOutput {
    /// What was read, or what `RETURNING` asks for.
    pub items: Vec<ItemRef>,
    /// Where the next page begins; `None` for the last one, and for writes.
    pub next: Option<Continuation>,
    /// Name of the table.
    pub table: Arc<str>,
    /// Capacity in units of reading or of writing.
    pub consumed: Consumed,
}

/// A statement with its plan.
pub(super) enum Planned {
    Read(ReadPlan),
    Write(WritePlan),
}

impl Database {
    /// A PartiQL statement. Parsed statements are kept, so that the same text costs little the next time. What is wrong with
    /// the text is reported when it runs.
    pub fn statement(&self, text: impl AsRef<str>) -> Statement {
        let text = text.as_ref();
        Statement::of(self, parsed(text).map_err(|error| Box::new((error, text.into()))))
    }

    /// Runs up to 25 statements that all read or all write, each of another item, and each by itself: some may fail. A
    /// `SELECT` must name the whole key and nothing else.
    ///
    /// # Errors
    /// Another number of statements, reads besides writes, or an item that two statements name.
    pub fn batch_statements(&self, statements: &[Statement]) -> Result<BatchStatementsOutput> {
        run::batch(statements)
    }

    /// Carries up to 100 statements out at one moment, all of them or none. They all read, each one item by its whole key, or
    /// all write; `EXISTS(SELECT * FROM t WHERE key AND condition)` is a check among writes. Writes with a client request token
    /// that come again within ten minutes are not carried out again.
    ///
    /// # Errors
    /// What is wrong with a statement, with its position; a cancelled transaction with the reason of each statement; a token
    /// that was used for another request.
    pub fn transact_statements(
        &self,
        statements: &[Statement],
        client_request_token: Option<&str>,
    ) -> Result<TransactStatementsOutput> {
        run::transact(self, statements, client_request_token)
    }
}

/// Parses a text, or finds what it was parsed into before.
pub(super) fn parsed(text: &str) -> Result<Arc<Parsed>> {
    let length = if text.len() > MAX_STATEMENT_LENGTH { text.chars().count() } else { text.len() };
    if length == 0 || length > MAX_STATEMENT_LENGTH {
        let bound = if length == 0 {
            "greater than or equal to 1".to_owned()
        } else {
            format!("less than or equal to {MAX_STATEMENT_LENGTH}")
        };
        return Err(Error::validation(format!(
            "1 validation error detected: Value '{text}' at 'statement' failed to satisfy constraint: Member must have \
             length {bound}"
        )));
    }
    cache::parsed(text)
}

impl Statement {
    /// A statement without parameters.
    pub(super) fn of(database: &Database, parsed: ParsedOrRefused) -> Self {
        Self {
            database: database.noted_as("ExecuteStatement"),
            parsed,
            parameters: SmallVec::new(),
            fault: None,
            limit: None,
            consistent: false,
            no_scans: false,
            old_on_failure: false,
            resume: None,
        }
    }

    /// The same statement, whose requests are noted as those of another operation.
    pub(super) fn noted_as(&self, operation: &'static str) -> Self {
        Self { database: self.database.noted_as(operation), ..self.clone() }
    }

    /// The value of the next `?`: anything that serde can turn into a value, as for [`to_value`]. Text is `S`, numbers
    /// are `N`, structs are `M`.
    pub fn bind<T: Serialize>(mut self, value: T) -> Self {
        match to_value(&value) {
            Ok(value) => self.parameters.push(value),
            Err(error) => {
                self.fault.get_or_insert(error);
            }
        }
        self
    }

    /// The value of the next `?`, of any type: binaries and sets too.
    pub fn bind_value(mut self, value: impl Into<AttributeValue>) -> Self {
        self.parameters.push(value.into());
        self
    }

    /// Rejects the statement with this error when it runs, before its text is looked at: for programs that decode parameters
    /// of others, and for parameters that cannot be decoded.
    pub fn reject(mut self, error: Error) -> Self {
        self.fault.get_or_insert(error);
        self
    }

    /// Evaluates at most so many items a page, before what the statement tests besides the key. [`Statement::items`] returns
    /// at most so many in all, and reads whole pages where the statement tests more than the key.
    pub fn limit(mut self, items: usize) -> Self {
        self.limit = Some(items);
        self
    }

    /// Whether a `SELECT` must be strongly consistent: rejected for global indexes, costs twice as much elsewhere.
    pub fn consistent(mut self, consistent: bool) -> Self {
        self.consistent = consistent;
        self
    }

    /// Rejects a `SELECT` that would read everything because no partition key is named.
    pub fn no_scans(mut self) -> Self {
        self.no_scans = true;
        self
    }

    /// Attaches the item to the error if the condition of a write fails.
    pub fn return_old_on_failure(mut self) -> Self {
        self.old_on_failure = true;
        self
    }

    /// Goes on behind a page of the same statement with the same parameters.
    pub fn resume(mut self, next: Continuation) -> Self {
        self.resume = Some(Box::new(next));
        self
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.parsed.as_ref().map_or_else(|refused| &*refused.1, |parsed| &*parsed.text)
    }

    /// The statement as a tree.
    ///
    /// # Errors
    /// DynamoDB's text for a statement that is not well formed.
    pub fn syntax(&self) -> Result<&syntax::Statement> {
        self.parsed().map(|parsed| &parsed.statement)
    }

    /// What it would do, without doing it.
    ///
    /// # Errors
    /// What the statement would be rejected for before it runs.
    pub fn explain(&self) -> Result<Plan> {
        let bound = self.bound_for_transaction()?;
        let in_transaction = matches!(bound, Bound::Exists(_));
        Ok(match self.plan_bound(bound, in_transaction, &mut false)? {
            Planned::Read(plan) => Plan::of_read(&plan),
            Planned::Write(plan) => Plan::of_write(&plan),
        })
    }

    /// What each of its requests would do and consume, without doing it: the requests of a write, or of one page. The numbers
    /// are exact for the items that are there; see [`Database::explain`].
    ///
    /// # Errors
    /// What the statement would be rejected for before its first request.
    pub fn dry_run(&self) -> Result<Vec<RequestPlan>> {
        let dry = self.database.dry_run();
        let outcome = Self { database: dry.database().clone(), ..self.clone() }.send();
        match (dry.plans(), outcome) {
            (plans, Err(error)) if plans.is_empty() => Err(error),
            (plans, _) => Ok(plans), // what rejects a request is in its plan
        }
    }

    /// Runs it: writes, or reads one page.
    ///
    /// # Errors
    /// What DynamoDB rejects a statement for, in its words, and failures of the disk.
    pub fn send(&self) -> Result<StatementOutput> {
        self.run(false)
    }

    /// Runs it. `limits_answer` says that its limit is on what is returned in all, which the caller counts: a page with a filter
    /// is read without it then.
    #[inline]
    fn run(&self, limits_answer: bool) -> Result<StatementOutput> {
        if let Some(output) = self.get(limits_answer)? {
            return Ok(output);
        }
        let bound = self.bound()?;
        if self.resume.is_some() && !bound.is_read() {
            return Err(Error::validation("NextToken is only valid on a SELECT statement"));
        }
        match self.plan_bound(bound, false, &mut false)? {
            Planned::Read(plan) => {
                let limit = self.limit.filter(|_| !limits_answer || plan.filter.is_none());
                self.read(&plan, limit)
            }
            Planned::Write(plan) => {
                let answer = run::write(&plan, self.old_on_failure)?;
                Ok(StatementOutput {
                    items: answer.item.into_iter().collect(),
                    next: None,
                    table: plan.definition.name.as_str().into(),
                    consumed: answer.consumed,
                })
            }
        }
    }

    /// Reads one page. The same as [`Statement::send`].
    ///
    /// # Errors
    /// As for [`Statement::send`].
    pub fn page(&self) -> Result<StatementOutput> {
        self.send()
    }

    /// Reads item after item, page by page; of a write, what `RETURNING` asks for.
    pub fn items(self) -> impl Iterator<Item = Result<ItemRef>> {
        let left = self.limit.unwrap_or(usize::MAX);
        StatementItems { statement: self, page: Vec::new().into_iter(), left, is_done: false }
    }

    /// How many items it returns. The first error is the answer, which `items().count()` counts as an item.
    ///
    /// # Errors
    /// As for [`Statement::send`].
    pub fn count(self) -> Result<usize> {
        self.items().try_fold(0, |count, item| item.map(|_| count + 1))
    }

    fn read(&self, plan: &ReadPlan, limit: Option<usize>) -> Result<StatementOutput> {
        let fingerprint = || self.fingerprint();
        let from = match &self.resume {
            Some(next) if next.fingerprint != fingerprint() => return Err(continuation::mismatch()),
            Some(next) => Some(&next.position),
            None => None,
        };
        let answer = run::read_page(plan, limit, from)?;
        Ok(StatementOutput {
            items: answer.items,
            next: answer.next.map(|position| Continuation { fingerprint: fingerprint(), position }),
            table: plan.definition.name.as_str().into(),
            consumed: answer.consumed,
        })
    }

    fn parsed(&self) -> Result<&Parsed> {
        self.parsed.as_deref().map_err(|refused| refused.0.clone())
    }

    /// The equalities that the statement consists of, if it may be a read of one item by its key.
    #[inline]
    pub(super) fn key_read(&self) -> Option<&KeyRead> {
        self.parsed.as_ref().ok()?.key_read.as_ref()
    }

    /// The answer to a statement that reads one item by its key, if it is one and nothing else was asked for. That item is not
    /// more than any limit of the answer.
    fn get(&self, limits_answer: bool) -> Result<Option<StatementOutput>> {
        let Some(read) = self.key_read().filter(|_| self.database.caller().is_none()) else { return Ok(None) };
        if self.fault.is_some() || self.resume.is_some() || (self.limit.is_some() && !limits_answer) {
            return Ok(None);
        }
        let find_key = |table: &TableDefinition| {
            let terms = read.terms(&table.key)?;
            Some(read.key(terms, self.parameters.as_slice())?.encode(table))
        };
        let output = self.database.get_by(&read.table, self.consistent, |table| find_key(table).transpose())?;
        let Some(output) = output else { return Ok(None) };
        Ok(Some(StatementOutput {
            consumed: output.consumed(),
            items: output.item.into_iter().collect(),
            next: None,
            table: read.table.clone(),
        }))
    }

    /// A number that two statements share only if text and parameters are the same.
    pub(super) fn fingerprint(&self) -> u64 {
        continuation::fingerprint(self.text(), &self.parameters)
    }

    pub(super) fn returns_old_on_failure(&self) -> bool {
        self.old_on_failure
    }

    /// The statement with its values, outside of a transaction.
    pub(super) fn bound(&self) -> Result<Bound> {
        self.fault.clone().map_or(Ok(()), Err)?;
        let parsed = self.parsed()?;
        if is_exists(&parsed.statement) {
            return Err(error::exists_outside_transaction());
        }
        self.bound_for_transaction()
    }

    /// The statement with its values.
    pub(super) fn bound_for_transaction(&self) -> Result<Bound> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let parsed = self.parsed()?;
        if self.limit == Some(0) {
            return Err(Error::validation(
                "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value \
                 greater than or equal to 1",
            ));
        }
        if let Some((table, index)) = read_index(&parsed.statement)
            && self.database.caller().is_none()
        {
            check_index_key(&self.database, table, index)?;
        }
        bind::bind(parsed, &self.parameters)
    }

    /// Decides on it, where policies do, and plans it; `echoes` says afterwards whether an error is of the kind that names its table in a batch.
    pub(super) fn plan_bound(&self, bound: Bound, in_transaction: bool, echoes: &mut bool) -> Result<Planned> {
        if self.database.caller().is_none() {
            return self.plan_on(&self.database, bound, in_transaction, echoes);
        }
        let named = Named::of(&bound);
        let planned = self.plan_on(&self.database.decided(), bound, in_transaction, echoes);
        match &planned {
            Ok(planned) => authorize(&self.database, planned, self.old_on_failure, in_transaction)?,
            Err(_) => named.authorize(&self.database)?,
        }
        planned
    }

    fn plan_on(&self, database: &Database, bound: Bound, in_transaction: bool, echoes: &mut bool) -> Result<Planned> {
        match bound {
            Bound::Select(select) => {
                let plan = plan_select(database, select, self.consistent, in_transaction, echoes)?;
                if self.no_scans && plan.access == Access::Scan {
                    return Err(Error::validation(
                        "the statement would read the whole table or index, and scans are forbidden: name a partition key",
                    ));
                }
                Ok(Planned::Read(plan))
            }
            other => plan_write(database, other, in_transaction, echoes).map(Planned::Write),
        }
    }
}

/// Table and index of a query of an index.
fn read_index(statement: &syntax::Statement) -> Option<(&str, &str)> {
    let syntax::Statement::Select(select) = statement else { return None };
    let [source] = select.from.as_slice() else { return None };
    let syntax::ExpressionKind::Path(root, steps) = &source.path.kind else { return None };
    match (&root.kind, steps.as_slice()) {
        (syntax::ExpressionKind::Name(table), [syntax::PathStep::Name(index)]) => Some((table, index)),
        _ => None,
    }
}

struct StatementItems {
    statement: Statement,
    page: std::vec::IntoIter<ItemRef>,
    left: usize,
    is_done: bool,
}

impl Iterator for StatementItems {
    type Item = Result<ItemRef>;

    fn next(&mut self) -> Option<Result<ItemRef>> {
        loop {
            if self.left == 0 {
                return None;
            }
            if let Some(item) = self.page.next() {
                self.left -= 1;
                return Some(Ok(item));
            }
            if self.is_done {
                return None;
            }
            match self.statement.run(true) {
                Ok(output) => {
                    self.is_done = output.next.is_none();
                    self.statement.resume = output.next.map(Box::new);
                    self.page = output.items.into_iter();
                }
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
    }
}
