//! Attribute values out of DynamoDB's JSON, in one pass: each value is an object whose one member is named after its type.
//!
//! ```text
//! {"S":"text"}  {"N":"1.5"}  {"B":"base64"}  {"BOOL":true}  {"NULL":true}  {"L":[value..]}  {"M":{"name":value..}}
//! {"SS":["a"..]}  {"NS":["1"..]}  {"BS":["base64"..]}
//! ```
//!
//! Decoding is as lenient as the service (unknown members and members that are null count as absent, a boolean may be a
//! string such as `"yes"`) and as strict. A JSON value of the wrong kind ends it at once. A value that breaks a rule (an empty
//! set, an unreadable number) does not: the decoder goes on, and keeps the first fault in the order in which the service
//! looks for them. What is built is bounded by a budget, so that a text that is rejected in the end costs no more.

use super::{
    reader::{Malformed, Reader, Token},
    typed::{self, JsonContext},
};
use crate::item::{
    AttributeValue, Number,
    size::{check_name, empty_set, too_deep},
};
use std::collections::{BTreeMap, BTreeSet};

/// How faults of values are worded. The default is what the service says today.
pub trait Wording {
    /// Whether names of attributes and of members of maps must be such as can be stored.
    fn checks_names(&self) -> bool {
        true
    }
    /// A number without a digit.
    fn empty_number(&self) -> &'static str {
        "The parameter cannot be converted to a numeric value: "
    }
    /// A number that cannot be read, or is out of range; `fault` is the text for it.
    fn number_fault(&self, _text: &str, fault: &str) -> String {
        fault.to_owned()
    }
    /// A string set that holds an element twice.
    fn duplicate_strings(&self, texts: &[String]) -> String {
        let shown = quoted(&sorted_up_to_first_repeat(texts.to_vec(), |text| text.as_bytes().to_vec()), ", ");
        format!("One or more parameter values were invalid: Input collection [{shown}] contains duplicates.")
    }
    /// A binary set that holds an element twice; `texts` in base64.
    fn duplicate_binaries(&self, texts: &[String]) -> String {
        let bytes = |text: &String| super::super::base64::decode(text).unwrap_or_default();
        let shown = quoted(&sorted_up_to_first_repeat(texts.to_vec(), bytes), ",");
        format!("One or more parameter values were invalid: Input collection [{shown}]of type BS contains duplicates.")
    }
    /// A number set that holds an element twice.
    fn duplicate_numbers(&self) -> &'static str {
        "One or more parameter values were invalid: Input collection contains duplicates."
    }
}

/// What the service says today.
#[derive(Clone, Copy, Debug, Default)]
pub struct LatestWording;
impl Wording for LatestWording {}

/// Elements of a set as the service lists them: in the order of their bytes up to the first repeat, and then as they were sent.
fn sorted_up_to_first_repeat(mut texts: Vec<String>, bytes: impl Fn(&String) -> Vec<u8>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let end = texts.iter().position(|text| !seen.insert(bytes(text))).unwrap_or(texts.len());
    texts[..end].sort_by_cached_key(&bytes);
    texts
}

fn quoted(texts: &[String], separator: &str) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
    quoted.join(separator)
}

/// Levels of JSON below the deepest value that is read: a request with so many is read by the service's older layer. About 62 maps or
/// lists around a value are (40 are not, 63 are), each of them two levels.
const OLDER_DEPTH: usize = 60;

