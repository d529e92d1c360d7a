//! What statements ask for: the actions of PartiQL, on the table or index, with the values of the plan.

use super::{
    bind::Bound,
    plan::{Access, ReadPlan, WriteKind, WritePlan},
    run,
    statement::Planned,
};
use crate::{
    access::{Action, ArnScope, Ask, ResourceArn},
    database::{Database, RestrictedDatabase},
    error::Result,
    expression::Path,
    partiql::{BatchStatementsOutput, PreparedStatement, Statement, TransactStatementsOutput},
    request::{Caller, Names, describe_write, key_text},
    schema::IndexDefinition,
};
use std::borrow::Cow;

/// The action, table and index of a statement, before it is known whether there are such.
pub(super) struct Named {
    action: Action,
    table: String,
    index: Option<String>,
}

impl Named {
    pub fn of(bound: &Bound) -> Self {
        let action = match bound {
            Bound::Select(_) | Bound::Exists(_) => Action::PartiQLSelect,
            Bound::Insert(_) => Action::PartiQLInsert,
            Bound::Update(_) => Action::PartiQLUpdate,
            Bound::Delete(_) => Action::PartiQLDelete,
        };
        let target = bound.target();
        let index = target.index.as_ref().map(ToString::to_string);
        Self { action, table: target.table.to_string(), index }
    }
    /// Decides by action and resource alone, for statements that fail before they have a plan: a rejection hides why.
    pub fn authorize(&self, database: &Database) -> Result<()> {
        let Some(caller) = database.caller() else { return Ok(()) };
        let resource = resource(&caller.scope, &self.table, self.index.as_deref());
        database.authorize(&Ask::new(self.action, resource))
    }
}

fn resource(scope: &ArnScope, table: &str, index: Option<&str>) -> ResourceArn {
    index.map_or_else(|| scope.table(table), |index| scope.index(table, index))
}

/// Decides on a plan; `shows_old` says whether a failed condition returns the item. Errors: a policy does not allow it.
pub(super) fn authorize(database: &Database, planned: &Planned, shows_old: bool, in_transaction: bool) -> Result<()> {
    let Some(caller) = database.caller() else { return Ok(()) };
    let mut ask = match planned {
        Planned::Read(plan) => of_read(caller, plan),
        Planned::Write(plan) => of_write(caller, plan, shows_old),
    };
    ask.enclosing_operation = in_transaction.then_some("ExecuteTransaction");
    database.authorize(&ask)
}

fn of_read(caller: &Caller, plan: &ReadPlan) -> Ask<'static> {
    let definition = &plan.definition;
    let mut ask = Ask::new(Action::PartiQLSelect, resource(&caller.scope, &definition.name, plan.index.as_deref()));
    let mut names = Names::of(caller.tested(definition));
    names.add_key(definition.key.attributes());
    let index = plan.index.as_deref().and_then(|name| definition.index(name));
    names.add_key(index.into_iter().flat_map(IndexDefinition::attributes));
    names.add_condition(plan.filter.as_ref());
    names.add_projection(plan.fetched.as_ref());
    names.add_all(plan.items.iter().flatten().map(Path::top_level));
    ask.attributes = names.take();
    ask.select = Some(match (&plan.items, &plan.index) {
        (Some(_), _) => "SPECIFIC_ATTRIBUTES",
        (None, Some(_)) => "ALL_PROJECTED_ATTRIBUTES",
        (None, None) => "ALL_ATTRIBUTES",
    });
    ask.full_table_scan = Some(plan.access == Access::Scan);
    if let Access::Keys(ranges) = &plan.access {
        let values = ranges.iter().filter_map(|range| key_text(&range.hash));
        ask.partition_keys[0] = Some(values.map(Cow::Owned).collect());
    }
    ask
}

fn of_write(caller: &Caller, plan: &WritePlan, shows_old: bool) -> Ask<'static> {
    let action = match plan.kind {
        WriteKind::Insert(_) => Action::PartiQLInsert,
        WriteKind::Update(..) => Action::PartiQLUpdate,
        WriteKind::Delete(_) => Action::PartiQLDelete,
        WriteKind::Check(_) => Action::PartiQLSelect,
    };
    let definition = &plan.definition;
    let mut ask = Ask::new(action, caller.scope.table(&definition.name));
    describe_write(&mut ask, (&run::request(plan, shows_old)).into(), definition, caller.tested(definition));
    match action {
        Action::PartiQLInsert => ask.return_values = None,
        Action::PartiQLSelect => {
            ask.return_values = None;
            ask.select = Some("ALL_ATTRIBUTES");
            ask.full_table_scan = Some(false);
        }
        _ => {}
    }
    ask
}

impl RestrictedDatabase {
    /// As [`Database::statement`](crate::Database::statement). It asks for `PartiQLSelect`, `PartiQLInsert`, `PartiQLUpdate`
    /// or `PartiQLDelete`.
    pub fn statement(&self, text: impl AsRef<str>) -> Statement {
        self.database().statement(text)
    }
    /// As [`Database::prepare`](crate::Database::prepare). Errors: the text is not well formed.
    pub fn prepare(&self, text: impl AsRef<str>) -> Result<PreparedStatement> {
        self.database().prepare(text)
    }
    /// As [`Database::batch_statements`](crate::Database::batch_statements). A rejection is the error of its statement.
    pub fn batch_statements(&self, statements: &[Statement]) -> Result<BatchStatementsOutput> {
        self.database().batch_statements(statements)
    }
    /// As [`Database::transact_statements`](crate::Database::transact_statements). If one is rejected, all are.
    pub fn transact_statements(
        &self,
        statements: &[Statement],
        client_request_token: Option<&str>,
    ) -> Result<TransactStatementsOutput> {
        self.database().transact_statements(statements, client_request_token)
    }
}
