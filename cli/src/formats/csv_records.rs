//! Records of CSV.

use super::{MAX_RECORD_BYTES, Record};
use crate::failure::Failure;
use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, Trim};
use hashrange::Item;
use hashrange_console::cells::{Column, KeyTypes, guess_numbers, parse_header};
use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, Read},
    rc::Rc,
};

/// Records that are looked at to see which columns are numbers.
const SAMPLE_RECORDS: usize = 1_000;

/// The records below a header. A cell that is empty is an attribute that the item does not have.
pub(super) struct CsvRecords<R> {
    reader: Reader<Budgeted<R>>,
    budget: Rc<Cell<usize>>,
    columns: Vec<Column>,
    /// Records that were read ahead for a sample.
    ahead: VecDeque<csv::Result<ByteRecord>>,
    numbers: Vec<String>,
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
        let mut records = Self { reader, budget, columns, ahead: VecDeque::new(), numbers: Vec::new() };
        if records.columns.iter().any(|column| column.is_guessed) {
            records.sample();
        }
        Ok(records)
    }

    /// Columns that neither the header nor a key gives a type, and that are read as numbers.
    pub(super) fn numbers(&self) -> &[String] {
        &self.numbers
    }

    /// Reads ahead, no more than one record may have, and decides what the columns are.
    fn sample(&mut self) {
        let mut bytes = 0;
        while self.ahead.len() < SAMPLE_RECORDS && bytes < MAX_RECORD_BYTES {
            let Some(record) = self.read() else { break };
            let is_end = record.as_ref().is_err_and(is_end);
            bytes += record.as_ref().map_or(0, |record| record.as_slice().len());
            self.ahead.push_back(record);
            if is_end {
                break;
            }
        }
        let whole: Vec<&ByteRecord> = self.ahead.iter().filter_map(|record| record.as_ref().ok()).collect();
        self.numbers = guess_numbers(&mut self.columns, |position| {
            Box::new(
                whole.clone().into_iter().filter_map(move |record| std::str::from_utf8(record.get(position)?).ok()),
            )
        });
    }

    fn read(&mut self) -> Option<csv::Result<ByteRecord>> {
        self.budget.set(MAX_RECORD_BYTES);
        let mut record = ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(true) => Some(Ok(record)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn item(&self, record: &ByteRecord) -> Result<Item, String> {
        if record.len() != self.columns.len() {
            return Err(format!("{} cells where the header has {}", record.len(), self.columns.len()));
        }
        let mut item = Item::new();
        for (column, cell) in self.columns.iter().zip(record) {
            let text = std::str::from_utf8(cell).map_err(|_| format!("column {}: it is not UTF-8", column.name))?;
            if !text.is_empty() {
                item.insert(column.name.clone(), column.parse(text)?);
            }
        }
        Ok(item)
    }
}

/// Whether the input as such failed, so that nothing comes behind it.
fn is_end(error: &csv::Error) -> bool {
    matches!(error.kind(), ErrorKind::Io(_))
}

impl<R: Read> Iterator for CsvRecords<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<io::Result<Record>> {
        let record = match self.ahead.pop_front() {
            Some(record) => record,
            None => self.read()?,
        };
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                Some(Ok(Record { line, item: self.item(&record) }))
            }
            Err(error) if is_end(&error) => Some(Err(error.into())),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                Some(Ok(Record { line, item: Err(error.to_string()) }))
            }
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
    fn columns_of_numbers_are_numbers() {
        let columns = |input: &[u8]| CsvRecords::new(input, &KeyTypes::default()).unwrap().numbers().to_vec();
        let input = b"id,price,code,zip,text:S,none\n1,19.90,5,007,1,\n2,,a,123,2,\n";
        assert_eq!(columns(input), ["id", "price"]);
        let expected = r#"{"code":"5","id":1,"price":19.9,"text":"1","zip":"007"}"#;
        assert_eq!(records(input)[0], (2, expected.to_owned()));
        let late = [b"n\n".to_vec(), b"1\n".repeat(SAMPLE_RECORDS), b"x\n2\n".to_vec()].concat();
        let found = records(&late);
        let complaint = &found[SAMPLE_RECORDS].1;
        assert!(complaint.starts_with("! column n: ") && complaint.contains("n:S in the header"), "{complaint}");
        assert_eq!(found[SAMPLE_RECORDS + 1].1, r#"{"n":2}"#);
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
