//! Places in an item that a rule names: `mail`, `profile.phone`, `contacts[].mail`, `by_day.*`.

use hashrange::AttributeValue;
use std::collections::BTreeMap;

/// One step from a value into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The member of a map.
    Member(String),
    /// All members of a map.
    Members,
    /// All elements of a list.
    Elements,
}

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

/// A place: an attribute, and steps into its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) attribute: String,
    steps: Vec<Step>,
}

impl Path {
    /// Reads a place. Errors: an empty part, with the reason.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let name = part.trim_end_matches("[]");
            steps.push(if name == "*" { Step::Members } else { Step::Member(name.to_owned()) });
            if name.is_empty() {
                return Err(format!("{text:?} has an empty part; write profile.phone, contacts[].mail or by_day.*"));
            }
            steps.extend((0..(part.len() - name.len()) / 2).map(|_| Step::Elements));
        }
        match steps.remove(0) {
            Step::Member(attribute) => Ok(Self { attribute, steps }),
            Step::Members | Step::Elements => Err(format!("{text:?} must begin with the name of an attribute")),
        }
    }

    /// Whether it is the attribute as a whole.
    pub(super) fn is_whole(&self) -> bool {
        self.steps.is_empty()
    }

    /// Replaces what is at this place of an item; `None` removes it.
    pub(super) fn replace(&self, item: &mut BTreeMap<String, AttributeValue>, change: Change<'_>) {
        let Some(value) = item.remove(&self.attribute) else { return };
        if let Some(value) = replace(value, &self.steps, change) {
            item.insert(self.attribute.clone(), value);
        }
    }
}

/// Replaces what the steps lead to. A value that the steps do not fit is replaced as a whole: a rule names what is private,
/// and an item of another shape must not slip through.
fn replace(value: AttributeValue, steps: &[Step], change: Change<'_>) -> Option<AttributeValue> {
    let Some((step, rest)) = steps.split_first() else { return change(value, Found::AtPlace) };
    match (step, value) {
        (Step::Member(name), AttributeValue::M(mut map)) => {
            if let Some(member) = map.remove(name)
                && let Some(member) = replace(member, rest, change)
            {
                map.insert(name.clone(), member);
            }
            Some(AttributeValue::M(map))
        }
        (Step::Members, AttributeValue::M(map)) => {
            let kept = map.into_iter().filter_map(|(name, member)| Some((name, replace(member, rest, change)?)));
            Some(AttributeValue::M(kept.collect()))
        }
        (Step::Elements, AttributeValue::L(list)) => {
            Some(AttributeValue::L(list.into_iter().filter_map(|element| replace(element, rest, change)).collect()))
        }
        (_, other) => change(other, Found::OtherShape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashrange::Item;

    #[test]
    fn places_are_found_and_other_shapes_are_replaced_whole() {
        let json = r#"{"a":{"b":[{"c":"x","d":1},{"c":"y"}]},"e":"f"}"#;
        for (path, expected) in [
            ("a.b[].c", r#"{"a":{"b":[{"c":"-","d":1},{"c":"-"}]},"e":"f"}"#),
            ("a.*", r#"{"a":{"b":"-"},"e":"f"}"#),
            ("e.b", r#"{"a":{"b":[{"c":"x","d":1},{"c":"y"}]},"e":"-"}"#),
            ("a.z", json),
        ] {
            let mut item = Item::from_json(json).unwrap();
            Path::parse(path).unwrap().replace(&mut item.0, &|_, _| Some("-".into()));
            assert_eq!(item, Item::from_json(expected).unwrap(), "{path}");
        }
        for bad in ["", "a..b", "*", "[]", "a.[]"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
