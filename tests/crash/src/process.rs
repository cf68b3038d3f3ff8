//! One process: a production node, the owner of its state, and the store on the disk; alone in the world, with a clock that jumps to what is due.

use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;
use std::sync::Arc;

use ha_core::failed_reply;
use ha_proto::{
    Event, HostRequest, Identity, Input, Instant, Mode, Node, NodeId, Output, StoreOp, StoreReply,
};
use ha_sim::Host;
use ha_store::crash::{Disk, DiskStore};
use ha_store::{Error, Folder, Key};

/// A bug that is planted, to see that it is found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Plant {
    /// None.
    #[default]
    Nothing,
    /// No fsync of a file.
    FileSync,
    /// No fsync of a folder.
    FolderSync,
    /// The parts of a snapshot are written when its manifest is there.
    PartsLast,
    /// Entries are collected when the manifest that stands for them is not durable.
    ManifestNotDurable,
}

impl Plant {
    /// Each bug, by its name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("file-sync", Self::FileSync),
        ("folder-sync", Self::FolderSync),
        ("parts-last", Self::PartsLast),
        ("manifest-not-durable", Self::ManifestNotDurable),
    ];
}

impl FromStr for Plant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(n, _)| *n == name);
        found.map(|(_, plant)| *plant).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(n, _)| *n).collect();
            format!("`{name}` is none of {}", names.join(", "))
        })
    }
}

/// A process that runs.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) node: Node,
    pub(crate) host: Host,
    /// Numbers of changes that were acknowledged, in order.
    pub(crate) acked: Vec<u64>,
    disk: Disk,
    store: DiskStore,
    ms: u64,
    tickets: BTreeMap<u64, u64>,
    plant: Plant,
    /// Parts that a planted bug has not written yet.
    late: Vec<(Key, Arc<[u8]>)>,
    pub(crate) snapshots: u64,
    pub(crate) collections: u64,
}

