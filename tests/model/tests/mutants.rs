//! Each rule that is left out must be found out. Here every patch is held against the sources, and the quickest of each model are built and searched; all of
//! them: `cargo run --release -p ha-model -- --mutants`.

use ha_model::{Workshop, mutants};

#[test]
fn every_patch_fits_the_sources() {
    let all = mutants().unwrap();
    assert!(all.len() >= 28, "only {} mutants", all.len());
    for mutant in all {
        mutant.fits().unwrap();
    }
}

#[test]
fn rules_that_are_left_out_are_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let workshop = Workshop::new(folder.path()).unwrap();
    for name in ["write-id", "tconf", "full-proof"] {
        let all = mutants().unwrap();
        let mutant = all.iter().find(|m| m.name == name).unwrap();
        let caught = workshop.catch(mutant).unwrap();
        assert!(
            caught.steps >= 4,
            "{name}: {} steps\n{}",
            caught.steps,
            caught.words
        );
        assert!(
            caught.words.contains("   1  "),
            "{name} is told step by step:\n{}",
            caught.words
        );
    }
}
