//! Conflicts as the service has them, for tests of what an application does about them.
//!
//! Here an operation that meets another one on the same item waits for the microseconds in which a lock is held, and
//! no caller sees it. The service rejects instead: a transaction that meets another one, or a write that meets a
//! transaction, and so on. With a [`ConflictModel`] the database does the same. Every operation says which items it is at
//! before it begins, and is rejected if another one that the service would not let it meet is there; a few more are
//! rejected by chance, so that a program with one thread meets conflicts too. And a test can be the other one itself:
//! requests for what it holds are rejected until it lets go.
//!
//! | arrives | is rejected where there is |
//! |---|---|
//! | put, update, delete | a transaction that writes |
//! | transaction that writes | a transaction that writes |
//! | transaction that reads | a transaction that writes, a put, update or delete |
//! | get, query, scan, batch get | nothing |
//!
//! Without a model and with nothing held, all this is one relaxed load.

use crate::{
    config::ConflictModel,
    error::{Error, ErrorKind},
    schema::EncodedKey,
};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// What an operation does at its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A put, update or delete of one item.
    Write,
    /// Part of a transaction that writes.
    TransactWrite,
    /// Part of a transaction that reads.
    TransactRead,
}

/// An item of a table, by the number of the table.
pub type ItemKey = (u32, EncodedKey);

/// The operations that are going on, as far as they can conflict.
pub struct InFlight {
    model: Option<ConflictModel>,
    /// What tests hold, and one more where there is a model: if it is 0, no operation has to look.
    watched: AtomicUsize,
    state: Mutex<InFlightState>,
}

#[derive(Default)]
struct InFlightState {
    drawn: u64,
    writes: BTreeMap<ItemKey, usize>,
    transactions: BTreeMap<ItemKey, usize>,
    tokens: BTreeMap<String, usize>,
}

impl InFlight {
    /// Nothing goes on yet.
    pub fn new(model: Option<ConflictModel>) -> Arc<Self> {
        let watched = AtomicUsize::new(usize::from(model.is_some()));
        Arc::new(Self { model, watched, state: Mutex::default() })
    }

    /// Whether operations have to say that they begin.
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed) > 0
    }

    /// Begins an operation, or says which of its items it may not touch now.
    pub fn begin(self: &Arc<Self>, access: Access, places: Vec<ItemKey>) -> Result<ConflictGuard, Vec<bool>> {
        let mut state = self.state.lock();
        let meets = |place: &ItemKey| {
            state.transactions.contains_key(place)
                || (access == Access::TransactRead && state.writes.contains_key(place))
        };
        let mut refused: Vec<bool> = places.iter().map(meets).collect();
        state.drawn += 1;
        if let Some(unlucky) = self.unlucky(state.drawn, places.len()) {
            refused[unlucky] = true;
        }
        if refused.contains(&true) {
            return Err(refused);
        }
        for place in &places {
            *state.of(access).entry(place.clone()).or_default() += 1;
        }
        drop(state);
        Ok(self.held(access, places, None, false))
    }

    /// Begins a transaction with a client request token, unless its twin is not finished.
    pub fn begin_token(self: &Arc<Self>, token: &str) -> Option<ConflictGuard> {
        let mut state = self.state.lock();
        if state.tokens.contains_key(token) {
            return None;
        }
        state.tokens.insert(token.to_owned(), 1);
        Some(self.held(Access::TransactWrite, Vec::new(), Some(token.to_owned()), false))
    }

    /// Holds an item, or a client request token, as a transaction that writes and does not end.
    pub fn hold(self: &Arc<Self>, place: Option<ItemKey>, token: Option<String>) -> ConflictGuard {
        let mut state = self.state.lock();
        if let Some(place) = &place {
            *state.transactions.entry(place.clone()).or_default() += 1;
        }
        if let Some(token) = &token {
            *state.tokens.entry(token.clone()).or_default() += 1;
        }
        self.watched.fetch_add(1, Ordering::Relaxed);
        self.held(Access::TransactWrite, place.into_iter().collect(), token, true)
    }

    fn held(
        self: &Arc<Self>,
        access: Access,
        places: Vec<ItemKey>,
        token: Option<String>,
        by_hand: bool,
    ) -> ConflictGuard {
        ConflictGuard { in_flight: self.clone(), access, places, token, by_hand }
    }

    /// The item at which an operation is rejected by chance.
    fn unlucky(&self, drawn: u64, items: usize) -> Option<usize> {
        let model = self.model.filter(|_| items > 0)?;
        let random = xxhash_rust::xxh3::xxh3_64_with_seed(&drawn.to_le_bytes(), model.seed);
        let items = items as u64;
        (random % 1000 < u64::from(model.refused_per_thousand)).then(|| ((random / 1000) % items) as usize)
    }
}

impl InFlightState {
    fn of(&mut self, access: Access) -> &mut BTreeMap<ItemKey, usize> {
        if access == Access::TransactWrite { &mut self.transactions } else { &mut self.writes }
    }
}

