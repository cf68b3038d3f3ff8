//! What the code of entities prints: it lies wherever that code has put it, and the state has a reference.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::task::Stream;

/// Reads what tasks printed, wherever their code has put it. Register one with
/// [`EntityTypes::read_streams_with`](super::EntityTypes::read_streams_with).
///
/// ```
/// use async_trait::async_trait;
/// use bytes::Bytes;
/// use ha_rebind::{EntityTypes, Stream, StreamReader};
///
/// /// Effectors print into files of a folder that all nodes share.
/// struct Shared;
///
/// #[async_trait]
/// impl StreamReader for Shared {
///     async fn read(&self, stream: &Stream, at_most: usize) -> Result<Bytes, String> {
///         let name = stream.place.strip_prefix("/srv/printed/").filter(|name| !name.contains('/'));
///         let path = format!("/srv/printed/{}", name.ok_or("it lies in another folder")?);
///         let read = tokio::task::spawn_blocking(|| std::fs::read(path)).await;
///         let all = read.map_err(|why| why.to_string())?.map_err(|why| why.to_string())?;
///         let from = all.len().saturating_sub(at_most);
///         Ok(Bytes::from(all).slice(from..))
///     }
/// }
///
/// EntityTypes::built_in().read_streams_with(Shared);
/// ```
#[async_trait]
pub trait StreamReader: Send + Sync + 'static {
    /// A stream, or its last `at_most` bytes if it has more. A client may ask any node, standbys too, so this changes nothing. The place is as
    /// the state has it, which an operator can have imported: it must not be believed to be one's own.
    ///
    /// # Errors
    /// If it cannot be read from here, and why.
    async fn read(&self, stream: &Stream, at_most: usize) -> Result<Bytes, String>;
}

/// What one task has printed so far.
#[derive(Debug, Default)]
pub struct Printed(Mutex<Vec<Stream>>);

impl Printed {
    pub(super) fn add(&self, stream: Stream) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| known.name != stream.name);
        all.push(stream);
    }

    /// All of it, in the order in which it was printed.
    #[must_use]
    pub fn into_streams(self) -> Vec<Stream> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
