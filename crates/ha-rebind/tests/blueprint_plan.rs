//! What blueprints make.

mod common;

use common::{Leader, Server, id, json, replay};
use ha_rebind::blueprint::{Blueprint, Known, Plan};
use ha_rebind::{
    AdjunctDescription, AdjunctKind, ConfigKey, EntityId, EntityTypes, Refusal, State, TypeDescription,
    ValueType,
};

const BASIC: &str = "org.apache.brooklyn.entity.stock.BasicEntity";
const APPLICATION: &str = "org.apache.brooklyn.entity.stock.BasicApplication";

fn key(name: &str, value_type: ValueType) -> ConfigKey {
    ConfigKey {
        name: name.into(),
        value_type,
        description: String::new(),
        default: None,
    }
}

fn types() -> EntityTypes {
    let mut types = EntityTypes::built_in();
    let server = TypeDescription {
        name: "Server".into(),
        config: vec![key("port", ValueType::Integer), key("env", ValueType::Map)],
        ..TypeDescription::default()
    };
    types.register(Server(server)).expect("it is new");
    types
}

fn adjuncts() -> [AdjunctDescription; 2] {
    [
        (AdjunctKind::Policy, "Threshold"),
        (AdjunctKind::Enricher, "a.b.Propagator"),
    ]
    .map(|(kind, name)| AdjunctDescription {
        name: name.into(),
        kind,
        description: String::new(),
        config: vec![key("above", ValueType::Number)],
    })
}

/// Plans at 1000, with the ids e0, e1 and so on.
fn plan(text: &str) -> Result<Plan, String> {
    let (types, adjuncts) = (types(), adjuncts());
    let mut known = Known::new(&types);
    known.adjuncts = &adjuncts;
    let mut ids = (0..).map(|n| id(&format!("e{n}")));
    let blueprint = Blueprint::parse(text).expect("it can be read");
    let planned = blueprint.plan(&known, 1000, || ids.next().expect("numbers do not end"));
    planned.map_err(|error| error.to_string())
}

#[track_caller]
fn refused(text: &str, told: &str) {
    assert_eq!(
        plan(text).map(|plan| plan.entities().to_vec()),
        Err(told.to_owned())
    );
}

const SHOP: &str = r#"
name: shop
location: localhost
brooklyn.config: { currency: EUR }
brooklyn.tags: [ sells ]
services:
- type: Server
  id: db
  brooklyn.parameters:
  - { name: size, type: integer, default: 3 }
  - { name: disk, default: ssd }
  brooklyn.config: { port: 5432, size: 4, env: { z: 1, a: $brooklyn:config("currency") } }
  brooklyn.initializers:
  - type: org.apache.brooklyn.core.sensor.StaticSensor
    brooklyn.config: { name: url, static.value: "jdbc:x" }
- type: org.apache.brooklyn.entity.stock.BasicEntity
  name: web
  location: localhost
  brooklyn.config: { port: $brooklyn:component("db").config("port"), many: "text" }
  brooklyn.policies:
  - { type: Threshold, id: high, brooklyn.config: { above: 0.9, of: $brooklyn:entity("kid") } }
  brooklyn.enrichers:
  - { type: a.b.Propagator }
  brooklyn.children:
  - { type: Server, id: kid }
"#;

