//! What the scratch database of a lesson is opened with.

use hashrange::{Clock, Database, Durability, OpenOptions, history::HistoryOptions, ledger::LedgerOptions};

/// When lessons begin by their own clock: 2026-01-01 00:00:00 UTC, in milliseconds since 1970.
const BEGIN_MILLIS: u64 = 1_767_225_600_000;

/// What a scratch database is opened with. All chance in it comes from the seed, and its clock moves only when a step moves
/// it, so that a lesson always goes the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Partitions of a new table. Default 4.
    pub partitions: usize,
    /// Whether writes are answered before they are durable. Default false.
    pub is_buffered: bool,
    /// Whether what requests consume is noted, which `heat` needs. Default false.
    pub has_ledger: bool,
    /// Whether earlier moments can be read. Default false.
    pub has_history: bool,
    /// What power cuts choose by. Default 1.
    pub seed: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self { partitions: 4, is_buffered: false, has_ledger: false, has_history: false, seed: 1 }
    }
}

impl Setup {
    /// Reads the lines of a setup. Errors: number of the line within the block, from 1 on, and what is wrong there.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut setup = Self::default();
        for (at, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["partitions", number] => {
                    let partitions = number.parse().ok().filter(|number| (1..=64).contains(number));
                    setup.partitions = partitions.ok_or((at, format!("{number}: a table has 1 to 64 partitions")))?;
                }
                ["durability", "buffered"] => setup.is_buffered = true,
                ["durability", "sync"] => setup.is_buffered = false,
                ["ledger"] => setup.has_ledger = true,
                ["history"] => setup.has_history = true,
                ["seed", number] => {
                    setup.seed = number.parse().map_err(|_| (at, format!("{number} is not a whole number")))?;
                }
                _ => {
                    let known = "partitions N, durability buffered, durability sync, ledger, history, seed N";
                    return Err((at, format!("there is no setting `{line}`; there are: {known}")));
                }
            }
        }
        Ok(setup)
    }

    /// How the database is opened.
    pub(super) fn options(&self) -> OpenOptions {
        let durability = if self.is_buffered { Durability::Buffered } else { Durability::Sync };
        let mut options = Database::options()
            .background(false)
            .clock(Clock::manual(BEGIN_MILLIS))
            .durability(durability)
            .initial_partitions(self.partitions)
            .seed(self.seed);
        if self.has_ledger {
            options = options.ledger(LedgerOptions::new());
        }
        if self.has_history {
            options = options.history(HistoryOptions::default());
        }
        options
    }
}
