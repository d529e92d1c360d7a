//! The prose of lessons as HTML: paragraphs with `code` and **words**, nothing else.

use maud::{Markup, html};

/// A paragraph or the point of a list, without the element around it.
pub(crate) fn inline(text: &str) -> Markup {
    let mut rest = text;
    let mut parts = Vec::new();
    while let Some((mark, at)) = next_mark(rest) {
        let behind = &rest[at + mark.len()..];
        let Some(end) = behind.find(mark) else { break };
        parts.push((None, &rest[..at]));
        parts.push((Some(mark), &behind[..end]));
        rest = &behind[end + mark.len()..];
    }
    parts.push((None, rest));
    html! {
        @for (mark, part) in parts {
            @match mark {
                Some("`") => { code { (part) } }
                Some("**") => { strong { (part) } }
                Some(_) => { em { (part) } }
                None => { (part) }
            }
        }
    }
}

/// The first mark in a text, and where it is.
fn next_mark(text: &str) -> Option<(&'static str, usize)> {
    let at = text.find(['`', '*'])?;
    let mark = match &text[at..] {
        rest if rest.starts_with('`') => "`",
        rest if rest.starts_with("**") => "**",
        _ => "*",
    };
    Some((mark, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_elements_and_everything_else_is_text() {
        let shown = |text: &str| inline(text).into_string();
        assert_eq!(shown("a **b** `c*` *d*"), "a <strong>b</strong> <code>c*</code> <em>d</em>");
        assert_eq!(shown("7 < 8 & `<script>`"), "7 &lt; 8 &amp; <code>&lt;script&gt;</code>");
        assert_eq!(shown("no end of `code"), "no end of `code");
    }
}
