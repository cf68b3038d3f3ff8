//! Who takes the lead, on what evidence, and when; and who must not.

use ha_proto::{
    Event, Evidence, FailureKind, Identity, Input, Kind, Mode, Node, NodeId, NotApplied, Payload, Process,
    Role, StoreFailure, StoreReply, layout,
};
use ha_sim::hand::{Hand, config, kinds};

fn failed(kind: FailureKind) -> StoreReply {
    StoreReply::Failed(StoreFailure {
        kind,
        message: "no space".into(),
    })
}

/// On what evidence the last takeover was made.
fn evidence(h: &Hand) -> Evidence {
    let last = h
        .truth
        .valid
        .iter()
        .rev()
        .find(|(_, (_, k))| *k == Kind::Takeover);
    let slot = *last.expect("there has been one").0;
    match h.entry(slot.0).decode(&layout::entry_key(slot)) {
        Ok(Payload::Takeover { evidence, .. }) => evidence,
        other => panic!("{other:?}"),
    }
}

fn takeovers(h: &Hand) -> usize {
    kinds(h).iter().filter(|k| **k == Kind::Takeover).count()
}

/// The last leader has ended its term itself.
fn has_let_go(h: &Hand) -> bool {
    matches!(kinds(h).last(), Some(Kind::Release | Kind::Handover))
}

fn suspect(h: &mut Hand, i: usize, process: &Process, evidence: Evidence) {
    let process = process.clone();
    h.input(i, Input::Suspect { process, evidence });
}

/// Starts a node that is to empty the state, and holds what it asks for in these words.
fn boot_clean(h: &mut Hand, i: usize, mode: Mode, held: &str) {
    h.held.push(String::new());
    h.boot(i, mode);
    let identity = Identity {
        node: NodeId::new(&format!("n{i}")).expect("a good name"),
        uri: String::new(),
        version: None,
        state_level: 0,
        priority: 0,
        mode,
        clean: true,
        seed: [77; 32],
    };
    let (now, config) = (h.now(), h.config.clone());
    let seat = &mut h.seats[i];
    seat.asks.clear();
    seat.node = Node::new(now, identity, config);
    h.held.clear();
    h.sleep(i);
    h.free(i);
    h.hold(i, held);
    h.wake(i);
}

#[test]
fn the_strongest_evidence_counts_in_whatever_order_it_comes() {
    for order in [
        [Evidence::LinkClosed, Evidence::Refused],
        [Evidence::Refused, Evidence::LinkClosed],
    ] {
        let mut h = Hand::plane(2);
        h.hold(1, "nodes");
        h.run(5);
        let leader = h.seats[0].node.process().clone();
        for said in order {
            suspect(&mut h, 1, &leader, said);
        }
        h.free(1);
        h.run(50);
        assert_eq!((h.role(1), evidence(&h)), (Role::Master, Evidence::Refused));
    }
}

#[test]
fn evidence_against_sixteen_processes_is_remembered() {
    let mut h = Hand::plane(2);
    h.hold(1, "nodes");
    h.run(5);
    let leader = h.seats[0].node.process().clone();
    suspect(&mut h, 1, &leader, Evidence::Refused);
    for n in 1..16 {
        let nonce = ha_proto::Nonce([n; 16]);
        let other = Process {
            nonce,
            ..leader.clone()
        };
        suspect(&mut h, 1, &other, Evidence::Refused);
    }
    h.free(1);
    h.run(50);
    assert_eq!((h.role(1), evidence(&h)), (Role::Master, Evidence::Refused));
}

/// The leader falls silent, and another takes over. After how many milliseconds?
fn failover(h: &mut Hand) -> u64 {
    let leader = (0..2).find(|i| h.role(*i) == Role::Master).expect("one leads");
    h.sleep(leader);
    let (began, before) = (h.ms, takeovers(h));
    while takeovers(h) == before {
        h.run(5);
        assert!(h.ms < began + 5000, "nobody takes over");
    }
    let took = h.ms - began;
    assert_eq!(evidence(h), Evidence::Silent);
    h.wake(leader);
    h.run(250);
    took
}

