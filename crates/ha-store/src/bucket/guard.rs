//! Keys that are asked for elsewhere: what can go wrong there is kept apart from the objects.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::CredentialProvider;

use super::trace::{Fate, note};

/// Keys of a role or an account, which have to be asked for. That there are none is told with where they were looked for.
pub(super) struct Guard<C> {
    inner: Arc<dyn CredentialProvider<Credential = C>>,
    told: String,
}

impl<C> Guard<C> {
    /// `told` says what is missing, where it was looked for, and what to do.
    pub(super) fn new(inner: Arc<dyn CredentialProvider<Credential = C>>, told: String) -> Self {
        Self { inner, told }
    }
}

#[async_trait]
impl<C: Send + Sync + 'static> CredentialProvider for Guard<C> {
    type Credential = C;

    async fn get_credential(&self) -> object_store::Result<Arc<C>> {
        // In a task of its own: what is answered there is no answer about an object, and must not be noted as one. Also,
        // `object_store` panics at some answers that it does not expect.
        let inner = Arc::clone(&self.inner);
        let asked = tokio::spawn(async move { inner.get_credential().await }).await;
        let asked = asked.unwrap_or_else(|error| Err(error.into()));
        asked.inspect_err(|error| {
            let why: String = error.to_string().chars().take(300).collect();
            note(Fate::NoCredentials(format!(
                "{} ({})",
                self.told,
                why.escape_debug()
            )));
        })
    }
}

impl<C> fmt::Debug for Guard<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
