//! How a table is paid for changes, and when that was is noted.

use crate::schema::{BillingMode, ProvisionedThroughput, TableDefinition};

/// Switches of the billing mode that are remembered: as many as the service allows in a day.
const SWITCHES_KEPT: usize = 4;

/// Changes billing mode and throughput, and notes when they changed.
pub(super) fn change_billing(
    definition: &mut TableDefinition,
    billing: Option<BillingMode>,
    throughput: Option<ProvisionedThroughput>,
    now_millis: u64,
) {
    let before = definition.billing;
    definition.settings.last_on_demand_millis = definition.last_on_demand_millis();
    definition.billing = billing.unwrap_or(before);
    if before == BillingMode::Provisioned && definition.billing == BillingMode::PayPerRequest {
        definition.settings.last_on_demand_millis = Some(now_millis);
        let switches = &mut definition.settings.on_demand_switches_millis;
        switches.push(now_millis);
        if switches.len() > SWITCHES_KEPT {
            switches.remove(0);
        }
    }
    if before == BillingMode::PayPerRequest && definition.billing == BillingMode::Provisioned {
        definition.settings.last_provisioned_millis = Some(now_millis);
    }
    let Some(throughput) = throughput else { return };
    if before == BillingMode::Provisioned {
        definition.settings.throughput_changes.note(definition.throughput, throughput, now_millis);
    }
    definition.throughput = throughput;
}
