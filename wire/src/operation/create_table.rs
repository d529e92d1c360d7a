//! `CreateTable`.
//!
//! The table is usable when the response arrives. It says `CREATING` all the same: clients wait for `ACTIVE`, and
//! find it at their first look.

use super::{describe_table::answer, policies};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    shape,
    table::{
        description::CREATING,
        encryption::{self, Encryption},
        members::{self, IndexMember, NamedKind, StreamMember, Tag},
        name::TableName,
        quotas, spec,
        units::{self, Subject, Units},
    },
    validate::{Violations, values},
};
use hashrange::{
    admin::{IndexSpec, TableSpec},
    schema::{BillingMode, IndexSettings, ResourcePolicy, Since, TableClass, TableSettings},
};
use std::{borrow::Cow, collections::BTreeMap};

const MAX_LOCAL_INDEXES: usize = 5;
const MAX_GLOBAL_INDEXES: usize = 20;
/// Elements of the key schema of a table or local index.
const MAX_KEY_ELEMENTS: usize = 2;
/// Elements of the key schema of a global index.
pub(super) const MAX_GLOBAL_KEY_ELEMENTS: usize = 8;

/// Members that the parameters of an import have. Others are skipped, as members are that no operation has: who may import may not
/// give a table a policy or tags, and the table gets neither a stream nor local indexes.
const MEMBERS_OF_IMPORT: [&str; 8] = [
    "TableName",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "BillingMode",
    "ProvisionedThroughput",
    "OnDemandThroughput",
    "SSESpecification",
];

#[derive(Default)]
pub(super) struct Request<'a> {
    pub(super) table: TableName<'a>,
    definitions: Option<Vec<NamedKind>>,
    keys: Option<Vec<NamedKind>>,
    local_indexes: Option<Vec<IndexMember>>,
    global_indexes: Option<Vec<IndexMember>>,
    billing: Option<String>,
    throughput: Option<Units>,
    on_demand: Option<Units>,
    warm: Option<Units>,
    encryption: Option<Encryption>,
    stream: Option<StreamMember>,
    table_class: Option<String>,
    tags: Option<Vec<Tag>>,
    deletion_protection: Option<bool>,
    policy: Option<Cow<'a, str>>,
    has_vector_indexes: bool,
    /// A member that makes the table one of several in other regions or accounts.
    replication: Option<&'static str>,
}

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    request.table.check_control(context)?;
    request.check_members(Violations::default())?;
    let spec = request.into_spec(context)?;
    quotas::check_new(context, &spec)?;
    quotas::Simultaneous::of_others(context, &spec.name).check_new(!spec.indexes.is_empty())?;
    let description = context.database.create_table_from(spec)?;
    Ok(answer(context, "TableDescription", &description, CREATING))
}

impl<'a> Request<'a> {
    pub(super) fn decode(body: &'a [u8]) -> Result<Self, Failure> {
        Self::decode_members(body, |_| true)
    }

    /// The parameters of a table that an import makes.
    pub(super) fn decode_import(body: &'a [u8]) -> Result<Self, Failure> {
        Self::decode_members(body, |name| MEMBERS_OF_IMPORT.contains(&name))
    }

