//! Key conditions: which items of which item collection a Query reads.
//!
//! The text is parsed as a condition and then restricted: clauses joined by `AND`, each about one key attribute, with
//! operators that an ordered index can follow. Whether the named attributes are the key, and of the right types, is
//! known only once the table or index is; see [`KeyCondition::bind`].

use super::{
    ExpressionKind,
    check::{self, MAX_EXPRESSION_BYTES},
    names::{Placeholders, Scope},
    parse_condition,
    path::Path,
    reserved::is_reserved,
    token::{Cursor, TokenKind},
    tree::{Comparator, Operand, Test, Tree},
};
use crate::{error::Result, item::AttributeValue};

/// Clauses about keys; no two about the same attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyCondition {
    clauses: Vec<KeyClause>,
    /// Made from KeyConditions, which says one thing differently.
    legacy: bool,
}

/// What a clause demands of one key attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyClause {
    /// The attribute.
    pub name: String,
    /// What its value must be.
    pub test: KeyTest,
}

/// A demand on the value of a key attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyTest {
    /// This value.
    Equal(AttributeValue),
    /// A value in a range.
    Range(RangeCondition),
    /// Something that an ordered index cannot answer; only the legacy parameter can say it.
    Unordered,
}

/// A range of values of a sort key attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum RangeCondition {
    /// Below the value.
    Less(AttributeValue),
    /// The value or below.
    LessOrEqual(AttributeValue),
    /// Above the value.
    Greater(AttributeValue),
    /// The value or above.
    GreaterOrEqual(AttributeValue),
    /// From the first value to the second, both included.
    Between(AttributeValue, AttributeValue),
    /// All strings or binaries that begin with the value.
    BeginsWith(AttributeValue),
}

impl RangeCondition {
    /// The condition on an attribute of this name, as a text.
    pub(crate) fn describe(&self, name: &str) -> String {
        match self {
            Self::Less(value) => format!("{name} < {}", value.to_json()),
            Self::LessOrEqual(value) => format!("{name} <= {}", value.to_json()),
            Self::Greater(value) => format!("{name} > {}", value.to_json()),
            Self::GreaterOrEqual(value) => format!("{name} >= {}", value.to_json()),
            Self::Between(low, high) => format!("{name} BETWEEN {} AND {}", low.to_json(), high.to_json()),
            Self::BeginsWith(prefix) => format!("begins_with({name}, {})", prefix.to_json()),
        }
    }
    /// The values that bound the range.
    pub fn values(&self) -> Vec<&AttributeValue> {
        match self {
            Self::Less(value)
            | Self::LessOrEqual(value)
            | Self::Greater(value)
            | Self::GreaterOrEqual(value)
            | Self::BeginsWith(value) => vec![value],
            Self::Between(low, high) => vec![low, high],
        }
    }
}

impl KeyClause {
    /// A clause.
    pub fn new(name: impl Into<String>, test: KeyTest) -> Self {
        Self { name: name.into(), test }
    }

    /// The same as a test of a condition, if it can be one.
    pub(super) fn to_test(&self) -> Option<Test> {
        let key = Operand::Path(Path::attribute(self.name.as_str()));
        let given = |value: &AttributeValue| Operand::Value(value.clone());
        let range = match &self.test {
            KeyTest::Equal(value) => return Some(Test::Compare(key, Comparator::Equal, given(value))),
            KeyTest::Range(range) => range,
            KeyTest::Unordered => return None,
        };
        Some(match range {
            RangeCondition::Less(value) => Test::Compare(key, Comparator::Less, given(value)),
            RangeCondition::LessOrEqual(value) => Test::Compare(key, Comparator::LessOrEqual, given(value)),
            RangeCondition::Greater(value) => Test::Compare(key, Comparator::Greater, given(value)),
            RangeCondition::GreaterOrEqual(value) => Test::Compare(key, Comparator::GreaterOrEqual, given(value)),
            RangeCondition::Between(low, high) => Test::Between(key, given(low), given(high)),
            RangeCondition::BeginsWith(prefix) => Test::BeginsWith(key, given(prefix)),
        })
    }
}

