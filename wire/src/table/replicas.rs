//! What one replica of a table has of its own: read units, limits of reads, the key that it is encrypted with, its class. Members
//! of `ReplicaUpdates` set it, and `Replicas` shows where it differs from the table that is described.

use super::{
    encryption::Encryption,
    members, spec,
    units::{self, Subject, Units},
};
use crate::{
    context::Context,
    error::Failure,
    json::{Reader, Token, Writer},
    shape::{self, JsonContext},
    timing::takes,
    validate::Violations,
};
use hashrange::{
    admin::TableUpdate,
    regions::World,
    schema::{
        BillingMode, Consistency, IndexKind, ProvisionedThroughput, Replica, ReplicaStatus, Replication, Since,
        TableClass, TableDefinition, TableSettings,
    },
};

const THROUGHPUT: &str = "ProvisionedThroughputOverride";
const ON_DEMAND: &str = "OnDemandThroughputOverride";

/// Reads that a replica, or an index of it, is provisioned for or may have at most.
#[derive(Debug, Default)]
struct Reads {
    units: Option<i64>,
    limit: Option<i64>,
}

/// What a request wants of one replica besides its existence.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    class: Option<String>,
    key: Option<String>,
    reads: Reads,
    indexes: Vec<(String, Reads)>,
}

impl Overrides {
    /// Reads a member of an action on a replica.
    pub(crate) fn read_member(&mut self, reader: &mut Reader<'_>, name: &str) -> Result<(), Failure> {
        match name {
            "TableClassOverride" => self.class = members::text(reader)?,
            "KMSMasterKeyId" => self.key = members::text(reader)?,
            "GlobalSecondaryIndexes" => {
                let indexes = members::structures(reader, "globalSecondaryIndexes", index)?;
                self.indexes = indexes.unwrap_or_default().into_iter().flatten().collect();
            }
            _ => self.reads.read_member(reader, name)?,
        }
        Ok(())
    }

    /// Constraints on the members. Errors: a class that is none.
    pub(crate) fn check(&self, violations: &mut Violations) -> Result<(), Failure> {
        let of_indexes = self.indexes.iter().map(|(_, reads)| reads);
        for reads in std::iter::once(&self.reads).chain(of_indexes) {
            let path = "replicaUpdates.1.member.provisionedThroughputOverride.readCapacityUnits";
            violations.at_least(reads.units, path, 1);
        }
        self.class().map(drop)
    }

    fn is_empty(&self) -> bool {
        let Self { class, key, reads, indexes } = self;
        class.is_none() && key.is_none() && reads.units.is_none() && reads.limit.is_none() && indexes.is_empty()
    }

    fn class(&self) -> Result<Option<TableClass>, Failure> {
        match self.class.as_deref() {
            None => Ok(None),
            Some("STANDARD") => Ok(Some(TableClass::Standard)),
            Some("STANDARD_INFREQUENT_ACCESS") => Ok(Some(TableClass::InfrequentAccess)),
            Some(_) => Err(spec::unknown_table_class()),
        }
    }

    /// Gives the replica in a region what is wanted. Errors: those that the table itself has for the like.
    pub(crate) fn apply(&self, context: &Context<'_>, world: &World, table: &str, region: &str) -> Result<(), Failure> {
        if self.is_empty() {
            return Ok(());
        }
        let mut owner = context.owner.clone();
        region.clone_into(&mut owner.region);
        let there = Context { owner: &owner, ..*context };
        world.database(region)?.update_table_with(table, |definition| self.update(&there, definition))?;
        Ok(())
    }

    /// Whether a replica that is yet to be made of a table can have what is wanted. Errors: as [`apply`](Self::apply) would have
    /// them, and what it made would be there by then.
    pub(crate) fn check_new(
        &self,
        context: &Context<'_>,
        source: &TableDefinition,
        region: &str,
    ) -> Result<(), Failure> {
        let mut owner = context.owner.clone();
        region.clone_into(&mut owner.region);
        let there = Context { owner: &owner, ..*context };
        let new = TableDefinition { settings: TableSettings::default(), ..source.clone() };
        self.update(&there, &new).map(drop)
    }