impl Process {
    /// Starts one.
    pub(crate) fn start(
        disk: &Disk,
        name: &str,
        mode: Mode,
        draw: u64,
        plant: Plant,
    ) -> Result<Self, String> {
        let store = disk.open().map_err(|e| format!("the store does not open: {e}"))?;
        disk.lie(plant == Plant::FileSync, plant == Plant::FolderSync);
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&draw.to_le_bytes());
        seed[8] = name.bytes().last().unwrap_or_default();
        let identity = Identity {
            node: NodeId::new(name).map_err(|e| e.to_string())?,
            uri: String::new(),
            version: None,
            state_level: 0,
            priority: 0,
            mode,
            clean: false,
            seed,
        };
        let config = ha_sim::config().snapshot_entries(4).build();
        let ms = 1_000_000;
        let config = config.map_err(|e| e.to_string())?;
        Ok(Self {
            node: Node::new(Instant::from_millis(ms), identity, config),
            host: Host::default(),
            acked: Vec::new(),
            disk: disk.clone(),
            store,
            ms,
            tickets: BTreeMap::new(),
            plant,
            late: Vec::new(),
            snapshots: 0,
            collections: 0,
        })
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.ms)
    }

    /// It leads, and holds the whole state.
    pub(crate) fn leads(&self) -> bool {
        self.node.write_authority().is_some() && self.is_level()
    }

    /// Its owner holds what its view says.
    pub(crate) fn is_level(&self) -> bool {
        self.host.loaded && self.node.applied() == Some(self.node.view().last_valid)
    }

    /// A client proposes a change.
    pub(crate) fn propose(&mut self, number: u64) -> Result<(), String> {
        let proposed = self.node.propose(self.now(), ha_sim::change(number, &[]));
        let ticket = proposed.map_err(|why| format!("change {number} is not taken: {why:?}"))?;
        self.tickets.insert(ticket.0, number);
        Ok(())
    }

    /// Lets it work until something holds, for so many milliseconds of its clock at most. After each request to the store `done` is called, before the
    /// node hears the answer.
    pub(crate) fn run(
        &mut self,
        most: u64,
        until: impl Fn(&Self) -> bool,
        mut done: impl FnMut(&Self),
    ) -> Result<(), String> {
        let end = self.ms + most;
        let mut inputs = VecDeque::new();
        loop {
            while let Some(output) = self.node.poll_output() {
                match output {
                    Output::Store(request) => {
                        let reply = self.call(request.op).unwrap_or_else(|e| failed_reply(&e));
                        done(self);
                        inputs.push_back(Input::Store {
                            id: request.id,
                            reply,
                        });
                    }
                    Output::Host(request) => inputs.extend(self.own(request)?),
                    Output::Event(event) => self.told(&event),
                }
            }
            if let Some(input) = inputs.pop_front() {
                self.node.handle_input(self.now(), input);
                continue;
            }
            if until(self) {
                return Ok(());
            }
            if let Some(why) = self.node.failure() {
                return Err(format!("the node has failed: {why}"));
            }
            let due = self.node.poll_timeout().map_or(end + 1, Instant::as_millis);
            self.ms = due.max(self.ms + 1);
            if self.ms > end {
                return Err(format!(
                    "nothing came of it within {most} ms: {:?}, slot {}",
                    self.node.role(self.now()),
                    self.node.view().pos
                ));
            }
            self.node.handle_timeout(self.now());
        }
    }

    fn call(&mut self, op: StoreOp) -> Result<StoreReply, Error> {
        Ok(match op {
            StoreOp::Create { key, bytes } => {
                self.create(&Key::new(&key)?, bytes)?;
                StoreReply::Done
            }
            StoreOp::Put { key, bytes } => {
                self.store.put(&Key::new(&key)?, &bytes)?;
                StoreReply::Done
            }
            StoreOp::Get { key } => StoreReply::Bytes(Arc::from(&self.store.get(&Key::new(&key)?)?[..])),
            StoreOp::GetRange { key, range } => {
                StoreReply::Bytes(Arc::from(&self.store.get_range(&Key::new(&key)?, range)?[..]))
            }
            StoreOp::List { folder } => StoreReply::Names(self.list(&folder)?),
            StoreOp::Delete { key } => {
                self.store.delete(&Key::new(&key)?)?;
                StoreReply::Done
            }
        })
    }

    fn create(&mut self, key: &Key, bytes: Arc<[u8]>) -> Result<(), Error> {
        let path = key.as_str();
        match self.plant {
            Plant::PartsLast if path.starts_with("parts/") => self.late.push((key.clone(), bytes)),
            Plant::PartsLast if path.starts_with("snapshot/") => {
                self.store.create(key, &bytes)?;
                for (key, bytes) in std::mem::take(&mut self.late) {
                    self.store.create(&key, &bytes)?;
                }
            }
            Plant::ManifestNotDurable if path.starts_with("snapshot/") => {
                self.disk.lie(false, true);
                let created = self.store.create(key, &bytes);
                self.disk.lie(false, false);
                created?;
            }
            _ => self.store.create(key, &bytes)?,
        }
        Ok(())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Error> {
        let mut names = self.store.list(&Folder::new(folder)?)?;
        let late = self.late.iter().filter_map(|(key, _)| {
            let (of, name) = key.as_str().rsplit_once('/')?;
            (of == folder).then(|| name.to_owned())
        });
        names.extend(late);
        Ok(names)
    }

    fn own(&mut self, request: HostRequest) -> Result<Option<Input>, String> {
        match request {
            HostRequest::Unload => self.host = Host::default(),
            HostRequest::Restore { load, parts, .. } => {
                self.host = Host::restore(&parts)?;
                return Ok(Some(Input::Restored { load, result: Ok(()) }));
            }
            HostRequest::Apply(entry) => self.host.apply(&entry),
            HostRequest::Barrier { id } => return Ok(Some(Input::Barrier { id })),
            HostRequest::Snapshot { id, .. } => {
                let parts = self.host.snapshot();
                return Ok(Some(Input::Snapshot { id, parts }));
            }
        }
        Ok(None)
    }

    fn told(&mut self, event: &Event) {
        match event {
            Event::Durable { tickets, .. } => {
                let numbers = (tickets.first.0..=tickets.last.0).filter_map(|t| self.tickets.remove(&t));
                self.acked.extend(numbers);
            }
            Event::Note(said) if said.starts_with("snapshot written") => self.snapshots += 1,
            Event::Note(said) if said.starts_with("collected") => self.collections += 1,
            _ => {}
        }
    }
}
