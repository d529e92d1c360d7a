//! `BatchExecuteStatement`.

use super::statement_members::StatementMembers;
use crate::{
    capacity::{self, Report},
    context::Context,
    error::{Outcome, batch_code},
    json::Writer,
    profile::MessageDialect,
    shape::{self, JsonContext},
    validate::Violations,
    value::{self, Decoder},
};
use hashrange::partiql::StatementResponse;

/// Most statements of a batch.
const MAX_STATEMENTS: usize = 25;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let decoder = Decoder { profile: context.profile, dialect: MessageDialect::Older };
    let (mut elements, mut report) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "Statements" => {
                elements = shape::counted(reader, "statements", MAX_STATEMENTS, |reader| {
                    let mut members = StatementMembers::default();
                    shape::structure(reader, JsonContext::Element, "BatchStatementRequest", |reader, name| {
                        if members.member(reader, name, decoder)? { Ok(()) } else { Ok(reader.skip()?) }
                    })?;
                    Ok(Some(members))
                })?;
            }
            "ReturnConsumedCapacity" => report = shape::string(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    capacity::check(report.as_deref(), &mut violations);
    violations.not_null(&elements, "statements");
    let (kept, total) = elements.map_or((Vec::new(), 0), |elements| (elements.kept, elements.total));
    if violations.is_empty() || total > 0 {
        let shown = shown(&kept, "BatchStatementRequest", ", consistentRead=null");
        violations.length(total, &shown, "statements", 1, MAX_STATEMENTS);
    }
    for (at, members) in kept.iter().enumerate() {
        let path = format!("statements.{}.member.", at + 1);
        members.check_mode(&path, &mut violations);
        members.check_text(&path, &mut violations);
        members.check_parameters(&path, &mut violations);
    }
    violations.finish()?;

    let statements: Vec<_> = kept.iter().map(|members| members.statement(context.database)).collect();
    let output = context.database.batch_statements(&statements)?;
    let size: usize =
        output.responses.iter().filter_map(|one| one.item.as_ref()).map(|item| item.size_bytes() * 2).sum();
    let mut out = Writer::with_capacity(256 + size);
    out.begin_object();
    out.name("Responses");
    out.begin_array();
    output.responses.iter().for_each(|response| write_response(&mut out, response));
    out.end_array();
    capacity::write_batch(&mut out, Report::of(report.as_deref()), &output.consumed);
    out.end_object();
    Ok(out.into_bytes())
}

fn write_response(out: &mut Writer, response: &StatementResponse) {
    out.begin_object();
    if let Some(error) = &response.error {
        out.name("Error");
        out.begin_object();
        out.string_member("Code", batch_code(error));
        out.string_member("Message", error.message());
        if let Some(item) = error.old_item() {
            out.name("Item");
            value::write_item(out, &item);
        }
        out.end_object();
    }
    if let Some(table) = &response.table {
        out.string_member("TableName", table);
    }
    if let Some(item) = &response.item {
        out.name("Item");
        value::write_item(out, item);
    }
    out.end_object();
}

/// A list of statements as messages show it.
pub(super) fn shown(members: &[StatementMembers<'_>], class: &str, more: &str) -> String {
    let one = |members: &StatementMembers<'_>| {
        let text = members.text.as_deref().unwrap_or("null");
        format!("{class}(statement={text}, parameters=null{more}, returnValuesOnConditionCheckFailure=null)")
    };
    format!("[{}]", members.iter().map(one).collect::<Vec<_>>().join(", "))
}
