//! Key attributes are scalars: a path of an expression that leads into one is rejected, whatever the expression is for.

use crate::{
    error::Result,
    expression::{Condition, Path, ProjectionExpression, UpdateExpression, check_keys_are_scalars},
    schema::{IndexKind, KeyAttribute, TableDefinition},
};

/// Rejects a condition or filter with a path into a key attribute of the table or of an index.
#[inline(always)]
pub(super) fn check_condition_paths(table: &TableDefinition, condition: Option<&Condition>) -> Result<()> {
    let Some(condition) = condition else { return Ok(()) };
    check(table, &condition.nested_paths())
}

/// The same of a projection.
#[inline(always)]
pub(super) fn check_projection_paths(table: &TableDefinition, projection: Option<&ProjectionExpression>) -> Result<()> {
    projection.map_or(Ok(()), |projection| check(table, &projection.nested_paths()))
}

/// The same of an update.
#[inline]
pub(super) fn check_update_paths(table: &TableDefinition, update: &UpdateExpression) -> Result<()> {
    check(table, &update.nested_paths())
}

fn check(table: &TableDefinition, nested: &[&Path]) -> Result<()> {
    if nested.is_empty() {
        return Ok(()); // most expressions
    }
    let of_indexes = table.indexes.iter().filter(|index| index.kind != IndexKind::Expiry);
    let of_indexes = of_indexes.flat_map(|index| index.attributes()).map(name);
    check_keys_are_scalars(nested, table.key.attributes().map(name), of_indexes)
}

fn name(key: &KeyAttribute) -> &str {
    &key.name
}
