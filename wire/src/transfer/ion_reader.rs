//! Reading Ion text, as far as records need it: structs, lists, strings, numbers, blobs, truth values, nulls, annotations and
//! comments. Symbols, timestamps, clobs and s-expressions are Ion, but no values of DynamoDB.

use super::json::{Read, Unreadable};
use hashrange::{
    AttributeValue, Item, Number,
    item::{
        base64,
        size::{MAX_ITEM_BYTES, item_size},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// How deep values may nest.
const MAX_DEPTH: usize = 64;
/// Lists and maps around a value that an item may have.
const MAX_ITEM_DEPTH: usize = 32;
/// The symbol that is the mark of the version.
const VERSION: &str = "$ion_1_0";

type Parsed<T> = Result<T, Unreadable>;

/// Reads the next record of a text, and where it ends; `None` if nothing but space, comments and marks of the version comes.
pub(crate) fn next_record(text: &str) -> Parsed<Option<(Read, usize)>> {
    let mut parser = Parser { bytes: text.as_bytes(), text, at: 0, fault: None };
    loop {
        parser.skip_space()?;
        if parser.at == text.len() {
            return Ok(None);
        }
        if parser.bytes[parser.at..].starts_with(VERSION.as_bytes()) {
            parser.at += VERSION.len();
            continue;
        }
        let value = parser.value(0)?;
        if value == AttributeValue::Null {
            return Err(Unreadable::Malformed); // a word at the top is text that is no data
        }
        let fault = parser.fault.take();
        return Ok(Some((fault.map_or_else(|| record(value), Err), parser.at)));
    }
}

/// The item in a record.
fn record(value: AttributeValue) -> Read {
    let AttributeValue::M(mut members) = value else { return Err("The record is no struct".to_owned()) };
    match members.remove("Item") {
        Some(AttributeValue::M(attributes)) => {
            let item: Item = attributes.into_iter().collect();
            if item_size(&item) > MAX_ITEM_BYTES {
                return Err("Item size has exceeded the maximum allowed size".to_owned());
            }
            Ok(item.into())
        }
        _ => Err("The record has no struct Item".to_owned()),
    }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The first value that is Ion and no value of an item.
    fault: Option<String>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Parsed<u8> {
        self.bytes.get(self.at).copied().ok_or(Unreadable::Incomplete)
    }

    fn take(&mut self, byte: u8) -> Parsed<()> {
        match self.peek()? {
            found if found == byte => {
                self.at += 1;
                Ok(())
            }
            _ => Err(Unreadable::Malformed),
        }
    }

    /// Whether the text goes on with this, which is passed then. What may yet become it is incomplete.
    fn goes_on(&mut self, word: &str) -> Parsed<bool> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(true);
        }
        if rest.len() < word.len() && word.as_bytes().starts_with(rest) {
            Err(Unreadable::Incomplete)
        } else {
            Ok(false)
        }
    }

    fn skip_space(&mut self) -> Parsed<()> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) => self.at += 1,
                Some(b'/') => match self.bytes.get(self.at + 1) {
                    Some(b'/') => {
                        let rest = &self.bytes[self.at..];
                        self.at += rest.iter().position(|byte| *byte == b'\n').ok_or(Unreadable::Incomplete)?;
                    }
                    Some(b'*') => {
                        let rest = &self.text[self.at + 2..];
                        self.at += 4 + rest.find("*/").ok_or(Unreadable::Incomplete)?;
                    }
                    Some(_) => return Err(Unreadable::Malformed),
                    None => return Err(Unreadable::Incomplete),
                },
                _ => return Ok(()),
            }
        }
    }

    fn refuse(&mut self, what: &str) -> AttributeValue {
        self.fault.get_or_insert_with(|| format!("{what} is no value of an item"));
        AttributeValue::Null
    }

    /// A value with its annotations.
    fn value(&mut self, depth: usize) -> Parsed<AttributeValue> {
        if depth > MAX_DEPTH {
            return Err(Unreadable::Malformed);
        }
        self.skip_space()?;
        let mut set = None;
        while let Some(annotation) = self.annotation()? {
            match annotation.as_str() {
                "$dynamodb_SS" => set = Some("SS"),
                "$dynamodb_NS" => set = Some("NS"),
                "$dynamodb_BS" => set = Some("BS"),
                _ => {}
            }
            self.skip_space()?;
        }
        let value = self.bare(depth)?;
        if depth > MAX_ITEM_DEPTH + 1 {
            self.fault.get_or_insert_with(|| "Nesting Levels have exceeded supported limits".to_owned());
        }
        Ok(match set {
            None => value,
            Some(kind) => as_set(kind, value).unwrap_or_else(|what| {
                self.fault.get_or_insert(what);
                AttributeValue::Null
            }),
        })
    }

    /// The name before `::`, if a value begins with one.
    fn annotation(&mut self) -> Parsed<Option<String>> {
        let start = self.at;
        let name = match self.peek()? {
            b'\'' if !self.bytes[self.at..].starts_with(b"'''") => self.quoted(b'\'')?,
            byte if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$') => self.word().to_owned(),
            _ => return Ok(None),
        };
        self.skip_space()?;
        if self.bytes[self.at..].starts_with(b"::") {
            self.at += 2;
            return Ok(Some(name));
        }
        self.at = start;
        Ok(None)
    }

    fn word(&mut self) -> &'a str {
        let start = self.at;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
        self.at += self.bytes[start..].iter().take_while(|byte| is_part(byte)).count();
        &self.text[start..self.at]
    }

    fn bare(&mut self, depth: usize) -> Parsed<AttributeValue> {
        match self.peek()? {
            b'{' if self.goes_on("{{")? => self.blob(),
            b'{' => self.structure(depth),
            b'[' => self.list(depth),
            b'"' => self.quoted(b'"').map(AttributeValue::S),
            b'\'' if self.goes_on("'''")? => self.long_string().map(AttributeValue::S),
            b'\'' => {
                self.quoted(b'\'')?;
                Ok(self.refuse("A symbol"))
            }
            b'+' | b'-' | b'0'..=b'9' => self.number(),
            byte if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$') => Ok(match self.word() {
                "true" => AttributeValue::Bool(true),
                "false" => AttributeValue::Bool(false),
                "null" => {
                    if self.bytes.get(self.at) == Some(&b'.') {
                        self.at += 1;
                        self.word();
                    }
                    AttributeValue::Null
                }
                _ => self.refuse("A symbol"),
            }),
            _ => Err(Unreadable::Malformed),
        }
    }

    fn structure(&mut self, depth: usize) -> Parsed<AttributeValue> {
        self.take(b'{')?;
        let mut members = BTreeMap::new();
        loop {
            self.skip_space()?;
            let name = match self.peek()? {
                b'}' => break,
                b'"' => self.quoted(b'"')?,
                b'\'' if self.goes_on("'''")? => self.long_string()?,
                b'\'' => self.quoted(b'\'')?,
                byte if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$') => self.word().to_owned(),
                _ => return Err(Unreadable::Malformed),
            };
            self.skip_space()?;
            self.take(b':')?;
            let value = self.value(depth + 1)?;
            if members.insert(name, value).is_some() {
                self.fault.get_or_insert_with(|| "A struct names a member twice".to_owned());
            }
            self.skip_space()?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return Err(Unreadable::Malformed),
            }
        }
        self.at += 1;
        Ok(AttributeValue::M(members))
    }

    fn list(&mut self, depth: usize) -> Parsed<AttributeValue> {
        self.take(b'[')?;
        let mut elements = Vec::new();
        loop {
            self.skip_space()?;
            if self.peek()? == b']' {
                break;
            }
            elements.push(self.value(depth + 1)?);
            self.skip_space()?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(Unreadable::Malformed),
            }
        }
        self.at += 1;
        Ok(AttributeValue::L(elements))
    }

    /// A blob, behind its braces. A clob is Ion too, and no value.
    fn blob(&mut self) -> Parsed<AttributeValue> {
        self.skip_space()?;
        if matches!(self.peek()?, b'"' | b'\'') {
            return Err(Unreadable::Malformed);
        }
        let start = self.at;
        let end = self.text[start..].find("}}").ok_or(Unreadable::Incomplete)?;
        self.at += end + 2;
        let text: String = self.text[start..start + end].split_ascii_whitespace().collect();
        base64::decode(&text).map(|bytes| AttributeValue::B(bytes.into())).map_err(|_| Unreadable::Malformed)
    }

    /// A text between quotes of one kind.
    fn quoted(&mut self, quote: u8) -> Parsed<String> {
        self.take(quote)?;
        let mut text = String::new();
        loop {
            match self.peek()? {
                byte if byte == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                b'\n' | b'\r' => return Err(Unreadable::Malformed),
                _ => self.character(&mut text)?,
            }
        }
    }

    /// A text in triple quotes, behind the first; those that follow one another are one text.
    fn long_string(&mut self) -> Parsed<String> {
        let mut text = String::new();
        loop {
            while !self.goes_on("'''")? {
                self.character(&mut text)?;
            }
            let end = self.at;
            self.skip_space()?;
            if !self.bytes[self.at..].starts_with(b"'''") {
                self.at = end;
                return Ok(text);
            }
            self.at += 3;
        }
    }

    /// One character, or the one that an escape stands for.
    fn character(&mut self, text: &mut String) -> Parsed<()> {
        let Some(character) = self.text[self.at..].chars().next() else { return Err(Unreadable::Incomplete) };
        self.at += character.len_utf8();
        if character != '\\' {
            text.push(character);
            return Ok(());
        }
        let escape = self.peek()?;
        self.at += 1;
        text.push(match escape {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'0' => '\0',
            b'a' => '\x07',
            b'b' => '\x08',
            b'f' => '\x0c',
            b'v' => '\x0b',
            b'"' | b'\'' | b'\\' | b'/' | b'?' => char::from(escape),
            b'\n' => return Ok(()),
            b'x' => self.code(2)?,
            b'u' => self.surrogates()?,
            b'U' => self.code(8)?,
            _ => return Err(Unreadable::Malformed),
        });
        Ok(())
    }

    fn hex(&mut self, digits: usize) -> Parsed<u32> {
        let end = self.at + digits;
        let text = self.bytes.get(self.at..end).ok_or(Unreadable::Incomplete)?;
        let text = std::str::from_utf8(text).map_err(|_| Unreadable::Malformed)?;
        self.at = end;
        u32::from_str_radix(text, 16).map_err(|_| Unreadable::Malformed)
    }

    fn code(&mut self, digits: usize) -> Parsed<char> {
        char::from_u32(self.hex(digits)?).ok_or(Unreadable::Malformed)
    }

    /// A character of four digits, or two of them that are one character.
    fn surrogates(&mut self) -> Parsed<char> {
        let first = self.hex(4)?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or(Unreadable::Malformed);
        }
        if !self.goes_on("\\u")? {
            return Err(Unreadable::Malformed);
        }
        let second = self.hex(4)?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(Unreadable::Malformed);
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(Unreadable::Malformed)
    }

    /// An integer, a decimal or a float.
    fn number(&mut self) -> Parsed<AttributeValue> {
        let start = self.at;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_' | b':');
        self.at += self.bytes[start..].iter().take_while(|byte| is_part(byte)).count();
        if self.at == self.bytes.len() {
            // It may go on.
            return Err(Unreadable::Incomplete);
        }
        let text = self.text[start..self.at].replace('_', "");
        let (sign, digits) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (&text[..1], rest),
            None => ("", text.as_str()),
        };
        if digits == "inf" || is_timestamp(digits) {
            return Ok(self.refuse("A timestamp or an infinite number"));
        }
        let radix = [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2)];
        let coded = radix.iter().find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, *radix)));
        let plain = match coded {
            Some((digits, radix)) => match u128::from_str_radix(digits, radix) {
                Ok(number) => format!("{sign}{number}"),
                Err(_) => return Err(Unreadable::Malformed),
            },
            None => decimal(sign, digits)?,
        };
        Ok(match plain.parse::<Number>() {
            Ok(number) => AttributeValue::N(number),
            Err(error) => {
                self.fault.get_or_insert_with(|| error.message().to_owned());
                AttributeValue::Null
            }
        })
    }
}

