//! `ExecuteTransaction`.

use super::{batch_execute_statement::shown, statement_members::StatementMembers};
use crate::{
    capacity::{self, Kind, Report},
    context::Context,
    error::Outcome,
    json::Writer,
    profile::MessageDialect,
    shape::{self, JsonContext},
    validate::Violations,
    value::{self, Decoder},
};

/// Most statements of a transaction.
const MAX_STATEMENTS: usize = 100;
/// Longest client request token, in characters.
const MAX_TOKEN: usize = 36;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let decoder = Decoder { profile: context.profile, dialect: MessageDialect::Older };
    let (mut elements, mut token, mut report) = (None, None, None);
    shape::request(body, |reader, name| {
        match name {
            "TransactStatements" => {
                elements = shape::counted(reader, "transactStatements", MAX_STATEMENTS, |reader| {
                    let mut members = StatementMembers::default();
                    shape::structure(reader, JsonContext::Element, "ParameterizedStatement", |reader, name| {
                        if members.member(reader, name, decoder)? { Ok(()) } else { Ok(reader.skip()?) }
                    })?;
                    // A transaction reads as of one moment, whatever its statements say.
                    members.consistent = None;
                    Ok(Some(members))
                })?;
            }
            "ClientRequestToken" => token = shape::string(reader)?,
            "ReturnConsumedCapacity" => report = shape::string(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    if let Some(token) = &token {
        violations.length(token.chars().count(), token, "clientRequestToken", 1, MAX_TOKEN);
    }
    violations.not_null(&elements, "transactStatements");
    let is_there = elements.is_some();
    let (kept, total) = elements.map_or((Vec::new(), 0), |elements| (elements.kept, elements.total));
    if is_there {
        let shown = shown(&kept, "ParameterizedStatement", "");
        violations.length(total, &shown, "transactStatements", 1, MAX_STATEMENTS);
    }
    for (at, members) in kept.iter().enumerate() {
        let path = format!("transactStatements.{}.member.", at + 1);
        members.check_mode(&path, &mut violations);
        members.check_text(&path, &mut violations);
        members.check_parameters(&path, &mut violations);
    }
    capacity::check(report.as_deref(), &mut violations);
    violations.finish()?;
    kept.iter().try_for_each(StatementMembers::check_values)?;

    let statements: Vec<_> = kept.iter().map(|members| members.statement(context.database)).collect();
    let output = context.database.transact_statements(&statements, token.as_deref())?;
    let size: usize = output.items.iter().flatten().map(|item| item.size_bytes() * 2).sum();
    let mut out = Writer::with_capacity(256 + size);
    out.begin_object();
    out.name("Responses");
    out.begin_array();
    for item in &output.items {
        out.begin_object();
        if let Some(item) = item {
            out.name("Item");
            value::write_item(&mut out, item);
        }
        out.end_object();
    }
    out.end_array();
    let kind = if output.is_read || output.replayed { Kind::TransactionRead } else { Kind::TransactionWrite };
    let consumed = output.consumed.iter().map(|(table, units)| (table.as_str(), units));
    capacity::write_list(&mut out, Report::of(report.as_deref()), kind, consumed);
    out.end_object();
    Ok(out.into_bytes())
}
