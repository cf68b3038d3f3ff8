//! Copies between stores in memory, where something happens just then.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ha_core::proto::{Digest, Evidence, Header, Payload, Process, WriteId};
use ha_core::{Epoch, NodeId, Nonce, PlaneId, Seq};
use ha_store::{Error, Folder, Key, MemoryStore, Store};

use super::*;
use crate::cli::StoreArgs;

const WITHIN: Duration = Duration::from_secs(1);

/// A journal that is being written by hand.
#[derive(Clone)]
struct Script {
    store: MemoryStore,
    seq: u64,
    prev: Digest,
}

impl Script {
    /// A plane with a leader and so many commits.
    async fn of(commits: u64) -> Self {
        let mut script = Self {
            store: MemoryStore::new(),
            seq: 0,
            prev: Digest::NONE,
        };
        let genesis = Payload::Genesis {
            plane: PlaneId("Abcd1234".to_owned()),
            format_level: 1,
        };
        script.append(0, &genesis).await;
        let takeover = Payload::Takeover {
            uri: String::new(),
            evidence: Evidence::Vacant,
        };
        script.append(1, &takeover).await;
        for _ in 0..commits {
            script.append(1, &commit()).await;
        }
        script
    }

    fn entry(&self, epoch: u64, payload: &Payload) -> (Arc<[u8]>, Digest) {
        let header = Header {
            seq: Seq(self.seq + 1),
            epoch: Epoch(epoch),
            kind: payload.kind(),
            by: Process {
                node: NodeId::new("a").unwrap(),
                nonce: Nonce([1; 16]),
            },
            write_id: WriteId([u8::try_from(self.seq).unwrap(); 16]),
            prev: self.prev,
        };
        header.encode(payload)
    }

    async fn append(&mut self, epoch: u64, payload: &Payload) {
        let (bytes, hash) = self.entry(epoch, payload);
        self.seq += 1;
        self.prev = hash;
        put(&self.store, &layout::entry_key(Seq(self.seq)), &bytes).await;
    }
}

fn commit() -> Payload {
    Payload::Commit {
        time_ms: 1,
        replaces: false,
        changes: [Arc::from(*b"x")].into(),
    }
}

async fn put(store: &MemoryStore, key: &str, bytes: &[u8]) {
    let key = Key::new(key).unwrap();
    store.put(&key, bytes.to_vec().into(), WITHIN).await.unwrap();
}

/// What happens to a store while it is copied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Happening {
    Nothing,
    /// Somebody appends when the last entry is read for the second time.
    Append,
    /// A node's record comes at that time.
    Record,
    /// What is created in a slot is lost.
    Lose,
}

#[derive(Debug)]
struct Stage {
    inner: MemoryStore,
    happening: Happening,
    last: String,
    next: Vec<u8>,
    reads: AtomicUsize,
}

impl Stage {
    fn side(script: &Script, happening: Happening) -> Side {
        let (next, _) = script.entry(1, &commit());
        let stage = Self {
            inner: script.store.clone(),
            happening,
            last: layout::entry_key(Seq(script.seq)),
            next: next.to_vec(),
            reads: AtomicUsize::new(0),
        };
        Side {
            store: Arc::new(stage),
        }
    }
}

#[async_trait]
impl Store for Stage {
    async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        if self.happening == Happening::Lose && key.as_str() == self.last {
            return Ok(());
        }
        self.inner.create(key, bytes, within).await
    }

    async fn put(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        self.inner.put(key, bytes, within).await
    }

    async fn get(&self, key: &Key, within: Duration) -> Result<Bytes, Error> {
        if key.as_str() == self.last && self.reads.fetch_add(1, Ordering::SeqCst) == 1 {
            let slot = layout::seq_of(key.name()).unwrap();
            match self.happening {
                Happening::Append => put(&self.inner, &layout::entry_key(slot.next()), &self.next).await,
                Happening::Record => put(&self.inner, "nodes/late", b"{}").await,
                _ => {}
            }
        }
        self.inner.get(key, within).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>, within: Duration) -> Result<Bytes, Error> {
        self.inner.get_range(key, range, within).await
    }

    async fn list(&self, folder: &Folder, within: Duration) -> Result<Vec<String>, Error> {
        self.inner.list(folder, within).await
    }

    async fn delete(&self, key: &Key, within: Duration) -> Result<(), Error> {
        self.inner.delete(key, within).await
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stage")
    }
}

