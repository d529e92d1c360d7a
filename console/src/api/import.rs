//! Items of a file into a table: DynamoDB's JSON by line, plain JSON by line, CSV with a header.
//!
//! Each record is put by itself: one that cannot be read, or that the engine rejects, is reported with its line, and the rest
//! is put. Puts are made durable together at the end.

use super::{items::Changed, tables};
use crate::{
    answer::{self, Answer},
    cells::{Column, KeyTypes, guess_numbers, parse_header},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use csv::{ReaderBuilder, StringRecord, Trim};
use hashrange::{Durability, Item, admin::TableDescription, request::PutItem};
use http::Method;
use serde_json::{Value, value::RawValue};
use std::collections::BTreeMap;

/// Records that are looked at to see which columns of CSV are numbers.
const SAMPLE_RECORDS: usize = 1_000;

/// How the records of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// An object of typed values a line, in `{"Item": ...}` or not.
    DynamoDbJson,
    /// A plain object a line.
    JsonLines,
    /// A header, then a record a line.
    Csv,
}

/// A record by where it was: an item, or what is wrong with it.
type Record = (String, Result<Item, Refusal>);

impl Format {
    /// The format that a parameter names, or else the one that the file's name and beginning promise.
    fn of(request: &Request, text: &str) -> Result<Self, Refusal> {
        match request.parameter("format").unwrap_or("auto") {
            "ddb-json" => return Ok(Self::DynamoDbJson),
            "jsonl" => return Ok(Self::JsonLines),
            "csv" => return Ok(Self::Csv),
            "auto" => {}
            other => return Err(Refusal::invalid(format!("format {other:?}: it is ddb-json, jsonl, csv or auto"))),
        }
        let name = request.parameter("name").unwrap_or_default().to_ascii_lowercase();
        if name.ends_with(".csv") || !text.trim_start().starts_with('{') {
            return Ok(Self::Csv);
        }
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        Ok(if typed(first).is_ok() { Self::DynamoDbJson } else { Self::JsonLines })
    }

    fn name(self) -> &'static str {
        match self {
            Self::DynamoDbJson => "DynamoDB JSON",
            Self::JsonLines => "JSON lines",
            Self::Csv => "CSV",
        }
    }
}

/// Puts the items of a request's body into a table. Returns the name of the format, and what came of it.
pub(crate) fn run(
    context: &Context,
    description: &TableDescription,
    request: &Request,
) -> Result<(&'static str, Changed), Refusal> {
    context.check_write()?;
    let text = request.text()?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let format = Format::of(request, text)?;
    let mut changed = Changed::default();
    let mut put = |(place, item): Record| {
        let done = item.and_then(|item| {
            let mut put = PutItem::new(&description.definition.name, item);
            put.durability = Some(Durability::Buffered);
            Ok(context.db.execute(&put)?.consumed().total())
        });
        changed.note(place, done);
    };
    match format {
        Format::Csv => csv_records(text, &KeyTypes::of(&description.definition), put)?,
        _ => {
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let item = match format {
                    Format::DynamoDbJson => typed(line),
                    _ => Item::from_json(line).map_err(Refusal::from),
                };
                put((format!("line {}", number + 1), item));
            }
        }
    }
    context.db.sync()?;
    Ok((format.name(), changed))
}

/// An item of DynamoDB's JSON; `{"Item": {...}}` around it, as exports have it, is taken off.
fn typed(line: &str) -> Result<Item, Refusal> {
    let members: Result<BTreeMap<&str, &RawValue>, _> = serde_json::from_str(line);
    if let Ok(members) = members
        && let (1, Some(inner)) = (members.len(), members.get("Item"))
        && serde_json::from_str::<BTreeMap<String, Value>>(inner.get())
            .is_ok_and(|inner| inner.values().all(Value::is_object))
    {
        return Ok(Item::from_dynamodb_json(inner.get())?);
    }
    Ok(Item::from_dynamodb_json(line)?)
}

/// Puts the records of CSV. Only the sample is kept in memory; each record behind it is put as it is read. A cell that is empty
/// is an attribute that the item does not have. Errors: the header.
fn csv_records(text: &str, keys: &KeyTypes, mut put: impl FnMut(Record)) -> Result<(), Refusal> {
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::Headers).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| Refusal::invalid(format!("the header: {error}")))?;
    let mut columns = parse_header(header.iter(), keys).map_err(Refusal::invalid)?;
    let mut records = reader.records();
    let sample: Vec<csv::Result<StringRecord>> = records.by_ref().take(SAMPLE_RECORDS).collect();
    guess_numbers(&mut columns, |position| {
        Box::new(sample.iter().flatten().filter_map(move |record| record.get(position)))
    });
    for record in sample.into_iter().chain(records) {
        put(match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                (format!("line {line}"), csv_item(&columns, &record))
            }
            Err(error) => (String::new(), Err(Refusal::invalid(error.to_string()))),
        });
    }
    Ok(())
}

fn csv_item(columns: &[Column], record: &StringRecord) -> Result<Item, Refusal> {
    if record.len() != columns.len() {
        let text = format!("{} cells where the header has {}", record.len(), columns.len());
        return Err(Refusal::invalid(text));
    }
    let mut item = Item::new();
    for (column, cell) in columns.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
        item.0.insert(column.name.clone(), column.parse(cell).map_err(Refusal::invalid)?);
    }
    Ok(item)
}

/// Answers `/console/api/tables/TABLE/import`.
pub(crate) fn respond(context: &Context, request: &Request, table: &str) -> Result<Answer, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::method());
    }
    let description = tables::describe(&context.db, table)?;
    Ok(answer::json(&run(context, &description, request)?.1))
}
