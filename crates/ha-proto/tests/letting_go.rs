//! How leadership ends: handed over, released, taken, or given back because it cannot be used.

use ha_proto::{
    ChangeModeError, Event, Evidence, FailureKind, Input, Kind, Mode, NotApplied, Role, StoreFailure,
    StoreReply,
};
use ha_sim::hand::{Hand, kinds};

fn tell(h: &mut Hand, i: usize, mode: Mode) {
    let now = h.now();
    h.seats[i].node.change_mode(now, mode).expect("it takes a mode");
    h.pump();
}

fn said(h: &Hand, i: usize, words: &str) -> bool {
    let said = |e: &Event| match e {
        Event::Warning(w) | Event::Note(w) | Event::StateNotLoaded(w) => w.contains(words),
        _ => false,
    };
    h.seats[i].events.iter().any(said)
}

#[test]
fn what_waits_when_a_leader_lets_go_is_refused_at_once() {
    let mut h = Hand::plane(2);
    h.hold(0, "create journal");
    h.propose(0, 1);
    h.propose(0, 2);
    tell(&mut h, 0, Mode::HotStandby);
    let refused = |e: &Event| matches!(e, Event::NotApplied { tickets, why: NotApplied::NotLeader } if tickets.first.0 == 2 && tickets.last.0 == 2);
    assert!(h.seats[0].events.iter().any(refused), "{:?}", h.seats[0].events);
    h.free(0);
    h.run(300);
    assert_eq!((h.durable(0), h.refused(0)), (1, 1));
    assert_eq!(h.role(1), Role::Master);
}

#[test]
fn a_release_that_may_have_been_carried_out_is_never_taken_back() {
    let mut h = Hand::plane(1);
    h.hold(0, "create journal");
    tell(&mut h, 0, Mode::HotStandby);
    assert!(h.asks_for(0, "Release"));
    h.run(1500);
    assert_eq!(h.role(0), Role::Initializing);
    assert!(!said(&h, 0, "not demoted"), "it cannot know");
    assert_eq!(h.seats[0].node.mode(), Mode::Auto);
    h.free(0);
    h.run(300);
    assert!(h.truth.released);
    assert_eq!(h.role(0), Role::HotStandby);
}

#[test]
fn who_asked_for_the_lead_and_has_gone_since_is_not_handed_it() {
    let mut h = Hand::plane(2);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).unwrap();
    tell(&mut h, 1, Mode::Master);
    while !said(&h, 0, "was told to lead") {
        h.run(5);
    }
    h.sleep(1);
    h.run(450);
    let now = h.now();
    h.seats[0].node.end_act(now, act);
    h.run(100);
    assert!(
        !kinds(&h).contains(&Kind::Handover),
        "to a node that has been silent for too long"
    );
    assert!(kinds(&h).contains(&Kind::Release));
}

#[test]
fn nobody_is_handed_the_lead_whose_role_is_none_of_a_candidate() {
    let mut h = Hand::plane(2);
    tell(&mut h, 1, Mode::HotBackup);
    h.run(150);
    tell(&mut h, 0, Mode::HotStandby);
    h.run(300);
    assert!(!kinds(&h).contains(&Kind::Handover));
    assert!(h.truth.released);
    assert_eq!(h.role(0), Role::HotStandby, "and it abstains");
}

#[test]
fn a_master_by_order_that_hands_over_is_a_candidate_like_any_other() {
    let mut h = Hand::new();
    h.boot(0, Mode::Master);
    h.run(400);
    h.boot(1, Mode::Auto);
    h.run(300);
    tell(&mut h, 1, Mode::Master);
    h.run(400);
    assert_eq!((h.role(0), h.role(1)), (Role::HotStandby, Role::Master));
    assert_eq!(h.seats[0].node.mode(), Mode::Auto);
    // And so is one that is deposed.
    h.suspect(0, 1);
    h.run(300);
    assert_eq!((h.role(0), h.role(1)), (Role::Master, Role::HotStandby));
    assert_eq!(h.seats[1].node.mode(), Mode::Auto);
}

#[test]
fn a_leader_told_to_be_a_hot_standby_keeps_that_mode_when_it_leads_again_and_is_deposed() {
    let mut h = Hand::plane(2);
    tell(&mut h, 0, Mode::HotStandby);
    h.run(300);
    h.suspect(0, 1);
    h.run(300);
    assert_eq!(h.role(0), Role::Master);
    tell(&mut h, 1, Mode::Master);
    h.run(400);
    assert_eq!((h.role(0), h.role(1)), (Role::HotStandby, Role::Master));
    assert_eq!(h.seats[0].node.mode(), Mode::HotStandby);
}

