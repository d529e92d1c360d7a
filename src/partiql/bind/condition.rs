//! Conditions of `WHERE`, as trees of the expression language.
//!
//! PartiQL can compare what a condition function says, which the expression language cannot. `f = true` is `f`,
//! `f = g` is both or neither, and `f = 'x'` is false. Only calls can be compared so, so no tree doubles twice.

use super::Binder;
use crate::{
    error::{Error, Result},
    expression::{Comparator, Operand, Test, Tree, check, functions},
    item::AttributeValue,
    partiql::{
        error,
        syntax::{Arguments, Expression, ExpressionKind, Operator, Span, TypeName, precedence},
    },
};

/// One side of a comparison.
enum Side {
    /// Something with a value.
    Operand(Operand),
    /// The answer of a condition function.
    Answer(Tree),
    /// Another condition, which cannot be compared.
    Condition,
}

/// What every type is called in messages about a path in the place of something of a known type.
const ANY_TYPE: &str =
    "{S,HDS,N,FS,BS,NULL,DOUBLE,NS,DECIMAL,SS,DECIMALSET,BOOL,HD,DICT,INTSET,M,L,B,FLOAT,INT,DOUBLESET}";

/// The value that replaces a faulty operand, so that the checks of the other operands go on.
const STAND_IN: Operand = Operand::Value(AttributeValue::Null);

/// A condition that is always true, or never.
pub(in crate::partiql) fn constant(truth: bool) -> Tree {
    let bool = |value| Operand::Value(AttributeValue::Bool(value));
    Tree::Test(Test::Compare(bool(true), Comparator::Equal, bool(truth)))
}

fn negated_if(negated: bool, tree: Tree) -> Tree {
    if negated { Tree::Not(Box::new(tree)) } else { tree }
}

