//! Blueprints: YAML (or JSON) that describes an application, in the part of Brooklyn's language that is known here.
//!
//! [`Blueprint::parse`] says what a text says, [`Blueprint::plan`] what it makes, as a [`Plan`] that one proposal stages ([`Blueprint::plan_below`]: below an entity that is there); and when an
//! application lives, a [`Resolver`] tells what the expressions in its config stand for. An error is one line that names the line of the text,
//! the key, and what is known. Size, depth and what aliases repeat are bounded.
//!
//! | where | keys |
//! |---|---|
//! | at the top | `name`, `description`, `services`, `location` or `locations`, `brooklyn.config`, `brooklyn.tags` |
//! | a service, and each of `brooklyn.children` | `type`, `id`, `name`, `location` or `locations`, `brooklyn.config`, `brooklyn.children`, `brooklyn.policies`, `brooklyn.enrichers`, `brooklyn.initializers`, `brooklyn.parameters`, `brooklyn.tags` |
//! | a policy, enricher or initializer | `type`, `id`, `name`, `brooklyn.config` |
//! | a parameter | `name`, `label`, `description`, `type`, `default` |
//!
//! An expression is a text, `$brooklyn:component("db").config("port")`, or a map of one key, `{$brooklyn:formatString: ["%s:%s", a, b]}`:
//!
//! | expression | stands for |
//! |---|---|
//! | `component("id")`, `entity("id")` | the entity of that `id` in the blueprint |
//! | `self()`, `parent()`, `root()` | the one that has the expression, its parent, the application |
//! | `config("key")` | a config key: its own value, or that of the nearest ancestor that has one, or the type's default, or `null` |
//! | `attributeWhenReady("sensor")` | a sensor, as soon as it has a value that is not `null`, empty, zero or false |
//! | `formatString("…", a, b)` | the text with a value for each `%s`, and `%` for each `%%` |
//! | `literal("…")` | the text, though it may look like an expression |
//!
//! `config` and `attributeWhenReady` are of the entity that stands before the dot, or else of the one that has the expression. `no`, `on`, `010`
//! and `1_000` are texts, as in YAML 1.2; a number that could not be kept as it is written must stand in quotes.

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
mod below;
mod check;
mod initialize;
mod locations;
mod plan;
mod read;
pub(crate) use plan::SAME_ALPHABET;
pub use plan::{Known, PLAN_ID, Plan, WRAPPER_APP};
mod resolve;
pub use resolve::{ResolveError, Resolved, Resolver};
