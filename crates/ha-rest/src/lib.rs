//! The REST API of a node: Apache Brooklyn's `/v1/server` and `/v1/server/ha`, and the gate before them.
//!
//! What a client meets is Brooklyn's wire shape: paths, form parameters, field names and their order, quoting, status codes
//! and messages. What lies behind is a [`Control`], which the server implements for its node; this crate knows nothing of
//! journals, elections or stores, and is the only one that knows JSON.
//!
//! - [`app()`] makes the [`axum::Router`]; it can be called without a socket, by `tower`'s `oneshot`, and that is how it is tested.
//! - [`GateLayer`] refuses what this node's role does not permit (403), and writes of a leader that has lost its store (503).
//! - [`ApiError`] is the body of every refusal.
//! - [`serve()`] runs a router on a listener, with time-outs for slow clients, a bound on connections, and a drain.
//!
//! # What a status code promises
//!
//! | Code | Means |
//! |---|---|
//! | 2xx | Done; what had to be durable is. |
//! | 4xx | Not applied: the request was wrong, or this node is not the one to ask (403), or it came too slowly (408). |
//! | 500 | Something failed inside this node; its log says what. |
//! | 503 | Certainly not applied; try again, here or at the node that leads by then. |
//! | 504 | With the header `X-HA-Outcome: unknown`: may have been applied, or may be yet. |
//!
//! # Where it differs from Brooklyn
//!
//! A missing or unusable parameter is a 400 with an [`ApiError`] that names it (Brooklyn: 500, or 400 with no body), chunked
//! bodies work, a priority can be set without a login, `POST /server/shutdown` does not wait five seconds for nothing, and
//! parameters that Brooklyn silently takes for `false` are refused. `tests/recordings.rs` lists each difference from a real
//! server with its reason.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//!
//! use ha_core::{Mode, NodeId, Role, Status};
//! use ha_rest::{Control, ControlError, Settings, VersionInfo, app, serve};
//!
//! #[derive(Debug)]
//! struct Node(NodeId);
//!
//! #[async_trait::async_trait]
//! impl Control for Node {
//!     fn status(&self) -> Status {
//!         Status::starting(self.0.clone())
//!     }
//!     fn now_ms(&self) -> u64 {
//!         1_466_414_301_065
//!     }
//!     async fn change_mode(&self, _mode: Mode) -> Result<Role, ControlError> {
//!         Err(ControlError::Refused("this node is only an example".to_owned()))
//!     }
//!     async fn set_priority(&self, _priority: i64) -> Result<i64, ControlError> {
//!         Ok(0)
//!     }
//!     async fn clear_nodes(&self, _only: Option<NodeId>) -> Result<(), ControlError> {
//!         Ok(())
//!     }
//!     fn shutdown(&self) {}
//!     fn config(&self, _key: &str) -> Option<String> {
//!         None
//!     }
//!     fn version(&self) -> VersionInfo {
//!         VersionInfo::new("0.1.0")
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::default();
//! let router = app(Arc::new(Node(NodeId::new("yAVz0fzo")?)), settings.clone());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let stop = async { /* a signal, or Control::shutdown */ };
//! serve(listener, router, &settings, stop).await?;
//! # Ok(())
//! # }
//! ```

mod control;
pub use control::{Control, ControlError, Feature, VersionInfo};

mod entities;
mod usage;
pub use usage::{OperationUsage, StoreCost, StoreUsage};

mod settings;
pub use settings::Settings;

mod app;
pub use app::app;

mod gate;
pub use gate::{Gate, GateFuture, GateLayer, SKIP_HEADER};

mod error;
pub use error::{ApiError, OUTCOME_HEADER};

mod serve;
pub use serve::serve;

mod duration;
mod page;
mod params;
mod server;
