//! What happens to entities, told step by step.

mod common;

use bytes::Bytes;
use common::{Leader, entity, id, json, replay, shop, through_parts};
use ha_rebind::{
    Adjunct, AdjunctId, AdjunctKind, Applied, Batch, Change, ClientKey, Draft, Evaluated, KEY_LIFE, Level,
    Lifecycle, Location, LocationId, Refusal, Relation, SERVICE_STATE, State, Unreadable, Values,
};

fn deployed() -> Leader {
    let mut leader = Leader::default();
    leader
        .make(|draft| draft.create(&shop()))
        .expect("a good application");
    leader
}

#[test]
fn an_application_is_deployed_in_one_batch_and_found_in_its_order() {
    let leader = deployed();
    assert_eq!(leader.journal.len(), 1, "one entry: all or nothing");
    let state = &leader.state;
    assert_eq!(state.applications().collect::<Vec<_>>(), [&id("shop")]);
    assert_eq!(state.children(&id("shop")), [id("web"), id("db")]);
    assert_eq!(
        state.descendants(&id("shop")),
        [id("shop"), id("web"), id("db"), id("cache")]
    );
    assert_eq!(state.application(&id("cache")), Some(&id("shop")));
    let web = state.entity(&id("web")).unwrap().unwrap();
    assert_eq!((web.parent, web.children), (Some(id("shop")), vec![id("cache")]));
}

