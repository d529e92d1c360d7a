//! What was consumed minute by minute, by parts.

use super::costs::{Pricing, units, weight};
use hashrange::ledger::UsageRow;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Length of a minute, in milliseconds.
pub(crate) const MINUTE_MILLIS: u64 = 60_000;
/// Minutes of an answer, at most.
const MAX_MINUTES: u64 = 30;
/// Parts of an answer, at most: those that consumed most.
const MAX_LINES: usize = 32;

/// Parts over the last minutes.
#[derive(Debug, Default, Serialize)]
pub(crate) struct OverTime {
    /// When the minutes begin, in milliseconds since 1970: oldest first, without gaps.
    pub(crate) minutes: Vec<u64>,
    /// The parts, those with the most first unless it is said otherwise.
    pub(crate) lines: Vec<Line>,
}

/// A part over those minutes.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// What the part is.
    pub(crate) names: Vec<String>,
    /// Read units of each minute.
    pub(crate) read_units: Vec<f64>,
    /// Write units of each minute.
    pub(crate) write_units: Vec<f64>,
    /// What the units cost on demand, in billionths of the currency.
    pub(crate) nanos: Vec<u64>,
}

/// Consumption of a part in a minute.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    read_milliunits: u64,
    write_milliunits: u64,
    nanos: u64,
}

/// Adds up consumption by parts and minutes.
#[derive(Debug)]
pub(crate) struct Collector<'l> {
    pricing: &'l Pricing<'l>,
    cells: BTreeMap<Vec<String>, BTreeMap<u64, Cell>>,
}

impl<'l> Collector<'l> {
    /// Nothing yet.
    pub(crate) fn new(pricing: &'l Pricing<'l>) -> Self {
        Self { pricing, cells: BTreeMap::new() }
    }

    /// A part of a table consumed so many thousandths of read and write units in a minute.
    pub(crate) fn add(&mut self, names: Vec<String>, minute_millis: u64, table: &str, (read, write): (u64, u64)) {
        let cell = self.cells.entry(names).or_default().entry(minute_millis).or_default();
        cell.read_milliunits += read;
        cell.write_milliunits += write;
        cell.nanos += self.pricing.nanos(table, read, write);
    }

    /// What a row of the ledger says, unless its minute is not kept any more.
    pub(crate) fn add_row(&mut self, names: Vec<String>, row: &UsageRow) {
        if let Some(minute) = row.minute_millis {
            self.add(names, minute, &row.table, (row.usage.read_milliunits, row.usage.write_milliunits));
        }
    }

    /// The last minutes of the parts that consumed most in them.
    pub(crate) fn finish(self) -> OverTime {
        let used: BTreeSet<u64> = self.cells.values().flat_map(|minutes| minutes.keys().copied()).collect();
        let Some(last) = used.last().copied() else { return OverTime::default() };
        let begin = last.saturating_sub((MAX_MINUTES - 1) * MINUTE_MILLIS);
        let first = used.range(begin..).next().copied().unwrap_or(last);
        let minutes: Vec<u64> = (0..=(last - first) / MINUTE_MILLIS).map(|at| first + at * MINUTE_MILLIS).collect();
        let line = |(names, cells): (Vec<String>, BTreeMap<u64, Cell>)| {
            let cells: Vec<Cell> =
                minutes.iter().map(|minute| cells.get(minute).copied().unwrap_or_default()).collect();
            Line {
                names,
                read_units: cells.iter().map(|cell| units(cell.read_milliunits)).collect(),
                write_units: cells.iter().map(|cell| units(cell.write_milliunits)).collect(),
                nanos: cells.iter().map(|cell| cell.nanos).collect(),
            }
        };
        let mut lines: Vec<Line> = self.cells.into_iter().map(line).collect();
        lines.retain(|line| line.weight() > 0.0);
        lines.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
        lines.truncate(MAX_LINES);
        OverTime { minutes, lines }
    }
}

impl Line {
    /// Weight of each minute, in units: three for a write unit, one for a read unit.
    pub(crate) fn weights(&self) -> impl Iterator<Item = f64> {
        self.write_units.iter().zip(&self.read_units).map(|(write, read)| weight(*write, *read))
    }
    fn weight(&self) -> f64 {
        self.weights().sum()
    }
}
