//! `RestoreTableFromBackup` and `RestoreTableToPointInTime`.
//!
//! Both make a new table with the items, the keys, the chosen indexes, the billing and the key of encryption of the source, and
//! nothing else of it.

use super::{
    backups,
    continuous_backups::{self, Window},
    describe_table::{answer, no_table},
    job_arns,
    restore_overrides::Overrides,
};
use crate::{
    arn::Arn,
    context::Context,
    error::{Failure, Outcome},
    jobs::records::{RestoreRecord, RestoreSource, is_loading},
    json::Reader,
    shape,
    table::{
        description::{Answer, CREATING, Restoring},
        members,
        name::TableName,
    },
    transfer::manifest::instant,
    validate::Violations,
};
use hashrange::{admin::TableDescription, schema::TableDefinition};

/// Restores that may go on at a time.
const MAX_RESTORES: usize = 50;

/// What both requests have.
#[derive(Default)]
struct Request {
    target: Option<String>,
    overrides: Overrides,
}

impl Request {
    /// Decodes a member if both requests have it; says whether it was one.
    fn member(&mut self, reader: &mut Reader<'_>, name: &str) -> Result<bool, Failure> {
        if name == "TargetTableName" {
            self.target = members::text(reader)?;
            return Ok(true);
        }
        self.overrides.member(reader, name)
    }

    fn check(&self, violations: &mut Violations) {
        violations.required_name(&self.target, "targetTableName");
        self.overrides.check(violations);
    }

    fn target(&self) -> &str {
        self.target.as_deref().unwrap_or_default()
    }

    /// Nothing has the name of the new table.
    fn check_target(&self, context: &Context<'_>) -> Result<(), Failure> {
        let target = self.target();
        let Ok(table) = context.root.describe_table(target) else { return Ok(()) };
        let restore = context.jobs().restore_of(target)?.filter(|_| is_loading(&table.definition));
        Err(match restore.map(|restore| restore.source) {
            Some(RestoreSource::Backup { arn, .. }) => Failure::service(
                "TableInUseException",
                format!("Table: {target} is already being restored from backup: {arn}"),
            ),
            Some(RestoreSource::Point { .. }) => {
                Failure::service("TableInUseException", format!("Table: {target} is already being restored"))
            }
            None => Failure::service("TableAlreadyExistsException", format!("Table already exists: {target}")),
        })
    }

    /// Begins the restore of `table`, as of `restore_millis`.
    fn begin(
        self,
        context: &Context<'_>,
        table: &TableDefinition,
        source: RestoreSource,
        restore_millis: u64,
    ) -> Outcome {
        let jobs = context.jobs();
        if jobs.restores()?.len() >= MAX_RESTORES {
            let text =
                format!("Subscriber limit exceeded: Only {MAX_RESTORES} restore operations can be done simultaneously");
            return Err(Failure::limit_exceeded(text));
        }
        let target = self.target().to_owned();
        let spec = self.overrides.spec(context, &target, table)?;
        let started_millis = context.now_millis();
        let source_table = table.name.clone();
        let mut shown = None;
        let record = |made: &TableDescription| {
            let (target, definition) = (made.definition.name.clone(), (*made.definition).clone());
            let record = RestoreRecord { target, source, source_table, restore_millis, started_millis, definition };
            shown = Some(Box::new(summary(context, &record)));
            record
        };
        let description = jobs.restore(spec, record).map_err(|failure| match failure.name() {
            "ResourceInUseException" => {
                Failure::service("TableAlreadyExistsException", format!("Table already exists: {target}"))
            }
            _ => failure,
        })?;
        let how = Answer { restoring: shown, ..Answer::from(CREATING) };
        Ok(answer(context, "TableDescription", &description, how))
    }
}

fn summary(context: &Context<'_>, record: &RestoreRecord) -> Restoring {
    let backup_arn = match &record.source {
        RestoreSource::Backup { arn, .. } => Some(arn.clone()),
        RestoreSource::Point { .. } => None,
    };
    Restoring { backup_arn, table_arn: context.owner.table_arn(&record.source_table), at_millis: record.restore_millis }
}

/// What a table that is being filled is restored from, if it is restored.
pub(super) fn of_table(context: &Context<'_>, table: &TableDescription) -> Result<Option<Box<Restoring>>, Failure> {
    if !is_loading(&table.definition) {
        return Ok(None);
    }
    let record = context.jobs().restore_of(&table.definition.name)?;
    Ok(record.map(|record| Box::new(summary(context, &record))))
}

