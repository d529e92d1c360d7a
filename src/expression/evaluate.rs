//! Evaluates conditions on items as they are in memory.
//!
//! Logic has two values: a test whose operand is missing or of another type is false, except `<>`, which is the
//! opposite of `=`. Nothing can fail here. Operands are [`View`]s: of an undecoded part of the item, of a value in the
//! expression, or of a length; two views are compared where they are.

use super::{
    path::Path,
    tree::{Comparator, Operand, Test, Tree},
};
use crate::item::{AttributeValue, ItemRef, Number, ValueRef};
use std::cmp::Ordering;

/// Whether an item, or the absence of one, meets a condition.
pub(super) fn matches(tree: &Tree, item: Option<&ItemRef>) -> bool {
    match tree {
        Tree::And(all) => all.iter().all(|one| matches(one, item)),
        Tree::Or(all) => all.iter().any(|one| matches(one, item)),
        Tree::Not(one) => !matches(one, item),
        Tree::Test(test) => holds(test, item),
    }
}

fn holds(test: &Test, item: Option<&ItemRef>) -> bool {
    let find = |path: &Path| item.and_then(|item| path.find(item));
    let view = |operand| View::of(operand, item);
    match test {
        // Most tests are of this form, which needs no views.
        Test::Compare(Operand::Path(path), comparator, Operand::Value(value)) => {
            compare_with(find(path), *comparator, value)
        }
        Test::Compare(left, comparator, right) => compare(view(left), *comparator, view(right)),
        Test::Between(value, low, high) => {
            let value = view(value);
            let at_least = |bound| order(&value, &view(bound)).is_some_and(Ordering::is_ge);
            let at_most = |bound| order(&value, &view(bound)).is_some_and(Ordering::is_le);
            at_least(low) && at_most(high)
        }
        Test::In(value, list) => view(value)
            .is_some_and(|value| list.iter().any(|other| view(other).is_some_and(|other| equal(&value, &other)))),
        Test::Exists(path) => find(path).is_some(),
        Test::NotExists(path) => find(path).is_none(),
        Test::TypeIs(operand, type_name) => view(operand).is_some_and(|value| value.type_name() == *type_name),
        Test::BeginsWith(text, prefix) => match (view(text), view(prefix)) {
            (Some(text), Some(prefix)) => begins_with(&text, &prefix),
            _ => false,
        },
        Test::Contains(whole, part) => match (view(whole), view(part)) {
            (Some(whole), Some(part)) => contains(&whole, &part),
            _ => false,
        },
    }
}

