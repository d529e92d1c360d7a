//! Which keys a condition asks for.
//!
//! A condition is looked at as alternatives, one for each way through its `OR`s, as far as key attributes are part of
//! them. An alternative pins the partition key to values and may narrow the sort key. Conditions on other attributes, and
//! everything below a `NOT`, say nothing about keys. Only the parts with key attributes are taken apart, and only up to
//! a bound, so that `(a = 1 OR a = 2) AND (a = 1 OR a = 2) AND ..` costs nothing.

use crate::{
    expression::{Comparator, Operand, RangeCondition, Test, Tree},
    item::AttributeValue,
    schema::KeyAttribute,
};

/// Most alternatives that a condition is taken apart into; one with more is read by a scan.
const MAX_ALTERNATIVES: usize = 300;

/// The key of a table, or of an index whose key has one attribute for each part.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyNames<'k> {
    pub hash: &'k KeyAttribute,
    pub range: Option<&'k KeyAttribute>,
}

/// A condition on the sort key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SortTerm {
    /// One of these values.
    In(Vec<AttributeValue>),
    /// A range.
    Range(RangeCondition),
}

impl SortTerm {
    /// The values that it compares with.
    pub fn values(&self) -> Vec<&AttributeValue> {
        match self {
            Self::In(values) => values.iter().collect(),
            Self::Range(range) => range.values(),
        }
    }
}

/// What one way through a condition demands of keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Alternative {
    /// Conditions on the partition key; each names the values that it allows. All must hold.
    pub hash: Vec<Vec<AttributeValue>>,
    /// Conditions on the sort key, no two alike. All must hold.
    pub sort: Vec<SortTerm>,
    /// Whether the sort key is tested in a way that narrows nothing: by `<>`, `NOT` or `NOT BETWEEN`.
    pub is_loose: bool,
}

impl Alternative {
    /// The values that the partition key may have, as they are written; `None` if it may have any, or none at all.
    pub fn hash_values(&self) -> Option<Vec<AttributeValue>> {
        let (first, rest) = self.hash.split_first()?;
        let allowed = |value: &&AttributeValue| rest.iter().all(|others| others.contains(value));
        let values: Vec<AttributeValue> = first.iter().filter(allowed).cloned().collect();
        (!values.is_empty()).then_some(values)
    }

    /// That of a condition that demands nothing of keys.
    fn of_no_key(tree: &Tree, key: KeyNames<'_>) -> Self {
        Self { is_loose: is_loose(tree, key), ..Self::default() }
    }

    fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.hash.extend(other.hash.iter().cloned());
        for term in &other.sort {
            if !both.sort.contains(term) {
                both.sort.push(term.clone());
            }
        }
        both.is_loose |= other.is_loose;
        both
    }
}

/// A test of a key attribute.
enum KeyTerm {
    Hash(Vec<AttributeValue>),
    Sort(SortTerm),
}

/// The alternatives of a condition, at least one; `None` if there are too many.
pub(super) fn alternatives(tree: &Tree, key: KeyNames<'_>) -> Option<Vec<Alternative>> {
    match tree {
        Tree::And(all) => {
            let mut product = vec![Alternative::default()];
            for one in all {
                let more = alternatives(one, key)?;
                if product.len().saturating_mul(more.len()) > MAX_ALTERNATIVES {
                    return None;
                }
                product = product.iter().flat_map(|left| more.iter().map(|right| left.and(right))).collect();
            }
            Some(product)
        }
        Tree::Or(all) if all.iter().any(|one| has_key_term(one, key)) => {
            let mut sum = Vec::new();
            for one in all {
                sum.extend(alternatives(one, key)?);
            }
            (sum.len() <= MAX_ALTERNATIVES).then_some(sum)
        }
        Tree::Or(_) | Tree::Not(_) => Some(vec![Alternative::of_no_key(tree, key)]),
        Tree::Test(test) => Some(vec![match key_term(test, key) {
            Some(KeyTerm::Hash(values)) => Alternative { hash: vec![values], ..Alternative::default() },
            Some(KeyTerm::Sort(term)) => Alternative { sort: vec![term], ..Alternative::default() },
            None => Alternative::of_no_key(tree, key),
        }]),
    }
}

