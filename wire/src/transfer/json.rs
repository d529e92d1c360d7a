//! Records in DynamoDB JSON: `{"Item":{"pk":{"S":"a"}}}`.

use super::{Change, ordered};
use crate::{
    error::Failure,
    expressions::Expressions,
    json::{Reader, Writer},
    profile::{MessageDialect, Profile},
    value::{Attributes, Decoder},
};
use hashrange::{Item, ItemRef, expression::Condition};

/// An item, and a newline.
pub(crate) fn write_record(out: &mut Vec<u8>, item: &ItemRef, key: &[String]) {
    let mut writer = Writer::default();
    writer.begin_object();
    writer.name("Item");
    write_attributes(&mut writer, item, key);
    writer.end_object();
    out.extend_from_slice(&writer.into_bytes());
    out.push(b'\n');
}

/// A change, and a newline.
pub(crate) fn write_change(out: &mut Vec<u8>, change: &Change<'_>, key: &[String]) {
    let mut writer = Writer::default();
    writer.begin_object();
    writer.name("Metadata");
    writer.begin_object();
    writer.name("WriteTimestampMicros");
    writer.begin_object();
    writer.name("N");
    writer.string(&(change.written_millis * 1000).to_string());
    writer.end_object();
    writer.end_object();
    for (name, image) in [("Keys", Some(change.keys)), ("OldImage", change.old), ("NewImage", change.new)] {
        if let Some(image) = image {
            writer.name(name);
            write_attributes(&mut writer, image, key);
        }
    }
    writer.end_object();
    out.extend_from_slice(&writer.into_bytes());
    out.push(b'\n');
}

fn write_attributes(out: &mut Writer, item: &ItemRef, key: &[String]) {
    out.begin_object();
    for (name, value) in ordered(item, key) {
        out.name(name);
        out.value(|text| value.push_dynamodb_json(text));
    }
    out.end_object();
}

/// A record that was read: what is in it, or why it is no valid item.
pub(crate) type Read = Result<ItemRecord, String>;

/// What a record holds.
#[derive(Clone, Debug)]
pub(crate) struct ItemRecord {
    pub(crate) item: Item,
    /// What must be so of the item that is there, for records of bulk writes.
    pub(crate) condition: Option<Condition>,
}

impl From<Item> for ItemRecord {
    fn from(item: Item) -> Self {
        Self { item, condition: None }
    }
}

/// Why a text is no record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It ends too early.
    Incomplete,
    /// It is no record however it goes on.
    Malformed,
}

/// Reads the record that a text is.
pub(crate) fn read_record(text: &str) -> Result<Read, Unreadable> {
    match item(text) {
        Ok(item) => Ok(item),
        Err(failure) => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            // It is JSON, with something else than typed values in it.
            Ok(_) => Ok(Err(failure.message().to_owned())),
            Err(error) if error.is_eof() => Err(Unreadable::Incomplete),
            Err(_) => Err(Unreadable::Malformed),
        },
    }
}

fn item(text: &str) -> Result<Read, Failure> {
    let decoder = Decoder { profile: Profile::Latest, dialect: MessageDialect::Write };
    let mut found: Option<Attributes> = None;
    let mut expressions = Expressions::of(&["ConditionExpression"]);
    let mut reader = Reader::new(text);
    reader.object(|reader, name| {
        match &*name {
            "Item" => found = decoder.attributes(reader)?,
            _ if expressions.member(reader, &name, decoder)? => {}
            _ => reader.skip()?,
        }
        Ok::<_, Failure>(())
    })?;
    reader.finish()?;
    let Some(attributes) = found else { return Ok(Err("The record has no member Item".to_owned())) };
    let checked = attributes.check().and_then(|()| attributes.check_nesting());
    let checked = checked.and_then(|()| attributes.check_size().map_err(|failure| failure.message().to_owned()));
    let condition = expressions.parse(Profile::Latest, MessageDialect::Write)?.condition;
    Ok(checked.map(|()| ItemRecord { item: attributes.item, condition }))
}

/// Reads the next record of a text, and where it ends; `None` if nothing but space comes.
pub(crate) fn next_record(text: &str) -> Result<Option<(Read, usize)>, Unreadable> {
    let start = text.len() - text.trim_start_matches(is_space).len();
    if start == text.len() {
        return Ok(None);
    }
    // Nearly always a record is a line.
    let line = text[start..].find('\n').map_or(text.len(), |end| start + end);
    match read_record(&text[start..line]) {
        Ok(read) => Ok(Some((read, line))),
        Err(_) => {
            let mut values =
                serde_json::Deserializer::from_str(&text[start..]).into_iter::<&serde_json::value::RawValue>();
            match values.next() {
                Some(Ok(value)) => Ok(Some((read_record(value.get())?, start + values.byte_offset()))),
                Some(Err(error)) if error.is_eof() => Err(Unreadable::Incomplete),
                _ => Err(Unreadable::Malformed),
            }
        }
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}
