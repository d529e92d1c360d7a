//! Literals of Ion between backticks: where they end, and of what type they are.
//!
//! No statement may have them. Their type is known only to say so.

/// How many bytes a literal has that begins with a backtick, the closing one included; `None` if it is not closed.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'`' => return Some(at + 1),
            quote @ (b'"' | b'\'') => at += 1 + quoted_length(bytes.get(at + 1..)?, *quote)?,
            _ => at += 1,
        }
    }
}

/// How many bytes lead to the end of a string that was opened before, its quote included.
fn quoted_length(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The type of a literal, without its backticks, as messages name it; `None` if it is malformed.
pub(super) fn type_name(literal: &str) -> Option<&'static str> {
    let text = literal.trim_matches([' ', '\t', '\n', '\r']);
    let closes = |end: &str| text.len() > end.len() && text.ends_with(end);
    match text.as_bytes() {
        [] => None,
        [b'{', b'{', ..] if closes("}}") => Some(if text.contains(['"', '\'']) { "CLOB" } else { "BLOB" }),
        [b'{', ..] if closes("}") => Some("STRUCT"),
        [b'[', ..] if closes("]") => Some("LIST"),
        [b'(', ..] if closes(")") => Some("SEXP"),
        [b'"', ..] if closes("\"") => Some("STRING"),
        [b'\'', b'\'', b'\'', ..] if closes("'''") => Some("STRING"),
        [b'\'', ..] if closes("'") => Some("SYMBOL"),
        [b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$', ..] => word_type(text),
        [b'0'..=b'9' | b'-' | b'+', ..] => number_type(text),
        _ => None,
    }
}

fn word_type(text: &str) -> Option<&'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.')) {
        return None;
    }
    Some(match text {
        "true" | "false" => "BOOL",
        "nan" => "FLOAT",
        _ if text == "null" || text.starts_with("null.") => "NULL",
        _ => "SYMBOL",
    })
}

fn number_type(text: &str) -> Option<&'static str> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits == "inf" {
        return Some("FLOAT");
    }
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || b"._:+-TZxdDeEb".contains(&byte);
    if !digits.bytes().next()?.is_ascii_digit() || !digits.bytes().all(is_part) {
        return None;
    }
    let is_year = digits.len() > 4 && matches!(digits.as_bytes().get(4), Some(b'T' | b'-'));
    Some(if is_year {
        "TIMESTAMP"
    } else if digits.starts_with("0x") || digits.starts_with("0b") {
        "INT"
    } else if digits.contains(['e', 'E']) {
        "FLOAT"
    } else if digits.contains(['.', 'd', 'D']) {
        "DECIMAL"
    } else {
        "INT"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_have_types() {
        let cases = [
            ("1", Some("INT")),
            ("-1.5", Some("DECIMAL")),
            ("1e5", Some("FLOAT")),
            ("2020T", Some("TIMESTAMP")),
            ("2020-01-01", Some("TIMESTAMP")),
            ("\"a\"", Some("STRING")),
            ("'a'", Some("SYMBOL")),
            ("abc", Some("SYMBOL")),
            ("null", Some("NULL")),
            ("null.int", Some("NULL")),
            ("true", Some("BOOL")),
            ("{{ aGk= }}", Some("BLOB")),
            ("{{ \"hi\" }}", Some("CLOB")),
            ("{a: 1}", Some("STRUCT")),
            ("[1]", Some("LIST")),
            ("", None),
            ("[1", None),
            ("%", None),
        ];
        for (literal, expected) in cases {
            assert_eq!(type_name(literal), expected, "{literal}");
        }
    }

    #[test]
    fn backticks_in_strings_do_not_end_a_literal() {
        assert_eq!(length(b"`1` x"), Some(3));
        assert_eq!(length(b"`\"a`b\"`"), Some(7));
        assert_eq!(length(b"`'\\'`'`"), Some(7));
        assert_eq!(length(b"`\"a`"), None);
    }
}