/// The value of an operand, where it is.
enum View<'a> {
    /// In the item.
    Stored(ValueRef<'a>),
    /// In the expression.
    Given(&'a AttributeValue),
    /// What `size` returned.
    Size(AttributeValue),
}

impl<'a> View<'a> {
    fn of(operand: &'a Operand, item: Option<&'a ItemRef>) -> Option<Self> {
        match operand {
            Operand::Path(path) => path.find(item?).map(Self::Stored),
            Operand::Value(value) => Some(Self::Given(value)),
            Operand::Size(path) => size(&Self::Stored(path.find(item?)?)),
            Operand::SizeOfValue(value) => size(&Self::Given(value)),
        }
    }

    fn given(&self) -> Option<&AttributeValue> {
        match self {
            Self::Stored(_) => None,
            Self::Given(value) => Some(value),
            Self::Size(value) => Some(value),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Stored(value) => value.type_name(),
            Self::Given(value) => value.type_name(),
            Self::Size(value) => value.type_name(),
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Stored(value) => value.as_str(),
            Self::Given(value) => value.as_str(),
            Self::Size(_) => None,
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Stored(value) => value.as_bytes(),
            Self::Given(AttributeValue::B(bytes)) => Some(bytes),
            Self::Given(_) | Self::Size(_) => None,
        }
    }
}

fn equal(left: &View<'_>, right: &View<'_>) -> bool {
    match (left, right) {
        (View::Stored(left), View::Stored(right)) => left == right,
        (View::Stored(stored), other) | (other, View::Stored(stored)) => {
            other.given().is_some_and(|given| stored.eq_value(given))
        }
        _ => left.given() == right.given(),
    }
}

/// How two values of one ordered type compare; `None` if a value is missing or the types differ or have no order.
fn order(left: &Option<View<'_>>, right: &Option<View<'_>>) -> Option<Ordering> {
    match (left.as_ref()?, right.as_ref()?) {
        (View::Stored(left), View::Stored(right)) => left.compare_ref(right),
        (View::Stored(left), right) => left.compare(right.given()?),
        (left, View::Stored(right)) => right.compare(left.given()?).map(Ordering::reverse),
        (left, right) => match (left.given()?, right.given()?) {
            (AttributeValue::S(left), AttributeValue::S(right)) => Some(left.cmp(right)),
            (AttributeValue::N(left), AttributeValue::N(right)) => Some(left.cmp(right)),
            (AttributeValue::B(left), AttributeValue::B(right)) => Some(left.cmp(right)),
            _ => None,
        },
    }
}

fn compare_with(stored: Option<ValueRef<'_>>, comparator: Comparator, value: &AttributeValue) -> bool {
    let equal = || stored.is_some_and(|stored| stored.eq_value(value));
    let order = || stored.and_then(|stored| stored.compare(value));
    match comparator {
        Comparator::Equal => equal(),
        Comparator::NotEqual => !equal(),
        Comparator::Less => order().is_some_and(Ordering::is_lt),
        Comparator::LessOrEqual => order().is_some_and(Ordering::is_le),
        Comparator::Greater => order().is_some_and(Ordering::is_gt),
        Comparator::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
    }
}

fn compare(left: Option<View<'_>>, comparator: Comparator, right: Option<View<'_>>) -> bool {
    let equal = |left: &Option<View<'_>>, right: &Option<View<'_>>| match (left, right) {
        (Some(left), Some(right)) => equal(left, right),
        _ => false,
    };
    match comparator {
        Comparator::Equal => equal(&left, &right),
        Comparator::NotEqual => !equal(&left, &right),
        Comparator::Less => order(&left, &right).is_some_and(Ordering::is_lt),
        Comparator::LessOrEqual => order(&left, &right).is_some_and(Ordering::is_le),
        Comparator::Greater => order(&left, &right).is_some_and(Ordering::is_gt),
        Comparator::GreaterOrEqual => order(&left, &right).is_some_and(Ordering::is_ge),
    }
}

fn begins_with(text: &View<'_>, prefix: &View<'_>) -> bool {
    match (text.text(), prefix.text()) {
        (Some(text), Some(prefix)) => text.starts_with(prefix),
        _ => match (text.bytes(), prefix.bytes()) {
            (Some(bytes), Some(prefix)) => bytes.starts_with(prefix),
            _ => false,
        },
    }
}

/// A string within a string, bytes within bytes, a scalar in a set of its type, or any value in a list.
fn contains(whole: &View<'_>, part: &View<'_>) -> bool {
    if let (Some(text), Some(part)) = (whole.text(), part.text()) {
        return text.contains(part);
    }
    if let (Some(bytes), Some(part)) = (whole.bytes(), part.bytes()) {
        return bytes_contain(bytes, part);
    }
    match whole {
        View::Stored(whole) => whole.list().chain(whole.set()).any(|element| equal(&View::Stored(element), part)),
        View::Given(AttributeValue::L(list)) => list.iter().any(|element| equal(&View::Given(element), part)),
        View::Given(AttributeValue::Ss(set)) => part.text().is_some_and(|text| set.contains(text)),
        View::Given(AttributeValue::Bs(set)) => part.bytes().is_some_and(|bytes| set.contains(bytes)),
        View::Given(AttributeValue::Ns(set)) => match part {
            View::Stored(part) => part.as_number().is_some_and(|number| set.contains(&number)),
            part => part.given().and_then(AttributeValue::as_number).is_some_and(|number| set.contains(number)),
        },
        View::Given(_) | View::Size(_) => false,
    }
}

/// Searches in time linear in both lengths (Knuth, Morris and Pratt): both may be chosen to make a naive search slow.
fn bytes_contain(bytes: &[u8], part: &[u8]) -> bool {
    let mut borders: Vec<usize> = Vec::with_capacity(part.len());
    for &byte in part {
        let border = match borders.last() {
            None => 0,
            Some(&longest) => extend_match(part, &borders, longest, byte),
        };
        borders.push(border);
    }
    let mut matched = 0;
    for &byte in bytes {
        if matched == part.len() {
            break;
        }
        matched = extend_match(part, &borders, matched, byte);
    }
    matched == part.len()
}

/// How many bytes of `part` match once `byte` follows `matched` of them; `borders[i]` is the length of the longest
/// proper prefix of `part[..=i]` that is also its suffix.
fn extend_match(part: &[u8], borders: &[usize], mut matched: usize, byte: u8) -> usize {
    while part.get(matched) != Some(&byte) {
        let Some(&border) = matched.checked_sub(1).and_then(|last| borders.get(last)) else { return 0 };
        matched = border;
    }
    matched + 1
}

/// `size(value)`: UTF-16 units of a string, bytes of a binary, elements of a container; the others have none.
fn size(value: &View<'_>) -> Option<View<'static>> {
    let len = match (value.type_name(), value) {
        ("S", value) => utf16_len(value.text()?),
        ("B", value) => value.bytes()?.len(),
        ("L" | "M" | "SS" | "NS" | "BS", View::Stored(value)) => value.len(),
        (_, View::Given(AttributeValue::L(list))) => list.len(),
        (_, View::Given(AttributeValue::M(map))) => map.len(),
        (_, View::Given(AttributeValue::Ss(set))) => set.len(),
        (_, View::Given(AttributeValue::Ns(set))) => set.len(),
        (_, View::Given(AttributeValue::Bs(set))) => set.len(),
        _ => return None,
    };
    let len = u64::try_from(len).ok()?;
    Some(View::Size(AttributeValue::N(Number::from(len))))
}

fn utf16_len(text: &str) -> usize {
    // All code points take one unit, those of four UTF-8 bytes a second one; continuation bytes begin no code point.
    text.bytes().map(|byte| usize::from(byte & 0xC0 != 0x80) + usize::from(byte >= 0xF0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_measured_in_utf16_units() {
        for text in ["", "abc", "é", "€uro", "😀!", "a\u{10000}b"] {
            assert_eq!(utf16_len(text), text.encode_utf16().count(), "{text}");
        }
    }

    #[test]
    fn bytes_are_found_wherever_they_are() {
        let bytes = b"abababcababd";
        for from in 0..=bytes.len() {
            for to in from..=bytes.len() {
                assert!(bytes_contain(bytes, &bytes[from..to]));
            }
        }
        for absent in [&b"abd\0"[..], b"abac", b"c", b"bb", b"abababcababdx"] {
            assert_eq!(bytes_contain(bytes, absent), bytes.windows(absent.len()).any(|w| w == absent));
        }
        assert!(bytes_contain(b"", b"") && !bytes_contain(b"", b"a"));
    }
}
