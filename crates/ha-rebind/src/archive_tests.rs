//! Archives that are good, and those that are not.

use super::*;
use crate::entity::Entity;
use crate::names::EntityId;
use crate::propose::{Evaluated, Staging};

fn about() -> About {
    About {
        plane: Some("g2Mk0xQa".into()),
        node: "yAVz0fzo".into(),
        exported_ms: 1_466_414_301_065,
    }
}

/// Entities with names that do not deflate to nothing.
fn state(entities: usize) -> State {
    let mut state = State::default();
    let entities: Vec<_> = (0..entities)
        .map(|n| {
            let id = EntityId::new(&format!("e{n}")).unwrap();
            let name: String = (0..40u8)
                .map(|at| char::from(33 + ((n * 31 + usize::from(at) * 17) % 90) as u8))
                .collect();
            Entity::new(id, "org.apache.brooklyn.entity.stock.BasicEntity", &name)
        })
        .collect();
    let made = Staging::default().evaluate(&state, None, |draft| {
        draft.create(&entities).map(|()| Bytes::new())
    });
    if let Evaluated::Staged { batch, .. } = made {
        state.apply(&batch, 5_000);
    }
    state
}

fn written(state: &State) -> Vec<u8> {
    let mut out = Vec::new();
    write(state, &about(), &mut out).unwrap();
    out
}

/// A zip file of these files, by another hand.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut zip = ZipArchiveWriter::new(&mut out);
    for (name, bytes) in files {
        add(&mut zip, name, &about(), bytes).unwrap();
    }
    zip.finish().unwrap();
    out
}

fn contents(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = Archive::open(archive).unwrap();
    let mut names: Vec<_> = archive.files.keys().cloned().collect();
    names.sort();
    names
        .into_iter()
        .map(|name| {
            (
                name.clone(),
                archive.inflate(&name, LARGEST_REPLACEMENT).unwrap().unwrap(),
            )
        })
        .collect()
}

/// An archive whose files were changed, and packed again.
fn repacked(archive: &[u8], change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Vec<u8> {
    let mut files = contents(archive);
    change(&mut files);
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), &bytes[..]))
        .collect();
    zip(&files)
}

/// The same with another manifest.
fn with_manifest(archive: &[u8], change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    repacked(archive, |files| {
        let mut manifest = serde_json::from_slice(&files[0].1).unwrap();
        change(&mut manifest);
        files[0].1 = serde_json::to_vec(&manifest).unwrap();
    })
}

fn why(archive: &[u8]) -> String {
    let why = read(archive).unwrap_err().to_string();
    assert!(!why.contains('\n') && why.len() < 300, "one line: {why}");
    why
}

#[test]
fn what_was_written_is_read_again_with_where_it_comes_from() {
    for entities in [0, 1, 1_000] {
        let state = state(entities);
        let (from, read) = read(&written(&state)).unwrap();
        assert!(read == state && from == about(), "{entities} entities");
    }
    assert_eq!(
        written(&state(10)),
        written(&state(10)),
        "the same state is the same archive"
    );
    assert_eq!(about().file_name(), "brooklyn-state-yAVz0fzo-2016-06-20-0918.zip");
}

#[test]
fn who_packs_it_again_by_other_means_may() {
    let (state, mut out) = (state(3), Vec::new());
    let mut again = ZipArchiveWriter::new(&mut out);
    again.new_dir("data/").create().unwrap();
    for (name, bytes) in contents(&written(&state)) {
        let (mut file, config) = again
            .new_file(&name[..])
            .compression_method(CompressionMethod::STORE)
            .start()
            .unwrap();
        let mut stored = config.wrap(&mut file);
        stored.write_all(&bytes).unwrap();
        let (_, size) = stored.finish().unwrap();
        file.finish(size).unwrap();
    }
    again.finish().unwrap();
    assert!(read(&out).unwrap().1 == state);
}

#[test]
fn what_is_cut_short_is_refused_wherever_it_is_cut() {
    let whole = written(&state(20));
    assert!(why(b"").contains("it is no zip file"));
    assert!(why(b"hello").contains("it is no zip file"));
    for end in 0..whole.len() {
        why(&whole[..end]);
    }
}

#[test]
fn no_altered_byte_makes_another_state() {
    let state = state(20);
    let whole = written(&state);
    let mut refused = 0;
    for at in 0..whole.len() {
        for bit in [0, 3, 7] {
            let mut altered = whole.clone();
            altered[at] ^= 1 << bit;
            match read(&altered) {
                Err(_) => refused += 1,
                // Times and versions in the headers of files say nothing about what is in them.
                Ok((from, read)) => assert!(read == state && from == about(), "byte {at}, bit {bit}"),
            }
        }
    }
    assert!(refused > whole.len() * 2, "{refused} of {}", whole.len() * 3);
}

