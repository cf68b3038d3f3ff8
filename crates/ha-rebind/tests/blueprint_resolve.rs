//! What expressions in config stand for.

mod common;

use common::{Leader, Server, id, json};
use ha_rebind::blueprint::{Blueprint, Known, Resolved, Resolver};
use ha_rebind::{Change, ConfigKey, EntityTypes, TypeDescription, ValueType};

fn types() -> EntityTypes {
    let mut types = EntityTypes::built_in();
    let port = ConfigKey {
        name: "port".into(),
        value_type: ValueType::Integer,
        description: String::new(),
        default: Some(json("80")),
    };
    let server = TypeDescription {
        name: "Server".into(),
        config: vec![port],
        ..TypeDescription::default()
    };
    types.register(Server(server)).expect("it is new");
    types
}

const SHOP: &str = r#"
name: shop
brooklyn.config:
  currency: EUR
  price: { $brooklyn:formatString: [ "%s %s 100%%", 5, $brooklyn:config("currency") ] }
  mine: $brooklyn:self()
services:
- type: Server
  id: db
  brooklyn.config: { currency: USD }
- type: Server
  id: web
  brooklyn.config:
    url: $brooklyn:formatString("http://%s:%s/", $brooklyn:component("db").attributeWhenReady("host"), $brooklyn:entity("db").config("port"))
    all: [ $brooklyn:literal("$brooklyn:x"), { up: $brooklyn:parent().config("currency"), top: $brooklyn:root() }, 1.0, $brooklyn:config("none") ]
    plain: { z: 1.0, a: [] }
  brooklyn.children:
  - type: Server
    brooklyn.config: { above: $brooklyn:parent().config("all") }
"#;

/// The shop with its entities e0 (itself), e1 (the database), e2 (the web server) and e3 (its child).
fn shop() -> Leader {
    deploy(SHOP)
}

fn deploy(text: &str) -> Leader {
    let (types, mut ids) = (types(), (0..).map(|n| id(&format!("e{n}"))));
    let blueprint = Blueprint::parse(text).expect("it is right");
    let plan = blueprint.plan(&Known::new(&types), 0, || ids.next().expect("numbers do not end"));
    let plan = plan.expect("it can be made");
    let mut leader = Leader::default();
    leader.make(|draft| plan.stage(draft)).expect("nothing is there");
    leader
}

fn resolved(leader: &Leader, entity: &str, key: &str) -> Result<Option<Resolved>, String> {
    let types = types();
    let resolver = Resolver::new(&leader.state, &types);
    resolver
        .config(&id(entity), key)
        .map_err(|error| error.to_string())
}

#[track_caller]
fn is(leader: &Leader, entity: &str, key: &str, value: &str) {
    assert_eq!(
        resolved(leader, entity, key),
        Ok(Some(Resolved::Value(json(value))))
    );
}

fn set(leader: &mut Leader, entity: &str, key: &str, value: &str) {
    let edit = |entity: &mut ha_rebind::Entity| {
        entity.config.set(key, &json(value));
    };
    leader
        .make(|draft| draft.edit(&id(entity), edit))
        .expect("it is there");
}