/// Whether it begins as a timestamp does: a year of four digits, and what follows a year.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.get(4), Some(b'-' | b'T')) && bytes[..4].iter().all(u8::is_ascii_digit)
}

/// The text of a number as the engine reads it.
fn decimal(sign: &str, digits: &str) -> Parsed<String> {
    let (coefficient, exponent) = digits.split_once(['d', 'D', 'e', 'E']).unwrap_or((digits, "0"));
    let is_exponent = exponent.parse::<i32>().is_ok();
    let is_coefficient = coefficient.starts_with(|first: char| first.is_ascii_digit())
        && coefficient.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && coefficient.matches('.').count() <= 1;
    if !is_exponent || !is_coefficient {
        return Err(Unreadable::Malformed);
    }
    let sign = if sign == "-" { "-" } else { "" };
    let coefficient = coefficient.strip_suffix('.').unwrap_or(coefficient);
    Ok(format!("{sign}{coefficient}E{exponent}"))
}

/// A list under an annotation, as the set that it is.
fn as_set(kind: &str, value: AttributeValue) -> Result<AttributeValue, String> {
    let AttributeValue::L(elements) = value else { return Err(format!("The set {kind} is no list")) };
    if elements.is_empty() {
        return Err(format!("One or more parameter values were invalid: An {kind} may not be empty"));
    }
    let text = |element| if let AttributeValue::S(text) = element { Some(text) } else { None };
    let number = |element| if let AttributeValue::N(number) = element { Some(number) } else { None };
    let bytes = |element| if let AttributeValue::B(bytes) = element { Some(bytes) } else { None };
    Ok(match kind {
        "SS" => AttributeValue::Ss(distinct(elements, text)?),
        "NS" => AttributeValue::Ns(distinct(elements, number)?),
        _ => AttributeValue::Bs(distinct(elements, bytes)?),
    })
}

