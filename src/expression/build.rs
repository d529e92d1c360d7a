//! Builds conditions in Rust, as the same trees that texts are parsed into.
//!
//! `attr("total").ge(100) & !attr("hold").exists()` is `total >= :v AND NOT attribute_exists(hold)`. Building never
//! fails; a fault, such as a malformed path, is kept and reported when the condition is used, with the message that the
//! text would get.

use super::{
    Condition, ExpressionKind,
    check::{self, MAX_OPERATORS},
    functions,
    path::Path,
    tree::{Comparator, Operand, Test, Tree},
};
use crate::{
    error::Result,
    item::{
        AttributeValue,
        size::{MAX_NESTING_LEVELS, check_numbers},
    },
};
use std::ops::{BitAnd, BitOr, Not};

/// Something with a value: an attribute or part of one, its size, or a given value.
#[derive(Clone, Debug)]
#[must_use]
pub struct Term(pub(super) std::result::Result<Operand, String>);

/// The value at a path such as `total`, `address.city` or `lines[0].price`. Names may be reserved words and may have
/// any characters but dots and brackets; see [`attr_named`] for those.
pub fn attr(path: impl AsRef<str>) -> Term {
    Term(parse_path(path.as_ref()).map(Operand::Path))
}

/// The attribute with exactly this name, whatever characters it has.
pub fn attr_named(name: impl Into<String>) -> Term {
    Term(Ok(Operand::Path(Path::attribute(name.into()))))
}

/// A path from a builder's text, or what is wrong with it.
pub(super) fn parse_path(text: &str) -> std::result::Result<Path, String> {
    Path::parse(text).ok_or_else(|| format!("The text is not a document path; text: \"{text}\""))
}

/// Values of expressions, as they are.
impl<T: Into<AttributeValue>> From<T> for Term {
    fn from(value: T) -> Self {
        Self(sound_value(value.into()).map(Operand::Value))
    }
}

/// A value, unless a number in it is none.
pub(super) fn sound_value(value: AttributeValue) -> std::result::Result<AttributeValue, String> {
    match check_numbers(&value, MAX_NESTING_LEVELS) {
        Ok(()) => Ok(value),
        Err(error) => Err(error.message().to_owned()),
    }
}

impl Term {
    /// `self = other`
    pub fn eq(self, other: impl Into<Term>) -> Predicate {
        self.compare(Comparator::Equal, other)
    }
    /// `self <> other`; true also if the path leads nowhere.
    pub fn ne(self, other: impl Into<Term>) -> Predicate {
        self.compare(Comparator::NotEqual, other)
    }
    /// `self < other`
    pub fn lt(self, other: impl Into<Term>) -> Predicate {
        self.compare(Comparator::Less, other)
    }
    /// `self <= other`
    pub fn le(self, other: impl Into<Term>) -> Predicate {
        self.compare(Comparator::LessOrEqual, other)
    }
    /// `self > other`
    pub fn gt(self, other: impl Into<Term>) -> Predicate {
        self.compare(Comparator::Greater, other)
    }
    /// `self >= other`
    pub fn ge(self, other: impl Into<Term>) -> Predicate {
        self.compare(Comparator::GreaterOrEqual, other)
    }
    /// `self BETWEEN low AND high`, both included.
    pub fn between(self, low: impl Into<Term>, high: impl Into<Term>) -> Predicate {
        let (low, high) = (low.into(), high.into());
        Predicate::test(1, || Ok(Test::Between(self.0?, low.0?, high.0?)))
    }
    /// `self IN (values)`, at most 100 of them.
    pub fn is_in<T: Into<Term>>(self, values: impl IntoIterator<Item = T>) -> Predicate {
        let values: Vec<Term> = values.into_iter().map(Into::into).collect();
        Predicate::test(1, || {
            let list: Vec<Operand> = values.into_iter().map(|value| value.0).collect::<std::result::Result<_, _>>()?;
            if list.is_empty() { Err(check::wrong_count("IN", 0)) } else { Ok(Test::In(self.0?, list)) }
        })
    }
    /// `attribute_exists(self)`
    pub fn exists(self) -> Predicate {
        Predicate::test(0, || Ok(Test::Exists(self.into_path("attribute_exists")?)))
    }
    /// `attribute_not_exists(self)`
    pub fn not_exists(self) -> Predicate {
        Predicate::test(0, || Ok(Test::NotExists(self.into_path("attribute_not_exists")?)))
    }
    /// `attribute_type(self, type)`, with DynamoDB's tag: `S`, `N`, `B`, `BOOL`, `NULL`, `L`, `M`, `SS`, `NS` or `BS`.
    pub fn attribute_type(self, type_name: &str) -> Predicate {
        let asked = check::asked_type(&Operand::Value(type_name.into()));
        Predicate::test(0, || Ok(Test::TypeIs(self.0?, asked?)))
    }
    /// `begins_with(self, prefix)`
    pub fn begins_with(self, prefix: impl Into<Term>) -> Predicate {
        let prefix = prefix.into();
        Predicate::test(0, || Ok(Test::BeginsWith(self.0?, prefix.0?)))
    }
    /// `contains(self, part)`: a text in a text, bytes in bytes, or an element of a set or list.
    pub fn contains(self, part: impl Into<Term>) -> Predicate {
        let part = part.into();
        Predicate::test(0, || Ok(Test::Contains(self.0?, part.0?)))
    }
    /// `size(self)`: UTF-16 units of a string, bytes of a binary, elements of a set, list or map.
    pub fn size(self) -> Term {
        Term(self.0.and_then(|operand| functions::size(vec![operand])))
    }

