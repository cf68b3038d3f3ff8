//! The bytes of format 1, pinned. `HA_BLESS=1` writes the files anew: only ever for a new format.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ha_proto::{
    Config, Digest, Epoch, Evidence, FORMAT_LEVEL, FormatError, Header, Identity, Instant, Kind, Manifest,
    Mode, Node, NodeId, NodeRecord, Nonce, Output, Payload, PlaneId, Process, RawEntry, Role, Seq, StoreOp,
    WriteId,
};
use wincode::{SchemaRead, SchemaWrite};

const OBJECT: &str = "journal/00000000/00000000000000000007";

fn process(name: &str, nonce: u8) -> Process {
    Process {
        node: NodeId::new(name).expect("a good name"),
        nonce: Nonce([nonce; 16]),
    }
}

fn header(kind: Kind) -> Header {
    Header {
        seq: Seq(7),
        epoch: Epoch(3),
        kind,
        by: process("node-a", 0xA1),
        write_id: WriteId([0xB2; 16]),
        prev: Digest([0xC3; 32]),
    }
}

fn payloads() -> Vec<(&'static str, Payload)> {
    let change = |text: &str| Arc::from(text.as_bytes());
    vec![
        (
            "genesis",
            Payload::Genesis {
                plane: PlaneId("Ab3dEf7h".into()),
                format_level: FORMAT_LEVEL,
            },
        ),
        (
            "takeover",
            Payload::Takeover {
                uri: "http://a:8081/".into(),
                evidence: Evidence::Silent,
            },
        ),
        (
            "handover",
            Payload::Handover {
                successor: process("node-b", 0xD4),
                uri: "http://b:8082/".into(),
            },
        ),
        (
            "full",
            Payload::Full {
                ttl: Duration::from_secs(5),
                drift_ppm: 10_000,
                evidence: Evidence::LeaseEnded,
            },
        ),
        (
            "commit",
            Payload::Commit {
                time_ms: 123_456,
                replaces: false,
                changes: [change("one"), change("")].into(),
            },
        ),
        ("release", Payload::Release),
    ]
}

/// Hexadecimal text, 32 bytes a line, so that a difference can be read.
fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.hex"));
    if std::env::var("HA_BLESS").is_ok() {
        let line = |l: &[u8]| l.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n";
        fs::write(&path, bytes.chunks(32).map(line).collect::<String>()).expect("written");
    }
    let text: String = fs::read_to_string(&path)
        .expect("golden files lie beside the tests")
        .split_whitespace()
        .collect();
    let byte = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(byte).collect()
}

// What another codec makes of the same bytes.

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
struct MirrorHeader {
    seq: u64,
    epoch: u64,
    kind: u8,
    node: String,
    nonce: [u8; 16],
    write_id: [u8; 16],
    prev: [u8; 32],
}

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
struct MirrorCommit {
    time_ms: u64,
    replaces: bool,
    changes: Vec<Vec<u8>>,
}

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
struct MirrorProcess {
    node: String,
    nonce: [u8; 16],
}

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
struct MirrorLeader {
    process: MirrorProcess,
    uri: String,
}

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
struct MirrorTerm {
    epoch: u64,
    began: u64,
    write_id: [u8; 16],
    last_valid: u64,
}

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
struct MirrorFull {
    epoch: u64,
    holder: MirrorProcess,
    ttl_ms: u64,
    drift_ppm: u32,
    ended: bool,
}

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
struct MirrorWrite {
    write_id: [u8; 16],
    seq: u64,
}

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
struct MirrorPart {
    hash: [u8; 32],
    length: u64,
}

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
struct MirrorManifest {
    format_level: u32,
    plane: String,
    write_id: [u8; 16],
    seq: u64,
    chain: [u8; 32],
    last_valid: u64,
    epoch: u64,
    leader: Option<MirrorLeader>,
    released: bool,
    table: Vec<MirrorTerm>,
    full: Option<MirrorFull>,
    writes: Vec<MirrorWrite>,
    writes_since: u64,
    time_ms: u64,
    state: [u8; 32],
    parts: Vec<MirrorPart>,
    collected: u64,
}

