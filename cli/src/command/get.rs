//! `get`: the item with a key.

use crate::{
    args::DatabaseArgs,
    explain::ExplainArgs,
    failure::Failure,
    formats::{self, Format},
    key_value::parse_for,
    outcome::Outcome,
    output,
    output::Output,
    session,
};
use clap::Args;
use hashrange::{Item, schema::TableDefinition};
use hashrange_console::cells::KeyTypes;

/// The key of one item.
#[derive(Clone, Debug, Args)]
pub(crate) struct KeyArgs {
    /// Value of the partition key; binary in base64
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, required_unless_present = "key")]
    hash: Option<String>,
    /// Value of the sort key
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    range: Option<String>,
    /// The whole key as a JSON object, in place of --hash and --range
    #[arg(long, value_name = "JSON", conflicts_with_all = ["hash", "range"])]
    key: Option<String>,
}

impl KeyArgs {
    /// The key, with the types that the table says.
    pub(crate) fn key(&self, definition: &TableDefinition) -> Result<Item, Failure> {
        let schema = &definition.key;
        if let Some(json) = &self.key {
            let parsed = formats::parse_one(Format::Jsonl, json, &KeyTypes::of(definition));
            return parsed.map_err(|what| Failure::Usage(format!("--key must be a JSON object: {what}")));
        }
        let hash = self.hash.as_deref().unwrap_or_default();
        let hash = parse_for(&schema.hash, hash).map_err(Failure::Usage)?;
        let key = Item::new().with(schema.hash.name.clone(), hash);
        match (&schema.range, &self.range) {
            (Some(attribute), Some(text)) => {
                let range = parse_for(attribute, text).map_err(Failure::Usage)?;
                Ok(key.with(attribute.name.clone(), range))
            }
            (Some(attribute), None) => Err(Failure::Usage(format!(
                "the key of the table has a sort key: give the value of {} with --range",
                attribute.name
            ))),
            (None, Some(_)) => {
                Err(Failure::Usage("the key of the table has no sort key: leave out --range".to_owned()))
            }
            (None, None) => Ok(key),
        }
    }
}

/// Arguments of `get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Name of the table
    table: String,
    #[command(flatten)]
    key: KeyArgs,
    /// Print DynamoDB JSON, which names every type
    #[arg(long)]
    ddb_json: bool,
    #[command(flatten)]
    explain: ExplainArgs,
}

impl Get {
    /// Shows the item.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open_to_read(args)?;
        let dry = database.dry_run();
        let table = session::table(self.explain.database(&dry, &database), &self.table)?;
        let key = self.key.key(&table.definition())?;
        let Some(found) = self.explain.answer(&dry, table.get(&key))? else { return Ok(Outcome::Done) };
        let Some(item) = found else {
            output::remark(format_args!("hashrange: {} has no item {}", self.table, key.to_json()));
            return Ok(Outcome::NoItem);
        };
        let mut output = Output::new();
        output.line(if self.ddb_json { item.to_dynamodb_json() } else { item.to_json() })?;
        output.finish()?;
        Ok(Outcome::Done)
    }
}