impl Binder<'_> {
    /// The condition of a `WHERE`.
    pub(super) fn condition(&mut self, expression: &Expression) -> Result<Tree> {
        self.boolean(expression, None)
    }

    /// An expression that must be true or false: under an operator, or as a whole.
    fn boolean(&mut self, expression: &Expression, operator: Option<&str>) -> Result<Tree> {
        match &expression.kind {
            ExpressionKind::Chain(first, rest) => match rest.as_slice() {
                [(operator @ (Operator::And | Operator::Or), _), ..] => {
                    self.count(rest.len())?;
                    let symbol = Some(operator.symbol());
                    let mut tree = self.boolean(first, symbol)?;
                    for (operator, right) in rest {
                        let right = self.boolean(right, symbol)?;
                        tree = if *operator == Operator::And { tree.and(right) } else { tree.or(right) };
                    }
                    Ok(tree)
                }
                [.., (operator, right)] => self.chain(first, rest, *operator, right),
                [] => self.boolean(first, operator),
            },
            ExpressionKind::Not(count, operand) => {
                self.count(*count)?;
                let mut tree = self.boolean(operand, Some("NOT"))?;
                for _ in 0..*count {
                    tree = Tree::Not(Box::new(tree));
                }
                Ok(tree)
            }
            ExpressionKind::Between(negated, operands) => {
                self.count(1 + usize::from(*negated))?;
                let [value, low, high] = &**operands;
                let [value, low, high] = [self.ordered(value)?, self.ordered(low)?, self.ordered(high)?];
                Ok(negated_if(*negated, self.test(Test::Between(value, low, high))))
            }
            ExpressionKind::Is(negated, value, type_name) => {
                self.count(1 + usize::from(*negated))?;
                Ok(negated_if(*negated, self.is(value, type_name)?))
            }
            ExpressionKind::Like(..) => Err(unsupported_operator("LIKE")),
            _ => match self.side(expression)? {
                Side::Answer(tree) => Ok(tree),
                Side::Operand(Operand::Value(AttributeValue::Bool(truth))) => Ok(constant(truth)),
                Side::Operand(operand) => {
                    self.note(Some(match operator {
                        None => "WHERE clause must contain an expression that resolves to a boolean".to_owned(),
                        Some(operator) => check::wrong_type(operator, operand.type_name().unwrap_or(ANY_TYPE)),
                    }));
                    Ok(constant(false))
                }
                Side::Condition => Ok(constant(false)),
            },
        }
    }

    /// Operators of one precedence, of which the last joins all that is left of it with `right`.
    fn chain(
        &mut self,
        first: &Expression,
        rest: &[(Operator, Expression)],
        operator: Operator,
        right: &Expression,
    ) -> Result<Tree> {
        let comparator = match operator {
            Operator::Equal => Comparator::Equal,
            Operator::NotEqual => Comparator::NotEqual,
            Operator::Less => Comparator::Less,
            Operator::LessOrEqual => Comparator::LessOrEqual,
            Operator::Greater => Comparator::Greater,
            Operator::GreaterOrEqual => Comparator::GreaterOrEqual,
            Operator::In | Operator::NotIn => Comparator::Equal,
            other => return Err(unsupported_operator(other.symbol())),
        };
        let left = match rest {
            [_] => self.side(first)?,
            _ => {
                // A comparison on the left of another one: its operands are read, and then it is rejected.
                self.count(rest.len() - 1)?;
                for part in std::iter::once(first).chain(rest.iter().rev().skip(1).map(|(_, part)| part)) {
                    self.side(part)?;
                }
                Side::Condition
            }
        };
        if matches!(operator, Operator::In | Operator::NotIn) {
            let negated = operator == Operator::NotIn;
            self.count(1 + usize::from(negated))?;
            return Ok(negated_if(negated, self.is_in(left, right)?));
        }
        self.count(1)?;
        let right = self.side(right)?;
        Ok(self.compare(left, comparator, right))
    }

    /// Something that an operator takes.
    fn side(&mut self, expression: &Expression) -> Result<Side> {
        match &expression.kind {
            ExpressionKind::Name(_) | ExpressionKind::Path(..) => {
                Ok(Side::Operand(Operand::Path(self.path(expression)?)))
            }
            ExpressionKind::Call(name, arguments) => self.call(name, arguments, expression.span),
            ExpressionKind::Chain(_, rest)
                if rest.iter().any(|(operator, _)| operator.precedence() > precedence::ORDER) =>
            {
                let symbol = rest.first().map_or("", |(operator, _)| operator.symbol());
                Err(unsupported_operator(symbol))
            }
            ExpressionKind::Sign(minus, _) => Err(unsupported_operator(if *minus { "-" } else { "+" })),
            ExpressionKind::Select(_) => Err(unsupported_token("SELECT", expression.span)),
            ExpressionKind::Case(_) => Err(unsupported_token("CASE", expression.span)),
            ExpressionKind::Chain(..)
            | ExpressionKind::Not(..)
            | ExpressionKind::Between(..)
            | ExpressionKind::Like(..)
            | ExpressionKind::Is(..) => {
                self.boolean(expression, None)?;
                Ok(Side::Condition)
            }
            _ => Ok(Side::Operand(Operand::Value(self.value(expression)?))),
        }
    }

    /// An operand of an operator that puts values in order.
    fn ordered(&mut self, expression: &Expression) -> Result<Operand> {
        match self.side(expression)? {
            Side::Operand(operand) => Ok(operand),
            Side::Answer(_) | Side::Condition => {
                self.note(Some(check::wrong_type("BETWEEN", "BOOL")));
                Ok(STAND_IN)
            }
        }
    }

    fn test(&mut self, test: Test) -> Tree {
        self.note(check::test_fault(&test));
        Tree::Test(test)
    }

    fn compare(&mut self, left: Side, comparator: Comparator, right: Side) -> Tree {
        let is_ordered = !matches!(comparator, Comparator::Equal | Comparator::NotEqual);
        match (left, right) {
            (Side::Operand(left), Side::Operand(right)) => self.test(Test::Compare(left, comparator, right)),
            (Side::Condition, _) | (_, Side::Condition) => {
                self.note(Some(check::wrong_type(comparator.symbol(), "BOOL")));
                constant(false)
            }
            _ if is_ordered => {
                self.note(Some(check::wrong_type(comparator.symbol(), "BOOL")));
                constant(false)
            }
            (left, right) => negated_if(comparator == Comparator::NotEqual, equal(left, right)),
        }
    }

    fn is_in(&mut self, left: Side, right: &Expression) -> Result<Tree> {
        let members = match &right.kind {
            ExpressionKind::List(members) => {
                let mut sides = Vec::with_capacity(members.len());
                for member in members {
                    sides.push(self.side(member)?);
                }
                sides
            }
            _ => match self.side(right)? {
                Side::Operand(Operand::Value(AttributeValue::L(members))) => {
                    members.into_iter().map(|member| Side::Operand(Operand::Value(member))).collect()
                }
                Side::Operand(operand) => {
                    self.note(Some(check::wrong_type("IN", operand.type_name().unwrap_or(ANY_TYPE))));
                    return Ok(constant(false));
                }
                Side::Answer(_) | Side::Condition => {
                    self.note(Some(check::wrong_type("IN", "BOOL")));
                    return Ok(constant(false));
                }
            },
        };
        if members.is_empty() {
            self.note(Some(check::wrong_count("IN", 1)));
            return Ok(constant(false));
        }
        let is_operand = |side: &Side| matches!(side, Side::Operand(_));
        if is_operand(&left) && members.iter().all(is_operand) {
            let operand = |side| match side {
                Side::Operand(operand) => operand,
                Side::Answer(_) | Side::Condition => STAND_IN,
            };
            return Ok(self.test(Test::In(operand(left), members.into_iter().map(operand).collect())));
        }
        if members.len() > check::MAX_IN_OPERANDS || matches!(left, Side::Condition) {
            let count = members.len();
            self.note(check::too_many_in_operands(count).or_else(|| Some(check::wrong_type("IN", "BOOL"))));
            return Ok(constant(false));
        }
        // Comparing with a function's answer: equal to one of the members.
        let copy = |side: &Side| match side {
            Side::Operand(operand) => Side::Operand(operand.clone()),
            Side::Answer(tree) => Side::Answer(tree.clone()),
            Side::Condition => Side::Condition,
        };
        let tests: Vec<Tree> = members
            .into_iter()
            .map(|member| match (copy(&left), member) {
                (Side::Operand(left), Side::Operand(member)) => {
                    self.test(Test::Compare(left, Comparator::Equal, member))
                }
                (left, member) => equal(left, member),
            })
            .collect();
        Ok(tests.into_iter().reduce(Tree::or).unwrap_or_else(|| constant(false)))
    }

    fn is(&mut self, value: &Expression, type_name: &TypeName) -> Result<Tree> {
        let wanted = Wanted::of(type_name.name);
        if value.kind == ExpressionKind::Missing {
            return Ok(constant(wanted == Ok(Wanted::Missing)));
        }
        let Side::Operand(operand @ (Operand::Path(_) | Operand::Value(_))) = self.side(value)? else {
            return Err(Error::validation(
                "The left hand side argument to IS must be a Variable Reference, Literal, or Path",
            ));
        };
        let wanted = wanted.map_err(|name| {
            Error::validation(format!(
                "Unsupported data type for IS operator: {name}. Supported data types are [MISSING, NULL, BOOLEAN, BLOB, \
                 STRING, NUMERIC, STRUCT, TUPLE, LIST] at {}",
                value.span
            ))
        })?;
        Ok(match (wanted, operand) {
            (Wanted::Missing, Operand::Path(path)) => Tree::Test(Test::NotExists(path)),
            (Wanted::Missing, _) => constant(false),
            (Wanted::Type(name), operand) => Tree::Test(Test::TypeIs(operand, name)),
        })
    }

    /// A call, in a condition.
    fn call(&mut self, name: &str, arguments: &Arguments, span: Span) -> Result<Side> {
        let known = ["size", "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"];
        let Some(name) = known.into_iter().find(|known| *known == name) else {
            return Err(error::unrecognized_function(name, span));
        };
        self.count(1)?;
        let Arguments::List(arguments) = arguments else { return Err(error::unrecognized_function(name, span)) };
        let mut operands = Vec::with_capacity(arguments.len());
        let mut is_answer = false;
        for argument in arguments {
            operands.push(match self.side(argument)? {
                Side::Operand(operand) => operand,
                Side::Answer(_) | Side::Condition => {
                    is_answer = true;
                    Operand::Value(AttributeValue::Bool(true))
                }
            });
        }
        if is_answer {
            self.note(Some(check::wrong_type(name, "BOOL")));
        }
        if name == "size" {
            let operand = functions::size(operands).unwrap_or_else(|fault| {
                self.note(Some(fault));
                STAND_IN
            });
            return Ok(Side::Operand(operand));
        }
        let test = if name == "attribute_type" { attribute_type(operands) } else { functions::test(name, operands) };
        Ok(Side::Answer(match test {
            Ok(test) => self.test(test),
            Err(fault) => {
                self.note(Some(fault));
                constant(false)
            }
        }))
    }
}

