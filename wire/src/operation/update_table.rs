//! `UpdateTable`: billing, throughput, stream, deletion protection, and global indexes of a table that exists.

use super::{
    create_table::MAX_GLOBAL_KEY_ELEMENTS,
    describe_table::{absent, answer},
};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::Reader,
    shape::{self, JsonContext},
    table::{
        members::{self, IndexMember, NamedKind, StreamMember, Throughput},
        name::TableName,
        spec,
    },
    validate::{Violations, values},
};
use hashrange::{BillingMode, IndexKind, KeyAttribute, ProvisionedThroughput, TableDefinition, TableUpdate};

#[derive(Default)]
struct Request<'a> {
    table: TableName<'a>,
    definitions: Option<Vec<NamedKind>>,
    billing: Option<String>,
    throughput: Option<Throughput>,
    index_updates: Option<Vec<IndexUpdate>>,
    stream: Option<StreamMember>,
    table_class: Option<String>,
    deletion_protection: Option<bool>,
    /// A member that asks for something that makes no difference here, such as encryption.
    has_other_change: bool,
}

/// An element of `GlobalSecondaryIndexUpdates`.
#[derive(Default)]
struct IndexUpdate {
    update: Option<IndexMember>,
    create: Option<IndexMember>,
    delete: Option<IndexMember>,
}

impl IndexUpdate {
    fn name(&self) -> Option<&str> {
        [&self.update, &self.create, &self.delete].into_iter().flatten().map(IndexMember::name).next()
    }
}

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    request.table.check_control(context.profile)?;
    request.check_members()?;
    request.check_changes()?;
    let name = request.table.name();
    let current = context.database.describe_table(name).map_err(|error| absent(error, name))?;
    let update = request.to_update(&current.definition)?;
    let description = context.database.update_table(name, update).map_err(|error| absent(error, name))?;
    Ok(answer(context, "TableDescription", &description, Some("UPDATING")))
}

