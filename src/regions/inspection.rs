//! What replicas hold, compared.

use super::{Latency, World};
use crate::{
    engine::TableDigest,
    error::{Error, Result},
    item::Item,
    ledger::{MetricPoint, MetricSeries},
    schema::Stamp,
};

impl World {
    /// The stamp of the item with a key, also of one that was deleted; `None` if the item was not written since the table has
    /// replicas. Errors: there is no such region or table; it is no key of the table; disk.
    pub fn stamp_of(&self, region: &str, table: &str, key: &Item) -> Result<Option<Stamp>> {
        let engine = self.inner.regions[self.inner.number_of(region)?].engine();
        let slot = engine.table(table).ok_or_else(|| Error::no_table(table))?;
        let state = slot.state();
        engine.stamp_of(&state, &state.definition.key_of_attributes(key)?)
    }
    /// What each region that has a table holds of it, in one number, in the order of the regions. Errors: no region has it; damage,
    /// disk.
    pub fn digests(&self, table: &str) -> Result<Vec<(String, TableDigest)>> {
        let having = self.inner.regions.iter().filter(|region| region.engine().table(table).is_some());
        let digests: Vec<_> =
            having.map(|region| Ok((region.name.clone(), region.engine().digest(table)?))).collect::<Result<_>>()?;
        if digests.is_empty() { Err(Error::no_table(table)) } else { Ok(digests) }
    }
    /// Whether all regions that have a table hold the same items. Errors: as [`digests`](Self::digests).
    pub fn is_converged(&self, table: &str) -> Result<bool> {
        let digests = self.digests(table)?;
        Ok(digests.windows(2).all(|pair| pair[0].1 == pair[1].1))
    }
    /// The metric `ReplicationLatency` of a region, as the service has it: milliseconds from commit to arrival, by table and receiving
    /// region, for each of the last 180 minutes in which changes arrived. Tables with strong consistency have none. Errors: there is no such region.
    pub fn metrics(&self, region: &str) -> Result<Vec<MetricSeries>> {
        let from = self.inner.number_of(region)?;
        let state = self.inner.lock();
        let of_region = state.links().iter().filter(|link| link.from == from);
        let series = of_region.flat_map(|link| {
            let to = &self.inner.regions[link.to].name;
            link.counts().by_table.iter().map(move |(table, minutes)| MetricSeries {
                name: "ReplicationLatency",
                dimensions: vec![("ReceivingRegion", to.clone()), ("TableName", table.clone())],
                unit: "Milliseconds",
                points: minutes.iter().map(|(minute, latency)| point(*minute, latency)).collect(),
            })
        });
        Ok(series.collect())
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and counts stay far below 2^53")]
fn point(minute_millis: u64, latency: &Latency) -> MetricPoint {
    let [count, sum, least, most] =
        [latency.count, latency.sum_millis, latency.least_millis, latency.most_millis].map(|number| number as f64);
    MetricPoint::new(minute_millis, count, sum, least, most)
}
