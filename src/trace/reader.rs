//! Reads a trace, up to its end or to what a crash left of it.

use super::format::{
    ACCESS, ATTRIBUTE, Access, MAGIC, MAX_BLOCK_BYTES, RecordedTable, TABLE, take_access, take_attribute, take_table,
};
use crate::error::{Error, Result};
use std::io::{ErrorKind, Read};

/// The accesses of a trace, in the order in which they were recorded.
///
/// Whatever the bytes hold, the answer is accesses or an error: a trace may come from another machine.
#[derive(Debug)]
pub struct TraceReader<R> {
    input: R,
    block: Vec<u8>,
    /// Bytes of the block that were read.
    at: usize,
    tables: Vec<RecordedTable>,
    attributes: Vec<String>,
    is_cut_off: bool,
    is_at_end: bool,
}

/// Tables and attributes that a trace can have.
const MOST_NAMES: usize = 100_000;

impl<R: Read> TraceReader<R> {
    /// Begins to read. Errors: it is no trace; the input fails.
    pub fn new(mut input: R) -> Result<Self> {
        let mut magic = [0; MAGIC.len()];
        match input.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Ok(()) => return Err(Error::incompatible("the file is no trace, or one of a newer version")),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(Error::incompatible("the file is too short to be a trace"));
            }
            Err(error) => return Err(Error::io("read", "a trace", &error)),
        }
        let (tables, attributes) = (Vec::new(), Vec::new());
        Ok(Self { input, block: Vec::new(), at: 0, tables, attributes, is_cut_off: false, is_at_end: false })
    }

    /// The tables that were described so far.
    pub fn tables(&self) -> &[RecordedTable] {
        &self.tables
    }
    /// Names of the attributes that were asked for, as far as they were met.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }
    /// Whether the end of the trace is missing or damaged. Known at the end.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// The next access, in the place of the one before, which has to be given back unchanged; false at the end. Errors: the
    /// input fails.
    pub fn read(&mut self, access: &mut Access) -> Result<bool> {
        loop {
            let mut rest = &self.block[self.at..];
            let Some((tag, behind)) = rest.split_first() else {
                if !self.next_block()? {
                    return Ok(false);
                }
                continue;
            };
            rest = behind;
            let taken = match *tag {
                TABLE if self.tables.len() < MOST_NAMES => take_table(&mut rest).map(|table| self.tables.push(table)),
                ATTRIBUTE if self.attributes.len() < MOST_NAMES => {
                    take_attribute(&mut rest).map(|name| self.attributes.push(name))
                }
                ACCESS => take_access(&mut rest, access).filter(|()| self.is_known(access)),
                _ => None,
            };
            if taken.is_none() {
                (self.is_cut_off, self.is_at_end, self.at) = (true, true, self.block.len());
                return Ok(false);
            }
            let is_access = *tag == ACCESS;
            self.at = self.block.len() - rest.len();
            if is_access {
                return Ok(true);
            }
        }
    }

    /// Whether what an access names is there.
    fn is_known(&self, access: &Access) -> bool {
        let Some(table) = self.tables.get(access.table) else { return false };
        access.index.is_none_or(|index| index < table.indexes.len())
            && access.entries.iter().all(|(index, ..)| *index < table.indexes.len())
            && access.values.iter().all(|(attribute, _)| *attribute < self.attributes.len())
    }

    fn next_block(&mut self) -> Result<bool> {
        self.block.clear();
        self.at = 0;
        if self.is_at_end {
            return Ok(false);
        }
        let mut head = [0; 8];
        let got = self.fill(&mut head)?;
        let (length, crc) = head.split_at(4);
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        let (length, crc) = (usize::try_from(number(length)).unwrap_or(usize::MAX), number(crc));
        if got < head.len() || length == 0 || length > MAX_BLOCK_BYTES {
            (self.is_at_end, self.is_cut_off) = (true, got > 0);
            return Ok(false);
        }
        let mut block = std::mem::take(&mut self.block);
        block.resize(length, 0);
        let got = self.fill(&mut block)?;
        if got < length || crc32fast::hash(&block) != crc {
            (self.is_at_end, self.is_cut_off) = (true, true);
            return Ok(false);
        }
        self.block = block;
        Ok(true)
    }

    /// Reads as much as there is; how much that was.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut got = 0;
        while let Some(rest) = buffer.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(bytes) => got += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read", "a trace", &error)),
            }
        }
        Ok(got)
    }
}
