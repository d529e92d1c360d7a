//! The operations, one file each, and the table that finds them by name.

mod batch_get_item;
mod batch_write_item;
mod create_table;
mod delete_item;
mod delete_table;
mod describe_endpoints;
mod describe_limits;
mod describe_table;
mod get_item;
mod list_tables;
mod put_item;
mod query;
mod read_members;
mod scan;
mod streams;
mod tags;
mod time_to_live;
mod transact_get_items;
mod transact_members;
mod transact_write_items;
mod update_item;
mod update_table;
mod write_members;

use crate::{context::Context, error::Outcome};

/// An operation of the protocol.
pub(crate) struct Operation {
    /// Its name.
    pub(crate) name: &'static str,
    /// Answers a request body.
    pub(crate) run: fn(&Context<'_>, &[u8]) -> Outcome,
}

const fn operation(name: &'static str, run: fn(&Context<'_>, &[u8]) -> Outcome) -> Operation {
    Operation { name, run }
}

/// Prefix of the targets of operations on tables and items.
const DATABASE_TARGET: &str = "DynamoDB_20120810.";
/// Prefix of the targets of operations on change streams.
const STREAMS_TARGET: &str = "DynamoDBStreams_20120810.";

/// The operations on tables and items; those of everyday use first.
const OPERATIONS: &[Operation] = &[
    operation("GetItem", get_item::run),
    operation("PutItem", put_item::run),
    operation("Query", query::run),
    operation("UpdateItem", update_item::run),
    operation("DeleteItem", delete_item::run),
    operation("BatchGetItem", batch_get_item::run),
    operation("BatchWriteItem", batch_write_item::run),
    operation("Scan", scan::run),
    operation("TransactWriteItems", transact_write_items::run),
    operation("TransactGetItems", transact_get_items::run),
    operation("DescribeTable", describe_table::run),
    operation("ListTables", list_tables::run),
    operation("CreateTable", create_table::run),
    operation("UpdateTable", update_table::run),
    operation("DeleteTable", delete_table::run),
    operation("UpdateTimeToLive", time_to_live::update),
    operation("DescribeTimeToLive", time_to_live::describe),
    operation("TagResource", tags::tag),
    operation("UntagResource", tags::untag),
    operation("ListTagsOfResource", tags::list),
    operation("DescribeLimits", describe_limits::run),
    operation("DescribeEndpoints", describe_endpoints::run),
];

/// The operations on change streams.
const STREAM_OPERATIONS: &[Operation] = &[
    operation("GetRecords", streams::get_records),
    operation("GetShardIterator", streams::get_shard_iterator),
    operation("DescribeStream", streams::describe_stream),
    operation("ListStreams", streams::list_streams),
];

/// The operation that a target names.
pub(crate) fn find(target: &str) -> Option<&'static Operation> {
    let (operations, name) = match target.strip_prefix(DATABASE_TARGET) {
        Some(name) => (OPERATIONS, name),
        None => (STREAM_OPERATIONS, target.strip_prefix(STREAMS_TARGET)?),
    };
    operations.iter().find(|operation| operation.name == name)
}
