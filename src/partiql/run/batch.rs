//! Several statements in one call, each by itself.

use super::{read, write};
use crate::{
    capacity::Consumed,
    error::{Error, Result},
    item::{Item, ItemRef},
    partiql::{
        plan::{ReadPlan, WritePlan},
        statement::{Planned, Statement},
    },
};

/// Most statements of a batch.
pub const MAX_BATCH_STATEMENTS: usize = 25;

/// The answers to a batch of statements.
#[derive(Clone, Debug, Default)]
pub struct BatchStatementsOutput {
    /// One for each statement, in their order.
    pub responses: Vec<StatementResponse>,
    /// Units by table, in the order of the statements, of tables where a statement succeeded; behind them, the units of writes
    /// of that table whose condition failed, which belong to no table or index in particular.
    pub consumed: Vec<(String, Consumed, f64)>,
}

/// The answer to one statement of a batch.
#[derive(Clone, Debug, Default)]
pub struct StatementResponse {
    /// The table; absent if the statement was rejected before the table mattered.
    pub table: Option<String>,
    /// What was read, or what `RETURNING` asks for.
    pub item: Option<ItemRef>,
    /// Why the statement failed.
    pub error: Option<Error>,
}

/// A statement of a batch, ready.
enum Member {
    Read(Box<ReadPlan>, Item),
    Write(Box<WritePlan>),
    Failed(StatementResponse),
}

/// Runs statements that all read or all write, each of one item of its own.
///
/// # Errors
/// Too few or too many statements, reads besides writes, or an item that two statements name. What else goes wrong with a
/// statement is in its response.
pub(in crate::partiql) fn batch(statements: &[Statement]) -> Result<BatchStatementsOutput> {
    if !(1..=MAX_BATCH_STATEMENTS).contains(&statements.len()) {
        let count = statements.len();
        return Err(Error::validation(format!("a batch has 1 to {MAX_BATCH_STATEMENTS} statements, not {count}")));
    }
    let statements: Vec<Statement> = statements.iter().map(|one| one.noted_as("BatchExecuteStatement")).collect();
    let bound: Vec<_> = statements.iter().map(Statement::bound).collect();
    let reads = |wanted: bool| bound.iter().flatten().any(|bound| bound.is_read() == wanted);
    if reads(true) && reads(false) {
        return Err(Error::validation("Read and write requests together in the same batch is not supported."));
    }
    let members: Vec<Member> = statements
        .iter()
        .zip(bound)
        .map(|(statement, bound)| {
            let failed = |error| StatementResponse { table: None, item: None, error: Some(error) };
            let bound = match bound {
                Ok(bound) => bound,
                Err(error) => return Member::Failed(failed(error)),
            };
            let table = bound.target().table.to_string();
            let mut echoes = false;
            match statement.plan_bound(bound, false, &mut echoes) {
                Ok(Planned::Read(plan)) => single_read(plan),
                Ok(Planned::Write(plan)) => Member::Write(Box::new(plan)),
                Err(error) => {
                    let echoes = echoes || error.code() == "ResourceNotFoundException";
                    Member::Failed(StatementResponse { table: echoes.then_some(table), ..failed(error) })
                }
            }
        })
        .collect();
    check_distinct(&members)?;
    let mut output = BatchStatementsOutput::default();
    for (statement, member) in statements.iter().zip(members) {
        let response = output.run(statement, member);
        output.responses.push(response);
    }
    output.consumed.retain(|(table, ..)| {
        output.responses.iter().any(|one| one.error.is_none() && one.table.as_ref() == Some(table))
    });
    Ok(output)
}

/// A read of one item by its whole key, and of nothing else.
fn single_read(plan: ReadPlan) -> Member {
    match plan.single_key().filter(|_| plan.filter.is_none()) {
        Some(range) => {
            let key = read::key_item(&plan, range);
            Member::Read(Box::new(plan), key)
        }
        None => {
            let text =
                "Select statements within BatchExecuteStatement must specify the primary key in the where clause.";
            let error = Some(Error::validation(text));
            Member::Failed(StatementResponse { table: None, item: None, error })
        }
    }
}

fn check_distinct(members: &[Member]) -> Result<()> {
    let mut places: Vec<(String, Item)> = Vec::new();
    for member in members {
        let place = match member {
            Member::Read(plan, key) => (plan.definition.name.clone(), key.clone()),
            Member::Write(plan) => (plan.definition.name.clone(), plan.key()),
            Member::Failed(_) => continue,
        };
        if places.contains(&place) {
            return Err(Error::validation("Provided list of item keys contains duplicates"));
        }
        places.push(place);
    }
    Ok(())
}

impl BatchStatementsOutput {
    fn run(&mut self, statement: &Statement, member: Member) -> StatementResponse {
        match member {
            Member::Failed(response) => response,
            Member::Read(plan, _) => {
                let table = plan.definition.name.clone();
                match read::read_page(&plan, None, None) {
                    Ok(mut answer) => {
                        self.add(&table, &answer.consumed, 0.0);
                        StatementResponse { table: Some(table), item: answer.items.pop(), error: None }
                    }
                    Err(error) => StatementResponse { table: None, item: None, error: Some(error) },
                }
            }
            Member::Write(plan) => {
                let table = plan.definition.name.clone();
                match write::write(&plan, statement.returns_old_on_failure()) {
                    Ok(answer) => {
                        self.add(&table, &answer.consumed, 0.0);
                        StatementResponse { table: Some(table), item: answer.item, error: None }
                    }
                    Err(error) => {
                        let is_failed = error.is_condition_failed();
                        if is_failed {
                            self.add(&table, &Consumed::default(), write::failed_units(&error));
                        }
                        StatementResponse { table: is_failed.then_some(table), item: None, error: Some(error) }
                    }
                }
            }
        }
    }

    fn add(&mut self, table: &str, consumed: &Consumed, failed: f64) {
        match self.consumed.iter_mut().find(|(known, ..)| known == table) {
            Some((_, sum, failures)) => {
                sum.add(consumed);
                *failures += failed;
            }
            None => self.consumed.push((table.to_owned(), consumed.clone(), failed)),
        }
    }
}
