//! The formats that items are read from: one record at a time, however large the input is.
//!
//! ```text
//! json       [{"id":1}, {"id":2}]         an array of plain JSON objects, or objects one after the other
//! jsonl      {"id":1}                     a plain JSON object a line
//! ddb-json   {"id":{"N":"1"}}             an object of typed values a line; {"Item":{...}} around it is taken off
//! csv        id,name,tags:SS              a header, then a record a line; see `hashrange_console::cells` for the types of columns
//! ```
//!
//! A record that cannot be read is a record all the same: it says where it was and what is wrong, and the next one is
//! read. Only an input that fails as such, such as a disk, ends the reading.

mod csv_records;
mod elements;
mod lines;

use crate::failure::Failure;
use clap::ValueEnum;
use hashrange::{AttributeValue, Item, key::KeyType};
use hashrange_console::cells::KeyTypes;
use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    io::{self, BufRead},
    path::Path,
};

/// Longest text of one record, in bytes. An item of the largest size, escaped throughout, is shorter.
pub(crate) const MAX_RECORD_BYTES: usize = 16 << 20;

/// A format of items in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// An array of plain JSON objects
    Json,
    /// A plain JSON object a line
    Jsonl,
    /// An object in DynamoDB JSON a line: loses nothing
    DdbJson,
    /// Comma-separated values with a header
    Csv,
}

impl Format {
    /// The format that the name of a file promises.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// What was found at one place of the input.
#[derive(Debug)]
pub(crate) struct Record {
    /// Line at which it begins, counted from 1.
    pub(crate) line: u64,
    /// The item, or what is wrong with it.
    pub(crate) item: Result<Item, String>,
}

/// Records in the order of the input. An error ends them.
pub(crate) type Records<'a> = Box<dyn Iterator<Item = io::Result<Record>> + 'a>;

/// The text of a record before it is understood.
struct Text {
    line: u64,
    text: Result<String, String>,
}

/// The records of an input, and what is to be said about them before.
pub(crate) struct Input<'a> {
    pub(crate) records: Records<'a>,
    pub(crate) note: Option<String>,
}

/// Reads records of a format. `keys` says how key attributes are typed where the format leaves it open.
pub(crate) fn read<'a>(format: Format, input: impl BufRead + 'a, keys: &'a KeyTypes) -> Result<Input<'a>, Failure> {
    let records = match format {
        Format::Json => parsed(elements::Elements::new(input), move |text| plain(text, keys)),
        Format::Jsonl => parsed(lines::Lines::new(input), move |text| plain(text, keys)),
        Format::DdbJson => parsed(lines::Lines::new(input), typed),
        Format::Csv => {
            let records = csv_records::CsvRecords::new(input, keys)?;
            let numbers = records.numbers().join(", ");
            let note = format!("read as numbers: {numbers}; NAME:S in the header makes a column text");
            return Ok(Input { note: (!numbers.is_empty()).then_some(note), records: Box::new(records) });
        }
    };
    Ok(Input { records, note: None })
}

/// Reads the text of one item, in plain or DynamoDB JSON.
pub(crate) fn parse_one(format: Format, text: &str, keys: &KeyTypes) -> Result<Item, String> {
    if format == Format::DdbJson { typed(text) } else { plain(text, keys) }
}

fn parsed<'a>(
    texts: impl Iterator<Item = io::Result<Text>> + 'a,
    parse: impl Fn(&str) -> Result<Item, String> + 'a,
) -> Records<'a> {
    Box::new(
        texts
            .map(move |text| text.map(|Text { line, text }| Record { line, item: text.and_then(|text| parse(&text)) })),
    )
}

/// Checks that the bytes of a record are text.
fn as_text(bytes: &[u8]) -> Result<String, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(format!("byte {} of the record is not UTF-8", error.valid_up_to() + 1)),
    }
}

fn too_long() -> String {
    format!("the record is longer than {MAX_RECORD_BYTES} bytes")
}