impl KeyTest {
    /// The values that it compares with.
    pub(super) fn values(&self) -> Vec<&AttributeValue> {
        match self {
            Self::Equal(value) => vec![value],
            Self::Range(range) => range.values(),
            Self::Unordered => Vec::new(),
        }
    }
}

impl KeyCondition {
    /// Parses a KeyConditionExpression.
    ///
    /// # Errors
    /// `Invalid KeyConditionExpression: ...` with DynamoDB's text for the first fault in its order of checks.
    pub fn parse(text: &str, scope: &mut Scope<'_>) -> Result<Self> {
        Self::from_tree(parse_condition::parse(ExpressionKind::KeyCondition, text, scope)?)
    }

    /// Parses a KeyConditionExpression that is `name = :value` and no more, as most are, without taking it apart or copying
    /// the value. `None` for anything else, faults among them: [`parse`](Self::parse) tells what it is.
    pub(crate) fn parse_equality(text: &str, placeholders: &mut Placeholders) -> Option<Self> {
        let mut cursor = Cursor::new(ExpressionKind::KeyCondition, text);
        let [name, equal, value] = [cursor.advance(), cursor.advance(), cursor.advance()];
        let kinds = [name, equal, value, cursor.current()].map(|token| token.kind);
        if kinds != [TokenKind::Name, TokenKind::Equal, TokenKind::ValuePlaceholder, TokenKind::End] {
            return None;
        }
        let (name, value) = (cursor.text_of(name), cursor.text_of(value));
        let is_sound = text.len() <= MAX_EXPRESSION_BYTES && !is_reserved(name) && placeholders.names.is_none();
        let values = placeholders.values.as_mut().filter(|values| is_sound && values.len() == 1)?;
        let clause = KeyClause::new(name, KeyTest::Equal(values.remove(value)?));
        Some(Self { clauses: vec![clause], legacy: false })
    }

    /// The attribute and its value, if the condition says no more than that it has this one.
    pub(crate) fn only_equality(&self) -> Option<(&str, &AttributeValue)> {
        match self.clauses.as_slice() {
            [KeyClause { name, test: KeyTest::Equal(value) }] => Some((name, value)),
            _ => None,
        }
    }

    /// Restricts a checked condition to what a Query can follow.
    pub(super) fn from_tree(tree: Tree) -> Result<Self> {
        let mut condition = Self { clauses: Vec::new(), legacy: false };
        condition.add(tree).map_err(|fault| ExpressionKind::KeyCondition.error(fault))?;
        Ok(condition)
    }

    /// A key condition of clauses made by other means than text.
    ///
    /// # Errors
    /// `Invalid KeyConditionExpression: ...` if two clauses are about the same attribute, or if the values of a range
    /// have types without an order or stand the wrong way round.
    pub fn of(clauses: impl IntoIterator<Item = KeyClause>) -> Result<Self> {
        let mut condition = Self { clauses: Vec::new(), legacy: false };
        let add = |clause: KeyClause| {
            let fault = clause.to_test().and_then(|test| check::test_fault(&test));
            fault.map_or_else(|| condition.push(clause), Err)
        };
        clauses.into_iter().try_for_each(add).map_err(|fault| ExpressionKind::KeyCondition.error(fault))?;
        Ok(condition)
    }

    /// A key condition made from KeyConditions, of clauses about different attributes.
    pub(super) fn from_legacy(clauses: Vec<KeyClause>) -> Self {
        Self { clauses, legacy: true }
    }
    /// Whether it was made from KeyConditions.
    pub(super) fn is_legacy(&self) -> bool {
        self.legacy
    }

    fn push(&mut self, clause: KeyClause) -> std::result::Result<(), String> {
        if self.clauses.iter().any(|other| other.name == clause.name) {
            return Err("KeyConditionExpressions must only contain one condition per key".to_owned());
        }
        self.clauses.push(clause);
        Ok(())
    }

    /// The clauses, in the order in which they are written.
    pub fn clauses(&self) -> &[KeyClause] {
        &self.clauses
    }

