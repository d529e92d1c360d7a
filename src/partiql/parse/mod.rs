//! Parses statements: by recursive descent, with a bound on depth that every nested expression counts against.
//!
//! ```text
//! statement := (select | insert | update | delete | expression) [';']
//! select    := SELECT ('*' | item, ..) FROM source [WHERE expression] [ORDER BY term, ..]
//! insert    := INSERT INTO path VALUE expression [RETURNING ..]
//! update    := UPDATE path change.. [WHERE expression] [RETURNING ..]      change := SET path = expression, ..
//!            | FROM source [WHERE expression] change.. [RETURNING ..]               | REMOVE path
//! delete    := DELETE FROM path [WHERE expression] [RETURNING ..]
//! ```
//!
//! The grammar is wider than what DynamoDB runs, as its own parser's is: which text a malformed statement gets depends
//! on how far that parser reads. It reads a statement as an expression first, so that `SLECT * FROM "T"` is a name, a
//! multiplication, and a `FROM` that lacks its `SET`.

mod expression;
mod select;
mod statement;
mod term;

use super::{
    error::{malformed, nested_too_deeply},
    key_read::KeyRead,
    syntax::Statement,
    token::{Token, TokenKind, tokenize},
};
use crate::error::{Error, Result};

/// Most code points of a statement.
pub const MAX_STATEMENT_LENGTH: usize = 8192;
/// Most expressions inside of each other.
const MAX_DEPTH: usize = 200;

/// A statement and the number of its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parsed {
    /// The statement as it is written.
    pub(super) text: Box<str>,
    pub(super) statement: Statement,
    pub(super) parameters: usize,
    /// Set if the statement may be a read of one item by its key.
    pub(super) key_read: Option<KeyRead>,
}

/// Parses a statement of at most [`MAX_STATEMENT_LENGTH`] code points.
///
/// # Errors
/// `Statement wasn't well formed, can't be processed: ...` with DynamoDB's detail.
pub(super) fn parse(text: &str) -> Result<Parsed> {
    let mut parser = Parser { tokens: tokenize(text)?, at: 0, depth: 0, parameters: 0, nested: None };
    let statement = parser.top()?;
    if !parser.at_end_of_statement() {
        let detail = if parser.kind() == TokenKind::Semicolon {
            "Unexpected token after semicolon. (Only one query is allowed.)"
        } else {
            "Unexpected token after expression"
        };
        return Err(malformed(detail));
    }
    if let Some(word) = parser.nested {
        return Err(malformed(format_args!("Keyword {word} only expected at the top level in the query")));
    }
    let key_read = KeyRead::of(&statement);
    Ok(Parsed { text: text.into(), statement, parameters: parser.parameters, key_read })
}

struct Parser<'t> {
    /// At least the end.
    tokens: Vec<Token<'t>>,
    at: usize,
    /// Expressions that have begun and not ended.
    depth: usize,
    /// Question marks so far.
    parameters: usize,
    /// A statement that writes, inside of an expression.
    nested: Option<&'static str>,
}

impl<'t> Parser<'t> {
    /// The token that comes `ahead` tokens after the next one; the end, if there are no more.
    fn peek(&self, ahead: usize) -> Token<'t> {
        let last = self.tokens.last();
        let end = Token { kind: TokenKind::End, word: "", text: "", span: super::syntax::Span::default() };
        self.tokens.get(self.at + ahead).or(last).copied().unwrap_or(end)
    }

    fn current(&self) -> Token<'t> {
        self.peek(0)
    }

    fn kind(&self) -> TokenKind {
        self.current().kind
    }

    /// The keyword or operator that comes next; empty for other tokens.
    fn word(&self) -> &'static str {
        self.current().word
    }

    /// Tokens that are left, the end included.
    fn left(&self) -> usize {
        self.tokens.len().saturating_sub(self.at)
    }

    fn advance(&mut self) -> Token<'t> {
        let token = self.current();
        self.at += 1;
        token
    }

    /// Steps over a token of this kind, if it comes next.
    fn accept(&mut self, kind: TokenKind) -> bool {
        let found = self.kind() == kind;
        self.at += usize::from(found);
        found
    }

    /// Steps over a keyword, if it comes next.
    fn accept_word(&mut self, word: &str) -> bool {
        let found = self.word() == word;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, kind: TokenKind) -> Result<()> {
        if self.accept(kind) { Ok(()) } else { Err(malformed(format_args!("Expected {}", kind.expected()))) }
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.accept_word(word) {
            return Ok(());
        }
        Err(malformed(format_args!("Expected {} keyword", word.to_ascii_uppercase())))
    }

    /// Whether nothing is left, or a semicolon and nothing.
    fn at_end_of_statement(&self) -> bool {
        match self.left() {
            0 | 1 => true,
            2 => self.kind() == TokenKind::Semicolon,
            _ => false,
        }
    }

    /// Runs a part of the parser one level deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(nested_too_deeply());
        }
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    /// Items with commas between them, at least one.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.accept(TokenKind::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

