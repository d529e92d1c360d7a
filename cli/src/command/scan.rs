//! `scan`: all items of a table or index.

use crate::{
    args::DatabaseArgs, explain::ExplainArgs, expressions::ReadArgs, failure::Failure, outcome::Outcome,
    output::Output, session,
};
use clap::Args;
use hashrange::ItemRef;

/// Arguments of `scan`.
#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// Name of the table
    table: String,
    /// Read an index instead of the table
    #[arg(long, value_name = "NAME")]
    index: Option<String>,
    #[command(flatten)]
    expressions: ReadArgs,
    /// Show at most so many items
    #[arg(long, value_name = "ITEMS")]
    limit: Option<usize>,
    /// Print how many items there are instead of the items
    #[arg(long)]
    count: bool,
    /// Read one of several segments, counted from 0, which together are the table
    #[arg(long, value_name = "NUMBER", requires = "segments")]
    segment: Option<u32>,
    /// Print DynamoDB JSON, which names every type
    #[arg(long)]
    ddb_json: bool,
    /// How many segments there are
    #[arg(long, value_name = "COUNT", requires = "segment")]
    segments: Option<u32>,
    #[command(flatten)]
    explain: ExplainArgs,
}

impl Scan {
    /// Shows the items.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open_to_read(args)?;
        let dry = database.dry_run();
        let table = session::table(self.explain.database(&dry, &database), &self.table)?;
        let expressions = self.expressions.parse()?;
        let mut scan = table.scan();
        if let Some(index) = &self.index {
            scan = scan.index(index);
        }
        if let Some(filter) = expressions.filter {
            scan = scan.filter(filter);
        }
        if let Some(projection) = expressions.projection {
            scan = scan.project(projection);
        }
        if let Some(limit) = self.limit {
            scan = scan.limit(limit);
        }
        if let (Some(segment), Some(total)) = (self.segment, self.segments) {
            scan = scan.segment(segment, total);
        }
        if self.explain.explain {
            self.explain.answer(&dry, scan.page())?;
        } else if self.count {
            print_count(scan.items())?
        } else {
            print_items(scan.items(), self.ddb_json)?
        }
        Ok(Outcome::Done)
    }
}

/// Prints an item a line.
pub(super) fn print_items(
    items: impl Iterator<Item = hashrange::Result<ItemRef>>,
    ddb_json: bool,
) -> Result<(), Failure> {
    let mut output = Output::new();
    for item in items {
        let item = item?;
        output.line(if ddb_json { item.to_dynamodb_json() } else { item.to_json() })?;
    }
    output.finish()
}

/// Prints how many items there are.
pub(super) fn print_count(items: impl Iterator<Item = hashrange::Result<ItemRef>>) -> Result<(), Failure> {
    let mut count = 0u64;
    for item in items {
        item?;
        count += 1;
    }
    let mut output = Output::new();
    output.line(count)?;
    output.finish()
}
