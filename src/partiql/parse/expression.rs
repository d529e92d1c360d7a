//! Expressions: terms joined by operators, by the precedence of these.

use super::{Parser, malformed, nested_too_deeply};
use crate::{
    error::Result,
    partiql::{
        syntax::{Expression, ExpressionKind, Operator, TypeName, precedence},
        token::TokenKind,
    },
};

/// Something that joins a term with what comes behind it.
#[derive(Clone, Copy)]
enum Infix {
    Binary(Operator),
    Is(bool),
    Between(bool),
    Like(bool),
}

impl Infix {
    fn precedence(self) -> u8 {
        match self {
            Self::Binary(operator) => operator.precedence(),
            Self::Is(_) => precedence::EQUALITY,
            Self::Between(_) | Self::Like(_) => precedence::ORDER,
        }
    }
}

/// Types that may be on the right of `IS`, and how many whole numbers may follow each in parentheses.
const TYPES: [(&str, usize); 28] = [
    ("missing", 0),
    ("null", 0),
    ("bool", 0),
    ("boolean", 0),
    ("smallint", 0),
    ("integer", 0),
    ("int", 0),
    ("integer2", 0),
    ("integer4", 0),
    ("integer8", 0),
    ("bigint", 0),
    ("float", 1),
    ("real", 0),
    ("double precision", 0),
    ("decimal", 2),
    ("dec", 2),
    ("numeric", 2),
    ("timestamp", 0),
    ("date", 0),
    ("time", 1),
    ("character", 1),
    ("char", 1),
    ("character varying", 1),
    ("varchar", 1),
    ("string", 0),
    ("symbol", 0),
    ("any", 0),
    ("sexp", 0),
];

/// The others, which are containers and binaries.
const CONTAINER_TYPES: [&str; 6] = ["clob", "blob", "struct", "tuple", "list", "bag"];

/// Types whose names are no keywords.
const UNRESERVED_TYPES: [&str; 3] = ["int2", "int4", "int8"];

