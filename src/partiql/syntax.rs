//! Statements as they are written: the tree that the parser makes and the printer prints.
//!
//! Nothing is judged here. The tree holds whatever the grammar of PartiQL allows, also what DynamoDB rejects later, so
//! that rejections come in its order and can say where. Every part remembers its place in the text; two trees are equal
//! if they say the same, wherever it is written.

use std::fmt;

/// The place of a token: line and column, counted from 1 in code points, and its length.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// Line, from 1.
    pub line: u32,
    /// Column in code points, from 1.
    pub column: u32,
    /// Code points.
    pub length: u32,
}

/// All places are equal: trees are compared by what they say.
impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Prints `line:column:length`, as messages have it.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.line, self.column, self.length)
    }
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `SELECT`
    Select(Select),
    /// `INSERT INTO`
    Insert(Insert),
    /// `UPDATE`, or `FROM` with `SET` or `REMOVE`.
    Update(Update),
    /// `DELETE FROM`
    Delete(Delete),
    /// An expression by itself; only `EXISTS(SELECT ..)` means anything, and only in a transaction.
    Expression(Expression),
}

/// `SELECT items FROM source WHERE condition ORDER BY terms`
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// Whether the word `DISTINCT` is there.
    pub distinct: bool,
    /// What is returned.
    pub items: SelectItems,
    /// Tables; DynamoDB reads exactly one.
    pub from: Vec<Source>,
    /// `WHERE`
    pub condition: Option<Expression>,
    /// `ORDER BY`; empty if there is none.
    pub order: Vec<OrderTerm>,
    /// Clauses that DynamoDB does not have, in the order of the text.
    pub unsupported: Vec<(Clause, Vec<Expression>)>,
}

/// What a `SELECT` returns of each item.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectItems {
    /// `*`
    All,
    /// `VALUE expression`
    Value(Expression),
    /// A list, each with its alias.
    List(Vec<(Expression, Option<Box<str>>)>),
}

/// A clause of SQL that DynamoDB does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// `GROUP BY`
    GroupBy,
    /// `HAVING`
    Having,
    /// `LIMIT`
    Limit,
    /// `OFFSET`
    Offset,
}

impl Clause {
    /// Its words.
    pub fn words(self) -> &'static str {
        match self {
            Self::GroupBy => "GROUP BY",
            Self::Having => "HAVING",
            Self::Limit => "LIMIT",
            Self::Offset => "OFFSET",
        }
    }
}

/// A table or index, as a path, and another name for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// `"table"` or `"table"."index"`.
    pub path: Expression,
    /// The other name, which DynamoDB rejects.
    pub alias: Option<Box<str>>,
}

/// A term of `ORDER BY`.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderTerm {
    /// What is ordered by.
    pub expression: Expression,
    /// Whether `DESC` is written.
    pub descending: bool,
    /// `NULLS FIRST` (true) or `NULLS LAST`, which change nothing: keys are never absent.
    pub nulls_first: Option<bool>,
}

/// `INSERT INTO table VALUE value`
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The table.
    pub table: Expression,
    /// The item.
    pub value: Expression,
    /// Whether the word `VALUE` is before it.
    pub is_single: bool,
    /// `AT position`, which DynamoDB does not have.
    pub position: Option<Expression>,
    /// The condition of `ON CONFLICT WHERE condition DO NOTHING`, which DynamoDB does not have.
    pub on_conflict: Option<Expression>,
    /// `RETURNING`
    pub returning: Vec<Returning>,
}

/// `UPDATE table clauses WHERE condition RETURNING ..`
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The table; none if the clauses stand alone.
    pub from: Vec<Source>,
    /// What is changed, in the order of the text.
    pub clauses: Vec<Change>,
    /// `WHERE`
    pub condition: Option<Expression>,
    /// `RETURNING`
    pub returning: Vec<Returning>,
}

/// A change that an `UPDATE` makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// `SET path = value`
    Set(Expression, Expression),
    /// `REMOVE path`
    Remove(Expression),
}

/// `DELETE FROM table WHERE condition RETURNING ..`
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// The table.
    pub from: Source,
    /// `WHERE`
    pub condition: Option<Expression>,
    /// `RETURNING`
    pub returning: Vec<Returning>,
}

/// An element of `RETURNING`.
#[derive(Clone, Debug, PartialEq)]
pub struct Returning {
    /// Whether only what changed is returned.
    pub modified: bool,
    /// Whether it is returned as it was before.
    pub old: bool,
    /// A column instead of `*`, which DynamoDB rejects.
    pub column: Option<Expression>,
}

