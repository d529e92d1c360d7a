//! Operations on global tables of the first kind, and on the automatic scaling of replicas.
//!
//! The first kind of global table (2017.11.29) is gone from the service too: none can be made, none is found. Automatic
//! scaling of replicas is not here: both operations answer as for a table without replicas, also where it has some.

use super::describe_table::{decode_name, no_table};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    shape,
    table::members,
    validate::Violations,
};

/// The name of a global table, with the constraints on it.
fn name(body: &[u8], needed: &[&str]) -> Result<String, Failure> {
    let mut found = None;
    let mut given = Vec::new();
    shape::request(body, |reader, name| {
        given.extend(needed.iter().copied().find(|needed| *needed == name));
        match name {
            "GlobalTableName" => found = members::text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.required_name(&found, "globalTableName");
    for needed in needed {
        violations.not_null(&given.contains(needed).then_some(()), &crate::profile::lower_first(needed));
    }
    violations.finish()?;
    Ok(found.unwrap_or_default())
}

fn not_found(name: &str) -> Failure {
    Failure::service(
        "GlobalTableNotFoundException",
        format!("Global table not found: Global table with name: '{name}' does not exist."),
    )
}

/// `CreateGlobalTable`.
pub(super) fn create(_: &Context<'_>, body: &[u8]) -> Outcome {
    name(body, &["ReplicationGroup"])?;
    Err(Failure::invalid_parameter("DynamoDB global tables version 2017.11.29 is not supported."))
}

/// `DescribeGlobalTable`, `DescribeGlobalTableSettings`, `UpdateGlobalTableSettings`.
pub(super) fn find(_: &Context<'_>, body: &[u8]) -> Outcome {
    Err(not_found(&name(body, &[])?))
}

/// `UpdateGlobalTable`.
pub(super) fn update(_: &Context<'_>, body: &[u8]) -> Outcome {
    Err(not_found(&name(body, &["ReplicaUpdates"])?))
}

/// `ListGlobalTables`.
pub(super) fn list(_: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut limit, mut start) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "Limit" => limit = shape::integer(reader)?,
            "ExclusiveStartGlobalTableName" => start = members::text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.at_least(limit.map(i64::from), "limit", 1);
    if let Some(start) = &start {
        violations.name(start, "exclusiveStartGlobalTableName", true);
    }
    violations.finish()?;
    Ok(br#"{"GlobalTables":[]}"#.to_vec())
}

/// `DescribeTableReplicaAutoScaling`, `UpdateTableReplicaAutoScaling`: answered as for a table without replicas.
pub(super) fn scaling(context: &Context<'_>, body: &[u8]) -> Outcome {
    Err(no_table(decode_name(context, body)?.name()))
}
