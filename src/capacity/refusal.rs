//! How the service words that something had no capacity.

use super::model::{CapacityModel, IndexRefusal};
use crate::error::{Detail, Error, ErrorKind, ThrottledLimit, ThrottlingReason};

const PROVISIONED_TABLE: &str = "The level of configured provisioned throughput for the table was exceeded. Consider \
                                 increasing your provisioning level with the UpdateTable API.";
const PROVISIONED_INDEX: &str = "The level of configured provisioned throughput for one or more global secondary indexes \
                                 of the table was exceeded. Consider increasing your provisioning level for the \
                                 under-provisioned global secondary indexes with the UpdateTable API.";
const ON_DEMAND_TABLE: &str = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically \
                               scaling your table or index so please try again shortly. If exceptions persist, check if \
                               you have a hot key: \
                               https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html";
const ON_DEMAND_INDEX: &str = "Throughput exceeds the current capacity for one or more global secondary indexes. DynamoDB \
                               is automatically scaling your index so please try again shortly.";
const MAX_ON_DEMAND: &str = "Throughput exceeds the maximum OnDemandThroughput configured on table or index";
const ACCOUNT: &str = "Throughput exceeds the current throughput limit for your account. To request a limit increase, \
                       contact AWS Support at https://aws.amazon.com/support.";

/// The error of a request for which these had no capacity, in their order; there is at least one. The first decides what
/// the error is called.
pub fn throttled(mut reasons: Vec<ThrottlingReason>, is_on_demand: bool, model: &CapacityModel) -> Error {
    let Some(first) = reasons.first() else { return Error::validation("nothing was throttled") };
    let is_index_write = first.index.is_some() && first.is_write;
    let provisioned = "ProvisionedThroughputExceededException";
    let on_demand = match model.index_refusal {
        IndexRefusal::Provisioned if is_index_write => provisioned,
        _ => "ThrottlingException",
    };
    let (code, text) = match (first.limit, is_on_demand) {
        (ThrottledLimit::MaxOnDemandThroughput, _) => (on_demand, MAX_ON_DEMAND),
        (ThrottledLimit::AccountLimit, _) if is_index_write => (on_demand, ACCOUNT),
        (ThrottledLimit::AccountLimit, _) => ("RequestLimitExceeded", ACCOUNT),
        (ThrottledLimit::ProvisionedThroughput, _) | (ThrottledLimit::KeyRangeThroughput, false) => {
            (provisioned, if is_index_write { PROVISIONED_INDEX } else { PROVISIONED_TABLE })
        }
        (ThrottledLimit::KeyRangeThroughput, true) => {
            (on_demand, if is_index_write { ON_DEMAND_INDEX } else { ON_DEMAND_TABLE })
        }
    };
    if !model.all_reasons {
        reasons.truncate(1);
    }
    Error::new(ErrorKind::Throttled, code, text).with_detail(Detail::Throttled { reasons })
}