#[test]
fn what_unpacks_to_more_than_a_state_may_have_is_refused_before_it_is_all_there() {
    let large = vec![0; LARGEST_REPLACEMENT + 1];
    let bomb = repacked(&written(&state(1)), |files| files[1].1 = large);
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    assert!(why(&bomb).contains("larger than"));
    // One whose end would be found damaged is not inflated so far.
    let mut larger = repacked(&written(&state(1)), |files| {
        files[1].1 = vec![0; LARGEST_REPLACEMENT + (1 << 20)]
    });
    let end = larger.windows(4).rposition(|w| w == b"PK\x07\x08").unwrap();
    larger[end - 8..end].fill(0xFF);
    assert!(why(&larger).contains("larger than"));
    let text = vec![b' '; LARGEST_MANIFEST + 1];
    assert!(why(&repacked(&written(&state(1)), |files| files[0].1 = text)).contains("larger than"));
    // Each part fits, and all together do not.
    let whole = written(&state(100));
    let size = contents(&whole)[1].1.len();
    let twice = with_manifest(&whole, |m| {
        let part = m["parts"][0].clone();
        m["parts"] = vec![part; 2].into();
    });
    assert!(read_within(size * 2, &twice).is_ok());
    let refused = read_within(size * 2 - 1, &twice).unwrap_err();
    assert_eq!(refused, ArchiveError::TooLarge);
}

#[test]
fn what_is_of_something_else_or_of_a_later_version_is_told_as_such() {
    let brooklyn: [(&str, &[u8]); 2] = [("data/planeId", b"x"), ("data/entities/abc", b"<entity/>")];
    assert!(why(&zip(&brooklyn)).contains("those of Apache Brooklyn cannot be imported"));
    let whole = written(&state(2));
    assert!(why(&with_manifest(&whole, |m| m["format"] = 2.into())).contains("of archive format 2"));
    assert!(
        why(&with_manifest(&whole, |m| m["format"] = "x".into())).contains("manifest.json` makes no sense")
    );
    let later = repacked(&whole, |files| {
        files[1].1[4] = 9;
        let hash = hex(&files[1].1);
        let mut manifest: serde_json::Value = serde_json::from_slice(&files[0].1).unwrap();
        manifest["parts"][0]["sha256"] = hash.into();
        files[0].1 = serde_json::to_vec(&manifest).unwrap();
    });
    assert!(why(&later).contains("of format level 9, and this node reads up to 2"));
}

#[test]
fn files_that_are_missing_too_many_or_not_those_of_the_manifest_are_named() {
    let whole = written(&state(2));
    let missing = repacked(&whole, |files| _ = files.pop());
    assert_eq!(why(&missing), "`data/parts/00000000` is missing");
    let more = repacked(&whole, |files| files.push(("data/\nnotes".into(), b"x".to_vec())));
    assert_eq!(why(&more), "it holds `data/notes`, which has no place there");
    let twice = repacked(&whole, |files| files.push(files[1].clone()));
    assert_eq!(
        why(&twice),
        "it holds `data/parts/00000000`, which has no place there"
    );
    let many = repacked(&whole, |files| {
        files.extend((0..MOST_FILES).map(|n| (n.to_string(), Vec::new())))
    });
    assert_eq!(why(&many), "it holds more than 1024 files");
    let other = repacked(&whole, |files| {
        let last = files[1].1.len() - 1;
        files[1].1[last] ^= 1;
    });
    assert_eq!(
        why(&other),
        "`data/parts/00000000` is not what was exported: its hash is not that of the manifest"
    );
    for (name, value) in [("entities", 3), ("batch", 7), ("time_ms", 1), ("level", 0)] {
        let other = with_manifest(&whole, |m| m[name] = value.into());
        assert_eq!(
            why(&other),
            "its parts are not those of the state that its manifest names",
            "{name}"
        );
    }
    let none = with_manifest(&zip(&[(MANIFEST, &contents(&whole)[0].1)]), |m| {
        m["parts"] = serde_json::json!([]);
        m["entities"] = 0.into();
        m["batch"] = 0.into();
        m["time_ms"] = 0.into();
    });
    assert_eq!(
        why(&none),
        "its parts are not those of the state that its manifest names",
        "nothing is no state"
    );
}
