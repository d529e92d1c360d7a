//! Expressions as trees: what the parsers and the builders produce and what evaluation walks.
//!
//! Placeholders are resolved: names and values are in the tree itself, so a parsed expression can be kept and used
//! without the maps it was parsed with. A tree exists only for an expression that passed every static check, and its
//! depth is bounded by the operator limit; conditions joined by the same word are in one node side by side.

use super::path::Path;
use crate::item::AttributeValue;

/// A condition: tests joined by `AND`, `OR` and `NOT`.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// All of at least two; none of them is an `And` itself.
    And(Vec<Tree>),
    /// Any of at least two; none of them is an `Or` itself.
    Or(Vec<Tree>),
    /// The opposite.
    Not(Box<Tree>),
    /// A single test.
    Test(Test),
}

/// A test of an item, which is true or false and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `left operator right`
    Compare(Operand, Comparator, Operand),
    /// `value BETWEEN low AND high`
    Between(Operand, Operand, Operand),
    /// `value IN (list)`
    In(Operand, Vec<Operand>),
    /// `attribute_exists(path)`
    Exists(Path),
    /// `attribute_not_exists(path)`
    NotExists(Path),
    /// `attribute_type(value, type)`, with DynamoDB's tag of the type.
    TypeIs(Operand, &'static str),
    /// `begins_with(text, prefix)`
    BeginsWith(Operand, Operand),
    /// `contains(whole, part)`
    Contains(Operand, Operand),
}

/// Something with a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// The value at a path of the item, if it has one.
    Path(Path),
    /// A given value.
    Value(AttributeValue),
    /// `size(path)`
    Size(Path),
    /// `size(:value)`
    SizeOfValue(AttributeValue),
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparator {
    /// How it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// The operator that says the same with the sides swapped.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }
}

impl Tree {
    /// How many operators it was or would be written with, as the limit on them counts.
    pub(super) fn operators(&self) -> usize {
        match self {
            Self::And(all) | Self::Or(all) => {
                all.iter().map(Self::operators).sum::<usize>() + all.len().saturating_sub(1)
            }
            Self::Not(inner) => inner.operators() + 1,
            Self::Test(Test::Compare(..) | Test::Between(..) | Test::In(..)) => 1,
            Self::Test(_) => 0,
        }
    }

    /// Both, in one node with conditions that are `And`s already.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::And(mut all), Self::And(more)) => {
                all.extend(more);
                Self::And(all)
            }
            (Self::And(mut all), other) => {
                all.push(other);
                Self::And(all)
            }
            (one, Self::And(mut all)) => {
                all.insert(0, one);
                Self::And(all)
            }
            (one, other) => Self::And(vec![one, other]),
        }
    }

    /// Either, in one node with conditions that are `Or`s already.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Or(mut all), Self::Or(more)) => {
                all.extend(more);
                Self::Or(all)
            }
            (Self::Or(mut all), other) => {
                all.push(other);
                Self::Or(all)
            }
            (one, Self::Or(mut all)) => {
                all.insert(0, one);
                Self::Or(all)
            }
            (one, other) => Self::Or(vec![one, other]),
        }
    }

    /// Calls back with every path, in the order in which they are written.
    pub(crate) fn visit_paths<'t>(&'t self, visit: &mut dyn FnMut(&'t Path)) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().for_each(|one| one.visit_paths(visit)),
            Self::Not(one) => one.visit_paths(visit),
            Self::Test(test) => test.visit_paths(visit),
        }
    }
}

impl Test {
    fn visit_paths<'t>(&'t self, visit: &mut dyn FnMut(&'t Path)) {
        match self {
            Self::Compare(one, _, two) | Self::BeginsWith(one, two) | Self::Contains(one, two) => {
                [one, two].into_iter().filter_map(Operand::path).for_each(visit);
            }
            Self::Between(value, low, high) => [value, low, high].into_iter().filter_map(Operand::path).for_each(visit),
            Self::In(value, list) => {
                std::iter::once(value).chain(list).filter_map(Operand::path).for_each(visit);
            }
            Self::TypeIs(operand, _) => operand.path().into_iter().for_each(visit),
            Self::Exists(path) | Self::NotExists(path) => visit(path),
        }
    }
}

impl Operand {
    /// The path that is read for it.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) | Self::Size(path) => Some(path),
            Self::Value(_) | Self::SizeOfValue(_) => None,
        }
    }

    /// DynamoDB's tag of its type, as far as it is known without an item.
    pub(crate) fn type_name(&self) -> Option<&'static str> {
        match self {
            Self::Path(_) => None,
            Self::Value(value) => Some(value.type_name()),
            Self::Size(_) | Self::SizeOfValue(_) => Some("N"),
        }
    }
}

/// One clause of an update.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `SET path = value`
    Set(Path, SetValue),
    /// `REMOVE path`
    Remove(Path),
    /// `ADD path :value`
    Add(Path, AttributeValue),
    /// `DELETE path :value`
    Delete(Path, AttributeValue),
}

impl Action {
    /// The path that is written.
    pub fn target(&self) -> &Path {
        match self {
            Self::Set(path, _) | Self::Remove(path) | Self::Add(path, _) | Self::Delete(path, _) => path,
        }
    }
}

/// What a `SET` assigns.
#[derive(Clone, Debug, PartialEq)]
pub enum SetValue {
    /// An operand as it is.
    Operand(SetOperand),
    /// `left + right`
    Plus(SetOperand, SetOperand),
    /// `left - right`
    Minus(SetOperand, SetOperand),
}

/// Something with a value, on the right side of a `SET`.
#[derive(Clone, Debug, PartialEq)]
pub enum SetOperand {
    /// The value at a path of the item before the update.
    Path(Path),
    /// A given value.
    Value(AttributeValue),
    /// `if_not_exists(path, value)`
    IfNotExists(Path, Box<SetOperand>),
    /// `list_append(first, second)`
    ListAppend(Box<SetOperand>, Box<SetOperand>),
}
