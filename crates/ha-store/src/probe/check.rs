//! What a store must keep, and where each is checked.

use std::fmt;
use std::sync::Arc;

use super::trial::{Stop, Trial};
use super::{contents, creates, lists, race, reads};

/// Something that a store must keep.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Check {
    /// Of those who create one object at once, exactly one succeeds.
    OneWinner,
    /// A second create says that the object exists, and changes nothing.
    CreateKeeps,
    /// What one client has created, another reads.
    CreateIsSeen,
    /// A get that found nothing finds what another client has created since.
    GetSeesCreated,
    /// A get finds the latest put of another client.
    GetSeesReplaced,
    /// A get does not find what another client has deleted.
    GetSeesDeleted,
    /// A listing has what another client has just created, by its exact name, and the folders between.
    ListSeesCreated,
    /// A listing does not have what another client has just deleted.
    ListSeesDeleted,
    /// Objects are seen whole or not at all, while they are created and while they are replaced.
    NeverTorn,
    /// Objects of any size come back as they were, in whole and by ranges.
    BytesComeBack,
}

impl Check {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 10] = [
        Self::OneWinner,
        Self::CreateKeeps,
        Self::CreateIsSeen,
        Self::GetSeesCreated,
        Self::GetSeesReplaced,
        Self::GetSeesDeleted,
        Self::ListSeesCreated,
        Self::ListSeesDeleted,
        Self::NeverTorn,
        Self::BytesComeBack,
    ];

    /// A word for machines, which stays as it is: `one-winner`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneWinner => "one-winner",
            Self::CreateKeeps => "create-keeps",
            Self::CreateIsSeen => "create-is-seen",
            Self::GetSeesCreated => "get-sees-created",
            Self::GetSeesReplaced => "get-sees-replaced",
            Self::GetSeesDeleted => "get-sees-deleted",
            Self::ListSeesCreated => "list-sees-created",
            Self::ListSeesDeleted => "list-sees-deleted",
            Self::NeverTorn => "never-torn",
            Self::BytesComeBack => "bytes-come-back",
        }
    }

    pub(super) async fn make(self, trial: &Arc<Trial>) -> Result<(), Stop> {
        match self {
            Self::OneWinner => race::one_winner(trial).await,
            Self::CreateKeeps => creates::create_keeps(trial).await,
            Self::CreateIsSeen => creates::create_is_seen(trial).await,
            Self::GetSeesCreated => reads::get_sees_created(trial).await,
            Self::GetSeesReplaced => reads::get_sees_replaced(trial).await,
            Self::GetSeesDeleted => reads::get_sees_deleted(trial).await,
            Self::ListSeesCreated => lists::list_sees_created(trial).await,
            Self::ListSeesDeleted => lists::list_sees_deleted(trial).await,
            Self::NeverTorn => contents::never_torn(trial).await,
            Self::BytesComeBack => contents::bytes_come_back(trial).await,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneWinner => "of racing creates exactly one succeeds",
            Self::CreateKeeps => "a second create says that the object exists, and changes nothing",
            Self::CreateIsSeen => "what one client creates, another reads",
            Self::GetSeesCreated => "a get that found nothing finds what was created since",
            Self::GetSeesReplaced => "a get finds the latest put",
            Self::GetSeesDeleted => "a get does not find what was deleted",
            Self::ListSeesCreated => "a listing has what was just created, by its name",
            Self::ListSeesDeleted => "a listing does not have what was just deleted",
            Self::NeverTorn => "objects are seen whole or not at all",
            Self::BytesComeBack => "objects come back as they were, in whole and by ranges",
        })
    }
}
