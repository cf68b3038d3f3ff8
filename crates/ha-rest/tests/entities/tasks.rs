//! What is asked of entities: waited for, and called off.

use ha_rebind::TaskId;

use crate::common::FORM;
use crate::kitchen::{KETTLE, Plane, SOON, field, value};

#[tokio::test(flavor = "multi_thread")]
async fn an_effector_is_waited_for_as_long_as_the_client_wants() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let heat = format!("{KETTLE}/effectors/heat");
    assert_eq!(node.post(&heat, r#"{"degrees":90}"#).await.short(), (202, "90"));
    assert_eq!(
        node.post(&heat, r#"{"degrees":"91"}"#).await.short(),
        (202, "91"),
        "a text that is one"
    );
    assert_eq!(
        node.call("POST", &heat, &[FORM], "degrees=92").await.short(),
        (202, "92")
    );
    assert_eq!(
        node.get(&format!("{KETTLE}/sensors/temperature")).await.short(),
        (200, "92")
    );
    let failed = node.post(&format!("{KETTLE}/effectors/smash"), "").await;
    assert_eq!(
        (failed.status.as_u16(), field(&failed, "message")),
        (500, "it is in pieces".into())
    );
    for timeout in ["0", "always", "1ms"] {
        let path = format!("{KETTLE}/effectors/boil?timeout={timeout}");
        let boil = tokio::time::timeout(SOON, node.post(&path, "{}")).await.unwrap();
        assert_eq!(
            (boil.status.as_u16(), field(&boil, "displayName")),
            (202, "boil".into())
        );
        let task = TaskId::new(&field(&boil, "id")).unwrap();
        let has_begun = || {
            node.host
                .read(|s| s.task(&task).unwrap().unwrap().started.is_some())
        };
        node.until("it boils", has_begun).await;
        let seen = node.get(&format!("/v1/activities/{task}")).await;
        assert_eq!(
            (seen.status.as_u16(), field(&seen, "currentStatus")),
            (202, "In progress".into())
        );
    }
    plane.boiled.add_permits(4);
    let boil = node
        .post(&format!("{KETTLE}/effectors/boil?timeout=never"), "")
        .await;
    assert_eq!(boil.short(), (202, ""));
    let bad = node
        .post(&format!("{KETTLE}/effectors/boil?timeout=soon"), "")
        .await;
    assert!(field(&bad, "message").starts_with("Invalid parameter: timeout 'soon'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_called_off_and_told_of_everywhere() {
    let plane = Plane::with_kitchen().await;
    let boil = plane
        .master
        .post(&format!("{KETTLE}/effectors/boil?timeout=0"), "{}")
        .await;
    let task = format!("/v1/activities/{}", field(&boil, "id"));
    let cancel = format!("{task}/cancel");
    assert_eq!(plane.master.post(&cancel, "").await.short(), (200, "true"));
    assert_eq!(plane.master.post(&cancel, "").await.short(), (200, "false"));
    let standby = plane.standby().await;
    let ended = standby.get(&task).await;
    assert_eq!(
        (ended.status.as_u16(), field(&ended, "currentStatus")),
        (200, "Cancelled".into())
    );
    let boiled = plane.boiled.clone();
    plane
        .master
        .until("its code is broken off", || boiled.available_permits() == 0)
        .await;
    plane.boiled.add_permits(1);
    let other = plane.master.post(&format!("{KETTLE}/effectors/boil"), "{}").await;
    assert_eq!(
        other.short(),
        (202, ""),
        "the permit was not taken by the one that was called off"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_state_an_import_has_replaced_is_answered_as_unknown() {
    let plane = Plane::with_kitchen().await;
    plane.at_rest().await;
    let (host, mut archive) = (&plane.master.host, Vec::new());
    host.export(false).await.unwrap().write(&mut archive).unwrap();
    let boil = format!("{KETTLE}/effectors/boil");
    let import = async {
        let is_accepted = || host.read(|state| state.unended_tasks().len() == 1);
        plane.master.until("it is accepted", is_accepted).await;
        host.import(None, archive.into()).await.unwrap();
    };
    let (answer, ()) = tokio::join!(plane.master.post(&boil, "{}"), import);
    let outcome = (answer.status.as_u16(), answer.header("x-ha-outcome"));
    assert_eq!(
        outcome,
        (504, Some("unknown")),
        "and no 404, which says that it was not applied"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_printed_is_read_on_every_node_or_told_where_it_lies() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let heat = node
        .post(&format!("{KETTLE}/effectors/heat"), r#"{"degrees":90}"#)
        .await;
    assert_eq!(heat.status.as_u16(), 202);
    let smash = node.post(&format!("{KETTLE}/effectors/smash"), "").await;
    assert_eq!(smash.status.as_u16(), 500);
    let standby = plane.standby().await;
    for node in [node, &standby] {
        let tasks = value(&node.get(&format!("{KETTLE}/activities")).await);
        let task = |name: &str| {
            let all = tasks.as_array().unwrap();
            all.iter()
                .find(|task| task["displayName"] == name)
                .unwrap()
                .clone()
        };
        let (heat, smash) = (task("heat"), task("smash"));
        let link = heat["streams"]["stdout"]["link"].as_str().unwrap();
        assert_eq!(
            heat["streams"].as_object().unwrap().len(),
            3,
            "one name, one stream"
        );
        let printed = node.get(link).await;
        assert_eq!(printed.short(), (200, "heating to 90"));
        assert_eq!(printed.header("content-type"), Some("text/plain"));
        let long = heat["streams"]["each bubble"]["link"].as_str().unwrap();
        let last = node.get(long).await;
        assert_eq!((last.status.as_u16(), last.body.len()), (200, 16 << 20));
        let link = smash["streams"]["stderr"]["link"].as_str().unwrap();
        let id = smash["id"].as_str().unwrap();
        let elsewhere = node.get(link).await;
        assert_eq!(
            (elsewhere.status.as_u16(), field(&elsewhere, "message")),
            (
                404,
                format!(
                    "Stream 'stderr' of task '{id}' lies at kettle:/var/log/kettle, and cannot be read from here: it is on another machine"
                )
            )
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_printed_before_it_panicked_is_read_after_its_entity_was_removed() {
    let plane = Plane::with_kitchen().await;
    let (node, standby) = (&plane.master, plane.standby().await);
    let heat = format!("{KETTLE}/effectors/heat");
    let melted = node.post(&heat, r#"{"degrees":500}"#).await;
    assert!(melted.body.contains("its code panicked: "), "{melted:?}");
    let tasks = value(&node.get(&format!("{KETTLE}/activities")).await);
    let all = tasks.as_array().unwrap();
    let heat = all.iter().find(|task| task["displayName"] == "heat").unwrap();
    let link = heat["streams"]["stdout"]["link"].as_str().unwrap();
    let removed = node.post(&format!("{KETTLE}/expunge?release=false"), "").await;
    assert!(removed.status.is_success(), "{removed:?}");
    standby.plane.read().await.unwrap();
    for node in [node, &standby] {
        assert_eq!(node.get(KETTLE).await.status.as_u16(), 404);
        assert_eq!(node.get(link).await.short(), (200, "heating to 500"));
    }
}
