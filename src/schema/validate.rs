//! The rules that a table or index definition must keep, with DynamoDB's messages.

use super::{IndexDefinition, IndexKind, KeyAttribute, Projection, TableDefinition};
use crate::error::{Error, Result};

/// Local indexes of one table.
pub const MAX_LOCAL_INDEXES: usize = 5;
/// Global indexes of one table.
pub const MAX_GLOBAL_INDEXES: usize = 20;
const MAX_KEY_PARTS: usize = 4;
const MAX_INCLUDED_PER_INDEX: usize = 20;
const MAX_INCLUDED_PER_TABLE: usize = 100;
const MAX_KEY_NAME_BYTES: usize = 255;
const MAX_TAGS: usize = 50;

/// Table and index names: 3 to 255 characters of `[a-zA-Z0-9_.-]`.
pub fn validate_name(what: &str, name: &str) -> Result<()> {
    let fits = (3..=255).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if fits {
        return Ok(());
    }
    Err(Error::validation(format!(
        "1 validation error detected: Value '{name}' at '{what}' failed to satisfy constraint: Member must have length \
         between 3 and 255 and must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    )))
}

/// Checks a whole definition: names, keys, indexes, tags.
pub fn validate_table(table: &TableDefinition) -> Result<()> {
    validate_name("tableName", &table.name)?;
    for key in table.key.attributes() {
        validate_key_name(key)?;
    }
    if table.key.range.as_ref().is_some_and(|range| range.name == table.key.hash.name) {
        return Err(Error::validation(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ));
    }
    let count = |kind| table.indexes.iter().filter(|index| index.kind == kind).count();
    if count(IndexKind::Local) > MAX_LOCAL_INDEXES {
        return Err(Error::invalid_parameter(format!(
            "Number of LocalSecondaryIndexes exceeds per-table limit of {MAX_LOCAL_INDEXES}"
        )));
    }
    if count(IndexKind::Global) > MAX_GLOBAL_INDEXES {
        return Err(Error::invalid_parameter(format!(
            "GlobalSecondaryIndex count exceeds the per-table limit of {MAX_GLOBAL_INDEXES}"
        )));
    }
    for (position, index) in table.indexes.iter().enumerate() {
        validate_index(table, index)?;
        if table.indexes[..position].iter().any(|earlier| earlier.name == index.name) {
            return Err(Error::invalid_parameter(format!("Duplicate index name: {}", index.name)));
        }
    }
    let included: usize = table.indexes.iter().map(|index| included(index).len()).sum();
    if included > MAX_INCLUDED_PER_TABLE {
        return Err(Error::invalid_parameter(format!(
            "Number of NonKeyAttributes over all indexes is {included}, more than the limit of {MAX_INCLUDED_PER_TABLE}"
        )));
    }
    check_types_agree(table)?;
    if table.tags.len() > MAX_TAGS {
        return Err(Error::validation("Number of Tags exceed the current limit for the provided ResourceArn"));
    }
    Ok(())
}

/// Checks one index against its table.
pub fn validate_index(table: &TableDefinition, index: &IndexDefinition) -> Result<()> {
    if index.kind == IndexKind::Expiry {
        return Ok(()); // made by the engine, under a name that no user can give
    }
    validate_name("indexName", &index.name)?;
    for key in index.attributes() {
        validate_key_name(key)?;
    }
    match index.kind {
        IndexKind::Local => validate_local(table, index)?,
        IndexKind::Global => validate_global(index)?,
        IndexKind::Expiry => {}
    }
    let names = included(index);
    if matches!(index.projection, Projection::Include(_)) && names.is_empty() {
        return Err(Error::invalid_parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"));
    }
    if names.len() > MAX_INCLUDED_PER_INDEX {
        return Err(Error::invalid_parameter(format!(
            "Number of NonKeyAttributes of index {} is {}, more than the limit of {MAX_INCLUDED_PER_INDEX}",
            index.name,
            names.len()
        )));
    }
    Ok(())
}

fn validate_local(table: &TableDefinition, index: &IndexDefinition) -> Result<()> {
    if table.key.range.is_none() {
        return Err(Error::invalid_parameter(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
        ));
    }
    if index.range.len() != 1 {
        return Err(Error::invalid_parameter(format!(
            "Index KeySchema does not have a range key for index: {}",
            index.name
        )));
    }
    match index.hash.as_slice() {
        [hash] if *hash == table.key.hash => Ok(()),
        other => Err(Error::invalid_parameter(format!(
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: {}. index hash key: \
             {}, table hash key: {}",
            index.name,
            other.first().map_or("", |key| key.name.as_str()),
            table.key.hash.name
        ))),
    }
}

fn validate_global(index: &IndexDefinition) -> Result<()> {
    for (kind, parts) in [("HASH", &index.hash), ("RANGE", &index.range)] {
        if parts.len() > MAX_KEY_PARTS {
            return Err(Error::invalid_parameter(format!(
                "The KeySchema exceeds the maximum allowed number of {kind} key attributes"
            )));
        }
    }
    if index.hash.is_empty() {
        return Err(Error::validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type"));
    }
    let names: Vec<&str> = index.attributes().map(|key| key.name.as_str()).collect();
    let repeated = names.iter().enumerate().any(|(position, name)| names[..position].contains(name));
    if repeated {
        return Err(Error::validation("The KeySchema contains multiple key attributes with the same name"));
    }
    Ok(())
}

fn included(index: &IndexDefinition) -> &[String] {
    if let Projection::Include(names) = &index.projection { names } else { &[] }
}

fn validate_key_name(key: &KeyAttribute) -> Result<()> {
    if (1..=MAX_KEY_NAME_BYTES).contains(&key.name.len()) {
        return Ok(());
    }
    Err(Error::validation(format!(
        "The name of a key attribute has 1 to {MAX_KEY_NAME_BYTES} bytes, not {}",
        key.name.len()
    )))
}

/// One attribute name has one type, whatever keys it is part of.
fn check_types_agree(table: &TableDefinition) -> Result<()> {
    let keys: Vec<&KeyAttribute> =
        table.key.attributes().chain(table.indexes.iter().flat_map(IndexDefinition::attributes)).collect();
    for (position, key) in keys.iter().enumerate() {
        if keys[..position].iter().any(|earlier| earlier.name == key.name && earlier.kind != key.kind) {
            return Err(Error::validation(format!("Key attribute {} is defined with two types", key.name)));
        }
    }
    Ok(())
}
