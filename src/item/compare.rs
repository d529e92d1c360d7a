//! Comparing values where they are.
//!
//! Both encodings of numbers and of strings sort like their bytes, and sets and maps are kept in one order, so equality
//! is one pass over both sides and nothing is decoded. Different types are never equal and have no order.

use super::{
    AttributeValue, ValueRef,
    codec::{MAX_DEPTH, Tag},
};
use std::{cmp::Ordering, collections::BTreeMap};

impl<'a> ValueRef<'a> {
    /// Whether this is the same value: numbers by value, sets whatever their order.
    pub fn eq_value(&self, other: &AttributeValue) -> bool {
        self.eq_value_above(other, MAX_DEPTH)
    }

    fn eq_value_above(&self, other: &AttributeValue, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else {
            return false;
        };
        match (self.tag, other) {
            (Tag::Null, AttributeValue::Null) => true,
            (Tag::True, AttributeValue::Bool(b)) => *b,
            (Tag::False, AttributeValue::Bool(b)) => !*b,
            (Tag::S, AttributeValue::S(text)) => self.payload == text.as_bytes(),
            (Tag::B, AttributeValue::B(bytes)) => self.payload == bytes,
            (Tag::N, AttributeValue::N(number)) => self.as_number().as_ref() == Some(number),
            (Tag::Ss, AttributeValue::Ss(set)) => same(self.set(), set, |e, text| e.payload == text.as_bytes()),
            (Tag::Bs, AttributeValue::Bs(set)) => same(self.set(), set, |e, bytes| e.payload == bytes),
            (Tag::Ns, AttributeValue::Ns(set)) => same(self.set(), set, |e, number| e.as_number() == Some(*number)),
            (Tag::L, AttributeValue::L(list)) => same(self.list(), list, |e, other| e.eq_value_above(other, depth)),
            (Tag::M, AttributeValue::M(map)) => self.eq_members_above(map, depth),
            _ => false,
        }
    }

    /// Whether this is a map with exactly these members.
    pub(crate) fn eq_members(&self, other: &BTreeMap<String, AttributeValue>) -> bool {
        self.eq_members_above(other, MAX_DEPTH)
    }

    fn eq_members_above(&self, other: &BTreeMap<String, AttributeValue>, depth: usize) -> bool {
        self.tag == Tag::M
            && same(self.map(), other, |(name, value), (other_name, other)| {
                name == other_name && value.eq_value_above(other, depth)
            })
    }

    /// Whether both are the same value, even if their names belong to different dictionaries.
    pub fn eq_ref(&self, other: &ValueRef<'_>) -> bool {
        self.eq_ref_above(other, MAX_DEPTH)
    }

    fn eq_ref_above(&self, other: &ValueRef<'_>, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else {
            return false;
        };
        if self.tag != other.tag {
            return false;
        }
        if self.payload == other.payload && self.has_names_of(other) {
            return true;
        }
        match self.tag {
            Tag::L => same(self.list(), other.list(), |a, b| a.eq_ref_above(&b, depth)),
            Tag::M => {
                same(self.map(), other.map(), |(a_name, a), (b_name, b)| a_name == b_name && a.eq_ref_above(&b, depth))
            }
            // Everything without names in it has one encoding only.
            _ => self.payload == other.payload,
        }
    }

    /// Whether equal bytes of both mean the same names.
    fn has_names_of(&self, other: &ValueRef<'_>) -> bool {
        match (self.names, other.names) {
            (None, None) => true,
            (Some(names), Some(others)) => std::ptr::eq(names, others),
            _ => false,
        }
    }

    /// How this compares with a value of the same type, if that is `S`, `N` or `B`: text and binary by their bytes,
    /// numbers by value. None for other types and between types.
    pub fn compare(&self, other: &AttributeValue) -> Option<Ordering> {
        match (self.tag, other) {
            (Tag::S, AttributeValue::S(text)) => Some(self.payload.cmp(text.as_bytes())),
            (Tag::B, AttributeValue::B(bytes)) => Some(self.payload.cmp(bytes)),
            (Tag::N, AttributeValue::N(number)) => Some(self.as_number()?.cmp(number)),
            _ => None,
        }
    }

    /// As [`compare`](Self::compare), with another undecoded value.
    pub fn compare_ref(&self, other: &ValueRef<'_>) -> Option<Ordering> {
        let ordered = self.tag == other.tag && matches!(self.tag, Tag::S | Tag::N | Tag::B);
        ordered.then(|| self.payload.cmp(other.payload))
    }

    /// Whether a set has an element of its own element type that equals `element`; false for other types.
    pub fn set_contains(&self, element: &AttributeValue) -> bool {
        self.set().any(|own| own.eq_value(element))
    }
}

