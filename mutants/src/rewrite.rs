//! A file with all of its mutants in it, each behind a switch: `crate::mutant(7)` is true in the process that is mutant 7.
//!
//! What belongs to mutants stands between `/*<7*/` and `/*>*/`, so that what the compiler does not like leads to the
//! mutants to blame.

use crate::{
    Result,
    mutant::Mutant,
    site::{Form, Site, Sites},
};
use std::ops::Range;
use syn::visit::Visit;

/// A file with its mutants.
#[derive(Debug)]
pub struct Rewritten {
    pub text: String,
    /// Mutants that a switch can express, whether they compile or not.
    pub placed: Vec<usize>,
    /// Those of them that cannot compile.
    pub hopeless: Vec<usize>,
}

/// Puts the mutants of a file into it, in the forms that are known to compile.
pub fn rewrite<'a>(
    source: &str,
    mutants: impl Iterator<Item = (usize, &'a Mutant)>,
    forms: &'a [Form],
) -> Result<Rewritten> {
    let file = syn::parse_file(source)?;
    let mut sites = Sites::new(mutants, forms);
    sites.visit_file(&file);
    let text = render(source, &sites.found, 0..source.len());
    Ok(Rewritten { text, placed: sites.placed, hopeless: sites.hopeless })
}

/// A part of the source with the sites in it replaced.
fn render(source: &str, sites: &[Site], part: Range<usize>) -> String {
    let (mut text, mut at) = (String::new(), part.start);
    for (index, site) in sites.iter().enumerate() {
        if site.range.start < at || site.range.end > part.end {
            continue;
        }
        text.push_str(&source[at..site.range.start]);
        at = site.range.end;
        let inner = &sites[index + 1..];
        let mut pieces = site.template.split('$');
        text.extend(pieces.next());
        for piece in pieces {
            let (operand, rest) = piece.split_at(1);
            let operand = if operand == "l" { &site.left } else { &site.right };
            text.push_str(&render(source, inner, operand.clone()));
            text.push_str(rest);
        }
    }
    text.push_str(&source[at..part.end]);
    text
}

