//! Members with numbers of units: what a table or index is provisioned for, may use at most, and is ready for.

use crate::{
    context::Context,
    error::Failure,
    json::Reader,
    shape::{self, JsonContext},
    timing::takes,
    validate::Violations,
};
use hashrange::schema::{
    BillingMode, IndexDefinition, IndexSettings, ProvisionedThroughput, Since, TableDefinition, UnitPair,
};

/// Units of reads and of writes a second that a table without provisioned throughput is ready for, as the service says
/// of a table of no past.
const ON_DEMAND_WARM: (u64, u64) = (12_000, 4_000);
/// The number that takes a limit away.
pub(crate) const NO_LIMIT: i64 = -1;
const FIRST_THROUGHPUT: &str = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/\
                                on-demand-capacity-mode.html#on-demand-capacity-mode-initial";

/// Two numbers of units, as a request has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Units {
    pub(crate) read: Option<i64>,
    pub(crate) write: Option<i64>,
}

/// What throughput belongs to, as messages name it.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    Table,
    Index(&'a str),
}

impl std::fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Table => f.write_str("table"),
            Self::Index(name) => write!(f, "index {name}"),
        }
    }
}

/// `ProvisionedThroughput`.
pub(crate) fn throughput(reader: &mut Reader<'_>) -> Result<Option<Units>, Failure> {
    units(reader, "ProvisionedThroughput", ["ReadCapacityUnits", "WriteCapacityUnits"])
}

/// `OnDemandThroughput`.
pub(crate) fn on_demand(reader: &mut Reader<'_>) -> Result<Option<Units>, Failure> {
    units(reader, "OnDemandThroughput", ["MaxReadRequestUnits", "MaxWriteRequestUnits"])
}

/// `WarmThroughput`.
pub(crate) fn warm(reader: &mut Reader<'_>) -> Result<Option<Units>, Failure> {
    units(reader, "WarmThroughput", ["ReadUnitsPerSecond", "WriteUnitsPerSecond"])
}

