//! What an item counts in bytes, and which items are rejected.
//!
//! The size of an item is DynamoDB's, not that of any encoding: the bytes of every top-level name and value. It decides
//! whether an item may be stored, where a page of results ends and how much capacity an operation takes.
//!
//! ```text
//! S, B         bytes of UTF-8 or binary        BOOL, NULL   1
//! N            see Number::size_bytes          SS, NS, BS   sum of the elements
//! L            3 + sum of (1 + element)        M            3 + sum of (name + 1 + value)
//! ```

use super::{AttributeValue, Item, Number};
use crate::error::{Detail, Error, Result};

/// Largest size of an item, in bytes; inclusive.
pub const MAX_ITEM_BYTES: usize = 400 * 1024;
/// Longest name of an attribute or of a map's entry, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 65_535;
/// Most lists and maps around a value, not counting the item itself.
pub const MAX_NESTING_LEVELS: usize = 31;
/// Rejection of an update that makes an item too deep.
pub const UPDATED_ITEM_TOO_DEEP: &str = "Nesting Levels have exceeded supported limits";

/// What a list or map counts by itself.
const CONTAINER_BYTES: usize = 3;
/// What each element of a list or entry of a map counts besides its value.
const ENTRY_BYTES: usize = 1;
const TOO_DEEP: &str = "Nesting Levels have exceeded supported limits: \
    Attributes in the item have nested levels beyond supported limit";

/// The size of a value, in bytes.
pub fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.size_bytes(),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::Bool(_) | AttributeValue::Null => 1,
        AttributeValue::L(list) => CONTAINER_BYTES + list.iter().map(|v| ENTRY_BYTES + value_size(v)).sum::<usize>(),
        AttributeValue::M(map) => {
            CONTAINER_BYTES + map.iter().map(|(name, v)| name.len() + ENTRY_BYTES + value_size(v)).sum::<usize>()
        }
        AttributeValue::Ss(set) => set.iter().map(String::len).sum(),
        AttributeValue::Ns(set) => set.iter().map(|number| number.size_bytes()).sum(),
        AttributeValue::Bs(set) => set.iter().map(|bytes| bytes.len()).sum(),
    }
}

/// The size of an item, in bytes: its names and values.
pub fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

/// Whether more than `levels` lists and maps are nested in each other. Looks no deeper than that.
pub fn is_deeper_than(value: &AttributeValue, levels: usize) -> bool {
    let deeper = |inner: &AttributeValue| is_deeper_than(inner, levels.saturating_sub(1));
    match value {
        AttributeValue::L(list) => levels == 0 || list.iter().any(deeper),
        AttributeValue::M(map) => levels == 0 || map.values().any(deeper),
        _ => false,
    }
}

/// Rejects a value of an item that has more than [`MAX_NESTING_LEVELS`] lists and maps nested in each other.
///
/// # Errors
/// A validation error with DynamoDB's text.
pub fn check_nesting(value: &AttributeValue) -> Result<()> {
    if is_deeper_than(value, MAX_NESTING_LEVELS) { Err(too_deep()) } else { Ok(()) }
}

/// Rejects what no table accepts, in this order: empty or overlong names, empty sets, too many levels, too large an
/// item. Returns its size in bytes.
///
/// # Errors
/// A validation error with DynamoDB's text.
pub fn validate_item(item: &Item) -> Result<usize> {
    let mut sound = true;
    let mut size = 0;
    for (name, value) in item.iter() {
        size += measure_name(name, &mut sound) + measure(value, MAX_NESTING_LEVELS, &mut sound);
    }
    if !sound {
        // One walk is enough for nearly all items; which fault to name takes another.
        for (name, value) in item.iter() {
            check_name(name)?;
            check_value(value, MAX_NESTING_LEVELS)?;
        }
        item.values().try_for_each(check_nesting)?;
    }
    if size > MAX_ITEM_BYTES { Err(item_too_large(size)) } else { Ok(size) }
}