#[test]
fn an_entity_comes_back_with_all_that_it_has() {
    let mut leader = deployed();
    let place = Location {
        id: LocationId::new("loc1").unwrap(),
        name: "here".into(),
        spec: "localhost".into(),
        location_type: "LocalhostMachine".into(),
        parent: None,
        config: Values::from_iter([("user", json("\"me\""))]),
    };
    let policy = Adjunct {
        id: AdjunctId::new("pol1").unwrap(),
        kind: AdjunctKind::Policy,
        adjunct_type: "ServiceRestarter".into(),
        name: "restart it".into(),
        catalog_item: Some("restarter:1.0".into()),
        is_running: true,
        config: Values::from_iter([("failOnRecurringFailuresInThisDuration", json("180000"))]),
        highlights: Values::from_iter([(
            "triggers",
            json(r#"{"description":"Listening","time":0,"taskId":null}"#),
        )]),
    };
    let edited = leader.make(|draft| {
        draft.put_location(&place)?;
        draft.edit(&id("web"), |web| {
            web.name = "Web of the shop".into();
            web.catalog_item = Some("web:1.1.0".into());
            web.created_ms = 1_466_414_301_065;
            web.config.set("launch.command", &json("\"./start.sh\""));
            web.tags = vec![json(r#"{"kind":"yaml_spec","contents":"name: web"}"#)];
            web.locations = vec![place.id.clone()];
            web.relations = vec![Relation {
                name: "uses".into(),
                target: id("db"),
            }];
            web.adjuncts = vec![policy.clone()];
            web.blueprint = Some("name: web".into());
        })?;
        draft.set_sensor(&id("web"), SERVICE_STATE, &json("\"RUNNING\""))
    });
    edited.unwrap();
    for state in [replay(&leader.journal), through_parts(&leader.state)] {
        let web = state.entity(&id("web")).unwrap().unwrap();
        assert_eq!(web, leader.state.entity(&id("web")).unwrap().unwrap());
        assert_eq!(
            (web.name.as_str(), web.lifecycle()),
            ("Web of the shop", Some(Lifecycle::Running))
        );
        assert_eq!(web.adjunct(&policy.id), Some(&policy));
        assert_eq!(web.relations[0].target, id("db"));
        assert_eq!(state.location(&place.id).unwrap().unwrap(), place);
    }
}

#[test]
fn config_is_inherited_from_the_nearest_ancestor_that_has_it() {
    let mut leader = deployed();
    let set = |name: &'static str, value: &'static str| {
        move |draft: &mut Draft<'_>| draft.edit(&id(name), |e| _ = e.config.set("size", &json(value)))
    };
    leader.make(set("shop", "1")).unwrap();
    assert_eq!(leader.state.config(&id("cache"), "size"), Some(json("1")));
    leader.make(set("web", "2")).unwrap();
    assert_eq!(leader.state.config(&id("cache"), "size"), Some(json("2")));
    assert_eq!(leader.state.config(&id("db"), "size"), Some(json("1")));
    assert_eq!(leader.state.config(&id("db"), "colour"), None);
}

#[test]
fn a_sensor_that_was_removed_stays_away() {
    let mut leader = deployed();
    leader
        .make(|draft| draft.set_sensor(&id("web"), "my.sensor", &json("42")))
        .unwrap();
    assert_eq!(leader.state.sensor(&id("web"), "my.sensor"), Some(json("42")));
    leader
        .make(|draft| draft.remove_sensor(&id("web"), "my.sensor"))
        .unwrap();
    for state in [replay(&leader.journal), through_parts(&leader.state)] {
        assert_eq!(state.sensor(&id("web"), "my.sensor"), None);
    }
}

#[test]
fn what_changes_nothing_is_no_entry() {
    let mut leader = deployed();
    leader
        .make(|draft| draft.set_sensor(&id("web"), "a", &json("1")))
        .unwrap();
    let entries = leader.journal.len();
    leader
        .make(|draft| draft.set_sensor(&id("web"), "a", &json("1")))
        .unwrap();
    leader
        .make(|draft| draft.remove_sensor(&id("web"), "none"))
        .unwrap();
    leader.make(|draft| draft.edit(&id("web"), |_| ())).unwrap();
    assert_eq!(leader.journal.len(), entries);
}

#[test]
fn an_entity_is_expunged_with_all_below_it_and_its_siblings_stay_in_order() {
    let mut leader = deployed();
    leader
        .make(|draft| draft.create(&[entity("queue", Some("shop"))]))
        .unwrap();
    leader.make(|draft| draft.expunge(&id("web"))).unwrap();
    assert!(!leader.state.contains(&id("web")) && !leader.state.contains(&id("cache")));
    assert_eq!(leader.state.children(&id("shop")), [id("db"), id("queue")]);
    leader.make(|draft| draft.expunge(&id("shop"))).unwrap();
    assert_eq!(
        (leader.state.entity_count(), leader.state.applications().count()),
        (0, 0)
    );
    assert_eq!(leader.state.skipped(), 0);
}

#[test]
fn what_does_not_fit_together_is_refused_and_nothing_of_it_is_made() {
    let mut leader = deployed();
    let before = leader.state.clone();
    let child_of = |name: &str, parent: &str| entity(name, Some(parent));
    let with = |edit: fn(&mut ha_rebind::Entity)| {
        let mut new = child_of("new", "shop");
        edit(&mut new);
        new
    };
    let cases = [
        (vec![entity("shop", None)], "id already exists: `shop`"),
        (
            vec![entity("twice", None), entity("twice", None)],
            "id already exists: `twice`",
        ),
        (
            vec![child_of("a", "nobody")],
            "the parent `nobody` of entity `a` not found",
        ),
        (
            vec![child_of("a", "b"), child_of("b", "a")],
            "entity `a` is its own ancestor",
        ),
        (vec![child_of("a", "a")], "entity `a` is its own ancestor"),
        (
            vec![with(|e| e.locations = vec![LocationId::new("mars").unwrap()])],
            "the location `mars` of entity `new` not found",
        ),
        (
            vec![with(|e| {
                e.relations = vec![Relation {
                    name: "uses".into(),
                    target: id("ghost"),
                }]
            })],
            "entity `new` is related to `ghost`, which is not found",
        ),
    ];
    for (entities, why) in cases {
        let fine = entity("fine", None);
        let refused = leader.make(|draft| draft.create(&[fine]).and_then(|()| draft.create(&entities)));
        assert_eq!(refused.unwrap_err().to_string(), why);
        assert!(leader.state == before, "{why}: nothing was made");
    }
    let nobody = id("nobody");
    assert_eq!(
        leader.make(|draft| draft.set_sensor(&nobody, "a", &json("1"))),
        Err(Refusal::UnknownEntity(nobody.clone()))
    );
    assert_eq!(
        leader.make(|draft| draft.expunge(&nobody)),
        Err(Refusal::UnknownEntity(nobody.clone()))
    );
}

#[test]
fn entities_may_be_told_in_any_order() {
    let mut leader = Leader::default();
    let mut reversed = shop();
    reversed.reverse();
    leader.make(|draft| draft.create(&reversed)).unwrap();
    assert_eq!(leader.state.children(&id("shop")), [id("db"), id("web")]);
    assert_eq!(leader.state.children(&id("web")), [id("cache")]);
}

#[test]
fn of_two_writers_of_one_id_in_one_batch_one_is_refused() {
    let mut leader = Leader::default();
    let first = leader.stage(|draft| draft.create(&[entity("abcdefghij", None)]));
    let second = leader.evaluate(None, |draft| {
        draft.create(&[entity("abcdefghij", None)]).map(|()| Bytes::new())
    });
    let exists = Err(Refusal::EntityExists(id("abcdefghij")));
    assert_eq!(
        second,
        Evaluated::Read {
            saw: first.unwrap(),
            answer: exists
        },
        "it saw the first, not yet durable"
    );
    leader.commit();
    assert_eq!(leader.state.entity_count(), 1);
}

#[test]
fn what_was_staged_upon_a_lost_batch_is_void_on_every_node() {
    let mut leader = deployed();
    let first = leader
        .stage(|draft| draft.set_sensor(&id("db"), "a", &json("1")))
        .unwrap()
        .unwrap();
    let lost = leader
        .stage(|draft| draft.create(&[entity("app", None)]))
        .unwrap()
        .unwrap();
    let upon = leader
        .stage(|draft| draft.create(&[entity("child", Some("app"))]))
        .unwrap()
        .unwrap();
    let waiting = leader.take_waiting();
    assert_eq!(leader.staging.lost(&leader.state, lost), [lost, upon]);
    // The one before it is still on its way, and a new one is evaluated upon that.
    let new = leader
        .stage(|draft| draft.create(&[entity("app", None)]))
        .unwrap()
        .unwrap();
    assert_eq!(leader.apply(&waiting[0].1), Applied::Done(first));
    assert_eq!(leader.apply(&waiting[2].1), Applied::Void);
    assert!(!leader.state.contains(&id("child")));
    let (number, batch) = leader.take_waiting().remove(0);
    assert_eq!((number, leader.apply(&batch)), (new, Applied::Done(new)));
    assert_eq!(
        leader.apply(&waiting[1].1),
        Applied::Void,
        "also when it comes after all"
    );
    assert_eq!(leader.state.skipped(), 0);
    assert!(replay(&leader.journal) == leader.state);
}

#[test]
fn a_client_that_asks_again_gets_the_first_answer() {
    let mut leader = Leader::default();
    let key = ClientKey {
        key: "k-1",
        fingerprint: [1; 32],
    };
    let deploy = |answer: &'static str| {
        move |draft: &mut Draft<'_>| {
            draft
                .create(&[entity("app", None)])
                .map(|()| Bytes::from_static(answer.as_bytes()))
        }
    };
    let first = leader.evaluate(Some(key), deploy("first"));
    let Evaluated::Staged { number, .. } = first else {
        panic!("{first:?}")
    };
    let again = Ok(Bytes::from_static(b"first"));
    assert_eq!(
        leader.evaluate(Some(key), deploy("second")),
        Evaluated::Read {
            saw: Some(number),
            answer: again.clone()
        }
    );
    leader.commit();
    // Through a failover: another node, from a snapshot.
    let mut other = Leader {
        state: through_parts(&leader.state),
        ..Leader::default()
    };
    assert_eq!(
        other.evaluate(Some(key), deploy("third")),
        Evaluated::Read {
            saw: None,
            answer: again
        }
    );
    let another = ClientKey {
        fingerprint: [2; 32],
        ..key
    };
    let refused = Err(Refusal::KeyReused("k-1".into()));
    assert_eq!(
        other.evaluate(Some(another), deploy("fourth")),
        Evaluated::Read {
            saw: None,
            answer: refused
        }
    );
}

#[test]
fn a_key_expires_by_the_planes_time() {
    let remember = |number: u64, key: &str| {
        let changes = vec![Change::Remember {
            key,
            fingerprint: [0; 32],
            answer: b"a",
        }];
        Batch {
            after: number - 1,
            number,
            changes,
        }
        .encode(Level::FIRST)
    };
    let mut state = State::default();
    state.apply(&remember(1, "old"), 1000);
    let life = KEY_LIFE.as_millis() as u64;
    state.apply(&remember(2, "young"), 1000 + life);
    assert!(state.remembered("old").is_some());
    state.apply(&remember(3, "new"), 1001 + life);
    assert!(state.remembered("old").is_none() && state.remembered("young").is_some());
}

#[test]
fn a_bad_entity_is_on_fire_and_the_others_are_as_they_were() {
    let mut leader = deployed();
    let last = leader.state.last();
    let spoil = |entity: &str, body: &'static [u8], after| Batch {
        after,
        number: after + 1,
        changes: vec![Change::SetBody {
            entity: id(entity),
            body,
        }],
    };
    leader.apply(&spoil("web", b"\xFF\xFFgarbage", last).encode(Level::FIRST).into());
    leader.apply(&spoil("db", b"\x07", last + 1).encode(Level::FIRST).into());
    for state in [leader.state.clone(), through_parts(&leader.state)] {
        let bad = state.entity(&id("web")).unwrap().unwrap_err();
        assert_eq!(
            (bad.lifecycle(), &bad.bytes[..]),
            (Lifecycle::OnFire, &b"\xFF\xFFgarbage"[..])
        );
        assert_eq!(
            (bad.parent.as_ref(), &bad.children[..]),
            (Some(&id("shop")), &[id("cache")][..])
        );
        let newer = state.entity(&id("db")).unwrap().unwrap_err();
        assert_eq!(
            newer.why,
            Unreadable::TooNew {
                found: Level(7),
                known: Level::NEWEST
            }
        );
        assert!(state.entity(&id("shop")).unwrap().is_ok() && state.entity(&id("cache")).unwrap().is_ok());
        let ids: Vec<_> = state.quarantined().into_iter().map(|q| q.id).collect();
        assert_eq!(ids, [id("db"), id("web")]);
    }
    let refused = leader
        .make(|draft| draft.set_sensor(&id("web"), "a", &json("1")))
        .unwrap_err();
    assert!(matches!(refused, Refusal::Quarantined(_)), "{refused}");
    leader
        .make(|draft| draft.expunge(&id("web")))
        .expect("it can be got rid of");
    assert!(!leader.state.contains(&id("cache")));
}