/// Plain JSON has no binary: where the key is binary, its text is base64.
fn plain(text: &str, keys: &KeyTypes) -> Result<Item, String> {
    let mut item = Item::from_json(text).map_err(|error| without_line(error.message()) + array_hint(text))?;
    for name in keys.of_type(KeyType::B) {
        if let Some(AttributeValue::S(base64)) = item.get(name) {
            let value =
                hashrange_console::cells::parse_binary(base64).map_err(|what| format!("attribute {name}: {what}"))?;
            item.insert(name.to_owned(), value);
        }
    }
    Ok(item)
}

/// What helps where an array is given for one item.
fn array_hint(text: &str) -> &'static str {
    if text.trim_start().starts_with('[') { "; an array of items is read with --format json" } else { "" }
}

/// DynamoDB JSON, alone or as exports of the service wrap it.
fn typed(text: &str) -> Result<Item, String> {
    let error = match Item::from_dynamodb_json(text) {
        Ok(item) => return Ok(item),
        Err(error) => error,
    };
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    match (members.len(), members.get("Item")) {
        (1, Some(inner)) => Item::from_dynamodb_json(inner.get()).map_err(|error| without_line(error.message())),
        _ => Err(without_line(error.message())),
    }
}

/// The parser counts lines within the record, which would be taken for lines of the input.
fn without_line(message: &str) -> String {
    message.replace(" at line 1 column ", " at column ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashrange::schema::{KeyAttribute, KeySchema, TableDefinition};

    fn items(format: Format, input: &[u8]) -> Vec<(u64, String)> {
        let keys = KeyTypes::default();
        let records = read(format, input, &keys).unwrap().records;
        records
            .map(|record| record.unwrap())
            .map(|record| (record.line, record.item.map_or_else(|what| format!("! {what}"), |item| item.to_json())))
            .collect()
    }

    #[test]
    fn lines_of_both_kinds_of_json() {
        let lines = items(Format::Jsonl, b"\xEF\xBB\xBF{\"a\":1}\r\n\n {\"a\":2} \n{\"a\":\n[1]\n\xFF\n{\"a\":3}");
        assert_eq!(lines[0], (1, "{\"a\":1}".to_owned()));
        assert_eq!(lines[1], (3, "{\"a\":2}".to_owned()));
        assert!(lines[2].0 == 4 && lines[2].1.starts_with("! EOF") && lines[2].1.contains("at column"), "{lines:?}");
        assert!(lines[3].1.starts_with("! ") && lines[4].1 == "! byte 1 of the record is not UTF-8", "{lines:?}");
        assert_eq!(lines[5], (7, "{\"a\":3}".to_owned()));

        let lines = items(Format::DdbJson, b"{\"a\":{\"N\":\"1\"}}\n{\"Item\":{\"a\":{\"SS\":[\"x\"]}}}\n{\"a\":1}\n");
        assert_eq!(lines[0].1, "{\"a\":1}");
        assert_eq!(lines[1].1, "{\"a\":[\"x\"]}");
        assert!(lines[2].1.starts_with("! "));
    }

    #[test]
    fn binary_keys_are_base64_in_plain_json() {
        let key = KeySchema { hash: KeyAttribute::new("id", KeyType::B), range: None };
        let definition: TableDefinition = serde_json::from_value(serde_json::json!({
            "id": 1, "name": "files", "key": key, "billing": "PayPerRequest", "status": "Active", "created_millis": 0,
            "throughput": {"read_units_per_sec": 0, "write_units_per_sec": 0},
        }))
        .unwrap();
        let keys = KeyTypes::of(&definition);
        let records = read(Format::Jsonl, &b"{\"id\":\"AAE=\"}\n{\"id\":\"?\"}\n"[..], &keys).unwrap().records;
        let records: Vec<Record> = records.map(|record| record.unwrap()).collect();
        assert_eq!(records[0].item.as_ref().unwrap()["id"].type_name(), "B");
        assert_eq!(records[1].item.as_ref().unwrap_err(), "attribute id: \"?\" is not base64");
    }

    #[test]
    fn formats_are_known_by_their_file_names() {
        let of = |name: &str| Format::of_file(Path::new(name));
        assert_eq!(
            [of("a.json"), of("b.NDJSON"), of("c.csv")],
            [Some(Format::Json), Some(Format::Jsonl), Some(Format::Csv)]
        );
        assert_eq!([of("-"), of("a.txt"), of("json")], [None; 3]);
    }
}
