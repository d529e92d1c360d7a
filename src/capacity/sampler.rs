//! Where a hot partition is cut: at the median of its accesses, by units, as far as a cut helps.
//!
//! A reservoir keeps 64 accesses, each drawn with a chance in proportion to its units. A cut does not help if all of them are
//! at one item, or if keys of one collection are used in order, so that all accesses are at its end for ever.

use super::key_position::{KeyPosition, OwnedKeyPosition};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Accesses that are kept.
const SAMPLES: usize = 64;
/// Share of accesses in percent that are new extremes of a collection which is used in order.
const IN_ORDER_PERCENT: u64 = 90;

/// Why a hot partition is not cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutRefusal {
    /// One item takes all accesses.
    OneItem,
    /// The keys of one collection are used in ascending or descending order.
    InOrder,
    /// One collection takes all accesses, and local indexes keep collections whole.
    OneCollection,
}

/// A weighted sample of the accesses of a partition.
#[derive(Debug)]
pub struct Sampler {
    seed: u64,
    drawn: u64,
    /// Tokens of all accesses.
    weight: u64,
    samples: Vec<OwnedKeyPosition>,
    accesses: u64,
    /// Lowest and highest place, and how many accesses were new ones of each.
    extremes: Option<(OwnedKeyPosition, OwnedKeyPosition)>,
    falling: u64,
    rising: u64,
}

impl Sampler {
    /// A sampler whose choices follow from the seed.
    pub fn new(seed: u64) -> Self {
        let samples = Vec::new();
        Self { seed, drawn: 0, weight: 0, samples, accesses: 0, extremes: None, falling: 0, rising: 0 }
    }

    /// Begins anew.
    pub fn forget(&mut self) {
        (self.weight, self.accesses, self.falling, self.rising) = (0, 0, 0, 0);
        self.samples = Vec::new();
        self.extremes = None;
    }

    /// An access that cost so many tokens.
    pub fn take(&mut self, place: KeyPosition<'_>, cost: i64) {
        let cost = u64::try_from(cost).unwrap_or(0);
        self.accesses += 1;
        self.weight = self.weight.saturating_add(cost);
        match &mut self.extremes {
            None => self.extremes = Some((place.to_owned(), place.to_owned())),
            Some((lowest, _)) if place < lowest.as_position() => {
                *lowest = place.to_owned();
                self.falling += 1;
            }
            Some((_, highest)) if place > highest.as_position() => {
                *highest = place.to_owned();
                self.rising += 1;
            }
            Some(_) => {}
        }
        if self.samples.len() < SAMPLES {
            self.samples.push(place.to_owned());
            return;
        }
        self.drawn += 1;
        let random = xxh3_64_with_seed(&self.drawn.to_le_bytes(), self.seed);
        // Each sample is replaced with the chance that this access is it, were all drawn anew.
        if random % self.weight.max(1) < cost.saturating_mul(SAMPLES as u64) {
            let at = usize::try_from((random >> 32) % SAMPLES as u64).unwrap_or(0);
            self.samples[at] = place.to_owned();
        }
    }

    /// Where to cut.
    pub fn cut(&self, keeps_collections: bool) -> Result<OwnedKeyPosition, CutRefusal> {
        let mut samples: Vec<&OwnedKeyPosition> = self.samples.iter().collect();
        samples.sort();
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Err(CutRefusal::OneItem) };
        if first == last {
            return Err(CutRefusal::OneItem);
        }
        let is_one_collection = first.is_same_collection(last);
        if is_one_collection && keeps_collections {
            return Err(CutRefusal::OneCollection);
        }
        if is_one_collection && self.rising.max(self.falling) * 100 >= self.accesses * IN_ORDER_PERCENT {
            return Err(CutRefusal::InOrder);
        }
        let start = |place: &OwnedKeyPosition| if keeps_collections { place.collection_start() } else { place.clone() };
        let lowest = start(first);
        // The cut is the first place of the upper half: at or after the median, and above the lowest.
        let upper = samples[samples.len() / 2..].iter().map(|place| start(place)).find(|place| *place > lowest);
        upper.ok_or(CutRefusal::OneItem)
    }
}
