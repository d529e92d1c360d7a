//! Cuts the text of an expression into tokens, one at a time, as the parsers ask for them.
//!
//! DynamoDB's expressions have no literals: a token is a name, a placeholder (`#alias` or `:value`), a run of digits
//! (list indexes only), a punctuation mark or an operator. Only space, tab, carriage return and line feed separate
//! tokens; any other character stands alone as an unknown token, which no grammar accepts.
//!
//! The cursor keeps the token before the current one, because a syntax error quotes the text from there to the token
//! after the offending one: `ADD hits : incr` is rejected with `token: ":", near: "hits : incr"`.

use super::ExpressionKind;
use crate::error::Error;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A letter, then letters, digits and underscores.
    Name,
    /// `#` and at least one letter, digit or underscore.
    NamePlaceholder,
    /// `:` and at least one letter, digit or underscore.
    ValuePlaceholder,
    /// Decimal digits; a leading zero stands alone.
    Digits,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
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
    /// A character that begins no token.
    Unknown,
    /// The end of the text.
    End,
}

/// A token and the bytes of the text it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: TokenKind,
    /// Offset of its first byte.
    pub(super) start: usize,
    /// Offset after its last byte.
    pub(super) end: usize,
}

/// A position in the text: the current token and the start of the one before.
pub(super) struct Cursor<'t> {
    text: &'t str,
    kind: ExpressionKind,
    previous_start: Option<usize>,
    current: Token,
}

impl<'t> Cursor<'t> {
    /// A cursor on the first token of an expression of this kind.
    pub(super) fn new(kind: ExpressionKind, text: &'t str) -> Self {
        Self { text, kind, previous_start: None, current: token_at(text, 0) }
    }

    /// The kind of expression that is being read.
    pub(super) fn kind(&self) -> ExpressionKind {
        self.kind
    }

    /// The current token.
    pub(super) fn current(&self) -> Token {
        self.current
    }

    /// The text of a token; empty at the end.
    pub(super) fn text_of(&self, token: Token) -> &'t str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    /// Steps to the next token and returns the one just left.
    pub(super) fn advance(&mut self) -> Token {
        let left = self.current;
        self.previous_start = Some(left.start);
        self.current = token_at(self.text, left.end);
        left
    }

    /// Steps over a token of this kind, if the current one is.
    pub(super) fn accept(&mut self, kind: TokenKind) -> bool {
        let found = self.current.kind == kind;
        if found {
            self.advance();
        }
        found
    }

    /// Steps over a token of this kind, or rejects the current one.
    pub(super) fn expect(&mut self, kind: TokenKind) -> Result<Token, Error> {
        if self.current.kind == kind { Ok(self.advance()) } else { Err(self.syntax_error()) }
    }

    /// Whether the token after the current one opens a parenthesis: the current name is then a function's.
    pub(super) fn parenthesis_follows(&self) -> bool {
        token_at(self.text, self.current.end).kind == TokenKind::Open
    }

    /// Whether a digit follows the current token without a space: it is the zero of an index such as `[01]`.
    pub(super) fn digit_follows(&self) -> bool {
        self.text.as_bytes().get(self.current.end).is_some_and(u8::is_ascii_digit)
    }

    /// The error of the current token.
    pub(super) fn syntax_error(&self) -> Error {
        let token = self.current;
        let from = self.previous_start.unwrap_or(if token.kind == TokenKind::End { 0 } else { token.start });
        let (quoted, to) = match token.kind {
            TokenKind::End => ("<EOF>", self.text.len()),
            _ => (self.text_of(token), token_at(self.text, token.end).end),
        };
        let near = self.text.get(from..to).unwrap_or_default();
        self.kind.error(format_args!("Syntax error; token: \"{quoted}\", near: \"{near}\""))
    }
}

