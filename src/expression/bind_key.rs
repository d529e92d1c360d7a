//! Key conditions meet the key of a table or index.
//!
//! The clauses become the bounds of a range: a value for each attribute of the partition key, then equalities on
//! leading attributes of the sort key, then at most one range. An index may have up to four attributes for each half
//! of its key; conditions on the sort half must form a prefix of it.

use super::key_condition::{KeyCondition, KeyTest, RangeCondition};
use crate::{
    error::{Error, Result},
    item::{
        AttributeValue,
        key::{MAX_HASH_KEY_BYTES, MAX_RANGE_KEY_BYTES},
    },
    schema::KeyAttribute,
};

/// A key condition on the key of a certain table or index.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundKey {
    /// One value for each attribute of the partition key, in the order of the schema.
    pub hash: Vec<AttributeValue>,
    /// Values of the leading sort key attributes that must be equal, in the order of the schema; may be fewer than
    /// the key has.
    pub range: Vec<AttributeValue>,
    /// A range for the sort key attribute that follows those.
    pub last: Option<RangeCondition>,
}

impl KeyCondition {
    /// Applies the clauses to a key. `hash` and `range` are its attributes in the order of the schema: those of the
    /// partition key, of which there is at least one, and those of the sort key.
    ///
    /// # Errors
    /// DynamoDB's text if an attribute of the partition key has no equality, if a clause names another attribute or
    /// skips one of the sort key, or if a value has the wrong type, is empty or too long.
    pub fn bind(&self, hash: &[KeyAttribute], range: &[KeyAttribute]) -> Result<BoundKey> {
        let attributes = hash.len() + range.len();
        if self.is_legacy() && self.clauses().len() > attributes.max(2) {
            return Err(Error::validation("Conditions can be of length 1 or 2 only"));
        }
        if self.clauses().len() > attributes {
            let count = self.clauses().len();
            return Err(Error::validation(format!(
                "The number of query conditions ({count}) exceeds the number of key attributes defined in the schema \
                 ({attributes})"
            )));
        }
        let mut bound = BoundKey { hash: self.bind_hash(hash)?, range: Vec::new(), last: None };
        self.bind_range(range, self.clauses().len().saturating_sub(hash.len()), &mut bound)?;
        self.check_values(hash, range, &bound)?;
        Ok(bound)
    }

    fn bind_hash(&self, hash: &[KeyAttribute]) -> Result<Vec<AttributeValue>> {
        let mut values = Vec::with_capacity(hash.len());
        let mut missing = Vec::new();
        for attribute in hash {
            match self.test(attribute)? {
                Some(KeyTest::Equal(value)) => values.push(value.clone()),
                test if hash.len() > 1 || test.is_none() => missing.push(attribute.name.as_str()),
                _ => return Err(Error::validation("Query key condition not supported")),
            }
        }
        match missing.as_slice() {
            [] => Ok(values),
            [name] if hash.len() == 1 => Err(missed(name)),
            names => {
                let names = names.join(", ");
                let text = format!("HASH key attributes {names} must have equality conditions specified in the query");
                Err(Error::validation(text))
            }
        }
    }

    /// Binds the clauses that are left, `count` of them, to the sort key.
    fn bind_range(&self, range: &[KeyAttribute], count: usize, bound: &mut BoundKey) -> Result<()> {
        let mut without_equality: Vec<&str> = Vec::new();
        let mut used = 0;
        for attribute in range {
            let test = self.test(attribute)?;
            if test.is_some() && !without_equality.is_empty() {
                let (names, name) = (without_equality.join(", "), &attribute.name);
                return Err(Error::validation(format!(
                    "RANGE key attributes {names} must have equality conditions specified in the query because a \
                     condition is present on key attribute {name}"
                )));
            }
            match test {
                Some(KeyTest::Equal(value)) => bound.range.push(value.clone()),
                Some(KeyTest::Range(condition)) => bound.last = Some(condition.clone()),
                _ => {}
            }
            if !matches!(test, Some(KeyTest::Equal(_))) {
                without_equality.push(&attribute.name);
            }
            used += usize::from(test.is_some());
        }
        match without_equality.first() {
            // A clause is about none of the attributes.
            Some(name) if used < count => Err(missed(name)),
            _ => Ok(()),
        }
    }

    /// The test of an attribute, with values of its type.
    fn test(&self, attribute: &KeyAttribute) -> Result<Option<&KeyTest>> {
        let Some(clause) = self.clauses().iter().find(|clause| clause.name == attribute.name) else { return Ok(None) };
        if clause.test == KeyTest::Unordered {
            return Err(Error::validation("Attempted conditional constraint is not an indexable operation"));
        }
        if let Some(value) = clause.test.values().into_iter().find(|value| !attribute.kind.matches(value)) {
            return Err(Error::key_condition_type(&attribute.name, attribute.kind.name(), value.type_name()));
        }
        Ok(Some(&clause.test))
    }

    fn check_values(&self, hash: &[KeyAttribute], range: &[KeyAttribute], bound: &BoundKey) -> Result<()> {
        for attribute in hash.iter().chain(range) {
            let Some(test) = self.test(attribute)? else { continue };
            for value in test.values() {
                let (is_empty, what) = match value {
                    AttributeValue::S(text) => (text.is_empty(), "string"),
                    AttributeValue::B(bytes) => (bytes.is_empty(), "binary"),
                    _ => (false, ""),
                };
                if is_empty {
                    return Err(Error::empty_key(&attribute.name, what));
                }
            }
        }
        if bound.hash.iter().map(key_bytes).sum::<usize>() > MAX_HASH_KEY_BYTES {
            return Err(Error::invalid_parameter("Size of hashkey has exceeded the maximum size limit of2048 bytes"));
        }
        let equal: usize = bound.range.iter().map(key_bytes).sum();
        let last = bound.last.as_ref().and_then(|last| last.values().into_iter().map(key_bytes).max()).unwrap_or(0);
        if equal + last > MAX_RANGE_KEY_BYTES {
            return Err(Error::invalid_parameter(
                "Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
            ));
        }
        Ok(())
    }
}

/// The bytes that a key value counts against the limits of keys; numbers never reach them.
fn key_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        _ => 0,
    }
}

fn missed(name: &str) -> Error {
    Error::validation(format!("Query condition missed key schema element: {name}"))
}
