//! Which keys and partitions of a table are hot, and what to make of it.

use super::{
    costs::{Pricing, units},
    keys::{self, Key},
    over_time::{Collector, OverTime},
    tables,
};
use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::ledger::Ledger;
use serde::Serialize;

/// Shares of everything between which a key is called hot: it has twice its even share, and at least and at most these decide.
const HOT_SHARES: (f64, f64) = (0.1, 0.6);

/// A table, or one of its indexes.
#[derive(Debug, Serialize)]
pub(crate) struct Resource {
    /// The index; absent for the table.
    pub(crate) index: Option<String>,
    /// Partition keys by what they consumed.
    pub(crate) partition_keys: Vec<Key>,
    /// Whole keys by what they consumed.
    pub(crate) keys: Vec<Key>,
    /// Partition keys by how often they were throttled.
    pub(crate) throttled_partition_keys: Vec<Key>,
    /// The partition keys minute by minute.
    pub(crate) partition_keys_over_time: OverTime,
    /// The whole keys minute by minute.
    pub(crate) keys_over_time: OverTime,
    /// Partitions, in the order of their tokens.
    pub(crate) partitions: Vec<Partition>,
    /// Partitions minute by minute, named by their first token and in its order.
    pub(crate) partitions_over_time: OverTime,
    /// What stands out, in words.
    pub(crate) remark: Option<String>,
}

/// A partition, and what it did in the minutes that are kept.
#[derive(Debug, Serialize)]
pub(crate) struct Partition {
    /// First token, 16 hexadecimal digits.
    pub(crate) first_token: String,
    /// Read units.
    pub(crate) read_units: f64,
    /// Write units.
    pub(crate) write_units: f64,
    /// Accesses that were throttled.
    pub(crate) throttled: u64,
}

/// The heat of a table and its indexes.
pub(crate) fn of_table(context: &Context, table: &str) -> Result<Vec<Resource>, Refusal> {
    let description = tables::describe(&context.db, table)?;
    let ledger = context.db.ledger()?;
    let pricing = Pricing::new(&ledger, context.options.prices.as_ref());
    let resources = context.db.heat(&description.definition.name)?.resources.into_iter().map(|heat| {
        let partitions = heat.partitions.iter().map(|partition| Partition {
            first_token: format!("{:016x}", partition.first_token),
            read_units: units(partition.read_milliunits),
            write_units: units(partition.write_milliunits),
            throttled: partition.throttled,
        });
        let ranked = |heat, total| keys::ranked(heat, total, table, &pricing);
        let partition_keys = ranked(&heat.accessed_partition_keys, heat.total_weight);
        let throttles = heat.throttled_partition_keys.iter().map(|key| key.weight).sum();
        Resource {
            partitions_over_time: partitions_over_time(&ledger, &pricing, table, heat.index.as_deref()),
            partition_keys_over_time: keys::over_time(&heat.accessed_partition_keys, table, &pricing),
            keys_over_time: keys::over_time(&heat.accessed_keys, table, &pricing),
            remark: remark(&partition_keys, heat.accessed_partition_keys.len()),
            keys: ranked(&heat.accessed_keys, heat.total_weight),
            throttled_partition_keys: ranked(&heat.throttled_partition_keys, throttles),
            partitions: partitions.collect(),
            partition_keys,
            index: heat.index,
        }
    });
    Ok(resources.collect())
}

/// What stands out among partition keys.
fn remark(keys: &[Key], known: usize) -> Option<String> {
    let first = keys.first()?;
    let is_hot = known > 1 && first.share >= (2.0 / known as f64).clamp(HOT_SHARES.0, HOT_SHARES.1);
    let percent = first.share * 100.0;
    let ceiling = first.peak_of_ceiling * 100.0;
    Some(match is_hot {
        true => format!(
            "One partition key is hot: {} takes {percent:.0} % of all consumption. In its highest minute it used {ceiling:.1} % \
             of what one item can do (1,000 write units or 3,000 read units a second). Spread its items over several \
             partition keys, for example with a suffix, or cache what is read.",
            first.key.to_json()
        ),
        false => format!("No partition key stands out: the first one takes {percent:.0} % of all consumption."),
    })
}

fn partitions_over_time(ledger: &Ledger, pricing: &Pricing<'_>, table: &str, index: Option<&str>) -> OverTime {
    let mut collector = Collector::new(pricing);
    for row in ledger.usage.iter().filter(|row| row.table == table && row.index.as_deref() == index) {
        if let Some(partition) = row.partition {
            collector.add_row(vec![format!("{partition:016x}")], row);
        }
    }
    let mut over_time = collector.finish();
    over_time.lines.sort_by(|a, b| a.names.cmp(&b.names));
    over_time
}

/// Answers `/console/api/heat/TABLE`.
pub(crate) fn respond(context: &Context, request: &Request, table: &str) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    Ok(answer::json(&of_table(context, table)?))
}
