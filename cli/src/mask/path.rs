//! Places in an item that a rule names: `mail`, `profile.phone`, `contacts[].mail`, `by_day.*`.
//!
//! Names may have dots and brackets of their own. A place leads to everything that it can be read as: `user.mail` to the attribute
//! of that name, and to the member `mail` of the attribute `user`.

use hashrange::AttributeValue;
use std::collections::BTreeMap;

/// How a value was found that a rule changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// All steps of the place led to it.
    AtPlace,
    /// A step did not fit it, so it is changed as a whole.
    OtherShape,
}

/// What a rule makes of a value; `None` removes it.
pub(super) type Change<'c> = &'c dyn Fn(AttributeValue, Found) -> Option<AttributeValue>;

/// A place, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(String);

impl Path {
    /// Reads a place. Errors: an empty part, with the reason.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        for part in text.split('.') {
            if part.trim_end_matches("[]").is_empty() {
                return Err(format!("{text:?} has an empty part; write profile.phone, contacts[].mail or by_day.*"));
            }
        }
        let path = Self(text.to_owned());
        if path.attribute() == "*" {
            return Err(format!("{text:?} must begin with the name of an attribute"));
        }
        Ok(path)
    }

    /// The attribute that it begins with, if no name in it has a dot.
    pub(super) fn attribute(&self) -> &str {
        self.0.split('.').next().unwrap_or_default().trim_end_matches("[]")
    }

    /// Whether it is an attribute as a whole, however it is read.
    pub(super) fn is_whole(&self) -> bool {
        self.0 == self.attribute()
    }

    /// Whether it can be read as an attribute of this name, as a whole or in part; `Some(true)` if as a whole.
    pub(super) fn names(&self, attribute: &str) -> Option<bool> {
        readings(&self.0).find_map(|Reading { name, bare, elements, rest }| {
            let is_named = attribute == name;
            (is_named || attribute == bare).then_some((is_named || elements == 0) && rest.is_empty())
        })
    }

    /// Replaces what is at this place of an item; `None` removes it.
    pub(super) fn replace(&self, item: &mut BTreeMap<String, AttributeValue>, change: Change<'_>) {
        replace_members(item, &self.0, change);
    }
}

/// What a place can be read as, where a map is.
struct Reading<'p> {
    /// Name of a member, as it is written.
    name: &'p str,
    /// The name without the brackets behind it, and how many pairs those are: so many lists are between the member and the rest.
    bare: &'p str,
    elements: usize,
    /// The place within that; empty if it is all of it.
    rest: &'p str,
}

/// What a place can be read as: each of its beginnings can be a name.
fn readings(place: &str) -> impl Iterator<Item = Reading<'_>> {
    let ends = place.match_indices('.').map(|(at, _)| at).chain([place.len()]);
    ends.map(|end| {
        let name = &place[..end];
        let bare = name.trim_end_matches("[]");
        let elements = (name.len() - bare.len()) / "[]".len();
        Reading { name, bare, elements, rest: place.get(end + 1..).unwrap_or_default() }
    })
}

/// Replaces what a place leads to in a map.
fn replace_members(map: &mut BTreeMap<String, AttributeValue>, place: &str, change: Change<'_>) {
    let mut changed = BTreeMap::new();
    for Reading { name, bare, elements, rest } in readings(place) {
        let without_brackets = (elements > 0).then_some((bare, elements));
        for (name, elements) in [(name, 0)].into_iter().chain(without_brackets) {
            let Some(value) = map.remove(name) else { continue };
            if let Some(value) = replace(value, elements, rest, change) {
                changed.insert(name.to_owned(), value);
            }
        }
    }
    if let Some(Reading { bare: "*", elements, rest, .. }) = readings(place).next() {
        for (name, value) in std::mem::take(map) {
            if let Some(value) = replace(value, elements, rest, change) {
                changed.insert(name, value);
            }
        }
    }
    map.append(&mut changed);
}

/// Replaces what a place leads to in the elements of a value. A value that the place does not fit is replaced as a whole: a rule
/// names what is private, and an item of another shape must not slip through.
fn replace(value: AttributeValue, elements: usize, rest: &str, change: Change<'_>) -> Option<AttributeValue> {
    match value {
        value if elements == 0 && rest.is_empty() => change(value, Found::AtPlace),
        AttributeValue::L(list) if elements > 0 => {
            let kept = list.into_iter().filter_map(|element| replace(element, elements - 1, rest, change));
            Some(AttributeValue::L(kept.collect()))
        }
        AttributeValue::M(mut map) if elements == 0 => {
            replace_members(&mut map, rest, change);
            Some(AttributeValue::M(map))
        }
        other => change(other, Found::OtherShape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashrange::Item;

    fn replaced(path: &str, json: &str) -> Item {
        let mut item = Item::from_json(json).unwrap();
        Path::parse(path).unwrap().replace(&mut item.0, &|_, _| Some("-".into()));
        item
    }

    #[test]
    fn places_are_found_and_other_shapes_are_replaced_whole() {
        let json = r#"{"a":{"b":[{"c":"x","d":1},{"c":"y"}]},"e":"f"}"#;
        for (path, expected) in [
            ("a.b[].c", r#"{"a":{"b":[{"c":"-","d":1},{"c":"-"}]},"e":"f"}"#),
            ("a.*", r#"{"a":{"b":"-"},"e":"f"}"#),
            ("a.*[].d", r#"{"a":{"b":[{"c":"x","d":"-"},{"c":"y"}]},"e":"f"}"#),
            ("e.b", r#"{"a":{"b":[{"c":"x","d":1},{"c":"y"}]},"e":"-"}"#),
            ("a.z", json),
        ] {
            assert_eq!(replaced(path, json), Item::from_json(expected).unwrap(), "{path}");
        }
        for bad in ["", "a..b", "*", "[]", "a.[]"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_may_have_dots_and_brackets() {
        let json = r#"{"a.b":"x","a":{"b":"x","c.d":{"e":"x"},"f[]":"x"},"g.h":{"i":"x"}}"#;
        for (path, expected) in [
            ("a.b", r#"{"a.b":"-","a":{"b":"-","c.d":{"e":"x"},"f[]":"x"},"g.h":{"i":"x"}}"#),
            ("a.c.d.e", r#"{"a.b":"x","a":{"b":"x","c.d":{"e":"-"},"f[]":"x"},"g.h":{"i":"x"}}"#),
            ("a.f[]", r#"{"a.b":"x","a":{"b":"x","c.d":{"e":"x"},"f[]":"-"},"g.h":{"i":"x"}}"#),
            ("g.h.i", r#"{"a.b":"x","a":{"b":"x","c.d":{"e":"x"},"f[]":"x"},"g.h":{"i":"-"}}"#),
        ] {
            assert_eq!(replaced(path, json), Item::from_json(expected).unwrap(), "{path}");
        }
        let names = |path: &str, attribute: &str| Path::parse(path).unwrap().names(attribute);
        assert_eq!((names("a.b", "a"), names("a.b", "a.b")), (Some(false), Some(true)));
        assert_eq!((names("a[]", "a"), names("a[]", "a[]")), (Some(false), Some(true)));
        assert_eq!((names("a", "a"), names("a", "b")), (Some(true), None));
    }
}
