//! `digest`: each table as one number, to be compared with that of a copy.

use crate::{
    args::DatabaseArgs,
    failure::Failure,
    outcome::Outcome,
    output::Output,
    session,
    when::{MOMENTS, When, parse_when},
};
use clap::Args;
use hashrange::history::Moment;

/// Arguments of `digest`.
#[derive(Debug, Args)]
pub(crate) struct Digest {
    /// Names of tables; all, if none is named
    tables: Vec<String>,
    /// As it was then
    #[arg(long, value_name = "WHEN", default_value = "now", value_parser = parse_when, help = format!("As it was then: {MOMENTS}"))]
    at: When,
    /// Print JSON, a line for each table
    #[arg(long)]
    json: bool,
}

impl Digest {
    /// Reads every item. Tables with the same items have the same digest, wherever they are.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let mut database = session::open_to_read(args)?;
        let moment = self.at.moment(database.clock().now_millis());
        if moment != Moment::Now {
            database = database.at(moment)?.database().clone();
        }
        let tables = if self.tables.is_empty() { database.list_tables() } else { self.tables.clone() };
        let mut output = Output::new();
        for table in tables {
            let all = database.digest(&table).map_err(|error| session::explain(&database, &table, error))?;
            if self.json {
                output.line(serde_json::json!({ "table": table, "digest": all.digest, "items": all.items }))?;
            } else {
                output.line(format_args!("{}  {table}  {}", all.digest, crate::text::counted(all.items, "item")))?;
            }
        }
        output.finish()?;
        Ok(Outcome::Done)
    }
}
