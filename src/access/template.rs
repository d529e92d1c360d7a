//! Texts of policies with wildcards and variables.
//!
//! What a variable stands for is data: a `*` in a tag of a principal matches only itself.

use super::{
    key::{ConditionKey, Lookup},
    policy_error::PolicyError,
};
use std::borrow::Cow;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(Box<str>),
    /// `*`: any text.
    Any,
    /// `?`: any one character.
    One,
    Variable(Box<Variable>),
}

/// A policy variable: `${aws:username}` or `${aws:PrincipalTag/team, 'none'}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    pub key: ConditionKey,
    default: Option<String>,
}

/// The variables of a statement.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    pub all: Vec<ConditionKey>,
    /// Those that have no default.
    pub required: Vec<ConditionKey>,
}

/// A text with wildcards and variables.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template(Vec<Piece>);

impl Template {
    /// Reads a template. Without `with_variables` a `${` is text, without `with_wildcards` a `*` is. Errors: a variable that
    /// does not end, or names a key that has no single value.
    pub fn parse(text: &str, with_variables: bool, with_wildcards: bool) -> Result<Self, PolicyError> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let variable = if with_variables { rest.strip_prefix("${") } else { None };
            if let Some(inside) = variable {
                let Some((name, after)) = inside.split_once('}') else {
                    return Err(PolicyError::new(format!("a variable does not end in {text:?}")));
                };
                rest = after;
                match name {
                    "*" | "?" | "$" => plain.push_str(name),
                    name => {
                        add_text(&mut pieces, &mut plain);
                        pieces.push(Piece::Variable(Box::new(Variable::parse(name)?)));
                    }
                }
                continue;
            }
            rest = &rest[character.len_utf8()..];
            if with_wildcards && matches!(character, '*' | '?') {
                add_text(&mut pieces, &mut plain);
                pieces.push(if character == '*' { Piece::Any } else { Piece::One });
            } else {
                plain.push(character);
            }
        }
        add_text(&mut pieces, &mut plain);
        Ok(Self(pieces))
    }

    /// Whether it matches a whole text. A variable without value and default matches nothing.
    #[inline]
    pub fn matches(&self, text: &str, ignores_case: bool, lookup: &Lookup<'_>) -> bool {
        match self.0.as_slice() {
            [Piece::Any] => true,
            [Piece::Text(only)] if !ignores_case => **only == *text,
            _ => self.matches_pieces(text, ignores_case, lookup),
        }
    }

    /// Goes back to the last `*` where it does not fit, which takes at most pieces times characters steps.
    fn matches_pieces(&self, text: &str, ignores_case: bool, lookup: &Lookup<'_>) -> bool {
        let (mut at, mut rest) = (0, text);
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let next = match self.0.get(at) {
                None if rest.is_empty() => return true,
                None => None,
                // What is left may be anything.
                Some(Piece::Any) if at + 1 == self.0.len() => return true,
                Some(Piece::Any) => {
                    retry = Some((at + 1, rest));
                    Some(rest)
                }
                Some(Piece::One) => after_one(rest),
                Some(Piece::Text(literal)) => after_text(rest, literal, ignores_case),
                Some(Piece::Variable(variable)) => match variable.value(lookup) {
                    Some(value) => after_text(rest, &value, ignores_case),
                    None => return false,
                },
            };
            match (next, &mut retry) {
                (Some(next), _) => (at, rest) = (at + 1, next),
                (None, Some((piece, from))) => match after_one(from) {
                    Some(next) => {
                        *from = next;
                        (at, rest) = (*piece, next);
                    }
                    None => return false,
                },
                (None, None) => return false,
            }
        }
    }

    /// Adds the variables in it.
    pub fn add_variables(&self, variables: &mut Variables) {
        for piece in &self.0 {
            let Piece::Variable(variable) = piece else { continue };
            variables.all.push(variable.key.clone());
            if variable.default.is_none() {
                variables.required.push(variable.key.clone());
            }
        }
    }
}

impl Variable {
    fn parse(text: &str) -> Result<Self, PolicyError> {
        let (name, default) = match text.split_once(',') {
            None => (text.trim(), None),
            Some((name, default)) => {
                let quoted = default.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                let Some(default) = quoted else {
                    let text = format!("the default of the variable ${{{text}}} has to stand in single quotes");
                    return Err(PolicyError::new(text));
                };
                (name.trim(), Some(default.to_owned()))
            }
        };
        let key = ConditionKey::parse(name)?;
        if key.has_many_values() {
            return Err(PolicyError::new(format!(
                "the variable ${{{name}}} has many values; a variable needs a single one"
            )));
        }
        Ok(Self { key, default })
    }
    fn value<'v>(&'v self, lookup: &Lookup<'v>) -> Option<Cow<'v, str>> {
        lookup.find(&self.key).into_text().or(self.default.as_deref().map(Cow::Borrowed))
    }
}

fn add_text(pieces: &mut Vec<Piece>, plain: &mut String) {
    if !plain.is_empty() {
        pieces.push(Piece::Text(std::mem::take(plain).into_boxed_str()));
    }
}

fn after_one(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    text.get(first.len_utf8()..)
}

fn after_text<'t>(text: &'t str, literal: &str, ignores_case: bool) -> Option<&'t str> {
    if !ignores_case {
        return text.strip_prefix(literal);
    }
    let mut rest = text;
    for wanted in literal.chars() {
        let found = rest.chars().next()?;
        if !found.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
        rest = &rest[found.len_utf8()..];
    }
    Some(rest)
}