#[test]
fn takeovers_on_mere_suspicion_are_spaced_out_until_the_plane_has_been_quiet() {
    let mut h = Hand::new();
    // Who begins again with a snapshot has not seen the takeovers before it.
    h.config = config().snapshot_entries(1000).build().unwrap();
    for i in 0..2 {
        h.boot(i, Mode::Auto);
        h.run(400);
    }
    for n in 0..3 {
        let took = failover(&mut h);
        assert!((200..500).contains(&took), "the {n}th after {took} ms");
    }
    let fourth = failover(&mut h);
    assert!((200..500).contains(&fourth), "{fourth}");
    let fifth = failover(&mut h);
    assert!((500..800).contains(&fifth), "one time-out more, not {fifth} ms");
    let sixth = failover(&mut h);
    assert!((800..1200).contains(&sixth), "and another, not {sixth} ms");
    h.run(6000);
    let after = failover(&mut h);
    assert!((200..500).contains(&after), "twenty time-outs later: {after} ms");
}

#[test]
fn who_could_not_look_before_its_claim_claims_again_a_quarter_of_a_poll_later() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    h.hold(1, "get journal");
    h.suspect(1, 0);
    let claims = |h: &Hand| {
        let noted = |e: &&Event| matches!(e, Event::Note(note) if note.contains("claiming"));
        h.seats[1].events.iter().filter(noted).count()
    };
    // The look ahead of the claim fails, and then that of the claim.
    while claims(&h) < 2 {
        if h.asks_for(1, "get journal") {
            let look = h.take(1, "get journal");
            h.answer(1, &look, failed(FailureKind::OutcomeUnknown));
            h.pump();
        }
        if claims(&h) == 1 && h.role(1) == Role::HotStandby && !h.asks_for(1, "get journal") {
            break;
        }
        h.run(1);
    }
    let lost = h.ms;
    while claims(&h) < 2 {
        h.run(1);
        assert!(h.ms < lost + 100, "it does not try again");
    }
    assert!(
        (lost + 20..=lost + 30).contains(&h.ms),
        "at {}, and it was lost at {lost}",
        h.ms
    );
}

#[test]
fn a_plane_that_could_not_be_begun_is_begun_later() {
    let mut h = Hand::new();
    h.held.push(String::from("create journal"));
    h.boot(0, Mode::Auto);
    let genesis = h.take(0, "Genesis");
    h.answer(0, &genesis, failed(FailureKind::Refused));
    h.pump();
    let began = h.ms;
    while !h.asks_for(0, "Genesis") {
        h.run(5);
        assert!(h.ms < began + 1000, "it does not try again");
    }
    assert_eq!(h.ms, began + 100, "four times later than a claim");
    h.free(0);
    h.run(300);
    assert_eq!(h.role(0), Role::Master);
    let warned = |e: &Event| matches!(e, Event::Warning(w) if w.contains("no space"));
    assert!(h.seats[0].events.iter().any(warned));
}

#[test]
fn a_planes_name_has_eight_letters_and_digits_of_which_the_first_is_a_letter() {
    let mut firsts = std::collections::BTreeSet::new();
    let mut others = std::collections::BTreeSet::new();
    for ms in 0..300 {
        let mut h = Hand::new();
        h.ms += ms;
        h.boot(0, Mode::Auto);
        h.run(20);
        let name = h.seats[0].node.view().plane.clone().expect("it is begun").0;
        assert_eq!(name.len(), 8);
        firsts.extend(name.chars().take(1));
        others.extend(name.chars().skip(1));
    }
    assert!(
        firsts.iter().all(char::is_ascii_alphabetic) && firsts.len() > 40,
        "{firsts:?}"
    );
    assert!(
        others.iter().any(char::is_ascii_digit) && others.len() > 55,
        "{others:?}"
    );
}

#[test]
fn a_start_as_master_that_is_overtaken_is_refused() {
    let mut h = Hand::new();
    h.held.push(String::from("create journal"));
    h.boot(1, Mode::Auto);
    h.boot(1, Mode::Master);
    h.held.clear();
    h.boot(0, Mode::Auto);
    h.run(400);
    assert_eq!(h.role(0), Role::Master);
    h.free(1);
    h.run(400);
    let said = h.seats[1].node.failure().unwrap_or_default().to_string();
    assert!(said.contains("Master already exists"), "{said}");
}

