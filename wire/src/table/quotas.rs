//! Quotas of the account on throughput: for each table and each global index, for all that are provisioned together, and for
//! how often it is changed. They hold whether or not requests are rejected beyond the throughput of their tables.

use super::description::is_updating;
use crate::{context::Context, error::Failure, timing::Timing};
use hashrange::{
    admin::{TableSpec, TableUpdate},
    date,
    schema::{BillingMode, IndexKind, ProvisionedThroughput, TableDefinition, TableSettings, TableStatus, UnitPair},
};

const REFER: &str = "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.";

/// Rejects throughput of a table, or of an index of it, that is above the quota.
fn check_one(context: &Context<'_>, index: Option<&str>, throughput: ProvisionedThroughput) -> Result<(), Failure> {
    let (quotas, region) = (context.quotas(), &context.owner.region);
    for (member, units, quota) in [
        ("ReadCapacityUnits", throughput.read_units_per_sec, quotas.table_read_units),
        ("WriteCapacityUnits", throughput.write_units_per_sec, quotas.table_write_units),
    ] {
        if units <= quota {
            continue;
        }
        let (subject, kind) = match index {
            None => (member.to_owned(), "table"),
            Some(index) => (format!("{member} for index {index}"), "index"),
        };
        return Err(Failure::limit_exceeded(format!(
            "The requested {subject}, {units}, is above the per {kind} maximum for the account in {region}. \
             Per {kind} maximum: {quota}. {REFER}"
        )));
    }
    Ok(())
}

/// Units of reads and of writes a second.
pub(crate) type Sum = (u64, u64);

fn add(sum: Sum, throughput: ProvisionedThroughput) -> Sum {
    (sum.0.saturating_add(throughput.read_units_per_sec), sum.1.saturating_add(throughput.write_units_per_sec))
}

/// What a table and its global indexes are provisioned with together.
fn of_table(table: &TableDefinition) -> Sum {
    if table.billing != BillingMode::Provisioned {
        return (0, 0);
    }
    let indexes = table.indexes.iter().filter(|index| index.kind == IndexKind::Global);
    indexes.fold(add((0, 0), table.throughput), |sum, index| add(sum, index.throughput.unwrap_or_default()))
}

/// What all tables of the account are provisioned with, but for one.
pub(crate) fn of_others(context: &Context<'_>, but: &str) -> Sum {
    let others = context.database.list_tables().into_iter().filter(|name| name != but);
    // A table that was deleted meanwhile counts no more.
    let others = others.filter_map(|name| context.database.describe_table(&name).ok());
    others.fold((0, 0), |sum, table| {
        let of_table = of_table(&table.definition);
        (sum.0.saturating_add(of_table.0), sum.1.saturating_add(of_table.1))
    })
}

/// Rejects what would bring the account above its quotas: `others` are provisioned besides, the table with `before` until
/// now and with `after` from now on.
fn check_account(context: &Context<'_>, others: Sum, before: Sum, after: Sum) -> Result<(), Failure> {
    let (quotas, region) = (context.quotas(), &context.owner.region);
    for (member, others, before, after, quota) in [
        ("ReadCapacityUnits", others.0, before.0, after.0, quotas.account_read_units),
        ("WriteCapacityUnits", others.1, before.1, after.1, quotas.account_write_units),
    ] {
        if after > before && others.saturating_add(after) > quota {
            let current = others.saturating_add(before);
            return Err(Failure::limit_exceeded(format!(
                "This request would have caused the {member} limit to be exceeded for the account in {region}. Current \
                 {member} reserved by the account: {current}. Limit: {quota}. Requested: {after}. {REFER}"
            )));
        }
    }
    Ok(())
}

/// Tables that may be created, changed and deleted at once, and of those that are created with indexes.
const MAX_SIMULTANEOUS: usize = 500;
const MAX_SIMULTANEOUS_WITH_INDEXES: usize = 250;

