//! Is a get current?

use super::trial::{Stop, Trial};

/// A client finds nothing; another creates; the first finds it at once. What remembers absences is caught by this.
pub(super) async fn get_sees_created(trial: &Trial) -> Result<(), Stop> {
    for round in 0..ROUNDS {
        let name = round.to_string();
        let (key, bytes) = (trial.key(&name), trial.content(&name));
        let reader = round + 1;
        if trial.get(reader, &key).await?.is_some() {
            return Err(Stop::Lie(
                "a get found an object that nobody had written".to_owned(),
            ));
        }
        trial.create_new(round, &key, &bytes).await?;
        if trial.get(reader, &key).await?.as_ref() != Some(&bytes) {
            return Err(Stop::Lie(
                "a get found nothing, another client created the object, and the first client's next get still did not find it"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

/// Two clients replace one object in turns, and each finds what the other has put last.
pub(super) async fn get_sees_replaced(trial: &Trial) -> Result<(), Stop> {
    let key = trial.key("record");
    let mut before = Vec::new();
    for round in 0..ROUNDS {
        let bytes = trial.content(&"x".repeat(round));
        trial.put(round, &key, &bytes).await?;
        let there = trial.get(round + 1, &key).await?;
        if there.as_ref() != Some(&bytes) {
            let told = match there {
                None => "nothing",
                Some(there) if before.contains(&there) => "one from before",
                Some(_) => "something else",
            };
            return Err(Stop::Lie(format!(
                "an object was replaced by a put, and a get by another client after that found {told}"
            )));
        }
        before.push(bytes);
    }
    Ok(())
}

/// A client reads an object, another deletes it, and no client finds it any more.
pub(super) async fn get_sees_deleted(trial: &Trial) -> Result<(), Stop> {
    for round in 0..ROUNDS / 2 {
        let name = round.to_string();
        let (key, bytes) = (trial.key(&name), trial.content(&name));
        trial.create_new(round, &key, &bytes).await?;
        if trial.get(round + 1, &key).await?.as_ref() != Some(&bytes) {
            return Err(Stop::Lie(
                "an object that was created was not found as it was before it was deleted".to_owned(),
            ));
        }
        trial.delete(round, &key).await?;
        for (reader, whose) in [(round + 1, "another client"), (round, "the same client")] {
            if trial.get(reader, &key).await?.is_some() {
                return Err(Stop::Lie(format!(
                    "an object was deleted, and a get by {whose} after that still found it"
                )));
            }
        }
    }
    Ok(())
}

/// How often each is tried.
const ROUNDS: usize = 6;
