//! After the turmoil: what the plane owes once all faults have ended.

use ha_proto::{Mode, Role};

use crate::{MS, Micros, SEC, Service, World};

/// Ends all faults and holds the plane to what it owes then: one leader within the bound of I6 that may act, every state the true one,
/// writes that are acknowledged, and the right successor (I7).
///
/// # Panics
/// If it does not hold.
pub fn heal<S: Service + 'static>(w: &mut World<S>) {
    // All bounds are for a plane that suspects after 300 ms.
    let longest = w
        .config
        .heartbeat_timeout()
        .max(w.config.pace().look.min(w.config.confirm_period()));
    let sec = SEC * (longest.as_micros() as u64).div_ceil(300 * MS);
    w.end_trouble();
    tell_all(w, sec);
    w.until("I6: one master after healing", 30 * sec, |w| {
        w.masters().len() == 1
    });
    w.run_for(10 * sec);
    w.until("I6: one master, and it may act", 10 * sec, |w| {
        w.masters().len() == 1 && w.may_act(w.master())
    });
    start_again(w);
    let reader = w.add(Mode::HotBackup);
    w.start(reader);
    // Who has slept through many epochs confirms each of them on its way.
    let behind = 10 * sec + w.truth.takeovers.len() as u64 * 30 * MS * w.load.slower;
    w.until("I5: everybody has its state", behind, |w| {
        let all = w.truth.line(w.truth.state.len() as u64);
        let has_it = |i: &usize| w.members[*i].host.loaded && Some(w.members[*i].host.line) == all;
        w.residents().iter().all(has_it)
    });
    w.run_for(sec);
    w.show_healed();
    acknowledges(w, sec);
    successors(w, sec);
    assert_eq!(
        w.truth.junk, w.forged,
        "with true views nothing that is not valid is ever written (seed {})",
        w.seed
    );
}

fn acknowledges<S: Service + 'static>(w: &mut World<S>, sec: Micros) {
    let master = w.master();
    assert!(
        w.propose(master).is_some(),
        "the master takes a write (seed {})",
        w.seed
    );
    let acked = w.tally.acknowledged;
    w.run_for(sec);
    if w.tally.acknowledged == acked {
        // A leader lingers for up to a quarter of what its last entry took, and if it slept meanwhile that may be long.
        w.marks.hit("a write lingered for a part of a pause");
        let longest = sec + (w.napped + 20 * SEC * w.load.slower) / 4;
        w.until("the master's write is acknowledged", longest, |w| {
            w.tally.acknowledged > acked
        });
    }
}

/// Who has slept and wakes to what it saw of another process with its id stops for good, though that one has been ended meanwhile: its operator
/// starts it again.
fn start_again<S: Service + 'static>(w: &mut World<S>) {
    for i in w.residents() {
        let has_met_another = w.members.iter().any(|m| m.is_twin && m.id == w.members[i].id);
        if has_met_another && w.role(i) == Some(Role::Failed) {
            w.crash(i);
            w.start(i);
        }
    }
}

/// Every node can be told something else in the end, whatever it was in the middle of.
fn tell_all<S: Service + 'static>(w: &mut World<S>, sec: Micros) {
    let mut told = w.residents();
    for _ in 0..10 {
        start_again(w);
        for i in told.clone() {
            if w.members[i].node.is_none() {
                // It was stopping, and has stopped.
                w.members[i].mode = Mode::Auto;
                w.start(i);
                told.retain(|t| *t != i);
            } else if w.change_mode(i, Mode::Auto) {
                told.retain(|t| *t != i);
            }
        }
        w.run_for(sec);
    }
    assert!(
        told.is_empty(),
        "a change of mode is refused for ever: {:?} (seed {})",
        w.roles(),
        w.seed
    );
}

/// I7: the best of those that are there follows, by a handover when the master stops, and by a takeover when its process is known to have
/// exited. A priority that was set a moment ago counts.
fn successors<S: Service + 'static>(w: &mut World<S>, sec: Micros) {
    for is_stop in [true, false] {
        let master = w.master();
        let mut others: Vec<usize> = w.residents();
        others.retain(|i| *i != master && w.role(*i) == Some(Role::HotStandby));
        if others.is_empty() {
            return;
        }
        let lowest = w.rng.pick(&others);
        w.set_priority(lowest, -9);
        let best = w.rng.pick(&others);
        w.set_priority(best, 9);
        // A put and a look take this long at most now.
        w.run_for(if is_stop { 20 * MS } else { sec });
        if is_stop {
            w.stop(master);
        } else {
            w.crash_and_tell(master);
        }
        w.until("I6: another master", 10 * sec, |w| {
            w.masters().iter().any(|m| *m != master)
        });
        let (way, mark) = if is_stop {
            ("handover", "the best of those alive was named")
        } else {
            ("takeover", "the best of those alive took over")
        };
        assert!(
            w.masters().contains(&best),
            "I7: n{best} goes first, and a {way} led to {:?} (seed {})",
            w.masters(),
            w.seed
        );
        w.marks.hit(mark);
        if lowest != best {
            w.marks.hit("a node of low priority was passed over");
        }
        // Who has crashed is started again by somebody else.
        if is_stop {
            w.until("whoever was told to stop has stopped", 10 * sec, |w| {
                w.members[master].node.is_none()
            });
            w.start(master);
        }
        w.until("I6: one master, and all follow", 10 * sec, |w| {
            w.masters().len() == 1
                && w.residents().iter().all(|i| {
                    matches!(
                        w.role(*i),
                        Some(Role::Master | Role::HotStandby | Role::HotBackup)
                    )
                })
        });
    }
}