/// An expression and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// The place of the token that messages about it name.
    pub span: Span,
    /// What it is.
    pub kind: ExpressionKind,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpressionKind {
    /// The name of an attribute.
    Name(Box<str>),
    /// Steps into something.
    Path(Box<Expression>, Vec<PathStep>),
    /// `NULL`
    Null,
    /// `MISSING`
    Missing,
    /// `TRUE` or `FALSE`
    Bool(bool),
    /// A number as it is written, with its sign if that is a minus.
    Number(Box<str>),
    /// `'text'`
    Text(Box<str>),
    /// A literal of Ion between backticks, and the name of its type.
    Ion(Box<str>, &'static str),
    /// `?`, counted from 0 in the order of the text.
    Parameter(usize),
    /// `[a, b]`
    List(Vec<Expression>),
    /// `<<a, b>>`
    Bag(Vec<Expression>),
    /// `{name: value}`
    Struct(Vec<(Expression, Expression)>),
    /// `name(arguments)`; the name is in lower case.
    Call(Box<str>, Arguments),
    /// `- operand` (true) or `+ operand`; numbers carry their sign themselves.
    Sign(bool, Box<Expression>),
    /// `NOT`, written so many times.
    Not(usize, Box<Expression>),
    /// Operators of one precedence and their right sides, taken from left to right.
    Chain(Box<Expression>, Vec<(Operator, Expression)>),
    /// `value [NOT] BETWEEN low AND high`
    Between(bool, Box<[Expression; 3]>),
    /// `value [NOT] LIKE pattern [ESCAPE character]`
    Like(bool, Box<(Expression, Expression, Option<Expression>)>),
    /// `value IS [NOT] type`
    Is(bool, Box<Expression>, TypeName),
    /// `CASE`
    Case(Box<Case>),
    /// A query inside of an expression.
    Select(Box<Select>),
}

/// The arguments of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Arguments {
    /// `*`
    Star,
    /// Expressions.
    List(Vec<Expression>),
    /// `DISTINCT` expressions.
    Distinct(Vec<Expression>),
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum PathStep {
    /// `.name`
    Name(Box<str>),
    /// `[expression]`
    Index(Expression),
    /// `.*`
    AllMembers,
    /// `[*]`
    AllElements,
}

/// An operator between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `OR`
    Or,
    /// `AND`
    And,
    /// `=`
    Equal,
    /// `<>` or `!=`
    NotEqual,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `||`
    Concat,
    /// `*`
    Times,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `UNION`, `EXCEPT` or `INTERSECT`, each with or without `ALL`.
    Set(&'static str),
}

/// The precedence of operators: higher ones bind closer.
pub(super) mod precedence {
    pub(in crate::partiql) const LOWEST: u8 = 0;
    pub(in crate::partiql) const SET: u8 = 5;
    pub(in crate::partiql) const SELECT: u8 = 6;
    pub(in crate::partiql) const OR: u8 = 10;
    pub(in crate::partiql) const AND: u8 = 20;
    pub(in crate::partiql) const NOT: u8 = 30;
    pub(in crate::partiql) const EQUALITY: u8 = 40;
    pub(in crate::partiql) const ORDER: u8 = 50;
    pub(in crate::partiql) const SUM: u8 = 60;
    pub(in crate::partiql) const PRODUCT: u8 = 70;
    pub(in crate::partiql) const TERM: u8 = 80;
}

impl Operator {
    /// How it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "OR",
            Self::And => "AND",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Concat => "||",
            Self::Times => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Set(words) => words,
        }
    }

    pub(super) fn precedence(self) -> u8 {
        match self {
            Self::Set(_) => precedence::SET,
            Self::Or => precedence::OR,
            Self::And => precedence::AND,
            Self::Equal | Self::NotEqual | Self::In | Self::NotIn => precedence::EQUALITY,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => precedence::ORDER,
            Self::Plus | Self::Minus | Self::Concat => precedence::SUM,
            Self::Times | Self::Divide | Self::Modulo => precedence::PRODUCT,
        }
    }
}

/// A type on the right of `IS`.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    /// Its name in lower case, such as `character varying`.
    pub name: &'static str,
    /// The whole numbers in parentheses behind it.
    pub parameters: Vec<Expression>,
}

/// `CASE [value] WHEN a THEN b .. [ELSE c] END`
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What the branches are compared with, if there is something.
    pub value: Option<Expression>,
    /// Conditions and results.
    pub branches: Vec<(Expression, Expression)>,
    /// `ELSE`
    pub otherwise: Option<Expression>,
}

impl Expression {
    /// The name of its kind in messages.
    pub(super) fn kind_name(&self) -> &'static str {
        match &self.kind {
            ExpressionKind::Name(_) => "Id",
            ExpressionKind::Path(..) => "Path",
            ExpressionKind::Null
            | ExpressionKind::Bool(_)
            | ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Ion(..) => "Lit",
            ExpressionKind::Missing => "Missing",
            ExpressionKind::Parameter(_) => "Parameter",
            ExpressionKind::List(_) => "List",
            ExpressionKind::Bag(_) => "Bag",
            ExpressionKind::Struct(_) => "Struct",
            ExpressionKind::Call(..) => "Call",
            ExpressionKind::Sign(true, _) => "Neg",
            ExpressionKind::Sign(false, _) => "Pos",
            ExpressionKind::Not(..) => "Not",
            ExpressionKind::Chain(..) => "Operator",
            ExpressionKind::Between(..) => "Between",
            ExpressionKind::Like(..) => "Like",
            ExpressionKind::Is(..) => "IsType",
            ExpressionKind::Case(case) if case.value.is_some() => "SimpleCase",
            ExpressionKind::Case(_) => "SearchedCase",
            ExpressionKind::Select(_) => "Select",
        }
    }
}
