//! `DescribeTable`, and what the operations on tables share.

use super::restores;
use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    shape,
    table::{
        description::{self, Answer},
        name::TableName,
    },
};
use hashrange::{admin::TableDescription, error::Detail};

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let table = decode_name(context, body)?;
    let description = context.database.describe_table(table.name()).map_err(|error| absent(error, table.name()))?;
    let restoring = restores::of_table(context, &description)?;
    Ok(answer(context, "Table", &description, Answer { restoring, ..Answer::default() }))
}

/// A request that has no other member than the name of a table.
pub(super) fn decode_name<'a>(context: &Context<'_>, body: &'a [u8]) -> Result<TableName<'a>, Failure> {
    let mut table = TableName::default();
    shape::request(body, |reader, name| {
        match name {
            "TableName" => table = TableName::new(shape::string(reader)?),
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    table.check_control(context)?;
    Ok(table)
}

/// A response that describes a table in `member`.
pub(super) fn answer(
    context: &Context<'_>,
    member: &str,
    description: &TableDescription,
    how: impl Into<Answer>,
) -> Vec<u8> {
    let mut out = Writer::with_capacity(1_024);
    out.begin_object();
    out.name(member);
    description::write(&mut out, context, description, how.into());
    out.end_object();
    out.into_bytes()
}

/// Operations on tables name the table that is not there; operations on items do not.
pub(super) fn absent(error: hashrange::Error, table: &str) -> Failure {
    if matches!(error.detail(), Some(Detail::NoTable { .. })) {
        return no_table(table);
    }
    error.into()
}

/// The error of operations on tables where there is no table of a name.
pub(super) fn no_table(table: &str) -> Failure {
    Failure::not_found(format!("Requested resource not found: Table: {table} not found"))
}
