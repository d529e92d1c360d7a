//! What a link did, in figures.

use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// Minutes of latencies that a link keeps.
const MINUTES_KEPT: usize = 180;
const MINUTE_MILLIS: u64 = 60_000;

/// Latencies of changes that arrived, in milliseconds: the metric `ReplicationLatency` of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// Changes.
    pub count: u64,
    /// All latencies together.
    pub sum_millis: u64,
    /// The shortest one.
    pub least_millis: u64,
    /// The longest one.
    pub most_millis: u64,
}

impl Latency {
    fn note(&mut self, millis: u64) {
        self.least_millis = if self.count == 0 { millis } else { self.least_millis.min(millis) };
        self.most_millis = self.most_millis.max(millis);
        self.count += 1;
        self.sum_millis = self.sum_millis.saturating_add(millis);
    }
    /// The mean, in milliseconds; `None` if nothing arrived.
    pub fn mean_millis(&self) -> Option<u64> {
        self.sum_millis.checked_div(self.count)
    }
}

/// A link between two regions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LinkReport {
    /// The region that sends.
    pub from: String,
    /// The region that receives.
    pub to: String,
    /// Whether changes travel at the moment.
    pub is_connected: bool,
    /// Changes that were read from the log of the sender and did not arrive yet.
    pub pending: u64,
    /// How long the oldest of them is on its way, in milliseconds; 0 if there is none.
    pub oldest_pending_millis: u64,
    /// Commits of the sender that the link did not read yet, or not for every table.
    pub unread_commits: u64,
    /// Changes that arrived and replaced what was there.
    pub applied: u64,
    /// Changes that arrived, and lost against a later write or were there already.
    pub superseded: u64,
    /// Changes that found no write capacity at the receiver, and were kept for later.
    pub throttled: u64,
    /// Times at which all items were compared, since the log did not reach back to the link's place, or a replica came or went
    /// while a link was cut.
    pub comparisons: u64,
    /// From commit to arrival, of tables with eventual consistency; [`World::metrics`](super::World::metrics) has it by table and minute.
    pub latency: Latency,
    /// The last failure, in words; `None` once the link works again.
    pub failure: Option<String>,
}

/// What a link counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub applied: u64,
    pub superseded: u64,
    pub throttled: u64,
    pub comparisons: u64,
    pub latency: Latency,
    /// By table, the latencies of the last minutes in which changes arrived, by their first millisecond since 1970.
    pub by_table: BTreeMap<String, VecDeque<(u64, Latency)>>,
    pub failure: Option<String>,
}

impl Counts {
    /// A change of a table arrived.
    pub fn note_latency(&mut self, table: &str, now_millis: u64, millis: u64) {
        self.latency.note(millis);
        let minute = now_millis - now_millis % MINUTE_MILLIS;
        if !self.by_table.contains_key(table) {
            self.by_table.insert(table.to_owned(), VecDeque::new());
        }
        let Some(minutes) = self.by_table.get_mut(table) else { return };
        match minutes.back_mut() {
            Some((last, latency)) if *last == minute => latency.note(millis),
            _ => {
                let mut latency = Latency::default();
                latency.note(millis);
                minutes.push_back((minute, latency));
            }
        }
        if minutes.len() > MINUTES_KEPT {
            minutes.pop_front();
        }
    }
}