    fn add(&mut self, tree: Tree) -> std::result::Result<(), String> {
        let test = match tree {
            Tree::And(all) => return all.into_iter().try_for_each(|one| self.add(one)),
            Tree::Or(_) => return Err(unusable("OR")),
            Tree::Not(_) => return Err(unusable("NOT")),
            Tree::Test(test) => test,
        };
        self.push(clause(test)?)
    }
}

fn unusable(operator: &str) -> String {
    format!("Invalid operator used in KeyConditionExpression: {operator}")
}

fn must_come_first(operator: &str) -> String {
    format!(
        "Invalid condition in KeyConditionExpression: {operator} operator must have the key attribute as its first \
         operand"
    )
}

fn clause(test: Test) -> std::result::Result<KeyClause, String> {
    match test {
        Test::Compare(_, Comparator::NotEqual, _) => Err(unusable("<>")),
        Test::In(..) => Err(unusable("IN")),
        Test::Exists(_) => Err(unusable("attribute_exists")),
        Test::NotExists(_) => Err(unusable("attribute_not_exists")),
        Test::TypeIs(..) => Err(unusable("attribute_type")),
        Test::Contains(..) => Err(unusable("contains")),
        Test::Compare(left, comparator, right) => {
            let name = key_name([&left, &right])?;
            let (value, comparator) = match (left, right) {
                (Operand::Value(value), _) => (value, comparator.mirrored()),
                (_, Operand::Value(value)) => (value, comparator),
                _ => return Err(no_key()),
            };
            Ok(KeyClause { name, test: comparison(comparator, value) })
        }
        Test::Between(key, low, high) => {
            if !matches!(key, Operand::Path(_)) {
                return Err(must_come_first("BETWEEN"));
            }
            let name = key_name([&key, &low, &high])?;
            let (Operand::Value(low), Operand::Value(high)) = (low, high) else { return Err(no_key()) };
            Ok(KeyClause { name, test: KeyTest::Range(RangeCondition::Between(low, high)) })
        }
        Test::BeginsWith(key, prefix) => {
            if !matches!(key, Operand::Path(_)) {
                return Err(must_come_first("begins_with"));
            }
            let name = key_name([&key, &prefix])?;
            let Operand::Value(prefix) = prefix else { return Err(no_key()) };
            Ok(KeyClause { name, test: KeyTest::Range(RangeCondition::BeginsWith(prefix)) })
        }
    }
}

fn no_key() -> String {
    "Invalid condition in KeyConditionExpression: No key attribute specified".to_owned()
}

/// The one attribute among the operands of a clause.
fn key_name<'o>(operands: impl IntoIterator<Item = &'o Operand>) -> std::result::Result<String, String> {
    let mut key: Option<&Path> = None;
    for operand in operands {
        match operand {
            Operand::Path(_) if key.is_some() => {
                let fault =
                    "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition";
                return Err(fault.to_owned());
            }
            Operand::Path(path) if path.is_nested() => {
                return Err("KeyConditionExpressions cannot have conditions on nested attributes".to_owned());
            }
            Operand::Path(path) => key = Some(path),
            Operand::Size(_) | Operand::SizeOfValue(_) => {
                return Err("KeyConditionExpressions cannot contain nested operations".to_owned());
            }
            Operand::Value(_) => {}
        }
    }
    key.map(|path| path.top_level().to_owned()).ok_or_else(no_key)
}

/// The demand that `key comparator value` makes.
pub(super) fn comparison(comparator: Comparator, value: AttributeValue) -> KeyTest {
    KeyTest::Range(match comparator {
        Comparator::Equal => return KeyTest::Equal(value),
        Comparator::NotEqual => return KeyTest::Unordered,
        Comparator::Less => RangeCondition::Less(value),
        Comparator::LessOrEqual => RangeCondition::LessOrEqual(value),
        Comparator::Greater => RangeCondition::Greater(value),
        Comparator::GreaterOrEqual => RangeCondition::GreaterOrEqual(value),
    })
}
