//! `DescribeContinuousBackups` and `UpdateContinuousBackups`: whether a table has point-in-time recovery.
//!
//! The operations on backups call a table that is not there by another name than all others do.

use super::describe_table::decode_name;
use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    shape::{self, JsonContext},
    table::name::TableName,
    timing::{Timing, takes},
    validate::Violations,
};
use hashrange::{
    ErrorKind,
    admin::TableUpdate,
    schema::{PointInTimeRecovery, TableDefinition, TableStatus},
};
use std::sync::Arc;

/// Days that can be gone back, unless a request says otherwise; also the most.
const MAX_PERIOD_DAYS: u32 = 35;
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// The error of operations on backups where there is no table.
fn no_table(given: &str) -> Failure {
    Failure::service("TableNotFoundException", format!("Table not found: {given}"))
}

fn missing(error: hashrange::Error, given: &str) -> Failure {
    if error.kind() == ErrorKind::NotFound { no_table(given) } else { error.into() }
}

/// A table that operations on backups may look at: they do not see one that is being created.
pub(super) fn table(context: &Context<'_>, table: &TableName<'_>) -> Result<Arc<TableDefinition>, Failure> {
    let definition = context.database.describe_table(table.name()).map_err(|error| missing(error, table.given()))?;
    let definition = definition.definition;
    if definition.status != TableStatus::Creating {
        return Ok(definition);
    }
    let is_imported = !context.jobs().importing(table.name())?.is_empty();
    if is_imported { Err(too_young(&definition)) } else { Err(no_table(table.given())) }
}

fn too_young(table: &TableDefinition) -> Failure {
    Failure::service(
        "ContinuousBackupsUnavailableException",
        format!("Backups are being enabled for the table: {}. Please retry later", table.name),
    )
}

/// From when to when a table can be restored, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) earliest_millis: u64,
    pub(super) latest_millis: u64,
}

/// The window of a table whose point-in-time recovery has to be on.
pub(super) fn recovery(context: &Context<'_>, table: &TableDefinition) -> Result<Window, Failure> {
    match table.settings.point_in_time_recovery {
        Some(recovery) => Ok(window(context, recovery)),
        None => Err(Failure::service(
            "PointInTimeRecoveryUnavailableException",
            format!("Point in time recovery is not enabled for table '{}'", table.name),
        )),
    }
}

/// Rejects a table that is too young for backups.
pub(super) fn check_age(context: &Context<'_>, table: &TableDefinition) -> Result<(), Failure> {
    if context.is_under_way(table.created_millis, takes::CONTINUOUS_BACKUPS) { Err(too_young(table)) } else { Ok(()) }
}

pub(super) fn describe(context: &Context<'_>, body: &[u8]) -> Outcome {
    let name = decode_name(context, body)?;
    let table = table(context, &name)?;
    Ok(respond(context, &table))
}

pub(super) fn update(context: &Context<'_>, body: &[u8]) -> Outcome {
    let mut name = TableName::default();
    let (mut has_specification, mut enabled, mut period) = (false, None, None);
    shape::request(body, |reader, member| {
        match member {
            "TableName" => name = TableName::new(shape::string(reader)?),
            "PointInTimeRecoverySpecification" => {
                has_specification = shape::structure(reader, JsonContext::Field, member, |reader, member| {
                    match member {
                        "PointInTimeRecoveryEnabled" => enabled = shape::boolean(reader)?,
                        "RecoveryPeriodInDays" => period = shape::integer(reader)?,
                        _ => reader.skip()?,
                    }
                    Ok(())
                })?;
            }
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    name.check_control(context)?;
    let mut violations = Violations::default();
    violations.not_null(&has_specification.then_some(()), "pointInTimeRecoverySpecification");
    if has_specification {
        violations.not_null(&enabled, "pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled");
    }
    let path = "pointInTimeRecoverySpecification.recoveryPeriodInDays";
    violations.at_least(period.map(i64::from), path, 1);
    violations.at_most(period.map(i64::from), path, MAX_PERIOD_DAYS.into());
    violations.finish()?;
    let period = period.and_then(|days| u32::try_from(days).ok());
    let enabled = enabled.unwrap_or(false);
    if !enabled && period.is_some() {
        let text = "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery.";
        return Err(Failure::validation(text));
    }
    let definition = table(context, &name)?;
    check_age(context, &definition)?;
    let jobs = context.jobs();
    // Until the setting is there, another table that goes must not take history with it.
    let history = jobs.board.hold_history();
    if enabled {
        jobs.keep_history()?;
    }
    let now_millis = context.now_millis();
    let decide = |table: &TableDefinition| {
        let mut settings = table.settings.clone();
        settings.point_in_time_recovery = enabled.then(|| {
            let before = settings.point_in_time_recovery;
            let period_days = period.or(before.map(|before| before.period_days)).unwrap_or(MAX_PERIOD_DAYS);
            let enabled_millis = before.map_or(now_millis, |before| before.enabled_millis);
            PointInTimeRecovery { enabled_millis, period_days }
        });
        let settings = (settings != table.settings).then(|| Box::new(settings));
        Ok::<_, hashrange::Error>(TableUpdate { settings, ..TableUpdate::default() })
    };
    let changed =
        context.database.update_table_with(name.name(), decide).map_err(|error| missing(error, name.given()))?;
    drop(history);
    if !enabled {
        jobs.stop_history()?;
    }
    Ok(respond(context, &changed.definition))
}

fn respond(context: &Context<'_>, table: &TableDefinition) -> Vec<u8> {
    let possible = !context.is_under_way(table.created_millis, takes::CONTINUOUS_BACKUPS);
    let mut out = Writer::with_capacity(256);
    out.begin_object();
    out.name("ContinuousBackupsDescription");
    out.begin_object();
    out.string_member("ContinuousBackupsStatus", if possible { "ENABLED" } else { "DISABLED" });
    out.name("PointInTimeRecoveryDescription");
    out.begin_object();
    match table.settings.point_in_time_recovery {
        None => out.string_member("PointInTimeRecoveryStatus", "DISABLED"),
        Some(recovery) => {
            let Window { earliest_millis, latest_millis } = window(context, recovery);
            out.string_member("PointInTimeRecoveryStatus", "ENABLED");
            out.integer_member("RecoveryPeriodInDays", recovery.period_days.into());
            out.time_member("EarliestRestorableDateTime", earliest_millis);
            out.time_member("LatestRestorableDateTime", latest_millis);
        }
    }
    out.end_object();
    out.end_object();
    out.end_object();
    out.into_bytes()
}

/// The first and the last moment that can be gone back to. The present second counts as a whole, since times are asked for in
/// seconds: what is written now can be restored at once.
fn window(context: &Context<'_>, recovery: PointInTimeRecovery) -> Window {
    let (since, now_millis) = (recovery.enabled_millis, context.now_millis());
    let period_millis = u64::from(recovery.period_days) * DAY_MILLIS;
    let latest_millis = match context.timing {
        Timing::Instant => now_millis.div_ceil(1000) * 1000,
        Timing::Service => now_millis.saturating_sub(takes::RECOVERY_LAG),
    };
    let since = since.max(context.jobs().earliest_millis().min(now_millis));
    Window {
        earliest_millis: since.max(now_millis.saturating_sub(period_millis)),
        latest_millis: since.max(latest_millis),
    }
}
