//! Numbers by a seed, and which key comes next.

use hashrange::testing;

/// Numbers that follow from a seed.
#[derive(Clone, Debug)]
pub(super) struct Random(testing::Random);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(testing::Random::new(mix(seed ^ 0x6265_6E63_6800)))
    }
    pub(super) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }
    /// A number below another one, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.below(end.max(1))
    }
    /// A share from 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a float")]
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Spreads a number over all 64 bits.
pub(super) fn mix(number: u64) -> u64 {
    testing::Random::new(number).next_u64()
}

/// Which of so many records comes next: the lower its rank, the more often (Gray and others, 1994, as YCSB has it).
#[derive(Clone, Debug)]
pub(super) struct Zipfian {
    records: u64,
    theta: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
}

impl Zipfian {
    /// Over so many records, with YCSB's skew.
    #[expect(clippy::cast_precision_loss, reason = "records are far below 2^53")]
    pub(super) fn new(records: u64) -> Self {
        const THETA: f64 = 0.99;
        let zeta = zeta(records, THETA);
        let alpha = 1.0 / (1.0 - THETA);
        let eta = (1.0 - (2.0 / records as f64).powf(1.0 - THETA)) / (1.0 - zeta_of_two(THETA) / zeta);
        Self { records, theta: THETA, zeta, alpha, eta }
    }

    /// A rank, 0 being the most frequent.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is below the number of records"
    )]
    pub(super) fn rank(&self, random: &mut Random) -> u64 {
        let share = random.share();
        let scaled = share * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5f64.powf(self.theta) {
            return 1.min(self.records - 1);
        }
        let rank = self.records as f64 * (self.eta * share - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.records - 1)
    }
}

/// The sum of 1 / i^theta. Beyond a million terms the rest is its integral.
#[expect(clippy::cast_precision_loss, reason = "records are far below 2^53")]
fn zeta(records: u64, theta: f64) -> f64 {
    const SUMMED: u64 = 1_000_000;
    let sum: f64 = (1..=records.min(SUMMED)).map(|i| (i as f64).powf(-theta)).sum();
    if records <= SUMMED {
        return sum;
    }
    let power = 1.0 - theta;
    sum + ((records as f64).powf(power) - (SUMMED as f64).powf(power)) / power
}

fn zeta_of_two(theta: f64) -> f64 {
    1.0 + 0.5f64.powf(theta)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_ranks_come_more_often() {
        let (zipfian, mut random) = (Zipfian::new(1_000), Random::new(1));
        let mut counts = vec![0u32; 1_000];
        for _ in 0..100_000 {
            counts[usize::try_from(zipfian.rank(&mut random)).unwrap()] += 1;
        }
        // The first of 1,000 at a skew of 0.99 takes 1/7.7 of all.
        assert!((12_000..14_000).contains(&counts[0]), "{}", counts[0]);
        assert!(counts[0] > counts[1] && counts[1] > counts[9] && counts[9] > counts[99], "{:?}", &counts[..10]);
        assert!(counts[900..].iter().sum::<u32>() > 500, "the tail comes too");
        assert_eq!(Zipfian::new(1).rank(&mut random), 0);
    }
}
