//! Cuts the text of a statement into tokens.
//!
//! ```text
//! name     := [A-Za-z_$] [A-Za-z0-9_$]*          "name" := any characters, "" for a quote
//! number   := digits [. digits] [e [+-] digits]  'text' := any characters, '' for a quote
//! space    := ASCII white space | -- to the end of the line | /* to */
//! ```
//!
//! Words of two parts such as `NOT IN` are one token, at the place of the first part. A character that begins no token,
//! or a text that is not closed, makes the statement malformed. Columns are counted in code points.

use super::{
    error::malformed,
    ion,
    keyword::{self, KeywordClass},
    syntax::Span,
};
use crate::error::Result;
use std::borrow::Cow;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name without quotes that is no keyword.
    Name,
    /// A name in double quotes.
    QuotedName,
    /// A keyword.
    Keyword,
    /// A keyword that can only follow something, such as `ASC`.
    Marker,
    /// An operator, written as a word or with signs.
    Operator,
    /// `'text'`
    Text,
    /// A number without a sign.
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
    /// `missing`
    Missing,
    /// `?`
    Parameter,
    /// A literal of Ion in backticks.
    Ion,
    /// `(`
    OpenParen,
    /// `)`
    CloseParen,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `{`
    OpenCurly,
    /// `}`
    CloseCurly,
    /// `<<`
    OpenBag,
    /// `>>`
    CloseBag,
    /// `:`
    Colon,
    /// `,`
    Comma,
    /// `*`
    Star,
    /// `;`
    Semicolon,
    /// `.`
    Dot,
    /// The end of the text.
    End,
}

impl TokenKind {
    /// The name that messages have for a token that is expected.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::CloseParen => "RIGHT_PAREN",
            Self::CloseBracket => "RIGHT_BRACKET",
            Self::CloseCurly => "RIGHT_CURLY",
            Self::CloseBag => "RIGHT_DOUBLE_ANGLE_BRACKET",
            Self::Colon => "COLON",
            Self::Comma => "COMMA",
            _ => "IDENTIFIER",
        }
    }
}

/// A token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    /// What it is.
    pub(super) kind: TokenKind,
    /// A keyword or operator in lower case, with both parts if it has two; empty for other tokens.
    pub(super) word: &'static str,
    /// How it is written.
    pub(super) text: &'t str,
    /// Where it is written.
    pub(super) span: Span,
}

impl<'t> Token<'t> {
    /// The content of a text or of a quoted name, or a name as it is.
    pub(super) fn content(&self) -> Cow<'t, str> {
        let (quote, doubled) = match self.kind {
            TokenKind::Text => ("'", "''"),
            TokenKind::QuotedName => ("\"", "\"\""),
            _ => return Cow::Borrowed(self.text),
        };
        let inner = self.text.get(1..self.text.len().saturating_sub(1)).unwrap_or_default();
        if inner.contains(quote) { Cow::Owned(inner.replace(doubled, quote)) } else { Cow::Borrowed(inner) }
    }
}

/// Words that are one token if they follow each other.
const PAIRS: [(&str, &str, &str, TokenKind); 16] = [
    ("not", "in", "not in", TokenKind::Operator),
    ("is", "not", "is not", TokenKind::Operator),
    ("not", "between", "not between", TokenKind::Operator),
    ("not", "like", "not like", TokenKind::Operator),
    ("union", "all", "union all", TokenKind::Operator),
    ("except", "all", "except all", TokenKind::Operator),
    ("intersect", "all", "intersect all", TokenKind::Operator),
    ("character", "varying", "character varying", TokenKind::Keyword),
    ("double", "precision", "double precision", TokenKind::Keyword),
    ("insert", "into", "insert into", TokenKind::Keyword),
    ("on", "conflict", "on conflict", TokenKind::Keyword),
    ("do", "nothing", "do nothing", TokenKind::Keyword),
    ("modified", "old", "modified old", TokenKind::Keyword),
    ("modified", "new", "modified new", TokenKind::Keyword),
    ("all", "old", "all old", TokenKind::Keyword),
    ("all", "new", "all new", TokenKind::Keyword),
];

/// Cuts a text into tokens, the last of which is its end.
pub(super) fn tokenize(text: &str) -> Result<Vec<Token<'_>>> {
    let mut lexer = Lexer { text, at: 0, line: 1, column: 1, tokens: Vec::new() };
    while lexer.space()? {
        lexer.token()?;
    }
    lexer.push(TokenKind::End, "", 0);
    Ok(lexer.tokens)
}

