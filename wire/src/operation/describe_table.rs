//! `DescribeTable`, and what the operations on tables share.

use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    shape,
    table::{description, name::TableName},
};
use hashrange::{TableDescription, error::Detail};

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let table = decode_name(context, body)?;
    let description = context.database.describe_table(table.name()).map_err(|error| absent(error, table.name()))?;
    Ok(answer(context, "Table", &description, None))
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
    table.check_control(context.profile)?;
    Ok(table)
}

/// A response that describes a table in `member`.
pub(super) fn answer(
    context: &Context<'_>,
    member: &str,
    description: &TableDescription,
    status: Option<&str>,
) -> Vec<u8> {
    let mut out = Writer::with_capacity(1_024);
    out.begin_object();
    out.name(member);
    description::write(&mut out, context.owner, description, status);
    out.end_object();
    out.into_bytes()
}

/// Operations on tables name the table that is not there; operations on items do not.
pub(super) fn absent(error: hashrange::Error, table: &str) -> Failure {
    if matches!(error.detail(), Some(Detail::NoTable { .. })) {
        return Failure::not_found(format!("Requested resource not found: Table: {table} not found"));
    }
    error.into()
}