/// Takes one away, and what is counted with the last.
fn count_down<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    let left = counts.get_mut(key).map(|count| {
        *count -= 1;
        *count
    });
    if left == Some(0) {
        counts.remove(key);
    }
}

/// Items, or a client request token, that an operation is at; dropping it lets go.
#[must_use = "dropping it lets go at once"]
pub struct ConflictGuard {
    in_flight: Arc<InFlight>,
    access: Access,
    places: Vec<ItemKey>,
    token: Option<String>,
    by_hand: bool,
}

impl fmt::Debug for ConflictGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} items, token {:?})", self.places.len(), self.token)
    }
}

impl Drop for ConflictGuard {
    fn drop(&mut self) {
        let mut state = self.in_flight.state.lock();
        for place in &self.places {
            count_down(state.of(self.access), place);
        }
        if let Some(token) = &self.token {
            count_down(&mut state.tokens, token);
        }
        if self.by_hand {
            self.in_flight.watched.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The error of a transaction whose client request token belongs to one that is not finished.
pub fn in_progress() -> Error {
    let text = "The transaction with the given request token is already in progress.";
    Error::new(ErrorKind::Conflict, "TransactionInProgressException", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Access::{TransactRead, TransactWrite, Write};

    fn place(name: &[u8]) -> ItemKey {
        (1, EncodedKey::new(0, name, b""))
    }

    #[test]
    fn who_meets_whom_is_as_the_table_says() {
        let met = |there: Access, arrives: Access| {
            let in_flight = InFlight::new(None);
            let _here = in_flight.begin(there, vec![place(b"a"), place(b"b")]).unwrap();
            in_flight.begin(arrives, vec![place(b"b"), place(b"c")]).err()
        };
        let at_the_first = Some(vec![true, false]);
        for arrives in [Write, TransactWrite, TransactRead] {
            assert_eq!(met(TransactWrite, arrives), at_the_first, "{arrives:?}");
            assert_eq!(met(TransactRead, arrives), if arrives == TransactRead { at_the_first.clone() } else { None });
        }
        assert_eq!([met(Write, Write), met(Write, TransactWrite)], [None, None]);
        assert_eq!(met(Write, TransactRead), at_the_first);
    }

    #[test]
    fn nothing_is_left_of_what_has_ended() {
        let in_flight = InFlight::new(None);
        for access in [Write, TransactWrite, TransactRead] {
            let first = in_flight.begin(access, vec![place(b"a")]).unwrap();
            drop(first);
            in_flight.begin(TransactRead, vec![place(b"a")]).map(drop).unwrap();
        }
        // Two at one item: the first that ends leaves the other one there.
        let (first, second) = (in_flight.begin(Write, vec![place(b"a")]), in_flight.begin(Write, vec![place(b"a")]));
        drop(first);
        assert!(in_flight.begin(TransactRead, vec![place(b"a")]).is_err());
        drop(second);
        assert!(in_flight.begin(TransactRead, vec![place(b"a")]).is_ok());
        let state = in_flight.state.lock();
        assert!(state.writes.is_empty() && state.transactions.is_empty() && state.tokens.is_empty());
    }

    #[test]
    fn what_is_held_is_watched() {
        let in_flight = InFlight::new(None);
        let begun = in_flight.begin(TransactWrite, vec![place(b"a")]);
        assert!(!in_flight.is_watched());
        let held = [in_flight.hold(Some(place(b"b")), None), in_flight.hold(None, Some("token".to_owned()))];
        assert!(in_flight.is_watched() && in_flight.begin_token("token").is_none());
        drop((begun, held));
        assert!(!in_flight.is_watched());
        // A model without chance rejects nothing by chance.
        let modelled = InFlight::new(Some(ConflictModel { refused_per_thousand: 0, seed: 1 }));
        assert!(modelled.is_watched() && modelled.begin_token("token").is_some());
        assert!((0..5_000).all(|_| modelled.begin(Write, vec![place(b"a")]).is_ok()));
    }

    #[test]
    fn chance_meets_every_item_and_nobody_without_items() {
        let in_flight = InFlight::new(Some(ConflictModel { refused_per_thousand: 5, seed: 1 }));
        let places: Vec<ItemKey> = (0..7).map(|number| place(&[number])).collect();
        let mut refused = vec![false; places.len()];
        for _ in 0..20_000 {
            if let Err(unlucky) = in_flight.begin(Write, places.clone()) {
                assert_eq!(unlucky.iter().filter(|refused| **refused).count(), 1);
                refused.iter_mut().zip(unlucky).for_each(|(all, one)| *all |= one);
            }
        }
        assert_eq!(refused, [true; 7]);
        let always = InFlight::new(Some(ConflictModel { refused_per_thousand: 1000, seed: 1 }));
        assert!(always.begin(Write, vec![place(b"a")]).is_err());
        let nothing = always.begin(Write, Vec::new()).unwrap();
        assert_eq!(format!("{nothing:?}"), "Held(0 items, token None)");
    }
}
