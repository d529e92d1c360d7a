//! What a restored table shall be otherwise than its source: indexes, billing, throughput, encryption.

use crate::{
    context::Context,
    error::Failure,
    json::Reader,
    shape::{self, JsonContext},
    table::{
        encryption::{self, Encryption},
        members::{self, IndexMember, NamedKind},
        quotas, spec,
        units::{self, Subject, Units},
    },
    validate::{Violations, values},
};
use hashrange::{
    admin::{IndexSpec, TableSpec},
    schema::{
        BillingMode, IndexDefinition, IndexKind, IndexSettings, Projection, ProvisionedThroughput, Since,
        TableDefinition, TableSettings,
    },
};

/// The members of a restore that say so.
#[derive(Default)]
pub(super) struct Overrides {
    billing: Option<String>,
    throughput: Option<Units>,
    on_demand: Option<Units>,
    encryption: Option<Encryption>,
    global_indexes: Option<Vec<IndexMember>>,
    local_indexes: Option<Vec<IndexMember>>,
    vector_indexes: Vec<String>,
}

fn refuse<T>(text: impl std::fmt::Display) -> Result<T, Failure> {
    Err(Failure::validation(format!("Invalid Request: {text}")))
}

impl Overrides {
    /// Decodes a member if it is an override; says whether it was one.
    pub(super) fn member(&mut self, reader: &mut Reader<'_>, name: &str) -> Result<bool, Failure> {
        match name {
            "BillingModeOverride" => self.billing = members::text(reader)?,
            "ProvisionedThroughputOverride" => self.throughput = units::throughput(reader)?,
            "OnDemandThroughputOverride" => self.on_demand = units::on_demand(reader)?,
            "SSESpecificationOverride" => self.encryption = encryption::specification(reader)?,
            "GlobalSecondaryIndexOverride" => {
                self.global_indexes = members::structures(reader, "globalSecondaryIndexOverride", |reader| {
                    members::index(reader, JsonContext::Element, "GlobalSecondaryIndex")
                })?;
            }
            "LocalSecondaryIndexOverride" => {
                self.local_indexes = members::structures(reader, "localSecondaryIndexOverride", |reader| {
                    members::index(reader, JsonContext::Element, "LocalSecondaryIndex")
                })?;
            }
            "VectorIndexOverride" => {
                shape::list(reader, |reader| {
                    let index = members::index(reader, JsonContext::Element, "VectorIndex")?;
                    self.vector_indexes.extend(index.map(|index| index.name().to_owned()));
                    Ok(())
                })?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Constraints on the members by themselves.
    pub(super) fn check(&self, violations: &mut Violations) {
        violations.one_of(self.billing.as_deref(), "billingModeOverride", values::BILLING_MODE);
        units::check_throughput(self.throughput, "provisionedThroughputOverride", violations);
        let families = [
            (&self.global_indexes, "globalSecondaryIndexOverride", super::create_table::MAX_GLOBAL_KEY_ELEMENTS),
            (&self.local_indexes, "localSecondaryIndexOverride", 2),
        ];
        for (indexes, path, most_keys) in families {
            for (position, index) in indexes.iter().flatten().enumerate() {
                members::check_index(index, &format!("{path}.{}.member", position + 1), most_keys, violations);
            }
        }
        if let Some(encryption) = &self.encryption {
            encryption.check(violations);
        }
    }

    /// Whether a key of encryption is named.
    pub(super) fn has_encryption(&self) -> bool {
        self.encryption.is_some()
    }

    /// The table that is to be made out of `source`.
    pub(super) fn spec(
        self,
        context: &Context<'_>,
        target: &str,
        source: &TableDefinition,
    ) -> Result<TableSpec, Failure> {
        let billing = self.billing(source)?;
        let throughput = self.throughput(billing, source)?;
        let mut settings = TableSettings::default();
        settings.on_demand_limit = match self.limit(billing)? {
            Some(limit) => limit,
            None if billing == BillingMode::PayPerRequest => source.settings.on_demand_limit,
            None => Default::default(),
        };
        settings.encryption_key = match &self.encryption {
            None => source.settings.encryption_key.clone(),
            Some(encryption) => encryption.key(context)?.map(|value| Since { value, at_millis: context.now_millis() }),
        };
        let mut indexes = self.indexes(IndexKind::Local, &self.local_indexes, billing, source, &mut settings)?;
        indexes.extend(self.indexes(IndexKind::Global, &self.global_indexes, billing, source, &mut settings)?);
        if let Some(name) = self.vector_indexes.first() {
            return refuse(no_such_index(name));
        }
        let mut spec = TableSpec::new(target, source.key.clone());
        (spec.billing, spec.throughput, spec.indexes, spec.settings) = (billing, throughput, indexes, settings);
        quotas::check_new(context, &spec)?;
        Ok(spec)
    }

    fn billing(&self, source: &TableDefinition) -> Result<BillingMode, Failure> {
        match self.billing.as_deref() {
            None => {
                if self.throughput.is_some() && source.billing == BillingMode::PayPerRequest {
                    return refuse("Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED");
                }
                Ok(source.billing)
            }
            Some("PROVISIONED") if self.throughput.is_none() => {
                refuse("Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED")
            }
            Some("PROVISIONED") => Ok(BillingMode::Provisioned),
            Some(_) if self.throughput.is_some() => {
                refuse("Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST")
            }
            Some(_) => Ok(BillingMode::PayPerRequest),
        }
    }

    fn throughput(&self, billing: BillingMode, source: &TableDefinition) -> Result<ProvisionedThroughput, Failure> {
        match (billing, self.throughput) {
            (BillingMode::PayPerRequest, _) => Ok(ProvisionedThroughput::default()),
            (BillingMode::Provisioned, Some(units)) => spec::units(units),
            (BillingMode::Provisioned, None) => Ok(source.throughput),
        }
    }

    /// A limit on demand that is asked for; one without a number counts as none.
    fn limit(&self, billing: BillingMode) -> Result<Option<hashrange::schema::UnitPair>, Failure> {
        let asked = self.on_demand.unwrap_or_default();
        for (limit, member) in [(asked.read, "MaxReadRequestUnits"), (asked.write, "MaxWriteRequestUnits")] {
            let Some(limit) = limit else { continue };
            if billing != BillingMode::PayPerRequest {
                return refuse(format_args!(
                    "Cannot override {member} for OnDemandThroughput unless BillingModeOverride is PAY_PER_REQUEST"
                ));
            }
            if limit < 1 && limit != -1 {
                return refuse(format_args!("Requested {member} for OnDemandThroughput is outside of valid range"));
            }
        }
        if asked == Units::default() {
            return Ok(None);
        }
        units::other_limit(self.on_demand, Default::default(), billing, Subject::Table).map(Some)
    }

    /// Indexes of a kind: those that are listed, which must equal recorded ones but for their name, or all.
    fn indexes(
        &self,
        kind: IndexKind,
        listed: &Option<Vec<IndexMember>>,
        billing: BillingMode,
        source: &TableDefinition,
        settings: &mut TableSettings,
    ) -> Result<Vec<IndexSpec>, Failure> {
        let recorded: Vec<&IndexDefinition> = source.indexes.iter().filter(|index| index.kind == kind).collect();
        let Some(listed) = listed else {
            return recorded.iter().map(|index| self.recorded(index, billing, source, settings)).collect();
        };
        let mut chosen = Vec::new();
        for member in listed {
            let Some(index) = recorded.iter().find(|index| is_same(member, index)) else {
                return refuse(no_such_index(member.name()));
            };
            let throughput = match (kind, billing, member.throughput) {
                (IndexKind::Global, BillingMode::PayPerRequest, Some(_)) => {
                    let text = "Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST for index";
                    return refuse(format_args!("{text} {}", member.name()));
                }
                (IndexKind::Global, BillingMode::Provisioned, Some(units)) => Some(spec::units(units)?),
                (IndexKind::Global, BillingMode::Provisioned, None) => Some(self.throughput_of(index, member.name())?),
                _ => None,
            };
            let limit = units::new_limit(member.on_demand, billing, Subject::Index(member.name()))?;
            let warm =
                units::new_warm(member.warm, billing, throughput.unwrap_or_default(), Subject::Index(member.name()))?;
            let of_index = IndexSettings { on_demand_limit: limit, warm_throughput: warm, ..IndexSettings::default() };
            if of_index != IndexSettings::default() {
                settings.indexes.insert(member.name().to_owned(), of_index);
            }
            chosen.push(spec_of(index, member.name(), throughput));
        }
        Ok(chosen)
    }

    /// An index as it was recorded.
    fn recorded(
        &self,
        index: &IndexDefinition,
        billing: BillingMode,
        source: &TableDefinition,
        settings: &mut TableSettings,
    ) -> Result<IndexSpec, Failure> {
        let is_provisioned = index.kind == IndexKind::Global && billing == BillingMode::Provisioned;
        let throughput = if is_provisioned { Some(self.throughput_of(index, &index.name)?) } else { None };
        let limit = source.settings.index(&index.name).on_demand_limit;
        if !limit.is_empty() && billing == BillingMode::PayPerRequest {
            let of_index = IndexSettings { on_demand_limit: limit, ..IndexSettings::default() };
            settings.indexes.insert(index.name.clone(), of_index);
        }
        Ok(spec_of(index, &index.name, throughput))
    }

    /// The recorded throughput of an index.
    fn throughput_of(&self, index: &IndexDefinition, name: &str) -> Result<ProvisionedThroughput, Failure> {
        match index.throughput.filter(|units| units.read_units_per_sec > 0) {
            Some(throughput) => Ok(throughput),
            None => refuse(format_args!("Must specify provisioned throughput for index {name}")),
        }
    }
}

fn no_such_index(name: &str) -> String {
    format!(
        "Index {name} does not match a secondary index that existed in the source table and cannot be created during the restore \
         operation"
    )
}

fn spec_of(index: &IndexDefinition, name: &str, throughput: Option<ProvisionedThroughput>) -> IndexSpec {
    IndexSpec {
        name: name.to_owned(),
        kind: index.kind,
        hash: index.hash.clone(),
        range: index.range.clone(),
        projection: index.projection.clone(),
        throughput,
    }
}

/// Whether a listed index has the keys and the projection of a recorded one.
fn is_same(member: &IndexMember, index: &IndexDefinition) -> bool {
    let of_kind = |kind: &str| -> Vec<&str> {
        member.keys().iter().filter(|key| key.kind() == kind).map(NamedKind::name).collect()
    };
    let names = |keys: &[hashrange::schema::KeyAttribute]| keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>();
    if of_kind("HASH") != names(&index.hash) || of_kind("RANGE") != names(&index.range) {
        return false;
    }
    let Some(projection) = &member.projection else { return false };
    let mut listed = projection.attributes.clone().unwrap_or_default();
    listed.sort_unstable();
    match (projection.kind.as_deref().unwrap_or("ALL"), &index.projection) {
        ("ALL", Projection::All) | ("KEYS_ONLY", Projection::KeysOnly) => listed.is_empty(),
        ("INCLUDE", Projection::Include(names)) => {
            let mut names = names.clone();
            names.sort_unstable();
            names == listed
        }
        _ => false,
    }
}
