//! `put`: one item.

use crate::{
    args::DatabaseArgs,
    explain::ExplainArgs,
    expressions::PlaceholderArgs,
    failure::Failure,
    formats::{self, Format},
    outcome::Outcome,
    output::Output,
    session,
};
use clap::Args;
use hashrange::{Item, request::ReturnValues};
use hashrange_console::cells::KeyTypes;
use std::io::{self, Read};

/// Arguments of `put`.
#[derive(Debug, Args)]
pub(crate) struct Put {
    /// Name of the table
    table: String,
    /// The item as a JSON object; - reads it from standard input
    item: String,
    /// The item is DynamoDB JSON, which names every type
    #[arg(long)]
    ddb_json: bool,
    /// Put only if the item that is there (or none) fulfils a condition, as in 'attribute_not_exists(id)'
    #[arg(long = "if", value_name = "EXPRESSION")]
    condition: Option<String>,
    #[command(flatten)]
    placeholders: PlaceholderArgs,
    /// Print the item that was there before
    #[arg(long)]
    return_old: bool,
    #[command(flatten)]
    explain: ExplainArgs,
}

impl Put {
    /// Puts the item; it is durable when this returns.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open(args)?;
        let dry = database.dry_run();
        let table = session::table(self.explain.database(&dry, &database), &self.table)?;
        let keys = KeyTypes::of(&table.definition());
        let item = self.read(&keys)?;
        let mut put = table.put_with(&item);
        if let Some(condition) = self.placeholders.condition(self.condition.as_deref())? {
            put = put.when(condition);
        }
        if self.return_old {
            put = put.return_values(ReturnValues::AllOld);
        }
        let Some(written) = self.explain.answer(&dry, put.send())? else { return Ok(Outcome::Done) };
        database.close()?;
        if let Some(old) = written.attributes() {
            let mut output = Output::new();
            output.line(if self.ddb_json { old.to_dynamodb_json() } else { old.to_json() })?;
            output.finish()?;
        }
        Ok(Outcome::Done)
    }

    fn read(&self, keys: &KeyTypes) -> Result<Item, Failure> {
        let mut text = self.item.clone();
        if text == "-" {
            text.clear();
            let limit = u64::try_from(formats::MAX_RECORD_BYTES).unwrap_or(u64::MAX);
            let read = io::stdin().lock().take(limit).read_to_string(&mut text);
            read.map_err(|error| Failure::io("cannot read standard input", error))?;
        }
        let format = if self.ddb_json { Format::DdbJson } else { Format::Jsonl };
        formats::parse_one(format, text.trim(), keys).map_err(|what| Failure::Usage(format!("the item: {what}")))
    }
}
