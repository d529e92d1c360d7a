//! Decoding of attribute values.
//!
//! A JSON value of the wrong kind ends decoding at once (`SerializationException`). A well-typed value that breaks a
//! rule (an empty set, an unreadable number) does not: what has to be reported first is decided later, operation by
//! operation, so the decoder goes on and keeps the first [`Fault`](Attributes::fault) in the order of the document.

use crate::{
    error::Failure,
    json::{Reader, Token},
    profile::Profile,
    shape::{self, Place},
    validate::shortened,
};
use hashrange::{AttributeValue, Item, Number};
use std::collections::{BTreeMap, BTreeSet};

/// Maps and lists that may be wrapped around a scalar of an item.
const MAX_ITEM_WRAPS: usize = 31;
/// The same for a value of `ExpressionAttributeValues`, which may be compared though not stored.
const MAX_VALUE_WRAPS: usize = 32;
/// Elements of a set that a message repeats.
const MAX_SHOWN_ELEMENTS: usize = 64;

/// Attributes by name, such as an item or a key.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    /// What could be read.
    pub(crate) item: Item,
    /// The first rule that a value breaks: the text of a `ValidationException`.
    pub(crate) fault: Option<String>,
}

impl Attributes {
    /// The attributes, unless one of them breaks a rule.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.fault.clone().map_or(Ok(()), Err)
    }
}

/// One value, such as an operand of a legacy condition.
#[derive(Debug)]
pub(crate) struct Single {
    /// What could be read; `Null` if nothing could.
    pub(crate) value: AttributeValue,
    /// The first rule that it breaks.
    pub(crate) fault: Option<String>,
}

/// Decodes values in the wording of one profile.
#[derive(Clone, Copy)]
pub(crate) struct Decoder {
    pub(crate) profile: Profile,
}

impl Decoder {
    /// An item or a key; `None` if the member is null.
    pub(crate) fn attributes(self, reader: &mut Reader<'_>) -> Result<Option<Attributes>, Failure> {
        let mut found = Attributes::default();
        let mut state = State { profile: self.profile, fault: None };
        let present = shape::map(reader, "AttributeValue", |reader, name| {
            if name.is_empty() {
                state.report(|| "Empty attribute name".to_owned());
            }
            if let Some(value) = state.value(reader, Place::Element, MAX_ITEM_WRAPS)? {
                found.item.insert(name.into_owned(), value);
            }
            Ok(())
        })?;
        found.fault = state.fault;
        Ok(present.then_some(found))
    }

    /// The values of placeholders, and the first that breaks a rule, with its name.
    pub(crate) fn placeholders(self, reader: &mut Reader<'_>) -> Result<Option<Placeholders>, Failure> {
        let mut values = BTreeMap::new();
        let mut fault = None;
        let present = shape::map(reader, "AttributeValue", |reader, name| {
            let mut state = State { profile: self.profile, fault: None };
            let value = state.value(reader, Place::Element, MAX_VALUE_WRAPS)?;
            if let Some(text) = state.fault {
                fault.get_or_insert((name.clone().into_owned(), text));
            }
            values.insert(name.into_owned(), value.unwrap_or(AttributeValue::Null));
            Ok(())
        })?;
        Ok(present.then_some((values, fault)))
    }

    /// One value; `None` if it is null.
    pub(crate) fn single(self, reader: &mut Reader<'_>, place: Place) -> Result<Option<Single>, Failure> {
        let mut state = State { profile: self.profile, fault: None };
        if reader.peek()? == Token::Null {
            reader.literal()?;
            return Ok(None);
        }
        let value = state.value(reader, place, MAX_ITEM_WRAPS)?.unwrap_or(AttributeValue::Null);
        Ok(Some(Single { value, fault: state.fault }))
    }

    /// A list of values; `None` if the member is null.
    pub(crate) fn list(self, reader: &mut Reader<'_>) -> Result<Option<Vec<Single>>, Failure> {
        let mut values = Vec::new();
        let present = shape::list(reader, |reader| {
            values.extend(self.single(reader, Place::Element)?);
            Ok(())
        })?;
        Ok(present.then_some(values))
    }
}

/// Values of placeholders by name, and the name and fault of the first that breaks a rule.
pub(crate) type Placeholders = (BTreeMap<String, AttributeValue>, Option<(String, String)>);

const EMPTY_VALUE: &str = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
const SEVERAL_TYPES: &str =
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes";
const TOO_DEEP: &str =
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit";
const EMPTY_STRING_SET: &str = "One or more parameter values were invalid: An string set  may not be empty";
const EMPTY_NUMBER_SET: &str = "One or more parameter values were invalid: An number set  may not be empty";
const EMPTY_BINARY_SET: &str = "One or more parameter values were invalid: Binary sets should not be empty";
const NULL_FALSE: &str =
    "One or more parameter values were invalid: Null attribute value types must have the value of true";

/// One pass over a value; keeps the first fault.
struct State {
    profile: Profile,
    fault: Option<String>,
}

/// What one object with a type tag said, before it is known whether it said only one thing.
#[derive(Default)]
struct Tagged {
    value: Option<AttributeValue>,
    tags: usize,
    /// Faults of its own tags by the order in which DynamoDB looks for them.
    fault: Option<(Rank, String)>,
}

/// The elements of a set as they are written, as far as a message repeats them.
#[derive(Default)]
struct Written {
    first: Vec<String>,
    count: usize,
}

impl Written {
    fn note(&mut self, text: &str) {
        if self.first.len() < MAX_SHOWN_ELEMENTS {
            self.first.push(shortened(text).to_owned());
        }
        self.count += 1;
    }
}

/// In a value with several faults the first of these is reported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    EmptySet,
    Number,
    Null,
}

