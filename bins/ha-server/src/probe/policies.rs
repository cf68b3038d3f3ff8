//! What a bucket does to its objects by itself, and what of that a plane cannot live with.

use crate::environment::Variables;
use crate::place::Place;

/// What was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Policies {
    /// Versioning and lifecycle rules, a line each; none for a directory.
    pub(crate) facts: Vec<String>,
    /// What should be changed, and why.
    pub(crate) warnings: Vec<String>,
}

#[cfg(not(feature = "bucket"))]
pub(crate) async fn of(_place: &Place, _variables: &Variables) -> Policies {
    Policies::default()
}

/// Asks a bucket.
#[cfg(feature = "bucket")]
pub(crate) async fn of(place: &Place, variables: &Variables) -> Policies {
    use ha_store::BucketStore;

    let Place::Bucket { location, settings } = place else {
        return Policies::default();
    };
    let store = BucketStore::open(location, settings, &|name| variables.get(name));
    let told = match store {
        Ok(store) => store.policies(std::time::Duration::from_secs(10)).await,
        Err(error) => Err(error),
    };
    match told {
        Ok(policies) => read(&policies),
        Err(error) => Policies {
            facts: vec![format!(
                "versioning and lifecycle rules could not be asked for: {error}"
            )],
            warnings: Vec::new(),
        },
    }
}

#[cfg(feature = "bucket")]
fn read(policies: &ha_store::BucketPolicies) -> Policies {
    use ha_store::{Lifecycle, Versioning};

    let mut found = Policies::default();
    found.facts.push(match &policies.versioning {
        Versioning::Off => "versioning is off".to_owned(),
        Versioning::On => "versioning is on".to_owned(),
        Versioning::Suspended => "versioning is suspended".to_owned(),
        Versioning::Unknown(why) => format!("versioning is unknown: {why}"),
        _ => "versioning is of a kind that this version does not know".to_owned(),
    });
    if policies.versioning == Versioning::On {
        found.warnings.push(
            "versioning is on: each heartbeat leaves an old version that is paid for; let a lifecycle rule delete old versions after a day, or turn it off"
                .to_owned(),
        );
    }
    match &policies.lifecycle {
        Lifecycle::Rules(rules) if rules.is_empty() => {
            found.facts.push("no lifecycle rules".to_owned());
        }
        Lifecycle::Rules(rules) => {
            for rule in rules {
                found.facts.push(format!("lifecycle rule {rule}"));
                if rule.harms_ours() {
                    found.warnings.push(format!(
                        "the lifecycle rule {rule} may delete or move away what a plane needs, whose oldest objects stay for ever: restrict it to another prefix, or keep the plane in another bucket"
                    ));
                }
            }
        }
        Lifecycle::Unknown(why) => found.facts.push(format!("lifecycle rules are unknown: {why}")),
        _ => found
            .facts
            .push("lifecycle rules are of a kind that this version does not know".to_owned()),
    }
    found
}
