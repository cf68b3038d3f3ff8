//! Adjuncts that are attached to entities that live.

use bytes::Bytes;

use super::effectors::HostError;
use super::{Host, lock};
use crate::entity::{Adjunct, AdjunctKind};
use crate::names::{AdjunctId, EntityId};
use crate::propose::{ClientKey, Draft};
use crate::types::check_stored;
use crate::values::Values;

impl Host {
    /// Attaches an adjunct of a registered type to an entity, and answers it as it was attached: it is at work from then on. The same key again is
    /// answered with the first one, also if it is there no more.
    ///
    /// # Errors
    /// If there is no such entity, no such type (of that kind), config is of the wrong type, or it was not applied, or may be.
    pub async fn attach(
        &self,
        key: Option<ClientKey<'_>>,
        entity: &EntityId,
        kind: Option<AdjunctKind>,
        adjunct_type: &str,
        config: Values,
    ) -> Result<Adjunct, HostError> {
        let types = &self.0.settings.adjuncts;
        let mut fit = types
            .descriptions()
            .iter()
            .filter(|d| kind.is_none_or(|k| k == d.kind));
        let Some(found) = fit.clone().find(|d| d.name == adjunct_type) else {
            let known: Vec<_> = fit.by_ref().map(|d| d.name.as_str()).collect();
            return Err(HostError::UnknownAdjunctType {
                name: adjunct_type.chars().take(200).collect(),
                known: known.join(", "),
            });
        };
        check_stored(&found.config, &config)?;
        let id = AdjunctId::new(lock(&self.0.ids).entity().as_str()).expect(crate::blueprint::SAME_ALPHABET);
        let mut adjunct = Adjunct {
            id,
            kind: found.kind,
            adjunct_type: found.name.clone(),
            name: found.name.rsplit('.').next().unwrap_or(&found.name).to_owned(),
            catalog_item: None,
            is_running: true,
            config,
            highlights: Values::default(),
        };
        let attach = |draft: &mut Draft<'_>| {
            draft.attach(entity, adjunct.clone())?;
            Ok(Bytes::copy_from_slice(adjunct.id.as_str().as_bytes()))
        };
        let answer = self.propose(key, attach).await?;
        let id = std::str::from_utf8(&answer)
            .ok()
            .and_then(|id| AdjunctId::new(id).ok());
        adjunct.id = id.ok_or_else(HostError::other_kind)?;
        Ok(adjunct)
    }
}