/// Whether a test is one that a key read answers by itself; `hash` and `sort` are the conditions that it reads by.
pub(super) fn is_answered(test: &Test, key: KeyNames<'_>, alternative: &Alternative) -> bool {
    match key_term(test, key) {
        Some(KeyTerm::Hash(_)) => true,
        Some(KeyTerm::Sort(term)) => alternative.sort.as_slice() == [term],
        None => false,
    }
}

fn has_key_term(tree: &Tree, key: KeyNames<'_>) -> bool {
    match tree {
        Tree::And(all) | Tree::Or(all) => all.iter().any(|one| has_key_term(one, key)),
        Tree::Not(_) => false,
        Tree::Test(test) => key_term(test, key).is_some(),
    }
}

/// Whether a part of a condition tests the sort key in a way that narrows nothing.
fn is_loose(tree: &Tree, key: KeyNames<'_>) -> bool {
    match tree {
        Tree::And(all) | Tree::Or(all) => all.iter().any(|one| is_loose(one, key)),
        Tree::Not(one) => reads_sort_key(one, key),
        Tree::Test(Test::Compare(_, Comparator::NotEqual, _)) => reads_sort_key(tree, key),
        Tree::Test(_) => false,
    }
}

fn reads_sort_key(tree: &Tree, key: KeyNames<'_>) -> bool {
    let Some(range) = key.range else { return false };
    let mut reads = false;
    tree.visit_paths(&mut |path| reads |= path.top_level() == range.name);
    reads
}

fn key_term(test: &Test, key: KeyNames<'_>) -> Option<KeyTerm> {
    let is_hash = |operand: &Operand| is_attribute(operand, &key.hash.name);
    let is_sort = |operand: &Operand| key.range.is_some_and(|range| is_attribute(operand, &range.name));
    match test {
        Test::Compare(left, comparator, right) => {
            let (attribute, comparator, value) = match (left, right) {
                (attribute, Operand::Value(value)) => (attribute, *comparator, value),
                (Operand::Value(value), attribute) => (attribute, comparator.mirrored(), value),
                _ => return None,
            };
            if is_hash(attribute) {
                return (comparator == Comparator::Equal).then(|| KeyTerm::Hash(vec![value.clone()]));
            }
            if !is_sort(attribute) {
                return None;
            }
            let value = value.clone();
            Some(KeyTerm::Sort(match comparator {
                Comparator::Equal => SortTerm::In(vec![value]),
                Comparator::NotEqual => return None,
                Comparator::Less => SortTerm::Range(RangeCondition::Less(value)),
                Comparator::LessOrEqual => SortTerm::Range(RangeCondition::LessOrEqual(value)),
                Comparator::Greater => SortTerm::Range(RangeCondition::Greater(value)),
                Comparator::GreaterOrEqual => SortTerm::Range(RangeCondition::GreaterOrEqual(value)),
            }))
        }
        Test::In(attribute, list) => {
            let values = list.iter().map(given).collect::<Option<Vec<_>>>()?;
            if is_hash(attribute) {
                Some(KeyTerm::Hash(values))
            } else {
                is_sort(attribute).then_some(KeyTerm::Sort(SortTerm::In(values)))
            }
        }
        Test::Between(attribute, low, high) if is_sort(attribute) => {
            Some(KeyTerm::Sort(SortTerm::Range(RangeCondition::Between(given(low)?, given(high)?))))
        }
        Test::BeginsWith(attribute, prefix) if is_sort(attribute) => {
            Some(KeyTerm::Sort(SortTerm::Range(RangeCondition::BeginsWith(given(prefix)?))))
        }
        _ => None,
    }
}

fn is_attribute(operand: &Operand, name: &str) -> bool {
    matches!(operand, Operand::Path(path) if !path.is_nested() && path.top_level() == name)
}

fn given(operand: &Operand) -> Option<AttributeValue> {
    match operand {
        Operand::Value(value) => Some(value.clone()),
        _ => None,
    }
}
