//! Steps in words, for the shortest way to a violation.

use ha_proto::Payload;

use super::Journal;
use super::local::Ask;
use super::state::State;
use super::steps::{Kept, Step, Told};
use crate::crew::letter;
use crate::tables::{Key, What};

impl Journal {
    fn object(&self, id: u32) -> String {
        let object = self.tables.objects.get(id);
        match (&object.what, object.key) {
            (What::Entry { header, payload, .. }, Key::Slot(slot)) => {
                let whom = match payload {
                    Payload::Handover { successor, .. } => {
                        format!(" naming {}", successor.node.as_str().to_uppercase())
                    }
                    _ => String::new(),
                };
                let by = header.by.node.as_str().to_uppercase();
                format!(
                    "{by}'s {:?}{whom} of epoch {} for slot {slot} [{id}]",
                    header.kind, header.epoch
                )
            }
            (_, Key::Manifest(seq)) => format!("the manifest of the snapshot at {seq} [{id}]"),
            (_, Key::Part(seq, _, index)) => format!("part {index} of the snapshot at {seq} [{id}]"),
            (_, Key::Slot(slot)) => format!("slot {slot}"),
        }
    }

    fn asked(&self, state: &State, ask: Ask) -> String {
        let newest = state.kept().1.1;
        match ask {
            Ask::Create(object) => format!("creates {}", self.object(object)),
            Ask::Get(Key::Slot(slot)) => match state.slots[usize::from(slot)] {
                0 => format!("gets slot {slot}: 404"),
                object => format!("gets slot {slot}: {}", self.object(object)),
            },
            Ask::Manifests => format!("lists snapshot/: newest {newest}"),
            Ask::PartFolders => "lists parts/".to_owned(),
            other => format!("asks {other:?}"),
        }
    }

    pub(super) fn say(&self, before: &State, step: Step, after: &State) -> String {
        let did = match step {
            Step::Lands(object) => format!("lands, and nobody is told: {}", self.object(object)),
            Step::Deleted(Kept::Slot(slot)) => format!("a collector's delete of slot {slot} lands"),
            Step::Deleted(Kept::Manifest(seq)) => {
                format!("a collector's delete of the manifest at {seq} lands")
            }
            Step::Deleted(Kept::Part(at, index)) => {
                let seq = before.snaps[usize::from(at)].seq;
                format!("a collector's delete of part {index} of the snapshot at {seq} lands")
            }
            Step::Answered(who, at) => {
                let ask = self.local(before, usize::from(who)).asks[usize::from(at)].1;
                format!("{} {}", letter(who), self.asked(before, ask))
            }
            Step::Told(who, told) => {
                let what = match told {
                    Told::Claim => "is told to take over and sends its Takeover".to_owned(),
                    Told::Propose => "is given a change to commit".to_owned(),
                    Told::Beside => "is given a change to commit while its claim is validated".to_owned(),
                    Told::Release => "is told to let go".to_owned(),
                    Told::Handover(to) => format!("is told to hand over to {}", letter(to)),
                    Told::Confirm => "comes to its slow period".to_owned(),
                    Told::Read => "is asked for a linearizable read".to_owned(),
                    Told::Snapshot => "begins to write a snapshot".to_owned(),
                    Told::Unusable => "finds that it cannot use its state".to_owned(),
                };
                format!("{} {what}", letter(who))
            }
            Step::Restarted(who) => format!("{} dies and starts again", letter(who)),
        };
        let node = |i: usize| {
            let local = self.local(after, i);
            let leads = local
                .lead
                .map_or_else(String::new, |(e, _)| format!(" leads {e}"));
            format!("{}@{}{leads}", letter(u8::try_from(i).unwrap_or(0)), local.pos)
        };
        let nodes: Vec<_> = (0..usize::from(self.bounds.nodes)).map(node).collect();
        format!("{did}   ({}; truth@{})", nodes.join(", "), after.truth_at)
    }
}
