//! The operations, one file each, and the table that finds them by name.

mod batch_execute_statement;
mod batch_get_item;
mod batch_write_item;
mod continuous_backups;
mod create_table;
mod delete_item;
mod delete_table;
mod describe_endpoints;
mod describe_limits;
mod describe_table;
mod execute_statement;
mod execute_transaction;
mod get_item;
mod global_tables;
mod insights;
mod jobs;
mod kinesis;
mod list_tables;
mod policies;
mod put_item;
mod query;
mod read_members;
mod scan;
mod statement_members;
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
    operation("ExecuteStatement", execute_statement::run),
    operation("BatchExecuteStatement", batch_execute_statement::run),
    operation("ExecuteTransaction", execute_transaction::run),
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
    operation("PutResourcePolicy", policies::put),
    operation("GetResourcePolicy", policies::get),
    operation("DeleteResourcePolicy", policies::delete),
    operation("UpdateContributorInsights", insights::update),
    operation("DescribeContributorInsights", insights::describe),
    operation("ListContributorInsights", insights::list),
    operation("EnableKinesisStreamingDestination", kinesis::enable),
    operation("DisableKinesisStreamingDestination", kinesis::disable),
    operation("UpdateKinesisStreamingDestination", kinesis::update),
    operation("DescribeKinesisStreamingDestination", kinesis::describe),
    operation("UpdateContinuousBackups", continuous_backups::update),
    operation("DescribeContinuousBackups", continuous_backups::describe),
    operation("CreateBackup", jobs::create_backup),
    operation("DescribeBackup", jobs::no_backup),
    operation("DeleteBackup", jobs::no_backup),
    operation("ListBackups", jobs::list_backups),
    operation("RestoreTableFromBackup", jobs::restore_from_backup),
    operation("RestoreTableToPointInTime", jobs::restore_to_point_in_time),
    operation("ExportTableToPointInTime", jobs::export),
    operation("DescribeExport", jobs::no_export),
    operation("ListExports", jobs::list_exports),
    operation("ImportTable", jobs::import),
    operation("DescribeImport", jobs::no_import),
    operation("ListImports", jobs::list_imports),
    operation("StartBulkPutItems", jobs::start_bulk),
    operation("DescribeBulkOperation", jobs::no_bulk),
    operation("CancelBulkOperation", jobs::no_bulk),
    operation("ListBulkOperations", jobs::list_bulk),
    operation("CreateGlobalTable", global_tables::create),
    operation("UpdateGlobalTable", global_tables::update),
    operation("DescribeGlobalTable", global_tables::find),
    operation("ListGlobalTables", global_tables::list),
    operation("DescribeGlobalTableSettings", global_tables::find),
    operation("UpdateGlobalTableSettings", global_tables::find),
    operation("DescribeTableReplicaAutoScaling", global_tables::scaling),
    operation("UpdateTableReplicaAutoScaling", global_tables::scaling),
    operation("SearchVectors", jobs::search_vectors),
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
