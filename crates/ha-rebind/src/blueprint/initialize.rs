//! What a blueprint has done to an entity when it is made.

use super::error::{At, BlueprintError, cut, listed};
use super::spec::PartSpec;
use super::value::Value;
use crate::entity::{AdjunctKind, Entity};
use crate::types::AdjunctDescription;

/// The one initializer that is no feed: a sensor with a value that is known now.
pub(super) fn initialize(
    entity: &mut Entity,
    part: &PartSpec,
    adjuncts: &[AdjunctDescription],
    at: At<'_>,
) -> Result<(), BlueprintError> {
    let at = at.key("brooklyn.initializers");
    let wrong = |key, what: String| Err(BlueprintError::new(part.line, at.key(key), what));
    if part.part_type != STATIC_SENSOR && part.part_type != "static-sensor" {
        let name = cut(&part.part_type, 200);
        let feeds = adjuncts.iter().filter(|known| known.kind == AdjunctKind::Feed);
        let known = [STATIC_SENSOR]
            .into_iter()
            .chain(feeds.map(|feed| feed.name.as_str()));
        return wrong(
            "type",
            format!("unknown type '{name}': known are {}", listed(known)),
        );
    }
    let value = |key: &str| part.config.iter().find(|s| s.key == key).map(|s| &s.value);
    let Some(Value::Text(name)) = value("name") else {
        return wrong("brooklyn.config.name", "must be the name of a sensor".into());
    };
    match value("static.value") {
        Some(known) if known.depth() == 0 => {
            entity.sensors.set(name, &known.to_json());
            Ok(())
        }
        _ => wrong(
            "brooklyn.config.static.value",
            "must be a value that is known now".into(),
        ),
    }
}

const STATIC_SENSOR: &str = "org.apache.brooklyn.core.sensor.StaticSensor";