fn mirror_manifest() -> MirrorManifest {
    let holder = |n| MirrorProcess {
        node: "node-a".into(),
        nonce: [n; 16],
    };
    MirrorManifest {
        format_level: 1,
        plane: "Ab3dEf7h".into(),
        write_id: [1; 16],
        seq: 7,
        chain: [2; 32],
        last_valid: 6,
        epoch: 3,
        leader: Some(MirrorLeader {
            process: holder(3),
            uri: "http://a:8081/".into(),
        }),
        released: true,
        table: vec![
            MirrorTerm {
                epoch: 1,
                began: 2,
                write_id: [4; 16],
                last_valid: 4,
            },
            MirrorTerm {
                epoch: 3,
                began: 5,
                write_id: [5; 16],
                last_valid: 6,
            },
        ],
        full: Some(MirrorFull {
            epoch: 1,
            holder: holder(6),
            ttl_ms: 5000,
            drift_ppm: 10_000,
            ended: false,
        }),
        writes: vec![
            MirrorWrite {
                write_id: [4; 16],
                seq: 2,
            },
            MirrorWrite {
                write_id: [5; 16],
                seq: 5,
            },
        ],
        writes_since: 1,
        time_ms: 99,
        state: [7; 32],
        parts: vec![
            MirrorPart {
                hash: [8; 32],
                length: 5,
            },
            MirrorPart {
                hash: [9; 32],
                length: 0,
            },
        ],
        collected: 3,
    }
}

fn frame(magic: &[u8; 4], format: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend_from_slice(&format.to_le_bytes());
    bytes.extend_from_slice(body);
    let sum = Digest::of(&bytes);
    bytes.extend_from_slice(&sum.0);
    bytes
}

fn reframe(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = bytes[6..bytes.len() - 32].to_vec();
    change(&mut body);
    frame(bytes[..4].try_into().expect("a frame has a magic"), 1, &body)
}

#[test]
fn each_kind_of_entry_has_the_bytes_of_format_1() {
    for (name, payload) in payloads() {
        let mut header = header(payload.kind());
        if name == "genesis" {
            (header.epoch, header.prev) = (Epoch(0), Digest::NONE);
        }
        let (bytes, hash) = header.encode(&payload);
        assert_eq!(golden(name, &bytes), *bytes, "{name}");
        let entry = RawEntry::parse(OBJECT, Seq(7), &bytes).unwrap();
        assert_eq!((entry.header.clone(), entry.hash), (header.clone(), hash));
        assert_eq!(entry.decode(OBJECT).unwrap(), payload);
        assert_eq!(
            RawEntry::peek(&bytes[..bytes.len().min(RawEntry::PEEK as usize)]),
            Some(header)
        );
    }
}

#[test]
fn a_manifest_has_the_bytes_of_format_1() {
    let bytes = frame(b"HAPS", 1, &wincode::serialize(&mirror_manifest()).unwrap());
    assert_eq!(golden("manifest", &bytes), bytes);
    let manifest = Manifest::parse(Seq(7), &bytes).unwrap();
    assert_eq!(
        *manifest.encode(),
        *bytes,
        "what is read is written again byte by byte"
    );
    assert_eq!(
        manifest.view.leader.as_ref().unwrap().process,
        process("node-a", 3)
    );
    assert_eq!(manifest.view.table[&Epoch(3)].began, Seq(5));
    assert_eq!(manifest.parts.len(), 2);
    assert!(
        matches!(Manifest::parse(Seq(8), &bytes), Err(FormatError::Corrupt { .. })),
        "another slot's"
    );
}