    fn update(&self, context: &Context<'_>, table: &TableDefinition) -> Result<TableUpdate, Failure> {
        let (mut update, mut settings) = (TableUpdate::default(), table.settings.clone());
        if let Some(value) = self.class()? {
            settings.table_class_override = Some(Since { value, at_millis: context.now_millis() });
        }
        if let Some(key) = &self.key {
            Encryption::by(key).change(context, &mut settings)?;
        }
        update.throughput = self.reads.provisioned(context, table, table.throughput)?;
        settings.on_demand_limit = self.reads.limited(settings.on_demand_limit, table, Subject::Table)?;
        for (name, reads) in &self.indexes {
            let known = table.index(name).filter(|index| index.kind == IndexKind::Global);
            let Some(index) = known else { return Err(Failure::not_found("Requested resource not found")) };
            let provisioned = reads.provisioned(context, table, index.throughput.unwrap_or_default())?;
            update.index_throughput.extend(provisioned.map(|units| (name.clone(), units)));
            let mut kept = settings.index(name);
            kept.on_demand_limit = reads.limited(kept.on_demand_limit, table, Subject::Index(name))?;
            settings.indexes.insert(name.clone(), kept);
        }
        update.settings = (settings != table.settings).then(|| Box::new(settings));
        Ok(update)
    }
}

impl Reads {
    fn read_member(&mut self, reader: &mut Reader<'_>, name: &str) -> Result<(), Failure> {
        match name {
            THROUGHPUT => self.units = number(reader, name, "ReadCapacityUnits")?,
            ON_DEMAND => self.limit = number(reader, name, "MaxReadRequestUnits")?,
            _ => reader.skip()?,
        }
        Ok(())
    }

    /// Throughput with other reads. Errors: the table is paid for by request.
    fn provisioned(
        &self,
        context: &Context<'_>,
        table: &TableDefinition,
        before: ProvisionedThroughput,
    ) -> Result<Option<ProvisionedThroughput>, Failure> {
        let Some(read_units_per_sec) = self.units.and_then(|units| u64::try_from(units).ok()) else { return Ok(None) };
        if table.billing == BillingMode::PayPerRequest {
            return Err(Failure::invalid_parameter(context.profile.throughput_on_demand()));
        }
        Ok(Some(ProvisionedThroughput { read_units_per_sec, ..before }).filter(|units| *units != before))
    }

    fn limited(
        &self,
        before: hashrange::schema::UnitPair,
        table: &TableDefinition,
        subject: Subject<'_>,
    ) -> Result<hashrange::schema::UnitPair, Failure> {
        let asked = self.limit.map(|limit| Units { read: Some(limit), write: None });
        units::other_limit(asked, before, table.billing, subject)
    }
}

