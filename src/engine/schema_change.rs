//! Creating, changing and deleting tables and indexes on a live database.
//!
//! A schema change is a record of the log like any other: it is logged while no writer derives index entries, so that
//! replay knows at every record which indexes there were.

use super::{
    billing_change::change_billing,
    catalog::{TableSlot, TableState},
    engine::Engine,
    files::Files,
    replay::Builder,
    replication::{check_replica_deletion, check_replica_update},
    stream::range_of,
};
use crate::{
    error::{Detail, Error, Result},
    manifest::{Counters, Edit},
    schema::{
        BillingMode, IndexDefinition, IndexKind, IndexStatus, KeyAttribute, KeySchema, MAX_GLOBAL_INDEXES, Projection,
        ProvisionedThroughput, Replication, StreamDefinition, StreamView, TableDefinition, TableSettings, TableStatus,
        validate_table,
    },
    wal::record::{SchemaChange, encode_schema},
};
use std::sync::Arc;

/// Name of the index that finds expired items; not one that a user can give.
const EXPIRY_INDEX: &str = ":expiry";
const MAX_TTL_NAME_BYTES: usize = 255;
const STILL_IN_USE: &str = "Attempt to change a resource which is still in use";

/// What a new table shall be.
#[derive(Clone, Debug)]
pub struct TableSpec {
    /// 3 to 255 characters of `[a-zA-Z0-9_.-]`.
    pub name: String,
    /// Primary key.
    pub key: KeySchema,
    /// Secondary indexes.
    pub indexes: Vec<IndexSpec>,
    /// How it is paid for.
    pub billing: BillingMode,
    /// Units per second under [`BillingMode::Provisioned`].
    pub throughput: ProvisionedThroughput,
    /// Images of the change stream, if one is wanted.
    pub stream: Option<StreamView>,
    /// Attribute with the expiry time in epoch seconds.
    pub ttl_attribute: Option<String>,
    /// Rejects deletion of the table while set.
    pub deletion_protection: bool,
    /// Tags, at most 50.
    pub tags: Vec<(String, String)>,
    /// What it is asked to be and the engine does not act on.
    pub settings: TableSettings,
}

impl TableSpec {
    /// A table with a name and a key, and defaults for everything else.
    pub fn new(name: impl Into<String>, key: KeySchema) -> Self {
        Self {
            name: name.into(),
            key,
            indexes: Vec::new(),
            billing: BillingMode::default(),
            throughput: ProvisionedThroughput::default(),
            stream: None,
            ttl_attribute: None,
            deletion_protection: false,
            tags: Vec::new(),
            settings: TableSettings::default(),
        }
    }
}

/// What a new index shall be.
#[derive(Clone, Debug)]
pub struct IndexSpec {
    /// 3 to 255 characters of `[a-zA-Z0-9_.-]`.
    pub name: String,
    /// Local (only with a new table) or global.
    pub kind: IndexKind,
    /// Partition key attributes.
    pub hash: Vec<KeyAttribute>,
    /// Sort key attributes.
    pub range: Vec<KeyAttribute>,
    /// What an entry carries.
    pub projection: Projection,
    /// Units per second of a global index of a provisioned table.
    pub throughput: Option<ProvisionedThroughput>,
}

/// What shall change about a table; absent fields stay as they are.
#[derive(Clone, Debug, Default)]
pub struct TableUpdate {
    /// New billing mode.
    pub billing: Option<BillingMode>,
    /// New provisioned throughput.
    pub throughput: Option<ProvisionedThroughput>,
    /// A global index to add; it is filled in the background.
    pub create_index: Option<IndexSpec>,
    /// A global index to remove.
    pub delete_index: Option<String>,
    /// New throughput of global indexes, by name.
    pub index_throughput: Vec<(String, ProvisionedThroughput)>,
    /// `Some(None)` disables the stream, `Some(Some(view))` enables one.
    pub stream: Option<Option<StreamView>>,
    /// New setting of the deletion protection.
    pub deletion_protection: Option<bool>,
    /// Keys of tags to remove, before others are put.
    pub remove_tags: Vec<String>,
    /// Tags to put, each in the place of one with the same key.
    pub put_tags: Vec<(String, String)>,
    /// `Some(None)` turns TTL off, `Some(Some(attribute))` on.
    pub ttl_attribute: Option<Option<String>>,
    /// New settings in the place of all that the table has.
    pub settings: Option<Box<TableSettings>>,
}

