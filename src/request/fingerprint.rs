//! Fingerprints of transactions: a client request token stands for one request, and the log remembers for which.
//!
//! The fingerprint is the XXH3 hash of an encoding of what the actions ask for. The log keeps it, so that the encoding must
//! not change with the version of the program. It is drawn here, begins with its version, and is tried against known
//! fingerprints. Placeholders are resolved in it: requests that name the same values differently ask for the same.
//!
//! ```text
//! request   := version u8 = 1, action*
//! action    := bytes table name, bytes collection, bytes sort, change, option condition, u8 return old on failure
//! change    := 0 bytes item | 1 (delete) | 2 list of clause | 3 (check)      item as `item::codec` encodes it
//! clause    := 0 path set | 1 path | 2 path value | 3 path value             SET, REMOVE, ADD, DELETE
//! set       := 0 term | 1 term term | 2 term term                            as it is, +, -
//! term      := 0 path | 1 value | 2 path term | 3 term term                  if_not_exists, list_append
//! condition := 0 list | 1 list | 2 condition | 3 test                        AND, OR, NOT
//! test      := 0 operand u8 operand | 1 operand operand operand | 2 operand list of operand
//!            | 3 path | 4 path | 5 operand bytes | 6 operand operand | 7 operand operand
//! operand   := 0 path | 1 value | 2 path | 3 value                           the last two: size(..)
//! path      := bytes name, list of (0 bytes name | 1 u32)
//! value     := bytes item, of one attribute with an empty name
//! list      := u32 count, elements     bytes := u32 length, bytes     option := 0 | 1 ...     integers little-endian
//! ```

use super::write::{Change, Write};
use crate::{
    expression::{Action, Comparator, Condition, Operand, Path, SetOperand, SetValue, Step, Test, Tree},
    item::{AttributeValue, Item, encode_item},
};

/// Version of the encoding.
const VERSION: u8 = 1;

/// The fingerprint of the actions of a transaction.
pub(super) fn of(writes: &[Write<'_>]) -> u64 {
    let mut out = Encoder(vec![VERSION]);
    for write in writes {
        out.bytes(write.slot.state().definition.name.as_bytes());
        out.bytes(write.key.collection());
        out.bytes(write.key.sort());
        match &write.change {
            Change::Put(item) => {
                out.tag(0);
                out.bytes(item);
            }
            Change::Delete => out.tag(1),
            Change::Update(update) => {
                out.tag(2);
                out.list(update.actions(), Encoder::clause);
            }
            Change::Check => out.tag(3),
        }
        out.list(write.condition.map(Condition::tree), Encoder::condition);
        out.tag(u8::from(write.return_old_on_failure));
    }
    xxhash_rust::xxh3::xxh3_64(&out.0)
}

/// Writes requests, and parts of them, as bytes that are equal if they ask for the same.
pub(super) struct Encoder(pub Vec<u8>);

impl Encoder {
    pub fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }
    /// Counts and lengths are those of a request, which has at most a few megabytes.
    fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    }
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }
    pub fn list<T>(
        &mut self,
        list: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        one: impl Fn(&mut Self, T),
    ) {
        let list = list.into_iter();
        self.count(list.len());
        list.for_each(|element| one(self, element));
    }
    fn value(&mut self, value: &AttributeValue) {
        self.bytes(&encode_item(&Item::new().with("", value.clone())));
    }
    pub fn path(&mut self, path: &Path) {
        self.bytes(path.top_level().as_bytes());
        self.list(path.steps(), |out, step| match step {
            Step::Name(name) => {
                out.tag(0);
                out.bytes(name.as_bytes());
            }
            Step::Index(index) => {
                out.tag(1);
                out.0.extend_from_slice(&index.to_le_bytes());
            }
        });
    }
    fn clause(&mut self, action: &Action) {
        match action {
            Action::Set(path, value) => {
                self.tag(0);
                self.path(path);
                self.set(value);
            }
            Action::Remove(path) => {
                self.tag(1);
                self.path(path);
            }
            Action::Add(path, value) | Action::Delete(path, value) => {
                self.tag(if matches!(action, Action::Add(..)) { 2 } else { 3 });
                self.path(path);
                self.value(value);
            }
        }
    }
    fn set(&mut self, value: &SetValue) {
        match value {
            SetValue::Operand(term) => {
                self.tag(0);
                self.term(term);
            }
            SetValue::Plus(left, right) | SetValue::Minus(left, right) => {
                self.tag(if matches!(value, SetValue::Plus(..)) { 1 } else { 2 });
                self.term(left);
                self.term(right);
            }
        }
    }
    fn term(&mut self, term: &SetOperand) {
        match term {
            SetOperand::Path(path) => {
                self.tag(0);
                self.path(path);
            }
            SetOperand::Value(value) => {
                self.tag(1);
                self.value(value);
            }
            SetOperand::IfNotExists(path, otherwise) => {
                self.tag(2);
                self.path(path);
                self.term(otherwise);
            }
            SetOperand::ListAppend(first, second) => {
                self.tag(3);
                self.term(first);
                self.term(second);
            }
        }
    }
    pub fn condition(&mut self, tree: &Tree) {
        match tree {
            Tree::And(all) => {
                self.tag(0);
                self.list(all, Self::condition);
            }
            Tree::Or(any) => {
                self.tag(1);
                self.list(any, Self::condition);
            }
            Tree::Not(inner) => {
                self.tag(2);
                self.condition(inner);
            }
            Tree::Test(test) => {
                self.tag(3);
                self.test(test);
            }
        }
    }
    fn test(&mut self, test: &Test) {
        match test {
            Test::Compare(left, comparator, right) => {
                self.tag(0);
                self.operand(left);
                self.tag(match comparator {
                    Comparator::Equal => 0,
                    Comparator::NotEqual => 1,
                    Comparator::Less => 2,
                    Comparator::LessOrEqual => 3,
                    Comparator::Greater => 4,
                    Comparator::GreaterOrEqual => 5,
                });
                self.operand(right);
            }
            Test::Between(value, low, high) => {
                self.tag(1);
                [value, low, high].into_iter().for_each(|operand| self.operand(operand));
            }
            Test::In(value, list) => {
                self.tag(2);
                self.operand(value);
                self.list(list, Self::operand);
            }
            Test::Exists(path) | Test::NotExists(path) => {
                self.tag(if matches!(test, Test::Exists(_)) { 3 } else { 4 });
                self.path(path);
            }
            Test::TypeIs(operand, name) => {
                self.tag(5);
                self.operand(operand);
                self.bytes(name.as_bytes());
            }
            Test::BeginsWith(left, right) | Test::Contains(left, right) => {
                self.tag(if matches!(test, Test::BeginsWith(..)) { 6 } else { 7 });
                self.operand(left);
                self.operand(right);
            }
        }
    }
    fn operand(&mut self, operand: &Operand) {
        match operand {
            Operand::Path(path) | Operand::Size(path) => {
                self.tag(if matches!(operand, Operand::Path(_)) { 0 } else { 2 });
                self.path(path);
            }
            Operand::Value(value) | Operand::SizeOfValue(value) => {
                self.tag(if matches!(operand, Operand::Value(_)) { 1 } else { 3 });
                self.value(value);
            }
        }
    }
}
