//! `UpdateTable`: billing, throughput, stream, deletion protection, and global indexes of a table that exists.

use super::{
    create_table::{MAX_GLOBAL_KEY_ELEMENTS, index_settings, table_class},
    describe_table::answer,
    replica_updates,
};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::{Reader, Token},
    profile::Profile,
    shape::{self, JsonContext},
    table::{
        description::{Answer, UPDATING, is_becoming_provisioned, is_updating},
        encryption::{self, Encryption},
        members::{self, IndexMember, NamedKind, StreamMember},
        name::TableName,
        quotas, spec,
        units::{self, Subject, Units},
    },
    validate::{Violations, values},
};
use hashrange::{
    admin::TableUpdate,
    schema::{BillingMode, IndexKind, ProvisionedThroughput, Since, TableDefinition, TableSettings, UnitPair},
};

/// Members for features that are not here.
const UNSUPPORTED: [&str; 3] =
    ["GlobalTableSettingsReplicationMode", "DisassociationProtectionEnabled", "VectorIndexUpdates"];

#[derive(Default)]
struct Request<'a> {
    table: TableName<'a>,
    definitions: Option<Vec<NamedKind>>,
    billing: Option<String>,
    throughput: Option<Units>,
    on_demand: Option<Units>,
    warm: Option<Units>,
    encryption: Option<Encryption>,
    index_updates: Option<Vec<IndexUpdate>>,
    stream: Option<StreamMember>,
    table_class: Option<String>,
    deletion_protection: Option<bool>,
    /// A member that asks for something that is not here.
    unsupported: Option<&'static str>,
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
    if let Some(outcome) = replica_updates::run(context, body) {
        return outcome;
    }
    let request = Request::decode(body)?;
    request.table.check_control(context)?;
    request.check_members()?;
    request.check_changes(context.profile)?;
    // Other tables are looked at before this one is held.
    let others = match request.changes_throughput() {
        true => quotas::of_others(context, request.table.name()),
        false => quotas::Sum::default(),
    };
    let simultaneous = quotas::Simultaneous::of_others(context, request.table.name());
    let mut before = None;
    let decide = |table: &TableDefinition| {
        let update = request.to_update(context, table)?;
        quotas::check_change(context, others, table, &update)?;
        if update.throughput.is_some() || update.billing.is_some() {
            simultaneous.check()?;
        }
        before = Some(Box::new(table.clone()));
        Ok::<_, Failure>(update)
    };
    let description = match context.world {
        None => context.database.update_table_with(request.table.name(), decide)?,
        Some(world) => world.update_table_with(request.table.name(), &context.owner.region, decide)?,
    };
    let is_encrypting = request.encryption.is_some();
    let status = request.shows_updating().then_some(UPDATING);
    let clears = |units: Option<i64>| units == Some(units::NO_LIMIT);
    let cleared = request.on_demand.map(|limit| (clears(limit.read), clears(limit.write))).unwrap_or_default();
    let how = Answer { status, is_encrypting, before, cleared, ..Answer::default() };
    Ok(answer(context, "TableDescription", &description, how))
}