impl<'a> Request<'a> {
    fn decode(body: &'a [u8]) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            match name {
                "TableName" => request.table = TableName::new(shape::string(reader)?),
                "AttributeDefinitions" => request.definitions = members::attribute_definitions(reader)?,
                "BillingMode" => request.billing = members::text(reader)?,
                "ProvisionedThroughput" => request.throughput = members::throughput(reader)?,
                "GlobalSecondaryIndexUpdates" => {
                    request.index_updates = members::structures(reader, index_update)?;
                }
                "StreamSpecification" => request.stream = members::stream(reader)?,
                "TableClass" => request.table_class = members::text(reader)?,
                "DeletionProtectionEnabled" => request.deletion_protection = shape::boolean(reader)?,
                "SSESpecification" | "OnDemandThroughput" | "WarmThroughput" => {
                    let class = name.to_owned();
                    let present = shape::structure(reader, JsonContext::Field, &class, |reader, _| Ok(reader.skip()?))?;
                    request.has_other_change |= present;
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(request)
    }

    fn updates(&self) -> &[IndexUpdate] {
        self.index_updates.as_deref().unwrap_or_default()
    }

    fn check_members(&self) -> Result<(), Failure> {
        let mut violations = Violations::default();
        violations.one_of(self.billing.as_deref(), "billingMode", values::BILLING_MODE);
        violations.one_of(self.table_class.as_deref(), "tableClass", values::TABLE_CLASS);
        members::check_definitions(self.definitions.as_deref().unwrap_or_default(), &mut violations);
        members::check_throughput(self.throughput, "provisionedThroughput", &mut violations);
        for (position, update) in self.updates().iter().enumerate() {
            let path = format!("globalSecondaryIndexUpdates.{}.member", position + 1);
            if let Some(index) = &update.update {
                check_name(index, &format!("{path}.update"), &mut violations);
                let path = format!("{path}.update.provisionedThroughput");
                violations.not_null(&index.throughput, &path);
                members::check_throughput(index.throughput, &path, &mut violations);
            }
            if let Some(index) = &update.create {
                members::check_index(index, &format!("{path}.create"), MAX_GLOBAL_KEY_ELEMENTS, &mut violations);
            }
            if let Some(index) = &update.delete {
                check_name(index, &format!("{path}.delete"), &mut violations);
            }
        }
        if let Some(stream) = &self.stream {
            violations.not_null(&stream.enabled, "streamSpecification.streamEnabled");
            let path = "streamSpecification.streamViewType";
            violations.one_of(stream.view.as_deref(), path, values::STREAM_VIEW);
        }
        violations.finish()
    }

    /// What can be told without looking at the table.
    fn check_changes(&self) -> Result<(), Failure> {
        let changes_something = self.throughput.is_some()
            || self.billing.is_some()
            || !self.updates().is_empty()
            || self.stream.is_some()
            || self.table_class.is_some()
            || self.deletion_protection.is_some()
            || self.has_other_change;
        if !changes_something {
            return Err(Failure::validation(
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates \
                 or SSESpecification or ReplicaUpdates is required",
            ));
        }
        match (self.billing.as_deref(), self.throughput) {
            (Some("PROVISIONED"), None) => {
                return Err(Failure::invalid_parameter(
                    "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
                ));
            }
            (Some("PAY_PER_REQUEST"), Some(_)) => {
                return Err(Failure::invalid_parameter(
                    "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is \
                     PAY_PER_REQUEST",
                ));
            }
            (_, Some(throughput)) => drop(spec::units(throughput)?),
            _ => {}
        }
        self.check_index_updates()
    }

    fn check_index_updates(&self) -> Result<(), Failure> {
        let mut names: Vec<&str> = Vec::new();
        for update in self.updates() {
            let Some(name) = update.name() else {
                return Err(Failure::invalid_parameter(
                    "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, \
                     GlobalSecondaryIndexUpdate.Delete must not be null",
                ));
            };
            if [&update.update, &update.create, &update.delete].into_iter().flatten().count() > 1 {
                return Err(Failure::invalid_parameter(
                    "Only one of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, \
                     GlobalSecondaryIndexUpdate.Delete may be specified in one update",
                ));
            }
            if names.contains(&name) {
                return Err(Failure::invalid_parameter(format_args!(
                    "Only one global secondary index update per index is allowed simultaneously. Index: {name}"
                )));
            }
            names.push(name);
        }
        let starts = self.updates().iter().filter(|update| update.create.is_some() || update.delete.is_some());
        if starts.count() > 1 {
            return Err(Failure::limit_exceeded(
                "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
            ));
        }
        Ok(())
    }

    /// What the engine shall change, now that the table is known.
    fn to_update(&self, table: &TableDefinition) -> Result<TableUpdate, Failure> {
        let billing = match self.billing.as_deref() {
            Some("PROVISIONED") => Some(BillingMode::Provisioned),
            Some(_) => Some(BillingMode::PayPerRequest),
            None => None,
        };
        let mut update = TableUpdate {
            billing,
            throughput: self.throughput(table, billing)?,
            deletion_protection: self.deletion_protection,
            ..TableUpdate::default()
        };
        for index in self.updates() {
            if let Some(create) = &index.create {
                let Some(definitions) = &self.definitions else {
                    return Err(spec::undefined(create.keys(), &[]));
                };
                check_agree(table, definitions)?;
                update.create_index = Some(spec::global_index(create, billing.unwrap_or(table.billing), definitions)?);
            } else if let Some(delete) = &index.delete {
                check_exists(table, delete.name())?;
                update.delete_index = Some(delete.name().to_owned());
            } else if let Some(change) = &index.update {
                check_exists(table, change.name())?;
                let units = spec::units(change.throughput.unwrap_or_default())?;
                check_index_throughput(table, change.name(), units)?;
                update.index_throughput.push((change.name().to_owned(), units));
            }
        }
        if let Some(stream) = &self.stream {
            update.stream = Some(match stream.enabled {
                Some(true) => spec::stream(stream)?,
                _ => None,
            });
        }
        Ok(update)
    }

    /// New provisioned throughput, which has to differ from what the table has.
    fn throughput(
        &self,
        table: &TableDefinition,
        billing: Option<BillingMode>,
    ) -> Result<Option<ProvisionedThroughput>, Failure> {
        let Some(throughput) = self.throughput else { return Ok(None) };
        let units = spec::units(throughput)?;
        match (table.billing, billing.unwrap_or(table.billing)) {
            (_, BillingMode::PayPerRequest) => Err(Failure::invalid_parameter(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
            )),
            (BillingMode::Provisioned, _) if units == table.throughput => {
                Err(Failure::validation(unchanged("table", "", units)))
            }
            _ => Ok(Some(units)),
        }
    }
}

/// A request defines no attribute twice, and none with another type than the table knows it by.
fn check_agree(table: &TableDefinition, definitions: &[NamedKind]) -> Result<(), Failure> {
    spec::check_distinct(definitions)?;
    let public = table.indexes.iter().filter(|index| index.kind != IndexKind::Expiry);
    let of_indexes = public.flat_map(|index| index.hash.iter().chain(&index.range));
    for KeyAttribute { name, kind } in table.key.attributes().chain(of_indexes) {
        let redefined = definitions.iter().find(|new| new.name() == name && new.kind() != kind.name());
        if let Some(new) = redefined {
            return Err(Failure::invalid_parameter(format_args!(
                "Attributes cannot be redefined. Please check that your attribute has the same type as previously \
                 defined. Existing schema: Schema:[SchemaElement: key{{{name}:{}:HASH}}] New schema: \
                 Schema:[SchemaElement: key{{{name}:{}:HASH}}]",
                kind.name(),
                new.kind()
            )));
        }
    }
    Ok(())
}

fn index_update(reader: &mut Reader<'_>) -> Result<Option<IndexUpdate>, Failure> {
    let mut update = IndexUpdate::default();
    let present = shape::structure(reader, JsonContext::Element, "GlobalSecondaryIndexUpdate", |reader, name| {
        let class = format!("{name}GlobalSecondaryIndexAction");
        match name {
            "Update" => update.update = members::index(reader, JsonContext::Field, &class)?,
            "Create" => update.create = members::index(reader, JsonContext::Field, &class)?,
            "Delete" => update.delete = members::index(reader, JsonContext::Field, &class)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(present.then_some(update))
}

fn check_name(index: &IndexMember, path: &str, violations: &mut Violations) {
    let path = format!("{path}.indexName");
    violations.not_null(&index.name, &path);
    if let Some(name) = &index.name {
        violations.name(name, &path, true);
    }
}

fn check_exists(table: &TableDefinition, index: &str) -> Result<(), Failure> {
    if table.indexes.iter().any(|known| known.name == index && known.kind == IndexKind::Global) {
        return Ok(());
    }
    Err(Failure::not_found("Requested resource not found"))
}

fn check_index_throughput(table: &TableDefinition, index: &str, units: ProvisionedThroughput) -> Result<(), Failure> {
    let current = table.indexes.iter().find(|known| known.name == index).and_then(|known| known.throughput);
    if current == Some(units) {
        return Err(Failure::validation(unchanged("index", index, units)));
    }
    Ok(())
}

/// The refusal of throughput that is what it was.
fn unchanged(what: &str, name: &str, units: ProvisionedThroughput) -> String {
    let subject = if name.is_empty() { what.to_owned() } else { format!("{what} {name}") };
    let (read, write) = (units.read_units_per_sec, units.write_units_per_sec);
    format!(
        "The provisioned throughput for the {subject} will not change. The requested value equals the current value. \
         Current ReadCapacityUnits provisioned for the {what}: {read}. Requested ReadCapacityUnits: {read}. \
         Current WriteCapacityUnits provisioned for the {what}: {write}. Requested WriteCapacityUnits: {write}. \
         Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
    )
}
