//! Is a listing current, and of one folder only?

use super::FOLDER;
use super::trial::{Stop, Trial};
use crate::Folder;

/// One client creates, another lists: each new object is in the next listing, by its exact name, and nothing else is.
pub(super) async fn list_sees_created(trial: &Trial) -> Result<(), Stop> {
    let mut names = Vec::new();
    expect(trial, 1, &names, "before anything was created").await?;
    for number in 0..4 {
        let name = format!("{number}.A_b-{number}");
        let (key, bytes) = (trial.key(&name), trial.content(&name));
        trial.create_new(number, &key, &bytes).await?;
        names.push(name);
        expect(
            trial,
            number + 1,
            &names,
            "after another client had created an object",
        )
        .await?;
    }
    // The folders around: each names the one below it, and not what lies deeper.
    let own = trial.ground.own();
    let around = Folder::new(FOLDER).expect("one part is a folder");
    for (folder, below) in [(&own, trial.folder()), (&around, &own)] {
        let below = below.as_str();
        let below = format!("{}/", below.rsplit_once('/').map_or(below, |(_, name)| name));
        let found = trial.list(2, folder).await?;
        if !found.contains(&below) || found.iter().any(|name| name.trim_end_matches('/').contains('/')) {
            return Err(Stop::Lie(format!(
                "a listing of a folder does not name the folders in it, or names what lies deeper: it must have `{below}`, and has {}",
                shown(&found)
            )));
        }
    }
    Ok(())
}

/// One client deletes, another lists: what was deleted is in no listing sent after that, and the rest is.
pub(super) async fn list_sees_deleted(trial: &Trial) -> Result<(), Stop> {
    let mut names: Vec<String> = (0..3).map(|number| number.to_string()).collect();
    for name in &names {
        trial
            .create_new(0, &trial.key(name), &trial.content(name))
            .await?;
    }
    expect(trial, 1, &names, "before anything was deleted").await?;
    while let Some(name) = names.pop() {
        trial.delete(names.len(), &trial.key(&name)).await?;
        expect(
            trial,
            names.len() + 1,
            &names,
            "after another client had deleted an object",
        )
        .await?;
    }
    Ok(())
}

async fn expect(trial: &Trial, client: usize, names: &[String], when: &str) -> Result<(), Stop> {
    let found = trial.list(client, trial.folder()).await?;
    if found == names {
        return Ok(());
    }
    Err(Stop::Lie(format!(
        "a listing {when} must have {}, and has {}",
        shown(names),
        shown(&found)
    )))
}

fn shown(names: &[String]) -> String {
    const MOST: usize = 5;
    if names.is_empty() {
        return "no name".to_owned();
    }
    let more = match names.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let quoted: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    format!("{}{more}", quoted.join(", "))
}
