//! Memory that all connections share, borrowed in bytes.
//!
//! Requests that do not fit wait in the order in which they came. Clients at one address get at most three quarters, so
//! that others always have a share; a request that waits for the share of its own address only is passed by others. A request that is
//! larger than everything there is gets it when it is alone. No request that holds memory here waits for more of
//! the same budget, so they all come to an end.

use super::pace::now;
use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a request that waits for memory sleeps before slow clients are looked for again.
const RELIEF_INTERVAL: Duration = Duration::from_millis(250);

/// Memory of a number of bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: usize,
    state: Mutex<BudgetState>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct BudgetState {
    used: usize,
    by_address: HashMap<IpAddr, usize>,
    waiting: VecDeque<Waiting>,
    next_ticket: u64,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    ticket: u64,
    address: IpAddr,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { bytes, state: Mutex::default(), returned: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, BudgetState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that are borrowed.
    pub(crate) fn used(&self) -> usize {
        self.state().used
    }

    /// Borrows nothing yet: memory that only [`grow`](BorrowedMemory::grow)s.
    pub(crate) fn borrow_nothing(self: &Arc<Self>, address: IpAddr) -> BorrowedMemory {
        BorrowedMemory { budget: Arc::clone(self), address, bytes: 0 }
    }

    /// Borrows bytes for a request of a client at `address`, and blocks until they are there; `None` if that took longer
    /// than `timeout`. Calls `relieve` now and then while it waits.
    pub(crate) fn borrow(
        self: &Arc<Self>,
        address: IpAddr,
        bytes: usize,
        timeout: Duration,
        relieve: impl Fn(),
    ) -> Option<BorrowedMemory> {
        let deadline = now() + timeout;
        let mut state = self.state();
        let waiting = Waiting { ticket: state.next_ticket, address, bytes };
        state.next_ticket += 1;
        state.waiting.push_back(waiting);
        loop {
            if state.may_begin(waiting, self.bytes) {
                state.leave(waiting.ticket);
                state.take(address, bytes);
                self.returned.notify_all(); // the next in the queue may fit too
                return Some(BorrowedMemory { budget: Arc::clone(self), address, bytes });
            }
            let left = deadline.saturating_duration_since(now());
            if left.is_zero() {
                state.leave(waiting.ticket);
                self.returned.notify_all();
                return None;
            }
            state =
                self.returned.wait_timeout(state, left.min(RELIEF_INTERVAL)).unwrap_or_else(PoisonError::into_inner).0;
            if !state.may_begin(waiting, self.bytes) {
                drop(state);
                relieve();
                state = self.state();
            }
        }
    }
}

impl BudgetState {
    fn used_by(&self, address: IpAddr) -> usize {
        self.by_address.get(&address).copied().unwrap_or(0)
    }

    /// Whether the share of an address has room for so many bytes.
    fn fits_share(&self, waiting: Waiting, total: usize) -> bool {
        let used = self.used_by(waiting.address);
        used == 0 || used + waiting.bytes <= total / 4 * 3
    }

    fn may_begin(&self, waiting: Waiting, total: usize) -> bool {
        let fits = self.used == 0 || self.used + waiting.bytes <= total;
        let mut earlier = self.waiting.iter().take_while(|other| other.ticket != waiting.ticket);
        fits && self.fits_share(waiting, total) && !earlier.any(|other| self.fits_share(*other, total))
    }

    fn leave(&mut self, ticket: u64) {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
    }

    fn take(&mut self, address: IpAddr, bytes: usize) {
        self.used += bytes;
        *self.by_address.entry(address).or_default() += bytes;
    }

    fn give_back(&mut self, address: IpAddr, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
        if let Some(used) = self.by_address.get_mut(&address) {
            *used = used.saturating_sub(bytes);
            if *used == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

/// Borrowed bytes; they are returned when this is dropped.
#[derive(Debug)]
pub(crate) struct BorrowedMemory {
    budget: Arc<Budget>,
    address: IpAddr,
    bytes: usize,
}

impl BorrowedMemory {
    /// Borrows more without waiting, for bytes that are there already; others wait the longer for it.
    pub(crate) fn grow(&mut self, bytes: usize) {
        if bytes > 0 {
            self.budget.state().take(self.address, bytes);
            self.bytes += bytes;
        }
    }

    /// Returns all but so many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if bytes < self.bytes {
            self.budget.state().give_back(self.address, self.bytes - bytes);
            self.bytes = bytes;
            self.budget.returned.notify_all();
        }
    }

    /// Borrows or returns so that so many bytes are borrowed.
    pub(crate) fn resize(&mut self, bytes: usize) {
        self.grow(bytes.saturating_sub(self.bytes));
        self.shrink_to(bytes);
    }
}

impl Drop for BorrowedMemory {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn what_does_not_fit_waits_until_it_does() {
        let budget = Budget::new(100);
        let first = budget.borrow(HERE, 70, SOON, || {}).unwrap();
        assert!(budget.borrow(THERE, 40, SOON, || {}).is_none());
        thread::scope(|scope| {
            let second = scope.spawn(|| budget.borrow(THERE, 40, LONG, || {}).is_some());
            thread::sleep(SOON);
            drop(first);
            assert!(second.join().unwrap());
        });
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn an_address_leaves_a_quarter_to_others() {
        let budget = Budget::new(100);
        let first = budget.borrow(HERE, 60, SOON, || {}).unwrap();
        assert!(budget.borrow(HERE, 20, SOON, || {}).is_none());
        thread::scope(|scope| {
            let waits = scope.spawn(|| budget.borrow(HERE, 20, LONG, || {}).is_some());
            thread::sleep(SOON);
            let passes = budget.borrow(THERE, 30, LONG, || {});
            assert!(passes.is_some(), "one that waits for the share of its own address holds up no other");
            drop((first, passes));
            assert!(waits.join().unwrap());
        });
    }

    #[test]
    fn more_than_there_is_is_lent_to_one_that_is_alone() {
        let budget = Budget::new(0);
        let alone = budget.borrow(HERE, 500, SOON, || {}).unwrap();
        assert!(budget.borrow(THERE, 1, SOON, || {}).is_none());
        drop(alone);
        let mut grown = budget.borrow_nothing(HERE);
        grown.resize(300);
        assert_eq!(budget.used(), 300);
        grown.resize(20);
        assert_eq!(budget.used(), 20);
    }

    #[test]
    fn those_who_wait_look_for_relief() {
        let budget = Budget::new(10);
        let held = Mutex::new(budget.borrow(HERE, 10, SOON, || {}));
        let relieve = || drop(held.lock().unwrap().take());
        assert!(budget.borrow(THERE, 10, LONG, relieve).is_some());
    }
}
