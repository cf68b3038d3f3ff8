//! Sensors of one entity, shown by another.

use serde_json::Value;

use super::{Derived, Enricher, PRODUCER, SOURCE, Sight, TARGET, described};
use crate::entity::AdjunctKind;
use crate::types::{AdjunctDescription, ValueType};

/// Gives its entity the values that sensors of its producer have: one, from `enricher.sourceSensor` to `enricher.targetSensor`, or those of
/// `enricher.propagating.sensorMapping`.
#[derive(Clone, Debug)]
pub struct Propagator(AdjunctDescription);

impl Propagator {
    /// The type.
    #[must_use]
    pub fn new() -> Self {
        let config = [
            (
                PRODUCER,
                ValueType::Any,
                "The entity whose sensors are shown; without it, the own",
            ),
            (SOURCE, ValueType::String, "The sensor of the producer"),
            (
                TARGET,
                ValueType::String,
                "How it is called here; without it, as there",
            ),
            (MAPPING, ValueType::Map, "Several: from names there to names here"),
        ];
        let name = "org.apache.brooklyn.enricher.stock.Propagator";
        Self(described(
            name,
            AdjunctKind::Enricher,
            "Shows sensors of one entity at another",
            &config,
        ))
    }
}

impl Default for Propagator {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for Propagator {
    fn description(&self) -> &AdjunctDescription {
        &self.0
    }

    fn derive(&self, sight: &Sight<'_>) -> Result<Derived, String> {
        let producer = sight.producer();
        let names: Vec<(String, String)> = match sight.config(MAPPING) {
            Some(Value::Object(mapping)) => {
                let name = |(from, to): (String, Value)| match to {
                    Value::String(to) => Ok((from, to)),
                    _ => Err(format!("its config `{MAPPING}` must map names to names")),
                };
                mapping.into_iter().map(name).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(format!("its config `{MAPPING}` must be a map")),
            None => {
                let from = sight.text(SOURCE)?;
                vec![(from.clone(), sight.text(TARGET).unwrap_or(from))]
            }
        };
        let shown = names.into_iter().map(|(from, to)| {
            let value = sight.sensor(&producer, &from);
            (to, value)
        });
        Ok(shown.collect())
    }
}

const MAPPING: &str = "enricher.propagating.sensorMapping";
