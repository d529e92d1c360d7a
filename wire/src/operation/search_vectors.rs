//! `SearchVectors`: no table has a vector index.

use crate::{
    context::Context,
    error::{Failure, Outcome},
    shape,
    table::{members, name::TableName},
    validate::Violations,
};

/// Finds no index.
pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut table, mut index) = (TableName::default(), None);
    shape::request(body, |reader, name| {
        match name {
            "TableName" => table = TableName::new(shape::string(reader)?),
            "IndexName" => index = members::text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    table.check(&mut violations, "tableName", false);
    violations.not_null(&index, "indexName");
    violations.finish()?;
    let index = index.unwrap_or_default();
    let open = context.database.dynamic_table(table.name())?;
    if open.definition().index(&index).is_none() {
        return Err(Failure::validation(format!("The table does not have the specified index: {index}")));
    }
    Err(Failure::unsupported("SearchVectors: there are no vector indexes"))
}
