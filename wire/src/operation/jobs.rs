//! Operations on backups, exports, imports and bulk writes, as far as there are none: nothing is found, lists are empty, and
//! what would begin one is checked as the service checks it and then refused as not supported.

use super::{
    continuous_backups,
    describe_table::{absent, decode_name},
};
use crate::{
    arn::Arn,
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    shape,
    table::{members, name::TableName},
    validate::Violations,
};

/// Shortest and longest ARN of a backup, an export, an import or a bulk operation, in characters.
const ARN_CHARS: (usize, usize) = (37, 1_024);

/// An ARN in the member of this name, with the constraints on it.
fn arn(body: &[u8], member: &str) -> Result<String, Failure> {
    let mut found = None;
    shape::request(body, |reader, name| {
        if name == member {
            found = members::text(reader)?;
            return Ok(());
        }
        Ok(reader.skip()?)
    })?;
    let path = crate::profile::lower_first(member);
    let mut violations = Violations::default();
    violations.not_null(&found, &path);
    if let Some(arn) = &found {
        violations.length(arn.chars().count(), arn, &path, ARN_CHARS.0, ARN_CHARS.1);
    }
    violations.finish()?;
    Ok(found.unwrap_or_default())
}

/// The ARN of a `kind` (`Backup`, `Export`, `Import`), in the member of that name.
fn arn_of(body: &[u8], kind: &str) -> Result<String, Failure> {
    let arn = arn(body, &format!("{kind}Arn"))?;
    let part = format!("{}/", kind.to_ascii_lowercase());
    if Arn::parse(&arn).and_then(|arn| arn.part).is_none_or(|found| !found.starts_with(&part)) {
        return Err(Failure::validation(format!("Invalid {kind} ARN")));
    }
    Ok(arn)
}

/// A list in which there is nothing, in the member of this name; `most` and `limit` are the bound on the size of a page and its
/// member.
fn empty_list(body: &[u8], member: &str, limit: &str, most: i64) -> Outcome {
    let (mut size, mut token) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            _ if name == limit => size = shape::integer(reader)?,
            "NextToken" => token = members::text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let path = crate::profile::lower_first(limit);
    let mut violations = Violations::default();
    violations.at_least(size.map(i64::from), &path, 1);
    violations.at_most(size.map(i64::from), &path, most);
    violations.finish()?;
    if let Some(token) = token {
        return Err(Failure::validation(format!("Invalid Request: Provided nextToken is invalid: {token}")));
    }
    Ok(list_of_none(member))
}

/// A response that lists nothing in `member`.
pub(super) fn list_of_none(member: &str) -> Vec<u8> {
    let mut out = Writer::with_capacity(32);
    out.begin_object();
    out.name(member);
    out.begin_array();
    out.end_array();
    out.end_object();
    out.into_bytes()
}