#[test]
fn a_start_as_master_that_reads_of_another_before_it_claims_again_is_refused() {
    let mut h = Hand::plane(1);
    let tell = |h: &mut Hand, mode| {
        let now = h.now();
        h.seats[0].node.change_mode(now, mode).unwrap();
        h.pump();
    };
    tell(&mut h, Mode::HotStandby);
    h.run(300);
    h.held.push(String::from("Takeover"));
    h.boot(1, Mode::Master);
    h.run(20);
    let claim = h.take(1, "Takeover");
    h.answer(1, &claim, failed(FailureKind::Refused));
    tell(&mut h, Mode::Master);
    // It reads on before its time for another claim has come.
    h.input(1, Input::ClockJumped);
    h.run(400);
    assert_eq!(h.role(0), Role::Master);
    let said = h.seats[1].node.failure().unwrap_or_default().to_string();
    assert!(said.contains("Master already exists"), "{said}");
}

#[test]
fn a_clean_start_is_refused_while_a_master_lives_whatever_its_mode() {
    for mode in [Mode::Auto, Mode::Master, Mode::Disabled] {
        let mut h = Hand::plane(1);
        h.commit(0, 1..4);
        boot_clean(&mut h, 1, mode, "Commit");
        h.run(400);
        let said = h.seats[1].node.failure().unwrap_or_default().to_string();
        assert!(said.contains("cannot start with a clean state"), "{mode}: {said}");
    }
}

#[test]
fn a_clean_start_empties_the_state_once_also_when_the_store_refuses_it_first() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..4);
    let now = h.now();
    h.seats[0].node.stop(now);
    h.run(100);
    h.sleep(0);
    boot_clean(&mut h, 1, Mode::Auto, "Commit");
    while !h.asks_for(1, "Commit") {
        h.run(5);
        assert!(h.ms < 5000, "it leads and empties nothing");
    }
    assert_eq!(
        h.seats[1].node.write_authority(),
        None,
        "it is not to be written to before"
    );
    let emptying = h.take(1, "Commit");
    h.answer(1, &emptying, failed(FailureKind::Refused));
    h.pump();
    let refused = h.ms;
    while !h.asks_for(1, "Commit") {
        h.run(5);
        assert!(h.ms < refused + 500, "it does not try again");
    }
    assert_eq!(h.ms, refused + 25, "a quarter of a poll later");
    let commits = kinds(&h).iter().filter(|k| **k == Kind::Commit).count();
    h.free(1);
    h.run(300);
    assert_eq!(h.role(1), Role::Master);
    let host = &h.seats[1].host;
    assert!(
        host.line.last == ha_sim::EMPTIED && host.line.len == 4,
        "{host:?}"
    );
    assert_eq!(
        kinds(&h).iter().filter(|k| **k == Kind::Commit).count(),
        commits + 1
    );
}

#[test]
fn what_another_has_written_since_is_not_emptied() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..4);
    let now = h.now();
    h.seats[0].node.stop(now);
    h.run(100);
    boot_clean(&mut h, 1, Mode::Auto, "create journal");
    h.run(300);
    assert!(h.asks_for(1, "Takeover"));
    // Told again what to be, it bears another master.
    let now = h.now();
    h.seats[1].node.change_mode(now, Mode::Auto).unwrap();
    h.boot(0, Mode::Master);
    h.run(500);
    assert_eq!(h.role(0), Role::Master);
    h.commit(0, 4..6);
    h.free(1);
    h.run(500);
    let warned = |e: &Event| matches!(e, Event::Warning(w) if w.contains("is not emptied"));
    assert!(h.seats[1].events.iter().any(warned));
    h.sleep(0);
    h.run(1000);
    assert_eq!(
        (h.role(1), h.truth.state.clone()),
        (Role::Master, vec![1, 2, 3, 4, 5])
    );
}

#[test]
fn a_leader_that_says_it_has_stopped_is_replaced_without_a_wait() {
    let mut h = Hand::plane(2);
    h.run(50);
    let now = h.now();
    h.seats[0].node.begin_act(now).unwrap();
    h.seats[0].node.stop(now);
    h.pump();
    while h.role(0) != Role::Terminated {
        h.run(5);
        assert!(h.ms < 5000);
    }
    let stopped = h.ms;
    while h.role(1) != Role::Master {
        h.run(5);
        assert!(
            h.ms < stopped + 250,
            "it waits for the silence of who has said that it stopped"
        );
    }
    assert_eq!(evidence(&h), Evidence::Stopped);
}