/// The size of a value that may have `levels` lists and maps nested in each other, as [`value_size`] says it. Clears
/// `sound` if [`check_value`] or [`check_nesting`] would reject the value.
fn measure(value: &AttributeValue, levels: usize, sound: &mut bool) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => {
            *sound &= number.is_sound();
            number.size_bytes()
        }
        AttributeValue::L(_) | AttributeValue::M(_) if levels == 0 => {
            *sound = false;
            0
        }
        AttributeValue::L(list) => {
            CONTAINER_BYTES + list.iter().map(|v| ENTRY_BYTES + measure(v, levels - 1, sound)).sum::<usize>()
        }
        AttributeValue::M(map) => {
            let mut size = CONTAINER_BYTES;
            for (name, v) in map {
                size += measure_name(name, sound) + ENTRY_BYTES + measure(v, levels - 1, sound);
            }
            size
        }
        AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_) => {
            let size = value_size(value);
            *sound &= check_value(value, 0).is_ok();
            size
        }
        _ => value_size(value),
    }
}

fn measure_name(name: &str, sound: &mut bool) -> usize {
    *sound &= (1..=MAX_NAME_BYTES).contains(&name.len());
    name.len()
}

/// Rejects empty and overlong names, empty sets and numbers that are none anywhere in a value, but looks no deeper than `levels`.
///
/// # Errors
/// A validation error with DynamoDB's text.
pub fn check_value(value: &AttributeValue, levels: usize) -> Result<()> {
    match value {
        AttributeValue::L(list) if levels > 0 => list.iter().try_for_each(|inner| check_value(inner, levels - 1)),
        AttributeValue::M(map) if levels > 0 => map.iter().try_for_each(|(name, inner)| {
            check_name(name)?;
            check_value(inner, levels - 1)
        }),
        AttributeValue::N(number) => number.check(),
        AttributeValue::Ss(set) if set.is_empty() => Err(empty_set("SS")),
        AttributeValue::Ns(set) if set.is_empty() => Err(empty_set("NS")),
        AttributeValue::Ns(set) => set.iter().try_for_each(Number::check),
        AttributeValue::Bs(set) if set.is_empty() => Err(empty_set("BS")),
        _ => Ok(()),
    }
}

/// Rejects numbers that are none anywhere in a value, but looks no deeper than `levels`; such a value comes of a
/// conversion that could return no error.
pub(crate) fn check_numbers(value: &AttributeValue, levels: usize) -> Result<()> {
    match value {
        AttributeValue::N(number) => number.check(),
        AttributeValue::Ns(set) => set.iter().try_for_each(Number::check),
        AttributeValue::L(list) if levels > 0 => list.iter().try_for_each(|inner| check_numbers(inner, levels - 1)),
        AttributeValue::M(map) if levels > 0 => map.values().try_for_each(|inner| check_numbers(inner, levels - 1)),
        _ => Ok(()),
    }
}

/// Rejects an empty name of an attribute, and one of more than [`MAX_NAME_BYTES`].
///
/// # Errors
/// A validation error with DynamoDB's text.
pub fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::validation("Empty attribute name"));
    }
    if name.len() > MAX_NAME_BYTES {
        let text = format!("Attribute name is too large, must be less than {} bytes", MAX_NAME_BYTES + 1);
        return Err(Error::invalid_parameter(text));
    }
    Ok(())
}

/// DynamoDB's rejection of a set (`SS`, `NS` or `BS`) without elements.
pub(super) fn empty_set(type_name: &str) -> Error {
    // Two spaces where the service has two.
    Error::invalid_parameter(match type_name {
        "SS" => "An string set  may not be empty",
        "NS" => "An number set  may not be empty",
        _ => "Binary sets should not be empty",
    })
}

/// DynamoDB's rejection of a put of too large an item.
pub(crate) fn item_too_large(size_bytes: usize) -> Error {
    Error::validation("Item size has exceeded the maximum allowed size")
        .with_detail(Detail::ItemTooLarge { size_bytes, limit_bytes: MAX_ITEM_BYTES })
}

/// DynamoDB's rejection of an update that makes an item too large.
pub(crate) fn updated_item_too_large(size_bytes: usize) -> Error {
    Error::validation("Item size to update has exceeded the maximum allowed size")
        .with_detail(Detail::ItemTooLarge { size_bytes, limit_bytes: MAX_ITEM_BYTES })
}

