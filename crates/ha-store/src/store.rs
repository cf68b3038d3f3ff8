//! The trait, and how it is forwarded.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Error, Folder, Key};

/// Shared storage of small objects, as all nodes of a plane see it.
///
/// **A create admits one writer; a read sees everything that was written before it was sent.** All that the plane
/// promises rests on these two, so an implementation that cannot keep them must refuse to open. The `suite` feature
/// has the tests that an implementation should pass.
///
/// Each call has a deadline, `within`, counted from when it is first polled. A call that has not been answered by then
/// ends with [`Unavailable`](crate::ErrorKind::Unavailable) if it is a read or certainly was not sent, and with
/// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) if it is a write; the write itself *may still be carried out
/// later*. The same goes for a call whose future is dropped. A store never repeats a create on its own.
#[async_trait]
pub trait Store: fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// Creates an object that is absent. Readers see all of it or nothing; when this is `Ok` it is durable.
    ///
    /// # Errors
    ///
    /// [`Exists`](crate::ErrorKind::Exists) if there is an object already, by now durable: a writer that reads its
    /// own write id back may count this as success.
    async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error>;

    /// Creates or replaces an object. Readers see the old one or the new one, never a mixture. **Not durable**: after
    /// a power failure the object may be the old one, the new one, cut short or gone. For records that are soon
    /// written again and that their reader checks.
    async fn put(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error>;

    /// The whole object.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) only if it is certain that the store was asked, and that the object
    /// was absent at some time after the call was sent; whatever casts doubt on that is
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn get(&self, key: &Key, within: Duration) -> Result<Bytes, Error>;

    /// The bytes of an object from `range.start` up to `range.end`, clipped at the object's end: empty if the range
    /// begins beyond it.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    async fn get_range(&self, key: &Key, range: Range<u64>, within: Duration) -> Result<Bytes, Error>;

    /// The names directly in a folder, in no order; a sub-folder's name ends with `/`. A folder that is absent, in a
    /// store that is there, is an empty list. Names that are no keys are left out. A sub-folder that was emptied may be
    /// named for a while.
    async fn list(&self, folder: &Folder, within: Duration) -> Result<Vec<String>, Error>;

    /// Deletes an object; it is `Ok` if there is none. Seen by every read sent after it, but **not durable**: after a
    /// power failure the object may be there again.
    async fn delete(&self, key: &Key, within: Duration) -> Result<(), Error>;
}

/// The calls of a [`Store`], to count and to disturb them by.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Operation {
    /// [`Store::create`]
    Create,
    /// [`Store::put`]
    Put,
    /// [`Store::get`]
    Get,
    /// [`Store::get_range`]
    GetRange,
    /// [`Store::list`]
    List,
    /// [`Store::delete`]
    Delete,
}

impl Operation {
    /// All of them, in the order of the trait.
    pub const ALL: [Self; 6] = [
        Self::Create,
        Self::Put,
        Self::Get,
        Self::GetRange,
        Self::List,
        Self::Delete,
    ];

    /// Whether it changes the store.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Put | Self::Delete)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Put => "put",
            Self::Get => "get",
            Self::GetRange => "get_range",
            Self::List => "list",
            Self::Delete => "delete",
        })
    }
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: Store + ?Sized> Store for $pointer<T> {
            async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
                (**self).create(key, bytes, within).await
            }

            async fn put(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
                (**self).put(key, bytes, within).await
            }

            async fn get(&self, key: &Key, within: Duration) -> Result<Bytes, Error> {
                (**self).get(key, within).await
            }

            async fn get_range(
                &self,
                key: &Key,
                range: Range<u64>,
                within: Duration,
            ) -> Result<Bytes, Error> {
                (**self).get_range(key, range, within).await
            }

            async fn list(&self, folder: &Folder, within: Duration) -> Result<Vec<String>, Error> {
                (**self).list(folder, within).await
            }

            async fn delete(&self, key: &Key, within: Duration) -> Result<(), Error> {
                (**self).delete(key, within).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