fn args() -> CopyStateArgs {
    CopyStateArgs {
        from: PathBuf::new(),
        to: PathBuf::new(),
        resume: false,
        watch_period: None,
        bucket: StoreArgs {
            connect_timeout: None,
            first_byte_timeout: None,
            total_timeout: None,
        },
    }
}

async fn copied(from: &Side, to: &Side) -> Result<(Head, Tally), String> {
    copy(&args(), from, to)
        .await
        .map_err(|error| crate::failure::chain(&error))
}

async fn has_sign(to: &Side) -> bool {
    to.get(&layout::copy_sign_key()).await.unwrap().is_some()
}

#[tokio::test]
async fn a_copy_has_the_same_head_and_no_sign() {
    let script = Script::of(40).await;
    let from = Stage::side(&script, Happening::Nothing);
    let to = Side {
        store: Arc::new(MemoryStore::new()),
    };
    let (head, tally) = copied(&from, &to).await.unwrap();
    assert_eq!((head.seq, head.chain, head.epoch), (Seq(42), script.prev, 1));
    assert_eq!((tally.entries, tally.invalid), (42, 0));
    assert!(!has_sign(&to).await);
    assert_eq!(to.list("snapshot").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_source_that_moves_while_it_is_copied_gives_no_plane() {
    for (happening, wanted) in [
        (Happening::Append, "has moved on while it was copied"),
        (Happening::Record, "node `late` is alive"),
    ] {
        let script = Script::of(3).await;
        let from = Stage::side(&script, happening);
        let to = Side {
            store: Arc::new(MemoryStore::new()),
        };
        let error = copied(&from, &to).await.unwrap_err();
        assert!(error.contains(wanted), "{error}");
        assert!(has_sign(&to).await, "no node will take it for a plane");
    }
}

#[tokio::test]
async fn a_destination_that_loses_an_object_gives_no_plane() {
    let script = Script::of(3).await;
    let from = Stage::side(&script, Happening::Nothing);
    let empty = Script {
        store: MemoryStore::new(),
        ..script
    };
    let to = Stage::side(&empty, Happening::Lose);
    let error = copied(&from, &to).await.unwrap_err();
    assert!(error.contains("is not what is in"), "{error}");
    assert!(has_sign(&to).await);
}

#[tokio::test]
async fn a_chain_that_was_altered_is_named_though_every_entry_verifies() {
    let script = Script::of(6).await;
    // Slot 4 by another hand: whole in itself, and fits what is before it.
    let mut forger = Script::of(1).await;
    forger.seq = 3;
    let (forged, _) = forger.entry(
        1,
        &Payload::Commit {
            time_ms: 2,
            replaces: true,
            changes: [].into(),
        },
    );
    put(&script.store, &layout::entry_key(Seq(4)), &forged).await;
    let from = Stage::side(&script, Happening::Nothing);
    let to = Side {
        store: Arc::new(MemoryStore::new()),
    };
    let error = copied(&from, &to).await.unwrap_err();
    let named = format!("`{}` is damaged or foreign", layout::entry_key(Seq(5)));
    assert!(error.contains(&named), "{error}");
    assert!(to.list("").await.unwrap().is_empty(), "nothing was written");
}

#[tokio::test]
async fn what_a_deposed_leader_has_left_is_copied_and_counted() {
    let mut script = Script::of(3).await;
    let before = script.prev;
    let takeover = Payload::Takeover {
        uri: String::new(),
        evidence: Evidence::Silent,
    };
    script.append(2, &takeover).await;
    let after = script.prev;
    // Written by the old epoch, which had not heard of the new one.
    script.prev = before;
    script.append(1, &commit()).await;
    script.prev = after;
    script.append(2, &commit()).await;
    let from = Stage::side(&script, Happening::Nothing);
    let to = Side {
        store: Arc::new(MemoryStore::new()),
    };
    let (head, tally) = copied(&from, &to).await.unwrap();
    assert_eq!(
        (head.seq, head.epoch, tally.entries, tally.invalid),
        (Seq(8), 2, 8, 1)
    );
}
