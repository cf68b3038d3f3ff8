//! Property-tests a service of one's own: a ledger of accounts that must never lose or make money, in worlds from seeds.
//!
//! `cargo run --example own_service -p ha-sim`

use std::collections::BTreeMap;

use ha_sim::check::{Checker, Scene, Seen};
use ha_sim::rng::Rng;
use ha_sim::{Plan, Service, Summary, run};

/// What all accounts hold together, for ever.
const ALL_MONEY: u64 = 1000;

/// The state machine: balances of ten accounts.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Ledger {
    balances: BTreeMap<u8, u64>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            balances: (0..10).map(|account| (account, ALL_MONEY / 10)).collect(),
        }
    }
}

impl Service for Ledger {
    /// A transfer: from, to, how much.
    fn propose(rng: &mut Rng, _number: u64) -> Vec<u8> {
        let mut account = || rng.below(10) as u8;
        vec![account(), account(), rng.below(50) as u8]
    }

    /// Refuses a transfer that is not covered, on every node alike.
    fn apply(&mut self, _number: u64, change: &[u8]) {
        let [from, to, amount] = *change else { return };
        let amount = u64::from(amount);
        if self.balances[&from] >= amount {
            *self.balances.entry(from).or_default() -= amount;
            *self.balances.entry(to).or_default() += amount;
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        let lines = self.balances.iter();
        lines
            .flat_map(|(account, balance)| [*account].into_iter().chain(balance.to_le_bytes()))
            .collect()
    }

    fn restore(bytes: &[u8]) -> Result<Self, String> {
        let (lines, rest) = bytes.as_chunks::<9>();
        if !rest.is_empty() {
            return Err(format!("{} bytes too many", rest.len()));
        }
        let line = |line: &[u8; 9]| {
            let balance = line[1..].try_into().expect("eight of the nine");
            (line[0], u64::from_le_bytes(balance))
        };
        Ok(Self {
            balances: lines.iter().map(line).collect(),
        })
    }
}

/// What must hold wherever the state can be seen.
struct MoneyIsKept;

impl Checker<Ledger> for MoneyIsKept {
    fn name(&self) -> &'static str {
        "money is kept"
    }

    fn see(&mut self, _scene: &Scene<'_>, seen: &Seen<'_, Ledger>) -> Result<(), String> {
        let (Seen::Applied { who, host, .. } | Seen::Restored { who, host, .. }) = seen else {
            return Ok(());
        };
        let sum: u64 = host.state.balances.values().sum();
        if sum == ALL_MONEY {
            Ok(())
        } else {
            Err(format!("node {} holds {sum} of {ALL_MONEY}", who.0))
        }
    }
}

fn main() {
    let mut all = Summary::default();
    for seed in 1..=10 {
        let checkers = || vec![Box::new(MoneyIsKept) as Box<dyn Checker<Ledger>>];
        all.add(run(&Plan::draw(seed), checkers));
    }
    println!(
        "{} worlds, {} masterships, {} faults, {} acknowledged transfers",
        all.worlds, all.tally.takeovers, all.tally.faults, all.tally.acknowledged
    );
    assert_eq!(all.complaints(), Vec::<String>::new());
}