impl Engine {
    /// Creates a table; it is durable and usable when this returns.
    pub fn create_table(&self, spec: TableSpec) -> Result<Arc<TableSlot>> {
        self.create_table_as(spec, TableStatus::Active, None)
    }

    /// Creates a table with a status, and with what it knows of its replicas.
    pub(super) fn create_table_as(
        &self,
        spec: TableSpec,
        status: TableStatus,
        replication: Option<Box<Replication>>,
    ) -> Result<Arc<TableSlot>> {
        let _work = self.gate.enter()?;
        let gate = self.tables.schema_gate.write();
        if self.table(&spec.name).is_some() {
            return Err(Error::table_exists(&spec.name));
        }
        let now_millis = self.options.clock.now_millis();
        let label_millis = self.streams.fresh_label(&spec.name, now_millis);
        let mut definition = TableDefinition {
            id: self.tables.new_keyspace(),
            name: spec.name,
            key: spec.key,
            indexes: Vec::new(),
            billing: spec.billing,
            throughput: spec.throughput,
            status,
            created_millis: now_millis,
            ttl_attribute: None,
            stream: spec.stream.map(|view| StreamDefinition { view, label_millis }),
            deletion_protection: spec.deletion_protection,
            tags: spec.tags,
            settings: spec.settings,
            has_stamps: replication.is_some(),
            replication,
            changed_seqno: 0,
        };
        for index in spec.indexes {
            if index.kind == IndexKind::Expiry {
                return Err(Error::validation("An expiry index comes with a TTL attribute and not by itself"));
            }
            definition.indexes.push(self.index_definition(index, IndexStatus::Active));
        }
        self.set_expiry(&mut definition, spec.ttl_attribute, IndexStatus::Active)?;
        validate_table(&definition)?;
        let slot = self.put_definition(definition, None)?;
        drop(gate);
        Ok(slot)
    }

    fn index_definition(&self, spec: IndexSpec, status: IndexStatus) -> IndexDefinition {
        IndexDefinition {
            id: self.tables.new_keyspace(),
            name: spec.name,
            kind: spec.kind,
            hash: spec.hash,
            range: spec.range,
            projection: spec.projection,
            status,
            created_seqno: 0,
            throughput: spec.throughput,
        }
    }

    /// Changes a table as `decide` says, which sees it as it is and which no other change comes between. A new global index
    /// is usable once it has been filled; everything else is when this returns.
    pub fn update_table<E: From<Error>>(
        &self,
        name: &str,
        decide: impl FnOnce(&TableDefinition) -> std::result::Result<TableUpdate, E>,
    ) -> std::result::Result<Arc<TableSlot>, E> {
        let _work = self.gate.enter()?;
        let gate = self.tables.schema_gate.write();
        let slot = self.existing(name)?;
        let update = decide(&slot.state().definition)?;
        let slot = self.change_table(&slot, update)?;
        drop(gate);
        self.background.signal.compaction.notify();
        Ok(slot)
    }

    /// Changes a table. The caller holds the gate.
    fn change_table(&self, slot: &Arc<TableSlot>, update: TableUpdate) -> Result<Arc<TableSlot>> {
        let definition = self.changed((*slot.state().definition).clone(), update)?;
        self.put_definition(definition, Some(slot))
    }

