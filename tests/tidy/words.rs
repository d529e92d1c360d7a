//! Words of comments: a sentence names its actor, and one thing has one word.

use super::{assert_tidy, sources};
use std::path::Path;

/// Words that hide the actor of a sentence: name the writer, reader, leader, caller or process instead.
const VAGUE_WORDS: [&str; 5] = ["whoever", "somebody", "nobody", "anybody", "everybody"];
/// Words that have another one in their place: a request, a file or a key is rejected.
const OTHER_WORDS: [(&str, &str); 4] =
    [("refuse", "reject"), ("refuses", "rejects"), ("refused", "rejected"), ("refusal", "rejection")];

/// The words of the comment of a line, at its end too; code in backticks is none. `is_example` is switched by lines that begin or
/// end an example, whose lines have no words.
fn comment_words(line: &str, is_example: &mut bool) -> Vec<String> {
    let start = line.trim_start();
    let comment = if start.starts_with("//") {
        start
    } else {
        *is_example = false;
        match line.split_once(" // ") {
            Some((code, comment)) if code.matches('"').count() % 2 == 0 => comment,
            _ => return Vec::new(),
        }
    };
    let text = comment.trim_start_matches(['/', '!']).trim_start();
    if text.starts_with("```") {
        *is_example = !*is_example;
    }
    if *is_example || text.starts_with("Imports:") {
        return Vec::new();
    }
    let prose = comment.split('`').step_by(2);
    prose.flat_map(|part| part.split(|c: char| !c.is_alphabetic())).map(str::to_lowercase).collect()
}

#[test]
fn comments_name_the_actor() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.under(&["src/", "wire/src/", "console/src/", "cli/src/"])) {
        let text = std::fs::read_to_string(root.join(&source.path)).unwrap();
        let mut is_example = false;
        for (number, line) in (1..).zip(text.lines()) {
            for word in comment_words(line, &mut is_example) {
                if VAGUE_WORDS.contains(&word.as_str()) {
                    faults.push(format!("{}:{number}: who is {word}?", source.path));
                }
                if let Some((_, other)) = OTHER_WORDS.iter().find(|(given, _)| *given == word) {
                    faults.push(format!("{}:{number}: {word} is called {other} here", source.path));
                }
            }
        }
    }
    assert_tidy(&faults);
}
