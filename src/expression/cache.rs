//! A small cache of parsed expressions, for callers that send the same texts again and again.
//!
//! A text belongs to one slot, by its hash; the slot keeps what the text was last parsed into, together with the
//! placeholders that it used. It serves another request whose text is the same and whose placeholders stand for the
//! same. Conditions like `attribute_not_exists(pk)`, projections, and the filter of a query that is read page by page
//! are served; a text that comes with other values each time is not, and the slot then stops keeping it, so that such
//! texts cost no more than a look. Nothing is ever waited for: a slot in use by another thread is passed by.

use super::{Condition, ExpressionKind, Projection, Update, names::Scope};
use crate::{
    error::Result,
    item::{AttributeValue, size::value_size},
};
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

/// How many texts are kept.
const SLOTS: usize = 64;
/// Values of more bytes are not kept; together with the length of texts this bounds the memory of the cache.
const MAX_VALUE_BYTES: usize = 4096;
/// How often a text may come with other placeholders before it is kept no longer.
const MAX_CHANGES: u8 = 4;

/// Parsed expressions by text and placeholders.
pub struct ExpressionCache {
    slots: Box<[Mutex<Option<Entry>>]>,
}

struct Entry {
    kind: ExpressionKind,
    text: Box<str>,
    /// What the aliases that it used stood for.
    names: Vec<(String, String)>,
    /// What the value placeholders that it used stood for.
    values: Vec<(String, AttributeValue)>,
    /// `None` once the placeholders have changed too often.
    parsed: Option<Parsed>,
    changes: u8,
}

/// All of these share their content with their clones.
#[derive(Clone)]
enum Parsed {
    Condition(Condition),
    Update(Update),
    Projection(Projection),
}

impl Default for ExpressionCache {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| Mutex::new(None)).collect() }
    }
}

