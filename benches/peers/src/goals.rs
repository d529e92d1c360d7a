//! What is wanted of each row: how many times as fast as the fastest peer, or how fast in itself.

/// What a row has to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// So many times the operations of the fastest peer.
    Ratio(f64),
    /// At most so many milliseconds.
    Millis(f64),
}

/// The rows that have a goal.
const GOALS: [(&str, Goal); 27] = [
    ("get", Goal::Ratio(2.5)),
    ("get, 2 threads", Goal::Ratio(2.5)),
    ("get, zipf", Goal::Ratio(2.5)),
    ("get of an absent key", Goal::Ratio(4.0)),
    ("batch get of 100, items", Goal::Ratio(3.0)),
    ("query of 10", Goal::Ratio(2.5)),
    ("query of 10, 2 threads", Goal::Ratio(2.0)),
    ("scan, items", Goal::Ratio(2.5)),
    ("put, buffered", Goal::Ratio(2.0)),
    ("put, buffered, 2 threads", Goal::Ratio(2.0)),
    ("conditional update, buffered", Goal::Ratio(2.5)),
    ("transaction of 4 puts, buffered", Goal::Ratio(1.5)),
    ("get after updates", Goal::Ratio(1.3)),
    ("query of 10 after updates", Goal::Ratio(1.3)),
    ("put, synced", Goal::Ratio(1.0)),
    ("put, synced, 8 threads", Goal::Ratio(2.0)),
    ("query of 10 inside 5,000", Goal::Ratio(1.5)),
    ("query of 10 by an index", Goal::Ratio(1.5)),
    ("get, items of 10 KB", Goal::Ratio(1.1)),
    ("get, items of 300 KB", Goal::Ratio(1.1)),
    ("put, buffered, items of 10 KB", Goal::Ratio(1.5)),
    ("put, buffered, items of 300 KB", Goal::Ratio(1.0)),
    ("read the stream, records", Goal::Ratio(1.5)),
    ("sweep, items", Goal::Ratio(1.0)),
    ("bulk load to rest, items", Goal::Ratio(1.3)),
    ("open and get", Goal::Millis(0.5)),
    ("open and get after a kill", Goal::Millis(10.0)),
];

/// What is wanted of a row. Where nothing is said of it, no peer shall be faster.
pub fn of(workload: &str) -> Goal {
    GOALS.iter().find(|(name, _)| *name == workload).map_or(Goal::Ratio(1.0), |(_, goal)| *goal)
}

impl Goal {
    /// Whether figures reach it; `None` if there was no peer to compare with.
    pub fn is_met(self, ops_per_sec: f64, ratio: Option<f64>) -> Option<bool> {
        match self {
            Self::Ratio(wanted) => ratio.map(|ratio| ratio >= wanted),
            Self::Millis(wanted) => Some(1_000.0 / ops_per_sec <= wanted),
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ratio(wanted) => write!(f, "{wanted:.1}"),
            Self::Millis(wanted) => write!(f, "{wanted} ms"),
        }
    }
}
