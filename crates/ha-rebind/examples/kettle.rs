//! An entity type of one's own, on a plane of one node: a kettle that can be heated.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use ha_core::{ActPermit, NodeId, Plane};
use ha_rebind::blueprint::{Blueprint, Known};
use ha_rebind::{
    Effect, Effector, EffectorCall, EntityType, EntityTypes, Host, Invocation, Json, Managed, Parameter,
    TypeDescription, ValueType, Values,
};
use ha_store::MemoryStore;

struct Kettle(TypeDescription);

impl Kettle {
    fn new() -> Self {
        let degrees = Parameter {
            name: "degrees".into(),
            value_type: ValueType::Integer,
            description: "how hot it is to be".into(),
            default: Some(Json::from(&100.into())),
        };
        let heat = Effector {
            name: "heat".into(),
            description: "Heats the water".into(),
            // Heating it twice does no harm: after a failover it is begun again.
            is_idempotent: true,
            parameters: vec![degrees],
            returns: Some(ValueType::Integer),
        };
        Self(TypeDescription {
            name: "example.Kettle".into(),
            effectors: vec![heat],
            ..TypeDescription::default()
        })
    }
}

#[async_trait]
impl EntityType for Kettle {
    fn description(&self) -> &TypeDescription {
        &self.0
    }

    async fn invoke(&self, invocation: &Invocation<'_>, permit: &ActPermit) -> Result<Effect, String> {
        let degrees = invocation.arguments.get("degrees").ok_or("how hot?")?;
        // What is acted upon refuses a lower epoch than it has seen: that is the fencing token.
        println!("heating to {} in epoch {}", degrees.as_str(), permit.epoch());
        Ok(Effect {
            result: Some(degrees.clone()),
            sensors: Values::from_iter([("temperature", degrees)]),
        })
    }
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let managed = Managed::default();
    // In real life a directory or a bucket that several nodes share.
    let plane = Plane::builder(NodeId::new("one")?, Arc::new(MemoryStore::default()));
    let plane = plane.state(managed.clone()).start()?;
    let mut types = EntityTypes::built_in();
    types.register(Kettle::new())?;
    let seed = rand::random();
    let host = Host::start(plane.clone(), managed, types, seed, now_ms);
    plane.leadership().await?;

    let blueprint = Blueprint::parse("services: [{type: example.Kettle, name: kettle}]")?;
    let plan = blueprint.plan(&Known::new(host.types()), host.now_ms(), || host.new_entity_id())?;
    host.deploy(None, &plan).await?;
    let kettle = plan.entities()[1].id.clone();
    let heat = EffectorCall {
        entity: kettle.clone(),
        effector: "heat".into(),
        arguments: Values::from_iter([("degrees", Json::from(&90.into()))]),
    };
    let task = host.invoke(None, heat).await?;
    host.ended(&task).await;
    let temperature = host.read(|state| state.sensor(&kettle, "temperature"));
    println!("it has {}", temperature.ok_or("it is cold")?.as_str());
    plane.stop().await;
    Ok(())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