/// A structure with one number.
fn number(reader: &mut Reader<'_>, class: &str, member: &str) -> Result<Option<i64>, Failure> {
    let mut found = None;
    shape::structure(reader, JsonContext::Field, class, |reader, name| {
        match name {
            _ if name == member => found = shape::long(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(found)
}

/// An element of `GlobalSecondaryIndexes`.
fn index(reader: &mut Reader<'_>) -> Result<Option<Option<(String, Reads)>>, Failure> {
    let (mut index, mut reads) = (None, Reads::default());
    let class = "ReplicaGlobalSecondaryIndex";
    let present = shape::structure(reader, JsonContext::Element, class, |reader, name| {
        match name {
            "IndexName" if reader.peek()? != Token::Null => index = members::text(reader)?,
            _ => reads.read_member(reader, name)?,
        }
        Ok(())
    })?;
    Ok(present.then(|| index.map(|index| (index, reads))))
}

/// The replicas in other regions, and how they are kept. `before` is what the answer to a change of them still shows.
pub(super) fn write(
    out: &mut Writer,
    context: &Context<'_>,
    definition: &TableDefinition,
    before: Option<&Option<Box<Replication>>>,
) {
    let replication = before.map_or(definition.replication.as_deref(), Option::as_deref);
    let Some(replication) = replication else {
        if before.is_some() {
            out.name("Replicas");
            out.begin_array();
            out.end_array();
        }
        return;
    };
    out.string_member("GlobalTableVersion", "2019.11.21");
    out.name("Replicas");
    out.begin_array();
    let is_shown = |replica: &&Replica| !context.is_under_way(replica.created_millis, takes::REPLICA_SHOWN);
    for replica in replication.replicas.iter().filter(is_shown) {
        let is_creating =
            replica.status == ReplicaStatus::Creating || context.is_under_way(replica.created_millis, takes::REPLICA);
        out.begin_object();
        out.string_member("RegionName", &replica.region);
        out.string_member("ReplicaStatus", if is_creating { "CREATING" } else { "ACTIVE" });
        let there = context.world.and_then(|world| world.database(&replica.region).ok());
        if let Some(there) = there.and_then(|there| there.describe_table(&definition.name).ok()) {
            write_differences(out, definition, &there.definition);
        }
        out.end_object();
    }
    out.end_array();
    if let Some(witness) = &replication.witness {
        out.name("GlobalTableWitnesses");
        out.begin_array();
        out.begin_object();
        out.string_member("RegionName", witness);
        out.string_member("WitnessStatus", "ACTIVE");
        out.end_object();
        out.end_array();
    }
    if replication.consistency == Consistency::Strong {
        out.string_member("MultiRegionConsistency", "STRONG");
    }
    out.string_member("GlobalTableSettingsReplicationMode", "ENABLED_WITH_OVERRIDES");
}

/// What a replica has of its own. What it has in common with the table that is described is not shown.
fn write_differences(out: &mut Writer, own: &TableDefinition, there: &TableDefinition) {
    let key = |settings: &TableSettings| settings.encryption_key.as_ref().map(|key| key.value.clone());
    if let Some(key) = key(&there.settings).filter(|there| Some(there) != key(&own.settings).as_ref()) {
        out.string_member("KMSMasterKeyId", &key);
    }
    let limit = |settings: &TableSettings| settings.on_demand_limit.read_units_per_sec;
    let units = there.throughput.read_units_per_sec;
    let is_other = there.billing == BillingMode::Provisioned && units != own.throughput.read_units_per_sec;
    let other_limit = limit(&there.settings).filter(|there| Some(*there) != limit(&own.settings));
    write_reads(out, is_other.then_some(units), other_limit);
    let differs = |index: &&hashrange::schema::IndexDefinition| reads_of_index(own, there, &index.name) != (None, None);
    let mut indexes = there.indexes.iter().filter(|index| index.kind == IndexKind::Global).filter(differs).peekable();
    if indexes.peek().is_some() {
        out.name("GlobalSecondaryIndexes");
        out.begin_array();
        for index in indexes {
            out.begin_object();
            out.string_member("IndexName", &index.name);
            let (units, limit) = reads_of_index(own, there, &index.name);
            write_reads(out, units, limit);
            out.end_object();
        }
        out.end_array();
    }
    let class = |table: &TableDefinition| table.settings.class().map(|class| class.value).unwrap_or_default();
    if class(there) != class(own) {
        super::description::write_class(out, "ReplicaTableClassSummary", there.settings.class());
    }
}

/// Read units and limit of an index of a replica, as far as they are others than those of the table that is described.
fn reads_of_index(own: &TableDefinition, there: &TableDefinition, index: &str) -> (Option<u64>, Option<u64>) {
    let of = |table: &TableDefinition| {
        let units = table.index(index).and_then(|index| index.throughput).map(|units| units.read_units_per_sec);
        let is_provisioned = table.billing == BillingMode::Provisioned;
        (units.filter(|_| is_provisioned), table.settings.index(index).on_demand_limit.read_units_per_sec)
    };
    let ((own_units, own_limit), (units, limit)) = (of(own), of(there));
    (units.filter(|_| units != own_units), limit.filter(|_| limit != own_limit))
}

fn write_reads(out: &mut Writer, units: Option<u64>, limit: Option<u64>) {
    for (class, member, number) in [(THROUGHPUT, "ReadCapacityUnits", units), (ON_DEMAND, "MaxReadRequestUnits", limit)]
    {
        if let Some(number) = number {
            out.name(class);
            out.begin_object();
            out.integer_member(member, number);
            out.end_object();
        }
    }
}
