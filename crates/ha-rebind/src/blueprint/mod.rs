//! Blueprints: YAML (or JSON) that describes an application, in the part of Brooklyn's language that is known here.
//!
//! [`Blueprint::parse`] says what a text says, [`Blueprint::plan`] what it makes, as a [`Plan`] that one proposal stages; and when an
//! application lives, a [`Resolver`] tells what the expressions in its config stand for. An error is one line that names the line of the text,
//! the key, and what is known. Size, depth and what aliases repeat are bounded.

mod error;
pub use error::BlueprintError;
mod node;
pub use node::{DEEPEST_BLUEPRINT, LONGEST_BLUEPRINT, MOST_VALUES};
mod value;
pub use value::Value;
mod expression;
pub use expression::{Expression, Target};
mod parse;
mod spec;
pub use spec::{Blueprint, EntitySpec, LocationSpec, Parameter, PartSpec, Setting};
mod check;
mod locations;
mod plan;
mod read;
pub use plan::{Known, PLAN_ID, Plan, WRAPPER_APP};
mod resolve;
pub use resolve::{ResolveError, Resolved, Resolver};
