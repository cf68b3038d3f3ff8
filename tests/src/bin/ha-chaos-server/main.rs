//! An `ha-server` whose entities can be of a type that acts on the world, and whose feeds can be of one that looks at it: each call and each look
//! appends a line to a file outside the plane. It can have bugs on purpose.

mod hand;
mod striker;
mod watcher;

use std::error::Error;
use std::process::ExitCode;

use ha_rebind::{AdjunctTypes, EntityTypes};
use ha_tests::chaos::rest::BUG;

use crate::hand::Hand;
use crate::striker::Striker;
use crate::watcher::Watcher;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let bug = std::env::var(BUG).ok().map(|name| name.parse()).transpose()?;
    let hand = Hand::from_environment();
    let (mut types, mut adjuncts) = (EntityTypes::built_in(), AdjunctTypes::built_in());
    types.register(Striker::new(hand.clone(), bug))?;
    adjuncts.feed(Watcher::new(hand))?;
    Ok(ha_server::main_with(types, adjuncts))
}
