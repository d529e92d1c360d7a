//! Parses conditions: the grammar of ConditionExpression, FilterExpression and KeyConditionExpression.
//!
//! ```text
//! condition := and ( OR and )*                          comparison := operand ( = | <> | < | <= | > | >= ) operand
//! and       := not ( AND not )*                         between    := operand BETWEEN operand AND operand
//! not       := NOT not | '(' condition ')' | test       in         := operand IN '(' operand ( ',' operand )* ')'
//! test      := comparison | between | in | function     operand    := path | :value | size(operand) | '(' operand ')'
//! ```
//!
//! What an opening parenthesis holds, an operand or a condition, shows only later. So everything that is begun and not
//! finished is on a stack of [`Frame`]s, and the loop alternates between a place where a term begins and the place
//! after one, where the frame on top decides what may follow. No nesting of the text deepens the call stack.

use super::{
    ExpressionKind,
    check::{self, Findings, MAX_OPERATORS},
    functions,
    names::Scope,
    parser::{Keyword, Parser},
    path::Path,
    token::TokenKind,
    tree::{Comparator, Operand, Test, Tree},
};
use crate::{error::Result, item::AttributeValue};

/// Something begun that waits for its next term.
enum Frame<'t> {
    /// `(`; in the place of an operand it cannot hold a condition.
    Group { may_hold_condition: bool },
    /// `name(` and the operands so far.
    Call { name: &'t str, operands: Vec<Operand> },
    /// `NOT`
    Not,
    /// `condition AND`
    And(Tree),
    /// `condition OR`
    Or(Tree),
    /// `operand comparator`
    Compare(Operand, Comparator),
    /// `operand BETWEEN`
    Low(Operand),
    /// `operand BETWEEN operand AND`
    High(Operand, Operand),
    /// `operand IN (` and the operands so far.
    In(Operand, Vec<Operand>),
}

/// Something finished.
enum Term<'t> {
    Operand(Operand),
    /// A call: an operand if a comparator follows, else a condition.
    Call {
        name: &'t str,
        operands: Vec<Operand>,
    },
    Condition(Tree),
}

/// What takes the place of an operand that has been found faulty.
const STAND_IN: Operand = Operand::Value(AttributeValue::Null);

struct ConditionParser<'t, 's, 'p> {
    parser: Parser<'t, 's, 'p>,
    stack: Vec<Frame<'t>>,
    /// Whether the last term is a pair of parentheses and nothing else.
    parenthesised: bool,
    /// The fault of the first faulty test.
    test_fault: Option<String>,
}

/// Parses a condition and reports its most important fault, if it has any.
pub(super) fn parse(kind: ExpressionKind, text: &str, scope: &mut Scope<'_>) -> Result<Tree> {
    let parser = Parser::new(kind, text, scope)?;
    let mut parser = ConditionParser { parser, stack: Vec::new(), parenthesised: false, test_fault: None };
    let tree = parser.run()?;
    let mut findings = parser.parser.findings;
    let fault = findings.limit().or_else(|| findings.structure()).or(findings.reserved).or(parser.test_fault);
    fault.map_or(Ok(tree), |fault| Err(kind.error(fault)))
}

impl<'t> ConditionParser<'t, '_, '_> {
    fn run(&mut self) -> Result<Tree> {
        loop {
            let Some(term) = self.begin_term()? else { continue };
            if let Some(tree) = self.after_term(term)? {
                return Ok(tree);
            }
        }
    }

