//! A source file as tokens: enough of Rust's grammar to see paths, modules and function bodies, and nothing inside
//! comments, strings or character literals.

/// One identifier, number or punctuation mark. Literals are left out, except numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    fn is_identifier(&self) -> bool {
        self.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }
}

/// A path as it is written, with the groups of a `use` spread out; `module` is where it stands inside its file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PathUse {
    pub(crate) segments: Vec<String>,
    pub(crate) module: Vec<String>,
    pub(crate) line: usize,
}

/// A function with a body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// Takes a file apart.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let (mut at, mut line) = (0, 1);
    let mut tokens = Vec::new();
    while at < chars.len() {
        let end = token_end(&chars, at);
        let first = chars[at];
        let is_word = first.is_alphanumeric() || first == '_';
        let is_literal = is_word && chars[at..end].contains(&'"');
        let is_mark = !first.is_whitespace() && !is_word && !matches!(first, '"' | '\'') && !is_comment(&chars, at);
        if (is_word && !is_literal) || is_mark {
            tokens.push(Token { text: chars[at..end].iter().collect(), line });
        }
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

fn is_comment(chars: &[char], at: usize) -> bool {
    chars[at] == '/' && matches!(chars.get(at + 1), Some('/' | '*'))
}

/// Where the token, literal or comment that begins at `at` ends.
fn token_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied().unwrap_or(' ');
    match chars[at] {
        '/' if next == '/' => chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |n| at + n),
        '/' if next == '*' => block_comment_end(chars, at),
        '"' => string_end(chars, at + 1),
        '\'' => quote_end(chars, at),
        ':' if next == ':' => at + 2,
        c if c.is_alphanumeric() || c == '_' => {
            let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
            let end = chars[at..].iter().position(|c| !is_part(c)).map_or(chars.len(), |n| at + n);
            literal_end(chars, at, end).unwrap_or(end)
        }
        _ => at + 1,
    }
}

/// The end of a string literal whose prefix (`r`, `b`, `br`, `c`, `cr`) lies at `at..end`.
fn literal_end(chars: &[char], at: usize, end: usize) -> Option<usize> {
    let prefix: String = chars[at..end].iter().collect();
    if !["r", "b", "br", "c", "cr"].contains(&prefix.as_str()) {
        return None;
    }
    let hashes = chars[end..].iter().take_while(|c| **c == '#').count();
    let is_raw = prefix.ends_with('r');
    match chars.get(end + hashes) {
        Some('"') if is_raw => Some(raw_string_end(chars, end + hashes + 1, hashes)),
        Some('"') if hashes == 0 => Some(string_end(chars, end + 1)),
        _ => None,
    }
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut at) = (0, at);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) if depth == 1 => return at + 2,
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], mut at: usize, hashes: usize) -> usize {
    while at < chars.len() {
        let closes = chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        at += 1;
        if closes {
            return at + hashes;
        }
    }
    chars.len()
}

/// The end of a character literal, or of the mark of a lifetime.
fn quote_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => chars[at + 3..].iter().position(|c| *c == '\'').map_or(chars.len(), |n| at + n + 4),
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}

/// All paths of a file, of uses and of expressions alike.
pub(crate) fn paths(tokens: &[Token]) -> Vec<PathUse> {
    let mut found = Vec::new();
    let mut modules: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut at) = (0, 0);
    while at < tokens.len() {
        let follows_path = at > 0 && matches!(tokens[at - 1].text.as_str(), "::" | ".");
        match tokens[at].text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                modules.retain(|(_, opened)| *opened < depth + 1);
            }
            "mod" if tokens.get(at + 2).is_some_and(|brace| brace.text == "{") => {
                modules.push((tokens[at + 1].text.clone(), depth + 1));
                at += 1;
            }
            _ if tokens[at].is_identifier() && !follows_path => {
                let module = modules.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
                let mut segments = Vec::new();
                at = spread(tokens, at, &module, &mut segments, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Follows one path, or one branch of a group, and returns where it ends.
fn spread(
    tokens: &[Token],
    mut at: usize,
    module: &[String],
    prefix: &mut Vec<String>,
    found: &mut Vec<PathUse>,
) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let line = tokens[at].line;
    let kept = prefix.len();
    loop {
        prefix.push(text(at).to_owned());
        at += 1;
        if text(at) != "::" {
            break;
        }
        at += 1;
        if text(at) == "{" {
            at += 1;
            while at < tokens.len() && text(at) != "}" {
                at = if text(at) == "," { at + 1 } else { spread(tokens, at, module, prefix, found) };
            }
            prefix.truncate(kept);
            return at + 1;
        }
        if text(at) != "*" && !tokens.get(at).is_some_and(Token::is_identifier) {
            break; // generic arguments
        }
    }
    found.push(PathUse { segments: prefix.clone(), module: module.to_vec(), line });
    prefix.truncate(kept);
    if text(at) == "as" && !text(at + 1).is_empty() && kept > 0 { at + 2 } else { at }
}

/// All functions that have a body, nested ones included.
pub(crate) fn functions(tokens: &[Token]) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1).filter(|name| token.text == "fn" && name.is_identifier()) else { continue };
        let Some(opening) = body_opening(tokens, at) else { continue };
        let mut depth = 0;
        for inner in &tokens[opening..] {
            match inner.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                let lines = inner.line - token.line + 1;
                found.push(Function { name: name.text.clone(), line: token.line, lines });
                break;
            }
        }
    }
    found
}

/// The brace that opens the body of the function at `at`; none if it is only declared.
fn body_opening(tokens: &[Token], at: usize) -> Option<usize> {
    let mut nesting = 0;
    for (offset, token) in tokens[at..].iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" => nesting += 1,
            ")" | "]" => nesting -= 1,
            ";" if nesting == 0 => return None,
            "{" if nesting == 0 => return Some(at + offset),
            _ => {}
        }
    }
    None
}

/// Whether a file can mean `std::time::Instant` by the name; else the name is this project's own.
pub fn names_std_time(tokens: &[Token]) -> bool {
    let text: String = tokens.iter().map(|token| token.text.as_str()).collect();
    text.contains("time::Instant") || text.contains("time::{")
}