/// Bytes of a value that a message repeats.
const MAX_ECHO_BYTES: usize = 1_024;

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(MAX_ECHO_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
/// Elements of a set that a message repeats.
const MAX_SHOWN_ELEMENTS: usize = 64;

const EMPTY_VALUE: &str = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
const SEVERAL_TYPES: &str =
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes";
const NULL_FALSE: &str =
    "One or more parameter values were invalid: Null attribute value types must have the value of true";

/// The error of a set that has a null among its elements.
fn null_element(kind: &str) -> String {
    format!("One or more parameter values were invalid: An {kind} set  may not have a null {kind} as a member")
}

/// One pass over a value or several.
#[derive(Debug)]
pub struct ValueDecoder<W> {
    wording: W,
    /// The first rule that was broken.
    pub fault: Option<String>,
    /// The first empty or oversized name of an attribute of the item itself.
    pub top_level_name: Option<String>,
    /// That a value is nested too deeply.
    pub nesting: Option<String>,
    /// A value named two types, a truth value was a string, or a value was nested very deeply: a request with one is read by the service's
    /// older layer.
    pub has_older_form: bool,
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
            self.first.push(beginning(text).to_owned());
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

impl<W: Wording> ValueDecoder<W> {
    /// A pass that builds values up to about `budget` bytes by DynamoDB's size rule: what is behind is passed over.
    pub fn new(wording: W, budget: usize) -> Self {
        Self {
            wording,
            fault: None,
            top_level_name: None,
            nesting: None,
            has_older_form: false,
            left: budget,
            is_cut: false,
        }
    }

    /// Whether there was more than the budget: what came behind is not built.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Counts bytes against the budget.
    pub fn spend(&mut self, bytes: usize) {
        self.is_cut |= bytes > self.left;
        self.left = self.left.saturating_sub(bytes);
    }

    /// Counts and checks the name of an attribute of the item.
    pub fn top_level_name(&mut self, name: &str) {
        if let Err(error) = check_name(name) {
            self.top_level_name.get_or_insert_with(|| error.message().to_owned());
        }
        self.name(name);
    }

    /// Counts and checks the name of an attribute or of a member of a map.
    pub fn name(&mut self, name: &str) {
        if self.wording.checks_names()
            && let Err(error) = check_name(name)
        {
            self.report(|| error.message().to_owned());
        }
        self.spend(name.len());
    }

    fn report(&mut self, text: impl FnOnce() -> String) {
        self.fault.get_or_insert_with(text);
    }

    /// A value under up to `wraps` more maps and lists; `None` if it is null, breaks a rule, or is behind the budget.
    pub fn value(
        &mut self,
        reader: &mut Reader<'_>,
        place: JsonContext,
        wraps: usize,
    ) -> Result<Option<AttributeValue>, Malformed> {
        if self.is_cut {
            reader.skip()?;
            return Ok(None);
        }
        let mut tagged = Tagged::default();
        let present = typed::structure(reader, place, "AttributeValue", |reader, tag| {
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
            _ => {
                self.has_older_form = true;
                self.report(|| SEVERAL_TYPES.to_owned());
            }
        }
        Ok(tagged.value)
    }

    fn member(&mut self, reader: &mut Reader<'_>, tag: &str, wraps: usize, out: &mut Tagged) -> Result<(), Malformed> {
        match tag {
            "S" => {
                let text = typed::string(reader)?;
                self.spend(text.as_ref().map_or(0, |text| text.len()));
                out.put(text.map(|text| AttributeValue::S(text.into_owned())));
            }
            "N" => {
                if let Some(text) = typed::string(reader)? {
                    self.spend(1);
                    let number = self.number(&text, out);
                    out.put(Some(AttributeValue::N(number)));
                }
            }
            "B" => {
                let bytes = typed::blob(reader)?;
                self.spend(bytes.as_ref().map_or(0, Vec::len));
                out.put(bytes.map(|bytes| AttributeValue::B(bytes.into())));
            }
            "BOOL" => {
                self.spend(1);
                self.has_older_form |= reader.peek()? == Token::String;
                out.put(typed::boolean(reader)?.map(AttributeValue::Bool));
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
                self.has_older_form |= reader.skip_and_measure()? >= OLDER_DEPTH;
                let fault = || too_deep().message().to_owned();
                self.report(fault);
                self.nesting.get_or_insert_with(fault);
                out.put(Some(AttributeValue::Null));
            }
            "L" => {
                self.spend(3);
                let mut elements = Vec::new();
                let present = typed::list(reader, |reader| {
                    self.spend(1);
                    elements.extend(self.value(reader, JsonContext::Element, wraps - 1)?);
                    Ok(())
                })?;
                out.put(present.then_some(AttributeValue::L(elements)));
            }
            "M" => {
                self.spend(3);
                let mut entries = BTreeMap::new();
                let present = typed::map(reader, "AttributeValue", |reader, name| {
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

    fn null(&mut self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<(), Malformed> {
        self.spend(1);
        self.has_older_form |= reader.peek()? == Token::String;
        let value = typed::boolean(reader)?;
        if value == Some(false) {
            out.report(Rank::Null, NULL_FALSE);
        }
        out.put(value.map(|_| AttributeValue::Null));
        Ok(())
    }

    fn number(&self, text: &str, out: &mut Tagged) -> Number {
        if text.is_empty() {
            out.report(Rank::Number, self.wording.empty_number());
            return Number::from(0);
        }
        Number::parse(text).unwrap_or_else(|error| {
            out.report(Rank::Number, self.wording.number_fault(text, error.message()));
            Number::from(0)
        })
    }

    fn string_set(&mut self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<Option<AttributeValue>, Malformed> {
        let mut set = BTreeSet::new();
        let mut written = Written::default();
        let present = typed::list(reader, |reader| {
            if self.is_cut {
                return reader.skip();
            }
            let Some(text) = typed::string(reader)? else {
                out.report(Rank::EmptySet, null_element("string"));
                return Ok(());
            };
            self.spend(text.len());
            written.note(&text);
            set.insert(text.into_owned());
            Ok(())
        })?;
        if present && written.count == 0 {
            out.report(Rank::EmptySet, empty_set("SS").message());
        }
        if set.len() < written.count {
            out.report(Rank::EmptySet, self.wording.duplicate_strings(&written.first));
        }
        Ok(present.then_some(AttributeValue::Ss(set)))
    }

    fn number_set(&mut self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<Option<AttributeValue>, Malformed> {
        let mut set = BTreeSet::new();
        let mut count = 0;
        let present = typed::list(reader, |reader| {
            if self.is_cut {
                return reader.skip();
            }
            let Some(text) = typed::string(reader)? else {
                out.report(Rank::EmptySet, null_element("number"));
                return Ok(());
            };
            self.spend(1);
            count += 1;
            set.insert(self.number(&text, out));
            Ok(())
        })?;
        if present && count == 0 {
            out.report(Rank::EmptySet, empty_set("NS").message());
        }
        if set.len() < count {
            out.report(Rank::Null, self.wording.duplicate_numbers());
        }
        Ok(present.then_some(AttributeValue::Ns(set)))
    }

    fn binary_set(&mut self, reader: &mut Reader<'_>, out: &mut Tagged) -> Result<Option<AttributeValue>, Malformed> {
        let mut set = BTreeSet::new();
        let mut written = Written::default();
        let present = typed::list(reader, |reader| {
            if self.is_cut {
                return reader.skip();
            }
            let mut again = reader.clone();
            let Some(bytes) = typed::blob(reader)? else {
                out.report(Rank::EmptySet, null_element("binary"));
                return Ok(());
            };
            self.spend(bytes.len());
            written.note(&again.string()?);
            set.insert(bytes.into());
            Ok(())
        })?;
        if present && written.count == 0 {
            out.report(Rank::EmptySet, empty_set("BS").message());
        }
        if set.len() < written.count {
            out.report(Rank::EmptySet, self.wording.duplicate_binaries(&written.first));
        }
        Ok(present.then_some(AttributeValue::Bs(set)))
    }
}
