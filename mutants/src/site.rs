//! Sites are the places of a file that have mutants, found by what its syntax says rather than by its text.
//!
//! A site comes with a template of what stands there afterwards: the code as it was, and each of its mutants behind a
//! switch. `$l` and `$r` in it are two parts of the code, which may have sites of their own. What is an operand is
//! evaluated once where types allow that; else, in the site's plain form, the mutants repeat it.

use crate::mutant::{Genre, Mutant};
use std::{collections::BTreeMap, fmt::Write, ops::Range};
use syn::{
    Arm, Block, Expr, ExprBinary, ExprStruct, ExprUnary, FieldValue, ImplItemFn, ItemFn, Pat, PatGuard, Signature,
    UnOp, spanned::Spanned, visit::Visit,
};

/// How a mutant can be put into the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Operands are evaluated once.
    #[default]
    Once,
    /// Operands are repeated.
    Plain,
    /// It does not compile.
    Out,
}

/// A place with mutants.
#[derive(Debug)]
pub struct Site {
    pub range: Range<usize>,
    pub template: String,
    pub left: Range<usize>,
    pub right: Range<usize>,
}

/// A mutant by its number.
type Numbered<'a> = (usize, &'a Mutant);

/// Finds the sites of a file, outer ones before those in them.
pub struct Sites<'a> {
    mutants: BTreeMap<(Genre, usize, usize), Vec<Numbered<'a>>>,
    forms: &'a [Form],
    pub found: Vec<Site>,
    /// Mutants that a switch can express, whether they compile or not.
    pub placed: Vec<usize>,
    /// Mutants that cannot compile: beside a condition that binds names stands nothing but `&&`.
    pub hopeless: Vec<usize>,
}

impl<'a> Sites<'a> {
    pub fn new(mutants: impl Iterator<Item = Numbered<'a>>, forms: &'a [Form]) -> Self {
        let mut sites =
            Self { mutants: BTreeMap::new(), forms, found: Vec::new(), placed: Vec::new(), hopeless: Vec::new() };
        for (id, mutant) in mutants {
            let start = mutant.span.start;
            sites.mutants.entry((mutant.genre, start.line, start.column)).or_default().push((id, mutant));
        }
        sites
    }

