//! `SELECT` and the sources of `FROM`.

use super::{Parser, malformed};
use crate::{
    error::Result,
    partiql::{
        syntax::{Clause, Expression, ExpressionKind, OrderTerm, PathStep, Select, SelectItems, Source, precedence},
        token::TokenKind,
    },
};

/// Keywords that are rejected by name where an item of a `SELECT` list should begin.
const NO_ITEMS: [&str; 8] = ["insert into", "set", "remove", "update", "delete", "select", "from", "where"];

impl Parser<'_> {
    /// A query; the next token is `SELECT`.
    pub(super) fn select(&mut self) -> Result<Select> {
        self.advance();
        let distinct = self.accept_word("distinct");
        if !distinct {
            self.accept_word("all");
        }
        let items = self.items()?;
        if !self.accept_word("from") {
            return Err(malformed("Expected FROM after SELECT list"));
        }
        let from = self.sources(precedence::SELECT)?;
        let condition = self.where_clause(precedence::SELECT)?;
        let mut unsupported = Vec::new();
        if self.accept_word("group") {
            self.accept_word("partial");
            if !self.accept_word("by") {
                return Err(malformed("Expected BY"));
            }
            unsupported.push((Clause::GroupBy, self.list(|parser| parser.expression(precedence::SELECT))?));
        }
        self.unsupported(Clause::Having, &mut unsupported)?;
        let mut order = Vec::new();
        if self.accept_word("order") {
            if !self.accept_word("by") {
                return Err(malformed("Expected BY"));
            }
            order = self.list(Self::order_term)?;
        }
        self.unsupported(Clause::Limit, &mut unsupported)?;
        self.unsupported(Clause::Offset, &mut unsupported)?;
        Ok(Select { distinct, items, from, condition, order, unsupported })
    }

    fn unsupported(&mut self, clause: Clause, all: &mut Vec<(Clause, Vec<Expression>)>) -> Result<()> {
        let word = match clause {
            Clause::Having => "having",
            Clause::Limit => "limit",
            Clause::Offset | Clause::GroupBy => "offset",
        };
        if self.accept_word(word) {
            all.push((clause, vec![self.expression(precedence::SELECT)?]));
        }
        Ok(())
    }

    fn items(&mut self) -> Result<SelectItems> {
        if self.accept_word("value") {
            return Ok(SelectItems::Value(self.expression(precedence::LOWEST)?));
        }
        let items = self.list(|parser| {
            if parser.accept(TokenKind::Star) {
                return Ok(None);
            }
            if NO_ITEMS.contains(&parser.word()) {
                let word = parser.word();
                return Err(malformed(format_args!(
                    "Expected identifier or an expression but found unexpected keyword '{word}' in a select list."
                )));
            }
            let item = parser.expression(precedence::LOWEST)?;
            check_item(&item)?;
            let alias = parser.alias()?;
            Ok(Some((item, alias)))
        })?;
        let count = items.len();
        let items: Vec<_> = items.into_iter().flatten().collect();
        match (count, items.len()) {
            (1, 0) => Ok(SelectItems::All),
            (all, named) if all == named => Ok(SelectItems::List(items)),
            _ => Err(malformed(
                "Other expressions may not be present in the select list when '*' is used without dot notation.",
            )),
        }
    }

    /// `FROM` and what it names, behind the word.
    pub(super) fn sources(&mut self, above: u8) -> Result<Vec<Source>> {
        let mut sources = vec![self.source(above)?];
        loop {
            if self.accept(TokenKind::Comma) {
                sources.push(self.source(above)?);
                continue;
            }
            let mut is_join = false;
            let mut has_condition = true;
            while matches!(self.word(), "inner" | "left" | "right" | "full" | "outer" | "cross" | "join") {
                has_condition &= self.word() != "cross";
                is_join = self.advance().word == "join";
            }
            if !is_join {
                return Ok(sources);
            }
            sources.push(self.source(above)?);
            if has_condition {
                if !self.accept_word("on") {
                    return Err(malformed("Expected 'ON'"));
                }
                // What joins two tables is rejected as soon as it is read.
                self.expression(above)?;
            }
        }
    }

    fn source(&mut self, above: u8) -> Result<Source> {
        let path = self.expression(above)?;
        let alias = self.alias()?;
        Ok(Source { path, alias })
    }

    /// Another name: `AS name`, `name`, `AT name` or `BY name`; the last of several.
    pub(super) fn alias(&mut self) -> Result<Option<Box<str>>> {
        let mut alias = None;
        for (word, is_optional) in [("as", true), ("at", false), ("by", false)] {
            let is_name = |kind| matches!(kind, TokenKind::Name | TokenKind::QuotedName);
            if self.accept_word(word) {
                if !is_name(self.kind()) {
                    return Err(malformed(format_args!("Expected identifier for {}-alias", word.to_ascii_uppercase())));
                }
                alias = Some(self.advance().content().into_owned().into());
            } else if is_optional && is_name(self.kind()) {
                alias = Some(self.advance().content().into_owned().into());
            }
        }
        Ok(alias)
    }

    /// `WHERE` and its condition, if it comes next.
    pub(super) fn where_clause(&mut self, above: u8) -> Result<Option<Expression>> {
        if self.accept_word("where") { Ok(Some(self.expression(above)?)) } else { Ok(None) }
    }

    fn order_term(&mut self) -> Result<OrderTerm> {
        let expression = self.expression(precedence::LOWEST)?;
        let descending = self.accept_word("desc");
        if !descending {
            self.accept_word("asc");
        }
        let mut nulls_first = None;
        if self.accept_word("nulls") {
            nulls_first = match self.advance().word {
                "first" => Some(true),
                "last" => Some(false),
                _ => return Err(malformed("Expected FIRST OR LAST after NULLS")),
            };
        }
        Ok(OrderTerm { expression, descending, nulls_first })
    }
}

/// Rejects stars inside of a path.
fn check_item(item: &Expression) -> Result<()> {
    let ExpressionKind::Path(_, steps) = &item.kind else { return Ok(()) };
    let Some((last, leading)) = steps.split_last() else { return Ok(()) };
    let is_star = |step: &PathStep| matches!(step, PathStep::AllMembers | PathStep::AllElements);
    if leading.iter().any(is_star) || *last == PathStep::AllElements {
        return Err(malformed("Invalid use of * in select list"));
    }
    if *last == PathStep::AllMembers && leading.iter().any(|step| matches!(step, PathStep::Index(_))) {
        return Err(malformed("Cannot use [] and * together in SELECT list expression"));
    }
    Ok(())
}
