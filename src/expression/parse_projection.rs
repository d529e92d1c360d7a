//! Parses projections: a list of paths between commas.

use super::{ExpressionKind, names::Scope, parser::Parser, path, path::Path, token::TokenKind};
use crate::error::Result;

/// Parses a projection and reports its most important fault, if it has any.
pub(super) fn parse(text: &str, scope: &mut Scope<'_>) -> Result<Vec<Path>> {
    let kind = ExpressionKind::Projection;
    let mut parser = Parser::new(kind, text, scope)?;
    let mut paths = vec![parser.path()?];
    while parser.cursor.accept(TokenKind::Comma) {
        paths.push(parser.path()?);
    }
    if parser.cursor.current().kind != TokenKind::End {
        return Err(parser.cursor.syntax_error());
    }
    let mut findings = parser.findings;
    let fault = findings
        .limit()
        .or(findings.reserved)
        .or(findings.undefined)
        .or_else(|| path::clash(&paths.iter().collect::<Vec<_>>(), false));
    fault.map_or(Ok(paths), |fault| Err(kind.error(fault)))
}