impl Tagged {
    fn put(&mut self, value: Option<AttributeValue>) {
        if let Some(value) = value {
            self.tags += 1;
            self.value = Some(value);
        }
    }
    fn report(&mut self, rank: Rank, text: impl Into<String>) {
        if self.fault.as_ref().is_none_or(|(known, _)| rank < *known) {
            self.fault = Some((rank, text.into()));
        }
    }
}

impl State {
    fn report(&mut self, text: impl FnOnce() -> String) {
        self.fault.get_or_insert_with(text);
    }

    /// A value under up to `wraps` more maps and lists; `None` if it is null or breaks a rule.
    fn value(
        &mut self,
        reader: &mut Reader<'_>,
        place: Place,
        wraps: usize,
    ) -> Result<Option<AttributeValue>, Failure> {
        let mut tagged = Tagged::default();
        let present = shape::structure(reader, place, "AttributeValue", |reader, tag| {
            self.member(reader, tag, wraps, &mut tagged)
        })?;
        if !present {
            return Ok(None);
        }
        if let Some((_, text)) = tagged.fault {
            self.report(|| text);
        }
        match tagged.tags {
            0 => self.report(|| EMPTY_VALUE.to_owned()),
            1 => {}
            _ => self.report(|| SEVERAL_TYPES.to_owned()),
        }
        Ok(tagged.value)
    }

    fn member(&mut self, reader: &mut Reader<'_>, tag: &str, wraps: usize, out: &mut Tagged) -> Result<(), Failure> {
        match tag {
            "S" => out.put(shape::string(reader)?.map(|text| AttributeValue::S(text.into_owned()))),
            "N" => {
                if let Some(text) = shape::string(reader)? {
                    let number = self.number(&text, out);
                    out.put(Some(AttributeValue::N(number)));
                }
            }
            "B" => out.put(shape::blob(reader)?.map(|bytes| AttributeValue::B(bytes.into()))),
            "BOOL" => out.put(shape::boolean(reader)?.map(AttributeValue::Bool)),
            "NULL" => {
                let value = shape::boolean(reader)?;
                if value == Some(false) {
                    out.report(Rank::Null, NULL_FALSE);
                }
                out.put(value.map(|_| AttributeValue::Null));
            }
            "SS" | "NS" | "BS" => {
                let set = match tag {
                    "SS" => self.string_set(reader, out)?,
                    "NS" => self.number_set(reader, out)?,
                    _ => self.binary_set(reader, out)?,
                };
                out.put(set);
            }
            "L" | "M" if wraps == 0 => {
                reader.skip()?;
                self.report(|| TOO_DEEP.to_owned());
                out.put(Some(AttributeValue::Null));
            }
            "L" => {
                let mut elements = Vec::new();
                let present = shape::list(reader, |reader| {
                    elements.extend(self.value(reader, Place::Element, wraps - 1)?);
                    Ok(())
                })?;
                out.put(present.then_some(AttributeValue::L(elements)));
            }
            "M" => {
                let mut entries = BTreeMap::new();
                let present = shape::map(reader, "AttributeValue", |reader, name| {
                    if name.is_empty() {
                        self.report(|| "Empty attribute name".to_owned());
                    }
                    if let Some(value) = self.value(reader, Place::Element, wraps - 1)? {
                        entries.insert(name.into_owned(), value);
                    }
                    Ok(())
                })?;
                out.put(present.then_some(AttributeValue::M(entries)));
            }
            _ => reader.skip()?,
        }
        Ok(())
    }

    fn number(&self, text: &str, out: &mut Tagged) -> Number {
        if text.is_empty() {
            out.report(Rank::Number, self.profile.empty_number());
            return Number::from(0);
        }
        Number::parse(text).unwrap_or_else(|error| {
            out.report(Rank::Number, error.message());
            Number::from(0)
        })
    }

    fn string_set(&self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<Option<AttributeValue>, Failure> {
        let mut set = BTreeSet::new();
        let mut written = Written::default();
        let present = shape::list(reader, |reader| {
            if let Some(text) = shape::string(reader)? {
                written.note(&text);
                set.insert(text.into_owned());
            }
            Ok(())
        })?;
        if present && written.count == 0 {
            out.report(Rank::EmptySet, EMPTY_STRING_SET);
        }
        if set.len() < written.count {
            out.report(Rank::EmptySet, self.profile.duplicate_strings(&written.first));
        }
        Ok(present.then_some(AttributeValue::Ss(set)))
    }

    fn number_set(&self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<Option<AttributeValue>, Failure> {
        let mut set = BTreeSet::new();
        let mut count = 0;
        let present = shape::list(reader, |reader| {
            if let Some(text) = shape::string(reader)? {
                count += 1;
                set.insert(self.number(&text, out));
            }
            Ok(())
        })?;
        if present && count == 0 {
            out.report(Rank::EmptySet, EMPTY_NUMBER_SET);
        }
        if set.len() < count {
            out.report(Rank::Null, self.profile.duplicate_numbers());
        }
        Ok(present.then_some(AttributeValue::Ns(set)))
    }

    fn binary_set(&self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<Option<AttributeValue>, Failure> {
        let mut set = BTreeSet::new();
        let mut written = Written::default();
        let present = shape::list(reader, |reader| {
            let mut again = reader.clone();
            if let Some(bytes) = shape::blob(reader)? {
                written.note(&again.string()?);
                set.insert(bytes.into());
            }
            Ok(())
        })?;
        if present && written.count == 0 {
            out.report(Rank::EmptySet, EMPTY_BINARY_SET);
        }
        if set.len() < written.count {
            out.report(Rank::EmptySet, self.profile.duplicate_binaries(&written.first));
        }
        Ok(present.then_some(AttributeValue::Bs(set)))
    }
}