/// The elements of a set, which are of one type and differ.
fn distinct<T: Ord>(
    elements: Vec<AttributeValue>,
    of_type: impl Fn(AttributeValue) -> Option<T>,
) -> Result<BTreeSet<T>, String> {
    let mut set = BTreeSet::new();
    for element in elements {
        let element = of_type(element).ok_or("A set holds a value of another type")?;
        if !set.insert(element) {
            return Err("Input collection contains duplicates".to_owned());
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> Result<String, String> {
        next_record(text).unwrap().unwrap().0.map(|record| record.item.to_dynamodb_json())
    }

    #[test]
    fn what_other_writers_write_is_read() {
        for (text, json) in [
            (" $ion_1_0 {Item:{a:1}}", r#"{"a":{"N":"1"}}"#),
            (
                "$ion_1_0\n{ \"Item\" : { 'a' : -1.50e1, b: 0x1F, c: 1_000, /* c */ d: 2d-1 // e\n, } }",
                r#"{"a":{"N":"-15"},"b":{"N":"31"},"c":{"N":"1000"},"d":{"N":"0.2"}}"#,
            ),
            (
                "{Item:{a:'''one ''' '''two''',b:\"\\u00fc\\U0001F600\\x41\",c:{{ AA E= }}}}",
                r#"{"a":{"S":"one two"},"b":{"S":"ü😀A"},"c":{"B":"AAE="}}"#,
            ),
            (
                "{Item:{a:null.string,b:$dynamodb_NS::[1,2.],c:'$dynamodb_SS'::[\"x\"],d:true}}",
                r#"{"a":{"NULL":true},"b":{"NS":["1","2"]},"c":{"SS":["x"]},"d":{"BOOL":true}}"#,
            ),
            ("{Item:{a:-1.5d-3,b:1.2e-7}}", r#"{"a":{"N":"-0.0015"},"b":{"N":"0.00000012"}}"#),
            ("other::{Item:{}}", "{}"),
        ] {
            assert_eq!(item(text).as_deref(), Ok(json), "{text}");
        }
    }

    #[test]
    fn what_is_no_item_is_told_from_what_is_no_ion() {
        for text in [
            "{Item:1}",
            "{Other:{}}",
            "[]",
            "{Item:{a:sym}}",
            "{Item:{a:2020-01-01T}}",
            "{Item:{a:$dynamodb_SS::[]}}",
            "{Item:{a:$dynamodb_NS::[1,1]}}",
            "{Item:{a:1,a:2}}",
            "{Item:{a:1d999}}",
        ] {
            assert!(item(text).is_err(), "{text}");
        }
        for text in ["{", "{Item:{a:\"", "{Item:{a:1", "{Item:{a:'''x", "/* ", "{Item:{a:{{AA", "{Item:"] {
            assert_eq!(next_record(text).unwrap_err(), Unreadable::Incomplete, "{text}");
        }
        for text in
            ["}", "garbage!", "{Item:{a:}}", "{Item:{a:\"\n\"}}", "{Item:{a:{{?}}}}", "(a b)", "{a 1}", "{Item:{a:1x}}"]
        {
            assert_eq!(next_record(&format!("{text} ")).map(|_| ()).unwrap_err(), Unreadable::Malformed, "{text}");
        }
        assert!(next_record(" \n$ion_1_0 ").unwrap().is_none());
    }
}