    fn compare(self, comparator: Comparator, other: impl Into<Term>) -> Predicate {
        let other = other.into();
        Predicate::test(1, || Ok(Test::Compare(self.0?, comparator, other.0?)))
    }

    fn into_path(self, function: &str) -> std::result::Result<Path, String> {
        match self.0? {
            Operand::Path(path) => Ok(path),
            _ => Err(check::path_required(function)),
        }
    }
}

/// A condition under construction: joined by `&` and `|`, negated by `!`.
#[derive(Clone, Debug)]
#[must_use]
pub struct Predicate {
    tree: std::result::Result<Tree, String>,
    operators: usize,
}

impl Predicate {
    fn test(operators: usize, test: impl FnOnce() -> std::result::Result<Test, String>) -> Self {
        let checked = test().and_then(|test| check::test_fault(&test).map_or(Ok(Tree::Test(test)), Err));
        Self { tree: checked, operators }
    }

    /// Joins two, keeping the first fault. A condition with too many operators is rejected in the end; until then it
    /// keeps only its first part, so that no tree grows without bound.
    fn join(self, other: Self, join: impl FnOnce(Tree, Tree) -> Tree) -> Self {
        let operators = self.operators.saturating_add(other.operators).saturating_add(1);
        let tree = match (self.tree, other.tree) {
            (Ok(one), Ok(_)) if operators > MAX_OPERATORS => Ok(one),
            (Ok(one), Ok(two)) => Ok(join(one, two)),
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
        };
        Self { tree, operators }
    }

    /// The finished condition.
    ///
    /// # Errors
    /// `Invalid <kind>: ...` with DynamoDB's text for the first fault: too many operators, operands of types that an
    /// operator does not take, or a malformed path.
    pub fn build(self, kind: ExpressionKind) -> Result<Condition> {
        let fault = check::too_many_operators(self.operators);
        let tree = fault.map_or(self.tree, Err).map_err(|fault| kind.error(fault))?;
        Ok(Condition::from_tree(kind, tree))
    }
}

impl BitAnd for Predicate {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        self.join(other, Tree::and)
    }
}

impl BitOr for Predicate {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.join(other, Tree::or)
    }
}

impl Not for Predicate {
    type Output = Self;
    fn not(self) -> Self {
        let operators = self.operators.saturating_add(1);
        let negate = |tree| if operators > MAX_OPERATORS { tree } else { Tree::Not(Box::new(tree)) };
        Self { tree: self.tree.map(negate), operators }
    }
}
