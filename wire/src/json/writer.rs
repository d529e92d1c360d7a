//! The writer: appends JSON to a byte buffer, in the compact form that DynamoDB sends.
//!
//! A [`Writer`] puts the commas; the caller opens and closes objects and arrays in pairs.

use hashrange::item::base64;

/// A JSON text under construction.
#[derive(Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
    /// A value precedes at this level, so the next one needs a comma.
    comma: bool,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Writer {
    /// A writer whose buffer begins with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity), comma: false }
    }

    /// The text.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Opens an object.
    pub(crate) fn begin_object(&mut self) {
        self.separate();
        self.out.push(b'{');
        self.comma = false;
    }

    /// Closes an object.
    pub(crate) fn end_object(&mut self) {
        self.out.push(b'}');
        self.comma = true;
    }

    /// Opens an array.
    pub(crate) fn begin_array(&mut self) {
        self.separate();
        self.out.push(b'[');
        self.comma = false;
    }

    /// Closes an array.
    pub(crate) fn end_array(&mut self) {
        self.out.push(b']');
        self.comma = true;
    }

    /// A member's name; its value comes next.
    pub(crate) fn name(&mut self, name: &str) {
        self.separate();
        self.quoted(name);
        self.out.push(b':');
        self.comma = false;
    }

    /// A string.
    pub(crate) fn string(&mut self, text: &str) {
        self.separate();
        self.quoted(text);
        self.comma = true;
    }

    /// A value's text that needs no escapes, in quotes: a number as DynamoDB writes it.
    pub(crate) fn display_string(&mut self, value: &impl std::fmt::Display) {
        self.separate();
        self.out.push(b'"');
        self.raw(format_args!("{value}"));
        self.out.push(b'"');
        self.comma = true;
    }

    /// Bytes, in base64.
    pub(crate) fn base64(&mut self, bytes: &[u8]) {
        self.separate();
        self.out.push(b'"');
        base64::encode_bytes(bytes, &mut self.out);
        self.out.push(b'"');
        self.comma = true;
    }

    /// A truth value.
    pub(crate) fn boolean(&mut self, value: bool) {
        self.separate();
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        self.comma = true;
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, value: u64) {
        self.separate();
        self.raw(format_args!("{value}"));
        self.comma = true;
    }

    /// A number with a fraction; whole values keep one digit after the point, as DynamoDB writes doubles.
    pub(crate) fn double(&mut self, value: f64) {
        self.separate();
        self.raw(format_args!("{value:?}"));
        self.comma = true;
    }

    /// Seconds since 1970 with a fraction of milliseconds: how DynamoDB writes times.
    pub(crate) fn epoch_seconds(&mut self, millis: u64) {
        self.separate();
        self.raw(format_args!("{}.{:03}", millis / 1000, millis % 1000));
        self.comma = true;
    }

    /// A member that is a string.
    pub(crate) fn string_member(&mut self, name: &str, text: &str) {
        self.name(name);
        self.string(text);
    }

    /// A member that is a whole number.
    pub(crate) fn integer_member(&mut self, name: &str, value: u64) {
        self.name(name);
        self.integer(value);
    }

    /// A member that is a number with a fraction.
    pub(crate) fn double_member(&mut self, name: &str, value: f64) {
        self.name(name);
        self.double(value);
    }

    /// A member that is a truth value.
    pub(crate) fn boolean_member(&mut self, name: &str, value: bool) {
        self.name(name);
        self.boolean(value);
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
    }

    fn raw(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a vector cannot fail.
        let _ = std::io::Write::write_fmt(&mut self.out, text);
    }

    fn quoted(&mut self, text: &str) {
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        let bytes = text.as_bytes();
        let mut copied = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                0x08 => b"\\b",
                0x0c => b"\\f",
                0x00..=0x1f => b"\\u00",
                _ => continue,
            };
            self.out.extend_from_slice(&bytes[copied..at]);
            self.out.extend_from_slice(escape);
            if escape.len() == 4 {
                self.out.push(HEX[usize::from(byte >> 4)]);
                self.out.push(HEX[usize::from(byte & 15)]);
            }
            copied = at + 1;
        }
        self.out.extend_from_slice(&bytes[copied..]);
        self.out.push(b'"');
    }
}
