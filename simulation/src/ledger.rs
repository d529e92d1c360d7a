//! What may be in a database, given what was asked of it and what it answered.
//!
//! Records are in the log in the order of the calls, and a crash loses a tail of them at most. So the states that may be
//! found form a list, oldest first: from the last one that was promised to be durable, over those that were only
//! buffered, to the newest ones. As long as every call succeeds there is one newest state. A call that failed may have
//! happened or not, which makes two, until something that the database shows or answers tells them apart.

use hashrange::{Database, Durability};
use hashrange_test_support::world::{
    Mutation, State,
    judge::{Done, check},
    run::agree,
    state::Outcome,
    step::Read,
    time::Place,
};

/// The states that may be found.
#[derive(Debug)]
pub struct Ledger {
    /// What a reader of the running database may see, and what a killed process leaves behind.
    newest: Vec<State>,
    /// What a power failure may leave besides.
    older: Vec<State>,
    /// Whether a call failed for which the disk is to blame, so that buffered bytes may be gone without a crash.
    has_failed: bool,
    /// Items that a sweep was about to delete whose end was not seen: of the newest states, they may be there or not.
    expired: Vec<Place>,
}

impl Ledger {
    pub fn new(state: State) -> Self {
        Self { newest: vec![state], older: Vec::new(), has_failed: false, expired: Vec::new() }
    }

    /// Notes that what was found is all there is from now on.
    pub fn found(&mut self, state: State) {
        *self = Self::new(state);
    }

    pub fn is_certain(&self) -> bool {
        self.newest.len() == 1
    }

    /// Everything is durable that was written.
    pub fn synced(&mut self) {
        self.older.clear();
    }

    pub fn failed(&mut self) {
        self.has_failed = true;
    }

    pub fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Whether a state may be found after a power failure.
    pub fn allows_after_power_failure(&self, state: &State) -> bool {
        self.is_newest(state) || self.older.contains(state)
    }

    fn is_newest(&self, found: &State) -> bool {
        let is_gone = |(table, key): &&Place| found.item(*table, *key).is_none();
        let gone: Vec<Place> = self.expired.iter().filter(is_gone).copied().collect();
        self.newest.iter().any(|state| state == found || state.clone().without(gone.iter().copied()) == *found)
    }

    /// Background work begins at this time: what has expired may go. Returns whether there is anything.
    pub fn work_begins(&mut self, now_secs: u64) -> bool {
        self.expired = self.newest.iter().flat_map(|state| state.expired(now_secs)).collect();
        !self.expired.is_empty()
    }

    /// It has ended, and left this state behind; what was deleted is durable, and all before it.
    pub fn work_ended(&mut self, state: State) {
        self.expired.clear();
        if *self.last() != state {
            self.older.clear();
            self.newest = vec![state];
        }
    }

    /// Whether a state may be found when the database is opened after the end of a process.
    pub fn allows_after_exit(&self, state: &State) -> bool {
        self.is_newest(state) || (self.has_failed && self.older.contains(state))
    }

    /// Whether a state may be shown by the running database.
    pub fn allows_now(&self, state: &State) -> bool {
        self.newest.contains(state)
    }

    /// The newest state that is allowed, for messages.
    pub fn last(&self) -> &State {
        self.newest.last().unwrap_or_else(|| unreachable!("a ledger is never empty"))
    }

    /// Holds the answer to a read against the newest states.
    pub fn read(&mut self, db: &Database, read: &Read) -> Result<(), String> {
        if let Done::Failed = check(db, read, &self.newest)? {
            self.failed();
        }
        Ok(())
    }

    /// A mutation was answered.
    pub fn answered(&mut self, mutation: &Mutation, durability: Durability, outcome: &Outcome) -> Result<(), String> {
        let mut next = Vec::new();
        let mut has_changed = false;
        for state in &self.newest {
            let (after, expected) = state.after(mutation);
            if !agree(mutation, outcome, &expected) {
                continue;
            }
            let reached = if matches!(outcome, Outcome::Done(_)) { after } else { state.clone() };
            has_changed |= reached != *state;
            add(&mut next, reached);
        }
        if next.is_empty() {
            let expected = self.last().after(mutation).1;
            return Err(format!("{mutation:?}\n  answered  {outcome:?}\n  should be {expected:?}"));
        }
        if !has_changed {
            // What a database answers that takes no writes any more says nothing about what its log holds.
            return Ok(());
        }
        if is_synced(mutation, durability) {
            self.older.clear();
        } else {
            for state in std::mem::take(&mut self.newest) {
                add(&mut self.older, state);
            }
        }
        self.newest = next;
        Ok(())
    }

    /// A mutation failed: it may have happened or not; of a batch, the first few writes may have.
    pub fn unanswered(&mut self, mutation: &Mutation) {
        self.failed();
        for state in self.newest.clone() {
            let mut reached = state;
            for part in parts(mutation) {
                let (after, outcome) = reached.after(&part);
                if matches!(outcome, Outcome::Done(_)) {
                    reached = after;
                    add(&mut self.newest, reached.clone());
                }
            }
        }
    }

    /// The running database shows this state. What it shows is durable, if it was written to be.
    pub fn shows(&mut self, state: &State, is_durable: bool) {
        if let Some(position) = self.newest.iter().position(|known| known == state)
            && is_durable
        {
            self.newest.drain(..position);
        }
    }
}

fn add(states: &mut Vec<State>, state: State) {
    if !states.contains(&state) {
        states.push(state);
    }
}

/// Whether a mutation that was done is durable: only single writes obey a durability of their own.
pub fn is_synced(mutation: &Mutation, durability: Durability) -> bool {
    !matches!(mutation, Mutation::One(_)) || durability == Durability::Sync
}

/// The pieces of which each is done wholly or not at all.
fn parts(mutation: &Mutation) -> Vec<Mutation> {
    match mutation {
        Mutation::Batch(writes) => writes.iter().cloned().map(Mutation::One).collect(),
        whole => vec![whole.clone()],
    }
}
