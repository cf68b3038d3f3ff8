//! The plane that a node has been part of. Where that should be and is not, as behind a mount that is missing or in a bucket that
//! was emptied, the node begins no other: two planes of one service would both lead, and what the second took would be lost.

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ha_core::proto::{Payload, RawEntry, layout};
use ha_core::{Plane, PlaneId, Seq};
use ha_store::{Key, Store};
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::atomic_file;
use crate::failure::chain;
use crate::launch::Launch;
use crate::persistence::{Existing, Persistence};
use crate::place::Place;

/// What a node remembers of its plane, in its own directory.
#[derive(Clone, Debug)]
pub(crate) struct KnownPlane {
    file: PathBuf,
    /// Where the planes of this launch are; `None`: in memory, and there is nothing to remember.
    place: Option<String>,
    plane: Option<PlaneId>,
}

/// What lies at a place.
#[derive(Debug, Eq, PartialEq)]
enum Found {
    Nothing,
    Plane(PlaneId),
    /// It cannot be looked at now.
    Away(String),
    /// It is not for this look to judge: whoever reads the journal says what is wrong with it.
    Unclear,
}

impl KnownPlane {
    /// Reads what is remembered; what makes no sense, or is of another place, is nothing.
    pub(crate) fn of_node(own_dir: &Path, launch: &Launch) -> Self {
        let file = own_dir.join(FILE);
        let place = Place::of(&launch.persistence).map(|place| place.to_string());
        let plane = match read_start(&file) {
            Ok(bytes) => parse(&bytes, place.as_deref()),
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    warn!(file = %file.display(), "which plane this node was part of cannot be read: {error}");
                }
                None
            }
        };
        Self { file, place, plane }
    }

    /// Waits for a directory with the plane before it is opened, which would make it. `--persist rebind` refuses one that is not there
    /// by itself.
    pub(crate) async fn wait_for_directory(&self, launch: &Launch) {
        if let Persistence::Directory {
            path,
            existing: Existing::UseOrBegin,
        } = &launch.persistence
        {
            let genesis = path.join(layout::entry_key(Seq(1)));
            self.until_found(launch, async || {
                let genesis = genesis.clone();
                // A mount may hang.
                match tokio::task::spawn_blocking(move || read_start(&genesis)).await {
                    Ok(Ok(bytes)) => Found::of(&bytes),
                    Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Found::Nothing,
                    Ok(Err(_)) | Err(_) => Found::Unclear,
                }
            })
            .await;
        }
    }

    /// Waits until the store holds the plane.
    pub(crate) async fn wait_for(&self, launch: &Launch, store: &dyn Store) {
        let genesis = Key::new(&layout::entry_key(Seq(1))).expect("the key of an entry is one");
        self.until_found(launch, async || match store.get(&genesis, WITHIN).await {
            Ok(bytes) => Found::of(&bytes),
            Err(error) => match error.kind() {
                ha_store::ErrorKind::NotFound => Found::Nothing,
                ha_store::ErrorKind::Unavailable => Found::Away(chain(&error)),
                _ => Found::Unclear,
            },
        })
        .await;
    }

    async fn until_found(&self, launch: &Launch, look: impl AsyncFn() -> Found) {
        let (Some(place), Some(known)) = (&self.place, &self.plane) else {
            return;
        };
        if launch.persistence.existing() == Some(Existing::Discard) {
            return;
        }
        let mut pause = SHORTEST_PAUSE;
        loop {
            let what = match look().await {
                Found::Plane(plane) if plane == *known => return,
                Found::Unclear => return,
                Found::Plane(other) => format!("plane {other} lies in `{place}`"),
                Found::Nothing => format!("there is no plane in `{place}`"),
                Found::Away(why) => format!("`{place}` cannot be looked at ({why})"),
            };
            warn!(
                "{what}, and this node was part of plane {known} there: waiting for it, until it is told to stop. Is it mounted? Put it back; or, \
                 to have this node go on with what is there, remove `{}` and start again. Looking again in {pause:?}",
                self.file.display()
            );
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Remembers the plane as soon as the node knows it.
    pub(crate) async fn remember(self, plane: Plane) {
        let Some(place) = &self.place else { return };
        let id = loop {
            if let Some(id) = plane.status().plane_id {
                break id;
            }
            tokio::select! {
                () = sleep(SHORTEST_PAUSE) => {}
                () = plane.stopped() => return,
            }
        };
        if self.plane.as_ref() == Some(&id) {
            return;
        }
        let text = json!({ "place": place, "plane": id.0 }).to_string() + "\n";
        match atomic_file::replace(&self.file, text.as_bytes()) {
            Ok(()) => {
                info!(plane = %id, "this node is part of it from now on, and waits for it when it is not there")
            }
            Err(error) => {
                warn!(file = %self.file.display(), "which plane this node is part of cannot be remembered: {error}");
            }
        }
    }
}

impl Found {
    fn of(genesis: &[u8]) -> Self {
        let key = layout::entry_key(Seq(1));
        let payload = RawEntry::parse(&key, Seq(1), genesis).and_then(|entry| entry.decode(&key));
        match payload {
            Ok(Payload::Genesis { plane, .. }) => Self::Plane(plane),
            _ => Self::Unclear,
        }
    }
}

fn parse(bytes: &[u8], place: Option<&str>) -> Option<PlaneId> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = |key: &str| value.get(key)?.as_str();
    let plane = text("plane").filter(|plane| !plane.is_empty())?;
    (text("place") == place).then(|| PlaneId(plane.to_owned()))
}

/// Files of this kind are small; one that is longer is cut, and makes no sense.
fn read_start(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?
        .take(64 << 10)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

const FILE: &str = "plane.json";
const WITHIN: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_another_place_or_makes_no_sense_is_nothing() {
        let text = br#"{"place":"/a","plane":"W4eiPbwM"}"#;
        assert_eq!(parse(text, Some("/a")), Some(PlaneId("W4eiPbwM".into())));
        assert_eq!(parse(text, Some("/b")), None);
        assert_eq!(parse(text, None), None);
        for nonsense in [
            "",
            "{",
            "[]",
            r#"{"plane":"x"}"#,
            r#"{"place":"/a","plane":""}"#,
            r#"{"place":"/a","plane":7}"#,
        ] {
            assert_eq!(parse(nonsense.as_bytes(), Some("/a")), None, "{nonsense}");
        }
    }

    #[test]
    fn what_is_no_beginning_of_a_plane_is_for_the_journals_reader_to_judge() {
        assert_eq!(Found::of(b""), Found::Unclear);
        assert_eq!(Found::of(b"damaged"), Found::Unclear);
    }
}
