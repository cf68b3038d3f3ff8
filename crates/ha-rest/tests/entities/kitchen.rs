//! A kitchen with a kettle, on a plane of up to two nodes.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ha_core::{ActPermit, Role};
use ha_rebind::{
    ConfigKey, Effect, Effector, EntityType, EntityTypes, Invocation, Parameter, Stream, StreamReader,
    TypeDescription, ValueType, Values,
};
use ha_store::MemoryStore;
use tokio::sync::Semaphore;

use crate::common::Answer;
use crate::managed::Node;

/// A kettle, of which one can ask to heat so much, to break, and to boil for as long as a test likes.
struct Kettle {
    description: TypeDescription,
    boiled: Arc<Semaphore>,
}

impl Kettle {
    fn new(boiled: Arc<Semaphore>) -> Self {
        let effector = |name: &str, parameters| Effector {
            name: name.into(),
            description: String::new(),
            is_idempotent: false,
            parameters,
            returns: None,
        };
        let degrees = Parameter {
            name: "degrees".into(),
            value_type: ValueType::Integer,
            description: String::new(),
            default: None,
        };
        let description = TypeDescription {
            name: "test.Kettle".into(),
            config: vec![ConfigKey {
                name: "litres".into(),
                value_type: ValueType::Number,
                description: String::new(),
                default: None,
            }],
            effectors: vec![
                effector("heat", vec![degrees]),
                effector("smash", vec![]),
                effector("boil", vec![]),
            ],
            ..TypeDescription::default()
        };
        Self { description, boiled }
    }
}

#[async_trait]
impl EntityType for Kettle {
    fn description(&self) -> &TypeDescription {
        &self.description
    }

    async fn invoke(&self, invocation: &Invocation<'_>, _: &ActPermit) -> Result<Effect, String> {
        match invocation.effector {
            "heat" => {
                let degrees = invocation.arguments.get("degrees").unwrap();
                let said = format!("heating to {}", degrees.as_str());
                invocation.print(stream("env", "text:a kitchen"));
                invocation.print(stream("stdout", "text:nothing yet"));
                invocation.print(stream("stdout", &format!("text:{said}")));
                invocation.print(stream("each bubble", "bubbles:20000000"));
                assert_ne!(degrees.as_str(), "500", "it melts");
                Ok(Effect {
                    sensors: Values::from_iter([("temperature", degrees.clone())]),
                    result: Some(degrees),
                })
            }
            "boil" => {
                self.boiled.acquire().await.unwrap().forget();
                Ok(Effect::default())
            }
            _ => {
                invocation.print(stream("stderr", "kettle:/var/log/kettle"));
                Err("it is in pieces".into())
            }
        }
    }
}

fn stream(name: &str, place: &str) -> Stream {
    Stream {
        name: name.into(),
        size: place.len() as u64,
        place: place.into(),
    }
}

/// Reads streams whose places are their texts, or how many bubbles there were.
struct Texts;

#[async_trait]
impl StreamReader for Texts {
    async fn read(&self, stream: &Stream, at_most: usize) -> Result<Bytes, String> {
        if let Some(bubbles) = stream.place.strip_prefix("bubbles:") {
            let last = at_most.min(bubbles.parse().unwrap());
            return Ok("o".repeat(last).into());
        }
        let text = stream.place.strip_prefix("text:");
        let text = text.ok_or("it is on another machine")?;
        assert!(text.len() <= at_most);
        Ok(Bytes::copy_from_slice(text.as_bytes()))
    }
}

pub(crate) struct Plane {
    store: MemoryStore,
    pub(crate) boiled: Arc<Semaphore>,
    pub(crate) master: Node,
}

impl Plane {
    pub(crate) async fn start() -> Self {
        let (store, boiled) = (MemoryStore::default(), Arc::new(Semaphore::new(0)));
        let master = node("n1", 1, &store, &boiled);
        master.becomes(Role::Master).await;
        Self {
            store,
            boiled,
            master,
        }
    }

    pub(crate) async fn with_kitchen() -> Self {
        let plane = Self::start().await;
        let made = plane
            .master
            .call("PUT", "/v1/applications/kitchen", &[], KITCHEN)
            .await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.body);
        plane.at_rest().await;
        plane
    }

    /// All tasks have ended.
    pub(crate) async fn at_rest(&self) {
        let host = &self.master.host;
        let has_ended = || host.read(|state| state.unended_tasks().len() == 0);
        self.master.until("all is at rest", has_ended).await;
    }

    pub(crate) async fn standby(&self) -> Node {
        let standby = node("n2", 2, &self.store, &self.boiled);
        standby.becomes(Role::HotStandby).await;
        standby.plane.read().await.unwrap();
        standby
    }
}

fn node(name: &str, seed: u8, store: &MemoryStore, boiled: &Arc<Semaphore>) -> Node {
    let mut types = EntityTypes::built_in();
    types.register(Kettle::new(boiled.clone())).unwrap();
    types.read_streams_with(Texts);
    Node::start(name, seed, Arc::new(store.clone()), types)
}

pub(crate) const KITCHEN: &str = "
name: kitchen
brooklyn.config: {power: 2000}
services:
- type: test.Kettle
  name: kettle
- type: org.apache.brooklyn.entity.stock.BasicStartable
  name: lamp
";

pub(crate) const KETTLE: &str = "/v1/applications/kitchen/entities/kettle";
/// Well below what a request may take.
pub(crate) const SOON: std::time::Duration = std::time::Duration::from_secs(20);
pub(crate) const JSON: (&str, &str) = ("Content-Type", "application/json");

pub(crate) fn value(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|why| panic!("{why}: {answer:?}"))
}

pub(crate) fn field(answer: &Answer, name: &str) -> String {
    value(answer)[name]
        .as_str()
        .unwrap_or_else(|| panic!("{answer:?}"))
        .to_owned()
}