/// Tables that are being created or changed: others than the one that a request is about.
pub(crate) struct Simultaneous {
    all: usize,
    created_with_indexes: usize,
}

impl Simultaneous {
    /// Counts them. Where changes take no time there is none.
    pub(crate) fn of_others(context: &Context<'_>, but: &str) -> Self {
        let mut found = Self { all: 0, created_with_indexes: 0 };
        if context.timing == Timing::Instant {
            return found;
        }
        for name in context.database.list_tables().into_iter().filter(|name| name != but) {
            let Ok(table) = context.database.describe_table(&name) else { continue };
            let table = &table.definition;
            let is_new = table.status == TableStatus::Creating;
            found.all += usize::from(is_new || is_updating(context, table));
            found.created_with_indexes += usize::from(is_new && !table.indexes.is_empty());
        }
        found
    }
    /// Rejects one more.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.all < MAX_SIMULTANEOUS { Ok(()) } else { Err(too_many(MAX_SIMULTANEOUS)) }
    }
    /// Rejects one more that is created.
    pub(crate) fn check_new(&self, has_indexes: bool) -> Result<(), Failure> {
        self.check()?;
        match has_indexes && self.created_with_indexes >= MAX_SIMULTANEOUS_WITH_INDEXES {
            true => Err(too_many(MAX_SIMULTANEOUS_WITH_INDEXES)),
            false => Ok(()),
        }
    }
}

fn too_many(most: usize) -> Failure {
    Failure::limit_exceeded(format!(
        "Subscriber limit exceeded: Only {most} tables can be created, updated, or deleted simultaneously"
    ))
}

/// Switches to on-demand billing of one table in a day.
const SWITCHES_A_DAY: usize = 4;
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// Rejects a new table that is above a quota.
pub(crate) fn check_new(context: &Context<'_>, spec: &TableSpec) -> Result<(), Failure> {
    check_settings(context, &spec.settings, &TableSettings::default())?;
    if spec.billing != BillingMode::Provisioned {
        return Ok(());
    }
    check_one(context, None, spec.throughput)?;
    let mut sum = add((0, 0), spec.throughput);
    for index in spec.indexes.iter().filter(|index| index.kind == IndexKind::Global) {
        let throughput = index.throughput.unwrap_or_default();
        check_one(context, Some(&index.name), throughput)?;
        sum = add(sum, throughput);
    }
    check_account(context, of_others(context, &spec.name), (0, 0), sum)
}

/// Rejects a change that is above a quota, or comes too early. `others` is what other tables are provisioned with.
pub(crate) fn check_change(
    context: &Context<'_>,
    others: Sum,
    table: &TableDefinition,
    update: &TableUpdate,
) -> Result<(), Failure> {
    let now_millis = context.now_millis();
    if let Some(settings) = &update.settings {
        check_settings(context, settings, &table.settings)?;
    }
    let mut changed = table.clone();
    changed.billing = update.billing.unwrap_or(table.billing);
    changed.throughput = update.throughput.unwrap_or(table.throughput);
    if table.billing == BillingMode::Provisioned && changed.billing == BillingMode::PayPerRequest {
        check_switch(table, now_millis)?;
    }
    if let Some(throughput) = update.throughput {
        check_one(context, None, throughput)?;
        if table.billing == BillingMode::Provisioned {
            table.settings.throughput_changes.check_decrease(table.throughput, throughput, now_millis)?;
        }
    }
    for (name, throughput) in &update.index_throughput {
        check_one(context, Some(name), *throughput)?;
        let Some(index) = changed.indexes.iter_mut().find(|index| index.name == *name) else { continue };
        let before = index.throughput.replace(*throughput).filter(|_| table.billing == BillingMode::Provisioned);
        if let Some(before) = before {
            table.settings.index(name).throughput_changes.check_decrease(before, *throughput, now_millis)?;
        }
    }
    changed.indexes.retain(|index| update.delete_index.as_deref() != Some(&*index.name));
    let mut after = of_table(&changed);
    if let Some(throughput) = update.create_index.as_ref().and_then(|index| index.throughput) {
        check_one(context, update.create_index.as_ref().map(|index| &*index.name), throughput)?;
        after = add(after, throughput);
    }
    check_account(context, others, of_table(table), after)
}

