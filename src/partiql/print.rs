//! Prints statements: parsing the text gives the same tree again.
//!
//! Keywords are written large, all names are quoted, and parentheses stand only where the grammar needs them.

use super::syntax::{
    Arguments, Change, Delete, Expression, ExpressionKind, Insert, Operator, PathStep, Returning, Select, SelectItems,
    Source, Statement, Update, precedence,
};
use std::fmt::{self, Display, Formatter, Write};

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select(select) => write!(f, "{select}"),
            Self::Insert(insert) => write!(f, "{insert}"),
            Self::Update(update) => write!(f, "{update}"),
            Self::Delete(delete) => write!(f, "{delete}"),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_expression(f, self, precedence::LOWEST)
    }
}

/// Writes parts with something between them.
fn separated<T>(
    f: &mut Formatter<'_>,
    separator: &str,
    parts: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            f.write_str(separator)?;
        }
        write(f, part)?;
    }
    Ok(())
}

fn expressions(f: &mut Formatter<'_>, all: &[Expression]) -> fmt::Result {
    separated(f, ", ", all, |f, one| write!(f, "{one}"))
}

/// Writes a text between quotes, with quotes of its own doubled.
fn quoted(f: &mut Formatter<'_>, quote: char, text: &str) -> fmt::Result {
    f.write_char(quote)?;
    for character in text.chars() {
        if character == quote {
            f.write_char(quote)?;
        }
        f.write_char(character)?;
    }
    f.write_char(quote)
}

/// How close the operator of an expression binds.
fn precedence_of(expression: &Expression) -> u8 {
    match &expression.kind {
        ExpressionKind::Chain(_, rest) if rest.last().is_some_and(is_in_negation) => precedence::NOT,
        ExpressionKind::Chain(_, rest) => rest.first().map_or(precedence::TERM, |(operator, _)| operator.precedence()),
        ExpressionKind::Is(..) => precedence::EQUALITY,
        ExpressionKind::Between(..) | ExpressionKind::Like(..) => precedence::ORDER,
        ExpressionKind::Not(..) => precedence::NOT,
        _ => precedence::TERM,
    }
}

/// Whether this is `IN NOT ..`, where parentheses would make a list: what is negated goes on as far as it can.
fn is_in_negation((operator, right): &(Operator, Expression)) -> bool {
    matches!(operator, Operator::In | Operator::NotIn) && matches!(right.kind, ExpressionKind::Not(..))
}

/// Writes operators of one precedence with their operands.
fn write_chain(f: &mut Formatter<'_>, first: &Expression, rest: &[(Operator, Expression)]) -> fmt::Result {
    let level = rest.first().map_or(precedence::TERM, |(operator, _)| operator.precedence());
    let (last, before) = rest.split_last().map_or((0, rest), |(_, before)| (before.len(), before));
    before.iter().filter(|one| is_in_negation(one)).try_for_each(|_| f.write_char('('))?;
    write_expression(f, first, level)?;
    rest.iter().enumerate().try_for_each(|(at, one)| {
        let (operator, right) = one;
        write!(f, " {} ", operator.symbol())?;
        if !is_in_negation(one) {
            return write_expression(f, right, level + 1);
        }
        write_kind(f, &right.kind)?;
        if at < last { f.write_char(')') } else { Ok(()) }
    })
}

/// Writes an expression where one that binds at least so closely may be.
fn write_expression(f: &mut Formatter<'_>, expression: &Expression, least: u8) -> fmt::Result {
    if precedence_of(expression) < least || matches!(expression.kind, ExpressionKind::Select(_)) {
        f.write_char('(')?;
        write_kind(f, &expression.kind)?;
        return f.write_char(')');
    }
    write_kind(f, &expression.kind)
}

/// Writes what only a term may stand for: not a sign either.
fn write_term(f: &mut Formatter<'_>, expression: &Expression) -> fmt::Result {
    let is_signed = match &expression.kind {
        ExpressionKind::Sign(..) => true,
        ExpressionKind::Number(digits) => digits.starts_with('-'),
        _ => false,
    };
    if is_signed {
        return write!(f, "({expression})");
    }
    write_expression(f, expression, precedence::TERM)
}

