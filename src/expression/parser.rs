//! What the three grammars have in common: paths, values and the keywords that divide an expression.

use super::{
    ExpressionKind,
    check::Findings,
    names::Scope,
    path::{Path, Step, parse_index},
    reserved::is_reserved,
    token::{Cursor, Token, TokenKind},
};
use crate::{error::Result, item::AttributeValue};

/// A word with a meaning of its own; which words these are depends on the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `NOT`
    Not,
    /// `IN`
    In,
    /// `BETWEEN`
    Between,
    /// `SET`
    Set,
    /// `REMOVE`
    Remove,
    /// `ADD`
    Add,
    /// `DELETE`
    Delete,
}

const CONDITION_KEYWORDS: [(&str, Keyword); 5] = [
    ("and", Keyword::And),
    ("or", Keyword::Or),
    ("not", Keyword::Not),
    ("in", Keyword::In),
    ("between", Keyword::Between),
];
const UPDATE_KEYWORDS: [(&str, Keyword); 4] =
    [("set", Keyword::Set), ("remove", Keyword::Remove), ("add", Keyword::Add), ("delete", Keyword::Delete)];

/// Whether a word is a keyword of any grammar.
pub(super) fn is_keyword(word: &str) -> bool {
    CONDITION_KEYWORDS.iter().chain(&UPDATE_KEYWORDS).any(|(keyword, _)| keyword.eq_ignore_ascii_case(word))
}

/// A cursor with the placeholders in scope and the faults found so far.
pub(super) struct Parser<'t, 's, 'p> {
    /// Where the text is being read.
    pub(super) cursor: Cursor<'t>,
    /// Faults so far.
    pub(super) findings: Findings,
    scope: &'s mut Scope<'p>,
}

impl<'t, 's, 'p> Parser<'t, 's, 'p> {
    /// A parser at the beginning of a text that is neither empty nor too long.
    pub(super) fn new(kind: ExpressionKind, text: &'t str, scope: &'s mut Scope<'p>) -> Result<Self> {
        kind.check_text(text)?;
        Ok(Self { cursor: Cursor::new(kind, text), findings: Findings::default(), scope })
    }

    /// The keyword that a token is in this kind of expression.
    pub(super) fn keyword(&self, token: Token) -> Option<Keyword> {
        if token.kind != TokenKind::Name || token.end - token.start > "between".len() {
            return None;
        }
        let words: &[(&str, Keyword)] = match self.cursor.kind() {
            ExpressionKind::Update => &UPDATE_KEYWORDS,
            ExpressionKind::Projection => &[],
            _ => &CONDITION_KEYWORDS,
        };
        let text = self.cursor.text_of(token);
        words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, keyword)| *keyword)
    }

    /// The keyword that the current token is.
    pub(super) fn current_keyword(&self) -> Option<Keyword> {
        self.keyword(self.cursor.current())
    }

    /// Whether the current token is a path's first name and no function's.
    pub(super) fn at_path(&self) -> bool {
        match self.cursor.current().kind {
            TokenKind::NamePlaceholder => true,
            TokenKind::Name => self.current_keyword().is_none(),
            _ => false,
        }
    }

    /// Reads a path.
    pub(super) fn path(&mut self) -> Result<Path> {
        let mut path = Path::attribute(self.name()?);
        self.steps(&mut path)?;
        Ok(path)
    }

    /// Reads the steps that go on from a path, if any.
    pub(super) fn steps(&mut self, path: &mut Path) -> Result<()> {
        loop {
            if self.cursor.accept(TokenKind::Dot) {
                let name = self.name()?;
                path.push(Step::Name(name));
            } else if self.cursor.accept(TokenKind::OpenBracket) {
                let index = self.index()?;
                path.push(Step::Index(index));
            } else {
                self.findings.note_levels(path.levels());
                return Ok(());
            }
        }
    }

    fn name(&mut self) -> Result<Box<str>> {
        if !self.at_path() {
            return Err(self.cursor.syntax_error());
        }
        let token = self.cursor.advance();
        let text = self.cursor.text_of(token);
        if token.kind == TokenKind::Name {
            if is_reserved(text) {
                let fault = || format!("Attribute name is a reserved keyword; reserved keyword: {text}");
                Findings::note(&mut self.findings.reserved, fault);
            }
            return Ok(text.into());
        }
        let name = self.scope.name(text);
        if name.is_none() {
            let fault = || {
                "An expression attribute name used in the document path is not defined; attribute name: ".to_owned()
                    + text
            };
            Findings::note(&mut self.findings.undefined, fault);
            Findings::note(&mut self.findings.undefined_name, fault);
        }
        Ok(name.unwrap_or(text).into())
    }

    fn index(&mut self) -> Result<u32> {
        let token = self.cursor.current();
        if token.kind != TokenKind::Digits || (self.cursor.text_of(token) == "0" && self.cursor.digit_follows()) {
            return Err(self.cursor.syntax_error());
        }
        let digits = self.cursor.text_of(token);
        self.cursor.advance();
        self.cursor.expect(TokenKind::CloseBracket)?;
        let index = parse_index(digits);
        if index.is_none() {
            let fault = || format!("List index is not within the allowable range; index: [{digits}]");
            Findings::note(&mut self.findings.path, fault);
        }
        Ok(index.unwrap_or_default())
    }

    /// Reads a `:value`; an undefined one is noted and NULL takes its place.
    pub(super) fn value(&mut self) -> Result<AttributeValue> {
        let token = self.cursor.expect(TokenKind::ValuePlaceholder)?;
        let text = self.cursor.text_of(token);
        let value = self.scope.value(text);
        if value.is_none() {
            let fault = || {
                "An expression attribute value used in expression is not defined; attribute value: ".to_owned() + text
            };
            Findings::note(&mut self.findings.undefined, fault);
            Findings::note(&mut self.findings.undefined_value, fault);
        }
        Ok(value.cloned().unwrap_or(AttributeValue::Null))
    }
}
