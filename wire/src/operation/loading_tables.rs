//! Tables that a restore or an import is filling: what may be done to them meanwhile.
//!
//! They are listed and described. The service says of the target of a restore that it is not there yet, and of that of an
//! import mostly that it is in use. No operation on items finds either of them: the engine sees to that.

use crate::{arn::Arn, context::Context, error::Failure, jobs::records::is_loading, operation::describe_table, shape};
use std::borrow::Cow;

/// Rejects an operation on a table that is being filled.
pub(crate) fn check(context: &Context<'_>, operation: &str, body: &[u8]) -> Result<(), Failure> {
    // What is wrong with the request itself is told by the operation.
    let Some(name) = table_of(body) else { return Ok(()) };
    let name = Arn::parse(&name).map_or(&*name, |arn| arn.table);
    match context.root.describe_table(name) {
        Ok(table) if is_loading(&table.definition) => {}
        _ => return Ok(()),
    }
    let is_restored = context.jobs().restore_of(name)?.is_some();
    let in_use = |text: String| Failure::service("ResourceInUseException", text);
    Err(match operation {
        "CreateTable" => in_use(format!("Table is being used: {name}")),
        "DeleteTable" => in_use(being_created(name)),
        "UpdateTable" | "UpdateTimeToLive" if !is_restored => in_use(being_created(name)),
        _ => describe_table::no_table(name),
    })
}

fn being_created(name: &str) -> String {
    format!("Attempt to change a resource which is still in use: Table is being created: {name}")
}

fn table_of(body: &[u8]) -> Option<Cow<'_, str>> {
    let mut found = None;
    let read = shape::request(body, |reader, name| {
        match name {
            "TableName" | "ResourceArn" => found = shape::string(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    });
    read.ok().and(found)
}
