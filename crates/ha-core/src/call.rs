//! One request of the machine, put to a store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ha_proto::{FailureKind, RequestId, StoreFailure, StoreOp, StoreReply, StoreRequest};
use ha_store::{Error, ErrorKind, Folder, Key, Store};

/// A request that was answered, and how long that took.
pub(crate) struct Answered {
    pub(crate) id: RequestId,
    pub(crate) reply: StoreReply,
    pub(crate) writes: bool,
    pub(crate) took: Duration,
}

pub(crate) async fn call(store: Arc<dyn Store>, request: StoreRequest) -> Answered {
    let began = Instant::now();
    let StoreRequest { id, op, within } = request;
    let writes = matches!(
        op,
        StoreOp::Create { .. } | StoreOp::Put { .. } | StoreOp::Delete { .. }
    );
    let reply = answer(&*store, op, within)
        .await
        .unwrap_or_else(|error| failed_reply(&error));
    Answered {
        id,
        reply,
        writes,
        took: began.elapsed(),
    }
}

async fn answer(store: &dyn Store, op: StoreOp, within: Duration) -> Result<StoreReply, Error> {
    let bytes = |b: Arc<[u8]>| Bytes::from_owner(b);
    Ok(match op {
        StoreOp::Create { key, bytes: b } => {
            store.create(&Key::new(&key)?, bytes(b), within).await?;
            StoreReply::Done
        }
        StoreOp::Put { key, bytes: b } => {
            store.put(&Key::new(&key)?, bytes(b), within).await?;
            StoreReply::Done
        }
        StoreOp::Get { key } => StoreReply::Bytes(Arc::from(&store.get(&Key::new(&key)?, within).await?[..])),
        StoreOp::GetRange { key, range } => StoreReply::Bytes(Arc::from(
            &store.get_range(&Key::new(&key)?, range, within).await?[..],
        )),
        StoreOp::List { folder } => StoreReply::Names(store.list(&Folder::new(&folder)?, within).await?),
        StoreOp::Delete { key } => {
            store.delete(&Key::new(&key)?, within).await?;
            StoreReply::Done
        }
    })
}

/// What the machine is told of a call that did not succeed: for drivers of one's own.
///
/// ```
/// use ha_core::failed_reply;
/// use ha_core::proto::StoreReply;
/// use ha_store::{Error, ErrorKind};
///
/// let taken = Error::new(ErrorKind::Exists, "journal/00000000/00000000000000000001", "exists");
/// assert_eq!(failed_reply(&taken), StoreReply::Exists);
/// ```
#[must_use]
pub fn failed_reply(error: &Error) -> StoreReply {
    let kind = match error.kind() {
        ErrorKind::NotFound => {
            return StoreReply::Absent {
                folder_missing: error.folder_missing(),
            };
        }
        ErrorKind::Exists => return StoreReply::Exists,
        _ if error.needs_restart() => FailureKind::Broken,
        ErrorKind::OutcomeUnknown => FailureKind::OutcomeUnknown,
        ErrorKind::Unavailable => FailureKind::NotDone,
        ErrorKind::Denied | ErrorKind::InvalidKey => FailureKind::Refused,
        ErrorKind::Corrupt => FailureKind::Corrupt,
        // A kind of a later version: nothing may be concluded from it.
        _ => FailureKind::OutcomeUnknown,
    };
    StoreReply::Failed(StoreFailure {
        kind,
        message: chain(error),
    })
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
