//! Random numbers, values and items.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use hashrange::{AttributeValue, Item, Number};
use std::collections::{BTreeMap, BTreeSet};

/// Attribute names that repeat.
pub const NAMES: [&str; 6] = ["a", "b", "c", "d", "name", "a.b"];

/// A number: small and frequent, or anything that there is.
pub fn number(u: &mut Unstructured<'_>) -> Result<Number> {
    Ok(match u.int_in_range(0..=4u8)? {
        0..=2 => Number::from(u.int_in_range(0..=3i64)?),
        3 => Number::from(u.arbitrary::<i64>()?),
        _ => {
            let (negative, digits): (bool, u128) = u.arbitrary()?;
            let exponent = u.int_in_range(-170..=130i32)?;
            let text = format!("{}{}E{exponent}", if negative { "-" } else { "" }, digits % 10u128.pow(38));
            text.parse().unwrap_or(Number::ZERO)
        }
    })
}

/// A short text over few letters, or any text.
pub fn text(u: &mut Unstructured<'_>) -> Result<String> {
    if u.ratio(1, 6)? {
        return u.arbitrary();
    }
    let letters = u.int_in_range(0..=3usize)?;
    (0..letters).map(|_| Ok(*u.choose(&['a', 'b'])?)).collect()
}

/// A few bytes.
pub fn binary(u: &mut Unstructured<'_>) -> Result<Bytes> {
    if u.ratio(1, 6)? {
        return Ok(Bytes::from(u.arbitrary::<Vec<u8>>()?));
    }
    let len = u.int_in_range(0..=3usize)?;
    (0..len).map(|_| u.int_in_range(0..=2u8)).collect::<Result<Vec<u8>>>().map(Bytes::from)
}

/// A name, mostly one of [`NAMES`].
pub fn name(u: &mut Unstructured<'_>) -> Result<String> {
    if u.ratio(1, 12)? {
        return u.arbitrary();
    }
    Ok((*u.choose(&NAMES)?).to_owned())
}

fn several<T>(
    u: &mut Unstructured<'_>,
    least: usize,
    make: impl Fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = u.int_in_range(least..=least + 3)?;
    (0..count).map(|_| make(u)).collect()
}

/// A value of any type with at most `levels` lists and maps inside each other.
pub fn value(u: &mut Unstructured<'_>, levels: usize) -> Result<AttributeValue> {
    let kinds = if levels == 0 { 7 } else { 9 };
    Ok(match u.int_in_range(0..=kinds)? {
        0 => AttributeValue::Null,
        1 => AttributeValue::Bool(u.arbitrary()?),
        2 | 3 => AttributeValue::S(text(u)?),
        4 => AttributeValue::N(number(u)?),
        5 => AttributeValue::B(binary(u)?),
        6 => AttributeValue::Ss(several(u, 1, text)?.into_iter().collect::<BTreeSet<_>>()),
        7 if u.arbitrary()? => AttributeValue::Bs(several(u, 1, binary)?.into_iter().collect::<BTreeSet<_>>()),
        7 => AttributeValue::Ns(several(u, 1, number)?.into_iter().collect::<BTreeSet<_>>()),
        8 => AttributeValue::L(several(u, 0, |u| value(u, levels - 1))?),
        _ => AttributeValue::M(members(u, levels - 1)?),
    })
}

fn members(u: &mut Unstructured<'_>, levels: usize) -> Result<BTreeMap<String, AttributeValue>> {
    Ok(several(u, 0, |u| Ok((name(u)?, value(u, levels)?)))?.into_iter().collect())
}

/// An item of a few attributes, nested up to three levels.
pub fn item(u: &mut Unstructured<'_>) -> Result<Item> {
    let mut item = members(u, 3)?;
    item.extend(members(u, 1)?);
    Ok(Item(item))
}

/// All bytes that are left.
pub fn rest<'d>(u: &mut Unstructured<'d>) -> &'d [u8] {
    let len = u.len();
    u.bytes(len).unwrap_or_default()
}