fn write_kind(f: &mut Formatter<'_>, kind: &ExpressionKind) -> fmt::Result {
    match kind {
        ExpressionKind::Name(name) => quoted(f, '"', name),
        ExpressionKind::Path(root, steps) => {
            match root.kind {
                // A path of a path: without parentheses it would be one.
                ExpressionKind::Path(..) => write!(f, "({root})")?,
                _ => write_term(f, root)?,
            }
            if matches!(root.kind, ExpressionKind::Number(_)) {
                // The number would take the dot. Parentheses would be a list behind `IN`.
                f.write_char(' ')?;
            }
            steps.iter().try_for_each(|step| match step {
                PathStep::Name(name) => {
                    f.write_char('.')?;
                    quoted(f, '"', name)
                }
                PathStep::Index(index) => write!(f, "[{index}]"),
                PathStep::AllMembers => f.write_str(".*"),
                PathStep::AllElements => f.write_str("[*]"),
            })
        }
        ExpressionKind::Null => f.write_str("NULL"),
        ExpressionKind::Missing => f.write_str("MISSING"),
        ExpressionKind::Bool(truth) => f.write_str(if *truth { "TRUE" } else { "FALSE" }),
        ExpressionKind::Number(digits) => f.write_str(digits),
        ExpressionKind::Text(text) => quoted(f, '\'', text),
        ExpressionKind::Ion(text, _) => write!(f, "`{text}`"),
        ExpressionKind::Parameter(_) => f.write_char('?'),
        ExpressionKind::List(members) => {
            f.write_char('[')?;
            expressions(f, members)?;
            f.write_char(']')
        }
        ExpressionKind::Bag(members) => {
            f.write_str("<<")?;
            expressions(f, members)?;
            f.write_str(">>")
        }
        ExpressionKind::Struct(members) => {
            f.write_char('{')?;
            separated(f, ", ", members, |f, (name, value)| write!(f, "{name}: {value}"))?;
            f.write_char('}')
        }
        _ => write_operation(f, kind),
    }
}

fn write_operation(f: &mut Formatter<'_>, kind: &ExpressionKind) -> fmt::Result {
    let word = |negated: bool, word: &'static str| (if negated { " NOT " } else { " " }, word);
    match kind {
        ExpressionKind::Call(name, arguments) => write_call(f, name, arguments),
        ExpressionKind::Sign(minus, operand) => {
            f.write_str(if *minus { "- " } else { "+ " })?;
            match &operand.kind {
                ExpressionKind::Sign(..) => write!(f, "{operand}"),
                _ => write_term(f, operand),
            }
        }
        ExpressionKind::Not(count, operand) => {
            (0..*count).try_for_each(|_| f.write_str("NOT "))?;
            write_expression(f, operand, precedence::NOT + 1)
        }
        ExpressionKind::Chain(first, rest) => write_chain(f, first, rest),
        ExpressionKind::Between(negated, operands) => {
            let [value, low, high] = &**operands;
            let (negation, word) = word(*negated, "BETWEEN ");
            write_expression(f, value, precedence::ORDER)?;
            write!(f, "{negation}{word}")?;
            write_expression(f, low, precedence::ORDER + 1)?;
            f.write_str(" AND ")?;
            write_expression(f, high, precedence::ORDER + 1)
        }
        ExpressionKind::Like(negated, operands) => {
            let (value, pattern, escape) = &**operands;
            let (negation, word) = word(*negated, "LIKE ");
            write_expression(f, value, precedence::ORDER)?;
            write!(f, "{negation}{word}")?;
            write_expression(f, pattern, precedence::ORDER + 1)?;
            escape.iter().try_for_each(|escape| {
                f.write_str(" ESCAPE ")?;
                write_expression(f, escape, precedence::ORDER + 1)
            })
        }
        ExpressionKind::Is(negated, value, type_name) => {
            write_expression(f, value, precedence::EQUALITY)?;
            write!(f, " IS {}{}", if *negated { "NOT " } else { "" }, type_name.name.to_ascii_uppercase())?;
            if type_name.parameters.is_empty() {
                return Ok(());
            }
            f.write_char('(')?;
            expressions(f, &type_name.parameters)?;
            f.write_char(')')
        }
        ExpressionKind::Case(case) => {
            f.write_str("CASE")?;
            case.value.iter().try_for_each(|value| write!(f, " {value}"))?;
            case.branches.iter().try_for_each(|(when, then)| write!(f, " WHEN {when} THEN {then}"))?;
            case.otherwise.iter().try_for_each(|otherwise| write!(f, " ELSE {otherwise}"))?;
            f.write_str(" END")
        }
        ExpressionKind::Select(select) => write!(f, "{select}"),
        _ => Ok(()),
    }
}