fn units(reader: &mut Reader<'_>, class: &str, members: [&str; 2]) -> Result<Option<Units>, Failure> {
    let mut units = Units::default();
    let present = shape::structure(reader, JsonContext::Field, class, |reader, name| {
        match name {
            _ if name == members[0] => units.read = shape::long(reader)?,
            _ if name == members[1] => units.write = shape::long(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(present.then_some(units))
}

/// Constraints on `ProvisionedThroughput`.
pub(crate) fn check_throughput(throughput: Option<Units>, path: &str, violations: &mut Violations) {
    let Some(throughput) = throughput else { return };
    for (units, member) in [(throughput.write, "writeCapacityUnits"), (throughput.read, "readCapacityUnits")] {
        let path = format!("{path}.{member}");
        violations.not_null(&units, &path);
        violations.at_least(units, &path, 1);
    }
}

/// Limits of something new. They go with on-demand billing only.
pub(crate) fn new_limit(asked: Option<Units>, billing: BillingMode, subject: Subject<'_>) -> Result<UnitPair, Failure> {
    check_limit(asked, billing, subject, false)?;
    Ok(changed_limit(asked, UnitPair::default()))
}

/// Limits after a change: each number that is given counts, -1 takes one away.
pub(crate) fn other_limit(
    asked: Option<Units>,
    before: UnitPair,
    billing: BillingMode,
    subject: Subject<'_>,
) -> Result<UnitPair, Failure> {
    check_limit(asked, billing, subject, true)?;
    Ok(changed_limit(asked, before))
}

fn check_limit(
    asked: Option<Units>,
    billing: BillingMode,
    subject: Subject<'_>,
    is_change: bool,
) -> Result<(), Failure> {
    let asked = asked.unwrap_or_default();
    for (limit, member) in [(asked.read, "MaxReadRequestUnits"), (asked.write, "MaxWriteRequestUnits")] {
        let Some(limit) = limit else { continue };
        if billing == BillingMode::Provisioned {
            let (article, end) = if is_change { ("the ", "") } else { ("", ".") };
            return Err(Failure::invalid_parameter(format_args!(
                "{member} for OnDemandThroughput cannot be specified when {article}table BillingMode is PROVISIONED{end}"
            )));
        }
        if limit < 1 && !(is_change && limit == NO_LIMIT) {
            return Err(Failure::invalid_parameter(format_args!(
                "Requested {member} for OnDemandThroughput for {subject} is outside of valid range"
            )));
        }
    }
    Ok(())
}

fn changed_limit(asked: Option<Units>, before: UnitPair) -> UnitPair {
    let one = |asked: Option<i64>, before: Option<u64>| match asked {
        None => before,
        Some(limit) => u64::try_from(limit).ok(),
    };
    let asked = asked.unwrap_or_default();
    UnitPair {
        read_units_per_sec: one(asked.read, before.read_units_per_sec),
        write_units_per_sec: one(asked.write, before.write_units_per_sec),
    }
}

/// What something is ready for at least, by its billing.
fn least_warm(billing: BillingMode, throughput: ProvisionedThroughput) -> (u64, u64) {
    match billing {
        BillingMode::PayPerRequest => ON_DEMAND_WARM,
        BillingMode::Provisioned => (throughput.read_units_per_sec, throughput.write_units_per_sec),
    }
}

fn ready_for(billing: BillingMode, throughput: ProvisionedThroughput, kept: UnitPair) -> (u64, u64) {
    let (read, write) = least_warm(billing, throughput);
    (read.max(kept.read_units_per_sec.unwrap_or(0)), write.max(kept.write_units_per_sec.unwrap_or(0)))
}

/// Units of reads and of writes a second that a table is ready for.
pub(crate) fn warm_of_table(table: &TableDefinition) -> (u64, u64) {
    ready_for(table.billing, table.throughput, table.settings.warm_throughput)
}

/// Units of reads and of writes a second that an index is ready for.
pub(crate) fn warm_of_index(table: &TableDefinition, index: &IndexDefinition, settings: &IndexSettings) -> (u64, u64) {
    ready_for(table.billing, index.throughput.unwrap_or_default(), settings.warm_throughput)
}

/// A table or index that is being made ready for more.
pub(crate) struct Warming {
    /// Read and write units a second that it is ready for until then.
    pub(crate) before: (u64, u64),
}

impl Warming {
    /// Of a table.
    pub(crate) fn of_table(context: &Context<'_>, table: &TableDefinition) -> Option<Self> {
        let least = least_warm(table.billing, table.throughput);
        Self::of(context, table.settings.warm_before, least)
    }
    /// Of a global index.
    pub(crate) fn of_index(
        context: &Context<'_>,
        table: &TableDefinition,
        index: &IndexDefinition,
        settings: &IndexSettings,
    ) -> Option<Self> {
        let least = least_warm(table.billing, index.throughput.unwrap_or_default());
        Self::of(context, settings.warm_before, least)
    }
    fn of(context: &Context<'_>, since: Option<Since<UnitPair>>, least: (u64, u64)) -> Option<Self> {
        let since = since?;
        let before = pair(since.value);
        // The first time takes long, a little more later does not.
        let takes_millis = if before == least { takes::WARM } else { takes::WARM_AGAIN };
        context.is_under_way(since.at_millis, takes_millis).then_some(Self { before })
    }
    /// Whether a table or one of its indexes is being made ready for more.
    pub(crate) fn is_any(context: &Context<'_>, table: &TableDefinition) -> bool {
        let of_index = |index: &IndexDefinition| {
            Self::of_index(context, table, index, &table.settings.index(&index.name)).is_some()
        };
        Self::of_table(context, table).is_some() || table.indexes.iter().any(of_index)
    }
}

fn pair(units: UnitPair) -> (u64, u64) {
    (units.read_units_per_sec.unwrap_or(0), units.write_units_per_sec.unwrap_or(0))
}

/// What something was ready for before it is made ready for more; nothing changes if it is not more. Of what it will be ready for
/// `now`, it is ready for `shown` until an earlier request is done.
pub(crate) fn warm_before(
    known: Option<Since<UnitPair>>,
    (now, shown): ((u64, u64), (u64, u64)),
    next: UnitPair,
    at_millis: u64,
) -> Option<Since<UnitPair>> {
    if pair(next) == now {
        return known;
    }
    let value = UnitPair { read_units_per_sec: Some(shown.0), write_units_per_sec: Some(shown.1) };
    Some(Since { value, at_millis })
}

/// What something new is to be ready for: not less than it is anyway.
pub(crate) fn new_warm(
    asked: Option<Units>,
    billing: BillingMode,
    throughput: ProvisionedThroughput,
    subject: Subject<'_>,
) -> Result<UnitPair, Failure> {
    let least = least_warm(billing, throughput);
    let asked = asked.unwrap_or_default();
    let one = |asked: Option<i64>, least: u64, member: &str, provisioned: &str| {
        let Some(units) = positive(asked, member, subject)? else { return Ok(None) };
        if units >= least {
            return Ok(Some(units));
        }
        let than = match billing {
            BillingMode::PayPerRequest => format!("initial throughput for OnDemand. See: {FIRST_THROUGHPUT}"),
            BillingMode::Provisioned => format!("{provisioned} of ProvisionedThroughput"),
        };
        let text = format!("Requested {member} for WarmThroughput for {subject} is lower than {than}");
        Err(Failure::invalid_parameter(text))
    };
    Ok(UnitPair {
        read_units_per_sec: one(asked.read, least.0, "ReadUnitsPerSecond", "ReadCapacityUnits")?,
        write_units_per_sec: one(asked.write, least.1, "WriteUnitsPerSecond", "WriteCapacityUnits")?,
    })
}

/// What something is to be ready for from now on: it can only become more. `now` is what it is ready for.
pub(crate) fn other_warm(asked: Option<Units>, now: (u64, u64), subject: Subject<'_>) -> Result<UnitPair, Failure> {
    let asked = asked.unwrap_or_default();
    let one = |asked: Option<i64>, now: u64, member: &str| match positive(asked, member, subject)? {
        Some(units) if units < now => Err(Failure::invalid_parameter(format_args!(
            "Requested {member} for WarmThroughput for {subject} is lower than current WarmThroughput, decreasing \
             WarmThroughput is not supported"
        ))),
        asked => Ok(Some(asked.unwrap_or(now))),
    };
    Ok(UnitPair {
        read_units_per_sec: one(asked.read, now.0, "ReadUnitsPerSecond")?,
        write_units_per_sec: one(asked.write, now.1, "WriteUnitsPerSecond")?,
    })
}

fn positive(asked: Option<i64>, member: &str, subject: Subject<'_>) -> Result<Option<u64>, Failure> {
    let Some(asked) = asked else { return Ok(None) };
    match u64::try_from(asked) {
        Ok(units) if units > 0 => Ok(Some(units)),
        _ => Err(Failure::invalid_parameter(format_args!(
            "Requested {member} for WarmThroughput for {subject} is outside of valid range"
        ))),
    }
}