    /// What an update makes of a definition.
    pub fn changed(&self, mut definition: TableDefinition, update: TableUpdate) -> Result<TableDefinition> {
        check_replica_update(&definition, &update)?;
        let now_millis = self.options.clock.now_millis();
        if let Some(settings) = update.settings {
            definition.settings = *settings;
        }
        change_billing(&mut definition, update.billing, update.throughput, now_millis);
        if let Some(name) = &update.delete_index {
            delete_index(&mut definition, name)?;
            definition.settings.forget_index(name);
        }
        if let Some(spec) = update.create_index {
            self.add_index(&mut definition, spec)?;
        }
        for (name, throughput) in update.index_throughput {
            let index = definition.indexes.iter_mut().find(|index| index.name == name);
            let index = index.ok_or_else(|| Error::no_index(&name))?;
            let before = index.throughput.replace(throughput);
            if let Some(before) = before {
                let settings = definition.settings.indexes.entry(name).or_default();
                settings.throughput_changes.note(before, throughput, now_millis);
            }
        }
        if let Some(view) = update.stream {
            self.change_stream(&mut definition, view, now_millis)?;
        }
        definition.deletion_protection = update.deletion_protection.unwrap_or(definition.deletion_protection);
        change_tags(&mut definition.tags, &update.remove_tags, update.put_tags);
        if let Some(attribute) = update.ttl_attribute {
            if definition.ttl_attribute != attribute {
                definition.settings.ttl_changed_millis = Some(now_millis);
            }
            self.set_expiry(&mut definition, attribute, IndexStatus::Creating)?;
        }
        validate_table(&definition)?;
        Ok(definition)
    }

    /// Enables or disables the stream of a table; the label of a disabled one is kept, since its records stay readable.
    pub(super) fn change_stream(
        &self,
        definition: &mut TableDefinition,
        view: Option<StreamView>,
        now_millis: u64,
    ) -> Result<()> {
        match (view, definition.stream.take()) {
            (Some(_), Some(_)) => {
                let text = format!("Table already has an enabled stream: TableName: {}", definition.name);
                let table = definition.name.clone();
                return Err(Error::validation(text).with_detail(Detail::StreamUnchanged { table, is_enabled: true }));
            }
            (Some(view), None) => {
                let label_millis = self.streams.fresh_label(&definition.name, now_millis);
                definition.stream = Some(StreamDefinition { view, label_millis });
                definition.settings.last_stream_label_millis = None;
            }
            (None, Some(stream)) => definition.settings.last_stream_label_millis = Some(stream.label_millis),
            (None, None) => {
                let text = format!("Table has no stream to disable: TableName: {}", definition.name);
                let table = definition.name.clone();
                return Err(Error::validation(text).with_detail(Detail::StreamUnchanged { table, is_enabled: false }));
            }
        }
        Ok(())
    }

    /// Turns TTL on or off: the expiry index comes and goes with it.
    fn set_expiry(
        &self,
        definition: &mut TableDefinition,
        attribute: Option<String>,
        status: IndexStatus,
    ) -> Result<()> {
        if definition.ttl_attribute == attribute {
            return Ok(());
        }
        if attribute.as_ref().is_some_and(|name| !(1..=MAX_TTL_NAME_BYTES).contains(&name.len())) {
            return Err(Error::validation(format!(
                "1 validation error detected: Value at 'timeToLiveSpecification.attributeName' failed to satisfy \
                 constraint: Member must have length between 1 and {MAX_TTL_NAME_BYTES}"
            )));
        }
        definition.indexes.retain(|index| index.kind != IndexKind::Expiry);
        if attribute.is_some() {
            let spec = IndexSpec {
                name: EXPIRY_INDEX.to_owned(),
                kind: IndexKind::Expiry,
                hash: Vec::new(),
                range: Vec::new(),
                projection: Projection::KeysOnly,
                throughput: None,
            };
            definition.indexes.push(self.index_definition(spec, status));
        }
        definition.ttl_attribute = attribute;
        Ok(())
    }