/// `left = right`, at least one of which is the answer of a function.
fn equal(left: Side, right: Side) -> Tree {
    let not = |tree| Tree::Not(Box::new(tree));
    let is_bool = |path: &Operand, truth| {
        Tree::Test(Test::Compare(path.clone(), Comparator::Equal, Operand::Value(AttributeValue::Bool(truth))))
    };
    match (left, right) {
        (Side::Answer(one), Side::Answer(two)) => {
            let neither = not(one.clone()).and(not(two.clone()));
            one.and(two).or(neither)
        }
        (Side::Answer(answer), Side::Operand(operand)) | (Side::Operand(operand), Side::Answer(answer)) => {
            match operand {
                Operand::Value(AttributeValue::Bool(true)) => answer,
                Operand::Value(AttributeValue::Bool(false)) => not(answer),
                Operand::Path(_) => {
                    let (both, neither) = (is_bool(&operand, true), is_bool(&operand, false));
                    answer.clone().and(both).or(not(answer).and(neither))
                }
                Operand::Value(_) | Operand::Size(_) | Operand::SizeOfValue(_) => constant(false),
            }
        }
        _ => constant(false),
    }
}

/// What `IS` asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Missing,
    Type(&'static str),
}

impl Wanted {
    /// By the name of a type; the name that messages have for a type that no value has.
    fn of(type_name: &str) -> std::result::Result<Self, &'static str> {
        Ok(match type_name {
            "missing" => Self::Missing,
            "null" => Self::Type("NULL"),
            "bool" | "boolean" => Self::Type("BOOL"),
            "blob" => Self::Type("B"),
            "string" => Self::Type("S"),
            "numeric" => Self::Type("N"),
            "struct" | "tuple" => Self::Type("M"),
            "list" => Self::Type("L"),
            "smallint" | "integer2" | "int2" => return Err("SmallintType"),
            "integer" | "int" => return Err("IntegerType"),
            "integer4" | "int4" => return Err("Integer4Type"),
            "integer8" | "int8" | "bigint" => return Err("Integer8Type"),
            "float" => return Err("FloatType"),
            "real" => return Err("RealType"),
            "double precision" => return Err("DoublePrecisionType"),
            "decimal" | "dec" => return Err("DecimalType"),
            "timestamp" => return Err("TimestampType"),
            "date" => return Err("DateType"),
            "time" => return Err("TimeType"),
            "character" | "char" => return Err("CharacterType"),
            "character varying" | "varchar" => return Err("CharacterVaryingType"),
            "symbol" => return Err("SymbolType"),
            "clob" => return Err("ClobType"),
            "sexp" => return Err("SexpType"),
            "bag" => return Err("BagType"),
            _ => return Err("AnyType"),
        })
    }
}

/// `attribute_type(operand, type)`, whose messages list types otherwise than the expression language.
fn attribute_type(operands: Vec<Operand>) -> std::result::Result<Test, String> {
    let count = operands.len();
    let [operand, wanted] =
        <[Operand; 2]>::try_from(operands).map_err(|_| check::wrong_count("attribute_type", count))?;
    let Operand::Value(AttributeValue::S(wanted)) = wanted else {
        return Err(check::wrong_type("attribute_type", wanted.type_name().unwrap_or(ANY_TYPE)));
    };
    let valid = ["N", "BS", "L", "B", "NULL", "M", "S", "SS", "NS", "BOOL"];
    match valid.into_iter().find(|name| *name == wanted) {
        Some(name) => Ok(Test::TypeIs(operand, name)),
        None => Err(format!("Invalid attribute type name found; type: {wanted}, valid types: {{{}}}", valid.join(","))),
    }
}

fn unsupported_operator(symbol: &str) -> Error {
    Error::validation(format!("Unsupported operator in Condition Expression. Operator: {symbol}"))
}

fn unsupported_token(token: &str, span: Span) -> Error {
    Error::validation(format!("Unsupported token in expression: {token} at {span}"))
}