pub(super) fn from_backup(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut request, mut backup) = (Request::default(), None);
    shape::request(body, |reader, name| {
        match name {
            "BackupArn" => backup = members::text(reader)?,
            _ if request.member(reader, name)? => {}
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    request.check(&mut violations);
    job_arns::checked(&backup, "backupArn", &mut violations);
    violations.finish()?;
    let given = backup.unwrap_or_default();
    let arn = job_arns::parse(context, &given, "Backup")?;
    let backup = backups::find(context, &arn)?;
    if arn.region != context.owner.region && !request.overrides.has_encryption() {
        let text = "Invalid Request: sseSpecificationOverride must be provided for cross-region restores";
        return Err(Failure::validation(text));
    }
    request.check_target(context)?;
    if context.jobs().restore_from(&backup.id)?.is_some() {
        let text = format!("Backup is being used to restore another table: {given}");
        return Err(Failure::service("BackupInUseException", text));
    }
    let source = RestoreSource::Backup { id: backup.id.clone(), arn: given };
    request.begin(context, &backup.definition, source, backup.created_millis)
}

/// Which table is restored, and to when.
#[derive(Default)]
struct PointRequest {
    common: Request,
    name: Option<String>,
    arn: Option<String>,
    latest: Option<bool>,
    time: Option<f64>,
}

impl PointRequest {
    fn decode(body: &[u8]) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, member| {
            match member {
                "SourceTableName" => request.name = members::text(reader)?,
                "SourceTableArn" => request.arn = members::text(reader)?,
                "UseLatestRestorableTime" => request.latest = shape::boolean(reader)?,
                "RestoreDateTime" => request.time = shape::double(reader)?,
                _ if request.common.member(reader, member)? => {}
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        let mut violations = Violations::default();
        request.common.check(&mut violations);
        violations.finish()?;
        Ok(request)
    }

    /// The time that is asked for, in milliseconds since 1970; `None` for the latest.
    fn time(&self) -> Result<Option<u64>, Failure> {
        match (self.latest.unwrap_or(false), self.time) {
            (true, Some(_)) => Err(Failure::validation(
                "Invalid Request: Both RestoreDateTime and UseLatestRestorableTime cannot be set for point-in-time restore \
                 request.",
            )),
            (false, None) => Err(Failure::validation(
                "Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both",
            )),
            (true, None) => Ok(None),
            (false, Some(seconds)) => Ok(Some(backups::millis(seconds))),
        }
    }

    /// The table that is restored.
    fn source(&self, context: &Context<'_>) -> Result<TableName<'static>, Failure> {
        let name = match (&self.name, &self.arn) {
            (Some(_), Some(_)) => {
                return Err(Failure::validation("Must provide exactly one of: sourceTableArn, sourceTableName"));
            }
            (None, None) => {
                let text = "The parameter 'TableName' is required but was not present in the request";
                return Err(Failure::validation(text));
            }
            (Some(name), None) => name,
            (None, Some(arn)) => {
                let parsed = Arn::parse(arn).filter(|arn| arn.part.is_none());
                let parsed = parsed.ok_or_else(|| Failure::invalid_parameter("sourceTableArn is not a valid ARN"))?;
                if parsed.account != context.owner.account {
                    return Err(Failure::validation(
                        "This action is only supported by accounts that match the resource owner’s account.",
                    ));
                }
                if parsed.region != context.owner.region && !self.common.overrides.has_encryption() {
                    let text = "Invalid Request: sseSpecificationOverride must be provided for cross-region restores";
                    return Err(Failure::validation(text));
                }
                if !context.owner.owns(&parsed) {
                    return Err(no_table(arn));
                }
                arn
            }
        };
        let name = TableName::new(Some(std::borrow::Cow::Owned(name.clone())));
        name.check_control(context)?;
        Ok(name)
    }
}

pub(super) fn to_point_in_time(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = PointRequest::decode(body)?;
    let source = request.source(context)?;
    let time = request.time()?;
    let jobs = context.jobs();
    // What this request found in the history stays there until its restore is recorded.
    let _history = jobs.board.hold_history();
    let definition = continuous_backups::table(context, &source)?;
    let window = continuous_backups::recovery(context, &definition)?;
    let asked = match time {
        None => window.latest_millis,
        Some(asked) => within(asked, window)?,
    };
    request.common.check_target(context)?;
    let now_millis = context.now_millis();
    let commit = jobs.last_commit();
    // What is ahead by less than a second, and what is the present, is everything that there is.
    let is_now = asked >= now_millis;
    let at_millis = (!is_now).then_some(asked);
    request.common.begin(context, &definition, RestoreSource::Point { at_millis, commit }, asked)
}

/// A time that can be restored. It is asked for in whole seconds, so that the second of the first moment counts as that moment.
fn within(asked: u64, window: Window) -> Result<u64, Failure> {
    let Window { earliest_millis, latest_millis } = window;
    if asked < earliest_millis / 1000 * 1000 || asked > latest_millis {
        return Err(Failure::service(
            "InvalidRestoreTimeException",
            format!(
                "RestoreDateTime '{}' must be within EarliestRestorableDateTime '{}' and LatestRestorableDateTime '{}'",
                instant(asked),
                instant(earliest_millis),
                instant(latest_millis)
            ),
        ));
    }
    Ok(asked.max(earliest_millis))
}