    fn add_index(&self, definition: &mut TableDefinition, spec: IndexSpec) -> Result<()> {
        if spec.kind != IndexKind::Global {
            return Err(Error::validation("Local secondary indexes can only be created together with their table"));
        }
        if definition.indexes.iter().any(|index| index.name == spec.name) {
            let detail = Detail::IndexExists { index: spec.name };
            return Err(Error::validation("Attempting to create an index which already exists").with_detail(detail));
        }
        let is_changing =
            |index: &IndexDefinition| index.kind == IndexKind::Global && index.status != IndexStatus::Active;
        if definition.indexes.iter().any(is_changing) {
            return Err(Error::limit_exceeded(
                "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
            ));
        }
        let global = definition.indexes.iter().filter(|index| index.kind == IndexKind::Global).count();
        if global >= MAX_GLOBAL_INDEXES {
            return Err(Error::limit_exceeded(format!(
                "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of {MAX_GLOBAL_INDEXES}"
            )));
        }
        definition.indexes.push(self.index_definition(spec, IndexStatus::Creating));
        Ok(())
    }

    /// An index has been filled: readers may use it.
    pub(super) fn activate_index(&self, table: u32, index_id: u32) -> Result<()> {
        let _gate = self.tables.schema_gate.write();
        let Some(slot) = self.tables.load().by_id.get(&table).cloned() else { return Ok(()) };
        let mut definition = (*slot.state().definition).clone();
        if let Some(index) = definition.indexes.iter_mut().find(|candidate| candidate.id == index_id) {
            index.status = IndexStatus::Active;
            // The log does not have the entries that filling added: a moment from now on is read from a base that does.
            self.take_base_if_kept()?;
            self.put_definition(definition, Some(&slot))?;
            // Its tombstones were kept until now.
            if let Some(ring) = self.tables.load().ring_of(index_id) {
                self.consider_ring(&ring);
            }
        }
        Ok(())
    }

    /// Deletes a table with everything that belongs to it; its space is given back at once, or with the last handle of the table
    /// where the system keeps files for as long as they are mapped.
    pub fn delete_table(&self, name: &str) -> Result<Arc<TableDefinition>> {
        let _work = self.gate.enter()?;
        let _gate = self.tables.schema_gate.write();
        let slot = self.existing(name)?;
        let state = arc_swap::Guard::into_inner(slot.state());
        if state.definition.deletion_protection {
            return Err(Error::validation(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion \
                 protection first.",
            ));
        }
        check_replica_deletion(&state.definition)?;
        let is_created =
            |index: &IndexDefinition| index.kind == IndexKind::Global && index.status == IndexStatus::Creating;
        if state.definition.indexes.iter().any(is_created) {
            let text = "Cannot delete table while indexes are being created, updated, or deleted.";
            return Err(Error::in_use(format!("{STILL_IN_USE}: {text}")));
        }
        self.drop_table(&slot)
    }

    /// Drops a table. The caller holds the gate.
    pub(super) fn drop_table(&self, slot: &Arc<TableSlot>) -> Result<Arc<TableDefinition>> {
        let state = arc_swap::Guard::into_inner(slot.state());
        let (id, name) = (state.definition.id, state.definition.name.as_str());
        self.log_time()?;
        let seqno = self.wal.append(&encode_schema(&SchemaChange::Drop(id))?)?;
        self.wal.applied(seqno);
        self.wal.sync(seqno)?;

        self.note_dropped(id);
        let mut manifest = self.files.manifest();
        let mut edits = vec![Edit::DropTable(id)];
        let mut plan = self.streams.plan_drop(id, seqno, self.options.clock.now_millis());
        edits.extend(plan.take_edits());
        let mut files = Vec::new();
        for ring in state.index_rings.iter().chain([&state.ring]) {
            let (dropped, its_files) = Files::drop_keyspace(&manifest, ring.keyspace);
            edits.extend(dropped);
            files.extend(its_files);
            ring.mark_dropped();
            self.propagation.forget(ring.keyspace);
        }
        self.commit_manifest(&mut manifest, &edits)?;
        self.streams.apply(plan);
        slot.mark_dropped();
        self.tables.change(|catalog| {
            catalog.remove(id);
        });
        self.files.remove_unreferenced(&manifest, files);
        drop(manifest);
        self.observe.forget(|subject| subject.table() == Some(name));
        self.account_memory();
        Ok(state.definition.clone())
    }