struct Lexer<'t> {
    text: &'t str,
    /// Offset of the next byte.
    at: usize,
    line: u32,
    column: u32,
    tokens: Vec<Token<'t>>,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Steps over bytes and counts lines and columns. A carriage return with or without a line feed ends a line.
    fn advance(&mut self, bytes: usize) {
        let passed = self.text.as_bytes().get(self.at..self.at + bytes).unwrap_or_default();
        let next = self.text.as_bytes().get(self.at + bytes);
        for (at, byte) in passed.iter().enumerate() {
            match byte {
                b'\n' => self.new_line(),
                b'\r' if passed.get(at + 1).or(next) != Some(&b'\n') => self.new_line(),
                b'\r' => {}
                // The further bytes of a code point are no columns.
                0x80..=0xBF => {}
                _ => self.column += 1,
            }
        }
        self.at += bytes;
    }

    fn new_line(&mut self) {
        self.line += 1;
        self.column = 1;
    }

    /// Steps over space and comments; whether anything follows.
    fn space(&mut self) -> Result<bool> {
        loop {
            match self.rest() {
                [] => return Ok(false),
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C, ..] => self.advance(1),
                [b'-', b'-', comment @ ..] => {
                    let length = comment.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count();
                    self.advance(2 + length);
                }
                [b'/', b'*', comment @ ..] => {
                    let end = comment.windows(2).position(|pair| pair == b"*/").ok_or_else(|| malformed(""))?;
                    self.advance(end + 4);
                }
                _ => return Ok(true),
            }
        }
    }

    /// Reads the token that begins here.
    fn token(&mut self) -> Result<()> {
        use TokenKind::{
            CloseBag, CloseBracket, CloseCurly, CloseParen, Colon, Comma, Dot, OpenBag, OpenBracket, OpenCurly,
            OpenParen, Operator, Parameter, Semicolon, Star,
        };
        let (kind, word, bytes) = match self.rest() {
            [b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$', ..] => {
                self.word();
                return Ok(());
            }
            [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => return self.number(),
            [b'\'', ..] => return self.quoted(b'\'', TokenKind::Text),
            [b'"', ..] => return self.quoted(b'"', TokenKind::QuotedName),
            [b'`', ..] => return self.ion(),
            [b'<', b'<', ..] => (OpenBag, "", 2),
            [b'>', b'>', ..] => (CloseBag, "", 2),
            [b'<', b'>', ..] | [b'!', b'=', ..] => (Operator, "<>", 2),
            [b'<', b'=', ..] => (Operator, "<=", 2),
            [b'>', b'=', ..] => (Operator, ">=", 2),
            [b'|', b'|', ..] => (Operator, "||", 2),
            [b'<', ..] => (Operator, "<", 1),
            [b'>', ..] => (Operator, ">", 1),
            [b'=', ..] => (Operator, "=", 1),
            [b'+', ..] => (Operator, "+", 1),
            [b'-', ..] => (Operator, "-", 1),
            [b'/', ..] => (Operator, "/", 1),
            [b'%', ..] => (Operator, "%", 1),
            [b'@', ..] => (Operator, "@", 1),
            [b'*', ..] => (Star, "*", 1),
            [b'(', ..] => (OpenParen, "", 1),
            [b')', ..] => (CloseParen, "", 1),
            [b'[', ..] => (OpenBracket, "", 1),
            [b']', ..] => (CloseBracket, "", 1),
            [b'{', ..] => (OpenCurly, "", 1),
            [b'}', ..] => (CloseCurly, "", 1),
            [b':', ..] => (Colon, "", 1),
            [b',', ..] => (Comma, "", 1),
            [b';', ..] => (Semicolon, "", 1),
            [b'.', ..] => (Dot, "", 1),
            [b'?', ..] => (Parameter, "", 1),
            _ => return Err(malformed("")),
        };
        self.push(kind, word, bytes);
        Ok(())
    }

    fn push(&mut self, kind: TokenKind, word: &'static str, bytes: usize) {
        let text = self.text.get(self.at..self.at + bytes).unwrap_or_default();
        let length = text.chars().count() as u32;
        let span = Span { line: self.line, column: self.column, length };
        self.advance(bytes);
        let mut token = Token { kind, word, text, span };
        if let Some(last) = self.tokens.last()
            && let Some((.., both, kind)) = PAIRS.iter().find(|(one, two, ..)| *one == last.word && *two == word)
        {
            token = Token { kind: *kind, word: both, ..*last };
            self.tokens.pop();
        }
        self.tokens.push(token);
    }

    fn word(&mut self) {
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
        let bytes = self.rest().iter().take_while(is_part).count();
        let Some(word) = self.text.get(self.at..self.at + bytes).and_then(keyword::keyword) else {
            return self.push(TokenKind::Name, "", bytes);
        };
        let kind = match keyword::class(word) {
            KeywordClass::Null => TokenKind::Null,
            KeywordClass::Missing => TokenKind::Missing,
            KeywordClass::Bool => TokenKind::Bool,
            KeywordClass::Operator => TokenKind::Operator,
            KeywordClass::Marker => TokenKind::Marker,
            KeywordClass::Plain => TokenKind::Keyword,
        };
        self.push(kind, word, bytes);
    }

    /// A number; one whose exponent, or whose scale, has more than 32 bits is malformed.
    fn number(&mut self) -> Result<()> {
        let bytes = self.rest();
        let digits =
            |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = digits(0);
        let mut fraction = 0;
        if bytes.get(end) == Some(&b'.') {
            fraction = digits(end + 1);
            end += 1 + fraction;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let length = digits(end + 1 + sign);
            let exponent = self.text.get(self.at + end + 1..self.at + end + 1 + sign + length).unwrap_or_default();
            // An exponent without digits does not parse either.
            let exponent: i64 = exponent.parse().map_err(|_| malformed(""))?;
            let scale = (fraction as i64).saturating_sub(exponent);
            if i32::try_from(exponent).is_err() || i32::try_from(scale).is_err() {
                return Err(malformed(""));
            }
            end += 1 + sign + length;
        }
        self.push(TokenKind::Number, "", end);
        Ok(())
    }

    /// A text or name up to a quote that is not doubled.
    fn quoted(&mut self, quote: u8, kind: TokenKind) -> Result<()> {
        let bytes = self.rest();
        let mut end = 1;
        loop {
            end += bytes.get(end..).unwrap_or_default().iter().take_while(|byte| **byte != quote).count() + 1;
            match bytes.get(end - 1) {
                None => return Err(malformed("")),
                Some(_) if bytes.get(end) == Some(&quote) => end += 1,
                Some(_) => break,
            }
        }
        self.push(kind, "", end);
        Ok(())
    }

    /// A literal of Ion; it may have backticks in its strings.
    fn ion(&mut self) -> Result<()> {
        let length = ion::length(self.rest()).ok_or_else(|| malformed(""))?;
        self.push(TokenKind::Ion, "", length);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<(TokenKind, String, String)> {
        let tokens = tokenize(text).unwrap();
        tokens.iter().map(|token| (token.kind, token.content().into_owned(), token.span.to_string())).collect()
    }

    #[test]
    fn tokens_know_their_places() {
        use TokenKind::{End, Name, Number, Operator, QuotedName, Text};
        let expected = [
            (QuotedName, "a\"b", "1:1:6"),
            (Operator, "<=", "1:8:2"),
            (Text, "it's", "2:1:7"),
            (Operator, "IS", "2:9:2"),
            (Name, "é", "0"),
        ];
        let found = tokens("\"a\"\"b\" <= -- c\n'it''s' IS  NOT /* x\n*/ _$9 1.5e-3");
        for (found, expected) in found.iter().zip(&expected[..4]) {
            assert_eq!((found.0, found.1.as_str(), found.2.as_str()), *expected);
        }
        assert_eq!(found[4], (Name, "_$9".to_owned(), "3:4:3".to_owned()));
        assert_eq!(found[5], (Number, "1.5e-3".to_owned(), "3:8:6".to_owned()));
        assert_eq!(found[6].0, End);
        assert_eq!(tokens("'é😀' x")[1].2, "1:6:1");
        assert_eq!(tokens("a\r\nb\rc")[2].2, "3:1:1");
    }

    #[test]
    fn numbers_end_where_they_must() {
        let texts = |text: &str| tokens(text).into_iter().map(|token| token.1).collect::<Vec<_>>();
        assert_eq!(texts("1.2.3"), ["1.2", ".3", ""]);
        assert_eq!(texts("1."), ["1.", ""]);
        assert_eq!(texts("5x"), ["5", "x", ""]);
        assert_eq!(texts("a.b"), ["a", ".", "b", ""]);
        assert_eq!(texts("1.e5"), ["1.e5", ""]);
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        for text in
            ["#", "é", "\u{a0}", "'a", "\"a", "/* a", "`1", "5e", "5e+", "1e2147483648", "1e-2147483648", "!", "|", "^"]
        {
            let error = tokenize(text).unwrap_err();
            assert_eq!(error.message(), "Statement wasn't well formed, can't be processed: ", "{text}");
        }
    }
}
