//! The example of the documents runs, and ends by itself.
#![allow(clippy::print_stdout, reason = "the example prints")]

#[path = "../examples/kettle.rs"]
mod kettle;

#[test]
fn the_kettle_is_heated() {
    kettle::main().expect("it runs to its end");
}
