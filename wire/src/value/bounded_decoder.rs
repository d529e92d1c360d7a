//! One pass over a value: builds it, keeps the first rule that it breaks, and stops building at a budget.

use super::decode::Decoder;
use crate::{
    error::Failure,
    json::Reader,
    shape::{self, JsonContext},
    validate::shortened,
};
use hashrange::{AttributeValue, Number, item::size::check_name};
use std::collections::{BTreeMap, BTreeSet};

/// Elements of a set that a message repeats.
const MAX_SHOWN_ELEMENTS: usize = 64;

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

/// The refusal of a set that has a null among its elements.
fn null_element(kind: &str) -> String {
    format!("One or more parameter values were invalid: An {kind} set  may not have a null {kind} as a member")
}

/// One pass over a value or several.
pub(super) struct BoundedDecoder {
    decoder: Decoder,
    /// The first rule that was broken.
    pub(super) fault: Option<String>,
    /// The first empty or oversized name of an attribute of the item itself.
    pub(super) top_level_name: Option<String>,
    /// That a value is nested too deeply.
    pub(super) nesting: Option<String>,
    left: usize,
    is_cut: bool,
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

impl BoundedDecoder {
    /// A pass that builds values up to about `budget` bytes by DynamoDB's size rule.
    pub(super) fn new(decoder: Decoder, budget: usize) -> Self {
        Self { decoder, fault: None, top_level_name: None, nesting: None, left: budget, is_cut: false }
    }

    /// Whether there was more than the budget: what came behind is not built.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Counts bytes against the budget.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.is_cut |= bytes > self.left;
        self.left = self.left.saturating_sub(bytes);
    }

    /// Counts and checks the name of an attribute of the item.
    pub(super) fn top_level_name(&mut self, name: &str) {
        if let Err(error) = check_name(name) {
            self.top_level_name.get_or_insert_with(|| error.message().to_owned());
        }
        self.name(name);
    }

    /// Counts and checks the name of an attribute or of a member of a map.
    pub(super) fn name(&mut self, name: &str) {
        if let Err(error) = check_name(name) {
            self.report(|| error.message().to_owned());
        }
        self.spend(name.len());
    }

    fn report(&mut self, text: impl FnOnce() -> String) {
        self.fault.get_or_insert_with(text);
    }

