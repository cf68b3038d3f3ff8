//! An archive of a state, and the state that it may hold.

use bytes::Bytes;
use ha_rebind::{
    About, Applied, Draft, Evaluated, Level, Part, Replacement, Staging, State, read_archive, write_archive,
};

pub(crate) const WORDS: &[&str] = &["data/manifest.json", "data/parts/00000000", "PK", "HARP"];

/// The first byte says whether the others are an archive or a part of a state. What is read is the same when it is written and read again, and a
/// state that fits takes the place of another as a whole.
pub(crate) fn run(data: &[u8]) {
    let Some((mode, bytes)) = data.split_first() else {
        return;
    };
    if mode % 2 == 0 {
        match read_archive(bytes) {
            Ok((about, state)) => comes_back(&about, &state),
            Err(why) => {
                let why = why.to_string();
                assert!(!why.contains('\n') && why.len() < 1_000, "{why}");
            }
        }
    } else if let Ok(part) = Part::read(Bytes::copy_from_slice(bytes)) {
        let mut state = State::default();
        state.take(part);
        comes_back(&About::default(), &state);
        takes_the_place(state);
    }
}

fn comes_back(about: &About, state: &State) {
    let mut archive = Vec::new();
    write_archive(state, about, &mut archive).expect("memory takes it");
    let (from, read) = read_archive(&archive).expect("what is written is read");
    assert!(read == *state && from == *about);
}

fn takes_the_place(with: State) {
    let wanted: Vec<_> = with.applications().cloned().collect();
    let (count, tasks) = (with.entity_count(), with.tasks().len());
    let Ok(replacement) = Replacement::new(with, Level::FIRST) else {
        return;
    };
    let mut state = State::default();
    let replace = |draft: &mut Draft<'_>| {
        draft.replace(&replacement);
        Ok(Bytes::new())
    };
    let Evaluated::Staged { number, batch, .. } = Staging::default().evaluate(&state, None, replace) else {
        panic!("nothing is in the way of it");
    };
    assert_eq!(state.apply(&batch, 1), Applied::Done(number));
    assert_eq!(
        (state.entity_count(), state.tasks().len(), state.skipped()),
        (count, tasks, 0)
    );
    assert!(state.applications().eq(&wanted));
    // Each is in the tree of one application.
    let below = wanted.iter().map(|app| state.descendants(app).len());
    assert_eq!(below.sum::<usize>(), count);
}

/// An archive of the state whose bytes are held still, and its part.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let hex = include_str!("../../../crates/ha-rebind/tests/golden/part.hex");
    let part = crate::seeds::bytes_of(hex);
    let state = State::from_parts([Bytes::from(part.clone())]).expect("it is a part");
    let mut archive = Vec::new();
    write_archive(&state, &About::default(), &mut archive).expect("memory takes it");
    let with = |mode: u8, bytes: &[u8]| [&[mode], bytes].concat();
    vec![
        ("archive".to_owned(), with(0, &archive)),
        ("part".to_owned(), with(1, &part)),
    ]
}
