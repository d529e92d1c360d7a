//! The rules of the language once more, on decoded items and as plainly as possible: the reference that evaluation is
//! compared with.

use super::*;

/// The value at a path.
fn find(item: &Item, path: &Path) -> Option<AttributeValue> {
    let mut value = item.get(path.top_level())?.clone();
    for step in path.steps() {
        value = match (value, step) {
            (AttributeValue::M(map), Step::Name(name)) => map.get(&**name)?.clone(),
            (AttributeValue::L(list), Step::Index(index)) => list.get(*index as usize)?.clone(),
            _ => return None,
        };
    }
    Some(value)
}

fn size(value: &AttributeValue) -> Option<AttributeValue> {
    let len = match value {
        AttributeValue::S(text) => text.encode_utf16().count(),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::L(list) => list.len(),
        AttributeValue::M(map) => map.len(),
        AttributeValue::Ss(set) => set.len(),
        AttributeValue::Ns(set) => set.len(),
        AttributeValue::Bs(set) => set.len(),
        _ => return None,
    };
    Some(AttributeValue::from(len as u64))
}

fn operand(item: &Item, operand: &Operand) -> Option<AttributeValue> {
    match operand {
        Operand::Path(path) => find(item, path),
        Operand::Value(value) => Some(value.clone()),
        Operand::Size(path) => size(&find(item, path)?),
        Operand::SizeOfValue(value) => size(value),
    }
}

fn less(left: &AttributeValue, right: &AttributeValue) -> Option<bool> {
    match (left, right) {
        (AttributeValue::S(left), AttributeValue::S(right)) => Some(left.as_bytes() < right.as_bytes()),
        (AttributeValue::N(left), AttributeValue::N(right)) => Some(left < right),
        (AttributeValue::B(left), AttributeValue::B(right)) => Some(left < right),
        _ => None,
    }
}

fn contains(whole: &AttributeValue, part: &AttributeValue) -> bool {
    match (whole, part) {
        (AttributeValue::S(whole), AttributeValue::S(part)) => whole.contains(part.as_str()),
        (AttributeValue::B(whole), AttributeValue::B(part)) => {
            part.is_empty() || whole.windows(part.len()).any(|window| window == part)
        }
        (AttributeValue::Ss(set), AttributeValue::S(part)) => set.contains(part),
        (AttributeValue::Ns(set), AttributeValue::N(part)) => set.contains(part),
        (AttributeValue::Bs(set), AttributeValue::B(part)) => set.contains(part),
        (AttributeValue::L(list), part) => list.contains(part),
        _ => false,
    }
}

fn test(item: &Item, test: &Test) -> bool {
    let value = |one: &Operand| operand(item, one);
    let at_most = |low: &Operand, high: &Operand| {
        let both = value(low).zip(value(high));
        both.is_some_and(|(low, high)| less(&high, &low) == Some(false))
    };
    let below = |low: &Operand, high: &Operand| {
        value(low).zip(value(high)).is_some_and(|(low, high)| less(&low, &high) == Some(true))
    };
    match test {
        Test::Compare(left, comparator, right) => match comparator {
            Comparator::Equal => value(left).is_some() && value(left) == value(right),
            Comparator::NotEqual => value(left).is_none() || value(left) != value(right),
            Comparator::Less => below(left, right),
            Comparator::LessOrEqual => at_most(left, right),
            Comparator::Greater => below(right, left),
            Comparator::GreaterOrEqual => at_most(right, left),
        },
        Test::Between(middle, low, high) => at_most(low, middle) && at_most(middle, high),
        Test::In(one, list) => value(one).is_some() && list.iter().any(|other| value(one) == value(other)),
        Test::Exists(path) => find(item, path).is_some(),
        Test::NotExists(path) => find(item, path).is_none(),
        Test::TypeIs(one, name) => value(one).is_some_and(|value| value.type_name() == *name),
        Test::BeginsWith(text, prefix) => match (value(text), value(prefix)) {
            (Some(AttributeValue::S(text)), Some(AttributeValue::S(prefix))) => text.starts_with(&prefix),
            (Some(AttributeValue::B(bytes)), Some(AttributeValue::B(prefix))) => bytes.starts_with(&prefix),
            _ => false,
        },
        Test::Contains(whole, part) => {
            value(whole).zip(value(part)).is_some_and(|(whole, part)| contains(&whole, &part))
        }
    }
}

/// Whether an item meets a condition.
pub(super) fn matches(item: &Item, tree: &Tree) -> bool {
    match tree {
        Tree::And(all) => all.iter().fold(true, |all, one| all & matches(item, one)),
        Tree::Or(all) => all.iter().fold(false, |any, one| any | matches(item, one)),
        Tree::Not(one) => !matches(item, one),
        Tree::Test(one) => test(item, one),
    }
}

/// A value whose lists remember where their elements were.
#[derive(Clone)]
enum Shadow {
    Value(AttributeValue),
    Map(BTreeMap<String, Shadow>),
    /// By original index; removed elements leave holes, and later ones come after.
    List(usize, BTreeMap<u32, Shadow>),
}

impl Shadow {
    fn of(value: &AttributeValue) -> Self {
        match value {
            AttributeValue::M(map) => Self::Map(map.iter().map(|(n, v)| (n.clone(), Self::of(v))).collect()),
            AttributeValue::L(list) => {
                Self::List(list.len(), list.iter().zip(0..).map(|(value, at)| (at, Self::of(value))).collect())
            }
            value => Self::Value(value.clone()),
        }
    }