    fn decode_members(body: &'a [u8], is_member: fn(&str) -> bool) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            match name {
                name if !is_member(name) => reader.skip()?,
                "TableName" => request.table = TableName::new(shape::string(reader)?),
                "AttributeDefinitions" => request.definitions = members::attribute_definitions(reader)?,
                "KeySchema" => request.keys = members::key_schema(reader)?,
                "LocalSecondaryIndexes" => {
                    request.local_indexes = members::structures(reader, "localSecondaryIndexes", |reader| {
                        members::index(reader, shape::JsonContext::Element, "LocalSecondaryIndex")
                    })?;
                }
                "GlobalSecondaryIndexes" => {
                    request.global_indexes = members::structures(reader, "globalSecondaryIndexes", |reader| {
                        members::index(reader, shape::JsonContext::Element, "GlobalSecondaryIndex")
                    })?;
                }
                "VectorIndexes" => {
                    request.has_vector_indexes = shape::list(reader, |reader| Ok(reader.skip()?))?;
                }
                "BillingMode" => request.billing = members::text(reader)?,
                "ProvisionedThroughput" => request.throughput = units::throughput(reader)?,
                "OnDemandThroughput" => request.on_demand = units::on_demand(reader)?,
                "WarmThroughput" => request.warm = units::warm(reader)?,
                "SSESpecification" => request.encryption = encryption::specification(reader)?,
                "ResourcePolicy" => request.policy = shape::string(reader)?,
                "GlobalTableSourceArn" if shape::string(reader)?.is_some() => {
                    request.replication = Some("GlobalTableSourceArn");
                }
                "GlobalTableSettingsReplicationMode" if shape::string(reader)?.is_some() => {
                    request.replication = Some("GlobalTableSettingsReplicationMode");
                }
                "GlobalTableSourceArn" | "GlobalTableSettingsReplicationMode" => {}
                "StreamSpecification" => request.stream = members::stream(reader)?,
                "TableClass" => request.table_class = members::text(reader)?,
                "Tags" => request.tags = members::tags(reader)?,
                "DeletionProtectionEnabled" => request.deletion_protection = shape::boolean(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(request)
    }

    pub(super) fn check_members(&self, mut violations: Violations) -> Result<(), Failure> {
        violations.one_of(self.billing.as_deref(), "billingMode", values::BILLING_MODE);
        units::check_throughput(self.throughput, "provisionedThroughput", &mut violations);
        members::check_key_schema(&self.keys, "keySchema", MAX_KEY_ELEMENTS, &mut violations);
        violations.not_null(&self.definitions, "attributeDefinitions");
        members::check_definitions(self.definitions.as_deref().unwrap_or_default(), &mut violations);
        let families = [
            (&self.global_indexes, "globalSecondaryIndexes", MAX_GLOBAL_KEY_ELEMENTS),
            (&self.local_indexes, "localSecondaryIndexes", MAX_KEY_ELEMENTS),
        ];
        for (indexes, path, most_keys) in families {
            for (position, index) in indexes.iter().flatten().enumerate() {
                let path = format!("{path}.{}.member", position + 1);
                members::check_index(index, &path, most_keys, &mut violations);
            }
        }
        if let Some(stream) = &self.stream {
            violations.not_null(&stream.enabled, "streamSpecification.streamEnabled");
            let path = "streamSpecification.streamViewType";
            violations.one_of(stream.view.as_deref(), path, values::STREAM_VIEW);
        }
        for (position, tag) in self.tags.iter().flatten().enumerate() {
            super::tags::check(tag, &format!("tags.{}.member", position + 1), &mut violations);
        }
        if let Some(encryption) = &self.encryption {
            encryption.check(&mut violations);
        }
        violations.finish()?;
        spec::check_table_class(self.table_class.as_deref())
    }

    /// What the engine is to create.
    pub(super) fn into_spec(self, context: &Context<'_>) -> Result<TableSpec, Failure> {
        let billing = self.billing()?;
        let settings = self.settings(billing, context)?;
        let definitions = self.definitions.as_deref().unwrap_or_default();
        let keys = self.keys.as_deref().unwrap_or_default();
        let key = spec::table_key(keys, definitions)?;
        spec::check_distinct(definitions)?;
        let without_indexes = self.local_indexes.is_none() && self.global_indexes.is_none();
        if without_indexes && keys.len() != definitions.len() {
            return Err(Failure::invalid_parameter(
                "Number of attributes in KeySchema does not exactly match number of attributes defined in \
                 AttributeDefinitions",
            ));
        }
        let indexes = self.indexes(billing, keys, definitions)?;
        self.check_all_used(keys, definitions)?;
        let mut table = TableSpec::new(self.table.name(), key);
        table.indexes = indexes;
        table.billing = billing;
        table.throughput = self.throughput.map(spec::units).transpose()?.unwrap_or_default();
        table.stream = self.stream.as_ref().map(spec::stream).transpose()?.flatten();
        table.deletion_protection = self.deletion_protection.unwrap_or(false);
        table.tags = super::tags::pairs(self.tags.unwrap_or_default())?;
        table.settings = settings;
        Ok(table)
    }

    /// What the table is to keep besides.
    fn settings(&self, billing: BillingMode, context: &Context<'_>) -> Result<TableSettings, Failure> {
        if let Some(member) = self.replication {
            let what = format_args!("CreateTable with {member}: a table has no replicas in other regions or accounts");
            return Err(Failure::unsupported(what));
        }
        let at_millis = context.now_millis();
        let throughput = self.throughput.map(spec::units).transpose()?.unwrap_or_default();
        let mut indexes = BTreeMap::new();
        for index in self.global_indexes.iter().flatten() {
            let settings = index_settings(index, billing)?;
            if settings != IndexSettings::default() {
                indexes.insert(index.name().to_owned(), settings);
            }
        }
        let key = self.encryption.as_ref().map(|encryption| encryption.key(context)).transpose()?.flatten();
        let policy = self
            .policy
            .as_deref()
            .map(|document| policies::canonical(document, context.owner, crate::policy::Resource::Table, false))
            .transpose()?;
        Ok(TableSettings {
            table_class: table_class(self.table_class.as_deref()).map(|value| Since { value, at_millis }),
            encryption_key: key.map(|value| Since { value, at_millis }),
            on_demand_limit: units::new_limit(self.on_demand, billing, Subject::Table)?,
            warm_throughput: units::new_warm(self.warm, billing, throughput, Subject::Table)?,
            policy: policy.map(|document| ResourcePolicy { document, revision_millis: at_millis }),
            indexes,
            ..TableSettings::default()
        })
    }

    /// The billing mode, which has to go with the throughput.
    fn billing(&self) -> Result<BillingMode, Failure> {
        if self.billing.as_deref() == Some("PAY_PER_REQUEST") {
            return match self.throughput {
                None => Ok(BillingMode::PayPerRequest),
                Some(_) => Err(Failure::invalid_parameter(
                    "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is \
                     PAY_PER_REQUEST",
                )),
            };
        }
        match self.throughput {
            Some(throughput) => spec::units(throughput).map(|_| BillingMode::Provisioned),
            None => Err(Failure::invalid_parameter(
                "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
            )),
        }
    }

    fn indexes(
        &self,
        billing: BillingMode,
        keys: &[NamedKind],
        definitions: &[NamedKind],
    ) -> Result<Vec<IndexSpec>, Failure> {
        let families =
            [("LocalSecondaryIndexes", &self.local_indexes), ("GlobalSecondaryIndexes", &self.global_indexes)];
        for (family, indexes) in families {
            if indexes.as_ref().is_some_and(Vec::is_empty) {
                return Err(Failure::invalid_parameter(format_args!("List of {family} is empty")));
            }
        }
        if self.has_vector_indexes {
            return Err(Failure::invalid_parameter("VectorIndexes are not supported"));
        }
        let mut specs = Vec::new();
        for index in self.local_indexes.iter().flatten() {
            if keys.len() < 2 {
                return Err(Failure::invalid_parameter(
                    "Table KeySchema does not have a range key, which is required when specifying a \
                     LocalSecondaryIndex",
                ));
            }
            add(&mut specs, spec::local_index(index, keys, definitions)?)?;
        }
        if specs.len() > MAX_LOCAL_INDEXES {
            return Err(Failure::invalid_parameter("Number of LocalSecondaryIndexes exceeds per-table limit of 5"));
        }
        for index in self.global_indexes.iter().flatten() {
            add(&mut specs, spec::global_index(index, billing, definitions)?)?;
        }
        if self.global_indexes.as_ref().is_some_and(|indexes| indexes.len() > MAX_GLOBAL_INDEXES) {
            return Err(Failure::invalid_parameter("GlobalSecondaryIndex count exceeds the per-table limit of 20"));
        }
        Ok(specs)
    }

    /// Every definition is the key of something.
    fn check_all_used(&self, keys: &[NamedKind], definitions: &[NamedKind]) -> Result<(), Failure> {
        let of_indexes = self.local_indexes.iter().chain(&self.global_indexes).flatten().flat_map(IndexMember::keys);
        let mut used: Vec<&str> = Vec::new();
        for key in keys.iter().chain(of_indexes) {
            if !used.contains(&key.name()) {
                used.push(key.name());
            }
        }
        if definitions.iter().all(|definition| used.contains(&definition.name())) {
            return Ok(());
        }
        Err(Failure::invalid_parameter(format_args!(
            "Some AttributeDefinitions are not used. AttributeDefinitions: [{}], keys used: [{}]",
            spec::names(definitions),
            used.join(", ")
        )))
    }
}

/// The table class by its name on the wire.
pub(super) fn table_class(name: Option<&str>) -> Option<TableClass> {
    match name? {
        "STANDARD_INFREQUENT_ACCESS" => Some(TableClass::InfrequentAccess),
        _ => Some(TableClass::Standard),
    }
}

/// What a new index is to keep besides.
pub(super) fn index_settings(index: &IndexMember, billing: BillingMode) -> Result<IndexSettings, Failure> {
    let subject = Subject::Index(index.name());
    let throughput = index.throughput.map(spec::units).transpose()?.unwrap_or_default();
    Ok(IndexSettings {
        on_demand_limit: units::new_limit(index.on_demand, billing, subject)?,
        warm_throughput: units::new_warm(index.warm, billing, throughput, subject)?,
        ..IndexSettings::default()
    })
}

fn add(specs: &mut Vec<IndexSpec>, spec: IndexSpec) -> Result<(), Failure> {
    if specs.iter().any(|known| known.name == spec.name) {
        return Err(Failure::invalid_parameter(format_args!("Duplicate index name: {}", spec.name)));
    }
    specs.push(spec);
    Ok(())
}