/// Whether two sequences have the same length and equal elements.
fn same<A: IntoIterator, B: IntoIterator>(a: A, b: B, equal: impl Fn(A::Item, B::Item) -> bool) -> bool {
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => {
                if !equal(a, b) {
                    return false;
                }
            }
            (a, b) => return a.is_none() && b.is_none(),
        }
    }
}

impl PartialEq for ValueRef<'_> {
    fn eq(&self, other: &ValueRef<'_>) -> bool {
        self.eq_ref(other)
    }
}

impl PartialEq<AttributeValue> for ValueRef<'_> {
    fn eq(&self, other: &AttributeValue) -> bool {
        self.eq_value(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{DictionaryBuilder, Item, ItemRef, arbitrary::*, transcode};
    use proptest::prelude::*;

    fn encoded(value: &AttributeValue) -> ItemRef {
        ItemRef::from(&Item::new().with("v", value.clone()))
    }

    #[test]
    fn types_do_not_mix() {
        let values: Vec<AttributeValue> =
            vec!["1".into(), 1.into(), bytes::Bytes::from_static(b"1").into(), true.into(), AttributeValue::Null];
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                let item = encoded(a);
                let v = item.get("v").unwrap();
                assert_eq!(v.eq_value(b), i == j, "{a:?} {b:?}");
                assert_eq!(v.compare(b), (i == j && i < 3).then_some(Ordering::Equal));
            }
        }
    }

    #[test]
    fn sets_know_their_elements() {
        let item = encoded(&AttributeValue::Ns([1.into(), 20.into()].into()));
        let set = item.get("v").unwrap();
        assert!(set.set_contains(&20.into()));
        assert!(!set.set_contains(&2.into()) && !set.set_contains(&"20".into()));
    }

    proptest! {
        #[test]
        fn equality_is_that_of_decoded_values(a in any_value(), b in any_value()) {
            let (left, right) = (encoded(&a), encoded(&b));
            let (l, r) = (left.get("v").unwrap(), right.get("v").unwrap());
            prop_assert!(l.eq_value(&a) && l.eq_ref(&l));
            prop_assert_eq!(l.eq_value(&b), a == b);
            prop_assert_eq!(l.eq_ref(&r), a == b);
        }

        #[test]
        fn dictionaries_do_not_matter(item in any_item()) {
            let plain = ItemRef::from(&item);
            let mut names = DictionaryBuilder::new();
            let mut out = Vec::new();
            transcode(&plain, &mut names, &mut out).unwrap();
            out.clear();
            transcode(&plain, &mut names, &mut out).unwrap();
            let other = ItemRef::with_names(out.into(), names.finish().into());
            prop_assert_eq!(&plain, &other);
            prop_assert_eq!(&other, &item);
        }

        #[test]
        fn order_is_that_of_decoded_values(a in any_number(), b in any_number(), s in ".*", t in ".*") {
            for (a, b, order) in [
                (a.into(), b.into(), a.cmp(&b)),
                (AttributeValue::from(s.as_str()), AttributeValue::from(t.as_str()), s.cmp(&t)),
            ] {
                let (left, right) = (encoded(&a), encoded(&b));
                let (l, r) = (left.get("v").unwrap(), right.get("v").unwrap());
                prop_assert_eq!(l.compare(&b), Some(order));
                prop_assert_eq!(l.compare_ref(&r), Some(order));
            }
        }
    }
}