    fn into_value(self) -> AttributeValue {
        match self {
            Self::Value(value) => value,
            Self::Map(map) => AttributeValue::M(map.into_iter().map(|(n, v)| (n, v.into_value())).collect()),
            Self::List(_, list) => AttributeValue::L(list.into_values().map(Self::into_value).collect()),
        }
    }

    /// Puts a value at the end of some steps, or takes one away; false if they have no parent there.
    fn put(&mut self, steps: &[Step], value: Option<AttributeValue>) -> bool {
        let Some((step, rest)) = steps.split_first() else { return false };
        let value = match (&mut *self, step, rest) {
            // What is appended is no parent yet, so only original elements are stepped into.
            (Self::Map(map), Step::Name(name), [_, ..]) => {
                return map.get_mut(&**name).is_some_and(|m| m.put(rest, value));
            }
            (Self::List(len, list), Step::Index(at), [_, ..]) => {
                return (*at as usize) < *len && list.get_mut(at).is_some_and(|element| element.put(rest, value));
            }
            _ => value.map(Self::Value),
        };
        match (self, step) {
            (Self::Map(map), Step::Name(name)) => {
                map.remove(&**name);
                map.extend(value.map(|value| (name.to_string(), value)));
            }
            (Self::List(len, list), Step::Index(at)) => match value {
                Some(value) => {
                    list.insert(*at, value);
                }
                None if (*at as usize) < *len => {
                    list.remove(at);
                }
                None => {}
            },
            _ => return false,
        }
        true
    }
}

fn set_operand(item: &Item, operand: &SetOperand) -> Option<AttributeValue> {
    match operand {
        SetOperand::Path(path) => find(item, path),
        SetOperand::Value(value) => Some(value.clone()),
        SetOperand::IfNotExists(path, other) => find(item, path).or_else(|| set_operand(item, other)),
        SetOperand::ListAppend(first, second) => match (set_operand(item, first)?, set_operand(item, second)?) {
            (AttributeValue::L(first), AttributeValue::L(second)) => Some(AttributeValue::L([first, second].concat())),
            _ => None,
        },
    }
}

fn set_value(item: &Item, value: &SetValue) -> Option<AttributeValue> {
    let (left, right, minus) = match value {
        SetValue::Operand(operand) => return set_operand(item, operand),
        SetValue::Plus(left, right) => (left, right, false),
        SetValue::Minus(left, right) => (left, right, true),
    };
    match (set_operand(item, left)?, set_operand(item, right)?) {
        (AttributeValue::N(left), AttributeValue::N(right)) => {
            let result = if minus { left.checked_sub(&right) } else { left.checked_add(&right) };
            result.ok().map(AttributeValue::N)
        }
        _ => None,
    }
}

/// An existing item after an update; `None` if it cannot be applied.
pub(super) fn apply(item: &Item, update: &UpdateExpression) -> Option<Item> {
    let mut shadow = Shadow::of(&AttributeValue::M(item.0.clone()));
    for action in update.actions() {
        let path = action.target();
        let mut steps = vec![Step::Name(path.top_level().into())];
        steps.extend_from_slice(path.steps());
        let old = find(item, path);
        let new = match action {
            Action::Set(_, value) => Some(set_value(item, value)?),
            Action::Remove(_) => None,
            Action::Add(_, value) => Some(match (old, value) {
                (None, value) => value.clone(),
                (Some(AttributeValue::N(old)), AttributeValue::N(more)) => {
                    AttributeValue::N(old.checked_add(more).ok()?)
                }
                (Some(AttributeValue::Ss(old)), AttributeValue::Ss(more)) => {
                    AttributeValue::Ss(old.union(more).cloned().collect())
                }
                (Some(AttributeValue::Ns(old)), AttributeValue::Ns(more)) => {
                    AttributeValue::Ns(old.union(more).cloned().collect())
                }
                (Some(AttributeValue::Bs(old)), AttributeValue::Bs(more)) => {
                    AttributeValue::Bs(old.union(more).cloned().collect())
                }
                _ => return None,
            }),
            Action::Delete(_, value) => match (old, value) {
                (None, _) => {
                    // Nothing to do, but the parent must exist: taking nothing away changes nothing.
                    if !shadow.clone().put(&steps, None) {
                        return None;
                    }
                    continue;
                }
                (Some(AttributeValue::Ss(old)), AttributeValue::Ss(fewer)) => {
                    let left: BTreeSet<_> = old.difference(fewer).cloned().collect();
                    (!left.is_empty()).then_some(AttributeValue::Ss(left))
                }
                (Some(AttributeValue::Ns(old)), AttributeValue::Ns(fewer)) => {
                    let left: BTreeSet<_> = old.difference(fewer).cloned().collect();
                    (!left.is_empty()).then_some(AttributeValue::Ns(left))
                }
                (Some(AttributeValue::Bs(old)), AttributeValue::Bs(fewer)) => {
                    let left: BTreeSet<_> = old.difference(fewer).cloned().collect();
                    (!left.is_empty()).then_some(AttributeValue::Bs(left))
                }
                _ => return None,
            },
        };
        if !shadow.put(&steps, new) {
            return None;
        }
    }
    match shadow.into_value() {
        AttributeValue::M(map) => Some(Item(map)),
        _ => None,
    }
}
