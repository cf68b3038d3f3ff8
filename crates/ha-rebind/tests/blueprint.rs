//! Blueprints, as people write them.

use ha_rebind::ValueType;
use ha_rebind::blueprint::{Blueprint, Expression, Target, Value};
use proptest::prelude::*;

const SHOP: &str = r#"
name: shop
description: sells
location: localhost
brooklyn.config:
  currency: EUR
brooklyn.tags: [ sells, { since: 2026 } ]
services:
- type: org.apache.brooklyn.entity.stock.BasicStartable
  id: db
  name: Database
  brooklyn.parameters:
  - name: size
    type: integer
    default: 3
    description: in GiB
  brooklyn.config:
    ports: [ 5432, 5433 ]
    nested: { b: { a: null }, a: 1 }
  brooklyn.initializers:
  - type: static-sensor
    brooklyn.config: { name: url, static.value: "jdbc:x" }
- type: org.apache.brooklyn.entity.stock.BasicEntity
  name: 7
  locations:
  - byon:
      hosts: [ "10.0.0.1" ]
  brooklyn.config:
    url: $brooklyn:component("db").attributeWhenReady("url")
    text:
      $brooklyn:formatString: [ "%s of %s", { $brooklyn:config: currency }, $brooklyn:parent() ]
  brooklyn.policies:
  - type: Threshold
    id: high
    brooklyn.config: { sensor: load, above: 0.9 }
  brooklyn.enrichers:
  - type: Propagator
  brooklyn.children:
  - type: org.apache.brooklyn.entity.stock.BasicEntity
    id: kid
"#;

#[test]
fn a_blueprint_says_what_is_to_be_made() {
    let shop = Blueprint::parse(SHOP).expect("it is right");
    assert_eq!((shop.name.as_deref(), shop.text.as_str()), (Some("shop"), SHOP));
    assert_eq!(shop.locations[0].spec, "localhost");
    assert_eq!(shop.tags[1].to_json().as_str(), r#"{"since":2026}"#);
    let [db, web] = shop.services.as_slice() else {
        panic!("{shop:?}")
    };
    assert_eq!(
        (db.line, db.id.as_deref(), db.name.as_deref()),
        (9, Some("db"), Some("Database"))
    );
    let size = &db.parameters[0];
    assert_eq!((size.line, size.value_type), (13, ValueType::Integer));
    assert_eq!(size.default, Some(Value::Number(3.into())));
    assert_eq!(
        (db.config[1].line, db.config[1].value.to_json().as_str()),
        (19, r#"{"b":{"a":null},"a":1}"#),
        "in the order written"
    );
    assert_eq!(db.initializers[0].part_type, "static-sensor");
    assert_eq!(web.name.as_deref(), Some("7"), "a name may look like a number");
    assert_eq!(web.locations[0].spec, "byon");
    assert_eq!(web.policies[0].id.as_deref(), Some("high"));
    assert_eq!(web.enrichers[0].part_type, "Propagator");
    let url = Expression::AttributeWhenReady {
        of: Target::Component("db".into()),
        sensor: "url".into(),
    };
    assert_eq!(web.config[0].value, Value::Expression(url));
    assert_eq!(
        web.config[1].value.to_json().value(),
        r#"$brooklyn:formatString("%s of %s", $brooklyn:config("currency"), $brooklyn:parent())"#
    );
    let ids: Vec<_> = shop.entities().map(|entity| entity.id.as_deref()).collect();
    assert_eq!(ids, [Some("db"), None, Some("kid")], "each before those below it");
}

#[test]
fn json_is_a_blueprint_too() {
    let text = "{\n\t\"name\": \"x\",\n\t\"services\": [\n\t\t{\"type\": \"a\", \"brooklyn.config\": {\"a\": true}}]}";
    let blueprint = Blueprint::parse(text).expect("it is right");
    let setting = &blueprint.services[0].config[0];
    assert_eq!(
        (setting.line, setting.key.as_str(), &setting.value),
        (4, "a", &Value::Bool(true))
    );
}

#[test]
fn what_brooklyns_tools_send_is_read() {
    for text in [
        "\u{feff}services: [{type: a}]",
        "%YAML 1.2\n---\nservices: [{type: a}]\n...\n",
        "services:\r\n- type: a\r\n  name: b\r\n",
        "# a comment\nservices:\n- type: a # another\n  brooklyn.config:\n",
        "services: [&x {type: a}, *x]",
    ] {
        let blueprint = Blueprint::parse(text);
        assert_eq!(
            blueprint.map(|b| b.services[0].entity_type.clone()),
            Ok("a".into()),
            "{text:?}"
        );
    }
}

#[test]
fn what_looks_like_a_number_of_another_age_is_a_text() {
    let text =
        "services: [{type: a, brooklyn.config: {zip: 01067, no: no, on: on, big: 1_000, day: 2026-01-01}}]";
    let blueprint = Blueprint::parse(text).expect("it is right");
    for setting in &blueprint.services[0].config {
        assert!(matches!(setting.value, Value::Text(_)), "{setting:?}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z.]{0,8}",
        "\\PC{0,12}",
        Just("a\"b\\,)(%".to_owned()),
        Just("$brooklyn:x".to_owned())
    ]
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::Itself),
        Just(Target::Parent),
        Just(Target::Root),
        text().prop_map(Target::Component),
        text().prop_map(Target::Entity)
    ]
}

fn expression() -> impl Strategy<Value = Expression> {
    let simple = prop_oneof![
        target().prop_map(Expression::Entity),
        (target(), text()).prop_map(|(of, key)| Expression::Config { of, key }),
        (target(), text()).prop_map(|(of, sensor)| Expression::AttributeWhenReady { of, sensor }),
        text().prop_map(Expression::Literal),
    ];
    simple.prop_recursive(3, 12, 3, |inner| {
        let argument = prop_oneof![
            inner.clone().prop_map(Value::Expression),
            inner.prop_map(|inner| Value::List(vec![Value::Expression(inner)])),
            "[a-z%\" ]{0,8}".prop_map(Value::Text),
            any::<i64>().prop_map(|n| Value::Number(n.into())),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
        ];
        prop::collection::vec(argument, 0..3).prop_map(|arguments| Expression::FormatString {
            pattern: "%s %%".repeat(arguments.len()),
            arguments,
        })
    })
}

proptest! {
    #[test]
    fn an_expression_is_read_from_what_it_is_written_as(expression in expression()) {
        let written = expression.to_string();
        prop_assert_eq!(Expression::parse(&written), Ok(expression.clone()));
        let json = Value::Expression(expression.clone()).to_json();
        prop_assert_eq!(Value::from_json(&json.value()), Ok(Value::Expression(expression)));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", at in 0..SHOP.len(), put in "[\\PC\n]{0,3}") {
        let _ = Blueprint::parse(&text);
        let _ = Expression::parse(&format!("$brooklyn:{text}"));
        if SHOP.is_char_boundary(at) {
            let mended = format!("{}{put}{}", &SHOP[..at], &SHOP[at..]);
            let _ = Blueprint::parse(&mended);
            let _ = Blueprint::parse(&SHOP[..at]);
        }
    }
}
