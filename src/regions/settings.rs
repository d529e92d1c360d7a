//! Settings that all replicas of a table share: indexes, time to live, how writes are paid for, the class of the table.

use super::{World, world::Inner};
use crate::{
    database::{TableDescription, ttl_change},
    engine::{IndexSpec, TableUpdate},
    error::{Error, Result},
    maintenance::TtlDescription,
    schema::{IndexDefinition, IndexKind, IndexStatus, ProvisionedThroughput, TableDefinition, TableSettings},
};

impl World {
    /// Changes a table in a region as [`Database::update_table_with`](crate::Database::update_table_with) does, and brings what
    /// replicas share of the change to the others: global indexes that it adds or removes, time to live, billing and write units,
    /// also of indexes, the table class. Tags, protection, read units, streams, recovery and a class that overrides the shared one
    /// (`table_class_override`) are a region's own. What the change leaves as it is stays as it is in the other regions too.
    /// One change is made after the other. `decide` must not ask the world for anything.
    ///
    /// # Errors
    /// Those of `decide`. `NotFound`: there is no such table. `LimitExceeded`: an index is added while a region still builds
    /// another one. Validation: there is no such region, or the change is none. Nothing is changed then. Log or disk: regions
    /// before the one that failed have the change.
    pub fn update_table_with<E: From<Error>>(
        &self,
        table: &str,
        region: &str,
        decide: impl FnOnce(&TableDefinition) -> std::result::Result<TableUpdate, E>,
    ) -> std::result::Result<TableDescription, E> {
        let world = &self.inner;
        let region = world.number_of(region)?;
        let engine = world.regions[region].engine();
        {
            let _one = world.lock();
            let mut before = None;
            let slot = engine.update_table(table, |definition| {
                let update = decide(definition)?;
                if update.create_index.is_some() {
                    world.check_indexes(definition)?;
                }
                before = Some(definition.clone());
                Ok::<_, E>(update)
            })?;
            let after = slot.state().definition.clone();
            world.replicas_of(&after).try_for_each(|other| world.share_with(before.as_ref(), &after, other))?;
        }
        engine.pass_commit_gate()?;
        Ok(world.regions[region].database.describe_table(table)?)
    }

    /// Turns time to live of a table on or off as [`Database::update_ttl`](crate::Database::update_ttl) does, in all its regions.
    /// Errors: as [`update_table_with`](Self::update_table_with); it is on or off already.
    pub fn update_ttl(&self, table: &str, region: &str, attribute: &str, enabled: bool) -> Result<TtlDescription> {
        self.update_table_with(table, region, |definition| ttl_change(definition, attribute, enabled))?;
        self.inner.regions[self.inner.number_of(region)?].database.describe_ttl(table)
    }

    /// Makes the settings that replicas share in all regions what they are in one: what another region has and this one has not is
    /// removed there, indexes included. For tables whose regions have come to differ, since they were changed by their databases or
    /// a process ended within [`update_table_with`](Self::update_table_with). A table without replicas is left alone.
    ///
    /// # Errors
    /// `NotFound`: there is no such region or table. `LimitExceeded`: another index is being built in a region; call again. Log or
    /// disk. Regions before the one that failed have the settings.
    pub fn share_settings(&self, table: &str, from: &str) -> Result<()> {
        let world = &self.inner;
        let from = world.number_of(from)?;
        let _one = world.lock();
        let definition = world.definition(from, table)?;
        world.replicas_of(&definition).try_for_each(|other| world.share_with(None, &definition, other))
    }
}

impl Inner {
    /// The other regions of the world that serve a table.
    fn replicas_of<'a>(&'a self, table: &'a TableDefinition) -> impl Iterator<Item = usize> + use<'a> {
        let replicas = table.replication.iter().flat_map(|replication| &replication.replicas);
        replicas.filter_map(|replica| self.number_of(&replica.region).ok())
    }

    /// Errors: a region has an index that is being built, so that it takes no other one.
    fn check_indexes(&self, table: &TableDefinition) -> Result<()> {
        let is_building =
            |index: &IndexDefinition| index.kind == IndexKind::Global && index.status != IndexStatus::Active;
        let building = self.replicas_of(table).find(|region| {
            let slot = self.regions[*region].engine().table(&table.name);
            slot.is_some_and(|slot| slot.state().definition.indexes.iter().any(is_building))
        });
        match building {
            None => Ok(()),
            Some(region) => Err(Error::limit_exceeded(format!(
                "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table (in region {})",
                self.regions[region].name
            ))),
        }
    }

    /// Brings the difference between two definitions to a region; without the first, all that is shared of the second.
    fn share_with(&self, before: Option<&TableDefinition>, wanted: &TableDefinition, region: usize) -> Result<()> {
        let engine = self.regions[region].engine();
        // The engine adds or removes one index at a time.
        loop {
            let Some(slot) = engine.table(&wanted.name) else { return Ok(()) };
            let Some(update) = update_towards(before, wanted, &slot.state().definition) else { return Ok(()) };
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

/// The next update that brings a region closer to the definition `wanted`, of settings that replicas share only. Where `wanted` equals
/// `before`, the region keeps what it has. `None` if nothing is left to do.
fn update_towards(
    before: Option<&TableDefinition>,
    wanted: &TableDefinition,
    present: &TableDefinition,
) -> Option<TableUpdate> {
    let of_kind = |table: &'_ TableDefinition| -> Vec<_> {
        table.indexes.iter().filter(|index| index.kind == IndexKind::Global).cloned().collect()
    };
    let has = |table: &TableDefinition, name: &str| of_kind(table).iter().any(|index| index.name == name);
    let is_new = |name: &str| before.is_none_or(|before| !has(before, name));
    let was_there = |name: &str| before.is_none_or(|before| has(before, name));
    let changed = |differs: &dyn Fn(&TableDefinition) -> bool| before.is_none_or(differs) && differs(present);
    let mut update = TableUpdate::default();
    let added = of_kind(wanted).into_iter().find(|index| !has(present, &index.name) && is_new(&index.name));
    let removed = of_kind(present).into_iter().find(|index| !has(wanted, &index.name) && was_there(&index.name));
    update.create_index = added.as_ref().map(IndexSpec::like);
    update.delete_index = removed.map(|index| index.name);
    if changed(&|table| table.ttl_attribute != wanted.ttl_attribute) {
        update.ttl_attribute = Some(wanted.ttl_attribute.clone());
    }
    update.billing = changed(&|table| table.billing != wanted.billing).then_some(wanted.billing);
    let throughput = shared(wanted.throughput, present.throughput);
    if before.is_none_or(|before| before.throughput != wanted.throughput) && present.throughput != throughput {
        update.throughput = Some(throughput);
    }
    for index in of_kind(wanted) {
        let (Some(units), Some(known)) = (index.throughput, present.index(&index.name)) else { continue };
        let is_changed = before
            .is_none_or(|before| before.index(&index.name).is_none_or(|before| before.throughput != index.throughput));
        let throughput = shared(units, known.throughput.unwrap_or_default());
        if is_changed && known.throughput != Some(throughput) {
            update.index_throughput.push((index.name, throughput));
        }
    }
    let class = |table: &TableDefinition| table.settings.table_class.map(|class| class.value);
    if changed(&|table| class(table) != class(wanted)) {
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
