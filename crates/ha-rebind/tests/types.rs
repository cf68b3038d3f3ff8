//! Types of entities: found by name, and held to what they say of themselves.

mod common;

use std::sync::Arc;

use common::{entity, json};
use ha_core::{NodeId, Plane};
use ha_rebind::{
    BasicStartable, ConfigKey, Effector, EntityTypes, Invocation, Json, Lifecycle, Parameter, SERVICE_IS_UP,
    TaskId, TypeDescription, ValueType, Values,
};

const STARTABLE: &str = "org.apache.brooklyn.entity.stock.BasicStartable";

fn resize() -> Effector {
    let parameter = |name: &str, value_type, default: Option<Json>| Parameter {
        name: name.into(),
        value_type,
        description: String::new(),
        default,
    };
    Effector {
        name: "resize".into(),
        description: String::new(),
        is_idempotent: true,
        parameters: vec![
            parameter("desiredSize", ValueType::Integer, None),
            parameter("force", ValueType::Boolean, Some(json("false"))),
        ],
        returns: None,
    }
}

#[test]
fn an_unknown_type_names_those_that_are_known() {
    let mut types = EntityTypes::built_in();
    assert!(types.find(STARTABLE).is_ok());
    let why = types
        .find("BasicStartable")
        .err()
        .expect("not its whole name")
        .to_string();
    assert!(
        why.starts_with("unknown type 'BasicStartable': known are org.apache.brooklyn.entity.stock.BasicA"),
        "{why}"
    );
    let twice = types.register(BasicStartable::new()).unwrap_err();
    assert_eq!(
        twice.to_string(),
        format!("there is a type '{STARTABLE}' already: register it under another name")
    );
}

#[test]
fn arguments_are_those_given_and_the_defaults_of_the_others() {
    let given = Values::from_iter([("desiredSize", json("3"))]);
    let all = resize().arguments(&given).unwrap();
    assert_eq!(
        all.iter().collect::<Vec<_>>(),
        [("desiredSize", "3"), ("force", "false")]
    );
}

#[test]
fn arguments_that_are_unknown_missing_or_of_another_type_are_refused_by_name() {
    let with = |name: &'static str, value: &str| {
        Values::from_iter([("desiredSize", json("3")), (name, json(value))])
    };
    let cases = [
        (
            with("size", "3"),
            "effector 'resize' has no parameter 'size': known are desiredSize, force",
        ),
        (
            Values::default(),
            "effector 'resize' needs the parameter 'desiredSize'",
        ),
        (
            with("force", "\"yes\""),
            "'force' must be true or false, and is \"yes\"",
        ),
        (
            with("desiredSize", "3.5"),
            "'desiredSize' must be a whole number, and is 3.5",
        ),
    ];
    for (given, why) in cases {
        assert_eq!(resize().arguments(&given).unwrap_err().to_string(), why);
    }
}

#[test]
fn config_of_another_type_is_refused_and_of_unknown_keys_is_not() {
    let size = ConfigKey {
        name: "size".into(),
        value_type: ValueType::Integer,
        description: String::new(),
        default: None,
    };
    let description = TypeDescription {
        config: vec![size],
        ..TypeDescription::default()
    };
    let with = |name: &'static str, value: &str| Values::from_iter([(name, json(value))]);
    assert_eq!(description.check_config(&with("size", "2")), Ok(()));
    assert_eq!(description.check_config(&with("size", "null")), Ok(()));
    assert_eq!(description.check_config(&with("other", "\"x\"")), Ok(()));
    let why = description.check_config(&with("size", "\"two\"")).unwrap_err();
    assert_eq!(why.to_string(), "'size' must be a whole number, and is \"two\"");
}

#[tokio::test]
async fn a_basic_startable_is_started_and_stopped_by_who_may_act() {
    let plane = Plane::builder(
        NodeId::new("n1").unwrap(),
        Arc::new(ha_store::MemoryStore::default()),
    )
    .start()
    .unwrap();
    let permit = plane
        .leadership()
        .await
        .unwrap()
        .wait_for_act_permit()
        .await
        .expect("nobody else acts");
    let types = EntityTypes::built_in();
    let startable = types.find(STARTABLE).unwrap();
    let (mut web, none) = (entity("web", None), Values::default());
    let task = TaskId::new("TaskTaskTa").unwrap();
    for (effector, is_up, lifecycle) in [
        ("start", "true", Lifecycle::Running),
        ("stop", "false", Lifecycle::Stopped),
        ("restart", "true", Lifecycle::Running),
    ] {
        assert!(startable.description().effector(effector).is_some());
        let effect = startable
            .invoke(&Invocation::new(&task, &web, effector, &none, 1000), &permit)
            .await
            .unwrap();
        assert_eq!(effect.sensors.text(SERVICE_IS_UP), Some(is_up));
        web.sensors = effect.sensors;
        assert_eq!(
            (web.lifecycle(), web.expected()),
            (Some(lifecycle), Some(lifecycle))
        );
    }
    assert!(
        startable
            .invoke(&Invocation::new(&task, &web, "dance", &none, 1000), &permit)
            .await
            .is_err()
    );
}