#[test]
fn a_batch_of_a_later_level_stops_a_node_from_leading_and_says_so() {
    let mut leader = deployed();
    let newer = Batch {
        after: 1,
        number: 2,
        changes: Vec::new(),
    }
    .encode(Level(3));
    assert!(matches!(
        leader.apply(&newer.into()),
        Applied::SetAside(Unreadable::TooNew { .. })
    ));
    for mut node in [
        Leader {
            state: through_parts(&leader.state),
            ..Leader::default()
        },
        leader,
    ] {
        let why = node.make(|draft| draft.expunge(&id("shop"))).unwrap_err();
        assert_eq!(
            why.to_string(),
            "this node cannot read the plane's state, which is of format level 3, and this node reads up to 2: use a newer version"
        );
    }
}

#[test]
fn a_plane_whose_level_was_raised_beyond_what_a_node_knows_is_not_led_by_it() {
    let mut leader = deployed();
    let refused = leader.make(|draft| draft.raise_level(Level(3))).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the plane's format level is 1: it cannot become 3"
    );
    let raised = Batch {
        after: 1,
        number: 2,
        changes: vec![Change::RaiseLevel { level: 3 }],
    };
    assert_eq!(
        leader.apply(&raised.encode(Level::FIRST).into()),
        Applied::Done(2)
    );
    let too_new = Unreadable::TooNew {
        found: Level(3),
        known: Level(2),
    };
    assert_eq!(through_parts(&leader.state).unreadable(), Some(too_new.clone()));
    let refused = leader.make(|draft| draft.expunge(&id("shop")));
    assert_eq!(refused, Err(Refusal::StateUnreadable(too_new)));
}

#[test]
fn a_sensor_is_set_on_its_entity_also_when_the_batch_moves_others() {
    let mut leader = Leader::default();
    leader
        .make(|draft| draft.create(&[entity("a", None), entity("b", None), entity("c", None)]))
        .unwrap();
    let made = leader.make(|draft| {
        draft.expunge(&id("a"))?;
        draft.create(&[entity("d", None)])?;
        draft.set_sensor(&id("c"), "s", &json("1"))?;
        draft.set_sensor(&id("b"), "s", &json("2"))
    });
    made.unwrap();
    let sensor = |name: &str| leader.state.sensor(&id(name), "s");
    assert_eq!(
        (sensor("b"), sensor("c"), sensor("d")),
        (Some(json("2")), Some(json("1")), None)
    );
}