impl ExpressionCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Condition::parse`].
    pub fn condition(&self, kind: ExpressionKind, text: &str, scope: &mut Scope<'_>) -> Result<Condition> {
        let parse = |scope: &mut Scope<'_>| Condition::parse(kind, text, scope);
        self.get(kind, text, scope, parse, Parsed::Condition, |parsed| match parsed {
            Parsed::Condition(condition) => Some(condition),
            _ => None,
        })
    }

    /// As [`Update::parse`].
    pub fn update(&self, text: &str, scope: &mut Scope<'_>) -> Result<Update> {
        let parse = |scope: &mut Scope<'_>| Update::parse(text, scope);
        self.get(ExpressionKind::Update, text, scope, parse, Parsed::Update, |parsed| match parsed {
            Parsed::Update(update) => Some(update),
            _ => None,
        })
    }

    /// As [`Projection::parse`].
    pub fn projection(&self, text: &str, scope: &mut Scope<'_>) -> Result<Projection> {
        let parse = |scope: &mut Scope<'_>| Projection::parse(text, scope);
        self.get(ExpressionKind::Projection, text, scope, parse, Parsed::Projection, |parsed| match parsed {
            Parsed::Projection(projection) => Some(projection),
            _ => None,
        })
    }

    fn get<'p, T: Clone>(
        &self,
        kind: ExpressionKind,
        text: &str,
        scope: &mut Scope<'p>,
        parse: impl FnOnce(&mut Scope<'p>) -> Result<T>,
        wrap: impl FnOnce(T) -> Parsed,
        unwrap: impl FnOnce(Parsed) -> Option<T>,
    ) -> Result<T> {
        let Some(mut slot) = self.slot(text).and_then(Mutex::try_lock) else { return parse(scope) };
        let mut changes = 0;
        if let Some(entry) = slot.as_mut().filter(|entry| entry.kind == kind && *entry.text == *text) {
            let Some(parsed) = &entry.parsed else {
                drop(slot);
                return parse(scope);
            };
            if entry.stands_in(scope)
                && let Some(parsed) = unwrap(parsed.clone())
            {
                return Ok(parsed);
            }
            changes = entry.changes.saturating_add(1);
            if changes > MAX_CHANGES {
                *entry =
                    Entry { parsed: None, names: Vec::new(), values: Vec::new(), changes, text: text.into(), kind };
                drop(slot);
                return parse(scope);
            }
        }
        let mark = scope.mark();
        let parsed = parse(scope)?;
        let (names, values) = scope.used_since(mark);
        if values.iter().map(|(_, value)| value_size(value)).sum::<usize>() <= MAX_VALUE_BYTES {
            let kept = Some(wrap(parsed.clone()));
            *slot = Some(Entry { kind, text: text.into(), names, values, parsed: kept, changes });
        }
        Ok(parsed)
    }

    fn slot(&self, text: &str) -> Option<&Mutex<Option<Entry>>> {
        let slot = usize::try_from(xxh3_64(text.as_bytes()) % SLOTS as u64).ok()?;
        self.slots.get(slot)
    }
}

impl Entry {
    /// Whether the placeholders stand for the same in this scope; they then count as used.
    fn stands_in(&self, scope: &mut Scope<'_>) -> bool {
        self.names.iter().all(|(alias, name)| scope.name(alias).is_some_and(|found| found == name))
            && self.values.iter().all(|(token, value)| scope.value(token).is_some_and(|found| found == value))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Placeholders, *};

    fn filter(cache: &ExpressionCache, text: &str, placeholders: &Placeholders) -> Result<Condition> {
        let mut scope = Scope::new(placeholders);
        let condition = cache.condition(ExpressionKind::Filter, text, &mut scope)?;
        scope.finish()?;
        Ok(condition)
    }

    fn fresh(text: &str, placeholders: &Placeholders) -> Result<Condition> {
        Condition::parse(ExpressionKind::Filter, text, &mut Scope::new(placeholders))
    }

    #[test]
    fn the_answer_is_that_of_the_parser() {
        let cache = ExpressionCache::new();
        let text = "#a = :v AND b > :w";
        for round in 0..20 {
            // Changes every second time, so that the slot is served from, replaced and in the end given up.
            let placeholders = Placeholders::none().name("#a", "name").value(":v", round / 2).value(":w", 1);
            assert_eq!(filter(&cache, text, &placeholders).unwrap(), fresh(text, &placeholders).unwrap());
        }
        let other_name = Placeholders::none().name("#a", "other").value(":v", 0).value(":w", 1);
        assert_eq!(filter(&cache, text, &other_name).unwrap(), fresh(text, &other_name).unwrap());
    }

    #[test]
    fn faults_and_unused_placeholders_are_reported_every_time() {
        let cache = ExpressionCache::new();
        let good = Placeholders::none().value(":v", 1);
        let more = good.clone().value(":x", 1);
        for _ in 0..3 {
            assert!(filter(&cache, "a = :v", &good).is_ok());
            assert!(filter(&cache, "a = :v", &more).unwrap_err().message().ends_with("keys: {:x}"));
            assert!(filter(&cache, "a = :v", &Placeholders::none()).unwrap_err().message().ends_with(":v"));
            assert!(filter(&cache, "a < :v", &Placeholders::none().value(":v", true)).is_err());
        }
    }

    #[test]
    fn kinds_do_not_mix() {
        let cache = ExpressionCache::new();
        let none = Placeholders::none();
        let scope = || Scope::new(&none);
        for _ in 0..3 {
            assert!(cache.projection("a", &mut scope()).is_ok());
            let condition = cache.condition(ExpressionKind::Condition, "attribute_exists(a)", &mut scope()).unwrap();
            assert_eq!(condition.kind(), ExpressionKind::Condition);
            let filter = cache.condition(ExpressionKind::Filter, "attribute_exists(a)", &mut scope()).unwrap();
            assert_eq!(filter.kind(), ExpressionKind::Filter);
            assert!(cache.update("REMOVE a", &mut scope()).is_ok());
            assert!(cache.update("a", &mut scope()).is_err());
        }
    }
}