    /// A table that requests find. Errors: there is none; it is being created.
    pub fn existing(&self, name: &str) -> Result<Arc<TableSlot>> {
        let slot = self.table(name).ok_or_else(|| Error::no_table_named(name))?;
        if slot.state().definition.status == TableStatus::Creating {
            return Err(Error::in_use(format!("{STILL_IN_USE}: Table is being created: {name}")));
        }
        Ok(slot)
    }

    /// Logs a definition, records it in the manifest and shows it to readers and writers. The caller holds the gate.
    pub(super) fn put_definition(
        &self,
        mut definition: TableDefinition,
        slot: Option<&Arc<TableSlot>>,
    ) -> Result<Arc<TableSlot>> {
        self.log_time()?;
        // Writers are kept out by the gate, so that the next number is the record's own.
        stamp(&mut definition, self.wal.last_seqno() + 1);
        let seqno = self.wal.append(&encode_schema(&SchemaChange::Put(Box::new(definition.clone())))?)?;
        self.wal.applied(seqno);
        self.wal.sync(seqno)?;

        let mut manifest = self.files.manifest();
        let mut edits = vec![Edit::PutTable(Box::new(definition.clone()))];
        let previous = slot.map(|slot| arc_swap::Guard::into_inner(slot.state()));
        let mut builder = Builder { options: &self.options, next_partition: &mut || self.tables.new_partition() };
        let state = builder.state(definition, previous.as_deref(), &mut edits);
        let mut files = Vec::new();
        for ring in previous.iter().flat_map(|previous| &previous.index_rings) {
            if ring.keyspace != state.ring.keyspace
                && !state.index_rings.iter().any(|kept| kept.keyspace == ring.keyspace)
            {
                let (dropped, its_files) = Files::drop_keyspace(&manifest, ring.keyspace);
                edits.extend(dropped);
                files.extend(its_files);
                ring.mark_dropped();
                self.propagation.forget(ring.keyspace);
            }
        }
        let ranges: Vec<_> = state.ring.all().iter().map(|partition| range_of(partition)).collect();
        let now_millis = self.options.clock.now_millis();
        let mut plan = self.streams.plan_definition(&state.definition, &ranges, seqno, now_millis);
        edits.extend(plan.take_edits());
        edits.push(Edit::PutCounters(self.counters()));
        self.commit_manifest(&mut manifest, &edits)?;
        self.streams.apply(plan);
        let slot = self.show(state, slot);
        self.follow_table(&slot);
        self.files.remove_unreferenced(&manifest, files);
        Ok(slot)
    }

    fn show(&self, state: TableState, slot: Option<&Arc<TableSlot>>) -> Arc<TableSlot> {
        if let Some(slot) = slot {
            slot.set_state(state);
            return slot.clone();
        }
        let slot = Arc::new(TableSlot::new(state));
        self.tables.change(|catalog| catalog.insert(&slot));
        slot
    }

    /// The next numbers to give out.
    pub(super) fn counters(&self) -> Counters {
        let (next_partition, next_table) = self.tables.next_numbers();
        let (next_file, next_shard) = (self.files.next_file(), self.streams.next_id());
        Counters { next_file, next_table, next_partition, next_shard }
    }
}

/// Writes the number of the log record that carries a definition into what it changes.
fn stamp(definition: &mut TableDefinition, seqno: u64) {
    definition.changed_seqno = seqno;
    for index in definition.indexes.iter_mut().filter(|index| index.created_seqno == 0) {
        index.created_seqno = seqno;
    }
}

fn change_tags(tags: &mut Vec<(String, String)>, removed: &[String], put: Vec<(String, String)>) {
    tags.retain(|(key, _)| !removed.contains(key) && !put.iter().any(|(new, _)| new == key));
    tags.extend(put);
}

fn delete_index(definition: &mut TableDefinition, name: &str) -> Result<()> {
    let position = definition
        .indexes
        .iter()
        .position(|index| index.name == name && index.kind == IndexKind::Global)
        .ok_or_else(|| Error::no_index(name))?;
    definition.indexes.remove(position);
    Ok(())
}
