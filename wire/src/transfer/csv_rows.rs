//! Items from CSV: a header, and a row for each item.
//!
//! Attributes that are keys of the table or of an index are of the type that is declared for them, all others are strings. An
//! empty field is no attribute.

use super::json::Read;
use csv::{ReaderBuilder, StringRecord};
use hashrange::{AttributeValue, Item, Number, item::base64, key::KeyType};
use std::{
    cell::Cell,
    collections::BTreeMap,
    io::{self, BufRead},
    rc::Rc,
};

/// How CSV is written.
#[derive(Clone, Debug)]
pub(crate) struct CsvForm {
    pub(crate) delimiter: u8,
    /// Names of the columns; `None` if the first line of each object has them.
    pub(crate) header: Option<Vec<String>>,
    /// Types of the attributes that are keys.
    pub(crate) keys: BTreeMap<String, KeyType>,
}

/// The rows of one object.
pub(super) struct CsvRows<R> {
    reader: csv::Reader<Bounded<R>>,
    left: Rc<Cell<usize>>,
    header: Vec<String>,
    keys: BTreeMap<String, KeyType>,
    has_header: bool,
    row: StringRecord,
}

/// Reads no more than may be in one row, so that a quote that is never closed costs no memory without bound.
struct Bounded<R> {
    input: R,
    left: Rc<Cell<usize>>,
}

impl<R: io::Read> io::Read for Bounded<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(bytes)?;
        let left = self.left.get().checked_sub(read);
        self.left.set(left.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a row is too long"))?);
        Ok(read)
    }
}

impl<R: BufRead> CsvRows<R> {
    pub(super) fn new(input: R, form: &CsvForm) -> Self {
        let left = Rc::new(Cell::new(super::input::MAX_RECORD_BYTES));
        let mut builder = ReaderBuilder::new();
        let bounded = Bounded { input, left: left.clone() };
        let reader = builder.delimiter(form.delimiter).has_headers(false).flexible(true).from_reader(bounded);
        Self {
            reader,
            left,
            header: form.header.clone().unwrap_or_default(),
            keys: form.keys.clone(),
            has_header: form.header.is_some(),
            row: StringRecord::new(),
        }
    }

    /// The next item; an error ends the object.
    pub(super) fn next(&mut self) -> Option<Result<Read, String>> {
        loop {
            self.left.set(super::input::MAX_RECORD_BYTES);
            match self.reader.read_record(&mut self.row) {
                Ok(false) => return None,
                Ok(true) if !self.has_header => {
                    // Spreadsheets begin a file with the mark of its byte order.
                    let names = self.row.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned());
                    self.header = names.collect();
                    self.has_header = true;
                }
                Ok(true) => return Some(Ok(self.item())),
                Err(error) => return Some(Err(error.to_string())),
            }
        }
    }

    fn item(&self) -> Read {
        if self.row.len() != self.header.len() {
            return Err(format!("The row has {} fields, the header {}", self.row.len(), self.header.len()));
        }
        let mut item = Item::new();
        for (name, text) in self.header.iter().zip(&self.row).filter(|(_, text)| !text.is_empty()) {
            let value = match self.keys.get(name) {
                Some(KeyType::N) => text.parse::<Number>().map(AttributeValue::N),
                Some(KeyType::B) => base64::decode(text).map(|bytes| AttributeValue::B(bytes.into())),
                Some(KeyType::S) | None => Ok(AttributeValue::S(text.to_owned())),
            };
            item.insert(name.clone(), value.map_err(|error| error.message().to_owned())?);
        }
        Ok(item.into())
    }
}