    /// A value under up to `wraps` more maps and lists; `None` if it is null, breaks a rule, or lies behind the budget.
    pub(super) fn value(
        &mut self,
        reader: &mut Reader<'_>,
        place: JsonContext,
        wraps: usize,
    ) -> Result<Option<AttributeValue>, Failure> {
        if self.is_cut {
            reader.skip()?;
            return Ok(None);
        }
        let mut tagged = Tagged::default();
        let present = shape::structure(reader, place, "AttributeValue", |reader, tag| {
            self.member(reader, tag, wraps, &mut tagged)
        })?;
        if !present {
            // A value that is null is one that has no type.
            self.report(|| EMPTY_VALUE.to_owned());
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
            "S" => {
                let text = shape::string(reader)?;
                self.spend(text.as_ref().map_or(0, |text| text.len()));
                out.put(text.map(|text| AttributeValue::S(text.into_owned())));
            }
            "N" => {
                if let Some(text) = shape::string(reader)? {
                    self.spend(1);
                    let number = self.number(&text, out);
                    out.put(Some(AttributeValue::N(number)));
                }
            }
            "B" => {
                let bytes = shape::blob(reader)?;
                self.spend(bytes.as_ref().map_or(0, Vec::len));
                out.put(bytes.map(|bytes| AttributeValue::B(bytes.into())));
            }
            "BOOL" => {
                self.spend(1);
                out.put(shape::boolean(reader)?.map(AttributeValue::Bool));
            }
            "NULL" => self.null(reader, out)?,
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
                self.nesting.get_or_insert_with(|| TOO_DEEP.to_owned());
                out.put(Some(AttributeValue::Null));
            }
            "L" => {
                self.spend(3);
                let mut elements = Vec::new();
                let present = shape::list(reader, |reader| {
                    self.spend(1);
                    elements.extend(self.value(reader, JsonContext::Element, wraps - 1)?);
                    Ok(())
                })?;
                out.put(present.then_some(AttributeValue::L(elements)));
            }
            "M" => {
                self.spend(3);
                let mut entries = BTreeMap::new();
                let present = shape::map(reader, "AttributeValue", |reader, name| {
                    self.spend(1);
                    self.name(&name);
                    if let Some(value) = self.value(reader, JsonContext::Element, wraps - 1)? {
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

    fn null(&mut self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<(), Failure> {
        self.spend(1);
        let value = shape::boolean(reader)?;
        if value == Some(false) {
            out.report(Rank::Null, NULL_FALSE);
        }
        out.put(value.map(|_| AttributeValue::Null));
        Ok(())
    }

    fn number(&self, text: &str, out: &mut Tagged) -> Number {
        if text.is_empty() {
            out.report(Rank::Number, self.decoder.empty_number());
            return Number::from(0);
        }
        Number::parse(text).unwrap_or_else(|error| {
            out.report(Rank::Number, self.decoder.number_fault(text, error.message()));
            Number::from(0)
        })
    }

    fn string_set(&mut self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<Option<AttributeValue>, Failure> {
        let mut set = BTreeSet::new();
        let mut written = Written::default();
        let present = shape::list(reader, |reader| {
            if self.is_cut {
                return Ok(reader.skip()?);
            }
            let Some(text) = shape::string(reader)? else {
                out.report(Rank::EmptySet, null_element("string"));
                return Ok(());
            };
            self.spend(text.len());
            written.note(&text);
            set.insert(text.into_owned());
            Ok(())
        })?;
        if present && written.count == 0 {
            out.report(Rank::EmptySet, EMPTY_STRING_SET);
        }
        if set.len() < written.count {
            out.report(Rank::EmptySet, self.decoder.duplicate_strings(&written.first));
        }
        Ok(present.then_some(AttributeValue::Ss(set)))
    }

    fn number_set(&mut self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<Option<AttributeValue>, Failure> {
        let mut set = BTreeSet::new();
        let mut count = 0;
        let present = shape::list(reader, |reader| {
            if self.is_cut {
                return Ok(reader.skip()?);
            }
            let Some(text) = shape::string(reader)? else {
                out.report(Rank::EmptySet, null_element("number"));
                return Ok(());
            };
            self.spend(1);
            count += 1;
            set.insert(self.number(&text, out));
            Ok(())
        })?;
        if present && count == 0 {
            out.report(Rank::EmptySet, EMPTY_NUMBER_SET);
        }
        if set.len() < count {
            out.report(Rank::Null, self.decoder.duplicate_numbers());
        }
        Ok(present.then_some(AttributeValue::Ns(set)))
    }

    fn binary_set(&mut self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<Option<AttributeValue>, Failure> {
        let mut set = BTreeSet::new();
        let mut written = Written::default();
        let present = shape::list(reader, |reader| {
            if self.is_cut {
                return Ok(reader.skip()?);
            }
            let mut again = reader.clone();
            let Some(bytes) = shape::blob(reader)? else {
                out.report(Rank::EmptySet, null_element("binary"));
                return Ok(());
            };
            self.spend(bytes.len());
            written.note(&again.string()?);
            set.insert(bytes.into());
            Ok(())
        })?;
        if present && written.count == 0 {
            out.report(Rank::EmptySet, EMPTY_BINARY_SET);
        }
        if set.len() < written.count {
            out.report(Rank::EmptySet, self.decoder.duplicate_binaries(&written.first));
        }
        Ok(present.then_some(AttributeValue::Bs(set)))
    }
}
