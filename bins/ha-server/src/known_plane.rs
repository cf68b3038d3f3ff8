//! The plane that a node has been part of. Where that should be and is not, as behind a mount that is missing or in a bucket that
//! was emptied, the node begins no other: two planes of one service would both lead, and what the second took would be lost.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ha_core::proto::{Payload, RawEntry, layout};
use ha_core::{Plane, PlaneId, Seq};
use ha_store::Key;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::atomic_file;
use crate::failure::chain;
use crate::launch::Launch;
use crate::node_state::read_start;
use crate::persistence::Existing;
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

    /// Waits until the plane is where it was, with a client of its own: connections belong to the runtime that opens them, and the plane has its
    /// own. A directory is looked at and not opened, which would make it.
    pub(crate) async fn wait_for(&self, launch: &Launch) {
        let (Some(place), Some(known)) = (Place::of(&launch.persistence), &self.plane) else {
            return;
        };
        if launch.persistence.existing() == Some(Existing::Discard) {
            return;
        }
        let mut pause = SHORTEST_PAUSE;
        loop {
            let what = match look(&place, launch).await {
                Found::Plane(plane) if plane == *known => return,
                Found::Unclear => return,
                Found::Away(why) => {
                    warn!(
                        "`{place}` cannot be looked at, trying again in {pause:?}, until this node is told to stop: {why}"
                    );
                    pause = rest(pause).await;
                    continue;
                }
                Found::Plane(other) => format!("plane {other} lies in `{place}`"),
                Found::Nothing => format!("there is no plane in `{place}`"),
            };
            warn!(
                "{what}, and this node was part of plane {known} there: waiting for it, until it is told to stop. If it is not mounted, mount it; \
                 if it was moved or removed, put it back; or, to have this node go on with what is there, remove `{}` and start again. \
                 Looking again in {pause:?}",
                self.file.display()
            );
            pause = rest(pause).await;
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

/// What is at a place now.
async fn look(place: &Place, launch: &Launch) -> Found {
    let genesis = layout::entry_key(Seq(1));
    if let Place::Directory(path) = place {
        let file = path.join(genesis);
        // A mount may hang.
        return match tokio::task::spawn_blocking(move || read_start(&file)).await {
            Ok(Ok(bytes)) => Found::of(&bytes),
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Found::Nothing,
            Ok(Err(_)) | Err(_) => Found::Unclear,
        };
    }
    let key = Key::new(&genesis).expect("the key of an entry is one");
    let read = match place.open(&launch.variables) {
        Ok(store) => store.get(&key, WITHIN).await,
        Err(error) => Err(error),
    };
    match read {
        Ok(bytes) => Found::of(&bytes),
        Err(error) => match error.kind() {
            ha_store::ErrorKind::NotFound => Found::Nothing,
            ha_store::ErrorKind::Unavailable => Found::Away(chain(&error)),
            _ => Found::Unclear,
        },
    }
}

/// Answers the next pause.
async fn rest(pause: Duration) -> Duration {
    sleep(pause).await;
    (pause * 2).min(LONGEST_PAUSE)
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
