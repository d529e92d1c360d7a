//! Records in the text form of Amazon Ion: `$ion_1_0 {Item:{pk:"a",n:103.}}`.
//!
//! Strings are strings, numbers decimals without trailing zeros, binary values blobs; sets are lists under the annotation
//! `$dynamodb_SS`, `$dynamodb_NS` or `$dynamodb_BS`.

use super::{Change, ordered};
use hashrange::{ItemRef, ValueRef, item::base64};

pub(crate) use super::ion_reader::next_record;

/// The mark of the version, which begins every line.
const VERSION: &str = "$ion_1_0 ";
/// Words that are no names.
const KEYWORDS: [&str; 4] = ["null", "true", "false", "nan"];
/// Zeros after the point that are written out; numbers that are smaller have an exponent.
const MAX_LEADING_ZEROS: usize = 6;

/// An item, and a newline.
pub(crate) fn write_record(out: &mut Vec<u8>, item: &ItemRef, key: &[String]) {
    push(out, VERSION);
    push(out, "{Item:");
    write_struct(out, ordered(item, key));
    push(out, "}\n");
}

/// A change, and a newline.
pub(crate) fn write_change(out: &mut Vec<u8>, change: &Change<'_>, key: &[String]) {
    push(out, VERSION);
    push(out, "{Record:{Keys:");
    write_struct(out, ordered(change.keys, key));
    push(out, ",Metadata:{WriteTimestampMicros:");
    write_number(out, &(change.written_millis * 1000).to_string());
    out.push(b'}');
    for (name, image) in [(",NewImage:", change.new), (",OldImage:", change.old)] {
        if let Some(image) = image {
            push(out, name);
            write_struct(out, ordered(image, key));
        }
    }
    push(out, "}}\n");
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn write_struct<'v>(out: &mut Vec<u8>, members: impl IntoIterator<Item = (&'v str, ValueRef<'v>)>) {
    out.push(b'{');
    let start = out.len();
    for (name, value) in members {
        separate(out, start);
        write_name(out, name);
        out.push(b':');
        write_value(out, value);
    }
    out.push(b'}');
}

fn separate(out: &mut Vec<u8>, start: usize) {
    if out.len() > start {
        out.push(b',');
    }
}

fn write_list<'v>(out: &mut Vec<u8>, annotation: &str, elements: impl Iterator<Item = ValueRef<'v>>) {
    push(out, annotation);
    out.push(b'[');
    let start = out.len();
    for element in elements {
        separate(out, start);
        write_value(out, element);
    }
    out.push(b']');
}

fn write_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value.type_name() {
        "S" => write_quoted(out, value.as_str().unwrap_or_default(), '"'),
        "N" => write_number(out, &value.as_number().map(|number| number.to_string()).unwrap_or_default()),
        "B" => {
            push(out, "{{");
            push(out, &base64::encode(value.as_bytes().unwrap_or_default()));
            push(out, "}}");
        }
        "BOOL" => push(out, if value.as_bool() == Some(true) { "true" } else { "false" }),
        "NULL" => push(out, "null"),
        "L" => write_list(out, "", value.list()),
        "M" => write_struct(out, value.map()),
        "SS" => write_list(out, "$dynamodb_SS::", value.set()),
        "NS" => write_list(out, "$dynamodb_NS::", value.set()),
        _ => write_list(out, "$dynamodb_BS::", value.set()),
    }
}

