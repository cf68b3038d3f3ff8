//! A smaller world that still breaks: fewer kinds of faults, a shorter turmoil, fewer nodes.

use crate::{KINDS, Plan, SEC, Service, Violation, run};

/// Tries smaller plans for as long as one of them still ends in a violation; tells each that does. The last one comes back, with what did not
/// hold in it; `None` if this plan's world is a good one.
///
/// Another plan is another world, so each is tried with the seed of the first alone: what is left is enough to break, not all that would.
pub fn shrink<S: Service + 'static>(
    plan: &Plan,
    mut told: impl FnMut(&Plan, &Violation),
) -> Option<(Plan, Violation)> {
    let breaks = |plan: &Plan| run::<S>(plan, Vec::new).err();
    let mut smallest = (plan.clone(), breaks(plan)?);
    loop {
        let smaller = candidates(&smallest.0)
            .into_iter()
            .find_map(|plan| breaks(&plan).map(|violation| (plan, violation)));
        let Some(found) = smaller else {
            return Some(smallest);
        };
        told(&found.0, &found.1);
        smallest = found;
    }
}

/// Each one step smaller, what saves most first.
fn candidates(plan: &Plan) -> Vec<Plan> {
    let mut all = Vec::new();
    let turmoil = plan.turmoil / SEC;
    for secs in [turmoil / 2, turmoil * 3 / 4, turmoil.saturating_sub(1)] {
        if secs > 0 && secs * SEC < plan.turmoil {
            all.push(Plan {
                turmoil: secs * SEC,
                ..plan.clone()
            });
        }
    }
    if plan.nodes > 2 {
        all.push(Plan {
            nodes: plan.nodes - 1,
            ..plan.clone()
        });
    }
    for kind in KINDS {
        let mut smaller = plan.clone();
        if smaller.faults.kinds().contains(&kind) && smaller.faults.without(kind) {
            all.push(smaller);
        }
    }
    all
}