fn unexpected_keyword() -> Error {
    malformed("Unexpected keyword")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(text: &str) -> String {
        let error = parse(text).expect_err(text);
        let prefix = "Statement wasn't well formed, can't be processed: ";
        error.message().strip_prefix(prefix).expect(text).to_owned()
    }

    #[test]
    fn malformed_statements_get_dynamodb_s_details() {
        let cases = [
            ("SELECT * FROM \"T\" WHERE", "Unexpected term"),
            ("SELECT * FROM \"T\" WHERE pk = 'a' AND", "Missing right-hand side expression of infix operator"),
            ("SELECT * FROM \"T\" WHERE IS NULL", "Unexpected operator"),
            ("SELECT * FROM \"T\" WHERE ORDER BY pk", "Unexpected keyword"),
            ("SELECT * FROM \"T\" WHERE n BETWEEN 1 AND", "Expected expression after AND"),
            ("SELECT * FROM \"T\" WHERE n BETWEEN 1 OR 2", "Expected AND keyword"),
            ("SELECT * FROM", "Unexpected term"),
            ("SELECT * FROM WHERE a = 1", "Unexpected keyword"),
            ("SELECT", "Unexpected term"),
            (
                "SELECT FROM \"T\"",
                "Expected identifier or an expression but found unexpected keyword 'from' in a select list.",
            ),
            ("DELETE", "Expected FROM after DELETE"),
            ("DELETE FROM;", "Expected identifier for simple path"),
            ("UPDATE", "Expected identifier for simple path"),
            ("SET", "Expected identifier for simple path"),
            ("REMOVE", "Expected identifier for simple path"),
            ("INSERT INTO", "Expected identifier for simple path"),
            ("INSERT", "Unexpected keyword"),
            ("EXISTS", "Unexpected keyword"),
            ("LIMIT", "Unexpected keyword"),
            ("SLECT * FROM \"T\"", "Expected data manipulation"),
            ("SLECT *", "Missing right-hand side expression of infix operator"),
            ("FROM \"T\" WHERE pk = 'a'", "Expected data manipulation"),
            ("FROM \"T\" SET c = 1 WHERE pk = 'a'", "Unexpected token after expression"),
            ("INSRT INTO \"T\" VALUE {}", "Unexpected token after expression"),
            ("UPDATE \"T\" REMOVE a, b WHERE pk = 'a'", "Unexpected token after expression"),
            ("UPDATE \"T\" SET a 1", "Expected '='"),
            ("DELETE FROM \"T\" WHERE pk = 'a' ORDER BY pk", "Unexpected token after expression"),
            ("SELECT * FROM \"T\" ORDER BY pk WHERE a = 1", "Unexpected token after expression"),
            ("SELECT * FROM \"T\"; foo", "Unexpected token after semicolon. (Only one query is allowed.)"),
            ("SELECT * FROM \"T\";;", "Unexpected token after semicolon. (Only one query is allowed.)"),
            (";", "Unexpected term"),
            ("", "Unexpected term"),
            ("SELECT * FROM \"T\" WHERE a = [1,]", "Unexpected term"),
            ("SELECT * FROM \"T\" WHERE a = [1", "Expected RIGHT_BRACKET"),
            ("SELECT * FROM \"T\" WHERE (a = 1", "Expected RIGHT_PAREN"),
            ("SELECT * FROM \"T\" WHERE a = 1)", "Unexpected token after expression"),
            ("SELECT * FROM \"T\" WHERE a = <<1", "Expected RIGHT_DOUBLE_ANGLE_BRACKET"),
            ("SELECT * FROM \"T\" WHERE a = {'b' 1}", "Expected COLON"),
            ("SELECT * FROM \"T\" WHERE a = {'b': X'00'}", "Expected RIGHT_CURLY"),
            ("SELECT * FROM \"T\" WHERE a = X'00'", "Unexpected token after expression"),
            ("SELECT * FROM \"T\" WHERE x IS MAP", "Expected type name"),
            ("SELECT * FROM \"T\" WHERE x IS DOUBLE", "Expected type name"),
            ("SELECT * FROM \"T\" WHERE x NOT foo", "Unexpected token after expression"),
            ("SELECT * FROM \"T\" WHERE a = 1.2.3", "Unexpected token after expression"),
            ("SELECT m.inner FROM \"T\"", "Invalid path dot component"),
            ("CASE WHEN a = 1 END", "Expected THEN keyword"),
            ("CASE WHEN a = 1 THEN 2", "Expected END keyword"),
            ("CASE a END", "Expected a WHEN clause in CASE"),
            (
                "UPDATE \"T\" SET a = 1 WHERE pk = 'a' RETURNING *",
                "Expected ( MODIFIED | ALL ) ( NEW | OLD ) in each returning element.",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(detail(text), expected, "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        for opening in ["(", "[", "<<", "{'a':", "NOT(", "-", "a = NOT ", "a.b[", "f(", "CASE WHEN "] {
            let text = opening.repeat(MAX_STATEMENT_LENGTH / opening.len());
            assert!(parse(&text).is_err(), "{opening}");
        }
        let chains = ["1 + ", "a AND ", "a IS NULL AND NOT ", "a BETWEEN 1 AND "];
        for link in chains {
            let text = link.repeat(MAX_STATEMENT_LENGTH / link.len() - 1) + "a";
            assert_eq!(parse(&text).is_ok(), !link.starts_with("a BETWEEN"), "{link}");
        }
        let words = "NOT ".repeat(1020);
        assert!(parse(&format!("SELECT * FROM T WHERE {words}a = 1")).is_ok());
    }
}
