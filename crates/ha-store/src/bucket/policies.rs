//! What a bucket does to its objects by itself.

use std::fmt;

/// What a bucket does to its objects without being asked, as far as it tells.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BucketPolicies {
    /// Whether it keeps what is replaced or deleted.
    pub versioning: Versioning,
    /// What it deletes or moves as time goes by.
    pub lifecycle: Lifecycle,
}

/// Whether a bucket keeps what is replaced or deleted. It then grows, and is paid for, with every heartbeat.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Versioning {
    /// It does not.
    Off,
    /// It does.
    On,
    /// It did; old versions may be left.
    Suspended,
    /// It does not say; why.
    Unknown(String),
}

/// What a bucket deletes or moves as time goes by.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Lifecycle {
    /// All its rules.
    Rules(Vec<LifecycleRule>),
    /// It does not say; why.
    Unknown(String),
}

/// A rule by which a bucket deletes or moves objects.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LifecycleRule {
    /// Its name, `""` if it has none.
    pub id: String,
    /// Which objects it is about, `""` for all.
    pub prefix: String,
    /// Whether it is in force.
    pub is_enabled: bool,
    /// What it does, in the server's words: `Expiration(Days 30)`.
    pub actions: Vec<String>,
    /// Whether it is in force and may be about objects of this store.
    pub touches_ours: bool,
}

impl LifecycleRule {
    /// Whether it may delete objects of this store, or move them to where they cannot be read. A rule about old versions
    /// only does not.
    pub fn harms_ours(&self) -> bool {
        let harms = |action: &String| {
            !action.starts_with("Noncurrent") && !action.contains("ExpiredObjectDeleteMarker")
        };
        self.touches_ours && self.actions.iter().any(harms)
    }
}

impl fmt::Display for LifecycleRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` on `{}*`: {}",
            self.id,
            self.prefix,
            self.actions.join(", ")
        )?;
        if self.is_enabled {
            Ok(())
        } else {
            f.write_str(" (disabled)")
        }
    }
}