#[test]
fn services_stand_below_an_application_that_is_made_around_them() {
    let plan = plan(SHOP).expect("it can be made");
    let [shop, db, web, kid] = plan.entities() else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (plan.application(), shop.name.as_str(), shop.parent.as_ref()),
        (&id("e0"), "shop", None)
    );
    assert_eq!(shop.entity_type, APPLICATION);
    assert_eq!(shop.config.get("brooklyn.wrapper_app"), Some(json("true")));
    assert_eq!(shop.config.get("currency"), Some(json(r#""EUR""#)));
    assert_eq!(
        (shop.created_ms, shop.tags.as_slice()),
        (1000, &[json(r#""sells""#)][..])
    );
    assert_eq!(shop.blueprint.as_deref(), Some(SHOP));
    assert_eq!(
        (db.id.as_str(), db.name.as_str(), &db.parent, &db.blueprint),
        ("e1", "Server:e1", &Some(id("e0")), &None),
        "it is called by its type and id"
    );
    assert_eq!(db.config.get("camp.plan.id"), Some(json(r#""db""#)));
    assert_eq!(
        db.config.get("size"),
        Some(json("4")),
        "what is set goes before what a parameter says"
    );
    assert_eq!(db.config.get("disk"), Some(json(r#""ssd""#)));
    assert_eq!(
        db.config.text("env"),
        Some(r#"{"z":1,"a":"$brooklyn:config(\"currency\")"}"#),
        "in the order written"
    );
    assert_eq!(db.sensors.get("url"), Some(json(r#""jdbc:x""#)));
    assert_eq!(
        web.config.text("port"),
        Some(r#""$brooklyn:entity(\"e1\").config(\"port\")""#)
    );
    assert_eq!((kid.id.as_str(), &kid.parent), ("e3", &Some(id("e2"))));
    let [high, propagator] = web.adjuncts.as_slice() else {
        panic!("{web:?}")
    };
    assert_eq!(
        (high.id.as_str(), high.name.as_str(), high.kind, high.is_running),
        ("high", "Threshold", AdjunctKind::Policy, true)
    );
    assert_eq!(high.config.text("of"), Some(r#""$brooklyn:entity(\"e3\")""#));
    assert_eq!(
        (propagator.name.as_str(), propagator.kind),
        ("Propagator", AdjunctKind::Enricher)
    );
    let [localhost] = plan.locations() else {
        panic!("{:?}", plan.locations())
    };
    assert_eq!(
        (shop.locations.as_slice(), &shop.locations),
        (&[localhost.id.clone()][..], &web.locations)
    );
    assert_eq!(
        localhost.location_type,
        "org.apache.brooklyn.location.localhost.LocalhostMachineProvisioningLocation"
    );
}

#[test]
fn a_single_service_that_is_an_application_becomes_the_application() {
    let text = format!(
        "name: outer\nlocation: localhost\nbrooklyn.config: {{a: 1, b: 1}}\nbrooklyn.tags: [t]\nservices:\n- type: {APPLICATION}\n  name: inner\n  id: \
         app\n  brooklyn.config: {{b: 2}}\n  brooklyn.children:\n  - type: {BASIC}\n    brooklyn.config: {{up: $brooklyn:component(app)}}"
    );
    let plan = plan(&text).expect("it can be made");
    let [app, kid] = plan.entities() else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (app.name.as_str(), &app.parent, app.locations.len()),
        ("outer", &None, 1)
    );
    assert_eq!(
        (app.config.text("a"), app.config.text("b")),
        (Some("1"), Some("2"))
    );
    assert_eq!(app.config.get("brooklyn.wrapper_app"), None);
    assert_eq!(
        (app.tags.len(), app.blueprint.as_deref()),
        (1, Some(text.as_str()))
    );
    assert_eq!(kid.config.text("up"), Some(r#""$brooklyn:entity(\"e0\")""#));

    let two = format!("services:\n- type: {APPLICATION}\n- type: {BASIC}");
    assert_eq!(super_types(&two), [APPLICATION, APPLICATION, BASIC]);
    assert_eq!(
        super_types(&format!("services: [{{type: {BASIC}}}]")),
        [APPLICATION, BASIC]
    );
}

#[test]
fn services_can_be_made_below_an_entity_that_is_there() {
    let (types, adjuncts) = (types(), adjuncts());
    let mut known = Known::new(&types);
    known.adjuncts = &adjuncts;
    let text = "name: both\nbrooklyn.config: { currency: EUR }\nservices:\n- { type: Server, name: A, brooklyn.children: [ { type: Server } ] }\n- { type: Server, name: B }";
    let blueprint = Blueprint::parse(text).expect("it can be read");
    let mut ids = (0..).map(|n| id(&format!("e{n}")));
    let plan = blueprint.plan_below(&id("there"), &known, 1000, || {
        ids.next().expect("numbers do not end")
    });
    let plan = plan.expect("its types are known");
    let made = plan.entities().iter().map(|e| {
        let parent = e.parent.as_ref().expect("none is an application");
        let currency = e.config.text("currency").unwrap_or("none");
        format!("{} below {parent}: {}, {currency}", e.id, e.name)
    });
    assert_eq!(
        made.collect::<Vec<_>>(),
        [
            "e0 below there: A, \"EUR\"",
            "e1 below e0: Server:e1, none",
            "e2 below there: B, \"EUR\"",
        ]
    );
}

fn super_types(text: &str) -> Vec<String> {
    let plan = plan(text).expect("it can be made");
    plan.entities().iter().map(|e| e.entity_type.clone()).collect()
}

#[test]
fn what_is_not_known_is_refused_with_what_is() {
    const KNOWN: &str = "Server, org.apache.brooklyn.entity.stock.BasicApplication, org.apache.brooklyn.entity.stock.BasicEntity, \
         org.apache.brooklyn.entity.stock.BasicStartable";
    refused(
        "services: [{type: no.such}]",
        &format!("line 1, `services[0].type`: unknown type 'no.such': known are {KNOWN}"),
    );
    refused(
        &format!("services:\n- type: {APPLICATION}\n  brooklyn.children:\n  - type: Server\n  - type: x"),
        &format!("line 5, `services[0].brooklyn.children[1].type`: unknown type 'x': known are {KNOWN}"),
    );
    refused(
        "services:\n- type: Server\n  brooklyn.policies:\n  - type: a.b.Propagator",
        "line 4, `services[0].brooklyn.policies.type`: unknown type 'a.b.Propagator': known are Threshold",
    );
    refused(
        "services:\n- type: Server\n  brooklyn.initializers:\n  - type: Ssh",
        "line 4, `services[0].brooklyn.initializers.type`: unknown type 'Ssh': known are org.apache.brooklyn.core.sensor.StaticSensor",
    );
    refused(
        "location: jclouds:aws-ec2\nservices: [{type: Server}]",
        "line 1, `location`: unknown location 'jclouds:aws-ec2': known are byon, localhost",
    );
}

#[test]
fn config_of_the_wrong_type_is_refused_with_the_right_one() {
    refused(
        "services:\n- type: Server\n  brooklyn.config:\n    other: x\n    port: high",
        "line 5, `services[0].brooklyn.config.port`: must be a whole number, and is \"high\"",
    );
    refused(
        "services:\n- type: Server\n  brooklyn.config: {env: [1]}",
        "line 3, `services[0].brooklyn.config.env`: must be a map, and is [1]",
    );
    refused(
        "services:\n- type: Server\n  brooklyn.parameters: [{name: size, type: integer}]\n  brooklyn.config: {size: 1.5}",
        "line 4, `services[0].brooklyn.config.size`: must be a whole number, and is 1.5",
    );
    refused(
        "services:\n- type: Server\n  brooklyn.parameters: [{name: size, type: integer, default: big}]",
        "line 3, `services[0].brooklyn.parameters.size`: must be a whole number, and is \"big\"",
    );
    refused(
        "services:\n- type: Server\n  brooklyn.policies:\n  - type: Threshold\n    brooklyn.config: {above: all}",
        "line 5, `services[0].brooklyn.policies.brooklyn.config.above`: must be a number, and is \"all\"",
    );
    refused(
        "services:\n- type: Server\n  brooklyn.policies:\n  - {type: Threshold, id: a}\n  - {type: Threshold, id: a}",
        "line 5, `services[0].brooklyn.policies`: the id `a` is taken by another adjunct of this entity",
    );
    refused(
        "services:\n- type: Server\n  brooklyn.policies: [{type: Threshold, id: High-1}]",
        "line 3, `services[0].brooklyn.policies.id`: invalid adjunct id 'High-1': use 1 to 63 of a-z 0-9",
    );
    // What an expression will be is not known yet, and what is nothing is never wrong.
    assert!(
        plan("services:\n- type: Server\n  brooklyn.config: {port: $brooklyn:config(x), env: null}").is_ok()
    );
}

#[test]
fn a_sensor_that_is_made_with_its_entity_has_a_name_and_a_known_value() {
    let of = |config: &str| {
        format!(
            "services:\n- type: Server\n  brooklyn.initializers:\n  - type: static-sensor\n    brooklyn.config: {config}"
        )
    };
    refused(
        &of("{static.value: 1}"),
        "line 4, `services[0].brooklyn.initializers.brooklyn.config.name`: must be the name of a sensor",
    );
    for value in ["{name: a}", "{name: a, static.value: $brooklyn:config(x)}"] {
        refused(
            &of(value),
            "line 4, `services[0].brooklyn.initializers.brooklyn.config.static.value`: must be a value that is known now",
        );
    }
}

#[test]
fn an_application_is_made_by_one_entry_or_not_at_all() {
    let plan = plan(SHOP).expect("it can be made");
    let mut leader = Leader::default();
    assert_eq!(leader.make(|draft| plan.stage(draft)), Ok(()));
    assert_eq!(leader.journal.len(), 1);
    let state = replay(&leader.journal);
    assert_eq!(state, leader.state);
    assert_eq!((state.entity_count(), state.skipped()), (4, 0));
    assert_eq!(state.children(&id("e0")), [id("e1"), id("e2")]);
    let kept = |entity: &EntityId| state.entity(entity).and_then(Result::ok);
    for planned in plan.entities() {
        let mut kept = kept(&planned.id).expect("it is there");
        kept.children.clear();
        assert_eq!(kept, *planned);
    }
    assert_eq!(state.locations().count(), 1);
    assert_eq!(
        leader.make(|draft| plan.stage(draft)),
        Err(Refusal::EntityExists(id("e0")))
    );
    assert_eq!(leader.state, state);
    assert_ne!(state, State::default());
}
