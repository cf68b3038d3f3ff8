//! Where a resource's neighbours are, in Brooklyn's order.

use ha_rebind::{EntityId, LocationId, TaskId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, Serializer};

/// Links by name, in the order given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Links(Vec<(&'static str, String)>);

/// What stands as it is in a part of a path (RFC 3986, "unreserved").
const PART: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Links {
    /// Only the resource itself.
    pub(super) fn own(own: String) -> Self {
        Self(vec![("self", own)])
    }

    pub(super) fn of<const N: usize>(links: [(&'static str, String); N]) -> Self {
        Self(links.into())
    }

    pub(super) fn and(mut self, name: &'static str, link: String) -> Self {
        self.0.push((name, link));
        self
    }
}

impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, link)| (name, link)))
    }
}

/// An application's own path.
pub(super) fn application(id: &EntityId) -> String {
    format!("/v1/applications/{id}")
}

/// An entity's own path.
pub(super) fn entity(application: &EntityId, id: &EntityId) -> String {
    format!("/v1/applications/{application}/entities/{id}")
}

/// A task's own path.
pub(super) fn task(id: &TaskId) -> String {
    format!("/v1/activities/{id}")
}

/// A location's own path.
pub(super) fn location(id: &LocationId) -> String {
    format!("/v1/locations/{id}")
}

/// What a client chose, as part of a path.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, &PART).to_string()
}
