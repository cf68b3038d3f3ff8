//! Creates one after the other.

use super::trial::{Created, Stop, Trial};

/// A second create, by the same client or another, of the same bytes or others, says that the object exists, and changes
/// nothing.
pub(super) async fn create_keeps(trial: &Trial) -> Result<(), Stop> {
    for name in ["a", "b"] {
        let key = trial.key(name);
        let (first, second) = (
            trial.content("first"),
            trial.content("the second, which must not be"),
        );
        trial.create_new(0, &key, &first).await?;
        for (client, bytes, whose) in [
            (0, &second, "other bytes by the same client"),
            (1, &second, "other bytes by another client"),
            (1, &first, "the same bytes by another client"),
        ] {
            let created = trial.create(client, &key, bytes).await?;
            // Looked at after each, for the next may put the first bytes back.
            let there = trial.get(client + 1, &key).await?;
            let after = match there {
                Some(there) if there == first => UNCHANGED,
                Some(there) if there == second => "was overwritten",
                Some(_) => "is something else now",
                None => "is gone",
            };
            if created == Created::Yes {
                return Err(Stop::Lie(format!(
                    "a second create of one object ({whose}) succeeded, where it must be told that the object exists; the object {after}"
                )));
            }
            if after != UNCHANGED {
                return Err(Stop::Lie(format!(
                    "a second create of one object ({whose}) was told that it exists, and yet the object {after}"
                )));
            }
        }
    }
    Ok(())
}

/// What one client is told to be created, another that has never asked for it reads at once.
pub(super) async fn create_is_seen(trial: &Trial) -> Result<(), Stop> {
    for (round, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let (key, bytes) = (trial.key(name), trial.content(name));
        trial.create_new(round, &key, &bytes).await?;
        for reader in [round + 1, round + 2] {
            let told = match trial.get(reader, &key).await? {
                Some(there) if there == bytes => continue,
                Some(_) => "found other bytes",
                None => "found nothing",
            };
            return Err(Stop::Lie(format!(
                "a client created an object and was told that it had succeeded, and a get by another client after that {told}"
            )));
        }
    }
    Ok(())
}

const UNCHANGED: &str = "is still as it was";
