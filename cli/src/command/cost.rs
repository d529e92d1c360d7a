//! `cost`: what the requests of a ledger cost, and what they would cost if their tables were paid for otherwise.

use crate::{
    failure::Failure,
    ledger_file,
    outcome::Outcome,
    output::Output,
    prices::{self, amount},
    text::{bytes, grouped},
};
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use hashrange::ledger::{Bill, BillItem, BillOptions, BillingPlan, Ledger, Prices, Usage, UsageRow};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};

/// Arguments of `cost`.
#[derive(Debug, Args)]
pub(crate) struct Cost {
    /// The ledger: the file of `serve --ledger FILE`, what GET /ledger of a server with --metrics answers, or - for standard input
    ledger: PathBuf,
    /// Price file; without it, prices of us-east-1 that come with the program
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Break the price of the consumed units down; more than once for finer rows
    #[arg(long, value_enum, value_name = "WHAT")]
    by: Vec<By>,
    /// Add replicas in other regions
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    replicas: u64,
    /// Share of provisioned throughput that the highest minute may use, in percent, where a plan chooses it
    #[arg(long, value_name = "PERCENT", default_value_t = 70)]
    utilization: u64,
    /// Print JSON, with amounts in billionths of the currency
    #[arg(long)]
    json: bool,
}

/// What consumed units are broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// Name of the table
    Table,
    /// Name of the index
    Index,
    /// Operation
    Operation,
    /// What the caller is called
    Tag,
    /// First token of the partition
    Partition,
    /// Minute, in milliseconds since 1970
    Minute,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Index => "index",
            Self::Operation => "operation",
            Self::Tag => "tag",
            Self::Partition => "partition",
            Self::Minute => "minute",
        }
    }
    fn value(self, row: &UsageRow) -> String {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        match self {
            Self::Table => row.table.clone(),
            Self::Index => or_none(row.index.clone()),
            Self::Operation => row.operation.clone(),
            Self::Tag => or_none(row.tag.clone()),
            Self::Partition => or_none(row.partition.map(|token| format!("{token:016x}"))),
            Self::Minute => or_none(row.minute_millis.map(|minute| minute.to_string())),
        }
    }
}

/// Units of a breakdown, and what they cost on demand.
struct Part {
    names: Vec<String>,
    usage: Usage,
    nanos: u64,
}

