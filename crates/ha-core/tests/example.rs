//! The example of the README runs, and ends by itself.

#[path = "../examples/counter.rs"]
mod counter;

#[test]
fn the_counter_outlives_its_leader() {
    counter::main().expect("two nodes count, one after the other");
}
