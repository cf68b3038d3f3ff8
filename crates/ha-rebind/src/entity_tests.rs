//! What is checked of a stored entity, beside what is read.

use super::*;

fn entity() -> Entity {
    let values = |name: &str| Values::from_iter([(name, Json::string("a value"))]);
    let mut entity = Entity::new(EntityId::new("e1").unwrap(), "a.Type", "a name");
    entity.config = values("key");
    entity.sensors = values("sensor");
    entity.tags = vec![Json::string("tag")];
    entity.adjuncts = vec![Adjunct {
        id: AdjunctId::new("p1").unwrap(),
        kind: AdjunctKind::Feed,
        adjunct_type: "a.Feed".into(),
        name: "a feed".into(),
        catalog_item: None,
        is_running: true,
        config: values("period"),
        highlights: values("last"),
    }];
    entity
}

#[test]
fn what_is_checked_is_refused_for_the_same_reason_as_what_is_read() {
    let whole = entity();
    let body = Bytes::from(whole.body(Level::NEWEST));
    let (mut refused, mut taken) = (0, 0);
    for at in 0..body.len() {
        for bit in 0..8 {
            let mut damaged = body.to_vec();
            damaged[at] ^= 1 << bit;
            let damaged = Bytes::from(damaged);
            let read = Entity::read(whole.id.clone(), &damaged, &whole.sensors).map(drop);
            assert_eq!(
                Entity::check(&damaged, &whole.sensors),
                read,
                "bit {bit} of byte {at}"
            );
            *(if read.is_err() { &mut refused } else { &mut taken }) += 1;
        }
        let cut = body.slice(..at);
        assert!(Entity::check(&cut, &whole.sensors).is_err(), "cut off at {at}");
    }
    assert!(refused > 100 && taken > 100, "{refused} refused, {taken} taken");
    let bad = Values::unchecked(Bytes::from_static(&[9, 9]));
    let read = Entity::read(whole.id.clone(), &body, &bad).map(drop);
    assert!(read.is_err() && Entity::check(&body, &bad) == read);
}
