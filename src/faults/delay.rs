//! How long something takes, by chance.

use crate::random::mix;

/// How long something takes: a delay of a request, or of a change on its way to a global index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// Always so many milliseconds.
    Fixed(u64),
    /// Anything between two numbers of milliseconds, both included, equally likely.
    Uniform(u64, u64),
    /// Mostly short and now and then long: exponential, with so many milliseconds in the mean.
    Exponential(u64),
    /// As latencies of services are: half are at most the first number of milliseconds, 99 of 100 at most the second
    /// (log-normal).
    LogNormal(u64, u64),
}

/// The 99th percentile of the normal distribution, in standard deviations.
const NORMAL_P99: f64 = 2.326_347_874;

impl Delay {
    /// Milliseconds for a random number.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a logarithm of a share is a float, and a delay is small and not negative"
    )]
    pub(crate) fn draw(self, random: u64) -> u64 {
        match self {
            Self::Fixed(millis) => millis,
            Self::Uniform(least, most) => {
                let (least, most) = (least.min(most), least.max(most));
                (most - least).checked_add(1).map_or(random, |count| least + random % count)
            }
            Self::Exponential(mean) => (-share(random).ln() * mean as f64) as u64,
            Self::LogNormal(median, p99) => {
                let (median, p99) = (median.max(1) as f64, p99.max(1) as f64);
                let deviation = (p99 / median).ln().max(0.0) / NORMAL_P99;
                // The method of Box and Muller: two even shares make a normal number.
                let angle = std::f64::consts::TAU * share(mix(random));
                let normal = (-2.0 * share(random).ln()).sqrt() * angle.cos();
                (median * (deviation * normal).exp()) as u64
            }
        }
    }

    /// The longest time that can be asked for by its numbers, in milliseconds.
    pub(crate) fn largest_millis(self) -> u64 {
        match self {
            Self::Fixed(millis) | Self::Exponential(millis) => millis,
            Self::Uniform(one, other) | Self::LogNormal(one, other) => one.max(other),
        }
    }
}

/// A random number as a share, above 0 and at most 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a float")]
pub(super) fn share(random: u64) -> f64 {
    ((random >> 11) as f64 + 1.0) / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_have_their_distribution() {
        let draw = |delay: Delay| -> Vec<u64> { (0..20_000).map(|n| delay.draw(mix(n))).collect() };
        assert!(draw(Delay::Fixed(7)).iter().all(|millis| *millis == 7));
        let uniform = draw(Delay::Uniform(10, 19));
        assert!((10..=19).all(|wanted| uniform.iter().filter(|millis| **millis == wanted).count() > 1700));
        assert!(uniform.iter().all(|millis| (10..=19).contains(millis)));
        let exponential = draw(Delay::Exponential(1000));
        let mean = exponential.iter().sum::<u64>() / 20_000;
        assert!((950..1050).contains(&mean), "{mean}");
        assert!(exponential.iter().filter(|millis| **millis > 3000).count().abs_diff(996) < 150);
        let _ = Delay::Uniform(0, u64::MAX).draw(5);
        let mut latencies = draw(Delay::LogNormal(20, 400));
        latencies.sort_unstable();
        let (median, p99) = (latencies[10_000], latencies[19_800]);
        assert!((19..=21).contains(&median) && (350..=460).contains(&p99), "{median} {p99}");
    }
}
