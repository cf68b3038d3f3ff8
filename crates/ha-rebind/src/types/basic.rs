//! The types that are built in: they have a lifecycle, and no software behind it.

use async_trait::async_trait;
use ha_core::ActPermit;

use super::{Effect, Effector, EntityType, Invocation, SensorKey, TypeDescription, ValueType};
use crate::entity::{Lifecycle, SERVICE_IS_UP, SERVICE_STATE, SERVICE_STATE_EXPECTED};
use crate::json::Json;
use crate::values::Values;

macro_rules! basic {
    ($(#[$doc:meta])* $name:ident, $registered:expr, $is_application:literal, $effectors:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(TypeDescription);

        impl $name {
            /// The type.
            #[must_use]
            pub fn new() -> Self {
                Self(TypeDescription {
                    name: $registered.into(),
                    is_application: $is_application,
                    sensors: sensors(),
                    config: Vec::new(),
                    effectors: $effectors,
                })
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        #[async_trait]
        impl EntityType for $name {
            fn description(&self) -> &TypeDescription {
                &self.0
            }

            async fn invoke(&self, invocation: &Invocation<'_>, _: &ActPermit) -> Result<Effect, String> {
                run(invocation)
            }
        }
    };
}

basic! {
    /// An application that only holds its children.
    BasicApplication, BASIC_APPLICATION, true, lifecycle_effectors()
}
basic! {
    /// An entity that only holds config, sensors and children.
    BasicEntity, "org.apache.brooklyn.entity.stock.BasicEntity", false, Vec::new()
}
basic! {
    /// An entity that can be started and stopped.
    BasicStartable, "org.apache.brooklyn.entity.stock.BasicStartable", false, lifecycle_effectors()
}

/// What an application is made of that nobody named a type for.
pub(crate) const BASIC_APPLICATION: &str = "org.apache.brooklyn.entity.stock.BasicApplication";

fn sensors() -> Vec<SensorKey> {
    let sensor = |(name, value_type, description): (&str, ValueType, &str)| SensorKey {
        name: name.into(),
        value_type,
        description: description.into(),
    };
    let all = [
        (
            SERVICE_IS_UP,
            ValueType::Boolean,
            "Whether the service is active and availability (confirmed and monitored)",
        ),
        (
            SERVICE_STATE,
            ValueType::String,
            "Actual lifecycle state of the service",
        ),
        (
            SERVICE_STATE_EXPECTED,
            ValueType::String,
            "Last controlled change to service state, indicating what the expected state should be",
        ),
    ];
    all.into_iter().map(sensor).collect()
}

fn lifecycle_effectors() -> Vec<Effector> {
    let effector = |(name, description): (&str, &str)| Effector {
        name: name.into(),
        description: description.into(),
        is_idempotent: true,
        parameters: Vec::new(),
        returns: None,
    };
    let all = [
        ("start", "Start the process/service represented by an entity"),
        ("stop", "Stop the process/service represented by an entity"),
        ("restart", "Restart the process/service represented by an entity"),
    ];
    all.into_iter().map(effector).collect()
}

fn run(invocation: &Invocation<'_>) -> Result<Effect, String> {
    let (state, expected) = match invocation.effector {
        "start" | "restart" => (Lifecycle::Running, "running"),
        "stop" => (Lifecycle::Stopped, "stopped"),
        other => {
            return Err(format!(
                "{} has no effector '{other}'",
                invocation.entity.entity_type
            ));
        }
    };
    let expected = format!("{expected} @ {} / {}", invocation.now_ms, invocation.entity.id);
    let sensors = Values::from_iter([
        (SERVICE_IS_UP, Json::from(state == Lifecycle::Running)),
        (SERVICE_STATE, Json::string(state.as_str())),
        (SERVICE_STATE_EXPECTED, Json::string(&expected)),
    ]);
    Ok(Effect {
        result: None,
        sensors,
    })
}
