//! Looking for the newest manifest: list `snapshot/`, then get it. A listing and a get of an immutable object count as one step.

use alloc::string::ToString;
use alloc::sync::Arc;

use crate::entry::FormatError;
use crate::layout::{SNAPSHOTS, manifest_key, seq_of};
use crate::manifest::Manifest;
use crate::names::Seq;
use crate::output::Cx;
use crate::request::{Ask, RequestId, StoreOp, StoreReply};
use crate::time::Instant;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Newest {
    step: Step,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Step {
    List(Ask),
    Get(Seq, Ask),
}

/// What a reply led to.
pub(crate) enum Looked {
    /// Still looking.
    Waiting,
    /// The newest manifest, or that there is none.
    Found { manifest: Option<Arc<Manifest>> },
    /// It does not verify.
    Bad(FormatError),
}

impl Newest {
    pub(crate) fn begin(now: Instant) -> Self {
        Self {
            step: Step::List(Ask::Due(now)),
        }
    }

    pub(crate) fn wake(&self) -> Instant {
        match &self.step {
            Step::List(ask) | Step::Get(_, ask) => ask.wake(),
        }
    }

    pub(crate) fn drive(&mut self, cx: &mut Cx<'_>) {
        match &mut self.step {
            Step::List(ask) => {
                cx.drive(ask, || StoreOp::List {
                    folder: SNAPSHOTS.to_string(),
                });
            }
            Step::Get(seq, ask) => {
                let key = manifest_key(*seq);
                cx.drive(ask, || StoreOp::Get { key });
            }
        }
    }

    pub(crate) fn is(&self, id: RequestId) -> bool {
        match &self.step {
            Step::List(ask) | Step::Get(_, ask) => ask.is(id),
        }
    }

    /// Takes the reply to its request. `known` spares the get of a manifest that was read before.
    pub(crate) fn on_reply(
        &mut self,
        cx: &mut Cx<'_>,
        reply: StoreReply,
        known: Option<&Arc<Manifest>>,
    ) -> Looked {
        match (&self.step, reply) {
            (Step::List(_), StoreReply::Names(names)) => {
                let Some(seq) = names.iter().filter_map(|n| seq_of(n)).max() else {
                    return Looked::Found { manifest: None };
                };
                if let Some(known) = known.filter(|m| m.seq() == seq) {
                    return Looked::Found {
                        manifest: Some(known.clone()),
                    };
                }
                self.step = Step::Get(seq, Ask::Due(cx.now));
            }
            (Step::Get(seq, _), StoreReply::Bytes(bytes)) => {
                return match Manifest::parse(*seq, &bytes) {
                    Ok(manifest) => Looked::Found {
                        manifest: Some(Arc::new(manifest)),
                    },
                    Err(bad) => Looked::Bad(bad),
                };
            }
            // Deleted since it was listed: there are newer ones.
            (Step::Get(..), StoreReply::Absent { .. }) => self.step = Step::List(cx.later()),
            (Step::List(ask) | Step::Get(_, ask), _) => {
                debug_assert!(ask.sent_at().is_some(), "a reply is to a request");
                let again = cx.later();
                match &mut self.step {
                    Step::List(ask) | Step::Get(_, ask) => *ask = again,
                }
            }
        }
        self.drive(cx);
        Looked::Waiting
    }
}
