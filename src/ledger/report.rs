//! The ledger as plain values, which can be kept in a file and read again.

use super::{
    book::MINUTE_MILLIS,
    calls::Calls,
    label::RequestLabel,
    rates::HOUR_MILLIS,
    recorder::{Recorder, SizedTable},
    row::Usage,
};
use crate::error::{Error, Result};
use crate::schema::{BillingMode, TableClass};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;

/// Version of the form that [`Ledger::to_json`] writes.
const VERSION: u32 = 1;
/// Bytes that are stored and billed for each item and index entry besides its own.
const BILLED_OVERHEAD_BYTES: u64 = 100;

/// What was consumed since a database was opened, as of one moment; see [`Database::ledger`](crate::Database::ledger).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ledger {
    /// Version of this form: 1.
    pub version: u32,
    /// When it began, in milliseconds since 1970. Where the clock was set back to before that time, the
    /// lowest time that it was set back to.
    pub began_millis: u64,
    /// As of when it is, in milliseconds since 1970.
    pub ended_millis: u64,
    /// Tables and indexes, also those that are gone by now.
    pub resources: Vec<ResourceRow>,
    /// Who consumed what, in the order of time.
    pub usage: Vec<UsageRow>,
    /// The same by hour, which the price of provisioned throughput depends on.
    pub hours: Vec<HourRow>,
    /// How requests ended.
    pub calls: Vec<CallRow>,
}

/// A table or an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ResourceRow {
    /// Name of the table.
    pub table: String,
    /// Name of the index; `None` for the table.
    pub index: Option<String>,
    /// Whether it is a local index, which draws on its table's throughput.
    pub is_local: bool,
    /// Whether it is paid for by request.
    pub is_on_demand: bool,
    /// Whether its table is of class Standard-Infrequent Access.
    pub is_infrequent_access: bool,
    /// Whether it is gone.
    pub is_deleted: bool,
    /// Whether the table has a change stream.
    pub has_stream: bool,
    /// Whether the table has point-in-time recovery.
    pub has_point_in_time_recovery: bool,
    /// Read units a second that it is provisioned with; 0 on demand.
    pub read_units_per_sec: u64,
    /// Write units a second that it is provisioned with; 0 on demand.
    pub write_units_per_sec: u64,
    /// Most read units a second that its owner allows it on demand.
    pub max_read_units_per_sec: Option<u64>,
    /// Most write units a second that its owner allows it on demand.
    pub max_write_units_per_sec: Option<u64>,
    /// Provisioned read units, times hours; each clock hour at its highest rate.
    pub read_unit_hours: u64,
    /// Provisioned write units, times hours.
    pub write_unit_hours: u64,
    /// Items, or entries.
    pub items: u64,
    /// Bytes as they are billed: those of the items, and 100 for each.
    pub billed_bytes: u64,
    /// Calls of `GetRecords` on the table's stream.
    pub stream_reads: u64,
}

/// Usage of a table or index by one operation of one caller, in one partition and one minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UsageRow {
    /// When the minute began, in milliseconds since 1970; `None` for minutes that were added up.
    pub minute_millis: Option<u64>,
    /// Name of the table.
    pub table: String,
    /// Name of the index; `None` for the table.
    pub index: Option<String>,
    /// DynamoDB's name of the operation.
    pub operation: String,
    /// What the caller is called; `None` if it has no tag.
    pub tag: Option<String>,
    /// First token of the partition: of the model's virtual partition if capacity is modelled, else of the one that holds the
    /// item. `None` for minutes that were added up.
    pub partition: Option<u64>,
    /// What was consumed and throttled.
    #[serde(flatten)]
    pub usage: Usage,
}

