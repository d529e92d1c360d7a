//! Records of CSV.

use super::{MAX_RECORD_BYTES, Record};
use crate::{
    csv_cells::{Column, parse_header},
    failure::Failure,
    key_value::KeyTypes,
};
use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, Trim};
use hashrange::Item;
use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

/// The records below a header. A cell that is empty is an attribute that the item does not have.
pub(super) struct CsvRecords<R> {
    reader: Reader<Budgeted<R>>,
    budget: Rc<Cell<usize>>,
    columns: Vec<Column>,
    record: ByteRecord,
}

/// Fails once more was read than a record may have: a quote that is never closed would take the rest of the input for
/// one cell.
struct Budgeted<R> {
    input: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Budgeted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let left = self.left.get();
        if count > left {
            let text = format!("a record is longer than {MAX_RECORD_BYTES} bytes; is a quote not closed?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.left.set(left - count);
        Ok(count)
    }
}

impl<R: Read> CsvRecords<R> {
    /// Reads the header. Attributes of a key have the type that the table gives them.
    pub(super) fn new(input: R, keys: &KeyTypes) -> Result<Self, Failure> {
        let budget = Rc::new(Cell::new(MAX_RECORD_BYTES));
        let input = Budgeted { input, left: budget.clone() };
        let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::Headers).from_reader(input);
        let header = reader.headers().map_err(|error| Failure::io("cannot read the header", error.into()))?;
        let columns = parse_header(header.iter(), keys).map_err(Failure::Usage)?;
        Ok(Self { reader, budget, columns, record: ByteRecord::new() })
    }

    fn item(&self) -> Result<Item, String> {
        if self.record.len() != self.columns.len() {
            return Err(format!("{} cells where the header has {}", self.record.len(), self.columns.len()));
        }
        let mut item = Item::new();
        for (column, cell) in self.columns.iter().zip(&self.record) {
            let text = std::str::from_utf8(cell).map_err(|_| format!("column {}: it is not UTF-8", column.name))?;
            if !text.is_empty() {
                item.insert(column.name.clone(), column.parse(text)?);
            }
        }
        Ok(item)
    }
}

impl<R: Read> Iterator for CsvRecords<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<io::Result<Record>> {
        self.budget.set(MAX_RECORD_BYTES);
        let read = self.reader.read_byte_record(&mut self.record);
        let line = self.record.position().map_or(0, csv::Position::line);
        match read {
            Ok(true) => Some(Ok(Record { line, item: self.item() })),
            Ok(false) => None,
            Err(error) if matches!(error.kind(), ErrorKind::Io(_)) => Some(Err(error.into())),
            Err(error) => Some(Ok(Record { line, item: Err(error.to_string()) })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(input: &[u8]) -> Vec<(u64, String)> {
        let records = CsvRecords::new(input, &KeyTypes::default()).unwrap();
        records
            .map(|record| record.unwrap())
            .map(|record| (record.line, record.item.map_or_else(|what| format!("! {what}"), |item| item.to_json())))
            .collect()
    }

    #[test]
    fn cells_become_attributes() {
        let input = b"id:N, name ,ok:BOOL,tags:JSON\n1,\"a, \"\"b\"\"\nc\",true,\"[1]\"\n2,,,\n";
        assert_eq!(
            records(input),
            [(2, r#"{"id":1,"name":"a, \"b\"\nc","ok":true,"tags":[1]}"#.to_owned()), (4, r#"{"id":2}"#.to_owned())]
        );
    }

    #[test]
    fn bad_records_say_where_and_why() {
        let found = records(b"id:N,name\n1,a\nx,b\n2\n3,\xFF\n4,d\n");
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        assert!(found[1].1.starts_with("! column id: "), "{found:?}");
        assert_eq!(found[2].1, "! 1 cells where the header has 2");
        assert_eq!(found[3].1, "! column name: it is not UTF-8");
        assert_eq!(found[4].1, r#"{"id":4,"name":"d"}"#);
    }

    #[test]
    fn a_quote_that_is_never_closed_ends_the_reading() {
        let mut input = b"id,name\n1,\"".to_vec();
        input.resize(MAX_RECORD_BYTES * 2, b'x');
        let mut records = CsvRecords::new(&input[..], &KeyTypes::default()).unwrap();
        assert!(records.next().unwrap().unwrap_err().to_string().contains("is a quote not closed?"));
    }
}
