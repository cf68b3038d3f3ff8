//! The sign that a copy has not ended, which keeps every node away from a half-copied store.
//!
//! It stands where the newest manifest would. A node that begins, joins, confirms its view or validates a claim lists the
//! manifests and gets the newest, so it meets the sign first and halts, whatever else has been copied by then. So the order
//! of the other objects does not matter to a reader, and removing the sign is the one step that makes the copy a plane.

use ha_core::proto::layout;
use serde_json::{Value, json};

use super::io::{Object, Side};
use super::plane::Head;
use crate::failure::RunError;

/// What the sign says: of what it is a copy.
fn text(from: &str, head: &Head) -> Object {
    let sign = json!({
        "what": "a copy of a plane into this store has not ended: end it by `ha-server copy-state --resume`, or empty the store",
        "from": from,
        "plane": head.plane.0,
        "seq": head.seq.0,
        "chain": head.chain.to_string(),
        "manifest": head.manifest.0,
    });
    format!("{sign}\n").into_bytes().into()
}

/// Puts the sign up, or finds the same one there.
///
/// # Errors
/// If there is another.
pub(crate) async fn put_up(to: &Side, from: &str, head: &Head, resume: bool) -> Result<(), RunError> {
    let key = layout::copy_sign_key();
    if let Some(there) = to.get(&key).await? {
        if !resume {
            return Err(RunError::configuration(format!(
                "a copy into {} has not ended: go on with it by --resume, or delete everything there",
                to.store
            )));
        }
        let said: Value = serde_json::from_slice(&there).unwrap_or_default();
        let same = said["plane"] == head.plane.0.as_str()
            && said["seq"] == head.seq.0
            && said["chain"] == head.chain.to_string().as_str()
            && said["manifest"] == head.manifest.0;
        return if same {
            Ok(())
        } else {
            Err(RunError::configuration(format!(
                "the copy into {} that has not ended is of another state (plane {}, slot {}): delete everything there, and begin again",
                to.store, said["plane"], said["seq"]
            )))
        };
    }
    to.create(&key, &text(from, head)).await
}

/// Takes the sign down, durably: where a deletion is not, the next create in its folder makes it so.
pub(crate) async fn take_down(to: &Side) -> Result<(), RunError> {
    to.delete(&layout::copy_sign_key()).await?;
    let after = format!("{}/copied", layout::SNAPSHOTS);
    to.create(&after, &Object::from(*b"copied\n")).await?;
    to.delete(&after).await
}