#[test]
fn another_codec_reads_and_writes_the_same_bytes() {
    let header = header(Kind::Commit);
    let (_, payload) = payloads().remove(4);
    let (bytes, _) = header.encode(&payload);
    let mirror = MirrorHeader {
        seq: 7,
        epoch: 3,
        kind: 5,
        node: "node-a".into(),
        nonce: [0xA1; 16],
        write_id: [0xB2; 16],
        prev: [0xC3; 32],
    };
    let commit = MirrorCommit {
        time_ms: 123_456,
        replaces: false,
        changes: vec![b"one".to_vec(), vec![]],
    };
    let (head, body) = (
        wincode::serialize(&mirror).unwrap(),
        wincode::serialize(&commit).unwrap(),
    );
    let mut whole = head.clone();
    whole.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
    whole.extend_from_slice(&body);
    assert_eq!(frame(b"HAPJ", 1, &whole), *bytes);
    assert_eq!(
        wincode::deserialize::<MirrorHeader>(&bytes[6..6 + head.len()]).unwrap(),
        mirror
    );
    let at = 6 + head.len() + 4;
    assert_eq!(
        wincode::deserialize::<MirrorCommit>(&bytes[at..bytes.len() - 32]).unwrap(),
        commit
    );
    let manifest = Manifest::parse(
        Seq(7),
        &frame(b"HAPS", 1, &wincode::serialize(&mirror_manifest()).unwrap()),
    );
    let encoded = manifest.unwrap().encode();
    assert_eq!(
        wincode::deserialize::<MirrorManifest>(&encoded[6..encoded.len() - 32]).unwrap(),
        mirror_manifest()
    );
}

#[test]
fn a_node_record_has_the_text_of_format_1() {
    let identity = Identity {
        node: NodeId::new("node-a").unwrap(),
        uri: "http://a:8081/".into(),
        version: Some("1.0.0".into()),
        state_level: 0,
        priority: -2,
        mode: Mode::Auto,
        clean: false,
        seed: [7; 32],
    };
    let mut node = Node::new(Instant::from_millis(5), identity, Config::default());
    let put = std::iter::from_fn(|| node.poll_output()).find_map(|o| match o {
        Output::Store(r) => match r.op {
            StoreOp::Put { key, bytes } => Some((key, bytes)),
            _ => None,
        },
        _ => None,
    });
    let (key, bytes) = put.expect("the record is put at the start");
    assert_eq!(key, "nodes/node-a");
    assert_eq!(
        golden("record", &bytes),
        *bytes,
        "{}",
        String::from_utf8_lossy(&bytes)
    );
    let record = NodeRecord::parse(&NodeId::new("node-a").unwrap(), &bytes).unwrap();
    assert_eq!(
        (record.status, record.priority, record.beat),
        (Role::Initializing, -2, 1)
    );
    // A later version's further fields are no obstacle; another node's record, no record, and a huge one are.
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let more = text.replacen('{', "{\"later\":[1,{}],", 1);
    assert!(NodeRecord::parse(&record.node_id, more.as_bytes()).is_ok());
    assert!(NodeRecord::parse(&NodeId::new("node-b").unwrap(), &bytes).is_err());
    for bad in ["", "{}", "null", "[1]", "\u{0}", &text[..text.len() - 1]] {
        let error = NodeRecord::parse(&record.node_id, bad.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("nodes/node-a"), "{error}");
    }
    let huge = format!("{text}{}", " ".repeat(16 << 10));
    assert!(NodeRecord::parse(&record.node_id, huge.as_bytes()).is_err());
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let too_new = |result: Result<(), FormatError>, object: &str| match result {
        Err(error @ FormatError::TooNew { .. }) => assert!(error.to_string().contains(object), "{error}"),
        other => panic!("{object}: {other:?}"),
    };
    let (bytes, _) = header(Kind::Release).encode(&Payload::Release);
    let newer = frame(b"HAPJ", 2, &bytes[6..bytes.len() - 32]);
    too_new(RawEntry::parse(OBJECT, Seq(7), &newer).map(|_| ()), OBJECT);
    let manifest = frame(b"HAPS", 1, &wincode::serialize(&mirror_manifest()).unwrap());
    let newer = frame(b"HAPS", 2, &manifest[6..manifest.len() - 32]);
    too_new(
        Manifest::parse(Seq(7), &newer).map(|_| ()),
        "snapshot/00000000000000000007",
    );
    // A manifest of a later level, and whatever that level may hold.
    let mut level = reframe(&manifest, |body| body[0] = 2);
    too_new(
        Manifest::parse(Seq(7), &level).map(|_| ()),
        "snapshot/00000000000000000007",
    );
    level = reframe(&manifest, |body| {
        body.truncate(9);
        body[0] = 9;
    });
    too_new(
        Manifest::parse(Seq(7), &level).map(|_| ()),
        "snapshot/00000000000000000007",
    );
    // An entry of an unknown kind: its header is readable, its payload is not guessed at.
    let unknown = reframe(&bytes, |body| body[16] = 77);
    let entry = RawEntry::parse(OBJECT, Seq(7), &unknown).unwrap();
    assert_eq!(entry.header.kind, Kind::Unknown(77));
    too_new(entry.decode(OBJECT).map(|_| ()), OBJECT);
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let manifest = frame(b"HAPS", 1, &wincode::serialize(&mirror_manifest()).unwrap());
    assert!(Manifest::parse(Seq(7), &manifest).is_ok());
    let mut all: Vec<Vec<u8>> = payloads()
        .iter()
        .map(|(_, p)| header(p.kind()).encode(p).0.to_vec())
        .collect();
    all.push(manifest);
    for good in all {
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(RawEntry::parse(OBJECT, Seq(7), &bad).is_err(), "bit {bit}");
            assert!(Manifest::parse(Seq(7), &bad).is_err(), "bit {bit}");
            let _ = RawEntry::peek(&bad);
        }
    }
}

