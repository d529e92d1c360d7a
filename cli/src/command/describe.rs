//! `describe`: keys, indexes and numbers of a table.

use crate::{
    args::DatabaseArgs,
    failure::Failure,
    outcome::Outcome,
    output::Output,
    session,
    text::{bytes, counted},
};
use clap::Args;
use hashrange::{
    admin::TableDescription,
    schema::{IndexKind, KeyAttribute, Projection},
};

/// Arguments of `describe`.
#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// Name of the table
    table: String,
    /// Print the whole definition as JSON
    #[arg(long)]
    json: bool,
}

impl Describe {
    /// Describes the table.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open_to_read(args)?;
        let table = database.describe_table(&self.table);
        let table = table.map_err(|error| session::explain(&database, &self.table, error))?;
        let mut output = Output::new();
        if self.json {
            let mut json = serde_json::json!(&*table.definition);
            json["item_count"] = table.item_count.into();
            json["size_bytes"] = table.size_bytes.into();
            output.line(format_args!("{json:#}"))?;
        } else {
            print(&table, &mut output)?;
        }
        output.finish()?;
        Ok(Outcome::Done)
    }
}

fn print(table: &TableDescription, output: &mut Output) -> Result<(), Failure> {
    let definition = &table.definition;
    output.line(format_args!("table          {}", definition.name))?;
    output.line(format_args!("partition key  {}", keys(std::slice::from_ref(&definition.key.hash))))?;
    if let Some(range) = &definition.key.range {
        output.line(format_args!("sort key       {}", keys(std::slice::from_ref(range))))?;
    }
    for (index, numbers) in definition.indexes.iter().zip(&table.indexes) {
        let kind = match index.kind {
            IndexKind::Local => "local index ",
            IndexKind::Global => "global index",
            IndexKind::Expiry => continue, // the TTL sweeper's own
        };
        let carries = match &index.projection {
            Projection::All => "whole items".to_owned(),
            Projection::KeysOnly => "keys".to_owned(),
            Projection::Include(names) => format!("keys and {}", names.join(", ")),
        };
        let range = if index.range.is_empty() { String::new() } else { format!(" / {}", keys(&index.range)) };
        output.line(format_args!("{kind}   {}: {}{range}, carries {carries}", index.name, keys(&index.hash)))?;
        if index.kind == IndexKind::Global {
            let size = bytes(numbers.size_bytes);
            output.line(format_args!("               {}, {size}", counted(numbers.item_count, "entry")))?;
        }
    }
    output.line(format_args!("status         {:?}", definition.status))?;
    output.line(format_args!("items          {}", counted(table.item_count, "item")))?;
    output.line(format_args!("size           {} by DynamoDB's size rule", bytes(table.size_bytes)))
}

fn keys(attributes: &[KeyAttribute]) -> String {
    let shown: Vec<String> = attributes.iter().map(|key| format!("{} ({})", key.name, key.kind)).collect();
    shown.join(", ")
}
