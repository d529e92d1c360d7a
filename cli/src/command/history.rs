//! `history`: what one item was over time, from when to when the database can be read as it was, and whether that is kept.

use crate::{
    args::DatabaseArgs,
    failure::Failure,
    formats::{self, Format},
    key_value::parse_for,
    outcome::Outcome,
    output::{self, Output},
    session,
    when::parse_seconds,
};
use clap::Args;
use hashrange::{
    Database, ErrorKind, Item, date,
    history::{HistoryOptions, HistoryWindow, ItemVersion},
};
use hashrange_console::cells::KeyTypes;
use std::ops::ControlFlow;

/// Arguments of `history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Name of the table; without it, the history as a whole
    table: Option<String>,
    /// The item: a JSON object with its key, or the value of its partition key
    #[arg(requires = "table", allow_hyphen_values = true)]
    key: Option<String>,
    /// Value of the sort key
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, requires = "key")]
    range: Option<String>,
    /// Keep history from now on, so far back: 12h, 7d, ...
    #[arg(long, value_name = "TIME", value_parser = parse_seconds, conflicts_with_all = ["table", "stop"])]
    keep: Option<u64>,
    /// Keep no history any more, and give its space back
    #[arg(long, conflicts_with = "table")]
    stop: bool,
    /// Print items in DynamoDB JSON, which names every type
    #[arg(long)]
    ddb_json: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl History {
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        if self.keep.is_some() || self.stop {
            return self.set(&session::open(args)?);
        }
        let database = session::open_to_read(args)?;
        match (&self.table, &self.key) {
            (Some(table), Some(key)) => self.show_item(&database, table, key),
            (Some(_), None) => Err(Failure::Usage("give the item's key behind the table's name".to_owned())),
            (None, _) => self.show_window(&database),
        }
    }

    fn set(&self, database: &Database) -> Result<Outcome, Failure> {
        match self.keep {
            Some(retention_secs) => {
                let known = database.history_options().unwrap_or_default();
                database.keep_history(HistoryOptions { retention_secs, ..known })?;
            }
            None => database.stop_history()?,
        }
        self.show_window(database)
    }

    fn show_window(&self, database: &Database) -> Result<Outcome, Failure> {
        let mut output = Output::new();
        let (options, window) = (database.history_options(), database.history_window());
        if self.json {
            let retention = options.map(|options| options.retention_secs);
            output.line(serde_json::json!({ "retention_secs": retention, "window": window }))?;
        } else if let (Some(options), Some(HistoryWindow { earliest, latest, log_bytes, bases })) = (options, window) {
            output.line(format_args!(
                "kept for {} s: from commit {} ({}) to commit {} ({}); {bases} bases, {log_bytes} bytes of log",
                options.retention_secs,
                earliest.commit,
                date::label(earliest.at_millis),
                latest.commit,
                date::label(latest.at_millis)
            ))?;
        } else {
            output.line("no history is kept; history --keep 7d begins it")?;
        }
        output.finish()?;
        Ok(Outcome::Done)
    }

    fn show_item(&self, database: &Database, table: &str, key: &str) -> Result<Outcome, Failure> {
        let key = self.key(database, table, key)?;
        let (mut output, mut printed, mut is_empty) = (Output::new(), Ok(()), true);
        database.visit_item_versions(table, &key, |version| {
            is_empty = false;
            printed = output.line(self.line(&version));
            if printed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        printed?;
        output.finish()?;
        if is_empty {
            output::remark(format_args!("hashrange: {table} had no item {} in its history", key.to_json()));
            return Ok(Outcome::NoItem);
        }
        Ok(Outcome::Done)
    }

    /// The key as an item. Where the table is gone by now, only JSON says the types of its attributes.
    fn key(&self, database: &Database, table: &str, text: &str) -> Result<Item, Failure> {
        let definition = match database.dynamic_table(table) {
            Ok(table) => Some(table.definition()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        if text.trim_start().starts_with('{') {
            let types = definition.as_deref().map(KeyTypes::of).unwrap_or_default();
            let parsed = formats::parse_one(Format::Jsonl, text, &types);
            return parsed.map_err(|what| Failure::Usage(format!("the key must be a JSON object: {what}")));
        }
        let Some(definition) = definition else {
            let text = format!("there is no table {table} now: give the key of its item as a JSON object");
            return Err(Failure::Usage(text));
        };
        let schema = &definition.key;
        let hash = parse_for(&schema.hash, text).map_err(Failure::Usage)?;
        let key = Item::new().with(schema.hash.name.clone(), hash);
        match (&schema.range, &self.range) {
            (Some(attribute), Some(text)) => {
                let range = parse_for(attribute, text).map_err(Failure::Usage)?;
                Ok(key.with(attribute.name.clone(), range))
            }
            (None, None) => Ok(key),
            (Some(attribute), None) => {
                let text =
                    format!("the key of the table has a sort key: give the value of {} with --range", attribute.name);
                Err(Failure::Usage(text))
            }
            (None, Some(_)) => {
                Err(Failure::Usage("the key of the table has no sort key: leave out --range".to_owned()))
            }
        }
    }

    fn line(&self, version: &ItemVersion) -> String {
        let item = version.item.as_ref().map_or_else(
            || if version.is_expiry { "expired".to_owned() } else { "deleted".to_owned() },
            |item| if self.ddb_json { item.to_dynamodb_json() } else { item.to_json() },
        );
        if !self.json {
            return format!("{} commit {} {item}", date::label(version.at_millis), version.commit);
        }
        let (commit, at_millis) = (version.commit, version.at_millis);
        let item = if version.item.is_some() { item } else { "null".to_owned() };
        let is_expiry = version.is_expiry;
        format!("{{\"commit\":{commit},\"at_millis\":{at_millis},\"is_expiry\":{is_expiry},\"item\":{item}}}")
    }
}
