//! The locations that a blueprint names.

use std::collections::HashMap;

use super::error::{At, BlueprintError, cut, listed};
use super::plan::SAME_ALPHABET;
use super::spec::LocationSpec;
use crate::location::Location;
use crate::names::{EntityId, LocationId};
use crate::values::Values;

/// Each once, however often it is named.
#[derive(Debug, Default)]
pub(super) struct Locations {
    all: Vec<Location>,
    places: HashMap<(String, Values), usize>,
}

impl Locations {
    /// The location that is asked for.
    pub(super) fn find(
        &mut self,
        asked: &LocationSpec,
        at: At<'_>,
        mut new_id: impl FnMut() -> EntityId,
    ) -> Result<LocationId, BlueprintError> {
        let kind = asked.spec.split([':', '(']).next().unwrap_or_default();
        let Some((_, location_type)) = KNOWN.iter().find(|(known, _)| *known == kind) else {
            let (spec, known) = (
                cut(&asked.spec, 200),
                listed(KNOWN.iter().map(|(known, _)| *known)),
            );
            let what = format!("unknown location '{spec}': known are {known}");
            return Err(BlueprintError::new(asked.line, at.key("location"), what));
        };
        let config: Values = asked
            .config
            .iter()
            .map(|setting| (setting.key.as_str(), setting.value.to_json()))
            .collect();
        let next = self.all.len();
        let place = *self
            .places
            .entry((asked.spec.clone(), config.clone()))
            .or_insert(next);
        if place == next {
            self.all.push(Location {
                id: LocationId::new(new_id().as_str()).expect(SAME_ALPHABET),
                name: asked.spec.clone(),
                spec: asked.spec.clone(),
                location_type: (*location_type).into(),
                parent: None,
                config,
            });
        }
        Ok(self.all[place].id.clone())
    }

    pub(super) fn into_all(self) -> Vec<Location> {
        self.all
    }
}

/// What stands in front of the colon, and what it is.
const KNOWN: &[(&str, &str)] = &[
    (
        "byon",
        "org.apache.brooklyn.location.byon.FixedListMachineProvisioningLocation",
    ),
    (
        "localhost",
        "org.apache.brooklyn.location.localhost.LocalhostMachineProvisioningLocation",
    ),
];