impl Parser<'_> {
    /// An expression of operators that bind closer than `above`.
    pub(super) fn expression(&mut self, above: u8) -> Result<Expression> {
        self.deeper(|parser| {
            let mut left = parser.unary()?;
            let mut wraps = 0;
            while let Some(infix) = parser.infix().filter(|infix| infix.precedence() > above) {
                if !matches!(infix, Infix::Binary(_)) {
                    wraps += 1;
                }
                if parser.depth + wraps > super::MAX_DEPTH {
                    return Err(nested_too_deeply());
                }
                left = parser.join(left, infix)?;
            }
            Ok(left)
        })
    }

    /// What the next token joins, if it is an operator between two terms.
    fn infix(&self) -> Option<Infix> {
        let token = self.current();
        let binary = |operator| Some(Infix::Binary(operator));
        match (token.kind, token.word) {
            (TokenKind::Star, _) => binary(Operator::Times),
            (TokenKind::Operator, word) => match word {
                "or" => binary(Operator::Or),
                "and" => binary(Operator::And),
                "=" => binary(Operator::Equal),
                "<>" => binary(Operator::NotEqual),
                "in" => binary(Operator::In),
                "not in" => binary(Operator::NotIn),
                "<" => binary(Operator::Less),
                "<=" => binary(Operator::LessOrEqual),
                ">" => binary(Operator::Greater),
                ">=" => binary(Operator::GreaterOrEqual),
                "+" => binary(Operator::Plus),
                "-" => binary(Operator::Minus),
                "||" => binary(Operator::Concat),
                "/" => binary(Operator::Divide),
                "%" => binary(Operator::Modulo),
                "union" => binary(Operator::Set("UNION")),
                "union all" => binary(Operator::Set("UNION ALL")),
                "except" => binary(Operator::Set("EXCEPT")),
                "except all" => binary(Operator::Set("EXCEPT ALL")),
                "intersect" => binary(Operator::Set("INTERSECT")),
                "intersect all" => binary(Operator::Set("INTERSECT ALL")),
                "is" => Some(Infix::Is(false)),
                "is not" => Some(Infix::Is(true)),
                "between" => Some(Infix::Between(false)),
                "not between" => Some(Infix::Between(true)),
                "like" => Some(Infix::Like(false)),
                "not like" => Some(Infix::Like(true)),
                _ => None,
            },
            _ => None,
        }
    }

    fn join(&mut self, left: Expression, infix: Infix) -> Result<Expression> {
        let is_last = self.left() < 3;
        let token = self.advance();
        let check = || {
            let detail = "Missing right-hand side expression of infix operator";
            if is_last { Err(malformed(detail)) } else { Ok(()) }
        };
        let kind = match infix {
            Infix::Binary(operator) => {
                let is_list = self.kind() == TokenKind::OpenParen && !matches!(self.peek(1).word, "select" | "values");
                let right = if is_list && matches!(operator, Operator::In | Operator::NotIn) {
                    let span = self.advance().span;
                    let members = self.list(|parser| parser.expression(precedence::LOWEST))?;
                    self.expect(TokenKind::CloseParen)?;
                    Expression { span, kind: ExpressionKind::List(members) }
                } else {
                    check()?;
                    self.expression(operator.precedence())?
                };
                return Ok(chain(left, operator, right, token.span));
            }
            Infix::Is(negated) => {
                let type_name = self.type_name()?;
                ExpressionKind::Is(negated, Box::new(left), type_name)
            }
            Infix::Between(negated) => {
                check()?;
                let low = self.expression(precedence::ORDER)?;
                self.expect_word("and")?;
                if self.at_end_of_statement() {
                    return Err(malformed("Expected expression after AND"));
                }
                let high = self.expression(precedence::ORDER)?;
                ExpressionKind::Between(negated, Box::new([left, low, high]))
            }
            Infix::Like(negated) => {
                check()?;
                let pattern = self.expression(precedence::ORDER)?;
                let escape = if self.accept_word("escape") {
                    if self.at_end_of_statement() {
                        return Err(malformed("Expected expression after ESCAPE"));
                    }
                    Some(self.expression(precedence::ORDER)?)
                } else {
                    None
                };
                ExpressionKind::Like(negated, Box::new((left, pattern, escape)))
            }
        };
        Ok(Expression { span: token.span, kind })
    }

    fn type_name(&mut self) -> Result<TypeName> {
        let token = self.current();
        let known = TYPES.into_iter().find(|(name, _)| *name == token.word);
        let container = CONTAINER_TYPES.into_iter().find(|name| *name == token.word).map(|name| (name, 0));
        let is_unreserved = |name: &&str| token.kind == TokenKind::Name && name.eq_ignore_ascii_case(token.text);
        let unreserved = UNRESERVED_TYPES.into_iter().find(is_unreserved).map(|name| (name, 0));
        let Some((name, most)) = known.or(container).or(unreserved) else {
            return Err(malformed("Expected type name"));
        };
        self.advance();
        let mut parameters = Vec::new();
        if self.accept(TokenKind::OpenParen) {
            parameters = self.list(|parser| parser.expression(precedence::LOWEST))?;
            self.expect(TokenKind::CloseParen)?;
        }
        if parameters.len() > most {
            return Err(malformed(format_args!("is type argument {name} must have arity of 0..{most}")));
        }
        let is_whole = |parameter: &Expression| match &parameter.kind {
            ExpressionKind::Number(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
            _ => false,
        };
        if !parameters.iter().all(is_whole) {
            return Err(malformed("Type parameter must be an unsigned integer literal"));
        }
        Ok(TypeName { name, parameters })
    }

    /// A term with the operators that are before it.
    fn unary(&mut self) -> Result<Expression> {
        let token = self.current();
        let sign = match (token.kind, token.word) {
            (TokenKind::Operator, "not") => {
                let mut count = 0;
                while self.accept_word("not") {
                    count += 1;
                }
                let operand = self.expression(precedence::NOT)?;
                // What was parsed may be negated itself, behind words that are one token with its `NOT`.
                let kind = match operand.kind {
                    ExpressionKind::Not(more, operand) => ExpressionKind::Not(count + more, operand),
                    kind => ExpressionKind::Not(count, Box::new(Expression { kind, ..operand })),
                };
                return Ok(Expression { span: token.span, kind });
            }
            (TokenKind::Operator, "+") => false,
            (TokenKind::Operator, "-") => true,
            _ => return self.path(),
        };
        self.advance();
        let operand = self.deeper(Self::unary)?;
        let kind = match (operand.kind, sign) {
            (ExpressionKind::Number(digits), false) => ExpressionKind::Number(digits),
            (ExpressionKind::Number(digits), true) => ExpressionKind::Number(match digits.strip_prefix('-') {
                Some(positive) => positive.into(),
                None => format!("-{digits}").into(),
            }),
            (kind, minus) => ExpressionKind::Sign(minus, Box::new(Expression { kind, ..operand })),
        };
        Ok(Expression { span: token.span, kind })
    }
}

/// Appends to operators of the same precedence, or begins with one.
fn chain(left: Expression, operator: Operator, right: Expression, span: crate::partiql::syntax::Span) -> Expression {
    match left.kind {
        ExpressionKind::Chain(first, mut rest)
            if rest.first().is_some_and(|(other, _)| other.precedence() == operator.precedence()) =>
        {
            rest.push((operator, right));
            Expression { span: left.span, kind: ExpressionKind::Chain(first, rest) }
        }
        kind => {
            let first = Box::new(Expression { kind, ..left });
            Expression { span, kind: ExpressionKind::Chain(first, vec![(operator, right)]) }
        }
    }
}
