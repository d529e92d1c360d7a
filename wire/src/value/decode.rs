//! Decoding of attribute values.
//!
//! A JSON value of the wrong kind ends decoding at once (`SerializationException`). A well-typed value that breaks a
//! rule (an empty set, an unreadable number) does not: what has to be reported first is decided later, operation by
//! operation, so the decoder goes on and keeps the first [`fault`](Attributes::fault) in the order of the document.
//!
//! What is built is bounded by what can be right: behind the largest item that there may be, values are passed over.

use crate::{
    error::Failure,
    json::{Reader, Token},
    profile::{MessageDialect, Profile},
    shape::{self, JsonContext},
};
use hashrange::{
    AttributeValue, Item,
    item::{
        json::{ValueDecoder, Wording},
        size::{MAX_ITEM_BYTES, item_size},
    },
};
use std::collections::BTreeMap;

/// Maps and lists that may be wrapped around a scalar of an item.
const MAX_ITEM_WRAPS: usize = 31;
/// The same for a parameter of a statement, which may be compared though not stored.
const MAX_PARAMETER_WRAPS: usize = 32;
/// Bytes of all values of placeholders of one expression, and of all values of one older parameter.
pub(crate) const MAX_OPERAND_BYTES: usize = 2 << 20;

/// What each of several values counts at least.
const OPERAND_BYTES: usize = 8;

const TOO_MANY_OPERANDS: &str = "The values of the request have more than 2097152 bytes together";

/// Attributes by name, such as an item or a key.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    /// What could be read.
    pub(crate) item: Item,
    /// The first rule that a value breaks: the text of a `ValidationException`.
    fault: Option<String>,
    /// The first empty or oversized name of an attribute of the item itself.
    top_level_name: Option<String>,
    /// That a value is nested too deeply.
    nesting: Option<String>,
    /// A value has a form that only the older layer reads.
    pub(crate) has_older_form: bool,
    /// There is more than an item may have.
    is_cut: bool,
}

impl Attributes {
    /// The first rule that a value breaks, if there is one.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// As [`Attributes::check`], of an action of a transaction: names of attributes come first wherever they stand, and
    /// nesting is not looked at before the action's expressions.
    pub(crate) fn check_before_expressions(&self) -> Result<(), String> {
        match (&self.top_level_name, &self.nesting, &self.fault) {
            (Some(name), ..) => Err(name.clone()),
            (None, None, Some(fault)) => Err(fault.clone()),
            _ => Ok(()),
        }
    }

    /// Rejects what is nested too deeply.
    pub(crate) fn check_nesting(&self) -> Result<(), String> {
        self.nesting.clone().map_or(Ok(()), Err)
    }

    /// Rejects what is too large to be put, as DynamoDB does before it looks for the table.
    pub(crate) fn check_size(&self) -> Result<(), Failure> {
        if self.is_cut || item_size(&self.item) > MAX_ITEM_BYTES {
            return Err(Failure::validation("Item size has exceeded the maximum allowed size"));
        }
        Ok(())
    }
}

/// Values, such as the operands of an older condition.
#[derive(Debug)]
pub(crate) struct Values<V> {
    /// What could be read.
    pub(crate) values: V,
    /// The first rule that one of them breaks.
    pub(crate) fault: Option<String>,
}

/// Decodes values in the wording that one operation has in one profile.
#[derive(Clone, Copy)]
pub(crate) struct Decoder {
    pub(crate) profile: Profile,
    pub(crate) dialect: MessageDialect,
}

impl Decoder {
    /// An item or a key; `None` if the member is null.
    pub(crate) fn attributes(self, reader: &mut Reader<'_>) -> Result<Option<Attributes>, Failure> {
        let mut item = Item::default();
        let mut pass = ValueDecoder::new(self, MAX_ITEM_BYTES);
        let present = shape::map(reader, "AttributeValue", |reader, name| {
            pass.top_level_name(&name);
            if let Some(value) = pass.value(reader, JsonContext::Element, MAX_ITEM_WRAPS)? {
                item.insert(name.into_owned(), value);
            }
            Ok(())
        })?;
        let is_cut = pass.is_cut();
        let ValueDecoder { fault, top_level_name, nesting, has_older_form, .. } = pass;
        Ok(present.then_some(Attributes { item, is_cut, fault, top_level_name, nesting, has_older_form }))
    }

