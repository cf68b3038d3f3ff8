use std::fmt;
use std::sync::Arc;

use tower::Layer;

use super::service::Gate;
use crate::control::Control;

/// Puts a [`Gate`] before a service.
///
/// `P` says of a path, as it stands in the request, whether its resource needs a node that holds the plane's state (Brooklyn's
/// `@HaHotStateRequired`).
///
/// ```
/// # use std::sync::Arc;
/// # use ha_rest::{Control, GateLayer};
/// fn gate(control: Arc<dyn Control>) -> GateLayer<fn(&str) -> bool> {
///     GateLayer::new(control, |path| path.starts_with("/v1/applications"))
/// }
/// ```
#[derive(Clone)]
pub struct GateLayer<P> {
    control: Arc<dyn Control>,
    hot_required: P,
}

impl<P> GateLayer<P> {
    /// A gate that goes by the status of `control`, and by `hot_required` for each path.
    pub fn new(control: Arc<dyn Control>, hot_required: P) -> Self {
        Self {
            control,
            hot_required,
        }
    }
}

impl<S, P: Clone> Layer<S> for GateLayer<P> {
    type Service = Gate<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(inner, Arc::clone(&self.control), self.hot_required.clone())
    }
}

impl<P> fmt::Debug for GateLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateLayer")
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}