#[test]
fn who_works_in_isolation_and_is_deposed_takes_no_part_any_more() {
    let mut h = Hand::new();
    h.boot(0, Mode::Disabled);
    h.run(400);
    assert_eq!(h.role(0), Role::Master);
    h.boot(1, Mode::Auto);
    h.run(200);
    tell(&mut h, 1, Mode::Master);
    h.run(400);
    assert_eq!(h.role(0), Role::Master, "it hands over to nobody");
    h.suspect(1, 0);
    h.run(300);
    assert_eq!((h.role(0), h.role(1)), (Role::Failed, Role::Master));
}

#[test]
fn who_is_deposed_while_it_lets_go_becomes_what_it_was_told() {
    let mut h = Hand::plane(2);
    let now = h.now();
    h.seats[0].node.begin_act(now).unwrap();
    tell(&mut h, 0, Mode::Standby);
    h.suspect(1, 0);
    h.run(300);
    assert_eq!((h.role(0), h.role(1)), (Role::Standby, Role::Master));
    assert_eq!(h.seats[0].node.mode(), Mode::Standby);
}

#[test]
fn who_is_told_something_while_it_hands_over_by_itself_becomes_that() {
    for mode in [Mode::Standby, Mode::HotBackup, Mode::Auto] {
        let mut h = Hand::plane(2);
        let now = h.now();
        let act = h.seats[0].node.begin_act(now).unwrap();
        tell(&mut h, 1, Mode::Master);
        while !said(&h, 0, "was told to lead") {
            h.run(5);
        }
        tell(&mut h, 0, mode);
        let now = h.now();
        h.seats[0].node.end_act(now, act);
        h.run(300);
        let role = match mode {
            Mode::Standby => Role::Standby,
            Mode::HotBackup => Role::HotBackup,
            _ => Role::HotStandby,
        };
        assert_eq!((h.role(0), h.role(1)), (role, Role::Master));
        assert_eq!(h.seats[0].node.mode(), mode);
    }
}

#[test]
fn who_was_named_without_the_state_and_cannot_let_go_loads_it_before_it_leads() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..9);
    h.boot(1, Mode::Standby);
    h.run(300);
    tell(&mut h, 0, Mode::HotStandby);
    while !kinds(&h).contains(&Kind::Handover) {
        h.run(1);
    }
    h.sleep(0);
    // The state is slow to come; and it was not to lead, and cannot say so.
    h.hold(1, "get parts");
    h.hold(1, "create journal");
    tell(&mut h, 1, Mode::HotBackup);
    let named = h.ms;
    while !said(&h, 1, "not demoted") {
        if h.asks_for(1, "create journal") {
            let release = h.take(1, "create journal");
            let reply = StoreReply::Failed(StoreFailure {
                kind: FailureKind::Refused,
                message: "no space".into(),
            });
            h.answer(1, &release, reply);
        }
        h.run(5);
        assert!(h.ms < named + 5000, "{:?} {:?}", h.role(1), h.seats[1].events);
    }
    assert_eq!(
        h.seats[1].node.write_authority(),
        None,
        "it does not have the state"
    );
    assert_eq!(h.role(1), Role::Initializing);
    h.free(1);
    h.run(300);
    assert_eq!(h.role(1), Role::Master);
    h.propose(1, 99);
    h.run(100);
    assert_eq!(h.durable(1), 1);
}

#[test]
fn a_leader_that_cannot_load_the_state_lets_another_lead_and_says_which_object_is_bad() {
    for gone in [false, true] {
        let mut h = Hand::plane(1);
        h.commit(0, 1..9);
        h.boot(1, Mode::Standby);
        h.run(300);
        let parts: Vec<_> = h
            .store
            .objects
            .keys()
            .filter(|k| k.starts_with("parts/"))
            .cloned()
            .collect();
        for part in parts {
            if gone {
                h.store.objects.remove(&part);
            } else {
                h.store.objects.insert(part, b"rotten"[..].into());
            }
        }
        h.sleep(0);
        h.suspect(1, 0);
        let cause = if gone {
            "is gone"
        } else {
            "is not what its manifest says"
        };
        while h.role(1) != Role::Failed {
            h.run(5);
            assert!(h.ms < 9000, "it clings to a lead that it cannot use");
        }
        let loads =
            |e: &&Event| matches!(e, Event::StateNotLoaded(w) if w.contains("parts/") && w.contains(cause));
        assert_eq!(h.seats[1].events.iter().filter(loads).count(), 3);
        assert!(
            matches!(kinds(&h).last(), Some(Kind::Release | Kind::Handover)),
            "{:?}",
            kinds(&h)
        );
        let words = h.seats[1].node.failure().unwrap().to_string();
        assert!(
            words.contains("could not load the state") && words.contains(cause),
            "{words}"
        );
    }
}