    /// The values of placeholders, and the first that breaks a rule, with its name.
    pub(crate) fn placeholders(self, reader: &mut Reader<'_>) -> Result<Option<Placeholders>, Failure> {
        let mut values = BTreeMap::new();
        let mut fault = None;
        let mut pass = ValueDecoder::new(self, MAX_OPERAND_BYTES);
        let present = shape::map(reader, "AttributeValue", |reader, name| {
            pass.spend(name.len());
            let value = pass.value(reader, JsonContext::Element, self.profile.value_wraps(self.dialect))?;
            if pass.is_cut() {
                fault.get_or_insert((name.into_owned(), TOO_MANY_OPERANDS.to_owned()));
                return Ok(());
            }
            if let Some(text) = pass.fault.take() {
                fault.get_or_insert((name.clone().into_owned(), text));
            }
            values.insert(name.into_owned(), value.unwrap_or(AttributeValue::Null)); // null is rejected: see the fault
            Ok(())
        })?;
        let has_older_form = pass.has_older_form;
        Ok(present.then_some(Placeholders { values, fault, has_older_form }))
    }

    /// One value, `Null` if nothing could be read; `None` if the member is null.
    pub(crate) fn single(
        self,
        reader: &mut Reader<'_>,
        place: JsonContext,
    ) -> Result<Option<Values<AttributeValue>>, Failure> {
        if reader.peek()? == Token::Null {
            reader.literal()?;
            return Ok(None);
        }
        let mut pass = ValueDecoder::new(self, MAX_OPERAND_BYTES);
        let value = pass.value(reader, place, MAX_ITEM_WRAPS)?.unwrap_or(AttributeValue::Null);
        Ok(Some(Values { values: value, fault: operand_fault(pass) }))
    }

    /// The parameters of a statement, each of which may be compared though not stored; `Null` stands for one that could not be
    /// read. `None` if the member is null.
    pub(crate) fn parameters(self, reader: &mut Reader<'_>) -> Result<Option<Values<Vec<AttributeValue>>>, Failure> {
        let mut values = Vec::new();
        let mut pass = ValueDecoder::new(self, MAX_OPERAND_BYTES);
        let present = shape::list(reader, |reader| {
            pass.spend(OPERAND_BYTES);
            values.push(pass.value(reader, JsonContext::Element, MAX_PARAMETER_WRAPS)?.unwrap_or(AttributeValue::Null));
            Ok(())
        })?;
        Ok(present.then_some(Values { values, fault: operand_fault(pass) }))
    }

    /// A list of values, those that could be read; `None` if the member is null.
    pub(crate) fn list(self, reader: &mut Reader<'_>) -> Result<Option<Values<Vec<AttributeValue>>>, Failure> {
        let mut values = Vec::new();
        let mut pass = ValueDecoder::new(self, MAX_OPERAND_BYTES);
        let present = shape::list(reader, |reader| {
            pass.spend(OPERAND_BYTES);
            values.extend(pass.value(reader, JsonContext::Element, MAX_ITEM_WRAPS)?);
            Ok(())
        })?;
        Ok(present.then_some(Values { values, fault: operand_fault(pass) }))
    }
}

/// Values of placeholders by name.
pub(crate) struct Placeholders {
    pub(crate) values: BTreeMap<String, AttributeValue>,
    /// Name and fault of the first that breaks a rule.
    pub(crate) fault: Option<(String, String)>,
    /// One has a form that only the older layer reads.
    pub(crate) has_older_form: bool,
}

fn operand_fault(pass: ValueDecoder<Decoder>) -> Option<String> {
    let is_cut = pass.is_cut();
    pass.fault.or_else(|| is_cut.then(|| TOO_MANY_OPERANDS.to_owned()))
}

impl Wording for Decoder {
    fn empty_number(&self) -> &'static str {
        self.profile.empty_number(self.dialect)
    }
    fn number_fault(&self, text: &str, fault: &str) -> String {
        self.profile.number_fault(self.dialect, text, fault)
    }
    fn duplicate_strings(&self, texts: &[String]) -> String {
        self.profile.duplicate_strings(self.dialect, texts)
    }
    fn duplicate_binaries(&self, texts: &[String]) -> String {
        self.profile.duplicate_binaries(self.dialect, texts)
    }
    fn duplicate_numbers(&self) -> &'static str {
        self.profile.duplicate_numbers(self.dialect)
    }
}
