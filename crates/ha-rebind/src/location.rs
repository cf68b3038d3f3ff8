//! Where entities run.

use bytes::Bytes;

use crate::codec;
use crate::entity::{CUT_SHORT, values};
use crate::level::{Level, Unreadable};
use crate::names::LocationId;
use crate::values::Values;

/// A place where entities run.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Location {
    /// Its id.
    pub id: LocationId,
    /// The name that people see.
    pub name: String,
    /// What it was asked for as.
    pub spec: String,
    /// The registered name of its type.
    pub location_type: String,
    /// The location that it is part of.
    pub parent: Option<LocationId>,
    /// Its config.
    pub config: Values,
}

impl Location {
    pub(crate) fn body(&self, level: Level) -> Vec<u8> {
        let wire: Wire<'_> = (
            level.0,
            &self.name,
            &self.spec,
            &self.location_type,
            self.parent.clone(),
            self.config.bytes(),
        );
        codec::encode(&wire)
    }

    pub(crate) fn read(id: LocationId, body: &Bytes) -> Result<Self, Unreadable> {
        let (level, _) = codec::decode_front::<u16>(body).ok_or(CUT_SHORT)?;
        Level(level).check()?;
        let wire: Wire<'_> = codec::decode(body).ok_or(Unreadable::Damaged("its body makes no sense"))?;
        let (_, name, spec, location_type, parent, config) = wire;
        Ok(Self {
            id,
            name: name.into(),
            spec: spec.into(),
            location_type: location_type.into(),
            parent,
            config: values(body, config)?,
        })
    }
}

/// Level, name, spec, type, parent, config.
type Wire<'a> = (u16, &'a str, &'a str, &'a str, Option<LocationId>, &'a [u8]);
