//! The HA gate: refuses what this node's role does not permit, before any resource sees it.
//!
//! It takes the place of Brooklyn's `HaHotCheckResourceFilter` (`lookForProblem`), with its order, both its messages, and its
//! header; `decision` has the list.

mod layer;
pub use layer::GateLayer;

mod service;
pub use service::{Gate, GateFuture};

mod decision;
pub(crate) use decision::{HOT_REQUIRED, MASTER_REQUIRED, refusal};

use http::header::HeaderName;

/// `Brooklyn-Allow-Non-Master-Access`: with the value `true`, in any case, it opens the gate.
pub const SKIP_HEADER: HeaderName = HeaderName::from_static("brooklyn-allow-non-master-access");
