//! How the key of an object becomes a path, and a path a key.
//!
//! A key is data: it may hold `..`, begin with `/` or contain a NUL. Its segments become names one by one. A segment of
//! letters, digits and ``!_.*'()-`` is its own name, so that plain keys stay as they are; every other byte is
//! percent-encoded, and so are `.` and `..` as a whole. An empty segment is a single `%`, which encodes nothing else.

use std::fmt::Write as _;

/// The name of an empty segment.
const EMPTY: &str = "%";

/// The names of the folders and of the file of a key.
pub(super) fn names(key: &str) -> Vec<String> {
    key.split('/').map(name).collect()
}

/// The names under which a segment of a key may be there: the one that a store gives it, and the segment itself, as other
/// programs write it.
pub(super) fn names_of(segment: &str) -> Vec<String> {
    let mut names = vec![name(segment)];
    if is_plain(segment) && names[0] != segment {
        names.push(segment.to_owned());
    }
    names
}

/// The name of a segment.
fn name(segment: &str) -> String {
    if segment.is_empty() {
        return EMPTY.to_owned();
    }
    let is_relative = matches!(segment, "." | "..");
    let mut name = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if !is_relative && (byte.is_ascii_alphanumeric() || b"!_.*'()-".contains(&byte)) {
            name.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

/// The segment that a name stands for. A name that no segment has, because the file was not written by a store, stands for
/// itself.
pub(super) fn segment(name: &str) -> String {
    match decoded(name) {
        Some(segment) if self::name(&segment) == name => segment,
        _ => name.to_owned(),
    }
}

fn decoded(name: &str) -> Option<String> {
    if name == EMPTY {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, others @ ..] = rest {
        if *first == b'%' {
            let [high, low, others @ ..] = others else { return None };
            let digit = |byte: u8| char::from(byte).to_digit(16);
            bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
            rest = others;
        } else {
            bytes.push(*first);
            rest = others;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Whether a segment can be looked for under its own name, for files that were not written by a store.
fn is_plain(segment: &str) -> bool {
    !segment.is_empty() && segment != "." && segment != ".." && !segment.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_names_that_lead_nowhere_else() {
        for (key, expected) in [
            ("a/b.json.gz", "a/b.json.gz"),
            ("AWSDynamoDB/01791504762511-2779fadd/data/x", "AWSDynamoDB/01791504762511-2779fadd/data/x"),
            ("../up", "%2E%2E/up"),
            ("/etc/passwd", "%/etc/passwd"),
            ("a//b", "a/%/b"),
            ("./a", "%2E/a"),
            ("ü b", "%C3%BC%20b"),
            ("100%", "100%25"),
            ("%2E%2E/x", "%252E%252E/x"),
            ("a\\b", "a%5Cb"),
            ("nul\0", "nul%00"),
            ("...", "..."),
        ] {
            let names = names(key);
            assert_eq!(names.join("/"), expected, "{key}");
            let back: Vec<String> = names.iter().map(|name| segment(name)).collect();
            assert_eq!(back.join("/"), key);
            assert!(names.iter().all(|name| name != "." && name != ".." && !name.contains('/') && !name.is_empty()));
        }
        // Names that a user gave.
        for name in ["a b", "%2", "%zz", "%2e", "é"] {
            assert_eq!(segment(name), name);
        }
    }
}