fn write_call(f: &mut Formatter<'_>, name: &str, arguments: &Arguments) -> fmt::Result {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && !name.is_empty();
    let has_plain_call = super::keyword::keyword(name).is_none_or(super::keyword::is_function);
    if is_plain && has_plain_call { f.write_str(name) } else { quoted(f, '"', name) }?;
    f.write_char('(')?;
    match arguments {
        Arguments::Star => f.write_char('*')?,
        Arguments::List(all) => expressions(f, all)?,
        Arguments::Distinct(all) => {
            f.write_str("DISTINCT ")?;
            expressions(f, all)?;
        }
    }
    f.write_char(')')
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.distinct { "SELECT DISTINCT " } else { "SELECT " })?;
        match &self.items {
            SelectItems::All => f.write_char('*')?,
            SelectItems::Value(value) => write!(f, "VALUE {value}")?,
            SelectItems::List(items) => separated(f, ", ", items, |f, (item, alias)| {
                write!(f, "{item}")?;
                write_alias(f, alias.as_deref())
            })?,
        }
        f.write_str(" FROM ")?;
        write_sources(f, &self.from, precedence::SELECT + 1)?;
        write_condition(f, self.condition.as_ref(), precedence::SELECT + 1)?;
        let clauses = |f: &mut Formatter<'_>, before_order: bool| {
            let is_before = |clause| matches!(clause, super::syntax::Clause::GroupBy | super::syntax::Clause::Having);
            self.unsupported.iter().filter(|(clause, _)| is_before(*clause) == before_order).try_for_each(
                |(clause, all)| {
                    write!(f, " {} ", clause.words())?;
                    separated(f, ", ", all, |f, one| write_expression(f, one, precedence::SELECT + 1))
                },
            )
        };
        clauses(f, true)?;
        if !self.order.is_empty() {
            f.write_str(" ORDER BY ")?;
            separated(f, ", ", &self.order, |f, term| {
                write!(f, "{}", term.expression)?;
                if term.descending {
                    f.write_str(" DESC")?;
                }
                match term.nulls_first {
                    Some(true) => f.write_str(" NULLS FIRST"),
                    Some(false) => f.write_str(" NULLS LAST"),
                    None => Ok(()),
                }
            })?;
        }
        clauses(f, false)
    }
}

fn write_alias(f: &mut Formatter<'_>, alias: Option<&str>) -> fmt::Result {
    let Some(alias) = alias else { return Ok(()) };
    f.write_str(" AS ")?;
    quoted(f, '"', alias)
}

fn write_sources(f: &mut Formatter<'_>, sources: &[Source], least: u8) -> fmt::Result {
    separated(f, ", ", sources, |f, source| {
        write_expression(f, &source.path, least)?;
        write_alias(f, source.alias.as_deref())
    })
}

fn write_condition(f: &mut Formatter<'_>, condition: Option<&Expression>, least: u8) -> fmt::Result {
    let Some(condition) = condition else { return Ok(()) };
    f.write_str(" WHERE ")?;
    write_expression(f, condition, least)
}

fn write_returning(f: &mut Formatter<'_>, returning: &[Returning]) -> fmt::Result {
    if returning.is_empty() {
        return Ok(());
    }
    f.write_str(" RETURNING ")?;
    separated(f, ", ", returning, |f, element| {
        f.write_str(if element.modified { "MODIFIED " } else { "ALL " })?;
        f.write_str(if element.old { "OLD " } else { "NEW " })?;
        match &element.column {
            None => f.write_char('*'),
            Some(column) => write!(f, "{column}"),
        }
    })
}

impl Display for Insert {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "INSERT INTO {}", self.table)?;
        f.write_str(if self.is_single { " VALUE " } else { " " })?;
        // Without the word, a value that begins with a bracket would be read as part of the table's path.
        let value = self.value.to_string();
        if value.starts_with('[') && !self.is_single {
            write!(f, "({value})")?
        } else {
            f.write_str(&value)?
        }
        self.position.iter().try_for_each(|position| write!(f, " AT {position}"))?;
        self.on_conflict.iter().try_for_each(|condition| write!(f, " ON CONFLICT WHERE {condition} DO NOTHING"))?;
        write_returning(f, &self.returning)
    }
}

impl Display for Update {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.from.as_slice() {
            [] => write_changes(f, &self.clauses),
            [source] if is_simple(&source.path) => {
                f.write_str("UPDATE ")?;
                write_sources(f, &self.from, precedence::LOWEST)?;
                f.write_char(' ')?;
                write_changes(f, &self.clauses)?;
                write_condition(f, self.condition.as_ref(), precedence::LOWEST)
            }
            sources => {
                f.write_str("FROM ")?;
                write_sources(f, sources, precedence::LOWEST)?;
                write_condition(f, self.condition.as_ref(), precedence::LOWEST)?;
                f.write_char(' ')?;
                write_changes(f, &self.clauses)
            }
        }?;
        write_returning(f, &self.returning)
    }
}

