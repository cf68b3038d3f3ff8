//! A slice of the search, small enough for every build. The whole of it: `cargo xtask model --full`.

use ha_model::{check, slice_of};

#[test]
fn two_nodes_within_the_slice_do_nothing_wrong_in_as_many_states_as_ever() {
    is_clean(2);
}

#[test]
fn three_nodes_within_the_slice_do_nothing_wrong_in_as_many_states_as_ever() {
    is_clean(3);
}

/// Everything within the bounds is searched, each bound is used up in some state, the states are as many as were pinned, and nothing is wrong.
fn is_clean(nodes: u8) {
    for (words, states) in slice_of(nodes) {
        let found = check(&words).expect("these are bounds");
        assert!(found.violation.is_none(), "{words}: {:#?}", found.violation);
        assert!(found.exhausted, "{words}: not searched to the end");
        assert!(
            found.missing.is_empty(),
            "{words}: never happened: {:?}",
            found.missing
        );
        assert_eq!(
            found.states, states,
            "{words}: if that is meant, pin it in runs.rs"
        );
    }
}

#[test]
fn a_search_in_which_something_never_happens_says_so() {
    // Where there is somebody to hand over to, and nobody is known to have died, nobody merely releases.
    let words = "authority nodes=2 takeovers=1 fulls=1 commits=1 releases=1 handovers=1 ticks=1";
    let found = check(words).expect("these are bounds");
    assert_eq!(found.missing, ["releases"]);
}

#[test]
fn bounds_are_said_in_words_and_wrong_ones_are_refused() {
    assert!(check("journal nodes=9").is_err());
    assert!(check("journal knots=2").is_err());
    assert!(check("journal takeovers=0 collected").is_err());
    assert!(check("parliament nodes=2").is_err());
}
