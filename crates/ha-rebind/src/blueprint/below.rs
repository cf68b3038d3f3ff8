//! Children for an entity that is there already.

use super::error::{At, BlueprintError};
use super::plan::{Known, Plan, Planner};
use super::spec::Blueprint;
use crate::names::EntityId;

impl Blueprint {
    /// What is to be made below an entity that is there: the services, in their order, as its last children. What the blueprint
    /// says for all of them holds for each. Its `id`s are known among these; others are looked for when they are needed.
    ///
    /// # Errors
    /// As for [`plan`](Self::plan).
    pub fn plan_below(
        &self,
        parent: &EntityId,
        known: &Known<'_>,
        now_ms: u64,
        new_id: impl FnMut() -> EntityId,
    ) -> Result<Plan, BlueprintError> {
        let mut planner = Planner::new(known, now_ms, new_id);
        for service in &self.services {
            planner.name(service, &service.children);
        }
        let at = At::TOP.key("services");
        for (i, service) in self.services.iter().enumerate() {
            let mut merged = self.merged(service);
            if self.services.len() > 1 {
                merged.name.clone_from(&service.name);
            }
            planner.make(&merged, &service.children, Some(parent), at.item(i))?;
        }
        Ok(planner.done())
    }
}