/// What a table or index consumed in one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HourRow {
    /// When the hour began, in milliseconds since 1970; `None` for hours that were added up.
    pub hour_millis: Option<u64>,
    /// How many hours were added up. 0, as in ledgers of older programs, is one.
    pub hours: u64,
    /// Name of the table.
    pub table: String,
    /// Name of the index; `None` for the table.
    pub index: Option<String>,
    /// Thousandths of read units.
    pub read_milliunits: u64,
    /// Thousandths of write units.
    pub write_milliunits: u64,
    /// Those that were consumed on demand.
    pub on_demand_read_milliunits: u64,
    /// Those that were consumed on demand.
    pub on_demand_write_milliunits: u64,
    /// The most of one minute.
    pub peak_read_milliunits: u64,
    /// The most of one minute.
    pub peak_write_milliunits: u64,
    /// The most of one minute of each hour, added up. In ledgers of older programs 0 for all.
    pub read_peaks_milliunits: u64,
    /// The most of one minute of each hour, added up.
    pub write_peaks_milliunits: u64,
}

/// How requests of one operation on one table ended in one minute. A request on several tables is counted for each; a mistake of
/// its caller is counted for the first one alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CallRow {
    /// When the minute began, in milliseconds since 1970; `None` for minutes that were added up.
    pub minute_millis: Option<u64>,
    /// Name of the table; `None` if none of the tables that were named exists.
    pub table: Option<String>,
    /// DynamoDB's name of the operation.
    pub operation: String,
    #[serde(flatten)]
    pub(super) calls: Calls,
}

impl CallRow {
    /// Requests that were carried out.
    pub fn succeeded(&self) -> u64 {
        self.calls.succeeded
    }
    /// Requests that were rejected for lack of capacity.
    pub fn throttled(&self) -> u64 {
        self.calls.throttled
    }
    /// Items whose condition was false.
    pub fn conditions_failed(&self) -> u64 {
        self.calls.conditions_failed
    }
    /// Requests that were rejected because of a transaction.
    pub fn conflicts(&self) -> u64 {
        self.calls.conflicts
    }
    /// Requests that were rejected for what they ask for.
    pub fn user_errors(&self) -> u64 {
        self.calls.user_errors
    }
    /// Requests that failed because the database did.
    pub fn system_errors(&self) -> u64 {
        self.calls.system_errors
    }
    /// The latency that so many of a thousand successful requests had at most, in microseconds, and up to a quarter more;
    /// `None` if there was none.
    pub fn latency_micros(&self, per_mille: u64) -> Option<u64> {
        self.calls.percentile_micros(per_mille)
    }
}

