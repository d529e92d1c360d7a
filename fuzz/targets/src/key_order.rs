//! Key encodings: bytes sort as values do, alone and one behind the other, and are read back.

use crate::value;
use arbitrary::{Result, Unstructured};
use hashrange::{
    AttributeValue,
    fuzzing::{decode_component, decode_last, encode_component, encode_last, successor},
    key::KeyType,
};
use std::cmp::Ordering;

fn key(u: &mut Unstructured<'_>, kind: KeyType) -> Result<AttributeValue> {
    Ok(match kind {
        KeyType::S if u.arbitrary()? => AttributeValue::S(u.arbitrary()?),
        KeyType::S => AttributeValue::S(
            (0..u.int_in_range(0..=4)?).map(|_| Ok(*u.choose(&['\0', '\u{1}', 'a'])?)).collect::<Result<_>>()?,
        ),
        KeyType::N => AttributeValue::N(value::number(u)?),
        KeyType::B if u.arbitrary()? => AttributeValue::B(u.arbitrary::<Vec<u8>>()?.into()),
        KeyType::B => {
            let bytes =
                (0..u.int_in_range(0..=4)?).map(|_| Ok(*u.choose(&[0u8, 1, 254, 255])?)).collect::<Result<Vec<_>>>()?;
            AttributeValue::B(bytes.into())
        }
    })
}

fn order(one: &AttributeValue, two: &AttributeValue) -> Ordering {
    match (one, two) {
        (AttributeValue::S(one), AttributeValue::S(two)) => one.as_bytes().cmp(two.as_bytes()),
        (AttributeValue::N(one), AttributeValue::N(two)) => one.cmp(two),
        (AttributeValue::B(one), AttributeValue::B(two)) => one.cmp(two),
        _ => unreachable!("keys of one type"),
    }
}

fn last(value: &AttributeValue) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(encode_last(value, &mut out));
    out
}

fn components(values: &[AttributeValue]) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(values.iter().all(|value| encode_component(value, &mut out)));
    out
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let kinds: Vec<KeyType> = (0..u.int_in_range(1..=4)?)
        .map(|_| Ok(*u.choose(&[KeyType::S, KeyType::N, KeyType::B])?))
        .collect::<Result<_>>()?;
    let one = kinds.iter().map(|kind| key(u, *kind)).collect::<Result<Vec<_>>>()?;
    let mut two = kinds.iter().map(|kind| key(u, *kind)).collect::<Result<Vec<_>>>()?;
    let same = u.int_in_range(0..=kinds.len())?;
    two[..same].clone_from_slice(&one[..same]);

    let by_values = one.iter().zip(&two).map(|(one, two)| order(one, two)).find(|order| order.is_ne());
    let by_values = by_values.unwrap_or(Ordering::Equal);
    let (bytes_one, bytes_two) = (components(&one), components(&two));
    assert_eq!(bytes_one.cmp(&bytes_two), by_values, "{one:?} {two:?}");
    // No key is the beginning of another one, so that whatever follows does not matter.
    assert!(by_values.is_eq() || !bytes_two.starts_with(&bytes_one));
    assert_eq!(last(&one[0]).cmp(&last(&two[0])), order(&one[0], &two[0]));

    let mut rest = bytes_one.as_slice();
    for (kind, value) in kinds.iter().zip(&one) {
        let (decoded, len) = decode_component(*kind, rest).expect("a component is read back");
        assert_eq!(decoded, *value);
        assert_eq!(decode_last(*kind, &last(value)).as_ref(), Some(value));
        rest = &rest[len..];
    }
    assert!(rest.is_empty());

    let prefix = last(&one[0]);
    let other: Vec<u8> = u.arbitrary()?;
    let begun: Vec<u8> = prefix.iter().chain(&other).copied().collect();
    match successor(prefix.clone()) {
        Some(end) => {
            assert!(begun < end);
            assert_eq!(other >= prefix && other < end, other.starts_with(&prefix));
        }
        None => assert!(prefix.iter().all(|byte| *byte == 255)),
    }

    let noise = value::rest(u);
    for kind in [KeyType::S, KeyType::N, KeyType::B] {
        if let Some((value, len)) = decode_component(kind, noise) {
            assert_eq!(components(std::slice::from_ref(&value)), noise[..len]);
        }
        if let Some(value) = decode_last(kind, noise) {
            assert_eq!(last(&value), noise);
        }
    }
    Ok(())
}

pub fn key_order(data: &[u8]) {
    let _ = check(&mut Unstructured::new(data));
}
