//! `CreateBackup`, `DescribeBackup`, `DeleteBackup` and `ListBackups`.

use super::{
    continuous_backups,
    job_arns::{self, JobArn},
};
use crate::{
    arn::{self, Arn},
    context::Context,
    error::{Failure, Outcome},
    jobs::records::{BackupKind, BackupRecord},
    json::Writer,
    shape,
    table::{description, encryption, members, name::TableName},
    timing::takes,
    validate::Violations,
};
use hashrange::schema::{BillingMode, IndexDefinition, IndexKind, ProvisionedThroughput, TableDefinition};
use std::time::Duration;

/// How long a description waits for the numbers of a backup that was just made.
const COUNTING: Duration = Duration::from_secs(2);
const MAX_PAGE: i64 = 100;
/// What the backup of a deleted table is called behind the table's name.
const SYSTEM_NAME: &str = "$DeletedTableBackup";

/// The rejection where there is no backup.
pub(super) fn not_found(arn: &JobArn) -> Failure {
    Failure::service("BackupNotFoundException", format!("Backup not found: {}", arn.given))
}

/// Makes a backup.
pub(super) fn create(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut table, mut backup) = (TableName::default(), None);
    shape::request(body, |reader, name| {
        match name {
            "TableName" => table = TableName::new(shape::string(reader)?),
            "BackupName" => backup = members::text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    table.check_control(context)?;
    let mut violations = Violations::default();
    violations.required_name(&backup, "backupName");
    violations.finish()?;
    let definition = continuous_backups::table(context, &table)?;
    continuous_backups::check_age(context, &definition)?;
    let name = backup.unwrap_or_default();
    let record = context.jobs().create_backup(&name, BackupKind::User, &definition)?;
    let mut out = Writer::with_capacity(512);
    out.begin_object();
    write_details(&mut out, &record, &arn_of(context, &record), "CREATING");
    out.end_object();
    Ok(out.into_bytes())
}

/// Keeps a table with point-in-time recovery that is being deleted.
pub(super) fn before_deletion(context: &Context<'_>, table: &TableDefinition) -> Result<Option<BackupRecord>, Failure> {
    if table.settings.point_in_time_recovery.is_none() || table.deletion_protection {
        return Ok(None);
    }
    let name = format!("{}{SYSTEM_NAME}", table.name);
    context.jobs().create_backup(&name, BackupKind::System, table).map(Some)
}

pub(super) fn describe(context: &Context<'_>, body: &[u8]) -> Outcome {
    let given = job_arns::decode(body, "BackupArn")?;
    let arn = job_arns::parse(context, &given, "Backup")?;
    let record = find(context, &arn)?;
    Ok(described(context, &record, &arn, status(context, &record)))
}

/// The backup of an ARN, with its numbers if they are there soon.
pub(super) fn find(context: &Context<'_>, arn: &JobArn) -> Result<BackupRecord, Failure> {
    let jobs = context.jobs();
    let is_of_table = |backup: &BackupRecord| backup.definition.name == arn.table;
    let find = || Ok::<_, Failure>(jobs.backup(&arn.id)?.filter(is_of_table));
    match find()? {
        Some(record) if record.is_counted => Ok(record),
        Some(_) => {
            context.board.wait_for(&arn.id, COUNTING);
            find()?.ok_or_else(|| not_found(arn))
        }
        None => Err(not_found(arn)),
    }
}

pub(super) fn delete(context: &Context<'_>, body: &[u8]) -> Outcome {
    let given = job_arns::decode(body, "BackupArn")?;
    let arn = job_arns::parse(context, &given, "Backup")?;
    let record = find(context, &arn)?;
    if record.kind == BackupKind::System {
        return Err(Failure::validation(format!(
            "Invalid Request: User is not allowed to delete the system backup with arn {given}. It will automatically expire \
             on {}",
            crate::transfer::manifest::instant(record.expiry_millis.unwrap_or_default())
        )));
    }
    let jobs = context.jobs();
    if jobs.restore_from(&record.id)?.is_some() {
        let text = format!("Backup is being used to restore table: {given}");
        return Err(Failure::service("BackupInUseException", text));
    }
    let is_gone = !jobs.delete_backup(&record.id)?;
    if is_gone { Err(not_found(&arn)) } else { Ok(described(context, &record, &arn, "DELETED")) }
}

fn status(context: &Context<'_>, record: &BackupRecord) -> &'static str {
    if context.is_under_way(record.created_millis, takes::BACKUP) { "CREATING" } else { "AVAILABLE" }
}

fn arn_of(context: &Context<'_>, record: &BackupRecord) -> String {
    format!("{}/backup/{}", context.owner.table_arn(&record.definition.name), record.id)
}

fn write_details(out: &mut Writer, record: &BackupRecord, arn: &str, status: &str) {
    out.name("BackupDetails");
    out.begin_object();
    out.string_member("BackupArn", arn);
    out.string_member("BackupName", &record.name);
    out.integer_member("BackupSizeBytes", record.size_bytes);
    out.string_member("BackupStatus", status);
    out.string_member("BackupType", record.kind.name());
    out.time_member("BackupCreationDateTime", record.created_millis);
    if let Some(expiry) = record.expiry_millis {
        out.time_member("BackupExpiryDateTime", expiry);
    }
    out.end_object();
}

/// `BackupDescription`.
fn described(context: &Context<'_>, record: &BackupRecord, arn: &JobArn, status: &str) -> Vec<u8> {
    let mut out = Writer::with_capacity(1_024);
    out.begin_object();
    out.name("BackupDescription");
    out.begin_object();
    write_details(&mut out, record, &arn.given, status);
    write_source(&mut out, context, record);
    out.name("SourceTableFeatureDetails");
    out.begin_object();
    if record.kind == BackupKind::User {
        write_features(&mut out, context, &record.definition);
    }
    out.end_object();
    out.end_object();
    out.end_object();
    out.into_bytes()
}

fn write_source(out: &mut Writer, context: &Context<'_>, record: &BackupRecord) {
    let table = &record.definition;
    out.name("SourceTableDetails");
    out.begin_object();
    out.string_member("TableName", &table.name);
    out.string_member("TableId", &arn::table_id(table));
    out.string_member("TableArn", &context.owner.table_arn(&table.name));
    out.integer_member("TableSizeBytes", record.size_bytes);
    description::write_key_schema(out, std::slice::from_ref(&table.key.hash), table.key.range.as_slice());
    out.time_member("TableCreationDateTime", table.created_millis);
    write_throughput(out, table.billing, Some(table.throughput));
    description::write_limit(out, table.settings.on_demand_limit);
    out.integer_member("ItemCount", record.item_count);
    let billing = if table.billing == BillingMode::Provisioned { "PROVISIONED" } else { "PAY_PER_REQUEST" };
    out.string_member("BillingMode", billing);
    out.end_object();
}

fn write_throughput(out: &mut Writer, billing: BillingMode, throughput: Option<ProvisionedThroughput>) {
    let units = if billing == BillingMode::Provisioned { throughput.unwrap_or_default() } else { Default::default() };
    out.name("ProvisionedThroughput");
    out.begin_object();
    out.integer_member("ReadCapacityUnits", units.read_units_per_sec);
    out.integer_member("WriteCapacityUnits", units.write_units_per_sec);
    out.end_object();
}

/// What was on when the backup was made.
fn write_features(out: &mut Writer, context: &Context<'_>, table: &TableDefinition) {
    for (kind, name) in [(IndexKind::Local, "LocalSecondaryIndexes"), (IndexKind::Global, "GlobalSecondaryIndexes")] {
        let indexes: Vec<&IndexDefinition> = table.indexes.iter().filter(|index| index.kind == kind).collect();
        if indexes.is_empty() {
            continue;
        }
        out.name(name);
        out.begin_array();
        for index in indexes {
            out.begin_object();
            out.string_member("IndexName", &index.name);
            description::write_key_schema(out, &index.hash, &index.range);
            description::write_projection(out, &index.projection);
            if kind == IndexKind::Global {
                write_throughput(out, table.billing, index.throughput);
                description::write_limit(out, table.settings.index(&index.name).on_demand_limit);
            }
            out.end_object();
        }
        out.end_array();
    }
    if let Some(stream) = &table.stream {
        out.name("StreamDescription");
        out.begin_object();
        out.boolean_member("StreamEnabled", true);
        out.string_member("StreamViewType", description::stream_view_name(stream.view));
        out.end_object();
    }
    if let Some(attribute) = &table.ttl_attribute {
        out.name("TimeToLiveDescription");
        out.begin_object();
        out.string_member("TimeToLiveStatus", "ENABLED");
        out.string_member("AttributeName", attribute);
        out.end_object();
    }
    encryption::write(out, context, table, false);
}

/// Which backups are listed.
#[derive(Default)]
struct ListRequest {
    table: Option<String>,
    lower: Option<f64>,
    upper: Option<f64>,
    kind: Option<String>,
    limit: Option<i32>,
    start: Option<String>,
}

impl ListRequest {
    fn decode(body: &[u8]) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            match name {
                "TableName" => request.table = members::text(reader)?,
                "TimeRangeLowerBound" => request.lower = shape::double(reader)?,
                "TimeRangeUpperBound" => request.upper = shape::double(reader)?,
                "BackupType" => request.kind = members::text(reader)?,
                "Limit" => request.limit = shape::integer(reader)?,
                "ExclusiveStartBackupArn" => request.start = members::text(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        let mut violations = Violations::default();
        violations.one_of(request.kind.as_deref(), "backupType", &["USER", "SYSTEM", "AWS_BACKUP", "ALL"]);
        violations.at_least(request.limit.map(i64::from), "limit", 1);
        violations.at_most(request.limit.map(i64::from), "limit", MAX_PAGE);
        if let Some(start) = &request.start {
            violations.length(start.chars().count(), start, "exclusiveStartBackupArn", 37, 1_024);
        }
        violations.finish()?;
        if request.lower.zip(request.upper).is_some_and(|(lower, upper)| lower > upper) {
            let text = "Time range lower bound must be less than or equal to upper bound";
            return Err(Failure::invalid_parameter(text));
        }
        Ok(request)
    }

    fn selects(&self, backup: &BackupRecord) -> bool {
        let is_kind = match self.kind.as_deref() {
            Some("ALL") => true,
            kind => backup.kind.name() == kind.unwrap_or("USER"),
        };
        let name = self.table.as_deref().map(|given| Arn::parse(given).map_or(given, |arn| arn.table));
        is_kind
            && name.is_none_or(|name| backup.definition.name == name)
            && self.lower.is_none_or(|lower| backup.created_millis >= millis(lower))
            && self.upper.is_none_or(|upper| backup.created_millis < millis(upper))
    }
}

/// Seconds since 1970 with a fraction, in milliseconds.
pub(super) fn millis(seconds: f64) -> u64 {
    // The cast of a float saturates, which is what is wanted.
    (seconds * 1000.0).round() as u64
}

pub(super) fn list(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = ListRequest::decode(body)?;
    let start = match &request.start {
        None => None,
        Some(start) => {
            let arn = job_arns::parse(context, start, "Backup")?;
            if arn.region != context.owner.region {
                let text = "Invalid Request: The supplied ExclusiveStartBackupArn does not match the region";
                return Err(Failure::validation(text));
            }
            Some(arn.id)
        }
    };
    let mut backups = context.jobs().backups()?;
    backups.retain(|backup| request.selects(backup) && start.as_ref().is_none_or(|start| backup.id > *start));
    let size = usize::try_from(request.limit.map_or(MAX_PAGE, i64::from)).unwrap_or(0);
    let mut out = Writer::with_capacity(64 + backups.len().min(size) * 512);
    out.begin_object();
    out.name("BackupSummaries");
    out.begin_array();
    for backup in backups.iter().take(size) {
        write_summary(&mut out, context, backup);
    }
    out.end_array();
    if backups.len() > size
        && let Some(last) = backups.get(size - 1)
    {
        out.string_member("LastEvaluatedBackupArn", &arn_of(context, last));
    }
    out.end_object();
    Ok(out.into_bytes())
}

fn write_summary(out: &mut Writer, context: &Context<'_>, backup: &BackupRecord) {
    out.begin_object();
    out.string_member("TableName", &backup.definition.name);
    out.string_member("TableId", &arn::table_id(&backup.definition));
    out.string_member("TableArn", &context.owner.table_arn(&backup.definition.name));
    out.string_member("BackupArn", &arn_of(context, backup));
    out.string_member("BackupName", &backup.name);
    out.time_member("BackupCreationDateTime", backup.created_millis);
    if let Some(expiry) = backup.expiry_millis {
        out.time_member("BackupExpiryDateTime", expiry);
    }
    out.string_member("BackupStatus", status(context, backup));
    out.string_member("BackupType", backup.kind.name());
    out.integer_member("BackupSizeBytes", backup.size_bytes);
    out.end_object();
}
