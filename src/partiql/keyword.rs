//! The words that PartiQL keeps for itself.
//!
//! DynamoDB's own reserved words do not apply to statements; these do. Unquoted, none of them is a name.

/// All keywords, in the order of their bytes.
const KEYWORDS: [&str; 249] = [
    "absolute",
    "action",
    "add",
    "all",
    "allocate",
    "alter",
    "and",
    "any",
    "are",
    "as",
    "asc",
    "assertion",
    "at",
    "authorization",
    "avg",
    "bag",
    "begin",
    "between",
    "bigint",
    "bit",
    "bit_length",
    "blob",
    "bool",
    "boolean",
    "by",
    "can_cast",
    "can_lossless_cast",
    "cascade",
    "cascaded",
    "case",
    "cast",
    "catalog",
    "char",
    "char_length",
    "character",
    "character_length",
    "check",
    "clob",
    "close",
    "coalesce",
    "collate",
    "collation",
    "column",
    "commit",
    "conflict",
    "connect",
    "connection",
    "constraint",
    "constraints",
    "continue",
    "convert",
    "corresponding",
    "count",
    "create",
    "cross",
    "current",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "cursor",
    "date",
    "date_add",
    "date_diff",
    "deallocate",
    "dec",
    "decimal",
    "declare",
    "default",
    "deferrable",
    "deferred",
    "delete",
    "desc",
    "describe",
    "descriptor",
    "diagnostics",
    "disconnect",
    "distinct",
    "do",
    "domain",
    "double",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "exception",
    "exec",
    "execute",
    "exists",
    "external",
    "extract",
    "false",
    "fetch",
    "first",
    "float",
    "for",
    "foreign",
    "found",
    "from",
    "full",
    "get",
    "global",
    "go",
    "goto",
    "grant",
    "group",
    "having",
    "identity",
    "immediate",
    "in",
    "index",
    "indicator",
    "initially",
    "inner",
    "input",
    "insensitive",
    "insert",
    "int",
    "integer",
    "integer2",
    "integer4",
    "integer8",
    "intersect",
    "interval",
    "into",
    "is",
    "isolation",
    "join",
    "key",
    "language",
    "last",
    "left",
    "let",
    "level",
    "like",
    "limit",
    "list",
    "local",
    "lower",
    "match",
    "max",
    "min",
    "missing",
    "modified",
    "module",
    "names",
    "national",
    "natural",
    "nchar",
    "new",
    "next",
    "no",
    "not",
    "nothing",
    "null",
    "nullif",
    "nulls",
    "numeric",
    "octet_length",
    "of",
    "offset",
    "old",
    "on",
    "only",
    "open",
    "option",
    "or",
    "order",
    "outer",
    "output",
    "overlaps",
    "pad",
    "partial",
    "pivot",
    "position",
    "precision",
    "prepare",
    "preserve",
    "primary",
    "prior",
    "privileges",
    "procedure",
    "public",
    "read",
    "real",
    "references",
    "relative",
    "remove",
    "restrict",
    "returning",
    "revoke",
    "right",
    "rollback",
    "rows",
    "schema",
    "scroll",
    "section",
    "select",
    "session",
    "session_user",
    "set",
    "sexp",
    "size",
    "smallint",
    "some",
    "space",
    "sql",
    "sqlcode",
    "sqlerror",
    "sqlstate",
    "string",
    "struct",
    "substring",
    "sum",
    "symbol",
    "system_user",
    "table",
    "temporary",
    "then",
    "time",
    "timestamp",
    "to",
    "transaction",
    "translate",
    "trim",
    "true",
    "tuple",
    "union",
    "unique",
    "unknown",
    "unpivot",
    "update",
    "upper",
    "usage",
    "user",
    "using",
    "value",
    "values",
    "varchar",
    "varying",
    "view",
    "when",
    "whenever",
    "where",
    "with",
    "work",
    "write",
    "zone",
];

/// Keywords that a list of them does not take for a keyword in the place of a term, but for something misplaced.
const MARKERS: [&str; 9] = ["as", "asc", "at", "by", "desc", "first", "for", "last", "nulls"];

/// Keywords that are operators.
const OPERATORS: [&str; 10] = ["and", "between", "except", "in", "intersect", "is", "like", "not", "or", "union"];

/// Keywords that begin a call if a parenthesis follows.
const FUNCTIONS: [&str; 15] = [
    "avg",
    "bag",
    "bit_length",
    "char_length",
    "character_length",
    "count",
    "exists",
    "list",
    "lower",
    "max",
    "min",
    "octet_length",
    "sexp",
    "size",
    "sum",
];

/// Keywords whose calls have a grammar of their own in SQL; here they are calls that no statement may have.
const SPECIAL_FUNCTIONS: [&str; 10] = [
    "can_cast",
    "can_lossless_cast",
    "cast",
    "coalesce",
    "date_add",
    "date_diff",
    "extract",
    "nullif",
    "substring",
    "trim",
];

/// What a keyword is to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeywordClass {
    /// `null`
    Null,
    /// `missing`
    Missing,
    /// `true` or `false`
    Bool,
    /// A word such as `AND` that joins terms or is before one.
    Operator,
    /// A word such as `ASC` that can only follow something.
    Marker,
    /// Any other.
    Plain,
}

/// The keyword that a word is, in lower case.
pub(super) fn keyword(word: &str) -> Option<&'static str> {
    // No keyword is longer, and names often are.
    const LONGEST: usize = "can_lossless_cast".len();
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    let at = KEYWORDS.binary_search_by(|keyword| keyword.as_bytes().cmp(lower)).ok()?;
    KEYWORDS.get(at).copied()
}

/// What a keyword is.
pub(super) fn class(keyword: &str) -> KeywordClass {
    match keyword {
        "null" => KeywordClass::Null,
        "missing" => KeywordClass::Missing,
        "true" | "false" => KeywordClass::Bool,
        _ if OPERATORS.contains(&keyword) => KeywordClass::Operator,
        _ if MARKERS.contains(&keyword) => KeywordClass::Marker,
        _ => KeywordClass::Plain,
    }
}

/// Whether a keyword before a parenthesis is the name of a function.
pub(super) fn is_function(keyword: &str) -> bool {
    FUNCTIONS.contains(&keyword)
}

/// Whether a keyword is a function whose call has a grammar of its own in SQL.
pub(super) fn is_special_function(keyword: &str) -> bool {
    SPECIAL_FUNCTIONS.contains(&keyword)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_found_in_any_case() {
        assert!(KEYWORDS.is_sorted());
        assert!(KEYWORDS.iter().all(|word| keyword(&word.to_uppercase()) == Some(word)));
        for name in ["name", "year", "status", "type", "data", "row", "both", "every", "", "can_lossless_casts", "é"] {
            assert_eq!(keyword(name), None, "{name}");
        }
    }

    #[test]
    fn every_list_names_keywords() {
        for word in MARKERS.iter().chain(&OPERATORS).chain(&FUNCTIONS).chain(&SPECIAL_FUNCTIONS) {
            assert_eq!(keyword(word), Some(*word));
        }
    }
}