/// The mutants whose code encloses a place of a rewritten file most closely.
pub fn blame(text: &str, place: usize) -> Vec<usize> {
    let mut open: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(found) = text.get(at..place).and_then(|rest| rest.find("/*")) {
        at += found + 2;
        match (text[at..].strip_prefix('<'), text[at..].strip_prefix('>')) {
            (Some(ids), _) => open.push(ids.split('*').next().unwrap_or_default()),
            (_, Some(_)) => drop(open.pop()),
            _ => {}
        }
    }
    let ids = open.last().copied().unwrap_or_default();
    ids.split(',').filter_map(|id| id.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutant::{Genre, Position, Span};

    /// A mutant of the first place where the text reads so.
    fn mutant(source: &str, genre: Genre, place: &str, replacement: &str) -> Mutant {
        let start = source.find(place).unwrap();
        let line = source[..start].matches('\n').count() + 1;
        let column = start - source[..start].rfind('\n').map_or(0, |end| end + 1) + 1;
        let span = Span { start: Position { line, column } };
        let (name, file) = (place.to_owned(), "src/a.rs".to_owned());
        Mutant { name, file, genre, replacement: replacement.to_owned(), span, function: None }
    }

    /// The body of a function with mutants in it, without the marks.
    fn rewritten(body: &str, mutants: &[(Genre, &str, &str)], form: Form) -> String {
        let source = format!("fn f() {{\n{body}}}");
        let mutants: Vec<Mutant> =
            mutants.iter().map(|(genre, place, replacement)| mutant(&source, *genre, place, replacement)).collect();
        let forms = vec![form; mutants.len()];
        let mut text = rewrite(&source, mutants.iter().enumerate(), &forms).unwrap().text;
        syn::parse_file(&text).unwrap();
        while let Some(start) = text.find("/*") {
            let end = start + text[start..].find("*/").unwrap() + 2;
            text.replace_range(start..end, "");
        }
        text["fn f() {\n".len()..text.len() - 1].to_owned()
    }

    #[test]
    fn operands_are_evaluated_once() {
        let mutants = [(Genre::BinaryOperator, "<", "=="), (Genre::BinaryOperator, "<", "<=")];
        let expected = "(match (&(a()), &(b)) { (__l, __r) => if crate::mutant(0) { *__l == *__r } else if \
            crate::mutant(1) { *__l <= *__r } else { *__l < *__r } })";
        assert_eq!(rewritten("a() < b", &mutants, Form::Once), expected);
        let plain = "(if crate::mutant(0) { a() == b } else if crate::mutant(1) { a() <= b } else { a() < b })";
        assert_eq!(rewritten("a() < b", &mutants, Form::Plain), plain);
        assert_eq!(rewritten("a() < b", &mutants, Form::Out), "a() < b");
    }

    #[test]
    fn a_second_condition_is_evaluated_when_it_matters() {
        let or = rewritten("a || b", &[(Genre::BinaryOperator, "||", "&&")], Form::Once);
        assert_eq!(or, "{ let __l: bool = a; if __l != (crate::mutant(0)) { __l } else { b } }");
        let and = rewritten("a && b", &[(Genre::BinaryOperator, "&&", "||")], Form::Once);
        assert_eq!(and, "{ let __l: bool = a; if __l == (crate::mutant(0)) { __l } else { b } }");
    }

    #[test]
    fn mutants_lie_in_mutants() {
        let mutants = [(Genre::UnaryOperator, "!", ""), (Genre::BinaryOperator, "+", "-")];
        let expected = "(match (x((match ((a), (1)) { (__l, __r) => if crate::mutant(1) { __l - __r } else \
            { __l + __r } }))) { __l => if crate::mutant(0) { __l } else { ! __l } })";
        assert_eq!(rewritten("!x(a + 1)", &mutants, Form::Once), expected);
    }

    #[test]
    fn functions_return_early() {
        let text = rewritten(
            "    a += 1;",
            &[(Genre::FnValue, "a +=", "()"), (Genre::BinaryOperator, "+=", "-=")],
            Form::Once,
        );
        let expected = "    if crate::mutant(0) { return (); } (match (1) { __r => if crate::mutant(1) \
            { a -= __r } else { a += __r } });";
        assert_eq!(text, expected);
    }

    #[test]
    fn arms_and_their_guards_give_way() {
        let body = "match a { 1 => b, c if d => e, _ => f }";
        let mutants =
            [(Genre::MatchArm, "1 =>", ""), (Genre::MatchArm, "c if", ""), (Genre::MatchArmGuard, "d =>", "true")];
        let expected = "match a { 1 if !crate::mutant(0)  => b, c if (!crate::mutant(1) && \
            ((if crate::mutant(2) { true } else { d }))) => e, _ => f }";
        assert_eq!(rewritten(body, &mutants, Form::Once), expected);
    }

    #[test]
    fn fields_come_from_the_base() {
        let text = rewritten(
            "S { a, b: 1, ..s() }",
            &[(Genre::StructField, "a,", ""), (Genre::StructField, "b:", "")],
            Form::Once,
        );
        let expected = "S { a: (if crate::mutant(0) { (s()).a } else { a }), b: (if crate::mutant(1) { (s()).b } \
            else { 1 }), ..s() }";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_the_compiler_evaluates_stays() {
        let source = "const A: u8 = 1 + 2; const fn f() -> u8 { 1 - 2 }";
        let mutants =
            [mutant(source, Genre::BinaryOperator, "+", "-"), mutant(source, Genre::BinaryOperator, "- 2", "+")];
        let rewritten = rewrite(source, mutants.iter().enumerate(), &[Form::Once; 2]).unwrap();
        assert_eq!((rewritten.text.as_str(), rewritten.placed.len()), (source, 0));
    }

    #[test]
    fn what_cannot_compile_is_known_beforehand() {
        let source = "fn f() { if let Some(a) = b && c && (d || e) {} }";
        let mutants =
            [mutant(source, Genre::BinaryOperator, "&& (", "||"), mutant(source, Genre::BinaryOperator, "|| e", "&&")];
        let rewritten = rewrite(source, mutants.iter().enumerate(), &[Form::Once; 2]).unwrap();
        assert_eq!((rewritten.placed.len(), rewritten.hopeless), (2, vec![0]));
    }

    #[test]
    fn the_innermost_mutant_is_to_blame() {
        let text = "a /*<1,2*/ b /*<1*/ c /*>*/ /*<2*/ d /*>*/ e /*>*/ f";
        let blamed = ["a", "b", "c", "d", "e", "f"].map(|letter| blame(text, text.find(letter).unwrap()));
        assert_eq!(blamed, [vec![], vec![1, 2], vec![1], vec![2], vec![1, 2], vec![]]);
    }
}
