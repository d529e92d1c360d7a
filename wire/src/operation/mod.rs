//! The operations, one file each, and the table that finds them by name.

mod backups;
mod batch_execute_statement;
mod batch_get_item;
mod batch_write_item;
mod bulk;
mod cloudwatch;
mod continuous_backups;
mod create_table;
mod delete_item;
mod delete_table;
mod describe_endpoints;
mod describe_limits;
mod describe_table;
mod execute_statement;
mod execute_transaction;
mod exports;
mod get_item;
mod global_tables;
mod imports;
mod insights;
mod job_arns;
mod kinesis;
mod list_tables;
mod loading_tables;
mod policies;
mod put_item;
mod query;
mod read_members;
pub(crate) mod replica_updates;
mod restore_overrides;
mod restores;
mod scaling;
mod scan;
mod scheduled_actions;
mod search_vectors;
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
    /// Answers a request body about tables that may be looked at.
    run: fn(&Context<'_>, &[u8]) -> Outcome,
    /// Whether tables that are being filled are kept from it.
    is_watched: bool,
}

impl Operation {
    /// Whether it is a request for items, which meets its faults in the engine.
    pub(crate) fn meets_faults_itself(&self) -> bool {
        ITEM_OPERATIONS[..ITEM_REQUESTS].contains(&self.name)
    }
}

/// The operations on items: requests, and then statements. The engine decides on them by policies, and can plan each of them.
pub const ITEM_OPERATIONS: [&str; 13] = [
    "GetItem",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "BatchWriteItem",
    "TransactGetItems",
    "TransactWriteItems",
    "ExecuteStatement",
    "BatchExecuteStatement",
    "ExecuteTransaction",
];
/// So many of them are requests.
const ITEM_REQUESTS: usize = 10;

const fn operation(name: &'static str, run: fn(&Context<'_>, &[u8]) -> Outcome) -> Operation {
    Operation { name, run, is_watched: false }
}

/// An operation on a table as a whole that finds none that is being filled.
const fn watched(name: &'static str, run: fn(&Context<'_>, &[u8]) -> Outcome) -> Operation {
    Operation { name, run, is_watched: true }
}

/// Prefix of the targets of operations on tables and items.
const DATABASE_TARGET: &str = "DynamoDB_20120810.";
/// Prefix of the targets of operations on change streams.
const STREAMS_TARGET: &str = "DynamoDBStreams_20120810.";
/// Prefix of the targets of Application Auto Scaling's operations.
const SCALING_TARGET: &str = "AnyScaleFrontendService.";

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
    watched("CreateTable", create_table::run),
    watched("UpdateTable", update_table::run),
    watched("DeleteTable", delete_table::run),
    watched("UpdateTimeToLive", time_to_live::update),
    watched("DescribeTimeToLive", time_to_live::describe),
    watched("TagResource", tags::tag),
    watched("UntagResource", tags::untag),
    watched("ListTagsOfResource", tags::list),
    operation("DescribeLimits", describe_limits::run),
    operation("DescribeEndpoints", describe_endpoints::run),
    watched("PutResourcePolicy", policies::put),
    watched("GetResourcePolicy", policies::get),
    watched("DeleteResourcePolicy", policies::delete),
    watched("UpdateContributorInsights", insights::update),
    watched("DescribeContributorInsights", insights::describe),
    operation("ListContributorInsights", insights::list),
    watched("EnableKinesisStreamingDestination", kinesis::enable),
    watched("DisableKinesisStreamingDestination", kinesis::disable),
    watched("UpdateKinesisStreamingDestination", kinesis::update),
    watched("DescribeKinesisStreamingDestination", kinesis::describe),
    operation("UpdateContinuousBackups", continuous_backups::update),
    operation("DescribeContinuousBackups", continuous_backups::describe),
    operation("CreateBackup", backups::create),
    operation("DescribeBackup", backups::describe),
    operation("DeleteBackup", backups::delete),
    operation("ListBackups", backups::list),
    operation("RestoreTableFromBackup", restores::from_backup),
    operation("RestoreTableToPointInTime", restores::to_point_in_time),
    operation("ExportTableToPointInTime", exports::export),
    operation("DescribeExport", exports::describe),
    operation("ListExports", exports::list),
    operation("ImportTable", imports::import),
    operation("DescribeImport", imports::describe),
    operation("ListImports", imports::list),
    operation("StartBulkPutItems", bulk::start),
    operation("DescribeBulkOperation", bulk::describe),
    operation("CancelBulkOperation", bulk::cancel),
    operation("ListBulkOperations", bulk::list),
    operation("CreateGlobalTable", global_tables::create),
    operation("UpdateGlobalTable", global_tables::update),
    operation("DescribeGlobalTable", global_tables::find),
    operation("ListGlobalTables", global_tables::list),
    operation("DescribeGlobalTableSettings", global_tables::find),
    operation("UpdateGlobalTableSettings", global_tables::find),
    operation("DescribeTableReplicaAutoScaling", global_tables::scaling),
    operation("UpdateTableReplicaAutoScaling", global_tables::scaling),
    operation("SearchVectors", search_vectors::run),
];

/// The operations on change streams.
const STREAM_OPERATIONS: &[Operation] = &[
    operation("GetRecords", streams::get_records),
    operation("GetShardIterator", streams::get_shard_iterator),
    operation("DescribeStream", streams::describe_stream),
    operation("ListStreams", streams::list_streams),
];

/// Prefix of the targets of CloudWatch's operations.
const METRICS_TARGET: &str = "GraniteServiceVersion20100801.";

/// CloudWatch's operations on the metrics of the service.
const METRIC_OPERATIONS: &[Operation] = &[
    operation("GetMetricData", cloudwatch::get_metric_data),
    operation("GetMetricStatistics", cloudwatch::get_metric_statistics),
    operation("ListMetrics", cloudwatch::list_metrics),
    operation("GetInsightRuleReport", cloudwatch::get_insight_rule_report),
];

impl Operation {
    /// Answers a request body.
    pub(crate) fn answer(&self, context: &Context<'_>, body: &[u8]) -> Outcome {
        if self.is_watched {
            loading_tables::check(context, self.name, body)?;
        }
        (self.run)(context, body)
    }
}
/// The operations on the scaling of throughput.
const SCALING_OPERATIONS: &[Operation] = &[
    operation("RegisterScalableTarget", scaling::register_target),
    operation("DeregisterScalableTarget", scaling::deregister_target),
    operation("DescribeScalableTargets", scaling::describe_targets),
    operation("PutScalingPolicy", scaling::put_policy),
    operation("DeleteScalingPolicy", scaling::delete_policy),
    operation("DescribeScalingPolicies", scaling::describe_policies),
    operation("DescribeScalingActivities", scaling::describe_activities),
    operation("PutScheduledAction", scheduled_actions::put),
    operation("DeleteScheduledAction", scheduled_actions::delete),
    operation("DescribeScheduledActions", scheduled_actions::describe),
];

/// The operation that a target names.
pub(crate) fn find(target: &str) -> Option<&'static Operation> {
    let doors = [
        (DATABASE_TARGET, OPERATIONS),
        (STREAMS_TARGET, STREAM_OPERATIONS),
        (METRICS_TARGET, METRIC_OPERATIONS),
        (SCALING_TARGET, SCALING_OPERATIONS),
    ];
    let (name, operations) =
        doors.iter().find_map(|(prefix, operations)| Some((target.strip_prefix(prefix)?, *operations)))?;
    operations.iter().find(|operation| operation.name == name)
}