impl Cost {
    /// Prints the bill.
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let prices = prices::read(self.prices.as_deref())?;
        let ledger = ledger_file::read(&self.ledger)?;
        let mut options = BillOptions::new();
        (options.replicas, options.utilization_percent) = (self.replicas, self.utilization);
        let bill = ledger.bill(&prices, &options).map_err(|error| Failure::Usage(error.message().to_owned()))?;
        let parts = self.parts(&ledger, &prices);
        let mut output = Output::new();
        if self.json {
            output.line(self.as_json(&bill, &parts)?)?;
        } else {
            self.print(&mut output, &bill, &parts)?;
            prices::remark_assumptions(&mut output, &prices)?;
        }
        output.finish()?;
        Ok(Outcome::Done)
    }

    /// Consumed units by what was asked for, dearest first, at prices on demand.
    fn parts(&self, ledger: &Ledger, prices: &Prices) -> Vec<Part> {
        if self.by.is_empty() {
            return Vec::new();
        }
        let mut sums: BTreeMap<Vec<String>, (Usage, u64)> = BTreeMap::new();
        for row in &ledger.usage {
            let of_table = ledger.resources.iter().find(|resource| resource.table == row.table);
            let class = prices.of_class(of_table.is_some_and(|resource| resource.is_infrequent_access));
            let names = self.by.iter().map(|by| by.value(row)).collect();
            let (usage, nanos) = sums.entry(names).or_default();
            usage.add(&row.usage);
            *nanos += class.on_demand_nanos(row.usage.read_milliunits, row.usage.write_milliunits);
        }
        let mut parts: Vec<Part> =
            sums.into_iter().map(|(names, (usage, nanos))| Part { names, usage, nanos }).collect();
        parts.sort_by(|a, b| b.nanos.cmp(&a.nanos).then_with(|| a.names.cmp(&b.names)));
        parts
    }

    fn as_json(&self, bill: &Bill, parts: &[Part]) -> Result<Value, Failure> {
        let mut value =
            serde_json::to_value(bill).map_err(|error| Failure::io("cannot print the bill", error.into()))?;
        value["nanos"] = Value::from(bill.nanos());
        if !self.by.is_empty() {
            let parts = parts.iter().map(|part| {
                let mut row = json!({
                    "accesses": part.usage.accesses,
                    "read_milliunits": part.usage.read_milliunits,
                    "write_milliunits": part.usage.write_milliunits,
                    "throttled": part.usage.throttled(),
                    "on_demand_nanos": part.nanos,
                });
                for (by, name) in self.by.iter().zip(&part.names) {
                    row[by.name()] = Value::from(name.as_str());
                }
                row
            });
            value["usage"] = parts.collect();
        }
        Ok(value)
    }

    fn print(&self, output: &mut Output, bill: &Bill, parts: &[Part]) -> Result<(), Failure> {
        output.line(format_args!(
            "{} hours, prices of {} as of {}: {}",
            hours(bill.millis),
            bill.region,
            bill.date,
            bill.source
        ))?;
        let mut table = table(&["table", "index", "what", "quantity", &bill.currency], 2);
        for line in &bill.lines {
            let quantity = quantity(line.item, line.quantity);
            let index = line.index.as_deref().unwrap_or("-");
            table.add_row([line.table.as_str(), index, line.item.name(), &quantity, &amount(line.nanos)]);
        }
        table.add_row(["all", "", "", "", &amount(bill.nanos())]);
        output.line(table)?;
        if !bill.plans.is_empty() {
            output.line(
                "\nThe same time, if the table were paid for in another way (throughput and storage; cheapest first):",
            )?;
            let mut table = self::table(&["table", "throughput", "class", &bill.currency, "a month"], 2);
            for plan in &bill.plans {
                let class = if plan.is_infrequent_access { "infrequent access" } else { "standard" };
                let month = plan.month_nanos.map_or_else(|| "-".to_owned(), amount);
                table.add_row([plan.table.as_str(), &name(plan.plan), class, &amount(plan.nanos()), &month]);
            }
            output.line(table)?;
        }
        if !self.by.is_empty() {
            output.line("\nConsumed units, at prices on demand:")?;
            let mut names: Vec<&str> = self.by.iter().map(|by| by.name()).collect();
            names.extend(["accesses", "read units", "write units", "throttled", &bill.currency]);
            let mut table = self::table(&names, 5);
            for part in parts {
                let mut row = part.names.clone();
                row.push(grouped(part.usage.accesses));
                row.push(thousandths(part.usage.read_milliunits));
                row.push(thousandths(part.usage.write_milliunits));
                row.push(grouped(part.usage.throttled()));
                row.push(amount(part.nanos));
                table.add_row(row);
            }
            output.line(table)?;
        }
        output.line("No free tier is taken off.")
    }
}

/// A table whose last columns are numbers.
fn table(names: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(names);
    for column in table.column_iter_mut().skip(names.len() - numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn name(plan: BillingPlan) -> String {
    match plan {
        BillingPlan::OnDemand => "on demand".to_owned(),
        BillingPlan::Provisioned => "provisioned for the highest minute".to_owned(),
        BillingPlan::AutoScaled => "provisioned, hour by hour".to_owned(),
        BillingPlan::Reserved(1) => "reserved for 1 year".to_owned(),
        BillingPlan::Reserved(years) => format!("reserved for {years} years"),
    }
}

fn quantity(item: BillItem, quantity: u64) -> String {
    match item {
        BillItem::Storage | BillItem::ReplicatedStorage | BillItem::PointInTimeRecovery => bytes(quantity),
        BillItem::StreamReads => grouped(quantity),
        _ => thousandths(quantity),
    }
}

/// Thousandths as a decimal number without needless digits.
fn thousandths(milliunits: u64) -> String {
    let (whole, part) = (grouped(milliunits / 1_000), milliunits % 1_000);
    match part {
        0 => whole,
        part => format!("{whole}.{}", format!("{part:03}").trim_end_matches('0')),
    }
}

fn hours(millis: u64) -> String {
    thousandths(millis.div_ceil(3_600))
}
