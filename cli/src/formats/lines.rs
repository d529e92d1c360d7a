//! Texts that are lines.

use super::{MAX_RECORD_BYTES, Text, as_text, too_long};
use std::io::{self, BufRead, ErrorKind};

/// What some editors write before the first line.
pub(super) const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// The lines of an input that are not empty, none of them longer than a record may be.
pub(super) struct Lines<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
    too_long: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 0, buffer: Vec::new(), too_long: false }
    }

    /// Reads a line into the buffer; `false` at the end. Of a line that is too long the rest is passed over.
    fn read_line(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        self.too_long = false;
        let mut any = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            self.too_long |= self.buffer.len() + part.len() > MAX_RECORD_BYTES;
            if !self.too_long {
                self.buffer.extend_from_slice(part);
            }
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Text>;

    fn next(&mut self) -> Option<io::Result<Text>> {
        loop {
            match self.read_line() {
                Ok(true) => self.line += 1,
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            if self.too_long {
                return Some(Ok(Text { line: self.line, text: Err(too_long()) }));
            }
            let mut bytes = self.buffer.trim_ascii();
            if self.line == 1 {
                bytes = bytes.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(bytes);
            }
            if !bytes.is_empty() {
                return Some(Ok(Text { line: self.line, text: as_text(bytes) }));
            }
        }
    }
}