impl Recorder {
    /// A copy of everything. `sizes` has what the tables and indexes hold.
    pub fn ledger(&self, sizes: &SizedTable, now_millis: u64) -> Ledger {
        let ended_millis = self.at(now_millis);
        let began_millis = self.began_millis.load(Ordering::Relaxed).min(ended_millis);
        let mut ledger = Ledger { version: VERSION, began_millis, ended_millis, ..Ledger::default() };
        let (entries, calls) = (self.entries.load(), self.calls.load());
        let mut names = std::collections::HashMap::new();
        for (number, entry) in entries.iter() {
            let facts = entry.facts.lock().clone();
            let (items, bytes) = sizes.get(number).copied().unwrap_or_default();
            let hours = facts.rates.unit_hours(ledger.ended_millis);
            let is_table = facts.index.is_none();
            if is_table {
                names.insert(*number, facts.table.clone());
            }
            let stream_reads = calls.get(number).filter(|_| is_table).map_or(0, |book| book.lock().stream_reads);
            ledger.resources.push(ResourceRow {
                table: facts.table.clone(),
                index: facts.index.clone(),
                is_local: facts.is_local,
                is_on_demand: facts.billing == BillingMode::PayPerRequest,
                is_infrequent_access: facts.class == TableClass::InfrequentAccess,
                is_deleted: facts.rates.has_ended(),
                has_stream: facts.has_stream,
                has_point_in_time_recovery: facts.has_point_in_time_recovery,
                read_units_per_sec: facts.rates.current().read_units,
                write_units_per_sec: facts.rates.current().write_units,
                max_read_units_per_sec: facts.max_on_demand.0,
                max_write_units_per_sec: facts.max_on_demand.1,
                read_unit_hours: hours.read,
                write_unit_hours: hours.write,
                items,
                billed_bytes: bytes + items * BILLED_OVERHEAD_BYTES,
                stream_reads,
            });
            self.add_rows(&mut ledger, entry, &facts.table, facts.index.as_ref());
        }
        for (number, book) in calls.iter() {
            let book = book.lock();
            let table = names.get(number).cloned();
            let mut push = |minute: Option<u64>, operation: &&'static str, calls: &Calls| {
                ledger.calls.push(CallRow {
                    minute_millis: minute.map(|minute| minute * MINUTE_MILLIS),
                    table: table.clone(),
                    operation: (*operation).to_owned(),
                    calls: calls.clone(),
                });
            };
            book.earlier.iter().for_each(|(operation, calls)| push(None, operation, calls));
            for (minute, by_operation) in &book.minutes {
                by_operation.iter().for_each(|(operation, calls)| push(Some(*minute), operation, calls));
            }
        }
        ledger.sort();
        ledger
    }

    fn add_rows(&self, ledger: &mut Ledger, entry: &super::recorder::Entry, table: &str, index: Option<&String>) {
        let book = entry.book.lock();
        let row = |minute: Option<u64>, label: &RequestLabel, partition: Option<u64>, usage: &Usage| UsageRow {
            minute_millis: minute.map(|minute| minute * MINUTE_MILLIS),
            table: table.to_owned(),
            index: index.cloned(),
            operation: label.operation.to_owned(),
            tag: self.tag_name(label.tag),
            partition,
            usage: *usage,
        };
        ledger.usage.extend(book.earlier.iter().map(|(label, usage)| row(None, label, None, usage)));
        for (minute, rows) in &book.minutes {
            let of_minute = rows.iter().map(|(key, usage)| row(Some(*minute), &key.label, Some(key.partition), usage));
            ledger.usage.extend(of_minute);
        }
        let earlier = (book.earlier_hours.hours > 0).then_some((None, &book.earlier_hours));
        let hours = book.hours.iter().map(|(hour, used)| (Some(*hour), used));
        ledger.hours.extend(earlier.into_iter().chain(hours).map(|(hour, used)| HourRow {
            hour_millis: hour.map(|hour| hour * HOUR_MILLIS),
            hours: used.hours,
            table: table.to_owned(),
            index: index.cloned(),
            read_milliunits: used.milliunits[0],
            write_milliunits: used.milliunits[1],
            on_demand_read_milliunits: used.on_demand[0],
            on_demand_write_milliunits: used.on_demand[1],
            peak_read_milliunits: used.peak_minute[0],
            peak_write_milliunits: used.peak_minute[1],
            read_peaks_milliunits: used.peaks()[0],
            write_peaks_milliunits: used.peaks()[1],
        }));
    }
}

impl Ledger {
    fn sort(&mut self) {
        self.resources.sort_by(|a, b| (&a.table, &a.index, a.is_deleted).cmp(&(&b.table, &b.index, b.is_deleted)));
        self.usage.sort_by(|a, b| {
            (a.minute_millis, &a.table, &a.index, &a.operation, &a.tag, a.partition).cmp(&(
                b.minute_millis,
                &b.table,
                &b.index,
                &b.operation,
                &b.tag,
                b.partition,
            ))
        });
        self.hours.sort_by(|a, b| (a.hour_millis, &a.table, &a.index).cmp(&(b.hour_millis, &b.table, &b.index)));
        self.calls
            .sort_by(|a, b| (a.minute_millis, &a.table, &a.operation).cmp(&(b.minute_millis, &b.table, &b.operation)));
    }

    /// All usage together that a test selects.
    pub fn total(&self, selects: impl Fn(&UsageRow) -> bool) -> Usage {
        let mut total = Usage::default();
        self.usage.iter().filter(|row| selects(row)).for_each(|row| total.add(&row.usage));
        total
    }

    /// The ledger as JSON, for [`Ledger::from_json`].
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Ledger::to_json`] wrote. Errors: it is no ledger, or one of a newer version.
    pub fn from_json(text: &str) -> Result<Self> {
        let ledger: Self =
            serde_json::from_str(text).map_err(|error| Error::validation(format!("this is no ledger: {error}")))?;
        if ledger.version > VERSION {
            let text = format!("the ledger has version {}, and this program reads up to {VERSION}", ledger.version);
            return Err(Error::validation(text));
        }
        Ok(ledger)
    }
}