#[test]
fn what_is_cut_short_or_too_long_is_refused_also_under_a_good_checksum() {
    let manifest = frame(b"HAPS", 1, &wincode::serialize(&mirror_manifest()).unwrap());
    for length in 0..manifest.len() {
        assert!(Manifest::parse(Seq(7), &manifest[..length]).is_err());
    }
    for length in 0..manifest.len() - 38 {
        assert!(
            Manifest::parse(Seq(7), &reframe(&manifest, |b| b.truncate(length))).is_err(),
            "{length}"
        );
    }
    assert!(Manifest::parse(Seq(7), &reframe(&manifest, |b| b.push(0))).is_err());
    for (name, payload) in payloads() {
        let (bytes, _) = header(payload.kind()).encode(&payload);
        for length in 0..bytes.len() {
            assert!(
                RawEntry::parse(OBJECT, Seq(7), &bytes[..length]).is_err(),
                "{name} {length}"
            );
        }
        let reads = |b: &[u8]| RawEntry::parse(OBJECT, Seq(7), b).and_then(|e| e.decode(OBJECT));
        for length in 0..bytes.len() - 38 {
            assert!(
                reads(&reframe(&bytes, |b| b.truncate(length))).is_err(),
                "{name} {length}"
            );
        }
        assert!(
            reads(&reframe(&bytes, |b| b.push(0))).is_err(),
            "{name}: a byte too many"
        );
        // A payload with a byte too many, and lengths that say so.
        let head = 8 + 8 + 1 + 8 + 6 + 16 + 16 + 32;
        let longer = reframe(&bytes, |b| {
            let length = u32::from_le_bytes(b[head..head + 4].try_into().unwrap()) + 1;
            b[head..head + 4].copy_from_slice(&length.to_le_bytes());
            b.push(0);
        });
        assert!(reads(&longer).is_err(), "{name}: a payload that is too long");
        // Lengths that promise the world allocate nothing of it.
        let boast = reframe(&bytes, |b| b[17..25].copy_from_slice(&u64::MAX.to_le_bytes()));
        assert!(reads(&boast).is_err());
        assert!(RawEntry::parse(OBJECT, Seq(8), &bytes).is_err(), "another slot's");
    }
}
