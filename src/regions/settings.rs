//! Settings that all replicas of a table share: indexes, time to live, how writes are paid for, the class of the table.

use super::{World, world::Inner};
use crate::{
    engine::{IndexSpec, TableUpdate},
    error::{Error, Result},
    schema::{IndexKind, ProvisionedThroughput, TableDefinition, TableSettings},
};

impl World {
    /// Brings the settings that replicas share from one region to the others: global indexes that were added or removed, time
    /// to live, billing and write units, also of indexes, the table class. Tags, protection, read units, streams, recovery and a class
    /// that overrides the shared one (`table_class_override`) are a region's own. To be called after a change of the table in a
    /// region; a server does so by itself. A table without replicas is left alone.
    ///
    /// # Errors
    /// `NotFound`: there is no such region or table. `LimitExceeded`: another index is being built in a region; call again. Log or
    /// disk. Regions before the one that failed have the settings.
    pub fn share_settings(&self, table: &str, from: &str) -> Result<()> {
        let world = &self.inner;
        let from = world.number_of(from)?;
        let definition = world.definition(from, table)?;
        let Some(replication) = definition.replication.as_deref() else { return Ok(()) };
        let others = replication.replicas.iter().filter_map(|replica| world.number_of(&replica.region).ok());
        others.into_iter().try_for_each(|region| world.share_with(&definition, region))
    }
}

impl Inner {
    fn share_with(&self, wanted: &TableDefinition, region: usize) -> Result<()> {
        let engine = self.regions[region].engine();
        // The engine adds or removes one index at a time.
        loop {
            let Some(slot) = engine.table(&wanted.name) else { return Ok(()) };
            let Some(update) = update_towards(wanted, &slot.state().definition) else { return Ok(()) };
            engine.update_table(&wanted.name, |_| Ok::<_, Error>(update))?;
        }
    }
}

/// What a new replica takes over of a table's settings.
pub(super) fn of_new_replica(source: &TableSettings) -> TableSettings {
    TableSettings { table_class: source.table_class, ..TableSettings::default() }
}

/// Write units are shared. Read units are a region's own, unless it has none.
fn shared(wanted: ProvisionedThroughput, own: ProvisionedThroughput) -> ProvisionedThroughput {
    let read_units_per_sec = match own.read_units_per_sec {
        0 => wanted.read_units_per_sec,
        own => own,
    };
    ProvisionedThroughput { read_units_per_sec, ..wanted }
}

/// The next change on the way from one definition to another; `None` if they share all that replicas share.
fn update_towards(wanted: &TableDefinition, present: &TableDefinition) -> Option<TableUpdate> {
    let global = |table: &TableDefinition, name: &str| {
        table.indexes.iter().any(|index| index.kind == IndexKind::Global && index.name == name)
    };
    let mut update = TableUpdate::default();
    let of_kind = |table: &'_ TableDefinition| -> Vec<_> {
        table.indexes.iter().filter(|index| index.kind == IndexKind::Global).cloned().collect()
    };
    let added = of_kind(wanted).into_iter().find(|index| !global(present, &index.name));
    let removed = of_kind(present).into_iter().find(|index| !global(wanted, &index.name));
    update.create_index = added.as_ref().map(IndexSpec::like);
    update.delete_index = removed.map(|index| index.name);
    update.ttl_attribute = (present.ttl_attribute != wanted.ttl_attribute).then(|| wanted.ttl_attribute.clone());
    update.billing = (present.billing != wanted.billing).then_some(wanted.billing);
    let throughput = shared(wanted.throughput, present.throughput);
    update.throughput = (present.throughput != throughput).then_some(throughput);
    for index in of_kind(wanted) {
        let (Some(wanted), Some(known)) = (index.throughput, present.index(&index.name)) else { continue };
        let throughput = shared(wanted, known.throughput.unwrap_or_default());
        if known.throughput != Some(throughput) {
            update.index_throughput.push((index.name, throughput));
        }
    }
    if present.settings.table_class.map(|class| class.value) != wanted.settings.table_class.map(|class| class.value) {
        let settings = TableSettings { table_class: wanted.settings.table_class, ..present.settings.clone() };
        update.settings = Some(Box::new(settings));
    }
    let changes = update.create_index.is_some()
        || update.delete_index.is_some()
        || update.ttl_attribute.is_some()
        || update.billing.is_some()
        || update.throughput.is_some()
        || !update.index_throughput.is_empty()
        || update.settings.is_some();
    changes.then_some(update)
}
