//! The items of a table as a file: as of one moment, read while it is sent.

use super::{moment, pages::Pages};
use crate::{
    answer::{self, Answer, EventSource},
    cells::{Column, ColumnFinder, MAX_COLUMNS},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use bytes::Bytes;
use csv::WriterBuilder;
use hashrange::{ItemRef, history::Moment};

/// How items are written.
enum Format {
    /// A line of DynamoDB's JSON for each, as exports of the service have it.
    DynamoDbJson,
    /// Records of CSV, with these columns.
    Csv(Vec<Column>),
}

/// A file that is sent.
struct Export {
    pages: Pages,
    format: Format,
    /// What is sent before the first page.
    head: Option<Bytes>,
    /// Whether a page could not be read.
    is_cut_off: bool,
}

impl EventSource for Export {
    fn next(&mut self) -> Option<Bytes> {
        if let Some(head) = self.head.take() {
            return Some(head);
        }
        loop {
            let page = match self.pages.next() {
                Ok(page) => page?,
                Err(_) => {
                    self.is_cut_off = true;
                    return None;
                }
            };
            if !page.items.is_empty() {
                let lines = self.format.write(&page.items);
                self.is_cut_off = lines.is_none();
                return lines.map(Bytes::from);
            }
        }
    }
    /// A file has no line that says that it broke off: the browser reports a failed download.
    fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }
    fn has_end(&self) -> bool {
        true
    }
}

impl Format {
    fn write(&self, items: &[ItemRef]) -> Option<Vec<u8>> {
        match self {
            Self::DynamoDbJson => {
                let mut text = String::new();
                for item in items {
                    text.push_str("{\"Item\":");
                    item.push_dynamodb_json(&mut text);
                    text.push_str("}\n");
                }
                Some(text.into_bytes())
            }
            Self::Csv(columns) => csv_lines(items.iter().map(|item| columns.iter().map(|column| column.print(item)))),
        }
    }
}

fn csv_lines(records: impl Iterator<Item = impl Iterator<Item = String>>) -> Option<Vec<u8>> {
    let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for record in records {
        writer.write_record(record).ok()?;
    }
    writer.into_inner().ok()
}

/// Answers `/console/api/tables/TABLE/export`: parameters `format` (`ddb-json` or `csv`) and `at`, a moment of the history.
pub(crate) fn respond(context: &Context, request: &Request, table: &str) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    let at = request.parameter("at").map(moment::parse).transpose()?.unwrap_or(Moment::Now);
    let snapshot = context.db.at(at)?;
    let description = snapshot.describe_table(table)?;
    let pages = || Pages::new(snapshot.clone(), table);
    let (content_type, name, format, head) = match request.parameter("format").unwrap_or("ddb-json") {
        "ddb-json" => ("application/x-ndjson", format!("{table}.json"), Format::DynamoDbJson, None),
        "csv" => {
            // Which columns there are is known once every item was looked at.
            let mut finder = ColumnFinder::default();
            let mut first = pages();
            while let Some(page) = first.next()? {
                page.items.iter().for_each(|item| finder.add(item));
                if finder.count() > MAX_COLUMNS {
                    let text = format!("the items have more than {MAX_COLUMNS} attributes; export them as ddb-json");
                    return Err(Refusal::invalid(text));
                }
            }
            let columns = finder.columns(description.definition.key.attributes().map(|key| key.name.as_str()));
            let head = csv_lines(std::iter::once(columns.iter().map(Column::header))).map(Bytes::from);
            ("text/csv; charset=utf-8", format!("{table}.csv"), Format::Csv(columns), head)
        }
        other => return Err(Refusal::invalid(format!("format {other:?}: it is ddb-json or csv"))),
    };
    Ok(answer::download(content_type, &name, Box::new(Export { pages: pages(), format, head, is_cut_off: false })))
}