#[test]
fn an_entry_of_its_own_that_the_store_refuses_is_tried_again_after_a_pause() {
    for (words, mode) in [("Release", Some(Mode::HotStandby)), ("Full", None)] {
        let mut h = Hand::new();
        h.held.push(words.to_string());
        h.boot(0, Mode::Auto);
        if let Some(mode) = mode {
            h.run(400);
            tell(&mut h, 0, mode);
        }
        while !h.asks_for(0, words) {
            h.run(5);
            assert!(h.ms < 5000, "{words} is not asked for");
        }
        let entry = h.take(0, words);
        let reply = StoreReply::Failed(StoreFailure {
            kind: FailureKind::Refused,
            message: "no space".into(),
        });
        h.answer(0, &entry, reply);
        h.pump();
        let refused = h.ms;
        while !h.asks_for(0, words) {
            h.run(5);
            assert!(h.ms < refused + 500, "{words} is not tried again");
        }
        assert_eq!(h.ms, refused + 25, "{words}");
        h.free(0);
        h.run(200);
        assert_eq!(h.truth.released, mode.is_some());
    }
}

#[test]
fn who_asked_for_the_lead_and_fell_silent_before_the_leader_could_grant_it_is_not_handed_it() {
    let mut h = Hand::plane(2);
    h.hold(0, "get journal");
    h.hold(1, "create");
    h.run(650);
    assert_eq!(h.role(0), Role::Initializing, "it cannot prove that it leads");
    tell(&mut h, 1, Mode::Master);
    h.run(150);
    h.sleep(1);
    h.run(450);
    h.free(0);
    h.run(150);
    assert_eq!(h.role(0), Role::Master);
    assert!(!said(&h, 0, "was told to lead"));
}

#[test]
fn a_leader_whose_work_has_ended_lets_go_though_it_slept_too_long() {
    let mut h = Hand::plane(1);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).unwrap();
    tell(&mut h, 0, Mode::Standby);
    h.sleep(0);
    h.run(700);
    let now = h.now();
    h.seats[0].asleep = false;
    h.seats[0].node.end_act(now, act);
    h.pump();
    h.run(300);
    assert_eq!(h.role(0), Role::Standby);
    assert!(!said(&h, 0, "not demoted"));
    assert!(h.truth.released);
}

#[test]
fn a_leader_with_a_write_under_way_waits_for_it_before_it_lets_go() {
    let mut h = Hand::plane(1);
    h.hold(0, "create");
    h.propose(0, 1);
    tell(&mut h, 0, Mode::Standby);
    h.run(1000);
    assert_eq!(h.role(0), Role::Initializing);
    assert!(!said(&h, 0, "not demoted"), "nothing prevents it but the store");
    h.free(0);
    h.run(300);
    assert_eq!((h.role(0), h.durable(0)), (Role::Standby, 1));
}

fn finds_its_state_unusable(h: &mut Hand, i: usize) {
    let (now, why) = (h.now(), "the state is of format level 2".to_owned());
    let node = &mut h.seats[i].node;
    node.handle_input(now, Input::StateUnusable(why));
    h.pump();
}

#[test]
fn a_leader_that_cannot_use_its_state_hands_over_and_takes_no_part_any_more() {
    let mut h = Hand::plane(2);
    finds_its_state_unusable(&mut h, 0);
    h.run(300);
    assert_eq!((h.role(0), h.role(1)), (Role::Failed, Role::Master));
    assert!(kinds(&h).contains(&Kind::Handover));
    assert_eq!(h.seats[0].node.failure(), Some("the state is of format level 2"));
    // Also if nobody else is there any more.
    h.sleep(1);
    h.run(20_000);
    assert_eq!(h.role(0), Role::Failed);
    let now = h.now();
    let told = h.seats[0].node.change_mode(now, Mode::Auto);
    assert_eq!(told, Err(ChangeModeError::FailedForGood));
}

