//! What is wrong with an expression before any item is read, and which of several faults is reported.
//!
//! DynamoDB checks in passes over the whole text: syntax, then limits, redundant parentheses, function names, misplaced
//! functions, reserved words, and only then the tests one by one (placeholders, number of operands, equal operands,
//! types of operands). The parsers here read the text once. They note the first fault of each pass in [`Findings`], go
//! on with a stand-in, and report the most important fault at the end.

use super::{
    path::MAX_PATH_LEVELS,
    tree::{Comparator, Operand, Test},
};
use crate::{
    error::{Detail, Error, Result},
    item::{AttributeValue, base64},
};
use std::fmt;

/// Longest text of an expression in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 4096;
/// Most operators of an expression; comparators, `AND`, `OR`, `NOT`, `IN`, `BETWEEN`, `+` and `-` count.
pub const MAX_OPERATORS: usize = 300;
/// Most values that an `IN` compares with.
pub const MAX_IN_OPERANDS: usize = 100;
/// The types that `attribute_type` asks for.
pub(super) const TYPE_NAMES: [&str; 10] = ["B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"];

/// What an expression is for. Messages begin with it, and it decides the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExpressionKind {
    /// Decides whether a write happens.
    Condition,
    /// Decides which items a Query or Scan returns.
    Filter,
    /// Says which keys a Query reads.
    KeyCondition,
    /// Says how an item changes.
    Update,
    /// Says which parts of an item are returned.
    Projection,
}

impl ExpressionKind {
    /// The name of the request parameter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Condition => "ConditionExpression",
            Self::Filter => "FilterExpression",
            Self::KeyCondition => "KeyConditionExpression",
            Self::Update => "UpdateExpression",
            Self::Projection => "ProjectionExpression",
        }
    }

    /// The error of an expression of this kind: `Invalid <name>: <detail>`.
    pub(super) fn error(self, detail: impl fmt::Display) -> Error {
        Error::validation(format!("Invalid {}: {detail}", self.name()))
    }

    /// What is checked before the text is looked at.
    pub(super) fn check_text(self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Err(self.error("The expression can not be empty;"));
        }
        if text.len() > MAX_EXPRESSION_BYTES {
            let (expression, size_bytes, limit_bytes) = (self.name(), text.len(), MAX_EXPRESSION_BYTES);
            let detail = Detail::ExpressionTooLarge { expression, size_bytes, limit_bytes };
            return Err(self.error("Expression size has exceeded the maximum allowed size;").with_detail(detail));
        }
        Ok(())
    }
}

/// The first fault of each pass, filled in any order.
#[derive(Default)]
pub(super) struct Findings {
    /// Operators so far.
    pub(super) operators: usize,
    /// A path with too many levels, or an index too large.
    pub(super) path: Option<String>,
    /// Doubled parentheses.
    pub(super) redundant: bool,
    /// A function that does not exist, or not in this kind of expression.
    pub(super) function: Option<String>,
    /// A function in a place where it may not be.
    pub(super) misplaced: Option<String>,
    /// A reserved word used as a name.
    pub(super) reserved: Option<String>,
    /// An undefined name or value, whichever comes first.
    pub(super) undefined: Option<String>,
    /// An undefined name.
    pub(super) undefined_name: Option<String>,
    /// An undefined value.
    pub(super) undefined_value: Option<String>,
    /// A fault that only a test or an action can have by itself.
    pub(super) operand: Option<String>,
}

impl Findings {
    /// Notes a fault unless one of its pass is noted already.
    pub(super) fn note(slot: &mut Option<String>, fault: impl FnOnce() -> String) {
        if slot.is_none() {
            *slot = Some(fault());
        }
    }

    /// Notes a path of too many levels.
    pub(super) fn note_levels(&mut self, levels: usize) {
        if levels > MAX_PATH_LEVELS {
            Self::note(&mut self.path, || too_many_levels(levels));
        }
    }

    /// A limit that is passed.
    pub(super) fn limit(&mut self) -> Option<String> {
        too_many_operators(self.operators).or_else(|| self.path.take())
    }

    /// Parentheses and functions, in this order.
    pub(super) fn structure(&mut self) -> Option<String> {
        let redundant = self.redundant.then(|| "The expression has redundant parentheses;".to_owned());
        redundant.or_else(|| self.function.take()).or_else(|| self.misplaced.take())
    }
}

fn too_many_levels(levels: usize) -> String {
    format!("The document path has too many nesting levels; nesting levels: {levels}")
}

/// The fault of an expression with this many operators, if they are too many.
pub(crate) fn too_many_operators(count: usize) -> Option<String> {
    (count > MAX_OPERATORS).then(|| format!("The expression contains too many operators; operator count: {count}"))
}

/// The fault of a function that is called with this many operands.
pub(crate) fn wrong_count(function: &str, count: usize) -> String {
    format!(
        "Incorrect number of operands for operator or function; operator or function: {function}, number of operands: \
         {count}"
    )
}

/// The fault of an operand of the wrong type.
pub(crate) fn wrong_type(function: &str, type_name: &str) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {function}, operand type: {type_name}"
    )
}

/// The fault of a value where a path must be.
pub(super) fn path_required(function: &str) -> String {
    format!("Operator or function requires a document path; operator or function: {function}")
}

