//! The one order in which locks are taken: a thread that holds a lock takes only such that come later here, so that no two
//! threads wait for each other.
//!
//! Debug builds check it at every lock, whether another thread wants it or not, and so do the schedules of
//! `tests/schedules.rs`. In a release build nothing of the check is left. Locks that are not listed are innermost: what
//! they guard is read or changed, and no other lock is taken meanwhile. The log's own two are among them.

use super::{Mutex, RwLock, RwLockReadGuard};
use std::ops::{Deref, DerefMut};

/// The locks that are held while others are taken, outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// One step of expiry at a time.
    Expiry,
    /// One step of filling an index at a time.
    Backfill,
    /// Shared by writers from deriving index entries until their record is logged and applied, exclusive for a change of the
    /// schema and for a fork.
    Schema,
    /// One flush at a time.
    Flush,
    /// One compaction or split at a time.
    Compaction,
    /// One removal of stream records from memory at a time.
    StreamCut,
    /// One base of history is taken or dropped at a time.
    History,
    /// Shared by what relies on a partition staying what it is, exclusive for a split.
    Split,
    /// The manifest's file, and every change of what is published from it. No writer of items takes it.
    Manifest,
    /// The writers of a partition. Several are locked in the order of key space, token and number.
    Partition,
    /// Which streams and shards there are.
    StreamRegistry,
    /// Client request tokens, while they are logged once more.
    Tokens,
}

#[cfg(debug_assertions)]
mod check {
    use super::Rank;
    #[cfg(hashrange_shuttle)]
    use shuttle::thread_local;
    use std::cell::Cell;

    thread_local! {
        /// How many locks of each rank the thread holds.
        static HELD: [Cell<u8>; Rank::Tokens as usize + 1] = Default::default();
    }

    pub(super) fn take(rank: Rank) {
        let taken = HELD.try_with(|held| {
            let may_repeat = usize::from(rank == Rank::Partition);
            let later = held.iter().skip(rank as usize + may_repeat).any(|count| count.get() > 0);
            held[rank as usize].set(held[rank as usize].get() + 1);
            !later
        });
        debug_assert!(taken.unwrap_or(true), "the lock of rank {rank:?} is taken while a later one is held");
    }

    pub(super) fn release(rank: Rank) {
        // A thread that ends has released what it held.
        let _ = HELD.try_with(|held| held[rank as usize].set(held[rank as usize].get().saturating_sub(1)));
    }
}

/// A lock of some rank is held by this thread, or about to be.
#[derive(Debug)]
pub(crate) struct Held {
    #[cfg(debug_assertions)]
    rank: Rank,
}

impl Held {
    /// To be called before the lock is waited for.
    #[inline]
    pub(crate) fn take(rank: Rank) -> Self {
        #[cfg(debug_assertions)]
        {
            check::take(rank);
            Self { rank }
        }
        #[cfg(not(debug_assertions))]
        {
            let _ = rank;
            Self {}
        }
    }
}

#[cfg(debug_assertions)]
impl Drop for Held {
    fn drop(&mut self) {
        check::release(self.rank);
    }
}

/// A guard with the note that its lock is held.
#[derive(Debug)]
pub(crate) struct Ordered<G> {
    guard: G,
    _held: Held,
}

impl<G: Deref> Deref for Ordered<G> {
    type Target = G::Target;
    #[inline]
    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Ordered<G> {
    #[inline]
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}

/// Shared possession of an [`OrderedRwLock`].
pub(crate) type OrderedReadGuard<'a, T> = Ordered<RwLockReadGuard<'a, T>>;

/// A mutex with a place in the order.
#[derive(Debug)]
pub(crate) struct OrderedMutex<T> {
    rank: Rank,
    lock: Mutex<T>,
}

impl<T> OrderedMutex<T> {
    pub(crate) fn new(rank: Rank, value: T) -> Self {
        Self { rank, lock: Mutex::new(value) }
    }
    #[inline]
    pub(crate) fn lock(&self) -> Ordered<impl DerefMut<Target = T> + '_> {
        let _held = Held::take(self.rank);
        Ordered { guard: self.lock.lock(), _held }
    }
}

/// A lock for many readers or one writer with a place in the order.
#[derive(Debug)]
pub(crate) struct OrderedRwLock<T> {
    rank: Rank,
    lock: RwLock<T>,
}

impl<T> OrderedRwLock<T> {
    pub(crate) fn new(rank: Rank, value: T) -> Self {
        Self { rank, lock: RwLock::new(value) }
    }
    #[inline]
    pub(crate) fn read(&self) -> OrderedReadGuard<'_, T> {
        let _held = Held::take(self.rank);
        Ordered { guard: self.lock.read(), _held }
    }
    #[inline]
    pub(crate) fn write(&self) -> Ordered<impl DerefMut<Target = T> + '_> {
        let _held = Held::take(self.rank);
        Ordered { guard: self.lock.write(), _held }
    }
    pub(crate) fn try_write_for(
        &self,
        longest: std::time::Duration,
    ) -> Option<Ordered<impl DerefMut<Target = T> + '_>> {
        let _held = Held::take(self.rank);
        self.lock.try_write_for(longest).map(|guard| Ordered { guard, _held })
    }
}

#[cfg(all(test, debug_assertions, not(hashrange_shuttle)))]
mod tests {
    use super::*;

    fn is_allowed(first: Rank, second: Rank) -> bool {
        std::thread::spawn(move || {
            let (first, second) = (OrderedMutex::new(first, ()), OrderedRwLock::new(second, ()));
            let _outer = first.lock();
            let _inner = second.read();
        })
        .join()
        .is_ok()
    }

    #[test]
    fn locks_are_taken_in_their_order() {
        assert!(is_allowed(Rank::Schema, Rank::Partition));
        assert!(is_allowed(Rank::Partition, Rank::Partition), "a commit locks several");
        assert!(!is_allowed(Rank::Partition, Rank::Manifest));
        assert!(!is_allowed(Rank::Manifest, Rank::Manifest), "a thread would wait for itself");
    }

    #[test]
    fn what_was_released_is_forgotten() {
        let (early, late) = (OrderedMutex::new(Rank::Backfill, 1), OrderedMutex::new(Rank::Tokens, 2));
        assert_eq!(*late.lock(), 2);
        *early.lock() += 1;
        // In any order.
        let (first, second) = (early.lock(), late.lock());
        drop(first);
        drop(second);
        assert_eq!(*early.lock(), 2);
    }
}
