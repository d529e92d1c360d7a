//! Terms: literals, names, paths, calls, groups, and statements inside of expressions.

use super::{Parser, malformed, unexpected_keyword};
use crate::{
    error::Result,
    partiql::{
        ion, keyword,
        syntax::{Arguments, Case, Expression, ExpressionKind, PathStep, precedence},
        token::{Token, TokenKind},
    },
};

impl Parser<'_> {
    /// A term and the steps behind it.
    pub(super) fn path(&mut self) -> Result<Expression> {
        let root = self.term()?;
        self.steps(root, false)
    }

    /// A name and steps, as it is behind `UPDATE`, `SET`, `REMOVE`, `DELETE FROM` and `INSERT INTO`.
    pub(super) fn simple_path(&mut self) -> Result<Expression> {
        if !matches!(self.kind(), TokenKind::Name | TokenKind::QuotedName) {
            return Err(malformed("Expected identifier for simple path"));
        }
        let root = self.name();
        self.steps(root, true)
    }

    fn steps(&mut self, root: Expression, is_simple: bool) -> Result<Expression> {
        let mut steps = Vec::new();
        loop {
            if self.accept(TokenKind::Dot) {
                steps.push(match self.kind() {
                    TokenKind::Name | TokenKind::QuotedName => {
                        PathStep::Name(self.advance().content().into_owned().into())
                    }
                    TokenKind::Star if is_simple => {
                        return Err(malformed("Invalid path dot component for simple path"));
                    }
                    TokenKind::Star => {
                        self.advance();
                        PathStep::AllMembers
                    }
                    _ => return Err(malformed("Invalid path dot component")),
                });
            } else if self.accept(TokenKind::OpenBracket) {
                steps.push(if self.accept(TokenKind::Star) {
                    PathStep::AllElements
                } else {
                    PathStep::Index(self.expression(precedence::LOWEST)?)
                });
                self.expect(TokenKind::CloseBracket)?;
                let is_literal = match steps.last() {
                    Some(PathStep::Index(index)) => index.kind_name() == "Lit",
                    _ => false,
                };
                if is_simple && !is_literal {
                    return Err(malformed("Invalid path component for simple path"));
                }
            } else if steps.is_empty() {
                return Ok(root);
            } else {
                return Ok(Expression { span: root.span, kind: ExpressionKind::Path(Box::new(root), steps) });
            }
        }
    }

    fn name(&mut self) -> Expression {
        let token = self.advance();
        Expression { span: token.span, kind: ExpressionKind::Name(token.content().into_owned().into()) }
    }

    fn term(&mut self) -> Result<Expression> {
        let token = self.current();
        let kind = match token.kind {
            TokenKind::Operator if token.word == "@" => {
                self.advance();
                if !matches!(self.kind(), TokenKind::Name | TokenKind::QuotedName) {
                    return Err(malformed("Identifier must follow @-operator"));
                }
                return Ok(self.name());
            }
            TokenKind::Operator => return Err(malformed("Unexpected operator")),
            TokenKind::Keyword => return self.keyword(),
            TokenKind::Name | TokenKind::QuotedName if self.peek(1).kind == TokenKind::OpenParen => {
                let name = token.content().to_lowercase();
                return self.call(name.into());
            }
            TokenKind::Name | TokenKind::QuotedName => return Ok(self.name()),
            TokenKind::OpenParen => return self.group(),
            TokenKind::OpenBracket => ExpressionKind::List(self.members(TokenKind::CloseBracket)?),
            TokenKind::OpenBag => ExpressionKind::Bag(self.members(TokenKind::CloseBag)?),
            TokenKind::OpenCurly => return self.structure(),
            _ => {
                let kind = self.literal(token)?;
                self.advance();
                kind
            }
        };
        Ok(Expression { span: token.span, kind })
    }

    fn literal(&mut self, token: Token<'_>) -> Result<ExpressionKind> {
        Ok(match token.kind {
            TokenKind::Text => ExpressionKind::Text(token.content().into_owned().into()),
            TokenKind::Number => ExpressionKind::Number(token.text.into()),
            TokenKind::Bool => ExpressionKind::Bool(token.word == "true"),
            TokenKind::Null => ExpressionKind::Null,
            TokenKind::Missing => ExpressionKind::Missing,
            TokenKind::Parameter => {
                self.parameters += 1;
                ExpressionKind::Parameter(self.parameters - 1)
            }
            TokenKind::Ion => {
                let literal = token.text.trim_matches('`');
                let type_name = ion::type_name(literal).ok_or_else(|| malformed(""))?;
                ExpressionKind::Ion(literal.into(), type_name)
            }
            _ => return Err(malformed("Unexpected term")),
        })
    }

    /// What follows an opening bracket, up to the closing one.
    fn members(&mut self, close: TokenKind) -> Result<Vec<Expression>> {
        self.advance();
        if self.accept(close) {
            return Ok(Vec::new());
        }
        let members = self.list(|parser| parser.expression(precedence::LOWEST))?;
        self.expect(close)?;
        Ok(members)
    }

    /// An expression in parentheses; several are a list.
    fn group(&mut self) -> Result<Expression> {
        let span = self.advance().span;
        let mut members = self.list(|parser| parser.expression(precedence::LOWEST))?;
        self.expect(TokenKind::CloseParen)?;
        match (members.len(), members.pop()) {
            (1, Some(only)) => Ok(only),
            (_, last) => {
                members.extend(last);
                Ok(Expression { span, kind: ExpressionKind::List(members) })
            }
        }
    }

    fn structure(&mut self) -> Result<Expression> {
        let span = self.advance().span;
        let mut members = Vec::new();
        if !self.accept(TokenKind::CloseCurly) {
            members = self.list(|parser| {
                let name = parser.expression(precedence::LOWEST)?;
                parser.expect(TokenKind::Colon)?;
                Ok((name, parser.expression(precedence::LOWEST)?))
            })?;
            self.expect(TokenKind::CloseCurly)?;
        }
        Ok(Expression { span, kind: ExpressionKind::Struct(members) })
    }

    /// A call; the next two tokens are its name and a parenthesis.
    fn call(&mut self, name: Box<str>) -> Result<Expression> {
        let span = self.advance().span;
        self.advance();
        let is_aggregate = matches!(&*name, "count" | "avg" | "max" | "min" | "sum");
        let arguments = if self.kind() == TokenKind::Star {
            if &*name != "count" {
                return Err(malformed(format_args!("{name}(*) is not allowed")));
            }
            self.advance();
            Arguments::Star
        } else if is_aggregate && self.accept_word("distinct") {
            Arguments::Distinct(self.list(|parser| parser.expression(precedence::LOWEST))?)
        } else {
            if is_aggregate {
                self.accept_word("all");
            }
            let is_empty = self.kind() == TokenKind::CloseParen;
            if is_aggregate && is_empty {
                return Err(malformed("Aggregate functions are always unary"));
            }
            let arguments =
                if is_empty { Vec::new() } else { self.list(|parser| parser.expression(precedence::LOWEST))? };
            Arguments::List(arguments)
        };
        self.expect(TokenKind::CloseParen)?;
        Ok(Expression { span, kind: call_kind(name, arguments) })
    }

    /// A term that begins with a keyword.
    fn keyword(&mut self) -> Result<Expression> {
        let token = self.current();
        let is_call = self.peek(1).kind == TokenKind::OpenParen;
        match token.word {
            "insert into" | "set" | "remove" | "update" | "delete" | "from" => {
                self.nested.get_or_insert(token.word);
                self.deeper(Self::write)?;
                Ok(Expression { span: token.span, kind: ExpressionKind::Missing })
            }
            "select" => {
                let select = self.deeper(Self::select)?;
                Ok(Expression { span: token.span, kind: ExpressionKind::Select(Box::new(select)) })
            }
            "case" => self.case(),
            "values" => self.table_values(),
            word if keyword::is_function(word) && is_call => self.call(word.into()),
            word if keyword::is_special_function(word) => {
                if !is_call {
                    return Err(malformed(format_args!("Missing left parenthesis after {word}")));
                }
                self.special_call(word)
            }
            _ => Err(unexpected_keyword()),
        }
    }

    /// A call whose arguments have separators of their own; they are read as though these were commas.
    fn special_call(&mut self, name: &'static str) -> Result<Expression> {
        let span = self.advance().span;
        self.advance();
        let mut arguments = vec![self.expression(precedence::LOWEST)?];
        while !self.accept(TokenKind::CloseParen) {
            let is_separator = self.kind() == TokenKind::Comma || matches!(self.word(), "as" | "for" | "from");
            if !is_separator {
                return Err(malformed(format_args!("Expected {}", TokenKind::CloseParen.expected())));
            }
            let is_type = self.advance().word == "as";
            if is_type && self.kind() == TokenKind::Keyword {
                let token = self.advance();
                arguments.push(Expression { span: token.span, kind: ExpressionKind::Name(token.word.into()) });
            } else {
                arguments.push(self.expression(precedence::LOWEST)?);
            }
        }
        Ok(Expression { span, kind: ExpressionKind::Call(name.into(), Arguments::List(arguments)) })
    }

    fn case(&mut self) -> Result<Expression> {
        let span = self.advance().span;
        let value = if self.word() == "when" { None } else { Some(self.expression(precedence::LOWEST)?) };
        let mut branches = Vec::new();
        while self.accept_word("when") {
            let condition = self.expression(precedence::LOWEST)?;
            self.expect_word("then")?;
            branches.push((condition, self.expression(precedence::LOWEST)?));
        }
        if branches.is_empty() {
            return Err(malformed("Expected a WHEN clause in CASE"));
        }
        let otherwise = if self.accept_word("else") { Some(self.expression(precedence::LOWEST)?) } else { None };
        self.expect_word("end")?;
        Ok(Expression { span, kind: ExpressionKind::Case(Box::new(Case { value, branches, otherwise })) })
    }

    /// `VALUES (a, b), ..`, which is a bag of lists.
    fn table_values(&mut self) -> Result<Expression> {
        let span = self.advance().span;
        let rows = self.list(|parser| {
            let row = parser.current().span;
            if !parser.accept(TokenKind::OpenParen) {
                return Err(malformed("Expected LEFT_PAREN for row value constructor"));
            }
            let members = parser.list(|parser| parser.expression(precedence::LOWEST))?;
            parser.expect(TokenKind::CloseParen)?;
            Ok(Expression { span: row, kind: ExpressionKind::List(members) })
        })?;
        Ok(Expression { span, kind: ExpressionKind::Bag(rows) })
    }
}

/// A call, or the container that `LIST(..)` and `BAG(..)` stand for.
fn call_kind(name: Box<str>, arguments: Arguments) -> ExpressionKind {
    match (&*name, arguments) {
        ("list", Arguments::List(members)) => ExpressionKind::List(members),
        ("bag", Arguments::List(members)) => ExpressionKind::Bag(members),
        (_, arguments) => ExpressionKind::Call(name, arguments),
    }
}