/// The fault of a call where this function may not be.
pub(super) fn misplaced(function: &str) -> String {
    format!("The function is not allowed to be used this way in an expression; function: {function}")
}

/// Checks `size(value)`.
pub(super) fn size_fault(type_name: Option<&str>) -> Option<String> {
    let unsized_type = type_name.filter(|name| matches!(*name, "N" | "BOOL" | "NULL"))?;
    Some(wrong_type("size", unsized_type))
}

/// The type name that a literal second operand of `attribute_type` stands for, or what is wrong with it.
pub(super) fn asked_type(operand: &Operand) -> std::result::Result<&'static str, String> {
    let Operand::Value(AttributeValue::S(asked)) = operand else {
        let any = "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}";
        return Err(wrong_type("attribute_type", operand.type_name().unwrap_or(any)));
    };
    TYPE_NAMES.into_iter().find(|name| name == asked).ok_or_else(|| {
        let valid = TYPE_NAMES.join(",");
        format!("Invalid attribute type name found; type: {asked}, valid types: {{{valid}}}")
    })
}

/// The fault of an `IN` with this many values, if they are too many.
pub(crate) fn too_many_in_operands(count: usize) -> Option<String> {
    (count > MAX_IN_OPERANDS)
        .then(|| format!("The IN operator is provided with too many operands; number of operands: {count}"))
}

/// What is wrong with a complete test, apart from its names: too many operands, equal ones, or types.
pub(crate) fn test_fault(test: &Test) -> Option<String> {
    match test {
        Test::Compare(left, comparator, right) => distinct(comparator.symbol(), left, std::slice::from_ref(right))
            .or_else(|| match comparator {
                Comparator::Equal | Comparator::NotEqual => None,
                _ => [left, right].into_iter().find_map(|operand| unordered(comparator.symbol(), operand)),
            }),
        Test::Between(value, low, high) => between_fault(value, low, high),
        Test::In(value, list) => too_many_in_operands(list.len()).or_else(|| distinct("IN", value, list)),
        Test::BeginsWith(text, prefix) => distinct("begins_with", text, std::slice::from_ref(prefix)).or_else(|| {
            let wrong = |operand: &Operand| operand.type_name().filter(|name| !matches!(*name, "S" | "B"));
            [text, prefix].into_iter().find_map(wrong).map(|name| wrong_type("begins_with", name))
        }),
        Test::Contains(whole, part) => distinct("contains", whole, std::slice::from_ref(part)),
        Test::Exists(_) | Test::NotExists(_) | Test::TypeIs(..) => None,
    }
}

fn between_fault(value: &Operand, low: &Operand, high: &Operand) -> Option<String> {
    [low, high]
        .into_iter()
        .find_map(|bound| distinct("BETWEEN", value, std::slice::from_ref(bound)))
        .or_else(|| [value, low, high].into_iter().find_map(|operand| unordered("BETWEEN", operand)))
        .or_else(|| {
            let (Operand::Value(low), Operand::Value(high)) = (low, high) else { return None };
            let rule = if low.type_name() != high.type_name() {
                "same data type for lower and upper bounds"
            } else if out_of_order(low, high) {
                "upper bound to be greater than or equal to lower bound"
            } else {
                return None;
            };
            let (low, high) = (bound_text(low), bound_text(high));
            Some(format!(
                "The BETWEEN operator requires {rule}; lower bound operand: AttributeValue: {low}, upper bound \
                 operand: AttributeValue: {high}"
            ))
        })
}

/// Whether two values of one ordered type stand the wrong way round.
pub(super) fn out_of_order(low: &AttributeValue, high: &AttributeValue) -> bool {
    match (low, high) {
        (AttributeValue::S(low), AttributeValue::S(high)) => low > high,
        (AttributeValue::N(low), AttributeValue::N(high)) => low > high,
        (AttributeValue::B(low), AttributeValue::B(high)) => low > high,
        _ => false,
    }
}

fn bound_text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => format!("{{S:{text}}}"),
        AttributeValue::N(number) => format!("{{N:{number}}}"),
        AttributeValue::B(bytes) => {
            let mut text = "{B:[".to_owned();
            base64::encode_into(bytes, &mut text);
            text + "]}"
        }
        other => format!("{{{}}}", other.type_name()),
    }
}

fn unordered(operator: &str, operand: &Operand) -> Option<String> {
    let name = operand.type_name().filter(|name| !matches!(*name, "S" | "N" | "B"))?;
    Some(wrong_type(operator, name))
}

fn distinct(operator: &str, first: &Operand, rest: &[Operand]) -> Option<String> {
    let Operand::Path(path) = first else { return None };
    rest.iter().any(|other| other == first).then(|| equal_operands(operator, path.quoted()))
}

fn equal_operands(operator: &str, first: impl fmt::Display) -> String {
    format!(
        "The first operand must be distinct from the remaining operands for this operator or function; operator: \
         {operator}, first operand: {first}"
    )
}

/// The fault of `attribute_type(a, a)`.
pub(super) fn same_path_fault(function: &str, first: &Operand, second: &Operand) -> Option<String> {
    distinct(function, first, std::slice::from_ref(second))
}