#[test]
fn config_is_ones_own_or_inherited_or_the_types_default() {
    let shop = shop();
    is(&shop, "e1", "currency", r#""USD""#);
    is(&shop, "e3", "currency", r#""EUR""#);
    is(&shop, "e1", "port", "80");
    is(&shop, "e2", "plain", r#"{"z":1.0,"a":[]}"#);
    assert_eq!(
        resolved(&shop, "e0", "port"),
        Ok(None),
        "an application has no port"
    );
}

#[test]
fn an_expression_that_is_inherited_means_what_is_around_its_owner() {
    let shop = shop();
    is(&shop, "e1", "price", r#""5 EUR 100%""#);
    is(
        &shop,
        "e1",
        "mine",
        r#"{"id":"e0","type":"org.apache.brooklyn.api.entity.Entity"}"#,
    );
}

#[test]
fn values_are_resolved_wherever_they_lie() {
    let shop = shop();
    let all = r#"["$brooklyn:x",{"top":{"id":"e0","type":"org.apache.brooklyn.api.entity.Entity"},"up":"EUR"},1.0,null]"#;
    is(&shop, "e2", "all", all);
    is(&shop, "e3", "above", all);
}

#[test]
fn a_sensor_is_waited_for_until_it_tells_something() {
    let mut shop = shop();
    let waits = Ok(Some(Resolved::NotReady {
        entity: id("e1"),
        sensor: "host".into(),
    }));
    assert_eq!(resolved(&shop, "e2", "url"), waits);
    for nothing in ["null", "false", "0", "0.0", "\"\"", "[]", "{}"] {
        let told = shop.make(|draft| draft.set_sensor(&id("e1"), "host", &json(nothing)));
        assert_eq!(
            (told, resolved(&shop, "e2", "url")),
            (Ok(()), waits.clone()),
            "{nothing}"
        );
    }
    let told = shop.make(|draft| draft.set_sensor(&id("e1"), "host", &json("\"db1\"")));
    assert_eq!(told, Ok(()));
    is(&shop, "e2", "url", r#""http://db1:80/""#);
    let told = shop.make(|draft| draft.remove_sensor(&id("e1"), "host"));
    assert_eq!((told, resolved(&shop, "e2", "url")), (Ok(()), waits));
}

#[test]
fn an_entity_is_found_by_its_id_in_the_blueprint_and_only_in_its_application() {
    let mut shop = shop();
    set(
        &mut shop,
        "e3",
        "a",
        r#""$brooklyn:component(\"web\").config(\"currency\")""#,
    );
    set(
        &mut shop,
        "e3",
        "b",
        r#""$brooklyn:component(\"e1\").config(\"currency\")""#,
    );
    set(
        &mut shop,
        "e3",
        "c",
        r#""$brooklyn:entity(\"db\").config(\"currency\")""#,
    );
    is(&shop, "e3", "a", r#""EUR""#);
    is(&shop, "e3", "b", r#""USD""#);
    is(&shop, "e3", "c", r#""USD""#);
    let mut other = common::entity("other", None);
    other.config.set("camp.plan.id", &json("\"there\""));
    shop.make(|draft| draft.create(&[other])).expect("it is new");
    for named in ["there", "other", "nowhere", "NO-ID"] {
        set(
            &mut shop,
            "e3",
            "d",
            &format!(r#""$brooklyn:component(\"{named}\")""#),
        );
        let told = format!(
            "config `d` of entity `e3`: no entity of its application is its `component(\"{named}\")`"
        );
        assert_eq!(resolved(&shop, "e3", "d"), Err(told));
    }
    set(&mut shop, "e0", "d", r#""$brooklyn:parent()""#);
    let told = "config `d` of entity `e0`: no entity of its application is its `parent()`";
    assert_eq!(resolved(&shop, "e0", "d"), Err(told.into()));
}

#[test]
fn what_makes_no_sense_is_told_with_entity_and_key() {
    let mut shop = shop();
    assert_eq!(
        resolved(&shop, "nobody", "x"),
        Err("config `x` of entity `nobody`: there is no entity `nobody`".into())
    );
    set(&mut shop, "e1", "x", r#""$brooklyn:config(""#);
    let told = "config `x` of entity `e1`: `$brooklyn:config(`: an argument must stand at its character 18";
    assert_eq!(resolved(&shop, "e1", "x"), Err(told.into()));
    set(
        &mut shop,
        "e0",
        "x",
        r#""$brooklyn:component(\"db\").config(\"x\")""#,
    );
    assert_eq!(
        resolved(&shop, "e2", "x"),
        Err(told.into()),
        "whose it is, and not who asked"
    );
    set(&mut shop, "e1", "x", r#""$brooklyn:root().config(\"x\")""#);
    let told = "config `x` of entity `e0`: its value needs itself";
    assert_eq!(resolved(&shop, "e2", "x"), Err(told.into()));
}

#[test]
fn one_that_is_quarantined_has_no_config() {
    let mut shop = shop();
    let told = shop.make(|draft| draft.set_sensor(&id("e1"), "host", &json("\"db1\"")));
    assert_eq!(told, Ok(()));
    let change = Change::SetBody {
        entity: id("e1"),
        body: &[1],
    };
    let batch = ha_rebind::Batch {
        after: shop.state.last(),
        number: shop.state.last() + 1,
        changes: vec![change],
    };
    shop.apply(&batch.encode(ha_rebind::Level::FIRST).into());
    let told = resolved(&shop, "e2", "url").expect_err("its port is not known");
    assert!(
        told.starts_with("config `url` of entity `e2`: entity `e1` is quarantined"),
        "{told}"
    );
}

#[test]
fn how_deep_and_how_much_is_bounded() {
    let mut shop = shop();
    for n in 0..1_000 {
        set(
            &mut shop,
            "e0",
            &format!("a{n}"),
            &format!(r#""$brooklyn:config(\"a{}\")""#, n + 1),
        );
    }
    set(&mut shop, "e0", "a1000", "1");
    is(&shop, "e3", "a950", "1");
    let told = "config `a100` of entity `e0`: it lies more than 100 deep, with the config that it needs";
    assert_eq!(resolved(&shop, "e3", "a0"), Err(told.into()));

    let nest = |depth: usize, inner: &str| format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
    set(&mut shop, "e0", "deep", &nest(99, "1"));
    set(&mut shop, "e0", "one", r#""$brooklyn:config(\"deep\")""#);
    assert!(
        resolved(&shop, "e0", "one").is_err(),
        "a call and 99 lists and a number are 101"
    );
    set(&mut shop, "e0", "deep", &nest(98, "1"));
    is(&shop, "e0", "one", &nest(98, "1"));

    // Each text is twice the next.
    for n in 0..40 {
        let next = format!(r#"$brooklyn:config(\"b{}\")"#, n + 1);
        let twice = format!(r#""$brooklyn:formatString(\"%s%s\", {next}, {next})""#);
        set(&mut shop, "e0", &format!("b{n}"), &twice);
    }
    set(&mut shop, "e0", "b40", r#""x""#);
    is(&shop, "e0", "b35", &format!("\"{}\"", "x".repeat(32)));
    let told = resolved(&shop, "e0", "b0").expect_err("it would be a terabyte");
    assert!(told.ends_with("it takes more work than 16777216 bytes"), "{told}");
}