/// Rejects a switch to on-demand billing that is the fifth in a day.
fn check_switch(table: &TableDefinition, now_millis: u64) -> Result<(), Failure> {
    let switches = &table.settings.on_demand_switches_millis;
    let today: Vec<u64> = switches.iter().copied().filter(|at| now_millis < at.saturating_add(DAY_MILLIS)).collect();
    let (Some(first), Some(last)) = (today.first(), today.last()) else { return Ok(()) };
    if today.len() < SWITCHES_A_DAY {
        return Ok(());
    }
    Err(Failure::limit_exceeded(format!(
        "Subscriber limit exceeded: Update to PayPerRequest mode are limited to {SWITCHES_A_DAY} times in 1 day(s). Last \
         update at {}. Next update can be made at {}",
        date::short_text(*last),
        date::short_text(first.saturating_add(DAY_MILLIS))
    )))
}

/// Changes of the table class of one table in a month, of which those to the class that it has are some.
const CLASS_CHANGES_A_MONTH: usize = 2;
const MONTH_DAYS: u64 = 30;

/// Counts a change of the table class among those before; rejects one that is the third in a month.
pub(crate) fn count_class_change(changes_millis: &mut Vec<u64>, now_millis: u64) -> Result<(), Failure> {
    changes_millis.retain(|at| now_millis < at.saturating_add(MONTH_DAYS * DAY_MILLIS));
    if changes_millis.len() >= CLASS_CHANGES_A_MONTH {
        return Err(Failure::limit_exceeded(format!(
            "Subscriber limit exceeded: Updates to TableClass are limited to {CLASS_CHANGES_A_MONTH} times in {MONTH_DAYS} \
             day(s)."
        )));
    }
    changes_millis.push(now_millis);
    Ok(())
}

/// Rejects limits on demand and warm throughput above the quota of a table.
fn check_settings(context: &Context<'_>, settings: &TableSettings, before: &TableSettings) -> Result<(), Failure> {
    check_pair(context, settings.on_demand_limit, before.on_demand_limit, ON_DEMAND, "table")?;
    check_pair(context, settings.warm_throughput, before.warm_throughput, WARM, "table")?;
    for (name, index) in &settings.indexes {
        let before = before.index(name);
        check_pair(context, index.on_demand_limit, before.on_demand_limit, ON_DEMAND, &format!("index : {name}"))?;
        check_pair(context, index.warm_throughput, before.warm_throughput, WARM, &format!("index {name}"))?;
    }
    Ok(())
}

/// A structure with units of reads and of writes, and its members.
type Members = (&'static str, &'static str, &'static str);
const ON_DEMAND: Members = ("OnDemandThroughput", "MaxReadRequestUnits", "MaxWriteRequestUnits");
const WARM: Members = ("WarmThroughput", "ReadUnitsPerSecond", "WriteUnitsPerSecond");

fn check_pair(
    context: &Context<'_>,
    units: UnitPair,
    before: UnitPair,
    (structure, read, write): Members,
    subject: &str,
) -> Result<(), Failure> {
    let (quotas, region) = (context.quotas(), &context.owner.region);
    let pairs = [
        (read, "Read", units.read_units_per_sec, before.read_units_per_sec, quotas.table_read_units),
        (write, "Write", units.write_units_per_sec, before.write_units_per_sec, quotas.table_write_units),
    ];
    for (member, direction, units, before, quota) in pairs {
        if units.is_some_and(|units| units > quota) && units != before {
            return Err(Failure::limit_exceeded(format!(
                "Subscriber limit exceeded: Requested {member} for {structure} for {subject} exceeds \
                 TableMax{direction}CapacityUnits of the account in region {region}"
            )));
        }
    }
    Ok(())
}
