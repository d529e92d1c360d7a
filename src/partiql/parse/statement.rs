//! Statements: which one it is, and those that write.

use super::{Parser, malformed};
use crate::{
    error::Result,
    partiql::{
        syntax::{
            Change, Delete, Expression, ExpressionKind, Insert, Returning, Source, Statement, Update, precedence,
        },
        token::TokenKind,
    },
};

impl Parser<'_> {
    /// The whole statement.
    pub(super) fn top(&mut self) -> Result<Statement> {
        match self.word() {
            "insert into" | "set" | "remove" | "update" | "delete" | "from" => self.write(),
            _ => {
                let expression = self.expression(precedence::LOWEST)?;
                Ok(match expression.kind {
                    ExpressionKind::Select(select) => Statement::Select(*select),
                    kind => Statement::Expression(Expression { kind, ..expression }),
                })
            }
        }
    }

    /// A statement that writes; the next token is its first word.
    pub(super) fn write(&mut self) -> Result<Statement> {
        match self.word() {
            "insert into" => Ok(Statement::Insert(self.insert()?)),
            "delete" => {
                self.advance();
                if !self.accept_word("from") {
                    return Err(malformed("Expected FROM after DELETE"));
                }
                let from = self.target()?;
                let condition = self.where_clause(precedence::LOWEST)?;
                let returning = self.returning()?;
                Ok(Statement::Delete(Delete { from, condition, returning }))
            }
            "update" => {
                self.advance();
                let from = vec![self.target()?];
                let clauses = self.changes()?;
                let condition = self.where_clause(precedence::LOWEST)?;
                let returning = self.returning()?;
                Ok(Statement::Update(Update { from, clauses, condition, returning }))
            }
            "from" => {
                self.advance();
                let from = self.sources(precedence::LOWEST)?;
                let condition = self.where_clause(precedence::LOWEST)?;
                let clauses = self.changes()?;
                let returning = self.returning()?;
                Ok(Statement::Update(Update { from, clauses, condition, returning }))
            }
            _ => {
                let mut clauses = Vec::new();
                self.change(&mut clauses)?;
                Ok(Statement::Update(Update { from: Vec::new(), clauses, condition: None, returning: Vec::new() }))
            }
        }
    }

    fn target(&mut self) -> Result<Source> {
        let path = self.simple_path()?;
        let alias = self.alias()?;
        Ok(Source { path, alias })
    }

    fn changes(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        while self.change(&mut changes)? {}
        if changes.is_empty() { Err(malformed("Expected data manipulation")) } else { Ok(changes) }
    }

    /// One clause with all its assignments; whether there is one.
    fn change(&mut self, changes: &mut Vec<Change>) -> Result<bool> {
        match self.word() {
            "set" => {
                self.advance();
                let assignments = self.list(|parser| {
                    let path = parser.simple_path()?;
                    if !parser.accept_word("=") {
                        return Err(malformed("Expected '='"));
                    }
                    Ok(Change::Set(path, parser.expression(precedence::LOWEST)?))
                })?;
                changes.extend(assignments);
            }
            "remove" => {
                self.advance();
                changes.push(Change::Remove(self.simple_path()?));
            }
            "insert into" => {
                self.nested.get_or_insert("insert_into");
                self.insert()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn insert(&mut self) -> Result<Insert> {
        self.advance();
        let table = self.simple_path()?;
        let is_single = self.accept_word("value");
        let value = self.expression(precedence::LOWEST)?;
        let mut insert = Insert { table, value, is_single, position: None, on_conflict: None, returning: Vec::new() };
        if !is_single {
            return Ok(insert);
        }
        if self.accept_word("at") {
            insert.position = Some(self.expression(precedence::LOWEST)?);
        }
        if self.accept_word("on conflict") {
            if !self.accept_word("where") {
                return Err(malformed("invalid ON CONFLICT syntax"));
            }
            insert.on_conflict = Some(self.expression(precedence::LOWEST)?);
            if !self.accept_word("do nothing") {
                return Err(malformed("invalid ON CONFLICT syntax"));
            }
        }
        insert.returning = self.returning()?;
        Ok(insert)
    }

    fn returning(&mut self) -> Result<Vec<Returning>> {
        if !self.accept_word("returning") {
            return Ok(Vec::new());
        }
        self.list(|parser| {
            let (modified, old) = match parser.word() {
                "modified old" => (true, true),
                "modified new" => (true, false),
                "all old" => (false, true),
                "all new" => (false, false),
                _ => {
                    let detail = "Expected ( MODIFIED | ALL ) ( NEW | OLD ) in each returning element.";
                    return Err(malformed(detail));
                }
            };
            parser.advance();
            let column =
                if parser.accept(TokenKind::Star) { None } else { Some(parser.expression(precedence::LOWEST)?) };
            Ok(Returning { modified, old, column })
        })
    }
}