    /// The mutants at a place that compile, as far as it is known.
    fn take(&mut self, genre: Genre, code: &impl Spanned) -> Vec<Numbered<'a>> {
        let start = code.span().start();
        let mut mutants = self.mutants.remove(&(genre, start.line, start.column + 1)).unwrap_or_default();
        self.placed.extend(mutants.iter().map(|(id, _)| *id));
        mutants.retain(|(id, _)| self.forms[*id] < Form::Out);
        mutants
    }

    fn is_plain(&self, mutants: &[Numbered<'a>]) -> bool {
        mutants.iter().any(|(id, _)| self.forms[*id] == Form::Plain)
    }

    fn push(&mut self, mutants: &[Numbered<'a>], range: Range<usize>, template: &str, parts: [Range<usize>; 2]) {
        if !mutants.is_empty() {
            let ids: Vec<String> = mutants.iter().map(|(id, _)| id.to_string()).collect();
            let template = format!("/*<{}*/{template}/*>*/", ids.join(","));
            let [left, right] = parts;
            self.found.push(Site { range, template, left, right });
        }
    }

    fn function(&mut self, signature: &Signature, block: &'a Block) -> bool {
        if signature.constness.is_some() {
            return false;
        }
        let Some(first) = block.stmts.first() else { return true };
        let start = first.span().byte_range().start;
        let is_opaque = |function: &crate::mutant::Function| function.return_type.contains("impl ");
        let key = (Genre::FnValue, first.span().start().line, first.span().start().column + 1);
        self.mutants.entry(key).or_default().retain(|(_, mutant)| !mutant.function.as_ref().is_some_and(is_opaque));
        let mutants = self.take(Genre::FnValue, first);
        let mut template = String::new();
        for (id, mutant) in &mutants {
            _ = write!(template, "if crate::mutant({id}) {{ /*<{id}*/return {};/*>*/ }} ", mutant.replacement);
        }
        self.push(&mutants, start..start, &template, [start..start, start..start]);
        true
    }
}

/// The code as it was, or one of its mutants.
fn choose(mutants: &[Numbered<'_>], variant: impl Fn(&str) -> String, original: &str) -> String {
    let mut text = String::new();
    for (id, mutant) in mutants {
        _ = write!(text, "if crate::mutant({id}) {{ /*<{id}*/{}/*>*/ }} else ", variant(&mutant.replacement));
    }
    text + "{ " + original + " }"
}

/// The template of an operator with mutants.
fn operator(mutants: &[Numbered<'_>], operator: &str, is_plain: bool) -> String {
    let choice = |left: &str, right: &str| {
        choose(mutants, |other| format!("{left} {other} {right}"), &format!("{left} {operator} {right}"))
    };
    match operator {
        _ if is_plain => format!("({})", choice("$l", "$r")),
        "&&" | "||" => {
            // One is the mutant of the other: they differ in when the second operand does not matter.
            let changed: Vec<String> = mutants.iter().map(|(id, _)| format!("crate::mutant({id})")).collect();
            let equal = if operator == "&&" { "==" } else { "!=" };
            format!("{{ let __l: bool = $l; if __l {equal} ({}) {{ __l }} else {{ $r }} }}", changed.join("||"))
        }
        "==" | "!=" | "<" | "<=" | ">" | ">=" => {
            format!("(match (&($l), &($r)) {{ (__l, __r) => {} }})", choice("*__l", "*__r"))
        }
        _ if operator.ends_with('=') => format!("(match ($r) {{ __r => {} }})", choice("$l", "__r")),
        _ => format!("(match (($l), ($r)) {{ (__l, __r) => {} }})", choice("__l", "__r")),
    }
}

/// Whether a condition binds names.
fn binds(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(both) => binds(&both.left) || binds(&both.right),
        _ => false,
    }
}

impl<'a> Visit<'a> for Sites<'a> {
    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        if self.function(&function.sig, &function.block) {
            self.visit_block(&function.block);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'a ImplItemFn) {
        if self.function(&function.sig, &function.block) {
            self.visit_block(&function.block);
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'a syn::TraitItemFn) {
        if let Some(block) = &function.default
            && self.function(&function.sig, block)
        {
            self.visit_block(block);
        }
    }

    fn visit_expr_binary(&mut self, both: &'a ExprBinary) {
        let mutants = self.take(Genre::BinaryOperator, &both.op);
        if binds(&both.left) || binds(&both.right) {
            self.hopeless.extend(mutants.iter().map(|(id, _)| *id));
        } else {
            let range = both.left.span().byte_range().start..both.right.span().byte_range().end;
            let text = both.op.span().source_text().unwrap_or_default();
            let template = operator(&mutants, &text, self.is_plain(&mutants));
            self.push(&mutants, range, &template, [both.left.span().byte_range(), both.right.span().byte_range()]);
        }
        syn::visit::visit_expr_binary(self, both);
    }

    fn visit_expr_unary(&mut self, unary: &'a ExprUnary) {
        let mutants = self.take(Genre::UnaryOperator, &unary.op);
        let (whole, operand) = (unary.span().byte_range(), unary.expr.span().byte_range());
        let sign = if matches!(unary.op, UnOp::Neg(_)) { "-" } else { "!" };
        let template = if self.is_plain(&mutants) {
            format!("({})", choose(&mutants, |_| "$l".to_owned(), &format!("{sign} $l")))
        } else {
            format!("(match ($l) {{ __l => {} }})", choose(&mutants, |_| "__l".to_owned(), &format!("{sign} __l")))
        };
        self.push(&mutants, whole, &template, [operand.clone(), operand]);
        syn::visit::visit_expr_unary(self, unary);
    }

    fn visit_arm(&mut self, arm: &'a Arm) {
        let mutants = self.take(Genre::MatchArm, arm);
        let ids: Vec<String> = mutants.iter().map(|(id, _)| format!("!crate::mutant({id})")).collect();
        let end = arm.pat.span().byte_range().end;
        match &arm.pat {
            Pat::Guard(PatGuard { guard, .. }) => {
                let range = guard.span().byte_range();
                let template = format!("({} && ($l))", ids.join(" && "));
                self.push(&mutants, range.clone(), &template, [range.clone(), range]);
            }
            _ => self.push(&mutants, end..end, &format!(" if {} ", ids.join(" && ")), [end..end, end..end]),
        }
        syn::visit::visit_arm(self, arm);
    }

    fn visit_pat_guard(&mut self, pattern: &'a PatGuard) {
        let mutants = self.take(Genre::MatchArmGuard, &pattern.guard);
        let range = pattern.guard.span().byte_range();
        let template = format!("({})", choose(&mutants, str::to_owned, "$l"));
        self.push(&mutants, range.clone(), &template, [range.clone(), range]);
        syn::visit::visit_pat_guard(self, pattern);
    }

    fn visit_expr_struct(&mut self, whole: &'a ExprStruct) {
        for field in &whole.fields {
            let Some(rest) = &whole.rest else { continue };
            let mutants = self.take(Genre::StructField, field);
            let FieldValue { member: syn::Member::Named(name), expr, .. } = field else { continue };
            let template = format!("{name}: ({})", choose(&mutants, |_| format!("($r).{name}"), "$l"));
            let parts = [expr.span().byte_range(), rest.span().byte_range()];
            self.push(&mutants, field.span().byte_range(), &template, parts);
        }
        syn::visit::visit_expr_struct(self, whole);
    }

    // What is computed by the compiler asks for no switch.
    fn visit_item_const(&mut self, _: &'a syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'a syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'a syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'a syn::TraitItemConst) {}
    fn visit_expr_const(&mut self, _: &'a syn::ExprConst) {}
    fn visit_type_array(&mut self, _: &'a syn::TypeArray) {}
    fn visit_variant(&mut self, _: &'a syn::Variant) {}
    fn visit_expr_repeat(&mut self, repeat: &'a syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }
}