impl<'a> Request<'a> {
    fn decode(body: &'a [u8]) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            match name {
                "TableName" => request.table = TableName::new(shape::string(reader)?),
                "AttributeDefinitions" => request.definitions = members::attribute_definitions(reader)?,
                "BillingMode" => request.billing = members::text(reader)?,
                "ProvisionedThroughput" => request.throughput = units::throughput(reader)?,
                "GlobalSecondaryIndexUpdates" => {
                    request.index_updates = members::structures(reader, "globalSecondaryIndexUpdates", index_update)?;
                }
                "StreamSpecification" => request.stream = members::stream(reader)?,
                "TableClass" => request.table_class = members::text(reader)?,
                "DeletionProtectionEnabled" => request.deletion_protection = shape::boolean(reader)?,
                "OnDemandThroughput" => request.on_demand = units::on_demand(reader)?,
                "WarmThroughput" => request.warm = units::warm(reader)?,
                "SSESpecification" => request.encryption = encryption::specification(reader)?,
                _ => match UNSUPPORTED.iter().find(|member| **member == name) {
                    Some(member) if reader.peek()? != Token::Null => {
                        request.unsupported = Some(member);
                        reader.skip()?;
                    }
                    _ => reader.skip()?,
                },
            }
            Ok(())
        })?;
        Ok(request)
    }

    /// Whether more throughput may be reserved by it.
    fn changes_throughput(&self) -> bool {
        self.throughput.is_some() || !self.updates().is_empty()
    }

    /// Whether the table is not active meanwhile, as it is while its key, its limits, its warm throughput or its protection
    /// change.
    fn shows_updating(&self) -> bool {
        self.changes_throughput() || self.billing.is_some() || self.stream.is_some() || self.table_class.is_some()
    }

    fn updates(&self) -> &[IndexUpdate] {
        self.index_updates.as_deref().unwrap_or_default()
    }

    fn check_members(&self) -> Result<(), Failure> {
        let mut violations = Violations::default();
        violations.one_of(self.billing.as_deref(), "billingMode", values::BILLING_MODE);
        members::check_definitions(self.definitions.as_deref().unwrap_or_default(), &mut violations);
        units::check_throughput(self.throughput, "provisionedThroughput", &mut violations);
        for (position, update) in self.updates().iter().enumerate() {
            let path = format!("globalSecondaryIndexUpdates.{}.member", position + 1);
            if let Some(index) = &update.update {
                check_name(index, &format!("{path}.update"), &mut violations);
                let path = format!("{path}.update.provisionedThroughput");
                units::check_throughput(index.throughput, &path, &mut violations);
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
        if let Some(encryption) = &self.encryption {
            encryption.check(&mut violations);
        }
        violations.finish()?;
        spec::check_table_class(self.table_class.as_deref())
    }

    /// What can be told without looking at the table.
    fn check_changes(&self, profile: Profile) -> Result<(), Failure> {
        let changes_something = self.throughput.is_some()
            || self.billing.is_some()
            || !self.updates().is_empty()
            || self.stream.is_some()
            || self.table_class.is_some()
            || self.deletion_protection.is_some()
            || self.encryption.is_some()
            || self.on_demand.is_some()
            || self.warm.is_some();
        if let Some(member) = self.unsupported {
            let what = format_args!("UpdateTable with {member}");
            return Err(Failure::unsupported(what));
        }
        if !changes_something {
            return Err(Failure::validation(profile.no_change()));
        }
        if self.on_demand.is_some_and(|limit| limit.read.is_none() && limit.write.is_none()) {
            return Err(Failure::internal_failure()); // so it is in the service
        }
        match (self.billing.as_deref(), self.throughput) {
            (Some("PROVISIONED"), None) => {
                return Err(Failure::invalid_parameter(
                    "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
                ));
            }
            (Some("PAY_PER_REQUEST"), Some(_)) => {
                return Err(Failure::invalid_parameter(profile.throughput_on_demand()));
            }
            (_, Some(throughput)) => drop(spec::units(throughput)?),
            _ => {}
        }
        self.check_alone()?;
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

    /// Changes that the service makes alone, and how it calls them.
    fn check_alone(&self) -> Result<(), Failure> {
        let count = usize::from(self.throughput.is_some() || self.billing.is_some())
            + usize::from(!self.updates().is_empty())
            + usize::from(self.stream.is_some())
            + usize::from(self.table_class.is_some())
            + usize::from(self.deletion_protection.is_some())
            + usize::from(self.encryption.is_some())
            + usize::from(self.on_demand.is_some())
            + usize::from(self.warm.is_some());
        let alone = [
            (self.encryption.is_some(), "Server-Side Encryption modification"),
            (self.table_class.is_some(), "TableClass modification"),
            (self.deletion_protection.is_some(), "DeletionProtection modification"),
            (self.warm.is_some(), "WarmThroughput"),
        ];
        if let Some((_, what)) = alone.into_iter().find(|(given, _)| *given && count > 1) {
            return Err(Failure::invalid_parameter(format_args!("{what} must be the only operation in the request")));
        }
        let changes_indexes = self.updates().iter().any(|update| update.create.is_some() || update.delete.is_some());
        if self.stream.is_some() && changes_indexes {
            let text = "You cannot create or delete index while changing stream status";
            return Err(Failure::invalid_parameter(text));
        }
        Ok(())
    }

    /// What the engine shall change, now that the table is known.
    fn to_update(&self, context: &Context<'_>, table: &TableDefinition) -> Result<TableUpdate, Failure> {
        let billing = match self.billing.as_deref() {
            Some("PROVISIONED") => Some(BillingMode::Provisioned),
            Some(_) => Some(BillingMode::PayPerRequest),
            None => None,
        };
        if billing == Some(BillingMode::PayPerRequest) && is_becoming_provisioned(context, table) {
            return Ok(TableUpdate::default()); // the service says yes, and goes on with the switch
        }
        if replica_updates::replica_under_way(context, table).is_some() {
            let text = "The resource which you are attempting to change is in use.";
            return Err(Failure::service("ResourceInUseException", text));
        }
        if (self.billing.is_some() || self.throughput.is_some()) && is_updating(context, table) {
            return Err(Failure::service(
                "ResourceInUseException",
                format!(
                    "Attempt to change a resource which is still in use: Table IOPS are currently being updated. Table: {}",
                    table.name
                ),
            ));
        }
        let mut update = TableUpdate {
            billing,
            throughput: self.throughput(table, billing)?,
            deletion_protection: self.deletion_protection,
            ..TableUpdate::default()
        };
        let billing = billing.unwrap_or(table.billing);
        self.check_indexes_provisioned(table, billing)?;
        let mut settings = self.settings(context, table, billing)?;
        for index in self.updates() {
            self.change_index(context, index, table, billing, (&mut update, &mut settings))?;
        }
        if let Some(stream) = &self.stream {
            update.stream = Some(match stream.enabled {
                Some(true) => spec::enabled_stream(stream)?,
                _ => None,
            });
        }
        update.settings = (settings != table.settings).then(|| Box::new(settings));
        Ok(update)
    }

    /// A table that becomes provisioned needs throughput for each of its global indexes.
    fn check_indexes_provisioned(&self, table: &TableDefinition, billing: BillingMode) -> Result<(), Failure> {
        if table.billing == BillingMode::Provisioned || billing == BillingMode::PayPerRequest {
            return Ok(());
        }
        let is_given = |name: &str| {
            let updates = self.updates().iter().filter_map(|update| update.update.as_ref().or(update.delete.as_ref()));
            updates.into_iter().any(|update| update.name() == name)
        };
        let mut indexes = table.indexes.iter().filter(|index| index.kind == IndexKind::Global);
        match indexes.find(|index| !is_given(&index.name)) {
            None => Ok(()),
            Some(index) => Err(Failure::invalid_parameter(format_args!(
                "ProvisionedThroughput must be specified for index: {}",
                index.name
            ))),
        }
    }

    /// What the table keeps besides, after the change.
    fn settings(
        &self,
        context: &Context<'_>,
        table: &TableDefinition,
        billing: BillingMode,
    ) -> Result<TableSettings, Failure> {
        let at_millis = context.now_millis();
        let mut settings = table.settings.clone();
        if let Some(value) = table_class(self.table_class.as_deref()) {
            quotas::count_class_change(&mut settings.table_class_changes_millis, at_millis)?;
            settings.table_class = Some(Since { value, at_millis });
            settings.table_class_override = None;
        }
        if let Some(encryption) = &self.encryption {
            if let Some(keys) = context.keys {
                keys.check(table).map_err(Failure::validation)?;
            }
            encryption.change(context, &mut settings)?;
        }
        if self.on_demand.is_some() {
            let before = settings.on_demand_limit;
            settings.on_demand_limit = units::other_limit(self.on_demand, before, billing, Subject::Table)?;
        }
        let warm = units::warm_of_table(table);
        if self.warm.is_some() {
            settings.warm_throughput = units::other_warm(self.warm, warm, Subject::Table)?;
            let raised = settings.warm_throughput;
            let shown = units::Warming::of_table(context, table).map_or(warm, |warming| warming.before);
            settings.warm_before = units::warm_before(settings.warm_before, (warm, shown), raised, at_millis);
        } else if self.throughput.is_some() || self.billing.is_some() {
            // What a table was once ready for it stays ready for.
            settings.warm_throughput = UnitPair { read_units_per_sec: Some(warm.0), write_units_per_sec: Some(warm.1) };
        }
        Ok(settings)
    }

    /// One element of `GlobalSecondaryIndexUpdates`.
    fn change_index(
        &self,
        context: &Context<'_>,
        change: &IndexUpdate,
        table: &TableDefinition,
        billing: BillingMode,
        (update, settings): (&mut TableUpdate, &mut TableSettings),
    ) -> Result<(), Failure> {
        if let Some(create) = &change.create {
            let Some(definitions) = &self.definitions else {
                return Err(spec::undefined(create.keys(), &[]));
            };
            let definitions = spec::agreed(table, definitions, context.profile)?;
            update.create_index = Some(spec::global_index(create, billing, &definitions)?);
            settings.indexes.insert(create.name().to_owned(), index_settings(create, billing)?);
        } else if let Some(delete) = &change.delete {
            check_exists(table, delete.name())?;
            update.delete_index = Some(delete.name().to_owned());
        } else if let Some(change) = &change.update {
            change_throughput(change, table, billing, (update, settings), context)?;
        }
        Ok(())
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
    violations.required_name(&index.name, &format!("{path}.indexName"));
}

fn check_exists(table: &TableDefinition, index: &str) -> Result<(), Failure> {
    if table.indexes.iter().any(|known| known.name == index && known.kind == IndexKind::Global) {
        return Ok(());
    }
    Err(Failure::not_found("Requested resource not found"))
}

/// New throughput, limits and warm throughput of an index.
fn change_throughput(
    change: &IndexMember,
    table: &TableDefinition,
    billing: BillingMode,
    (update, settings): (&mut TableUpdate, &mut TableSettings),
    context: &Context<'_>,
) -> Result<(), Failure> {
    let name = change.name();
    check_exists(table, name)?;
    let Some(index) = table.index(name) else { return Ok(()) };
    let subject = Subject::Index(name);
    let mut kept = settings.index(name);
    let warm = units::warm_of_index(table, index, &kept);
    if let Some(throughput) = change.throughput {
        if billing == BillingMode::PayPerRequest {
            return Err(Failure::invalid_parameter(format_args!(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {name} when BillingMode is \
                 PAY_PER_REQUEST"
            )));
        }
        let units = spec::units(throughput)?;
        if table.billing == BillingMode::Provisioned && index.throughput == Some(units) {
            return Err(Failure::validation(unchanged("index", name, units)));
        }
        update.index_throughput.push((name.to_owned(), units));
        kept.warm_throughput = UnitPair { read_units_per_sec: Some(warm.0), write_units_per_sec: Some(warm.1) };
    } else if change.on_demand.is_none() && change.warm.is_none() {
        let path = "globalSecondaryIndexUpdates.1.member.update.provisionedThroughput";
        let mut violations = Violations::default();
        violations.not_null(&change.throughput, path);
        return violations.finish();
    }
    if change.on_demand.is_some() {
        kept.on_demand_limit = units::other_limit(change.on_demand, kept.on_demand_limit, billing, subject)?;
    }
    if change.warm.is_some() {
        let shown = units::Warming::of_index(context, table, index, &kept).map_or(warm, |warming| warming.before);
        kept.warm_throughput = units::other_warm(change.warm, warm, subject)?;
        let at_millis = context.now_millis();
        kept.warm_before = units::warm_before(kept.warm_before, (warm, shown), kept.warm_throughput, at_millis);
    }
    settings.indexes.insert(name.to_owned(), kept);
    Ok(())
}

/// The error of throughput that is what it was.
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
