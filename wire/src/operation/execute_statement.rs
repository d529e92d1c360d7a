//! `ExecuteStatement`.

use super::statement_members::StatementMembers;
use crate::{
    capacity::{self, Report},
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    profile::MessageDialect,
    shape,
    validate::Violations,
    value::{self, Decoder},
};
use hashrange::partiql::{PlanKind, Statement};
use std::borrow::Cow;

/// Longest token of a next page, in characters.
const MAX_TOKEN: usize = 32_768;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let decoder = Decoder { profile: context.profile, dialect: MessageDialect::Older };
    let mut members = StatementMembers::default();
    let (mut limit, mut token, mut report): (_, Option<Cow<'_, str>>, _) = (None, None, None);
    shape::request(body, |reader, name| {
        match name {
            "Limit" => limit = shape::integer(reader)?.map(i64::from),
            "NextToken" => token = shape::string(reader)?,
            "ReturnConsumedCapacity" => report = shape::string(reader)?,
            _ if members.member(reader, name, decoder)? => {}
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    members.check_mode("", &mut violations);
    violations.at_least(limit, "limit", 1);
    members.check_text("", &mut violations);
    capacity::check(report.as_deref(), &mut violations);
    members.check_parameters("", &mut violations);
    if let Some(token) = &token {
        violations.length(token.chars().count(), token, "nextToken", 1, MAX_TOKEN);
    }
    violations.finish()?;
    members.check_values()?;

    let mut statement = members.statement(context.database);
    if let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) {
        statement = statement.limit(limit);
    }
    if let Some(token) = &token {
        statement = resumed(context, &members, statement, token)?;
    }
    let output = statement.send().map_err(Failure::of_statement)?;

    let size: usize = output.items.iter().map(|item| item.size_bytes() * 2).sum();
    let mut out = Writer::with_capacity(256 + size);
    out.begin_object();
    out.name("Items");
    out.begin_array();
    output.items.iter().for_each(|item| value::write_item(&mut out, item));
    out.end_array();
    if let Some(next) = &output.next {
        out.string_member("NextToken", &members.seal(context.database, next));
    }
    capacity::write_member(&mut out, Report::of(report.as_deref()), &output.table, &output.consumed);
    out.end_object();
    Ok(out.into_bytes())
}

/// The statement behind the page that a token ended with. What is wrong with the statement itself comes first.
fn resumed(
    context: &Context<'_>,
    members: &StatementMembers<'_>,
    statement: Statement,
    token: &str,
) -> Result<Statement, Failure> {
    let plan = statement.explain()?;
    if !matches!(plan.kind, PlanKind::Get | PlanKind::Query | PlanKind::Scan) {
        return Err(Failure::validation("NextToken is only valid on a SELECT statement"));
    }
    Ok(statement.resume(members.open(context.database, token)?))
}