#[test]
fn a_leader_whose_store_does_not_answer_has_not_said_that_it_stopped() {
    let mut h = Hand::plane(2);
    for kind in ["get", "list", "create"] {
        h.hold(0, kind);
    }
    h.run(1500);
    assert_eq!((h.role(1), evidence(&h)), (Role::Master, Evidence::Silent));
}

#[test]
fn a_record_from_before_its_term_says_nothing_about_a_leader() {
    let mut h = Hand::plane(2);
    let tell = |h: &mut Hand, i: usize, mode| {
        let now = h.now();
        h.seats[i].node.change_mode(now, mode).unwrap();
        h.pump();
    };
    tell(&mut h, 1, Mode::Disabled);
    h.run(150);
    // It leads again, and what it says of itself in its record is that it takes no part.
    tell(&mut h, 1, Mode::Auto);
    h.run(105);
    h.hold(1, "put nodes");
    let mut record = h.store.objects["nodes/n1"].to_vec();
    tell(&mut h, 0, Mode::Standby);
    h.run(150);
    assert_eq!(h.role(1), Role::Master);
    let text = String::from_utf8(record)
        .unwrap()
        .replace("HOT_STANDBY", "FAILED");
    assert!(text.contains("FAILED"), "{text}");
    record = text.into_bytes();
    h.store.objects.insert("nodes/n1".into(), record.into());
    let epochs = takeovers(&h);
    h.run(250);
    assert_eq!(takeovers(&h), epochs, "n0 believes the record");
    assert_eq!(h.role(1), Role::Master);
}

#[test]
fn who_is_told_to_take_no_lead_while_its_claim_is_validated_takes_no_write_and_lets_go() {
    for mode in [Mode::HotBackup, Mode::Disabled] {
        let mut h = Hand::plane(2);
        h.sleep(0);
        h.hold(1, "list snapshot");
        h.suspect(1, 0);
        assert_eq!(takeovers(&h), 2);
        let now = h.now();
        h.seats[1].node.change_mode(now, mode).unwrap();
        let refused = h.seats[1].node.propose(now, ha_sim::change(1, &[]));
        assert_eq!(refused, Err(NotApplied::NotLeader), "{mode}");
        h.free(1);
        h.run(500);
        assert!(has_let_go(&h), "{mode}: {:?}", kinds(&h));
        let role = if mode == Mode::Disabled {
            Role::Failed
        } else {
            Role::HotBackup
        };
        assert_eq!(h.role(1), role);
    }
}

#[test]
fn who_is_told_to_stop_while_its_claim_is_validated_takes_no_write_and_lets_go() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    h.hold(1, "list snapshot");
    h.suspect(1, 0);
    let now = h.now();
    h.seats[1].node.stop(now);
    let refused = h.seats[1].node.propose(now, ha_sim::change(1, &[]));
    assert_eq!(refused, Err(NotApplied::NotLeader));
    h.free(1);
    h.run(500);
    assert!(h.seats[1].events.contains(&Event::Stopped));
    assert!(has_let_go(&h), "{:?}", kinds(&h));
}

#[test]
fn a_look_at_the_last_slot_that_is_older_than_a_heartbeat_timeout_is_made_again_before_a_claim() {
    let mut h = Hand::plane(5);
    h.sleep(0);
    h.run(110);
    for i in 1..4 {
        h.hold(i, "create");
    }
    h.suspect(4, 0);
    let began = h.ms;
    h.run(20);
    let last = format!("get {}", layout::entry_key(h.seats[4].node.view().pos));
    h.hold(4, &last);
    while !h.asks_for(4, &last) {
        h.run(5);
        assert_eq!(takeovers(&h), 1, "it claims by its first look");
        assert!(h.ms < began + 1000, "it never claims");
    }
    assert_eq!(h.ms, began + 450, "three turns later");
    h.free(4);
    h.run(50);
    assert_eq!(h.role(4), Role::Master);
}
