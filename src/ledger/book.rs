//! What is noted of one table or index. Everything here is behind the one lock of that resource.

use super::{label::RequestLabel, rates::HOUR_MILLIS, row::Usage, sketch::Sketch};
use crate::{capacity::KeyPosition, config::LedgerOptions, error::ThrottledLimit};
use std::collections::BTreeMap;

/// Milliseconds of a minute.
pub const MINUTE_MILLIS: u64 = 60_000;
/// Hours that are kept by themselves: a month.
const MAX_HOURS: usize = 31 * 24;

/// What usage is added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// First token of the partition.
    pub partition: u64,
    pub label: RequestLabel,
}

/// What was consumed in an hour, or in several.
#[derive(Clone, Copy, Debug, Default)]
pub struct HourUse {
    /// How many hours it is.
    pub hours: u64,
    /// Read and write milliunits, whatever they were paid by.
    pub milliunits: [u64; 2],
    /// Those that were consumed on demand.
    pub on_demand: [u64; 2],
    /// The most of one minute.
    pub peak_minute: [u64; 2],
    /// The most of one minute of each hour before, added up: the highest minutes of hours that were added.
    earlier_peaks: [u64; 2],
    minute: u64,
    /// What that minute has so far.
    of_minute: [u64; 2],
}

impl HourUse {
    fn note(&mut self, side: usize, milliunits: u64, is_on_demand: bool, minute: u64) {
        self.hours = self.hours.max(1);
        if self.minute != minute {
            (self.minute, self.of_minute) = (minute, [0; 2]);
        }
        self.milliunits[side] += milliunits;
        self.of_minute[side] += milliunits;
        self.peak_minute[side] = self.peak_minute[side].max(self.of_minute[side]);
        if is_on_demand {
            self.on_demand[side] += milliunits;
        }
    }
    /// The most of one minute of each hour, added up.
    pub fn peaks(&self) -> [u64; 2] {
        if self.hours == 1 { self.peak_minute } else { self.earlier_peaks }
    }
    fn add(&mut self, other: &Self) {
        let peaks = (self.peaks(), other.peaks());
        self.hours += other.hours;
        for side in 0..2 {
            self.earlier_peaks[side] = peaks.0[side] + peaks.1[side];
            self.milliunits[side] += other.milliunits[side];
            self.on_demand[side] += other.on_demand[side];
            self.peak_minute[side] = self.peak_minute[side].max(other.peak_minute[side]);
        }
    }
}

/// The four rankings of keys.
#[derive(Debug)]
pub struct Rankings {
    /// Partition keys and whole keys, by what they consumed.
    pub accessed: [Sketch; 2],
    /// The same, by how often they were throttled.
    pub throttled: [Sketch; 2],
}

/// What was noted of a table or index.
#[derive(Debug)]
pub struct Book {
    max_rows: usize,
    rows: usize,
    /// By minute since 1970.
    pub minutes: BTreeMap<u64, BTreeMap<RowKey, Usage>>,
    /// Minutes before, without partition.
    pub earlier: BTreeMap<RequestLabel, Usage>,
    /// By hour since 1970.
    pub hours: BTreeMap<u64, HourUse>,
    /// Hours before.
    pub earlier_hours: HourUse,
    pub rankings: Rankings,
    /// Where the last whole key was put together.
    whole_key: Vec<u8>,
}

/// An access to one place.
#[derive(Clone, Copy, Debug)]
pub struct Noted<'a> {
    pub key: RowKey,
    pub place: KeyPosition<'a>,
    /// Whether the place is that of one item or entry, and not of a range.
    pub is_whole_key: bool,
    pub is_write: bool,
}

/// How much a milliunit of writing weighs beside one of reading in the ranking of keys, as in the service's insights.
pub const WRITE_WEIGHT: u64 = 3;

impl Book {
    /// Nothing noted yet.
    pub fn new(options: &LedgerOptions) -> Self {
        let sketch = || Sketch::new(options.max_keys);
        Self {
            max_rows: options.max_rows,
            rows: 0,
            minutes: BTreeMap::new(),
            earlier: BTreeMap::new(),
            hours: BTreeMap::new(),
            earlier_hours: HourUse::default(),
            rankings: Rankings { accessed: [sketch(), sketch()], throttled: [sketch(), sketch()] },
            whole_key: Vec::new(),
        }
    }

    /// An access was carried out.
    pub fn used(&mut self, noted: &Noted<'_>, milliunits: u64, is_on_demand: bool, now_millis: u64) {
        let minute = now_millis / MINUTE_MILLIS;
        self.row(minute, noted.key).note(noted.is_write, milliunits);
        // Where the clock was set back by more than all hours that are kept, the oldest of them counts.
        let oldest =
            self.hours.first_key_value().filter(|_| self.hours.len() >= MAX_HOURS).map_or(0, |(hour, _)| *hour);
        let hour = self.hours.entry((now_millis / HOUR_MILLIS).max(oldest)).or_default();
        hour.note(usize::from(noted.is_write), milliunits, is_on_demand, minute);
        while self.hours.len() > MAX_HOURS
            && let Some((_, hour)) = self.hours.pop_first()
        {
            self.earlier_hours.add(&hour);
        }
        let weight = if noted.is_write { milliunits * WRITE_WEIGHT } else { milliunits };
        let written = if noted.is_write { milliunits } else { 0 };
        rank(&mut self.rankings.accessed, &mut self.whole_key, noted, (weight, written), minute);
    }

    /// An access was throttled; `counts_for_key` if the key itself was asked for, and not only derived from an item.
    pub fn throttled(&mut self, noted: &Noted<'_>, limit: ThrottledLimit, counts_for_key: bool, now_millis: u64) {
        let minute = now_millis / MINUTE_MILLIS;
        self.row(minute, noted.key).note_throttled(noted.is_write, limit);
        if counts_for_key {
            rank(&mut self.rankings.throttled, &mut self.whole_key, noted, (1, 0), minute);
        }
    }

    fn row(&mut self, minute: u64, key: RowKey) -> &mut Usage {
        if !self.minutes.get(&minute).is_some_and(|of_minute| of_minute.contains_key(&key)) {
            self.rows += 1;
            if self.rows > self.max_rows {
                self.fold();
            }
        }
        self.minutes.entry(minute).or_default().entry(key).or_default()
    }

    /// Adds the oldest minute to what was before.
    fn fold(&mut self) {
        let Some((_, oldest)) = self.minutes.pop_first() else { return };
        self.rows -= oldest.len();
        for (key, usage) in oldest {
            self.earlier.entry(key.label).or_default().add(&usage);
        }
    }
}

fn rank(sketches: &mut [Sketch; 2], key: &mut Vec<u8>, noted: &Noted<'_>, (weight, written): (u64, u64), minute: u64) {
    let place = noted.place;
    if place.collection.is_empty() {
        return; // a scan reads no key in particular
    }
    let [of_collection, of_key] = sketches;
    of_collection.add(place.collection, weight, written, minute);
    if noted.is_whole_key {
        key.clear();
        key.extend_from_slice(&u32::try_from(place.collection.len()).unwrap_or(u32::MAX).to_le_bytes());
        key.extend_from_slice(place.collection);
        key.extend_from_slice(place.sort);
        of_key.add(key, weight, written, minute);
    }
}

/// Collection and sort key of a whole key as the ranking has it.
pub fn split_key(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}
