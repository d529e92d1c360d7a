//! Names of the service's metrics.

/// Metrics of consumed, throttled and provisioned throughput, of reads and of writes.
pub struct SideNames {
    pub consumed: &'static str,
    pub provisioned: &'static str,
    pub on_demand_max: &'static str,
    pub throttled: &'static str,
    /// By limit, in the order of [`Usage::throttled_reads`](super::Usage::throttled_reads).
    pub throttled_by: [&'static str; 4],
}

/// Of reads.
pub const READS: SideNames = SideNames {
    consumed: "ConsumedReadCapacityUnits",
    provisioned: "ProvisionedReadCapacityUnits",
    on_demand_max: "OnDemandMaxReadRequestUnits",
    throttled: "ReadThrottleEvents",
    throttled_by: [
        "ReadProvisionedThroughputThrottleEvents",
        "ReadKeyRangeThroughputThrottleEvents",
        "ReadMaxOnDemandThroughputThrottleEvents",
        "ReadAccountLimitThrottleEvents",
    ],
};

/// Of writes.
pub const WRITES: SideNames = SideNames {
    consumed: "ConsumedWriteCapacityUnits",
    provisioned: "ProvisionedWriteCapacityUnits",
    on_demand_max: "OnDemandMaxWriteRequestUnits",
    throttled: "WriteThrottleEvents",
    throttled_by: [
        "WriteProvisionedThroughputThrottleEvents",
        "WriteKeyRangeThroughputThrottleEvents",
        "WriteMaxOnDemandThroughputThrottleEvents",
        "WriteAccountLimitThrottleEvents",
    ],
};

pub const THROTTLED_REQUESTS: &str = "ThrottledRequests";
pub const LATENCY: &str = "SuccessfulRequestLatency";
pub const RETURNED_ITEMS: &str = "ReturnedItemCount";
pub const CONDITION_FAILED: &str = "ConditionalCheckFailedRequests";
pub const CONFLICT: &str = "TransactionConflict";
pub const EXPIRED: &str = "TimeToLiveDeletedItemCount";
pub const SYSTEM_ERRORS: &str = "SystemErrors";
pub const USER_ERRORS: &str = "UserErrors";

pub const TABLE: &str = "TableName";
pub const INDEX: &str = "GlobalSecondaryIndexName";
pub const OPERATION: &str = "Operation";
