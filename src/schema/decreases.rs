//! How often provisioned throughput may be lowered: four times on a UTC day at once, then once more whenever an hour has
//! passed since the last time.

use super::{ProvisionedThroughput, ThroughputChanges};
use crate::{
    date::long_text,
    error::{Error, Result},
};

/// Decreases of a UTC day that may follow each other at once.
const DECREASES_AT_ONCE: u32 = 4;
const HOUR_MILLIS: u64 = 60 * 60 * 1000;
const DAY_MILLIS: u64 = 24 * HOUR_MILLIS;

impl ThroughputChanges {
    /// Rejects a decrease of throughput that comes too early. What raises both numbers, or one while the other stays, is none.
    ///
    /// Errors: kind [`LimitExceeded`](crate::ErrorKind::LimitExceeded), in the service's words.
    pub fn check_decrease(
        &self,
        from: ProvisionedThroughput,
        to: ProvisionedThroughput,
        now_millis: u64,
    ) -> Result<()> {
        let is_lower =
            to.read_units_per_sec < from.read_units_per_sec || to.write_units_per_sec < from.write_units_per_sec;
        let today = self.decreases_on_day_of(now_millis);
        let Some(last_millis) = self.last_decrease_millis.filter(|_| is_lower && today >= DECREASES_AT_ONCE) else {
            return Ok(());
        };
        let midnight_millis = (now_millis / DAY_MILLIS + 1).saturating_mul(DAY_MILLIS);
        let next_millis = last_millis.saturating_add(HOUR_MILLIS).min(midnight_millis);
        if now_millis >= next_millis {
            return Ok(());
        }
        Err(Error::limit_exceeded(format!(
            "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the first \
             {DECREASES_AT_ONCE} decreases, each subsequent decrease in the same UTC day can be performed at most once every \
             3600 seconds. Number of decreases today: {today}. Last decrease at {}. Next decrease can be made at {}",
            long_text(last_millis),
            long_text(next_millis)
        )))
    }
}