/// DynamoDB's rejection of a value with too many levels.
pub(super) fn too_deep() -> Error {
    Error::validation(TOO_DEEP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::collections::{BTreeMap, BTreeSet};

    fn one(name: &str, value: impl Into<AttributeValue>) -> Item {
        Item::new().with(name, value)
    }

    fn wrapped(levels: usize) -> AttributeValue {
        (0..levels).fold(AttributeValue::from(1), |inner, level| {
            let map = || AttributeValue::M(BTreeMap::from([("m".to_owned(), inner.clone())]));
            if level % 2 == 0 { AttributeValue::L(vec![inner]) } else { map() }
        })
    }

    fn message(item: &Item) -> String {
        validate_item(item).unwrap_err().message().to_owned()
    }

    #[test]
    fn sizes() {
        let list = AttributeValue::L(vec![1.into(), "ab".into()]);
        let map = AttributeValue::M(BTreeMap::from([("ab".to_owned(), true.into())]));
        let strings = AttributeValue::Ss(BTreeSet::from(["a".to_owned(), "bc".to_owned()]));
        let numbers = AttributeValue::Ns(BTreeSet::from([(-42).into(), 100.into()]));
        let binaries = AttributeValue::Bs(BTreeSet::from([Bytes::new(), Bytes::from_static(b"abc")]));
        for (item, size) in [
            (one("pk", "a"), 3),
            (one("shirt-color", "R").with("shirt-size", "M"), 23),
            (one("k", AttributeValue::L(Vec::new())), 4),
            (one("k", list), 10),
            (one("k", AttributeValue::M(BTreeMap::new())), 4),
            (one("k", map), 8),
            (one("k", strings), 4),
            (one("k", numbers), 6),
            (one("k", binaries), 4),
            (one("k", AttributeValue::Null), 2),
            (one("k", Bytes::from_static(b"1234")), 5),
            (one("é", ""), 2),
            (Item::new(), 0),
        ] {
            assert_eq!(item_size(&item), size, "{item:?}");
        }
    }

    #[test]
    fn the_largest_item() {
        let filled = |bytes: usize| one("pk", "a").with("no", "x".repeat(bytes));
        let exact = filled(409_598 - "pka".len());
        assert_eq!(item_size(&exact), 409_600);
        assert!(validate_item(&exact).is_ok());
        let error = validate_item(&filled(409_599 - "pka".len())).unwrap_err();
        assert_eq!(error.message(), "Item size has exceeded the maximum allowed size");
        assert!(error.to_string().ends_with("(it has 409601 bytes, 409600 are allowed)"), "{error}");
    }

    #[test]
    fn levels() {
        assert!(validate_item(&one("k", wrapped(31))).is_ok());
        assert_eq!(
            message(&one("k", wrapped(32))),
            "Nesting Levels have exceeded supported limits: \
             Attributes in the item have nested levels beyond supported limit"
        );
        assert!(is_deeper_than(&AttributeValue::L(Vec::new()), 0) && !is_deeper_than(&1.into(), 0));
        assert!(is_deeper_than(&wrapped(3), 2) && !is_deeper_than(&wrapped(3), 3));
        assert!(is_deeper_than(&wrapped(500), MAX_NESTING_LEVELS));
    }

    #[test]
    fn names_and_sets() {
        let inner = AttributeValue::L(vec![one("", 1).into()]);
        for item in [one("", 1), one("k", one("", 1)), one("k", inner)] {
            assert_eq!(message(&item), "Empty attribute name");
        }
        let name = "n".repeat(MAX_NAME_BYTES);
        assert!(validate_item(&one(&name, 1)).is_ok());
        assert!(validate_item(&one(&format!("{name}n"), 1)).is_err());
        let prefix = "One or more parameter values were invalid: ";
        for (set, text) in [
            (AttributeValue::Ss(BTreeSet::new()), "An string set  may not be empty"),
            (AttributeValue::Ns(BTreeSet::new()), "An number set  may not be empty"),
            (AttributeValue::Bs(BTreeSet::new()), "Binary sets should not be empty"),
        ] {
            assert_eq!(message(&one("k", set.clone())), format!("{prefix}{text}"));
            assert_eq!(message(&one("k", AttributeValue::L(vec![set]))), format!("{prefix}{text}"));
        }
    }
}