    /// Reads what may begin a term: a complete path or value, or something that goes on the stack.
    fn begin_term(&mut self) -> Result<Option<Term<'t>>> {
        let token = self.parser.cursor.current();
        self.parenthesised = false;
        match token.kind {
            TokenKind::Open => {
                let may_hold_condition = self.condition_fits();
                self.parser.cursor.advance();
                self.stack.push(Frame::Group { may_hold_condition });
                Ok(None)
            }
            TokenKind::ValuePlaceholder => Ok(Some(Term::Operand(Operand::Value(self.parser.value()?)))),
            TokenKind::Name | TokenKind::NamePlaceholder => match self.parser.current_keyword() {
                Some(Keyword::Not) if self.condition_fits() => {
                    self.operator();
                    self.stack.push(Frame::Not);
                    Ok(None)
                }
                None if token.kind == TokenKind::Name && self.parser.cursor.parenthesis_follows() => {
                    let name = self.parser.cursor.text_of(token);
                    self.parser.cursor.advance();
                    self.parser.cursor.advance();
                    self.stack.push(Frame::Call { name, operands: Vec::new() });
                    Ok(None)
                }
                None => Ok(Some(Term::Operand(Operand::Path(self.parser.path()?)))),
                Some(_) => Err(self.parser.cursor.syntax_error()),
            },
            _ => Err(self.parser.cursor.syntax_error()),
        }
    }

    /// Whether a condition may begin here, and not only an operand.
    fn condition_fits(&self) -> bool {
        match self.stack.last() {
            None | Some(Frame::Not | Frame::And(_) | Frame::Or(_)) => true,
            Some(Frame::Group { may_hold_condition }) => *may_hold_condition,
            Some(_) => false,
        }
    }

    /// Steps over an operator and counts it.
    fn operator(&mut self) {
        self.parser.cursor.advance();
        self.parser.findings.operators += 1;
    }

    /// Finishes what the term completes, until a new term has to begin; the whole condition at the end of the text.
    fn after_term(&mut self, mut term: Term<'t>) -> Result<Option<Tree>> {
        loop {
            let next = match term {
                Term::Condition(tree) => self.after_condition(tree)?,
                operand if self.condition_fits() => self.after_free_operand(operand)?,
                operand => self.after_bound_operand(operand)?,
            };
            match next {
                After::Term(next) => term = next,
                After::Begin => return Ok(None),
                After::End(tree) => return Ok(Some(tree)),
            }
        }
    }

    /// After an operand or call where a condition may be too: it begins a test, or is one.
    fn after_free_operand(&mut self, term: Term<'t>) -> Result<After<'t>> {
        let token = self.parser.cursor.current();
        if let Some(comparator) = comparator(token.kind) {
            let left = self.operand(term);
            self.operator();
            self.stack.push(Frame::Compare(left, comparator));
            return Ok(After::Begin);
        }
        match self.parser.current_keyword() {
            Some(Keyword::Between) => {
                let value = self.operand(term);
                self.operator();
                self.stack.push(Frame::Low(value));
                return Ok(After::Begin);
            }
            Some(Keyword::In) => {
                let value = self.operand(term);
                self.operator();
                self.parser.cursor.expect(TokenKind::Open)?;
                self.stack.push(Frame::In(value, Vec::new()));
                return Ok(After::Begin);
            }
            _ => {}
        }
        if token.kind == TokenKind::Close && matches!(self.stack.last(), Some(Frame::Group { .. })) {
            return self.close_group(term);
        }
        match term {
            Term::Call { name, operands } => Ok(After::Term(Term::Condition(self.call_as_test(name, operands)))),
            _ => Err(self.parser.cursor.syntax_error()),
        }
    }

    /// After an operand or call where only an operand may be.
    fn after_bound_operand(&mut self, term: Term<'t>) -> Result<After<'t>> {
        let token = self.parser.cursor.current();
        match self.stack.pop() {
            Some(Frame::Compare(left, comparator)) => {
                let right = self.operand(term);
                Ok(self.test(Test::Compare(left, comparator, right)))
            }
            Some(Frame::Low(value)) if self.parser.current_keyword() == Some(Keyword::And) => {
                let low = self.operand(term);
                self.parser.cursor.advance();
                self.stack.push(Frame::High(value, low));
                Ok(After::Begin)
            }
            Some(Frame::High(value, low)) => {
                let high = self.operand(term);
                Ok(self.test(Test::Between(value, low, high)))
            }
            Some(Frame::In(value, mut list)) if matches!(token.kind, TokenKind::Comma | TokenKind::Close) => {
                list.push(self.operand(term));
                self.parser.cursor.advance();
                if token.kind == TokenKind::Close {
                    return Ok(self.test(Test::In(value, list)));
                }
                self.stack.push(Frame::In(value, list));
                Ok(After::Begin)
            }
            Some(Frame::Call { name, mut operands }) if matches!(token.kind, TokenKind::Comma | TokenKind::Close) => {
                operands.push(self.operand(term));
                self.parser.cursor.advance();
                if token.kind == TokenKind::Close {
                    self.parenthesised = false;
                    return Ok(After::Term(Term::Call { name, operands }));
                }
                self.stack.push(Frame::Call { name, operands });
                Ok(After::Begin)
            }
            Some(group @ Frame::Group { .. }) if token.kind == TokenKind::Close => {
                self.stack.push(group);
                self.close_group(term)
            }
            _ => Err(self.parser.cursor.syntax_error()),
        }
    }

    /// After a complete condition.
    fn after_condition(&mut self, tree: Tree) -> Result<After<'t>> {
        let keyword = self.parser.current_keyword();
        let combined = match self.stack.pop() {
            Some(Frame::Not) => self.bounded(|tree| Tree::Not(Box::new(tree)), tree),
            Some(Frame::And(left)) => self.bounded(|tree| left.and(tree), tree),
            Some(Frame::Or(left)) if keyword != Some(Keyword::And) => self.bounded(|tree| left.or(tree), tree),
            frame => {
                self.stack.extend(frame);
                return self.after_whole_condition(keyword, tree);
            }
        };
        self.parenthesised = false;
        Ok(After::Term(Term::Condition(combined)))
    }

    /// After a condition that nothing on the stack completes before more is read.
    fn after_whole_condition(&mut self, keyword: Option<Keyword>, tree: Tree) -> Result<After<'t>> {
        match keyword {
            Some(Keyword::And) => {
                self.operator();
                self.stack.push(Frame::And(tree));
                Ok(After::Begin)
            }
            Some(Keyword::Or) => {
                self.operator();
                self.stack.push(Frame::Or(tree));
                Ok(After::Begin)
            }
            _ => match (self.parser.cursor.current().kind, self.stack.last()) {
                (TokenKind::Close, Some(Frame::Group { .. })) => self.close_group(Term::Condition(tree)),
                (TokenKind::End, None) => Ok(After::End(tree)),
                _ => Err(self.parser.cursor.syntax_error()),
            },
        }
    }

    /// Joins conditions, unless there are so many operators that the expression is rejected anyway: this bounds the
    /// depth of every tree.
    fn bounded(&self, join: impl FnOnce(Tree) -> Tree, tree: Tree) -> Tree {
        if self.parser.findings.operators > MAX_OPERATORS { tree } else { join(tree) }
    }

    /// Closes the group on top of the stack around its content.
    fn close_group(&mut self, term: Term<'t>) -> Result<After<'t>> {
        self.stack.pop();
        self.parser.cursor.advance();
        self.parser.findings.redundant |= self.parenthesised;
        self.parenthesised = true;
        let Term::Operand(Operand::Path(mut path)) = term else { return Ok(After::Term(term)) };
        if matches!(self.parser.cursor.current().kind, TokenKind::Dot | TokenKind::OpenBracket) {
            self.parser.steps(&mut path)?;
            self.parenthesised = false;
        }
        Ok(After::Term(Term::Operand(Operand::Path(path))))
    }

    fn operand(&mut self, term: Term<'t>) -> Operand {
        match term {
            Term::Operand(operand) => operand,
            Term::Call { name, operands } => self.call_as_operand(name, operands),
            // Conditions never come to a place of operands: groups there cannot hold them.
            Term::Condition(_) => STAND_IN,
        }
    }

    /// A call in the place of an operand, where only `size` may be.
    fn call_as_operand(&mut self, name: &str, operands: Vec<Operand>) -> Operand {
        let findings = &mut self.parser.findings;
        if !functions::check_name(findings, name) {
            return STAND_IN;
        }
        if name != "size" {
            Findings::note(&mut findings.misplaced, || check::misplaced(name));
            return STAND_IN;
        }
        functions::size(operands).unwrap_or_else(|fault| {
            Findings::note(&mut findings.operand, || fault);
            STAND_IN
        })
    }

    /// A call in the place of a condition.
    fn call_as_test(&mut self, name: &str, operands: Vec<Operand>) -> Tree {
        let findings = &mut self.parser.findings;
        let mut test = None;
        if !functions::check_name(findings, name) {
            // Noted already.
        } else if name == "size" {
            Findings::note(&mut findings.misplaced, || check::misplaced(name));
        } else {
            match functions::test(name, operands) {
                Ok(call) => test = Some(call),
                Err(fault) => Findings::note(&mut findings.operand, || fault),
            }
        }
        self.parenthesised = false;
        self.finish_test(test)
    }

    fn test(&mut self, test: Test) -> After<'t> {
        self.parenthesised = false;
        After::Term(Term::Condition(self.finish_test(Some(test))))
    }

    /// Ends a test: its faults count only if no earlier test has any.
    fn finish_test(&mut self, test: Option<Test>) -> Tree {
        let findings = &mut self.parser.findings;
        let noted = findings.undefined.take().or(findings.operand.take());
        if self.test_fault.is_none() {
            self.test_fault = noted.or_else(|| check::test_fault(test.as_ref()?));
        }
        Tree::Test(test.unwrap_or_else(|| Test::Exists(Path::attribute(""))))
    }
}

/// What follows a term.
enum After<'t> {
    /// A larger term that it is the end of.
    Term(Term<'t>),
    /// A place where a new term has to begin.
    Begin,
    /// The end of the text.
    End(Tree),
}

fn comparator(kind: TokenKind) -> Option<Comparator> {
    match kind {
        TokenKind::Equal => Some(Comparator::Equal),
        TokenKind::NotEqual => Some(Comparator::NotEqual),
        TokenKind::Less => Some(Comparator::Less),
        TokenKind::LessOrEqual => Some(Comparator::LessOrEqual),
        TokenKind::Greater => Some(Comparator::Greater),
        TokenKind::GreaterOrEqual => Some(Comparator::GreaterOrEqual),
        _ => None,
    }
}