fn token_at(text: &str, from: usize) -> Token {
    let bytes = text.as_bytes();
    let mut start = from;
    while matches!(bytes.get(start), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        start += 1;
    }
    let Some(&first) = bytes.get(start) else {
        return Token { kind: TokenKind::End, start, end: start };
    };
    let second = bytes.get(start + 1).copied();
    let (kind, len) = match first {
        b'a'..=b'z' | b'A'..=b'Z' => (TokenKind::Name, 1 + word_len(bytes, start + 1)),
        b'#' | b':' => match (first, word_len(bytes, start + 1)) {
            (_, 0) => (TokenKind::Unknown, 1),
            (b'#', word) => (TokenKind::NamePlaceholder, 1 + word),
            (_, word) => (TokenKind::ValuePlaceholder, 1 + word),
        },
        b'0' => (TokenKind::Digits, 1),
        b'1'..=b'9' => (TokenKind::Digits, digits_len(bytes, start)),
        b'(' => (TokenKind::Open, 1),
        b')' => (TokenKind::Close, 1),
        b',' => (TokenKind::Comma, 1),
        b'.' => (TokenKind::Dot, 1),
        b'[' => (TokenKind::OpenBracket, 1),
        b']' => (TokenKind::CloseBracket, 1),
        b'=' => (TokenKind::Equal, 1),
        b'<' if second == Some(b'>') => (TokenKind::NotEqual, 2),
        b'<' if second == Some(b'=') => (TokenKind::LessOrEqual, 2),
        b'<' => (TokenKind::Less, 1),
        b'>' if second == Some(b'=') => (TokenKind::GreaterOrEqual, 2),
        b'>' => (TokenKind::Greater, 1),
        b'+' => (TokenKind::Plus, 1),
        b'-' => (TokenKind::Minus, 1),
        _ => (TokenKind::Unknown, text.get(start..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8)),
    };
    Token { kind, start, end: start + len }
}

fn word_len(bytes: &[u8], from: usize) -> usize {
    let word = bytes.get(from..).unwrap_or_default();
    word.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count()
}

fn digits_len(bytes: &[u8], from: usize) -> usize {
    bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count()
}

/// Whether a text is a name that needs no placeholder, apart from reserved words.
pub(super) fn is_plain_name(text: &str) -> bool {
    let token = token_at(text, 0);
    token.kind == TokenKind::Name && token.start == 0 && token.end == text.len()
}

/// Whether a text is a complete placeholder: the sigil and at least one letter, digit or underscore.
pub(super) fn is_placeholder(text: &str, sigil: char) -> bool {
    text.strip_prefix(sigil).is_some_and(|word| !word.is_empty() && word_len(word.as_bytes(), 0) == word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, String)> {
        let mut cursor = Cursor::new(ExpressionKind::Condition, text);
        let mut out = Vec::new();
        while cursor.current().kind != TokenKind::End {
            let token = cursor.advance();
            out.push((token.kind, cursor.text_of(token).to_owned()));
        }
        out
    }

    #[test]
    fn cuts_names_placeholders_and_operators() {
        use TokenKind::*;
        let expected = [
            (NamePlaceholder, "#1a"),
            (Dot, "."),
            (Name, "b_2"),
            (OpenBracket, "["),
            (Digits, "10"),
            (CloseBracket, "]"),
            (LessOrEqual, "<="),
            (ValuePlaceholder, ":v"),
            (NotEqual, "<>"),
            (Greater, ">"),
        ];
        let found = kinds(" #1a.b_2[10]<=:v\t<>\r\n>");
        assert_eq!(found.len(), expected.len());
        for ((kind, text), (expected_kind, expected_text)) in found.iter().zip(expected) {
            assert_eq!((*kind, text.as_str()), (expected_kind, expected_text));
        }
    }

    #[test]
    fn anything_else_is_unknown() {
        for text in ["_a", "ü", "!", "\"x\"", "#", ":", "\u{a0}"] {
            let first = kinds(text).first().map(|(kind, _)| *kind);
            assert_eq!(first, Some(TokenKind::Unknown), "{text}");
        }
    }

    #[test]
    fn quotes_one_token_to_each_side() {
        let mut cursor = Cursor::new(ExpressionKind::Update, "ADD hits : incr");
        cursor.advance();
        cursor.advance();
        let expected = "Invalid UpdateExpression: Syntax error; token: \":\", near: \"hits : incr\"";
        assert_eq!(cursor.syntax_error().message(), expected);
        let blank = Cursor::new(ExpressionKind::Projection, "   ");
        let expected = "Invalid ProjectionExpression: Syntax error; token: \"<EOF>\", near: \"   \"";
        assert_eq!(blank.syntax_error().message(), expected);
    }
}
