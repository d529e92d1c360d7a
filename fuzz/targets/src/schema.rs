//! Random definitions of tables, sensible and senseless: what a file could hold, not what the interface would accept.

use crate::value;
use arbitrary::{Result, Unstructured};
use hashrange::{
    key::KeyType,
    schema::{
        BillingMode, IndexDefinition, IndexKind, IndexStatus, KeyAttribute, KeySchema, Projection,
        ProvisionedThroughput, TableDefinition, TableSettings, TableStatus,
    },
};

/// A number that is small, or at an end of its range.
pub fn count(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=9u8)? {
        0 => u64::MAX,
        1 => u.arbitrary()?,
        _ => u.int_in_range(0..=6)?,
    })
}

/// As [`count`], for numbers of tables and indexes.
pub fn id(u: &mut Unstructured<'_>) -> Result<u32> {
    Ok(u32::try_from(count(u)?).unwrap_or(u32::MAX))
}

fn attribute(u: &mut Unstructured<'_>) -> Result<KeyAttribute> {
    let kind = *u.choose(&[KeyType::S, KeyType::N, KeyType::B])?;
    Ok(KeyAttribute::new(value::name(u)?, kind))
}

fn attributes(u: &mut Unstructured<'_>, most: usize) -> Result<Vec<KeyAttribute>> {
    (0..u.int_in_range(0..=most)?).map(|_| attribute(u)).collect()
}

fn index(u: &mut Unstructured<'_>) -> Result<IndexDefinition> {
    Ok(IndexDefinition {
        id: id(u)?,
        name: value::name(u)?,
        kind: if u.arbitrary()? { IndexKind::Local } else { IndexKind::Global },
        hash: attributes(u, 2)?,
        range: attributes(u, 2)?,
        projection: match u.int_in_range(0..=2u8)? {
            0 => Projection::All,
            1 => Projection::KeysOnly,
            _ => Projection::Include(vec![value::name(u)?]),
        },
        status: *u.choose(&[IndexStatus::Active, IndexStatus::Active, IndexStatus::Creating, IndexStatus::Deleting])?,
        created_seqno: count(u)?,
        throughput: None,
    })
}

/// A definition.
pub fn table(u: &mut Unstructured<'_>) -> Result<TableDefinition> {
    Ok(TableDefinition {
        id: id(u)?,
        name: value::name(u)?,
        key: KeySchema { hash: attribute(u)?, range: if u.arbitrary()? { Some(attribute(u)?) } else { None } },
        indexes: (0..u.int_in_range(0..=2)?).map(|_| index(u)).collect::<Result<_>>()?,
        billing: BillingMode::PayPerRequest,
        throughput: ProvisionedThroughput::default(),
        status: *u.choose(&[TableStatus::Active, TableStatus::Creating, TableStatus::Deleting])?,
        created_millis: count(u)?,
        ttl_attribute: if u.arbitrary()? { Some(value::name(u)?) } else { None },
        stream: None,
        deletion_protection: false,
        tags: Vec::new(),
        replication: None,
        has_stamps: false,
        changed_seqno: count(u)?,
        settings: TableSettings::default(),
    })
}
