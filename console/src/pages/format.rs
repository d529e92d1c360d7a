//! Numbers, sizes and addresses as pages write them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a part of a path is written without.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A count with thin groups of three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes in the largest unit that leaves at least one of it.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1_000.0 {
            break;
        }
        value /= 1_000.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// An amount in billionths, rounded to a ten-thousandth; all nine digits if that is nothing.
pub(crate) fn amount(nanos: u64) -> String {
    let tenthousandths = nanos.saturating_add(50_000) / 100_000;
    if tenthousandths == 0 && nanos > 0 {
        return format!("0.{nanos:09}");
    }
    format!("{}.{:04}", count(tenthousandths / 10_000), tenthousandths % 10_000)
}

/// A text as a part of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The address of a page about a table.
pub(crate) fn table_address(table: &str, page: &str) -> String {
    format!("/console/tables/{}/{page}", segment(table))
}
