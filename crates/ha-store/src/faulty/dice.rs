//! Chance from a seed: the same numbers for ever, whatever becomes of other generators.

use std::time::Duration;

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
///
/// ```
/// let throws = |seed| ha_store::Dice::new(seed).throw();
/// assert_eq!(throws(7), throws(7));
/// ```
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall as this seed says.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, any of all that there are.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Whether something happens that does so many times in a thousand.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.throw() % 1000 < u64::from(per_mille)
    }

    /// In (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.throw() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// A time that is log-normally distributed with these percentiles; always `p50` if `p99` is no greater.
    pub fn log_normal(&mut self, p50: Duration, p99: Duration) -> Duration {
        if p99 <= p50 || p50.is_zero() {
            return p50;
        }
        let sigma = (p99.as_secs_f64() / p50.as_secs_f64()).ln() / P99_SIGMAS;
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        Duration::try_from_secs_f64(p50.as_secs_f64() * (sigma * normal).exp()).unwrap_or(Duration::MAX)
    }
}

/// The 99th percentile of the standard normal distribution.
const P99_SIGMAS: f64 = 2.326_347_874;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_numbers_of_seed_1234567() {
        let mut dice = Dice::new(1_234_567);
        assert_eq!(
            [dice.throw(), dice.throw(), dice.throw()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn delays_have_the_percentiles_asked_for() {
        let (p50, p99) = (Duration::from_millis(60), Duration::from_millis(300));
        let mut dice = Dice::new(1);
        let mut delays: Vec<Duration> = (0..20_000).map(|_| dice.log_normal(p50, p99)).collect();
        delays.sort_unstable();
        let near =
            |got: Duration, want: Duration| (got.as_secs_f64() / want.as_secs_f64() - 1.0).abs() < 0.05;
        assert!(
            near(delays[10_000], p50) && near(delays[19_800], p99),
            "{:?} {:?}",
            delays[10_000],
            delays[19_800]
        );
        assert_eq!(dice.log_normal(p50, p50), p50);
    }
}
