//! The statement that programs send most: all of one item, by equalities of the attributes of its key.
//!
//! `SELECT * FROM t WHERE a = ? AND b = 'x'` is recognised when it is parsed. If the attributes turn out to be the key of the
//! table, and the values have its types, the plan is to get that item, and nothing has to be built to say so; otherwise the
//! statement is planned as any other.

use super::{
    parameters::Parameters,
    syntax::{Expression, ExpressionKind, Operator, SelectItems, Statement},
};
use crate::{
    error::{Error, Result},
    item::{
        AttributeValue, Item, KeyScalar, KeyType,
        key::{MAX_HASH_KEY_BYTES, MAX_RANGE_KEY_BYTES},
    },
    request::EncodeKey,
    schema::{EncodedKey, KeyAttribute, KeySchema, TableDefinition},
    table::{Dynamic, Key},
};
use std::sync::Arc;

/// Most attributes of a key.
const MAX_TERMS: usize = 2;

/// Equalities of attributes, and the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyRead {
    pub table: Arc<str>,
    terms: Vec<(Box<str>, Source)>,
}

/// Where the value of an attribute comes from.
#[derive(Clone, Debug, PartialEq)]
enum Source {
    Parameter(usize),
    Literal(AttributeValue),
}

/// Which of the equalities are about the key attributes of a table, and the types of these.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyTerms {
    hash: (usize, KeyType),
    range: Option<(usize, KeyType)>,
}

/// The values of a key, borrowed.
pub(super) struct BorrowedKey<'v> {
    hash: KeyScalar<'v>,
    range: Option<KeyScalar<'v>>,
}

impl KeyRead {
    /// The equalities that a statement consists of, if it does.
    pub fn of(statement: &Statement) -> Option<Self> {
        let Statement::Select(select) = statement else { return None };
        let [source] = select.from.as_slice() else { return None };
        let ExpressionKind::Name(table) = &source.path.kind else { return None };
        let is_plain = select.items == SelectItems::All && !select.distinct && source.alias.is_none();
        if !is_plain || !select.order.is_empty() || !select.unsupported.is_empty() || table.is_empty() {
            return None;
        }
        let mut terms = Vec::new();
        collect(select.condition.as_ref()?, &mut terms)?;
        Some(Self { table: (&**table).into(), terms })
    }

    /// The equalities of a table's key, if they are of exactly its attributes.
    pub fn terms(&self, key: &KeySchema) -> Option<KeyTerms> {
        let term = |attribute: &KeyAttribute| {
            let at = self.terms.iter().position(|(name, _)| **name == *attribute.name)?;
            Some((at, attribute.kind))
        };
        let (hash, range) = (term(&key.hash)?, key.range.as_ref().map(term));
        // Two equalities of one attribute leave another one of the key without.
        (self.terms.len() == 1 + usize::from(range.is_some())).then_some(())?;
        Some(KeyTerms { hash, range: range.map_or(Some(None), |range| range.map(Some))? })
    }

    /// The key that the statement names with these parameters, if the values have the types of the key. What is wrong with
    /// others is for the plan to say, in its order.
    #[inline]
    pub fn key<'v>(&'v self, terms: KeyTerms, parameters: &'v (impl Parameters + ?Sized)) -> Option<BorrowedKey<'v>> {
        let scalar = |(at, kind): (usize, KeyType)| {
            let value = match &self.terms.get(at)?.1 {
                Source::Parameter(position) => parameters.scalar(*position),
                Source::Literal(value) => KeyScalar::of(value),
            };
            value.filter(|scalar| scalar.kind() == kind)
        };
        let hash = scalar(terms.hash).filter(|hash| is_sound(hash, MAX_HASH_KEY_BYTES))?;
        let range = match terms.range {
            Some(range) => Some(scalar(range).filter(|range| is_sound(range, MAX_RANGE_KEY_BYTES))?),
            None => None,
        };
        Some(BorrowedKey { hash, range })
    }
}

impl EncodeKey for BorrowedKey<'_> {
    #[inline]
    fn encode(&self, table: &TableDefinition) -> Result<EncodedKey> {
        table.key_of_scalars(self.hash, self.range)
    }
}

impl Key<Dynamic> for BorrowedKey<'_> {
    #[inline]
    fn encode(&self, table: &TableDefinition) -> Result<EncodedKey> {
        table.key_of_scalars(self.hash, self.range)
    }
    fn attributes(&self, table: &TableDefinition) -> Result<Item> {
        let item = Item::new().with(table.key.hash.name.clone(), self.hash.to_value());
        match (&table.key.range, self.range) {
            (Some(range), Some(value)) => Ok(item.with(range.name.clone(), value.to_value())),
            (None, None) => Ok(item),
            _ => Err(Error::validation("The provided key element does not match the schema")),
        }
    }
}

/// Whether a value is neither empty nor too long for a key.
#[inline]
fn is_sound(value: &KeyScalar<'_>, max_bytes: usize) -> bool {
    match value {
        KeyScalar::S(text) => !text.is_empty() && text.len() <= max_bytes,
        KeyScalar::B(bytes) => !bytes.is_empty() && bytes.len() <= max_bytes,
        KeyScalar::N(_) => true,
    }
}

fn collect(condition: &Expression, terms: &mut Vec<(Box<str>, Source)>) -> Option<()> {
    let ExpressionKind::Chain(first, rest) = &condition.kind else { return None };
    match rest.as_slice() {
        [(Operator::Equal, right)] => {
            let (name, value) = match (&first.kind, &right.kind) {
                (ExpressionKind::Name(name), value) | (value, ExpressionKind::Name(name)) => (name, value),
                _ => return None,
            };
            let source = match value {
                ExpressionKind::Parameter(position) => Source::Parameter(*position),
                ExpressionKind::Text(text) => Source::Literal(AttributeValue::S(text.as_ref().into())),
                _ => return None,
            };
            terms.push((name.clone(), source));
            (terms.len() <= MAX_TERMS && !name.is_empty()).then_some(())
        }
        [(Operator::And, right)] => {
            collect(first, terms)?;
            collect(right, terms)
        }
        _ => None,
    }
}
