//! Calls one at a time, to measure them.

use super::Check;
use super::ground::Ground;
use super::trial::{Stop, Trial};
use std::sync::Arc;

/// Makes `count` calls of each operation that a takeover makes.
pub(super) async fn take(ground: &Arc<Ground>, count: usize) -> Result<(), Stop> {
    // An attempt that no check makes, for its folder.
    let trial = Trial::new(ground.clone(), Check::BytesComeBack, super::ATTEMPTS);
    for number in 0..count {
        let name = number.to_string();
        let (key, bytes) = (trial.key(&name), trial.content(&name));
        trial.get(0, &key).await?;
        trial.create(0, &key, &bytes).await?;
        trial.get(0, &key).await?;
        trial.put(0, &key, &bytes).await?;
        trial.list(0, trial.folder()).await?;
    }
    Ok(())
}
