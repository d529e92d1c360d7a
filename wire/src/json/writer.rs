//! The writer: appends JSON to a text, in the compact form that DynamoDB sends.
//!
//! A [`Writer`] puts the commas; the caller opens and closes objects and arrays in pairs.

use hashrange::item::json::push_string;

/// A JSON text under construction.
#[derive(Default)]
pub(crate) struct Writer {
    out: String,
    /// A value precedes at this level, so the next one needs a comma.
    comma: bool,
}

impl Writer {
    /// A writer whose buffer begins with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { out: String::with_capacity(capacity), comma: false }
    }

    /// The text.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// Opens an object.
    pub(crate) fn begin_object(&mut self) {
        self.separate();
        self.out.push('{');
        self.comma = false;
    }

    /// Closes an object.
    pub(crate) fn end_object(&mut self) {
        self.out.push('}');
        self.comma = true;
    }

    /// Opens an array.
    pub(crate) fn begin_array(&mut self) {
        self.separate();
        self.out.push('[');
        self.comma = false;
    }

    /// Closes an array.
    pub(crate) fn end_array(&mut self) {
        self.out.push(']');
        self.comma = true;
    }

    /// A member's name; its value comes next.
    pub(crate) fn name(&mut self, name: &str) {
        self.separate();
        push_string(name, &mut self.out);
        self.out.push(':');
        self.comma = false;
    }

    /// A string.
    pub(crate) fn string(&mut self, text: &str) {
        self.value(|out| push_string(text, out));
    }

    /// A truth value.
    pub(crate) fn boolean(&mut self, value: bool) {
        self.separate();
        self.out.push_str(if value { "true" } else { "false" });
        self.comma = true;
    }

    /// `null`.
    pub(crate) fn null(&mut self) {
        self.separate();
        self.out.push_str("null");
        self.comma = true;
    }

    /// A value that is JSON already.
    pub(crate) fn json(&mut self, text: &str) {
        self.separate();
        self.out.push_str(text);
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

    /// A value that `push` appends.
    pub(crate) fn value(&mut self, push: impl FnOnce(&mut String)) {
        self.separate();
        push(&mut self.out);
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

    /// A member that is a string, if it is there.
    pub(crate) fn optional_member(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.string_member(name, text);
        }
    }

    /// A member that is a time, in seconds since 1970.
    pub(crate) fn time_member(&mut self, name: &str, millis: u64) {
        self.name(name);
        self.epoch_seconds(millis);
    }
    /// The same, if it is there.
    pub(crate) fn optional_time_member(&mut self, name: &str, millis: Option<u64>) {
        if let Some(millis) = millis {
            self.time_member(name, millis);
        }
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(',');
        }
    }

    fn raw(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut self.out, text);
    }
}
