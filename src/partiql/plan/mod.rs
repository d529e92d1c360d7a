//! Statements meet a table: what will be read or written, as values.
//!
//! A plan names the table or index, the keys, the filter and what is returned. Making one reads nothing but the
//! definition of the table. [`Plan`] is the part of it that users see: what `explain` prints.

mod explain;
mod read;
mod write;

pub use explain::{Plan, PlanKind};
pub(super) use read::{Access, ReadPlan, plan_select};
pub(super) use write::{WriteKind, WritePlan, plan_write};

use super::{bind::Target, key_terms::KeyNames};
use crate::{
    database::Database,
    error::{Error, Result},
    schema::{IndexDefinition, IndexKind, TableDefinition},
    table::{Dynamic, Table},
};

/// The table of a statement.
fn open(database: &Database, target: &Target) -> Result<Table<Dynamic>> {
    database.dynamic_table(&target.table)
}

/// The index of a statement.
fn index<'d>(definition: &'d TableDefinition, name: &str) -> Result<&'d IndexDefinition> {
    let found = definition.index(name).filter(|index| index.kind != IndexKind::Expiry);
    found.ok_or_else(|| Error::validation("The table does not have the specified index"))
}

/// The key attributes of a table or of an index, whose key has one attribute for each part.
fn key_names<'d>(definition: &'d TableDefinition, index: Option<&'d IndexDefinition>) -> Result<KeyNames<'d>> {
    match index {
        None => Ok(KeyNames { hash: &definition.key.hash, range: definition.key.range.as_ref() }),
        Some(index) => match (index.hash.as_slice(), index.range.as_slice()) {
            ([hash], range @ ([] | [_])) => Ok(KeyNames { hash, range: range.first() }),
            _ => Err(multi_attribute_keys()),
        },
    }
}

fn multi_attribute_keys() -> Error {
    Error::validation(
        "PartiQL statements cannot be executed on tables with multi-attribute HASH keys or multi-attribute RANGE keys.",
    )
}

/// Rejects an index whose key has several attributes for one part, which DynamoDB does before it reads the rest of a
/// query. Tables and indexes that are not there are rejected later.
pub(super) fn check_index_key(database: &Database, table: &str, index: &str) -> Result<()> {
    let Ok(table) = database.dynamic_table(table) else { return Ok(()) };
    let definition = table.definition();
    match definition.index(index) {
        Some(index) if index.hash.len() > 1 || index.range.len() > 1 => Err(multi_attribute_keys()),
        _ => Ok(()),
    }
}