/// `CreateBackup`.
pub(super) fn create_backup(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut table, mut backup) = (TableName::default(), None);
    shape::request(body, |reader, name| {
        match name {
            "TableName" => table = TableName::new(shape::string(reader)?),
            "BackupName" => backup = members::text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    table.check_control(context.profile)?;
    let mut violations = Violations::default();
    violations.required_name(&backup, "backupName");
    violations.finish()?;
    let definition = continuous_backups::table(context, &table)?;
    continuous_backups::check_age(context, &definition)?;
    Err(Failure::unsupported("CreateBackup: no backups are made"))
}

/// `DescribeBackup`, `DeleteBackup`.
pub(super) fn no_backup(_: &Context<'_>, body: &[u8]) -> Outcome {
    let arn = arn_of(body, "Backup")?;
    Err(Failure::service("BackupNotFoundException", format!("Backup not found: {arn}")))
}

/// `ListBackups`.
pub(super) fn list_backups(_: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut lower, mut upper, mut kind) = (None, None, None);
    shape::request(body, |reader, name| {
        match name {
            "TimeRangeLowerBound" => lower = shape::double(reader)?,
            "TimeRangeUpperBound" => upper = shape::double(reader)?,
            "BackupType" => kind = members::text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.one_of(kind.as_deref(), "backupType", &["USER", "SYSTEM", "AWS_BACKUP", "ALL"]);
    violations.finish()?;
    if lower.zip(upper).is_some_and(|(lower, upper)| lower > upper) {
        let text = "Time range lower bound must be less than or equal to upper bound";
        return Err(Failure::invalid_parameter(text));
    }
    empty_list(body, "BackupSummaries", "Limit", 100)
}

/// `RestoreTableFromBackup`: the backup is not there.
pub(super) fn restore_from_backup(context: &Context<'_>, body: &[u8]) -> Outcome {
    check_target(body)?;
    no_backup(context, body)
}

/// The name of the table that a restore would make.
fn check_target(body: &[u8]) -> Result<(), Failure> {
    let mut target = None;
    shape::request(body, |reader, name| {
        match name {
            "TargetTableName" => target = members::text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.required_name(&target, "targetTableName");
    violations.finish()
}

/// `RestoreTableToPointInTime`.
pub(super) fn restore_to_point_in_time(context: &Context<'_>, body: &[u8]) -> Outcome {
    check_target(body)?;
    let (mut name, mut arn, mut latest, mut time) = (None, None, None, None);
    shape::request(body, |reader, member| {
        match member {
            "SourceTableName" => name = shape::string(reader)?,
            "SourceTableArn" => arn = shape::string(reader)?,
            "UseLatestRestorableTime" => latest = shape::boolean(reader)?,
            "RestoreDateTime" => time = shape::double(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let source = match (name, arn) {
        (Some(_), Some(_)) => {
            return Err(Failure::validation("Must provide exactly one of: sourceTableArn, sourceTableName"));
        }
        (None, None) => {
            let text = "The parameter 'TableName' is required but was not present in the request";
            return Err(Failure::validation(text));
        }
        (name, arn) => TableName::new(name.or(arn)),
    };
    let latest = latest.unwrap_or(false);
    if latest && time.is_some() {
        let text = "Invalid Request: Both RestoreDateTime and UseLatestRestorableTime cannot be set for point-in-time \
                    restore request.";
        return Err(Failure::validation(text));
    }
    if !latest && time.is_none() {
        let text = "Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not \
                    both";
        return Err(Failure::validation(text));
    }
    source.check_control(context.profile)?;
    check_recovery(context, &source)?;
    Err(Failure::unsupported("RestoreTableToPointInTime: no history is kept"))
}

/// Point-in-time recovery has to be on.
fn check_recovery(context: &Context<'_>, table: &TableName<'_>) -> Result<(), Failure> {
    let definition = continuous_backups::table(context, table)?;
    if definition.settings.point_in_time_recovery.is_some() {
        return Ok(());
    }
    Err(Failure::service(
        "PointInTimeRecoveryUnavailableException",
        format!("Point in time recovery is not enabled for table '{}'", definition.name),
    ))
}

/// `ExportTableToPointInTime`.
pub(super) fn export(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut table, mut bucket) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "TableArn" => table = shape::string(reader)?,
            "S3Bucket" => bucket = members::text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.not_null(&table, "tableArn");
    violations.not_null(&bucket, "s3Bucket");
    violations.finish()?;
    let table = TableName::new(table);
    match Arn::parse(table.given()) {
        None => return Err(Failure::invalid_parameter("tableArn is not a valid ARN")),
        Some(arn) if arn.part.is_some() => return Err(Failure::validation("Invalid Request: Table ARN is invalid.")),
        Some(arn) if !context.owner.owns(&arn) => return Err(Failure::access_denied("Access is denied")),
        Some(_) => check_recovery(context, &table)?,
    }
    Err(Failure::unsupported("ExportTableToPointInTime: there is no S3 to export to"))
}

/// `DescribeExport`.
pub(super) fn no_export(_: &Context<'_>, body: &[u8]) -> Outcome {
    let arn = arn_of(body, "Export")?;
    // The service says it twice.
    Err(Failure::service("ExportNotFoundException", format!("Export not found: Export not found: {arn}")))
}

/// `ListExports`.
pub(super) fn list_exports(_: &Context<'_>, body: &[u8]) -> Outcome {
    empty_list(body, "ExportSummaries", "MaxResults", 25)
}

/// `ImportTable`.
pub(super) fn import(_: &Context<'_>, body: &[u8]) -> Outcome {
    let mut given = [("S3BucketSource", false), ("InputFormat", false), ("TableCreationParameters", false)];
    shape::request(body, |reader, name| {
        if let Some(member) = given.iter_mut().find(|(member, _)| *member == name) {
            member.1 = true;
        }
        Ok(reader.skip()?)
    })?;
    let mut violations = Violations::default();
    for (member, is_given) in given {
        violations.not_null(&is_given.then_some(()), &crate::profile::lower_first(member));
    }
    violations.finish()?;
    Err(Failure::unsupported("ImportTable: there is no S3 to import from"))
}

/// `DescribeImport`.
pub(super) fn no_import(_: &Context<'_>, body: &[u8]) -> Outcome {
    let arn = arn_of(body, "Import")?;
    Err(Failure::service("ImportNotFoundException", format!("Import not found: {arn}")))
}

/// `ListImports`.
pub(super) fn list_imports(_: &Context<'_>, body: &[u8]) -> Outcome {
    empty_list(body, "ImportSummaryList", "PageSize", 25)
}

/// `StartBulkPutItems`.
pub(super) fn start_bulk(context: &Context<'_>, body: &[u8]) -> Outcome {
    let table = decode_name(context, body)?;
    context.database.describe_table(table.name()).map_err(|error| absent(error, table.name()))?;
    Err(Failure::unsupported("StartBulkPutItems: there is no S3 to read from"))
}

/// `DescribeBulkOperation`, `CancelBulkOperation`.
pub(super) fn no_bulk(_: &Context<'_>, body: &[u8]) -> Outcome {
    let arn = arn(body, "BulkOperationArn")?;
    Err(Failure::not_found(format!("Requested resource not found: Bulk operation: {arn} not found")))
}

/// `ListBulkOperations`.
pub(super) fn list_bulk(_: &Context<'_>, body: &[u8]) -> Outcome {
    empty_list(body, "BulkOperationsSummaryList", "MaxResults", 25)
}

/// `SearchVectors`: no table has a vector index.
pub(super) fn search_vectors(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut table, mut index) = (TableName::default(), None);
    shape::request(body, |reader, name| {
        match name {
            "TableName" => table = TableName::new(shape::string(reader)?),
            "IndexName" => index = members::text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    table.check(&mut violations, "tableName", false);
    violations.not_null(&index, "indexName");
    violations.finish()?;
    let index = index.unwrap_or_default();
    let open = context.database.dynamic_table(table.name())?;
    if open.definition().index(&index).is_none() {
        return Err(Failure::validation(format!("The table does not have the specified index: {index}")));
    }
    Err(Failure::unsupported("SearchVectors: there are no vector indexes"))
}
