//! What requests cost: a price table that the user can set, and what a plane comes to by it.

use std::time::Duration;

use ha_core::{Config, IdleRequests};

use crate::launch::short;

/// Dollars for a thousand requests. Deletes are free wherever requests are paid for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prices {
    pub(crate) put: f64,
    pub(crate) list: f64,
    pub(crate) get: f64,
}

/// A month, as bills count it: 730 hours.
pub(crate) const MONTH: Duration = Duration::from_secs(730 * 3600);

impl Prices {
    /// What a directory costs.
    pub(crate) const NOTHING: Self = Self {
        put: 0.0,
        list: 0.0,
        get: 0.0,
    };

    /// The list price of AWS S3 Standard in its cheapest regions.
    pub(crate) const S3: Self = Self {
        put: 0.005,
        list: 0.005,
        get: 0.0004,
    };

    /// Reads `put=0.005,list=0.005,get=0.0004`; what is left out is S3's.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut prices = Self::S3;
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let wrong = || {
                format!(
                    "`{}` is no price: write put=0.005,list=0.005,get=0.0004, dollars for a thousand requests",
                    short(pair)
                )
            };
            let (kind, price) = pair.split_once('=').ok_or_else(wrong)?;
            let price: f64 = price.trim().parse().map_err(|_| wrong())?;
            if !(0.0..=1e6).contains(&price) {
                return Err(wrong());
            }
            match kind.trim() {
                "put" => prices.put = price,
                "list" => prices.list = price,
                "get" => prices.get = price,
                _ => return Err(wrong()),
            }
        }
        Ok(prices)
    }

    /// What so many requests cost, in dollars.
    pub(crate) fn of(&self, puts: u64, gets: u64, lists: u64) -> f64 {
        // More than 2^53 requests are more than anybody pays for.
        let thousands = |requests: u64| requests as f64 / 1000.0;
        thousands(puts) * self.put + thousands(gets) * self.get + thousands(lists) * self.list
    }

    /// What a plane of so many nodes costs in a month in which nothing happens.
    pub(crate) fn idle_month(&self, config: &Config, nodes: u32) -> f64 {
        let IdleRequests { puts, gets, lists } = IdleRequests::of(config, nodes, MONTH);
        self.of(puts, gets, lists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_table_is_read_and_nonsense_is_not() {
        let parsed = Prices::parse("put=1, get=0.5").unwrap();
        assert_eq!((parsed.put, parsed.get, parsed.list), (1.0, 0.5, 0.005));
        assert!((parsed.of(1000, 2000, 0) - 2.0).abs() < 1e-9);
        for bad in [
            "put", "put=", "put=-1", "put=NaN", "put=inf", "delete=1", "put=1e9",
        ] {
            let error = Prices::parse(bad).unwrap_err();
            assert!(error.contains(bad) && error.contains("put=0.005"), "{error}");
        }
    }

    #[test]
    fn an_idle_plane_of_three_keeps_to_what_is_promised() {
        let month = |config: Config| Prices::S3.idle_month(&config, 3);
        let bucket = month(Config::bucket().build().unwrap());
        assert!((2.5..=3.5).contains(&bucket), "{bucket}");
        let economy = month(Config::economy().build().unwrap());
        assert!((0.4..=0.7).contains(&economy), "{economy}");
        assert!(month(Config::default()) > 15.0, "and that is what they are for");
    }
}
