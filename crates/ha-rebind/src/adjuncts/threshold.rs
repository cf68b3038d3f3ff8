//! A policy that invokes an effector when a sensor crosses a threshold.

use serde_json::{Value, json};

use super::{Decision, PRODUCER, Policy, Sight, described};
use crate::entity::AdjunctKind;
use crate::host::EffectorCall;
use crate::json::Json;
use crate::types::{AdjunctDescription, ValueType};
use crate::values::Values;

/// Invokes an effector of its entity when a sensor crosses a threshold, and not again until it has come back.
#[derive(Clone, Debug)]
pub struct SensorThreshold(AdjunctDescription);

impl SensorThreshold {
    /// The type.
    #[must_use]
    pub fn new() -> Self {
        let config = [
            (
                PRODUCER,
                ValueType::Any,
                "The entity that has the sensor; without it, the own",
            ),
            ("sensor", ValueType::String, "The sensor that is watched"),
            (
                "threshold",
                ValueType::Number,
                "Beyond what the effector is invoked",
            ),
            (
                "direction",
                ValueType::String,
                "above (which it is without it) or below",
            ),
            ("effector", ValueType::String, "The effector that is invoked"),
            ("arguments", ValueType::Map, "Its arguments"),
        ];
        Self(described(
            "sensor-threshold",
            AdjunctKind::Policy,
            "Invokes an effector when a sensor crosses a threshold",
            &config,
        ))
    }
}

impl Default for SensorThreshold {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for SensorThreshold {
    fn description(&self) -> &AdjunctDescription {
        &self.0
    }

    fn decide(&self, sight: &Sight<'_>) -> Result<Decision, String> {
        let (sensor, effector) = (sight.text("sensor")?, sight.text("effector")?);
        let threshold = sight.config("threshold").and_then(|t| t.as_f64());
        let threshold = threshold.ok_or("its config `threshold` must be a number")?;
        let direction = match sight.config("direction") {
            Some(direction) => direction,
            None => "above".into(),
        };
        let value = sight
            .sensor(&sight.producer(), &sensor)
            .and_then(|v| v.value().as_f64());
        // What is not known is neither beyond nor back.
        let Some(value) = value else {
            return Ok(Decision::default());
        };
        let is_beyond = match direction.as_str() {
            Some("above") => value > threshold,
            Some("below") => value < threshold,
            _ => return Err("its config `direction` must be above or below".into()),
        };
        let was_beyond = sight.adjunct().highlights.get(CROSSED).is_some();
        Ok(match (was_beyond, is_beyond) {
            (false, true) => Decision {
                calls: vec![EffectorCall {
                    entity: sight.entity().id.clone(),
                    effector: effector.clone(),
                    arguments: arguments(sight.config("arguments"))?,
                }],
                highlights: vec![(CROSSED.into(), Some(highlight(sight, &sensor, value, &effector)))],
            },
            (true, false) => Decision {
                calls: Vec::new(),
                highlights: vec![(CROSSED.into(), None)],
            },
            _ => Decision::default(),
        })
    }
}

fn highlight(sight: &Sight<'_>, sensor: &str, value: f64, effector: &str) -> Json {
    let description = format!("Invoking effector {effector}, as {sensor} is {value}");
    Json::from(&json!({ "description": description, "time": sight.now_ms() }))
}

fn arguments(config: Option<Value>) -> Result<Values, String> {
    match config {
        None => Ok(Values::default()),
        Some(Value::Object(map)) => Ok(map
            .iter()
            .map(|(name, v)| (name.as_str(), Json::from(v)))
            .collect()),
        Some(_) => Err("its config `arguments` must be a map".into()),
    }
}

/// The highlight that is there from when the threshold is crossed until the sensor has come back.
const CROSSED: &str = "crossed";
