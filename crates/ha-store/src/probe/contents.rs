//! Do bytes come back as they were, and only whole?

use std::future::Future;

use bytes::Bytes;

use super::trial::{Stop, Trial};

/// While one client creates a large object and then replaces it, another sees it whole or not at all.
pub(super) async fn never_torn(trial: &Trial) -> Result<(), Stop> {
    for round in [0, 2] {
        let key = trial.key(&round.to_string());
        let (first, second) = (large(1), large(2));
        watch(
            trial,
            &key,
            &[None, Some(&first)],
            trial.create_new(round, &key, &first),
        )
        .await?;
        watch(
            trial,
            &key,
            &[Some(&first), Some(&second)],
            trial.put(round, &key, &second),
        )
        .await?;
        if trial.get(2, &key).await?.as_ref() != Some(&second) {
            return Err(Stop::Lie(
                "a large object that was replaced did not come back as it was written".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Reads an object while it is written.
async fn watch(
    trial: &Trial,
    key: &crate::Key,
    allowed: &[Option<&Bytes>],
    write: impl Future<Output = Result<(), Stop>>,
) -> Result<(), Stop> {
    let watching = async {
        for _ in 0..LOOKS {
            let seen = trial.get(1, key).await?;
            if !allowed.contains(&seen.as_ref()) {
                let seen = seen.map_or_else(
                    || "nothing".to_owned(),
                    |bytes| format!("{} bytes that nobody wrote as one object", bytes.len()),
                );
                return Err(Stop::Lie(format!(
                    "a large object was being written, and a get meanwhile found {seen}, where it must find what was there before or all of the new"
                )));
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    let (written, watched) = tokio::join!(write, watching);
    watched.and(written)
}

/// Objects of no bytes, of one and of many come back, by create and by put, in whole and by ranges.
pub(super) async fn bytes_come_back(trial: &Trial) -> Result<(), Stop> {
    for (name, bytes) in [
        ("empty", Bytes::new()),
        ("one", Bytes::from_static(&[0])),
        ("large", large(3)),
    ] {
        let created = trial.key(&format!("{name}-created"));
        trial.create_new(0, &created, &bytes).await?;
        let put = trial.key(&format!("{name}-put"));
        trial.put(0, &put, &bytes).await?;
        for (key, how) in [(&created, "created"), (&put, "put")] {
            let there = trial.get(1, key).await?;
            if there.as_ref() != Some(&bytes) {
                return Err(Stop::Lie(format!(
                    "an object of {} bytes that was {how} came back as {}",
                    bytes.len(),
                    there.map_or_else(
                        || "nothing".to_owned(),
                        |there| format!("{} other bytes", there.len())
                    )
                )));
            }
        }
    }
    let (key, whole) = (trial.key("large-created"), large(3));
    let end = whole.len() as u64;
    for range in [0..143, 7..8, end - 3..end, end - 3..end + 100, end + 5..end + 9] {
        let clip = |at: u64| usize::try_from(at.min(end)).expect("a length of memory");
        let want = whole.slice(clip(range.start)..clip(range.end));
        let got = trial.get_range(1, &key, range.clone()).await?;
        if got.as_ref() != Some(&want) {
            return Err(Stop::Lie(format!(
                "a get of the range {range:?} of an object of {end} bytes gave {}, where it must give the {} bytes there",
                got.map_or_else(|| "nothing".to_owned(), |got| format!("{} bytes", got.len())),
                want.len()
            )));
        }
    }
    Ok(())
}

/// Bytes of which no two stretches look alike, so that a cut or a mixture shows.
fn large(salt: u32) -> Bytes {
    (0..LARGE)
        .map(|at| ((at ^ (salt << 20)).wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// Larger than what is sent and written at a time.
const LARGE: u32 = 200_000;
/// How often an object is looked at while it is written.
const LOOKS: usize = 6;