/// A decimal, from the text of a number that is written out.
fn write_number(out: &mut Vec<u8>, text: &str) {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    push(out, sign);
    match digits.split_once('.') {
        Some((whole, fraction)) => {
            let significant = fraction.trim_start_matches('0');
            if whole == "0" && fraction.len() - significant.len() >= MAX_LEADING_ZEROS {
                push(out, significant);
                push(out, &format!("d-{}", fraction.len()));
            } else {
                push(out, digits);
            }
        }
        None => {
            let significant = digits.trim_end_matches('0');
            match digits.len() - significant.len() {
                _ if significant.is_empty() => push(out, "0."),
                0 => {
                    push(out, digits);
                    out.push(b'.');
                }
                zeros => {
                    push(out, significant);
                    push(out, &format!("d{zeros}"));
                }
            }
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$';
    let bytes = name.as_bytes();
    // `$7` is the seventh symbol and no name.
    let is_number = name.strip_prefix('$').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    bytes.first().is_some_and(|first| starts(*first))
        && bytes.iter().all(|byte| starts(*byte) || byte.is_ascii_digit())
        && !is_number
        && !KEYWORDS.contains(&name)
}

fn write_name(out: &mut Vec<u8>, name: &str) {
    if is_identifier(name) { push(out, name) } else { write_quoted(out, name, '\'') }
}

fn write_quoted(out: &mut Vec<u8>, text: &str, quote: char) {
    let mut utf8 = [0; 4];
    push(out, quote.encode_utf8(&mut utf8));
    for character in text.chars() {
        match character {
            '\n' => push(out, "\\n"),
            '\r' => push(out, "\\r"),
            '\t' => push(out, "\\t"),
            '\\' => push(out, "\\\\"),
            _ if character == quote => {
                out.push(b'\\');
                push(out, character.encode_utf8(&mut utf8));
            }
            _ if u32::from(character) < 0x20 || u32::from(character) == 0x7f => {
                push(out, &format!("\\x{:02x}", u32::from(character)));
            }
            _ => push(out, character.encode_utf8(&mut utf8)),
        }
    }
    push(out, quote.encode_utf8(&mut utf8));
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashrange::{AttributeValue, Item};

    fn written(item: &Item) -> String {
        let mut out = Vec::new();
        write_record(&mut out, &ItemRef::from(item), &["pk".to_owned()]);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_decimals_without_trailing_zeros() {
        for (number, ion) in [
            ("103", "103."),
            ("600", "6d2"),
            ("8.5", "8.5"),
            ("-0.5", "-0.5"),
            ("0", "0."),
            ("-120", "-12d1"),
            ("1E+125", "1d125"),
            ("1E-130", "1d-130"),
            ("0.0000001234", "1234d-10"),
            // The fifth character is a minus, as it is in a timestamp.
            ("0.0000000123", "123d-10"),
            ("-0.000000999", "-999d-9"),
            ("0.000012", "0.000012"),
        ] {
            let item = Item::new().with("n", AttributeValue::N(number.parse().unwrap()));
            assert_eq!(written(&item), format!("$ion_1_0 {{Item:{{n:{ion}}}}}\n"));
            let (read, _) = next_record(&written(&item)).unwrap().unwrap();
            assert_eq!(read.unwrap().item, item);
        }
    }

    #[test]
    fn values_of_every_type_come_back() {
        let text = r#"{"pk":{"S":"quote \" slash \\ line\nü\u0001"},"a b":{"N":"1"},"null":{"NULL":true},"$7":{"BOOL":false},
            "it's":{"B":"AAEC"},"l":{"L":[{"S":""},{"M":{"x":{"BOOL":true}}},{"L":[]}]},"m":{"M":{}},
            "ss":{"SS":["a","b"]},"ns":{"NS":["1","2.5"]},"bs":{"BS":["AA==","AQ=="]},"e":{"B":""}}"#;
        let item = Item::from_dynamodb_json(text).unwrap();
        let line = written(&item);
        assert!(
            line.starts_with("$ion_1_0 {Item:{pk:\"quote \\\" slash \\\\ line\\nü\\x01\",'$7':false,'a b':1."),
            "{line}"
        );
        assert_eq!(line.matches('\n').count(), 1);
        let (read, end) = next_record(&line).unwrap().unwrap();
        assert_eq!((read.unwrap().item, end), (item, line.trim_end().len()));
    }
}