#[test]
fn a_standby_that_cannot_use_its_state_never_takes_over() {
    let mut h = Hand::plane(2);
    finds_its_state_unusable(&mut h, 1);
    assert_eq!(h.role(1), Role::Failed);
    h.sleep(0);
    h.run(20_000);
    assert_eq!(h.role(1), Role::Failed);
    assert!(!kinds(&h).contains(&Kind::Handover));
}

#[test]
fn a_claim_on_its_way_is_let_go_by_who_finds_its_state_unusable() {
    let mut h = Hand::plane(2);
    h.hold(1, "create journal");
    h.suspect(1, 0);
    assert!(h.asks_for(1, "Takeover"));
    finds_its_state_unusable(&mut h, 1);
    h.free(1);
    h.run(300);
    assert_eq!(h.role(1), Role::Failed);
    h.run(1_000);
    assert_eq!(h.role(0), Role::Master);
}

#[test]
fn who_is_told_to_be_a_standby_and_finds_its_state_unusable_meanwhile_has_failed() {
    let mut h = Hand::plane(1);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).unwrap();
    tell(&mut h, 0, Mode::HotStandby);
    finds_its_state_unusable(&mut h, 0);
    let now = h.now();
    h.seats[0].node.end_act(now, act);
    h.run(300);
    assert_eq!(h.role(0), Role::Failed);
}

#[test]
fn who_stops_has_no_use_for_its_state_any_more() {
    let mut h = Hand::plane(1);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).unwrap();
    h.seats[0].node.stop(now);
    finds_its_state_unusable(&mut h, 0);
    let now = h.now();
    h.seats[0].node.end_act(now, act);
    h.run(300);
    assert!(h.seats[0].events.contains(&Event::Stopped));
    finds_its_state_unusable(&mut h, 0);
    assert_eq!(h.role(0), Role::Terminated);
    assert!(!said(&h, 0, "the state is of format level 2"));
}

#[test]
fn what_a_node_has_failed_for_good_of_stays_the_reason() {
    let mut h = Hand::plane(1);
    h.boot(1, Mode::Master);
    h.run(300);
    let why = h.seats[1].node.failure().map(str::to_owned);
    assert!(why.is_some(), "there is a master");
    finds_its_state_unusable(&mut h, 1);
    assert_eq!(h.seats[1].node.failure(), why.as_deref());
}

#[test]
fn who_is_told_to_stop_while_it_lets_go_stops() {
    let mut h = Hand::plane(2);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).unwrap();
    tell(&mut h, 0, Mode::HotStandby);
    let now = h.now();
    h.seats[0].node.stop(now);
    h.seats[0].node.end_act(now, act);
    h.run(300);
    assert!(h.seats[0].events.contains(&Event::Stopped));
    assert_eq!((h.role(0), h.role(1)), (Role::Terminated, Role::Master));
}

#[test]
fn who_lets_go_looks_at_the_records_and_waits_no_longer_for_that_than_for_a_request() {
    let mut h = Hand::plane(2);
    h.run(7);
    h.hold(0, "list nodes");
    tell(&mut h, 0, Mode::HotStandby);
    h.run(195);
    assert!(!kinds(&h).contains(&Kind::Handover));
    h.run(5);
    assert!(kinds(&h).contains(&Kind::Handover));
}

#[test]
fn who_is_known_to_have_exited_is_handed_nothing_and_who_is_suspected_is() {
    for (is_known, end) in [(true, Kind::Release), (false, Kind::Handover)] {
        let mut h = Hand::plane(2);
        let process = h.seats[1].node.process().clone();
        let evidence = Evidence::Refused;
        let told = if is_known {
            Input::Exited(process)
        } else {
            Input::Suspect { process, evidence }
        };
        h.input(0, told);
        tell(&mut h, 0, Mode::HotStandby);
        h.run(100);
        assert!(kinds(&h).contains(&end), "{:?}", kinds(&h));
    }
}

#[test]
fn who_lets_go_and_finds_its_state_unusable_meanwhile_waits_for_its_act_and_hands_over() {
    let mut h = Hand::plane(2);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).unwrap();
    tell(&mut h, 0, Mode::HotStandby);
    finds_its_state_unusable(&mut h, 0);
    h.run(100);
    assert!(!kinds(&h).contains(&Kind::Release), "it acts");
    let now = h.now();
    h.seats[0].node.end_act(now, act);
    h.run(300);
    assert!(kinds(&h).contains(&Kind::Handover));
    assert_eq!((h.role(0), h.role(1)), (Role::Failed, Role::Master));
}