/// Whether an expression may be behind `UPDATE`.
fn is_simple(path: &Expression) -> bool {
    let is_simple_step = |step: &PathStep| match step {
        PathStep::Name(_) => true,
        PathStep::Index(index) => index.kind_name() == "Lit",
        PathStep::AllMembers | PathStep::AllElements => false,
    };
    match &path.kind {
        ExpressionKind::Name(_) => true,
        ExpressionKind::Path(root, steps) => {
            matches!(root.kind, ExpressionKind::Name(_)) && steps.iter().all(is_simple_step)
        }
        _ => false,
    }
}

fn write_changes(f: &mut Formatter<'_>, changes: &[Change]) -> fmt::Result {
    let is_set = |change: &Change| matches!(change, Change::Set(..));
    let sections = changes.chunk_by(|one, two| is_set(one) && is_set(two));
    separated(f, " ", sections, |f, section| {
        if section.first().is_some_and(is_set) {
            f.write_str("SET ")?;
        }
        separated(f, ", ", section, |f, change| match change {
            Change::Set(path, value) => write!(f, "{path} {} {value}", Operator::Equal.symbol()),
            Change::Remove(path) => write!(f, "REMOVE {path}"),
        })
    })
}

impl Display for Delete {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("DELETE FROM ")?;
        write_sources(f, std::slice::from_ref(&self.from), precedence::LOWEST)?;
        write_condition(f, self.condition.as_ref(), precedence::LOWEST)?;
        write_returning(f, &self.returning)
    }
}

#[cfg(test)]
mod tests {
    use crate::partiql::parse::parse;

    #[test]
    fn what_is_printed_is_the_same_statement() {
        let texts = [
            "SELECT * FROM T",
            "select a, b.c[1] as x, \"d\"\"e\" from \"T\".\"i\" where a = 'it''s' and not b <> -5 or (c or d) and e",
            "SELECT VALUE a FROM T, U u GROUP BY a HAVING b LIMIT 1 OFFSET 2",
            "SELECT * FROM T ORDER BY a DESC NULLS LAST, b ASC NULLS FIRST",
            "SELECT * FROM T WHERE a IN (1, 2) AND b NOT IN [3] AND c BETWEEN 1 AND 2 AND d NOT BETWEEN 1 + 1 AND ?",
            "SELECT * FROM T WHERE a IS NOT MISSING = (NOT b) AND c IS VARCHAR(10) AND NOT NOT NOT d LIKE 'x' ESCAPE 'y'",
            "SELECT * FROM T WHERE a - (b - c) - d * (e + f) < - g AND size(a) > 1 AND a = <<1, 'x'>>",
            "SELECT * FROM T WHERE (-5)[0] = - - a AND CASE a WHEN 1 THEN 2 ELSE 3 END AND x IN (SELECT * FROM U)",
            "INSERT INTO T VALUE {'a': [1, {'b': null}], 'c': `1`, 'd': true} RETURNING ALL OLD *",
            "INSERT INTO T VALUE 1 AT 2 ON CONFLICT WHERE a = 1 DO NOTHING",
            "INSERT INTO T <<{'a': 1}>>",
            "INSERT INTO T (a, b) = true",
            "INSERT INTO T (a, b)",
            "UPDATE T SET a = 1, b = c + ? REMOVE d.e[0] REMOVE f SET g = set_add(g, <<1>>) WHERE pk = 1 RETURNING MODIFIED NEW *",
            "FROM T t WHERE a = 1 SET b = 2 RETURNING ALL NEW a, MODIFIED OLD *",
            "DELETE FROM T WHERE pk = 'a' AND MISSING IS MISSING",
            "SET a = 1",
            "EXISTS(SELECT * FROM T WHERE pk = 'a')",
            "count(DISTINCT a) + count(*) + cast(a AS int) + \"odd name\"(1)",
            "a UNION ALL b EXCEPT c || d",
            "a % 0 .b",
            "(a[1]).b = c AND ((a.b)[0])[1] < 5",
            "a NOT IN .1 .b * c IS NOT INT",
            "a IN -1 .b AND (-1).b IN 1[0]",
            "a IN NOT b = c AND d",
            "((a IN NOT b) < 5 NOT IN NOT NOT c) > d",
            "(a IN NOT b) = 5 OR NOT (a IN NOT b) AND c < (a IN NOT b)",
        ];
        for text in texts {
            let parsed = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let printed = parsed.statement.to_string();
            let again = parse(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
            assert_eq!(parsed.statement, again.statement, "{printed}");
        }
    }
}
