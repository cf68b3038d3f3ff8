//! One sensor of an entity, made of a sensor of all its children.

use serde_json::{Number, Value};

use super::{Derived, Enricher, SOURCE, Sight, TARGET, described};
use crate::entity::AdjunctKind;
use crate::json::Json;
use crate::types::{AdjunctDescription, ValueType};

/// Makes a sensor of the values that the children have for one: their `sum`, `average`, `min`, `max`, whether `any` or `all` are true, the
/// `list` of them, or their `count`. Children without the sensor do not count.
#[derive(Clone, Debug)]
pub struct Aggregator(AdjunctDescription);

impl Aggregator {
    /// The type.
    #[must_use]
    pub fn new() -> Self {
        let config = [
            (SOURCE, ValueType::String, "The sensor of the children"),
            (TARGET, ValueType::String, "The sensor that is made"),
            (
                TRANSFORMATION,
                ValueType::String,
                "sum, average, min, max, any, all, list or count",
            ),
        ];
        let name = "org.apache.brooklyn.enricher.stock.Aggregator";
        Self(described(
            name,
            AdjunctKind::Enricher,
            "Makes one sensor of a sensor of all children",
            &config,
        ))
    }
}

impl Default for Aggregator {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for Aggregator {
    fn description(&self) -> &AdjunctDescription {
        &self.0
    }

    fn derive(&self, sight: &Sight<'_>) -> Result<Derived, String> {
        let (source, target) = (sight.text(SOURCE)?, sight.text(TARGET)?);
        let children = sight.entity().children.iter();
        let values = children.filter_map(|child| sight.sensor(child, &source));
        let values: Vec<Value> = values.map(|json| json.value()).filter(|v| !v.is_null()).collect();
        let made = aggregate(&sight.text(TRANSFORMATION)?, &values)?;
        Ok(vec![(target, made.as_ref().map(Json::from))])
    }
}

fn aggregate(how: &str, values: &[Value]) -> Result<Option<Value>, String> {
    let numbers = || values.iter().filter_map(Value::as_f64);
    let most = |better: fn(f64, f64) -> bool| {
        let numeric = values.iter().filter(|v| v.is_number());
        numeric.cloned().reduce(|best, next| {
            let is_better = better(
                next.as_f64().unwrap_or_default(),
                best.as_f64().unwrap_or_default(),
            );
            if is_better { next } else { best }
        })
    };
    let mut truths = values.iter().filter_map(Value::as_bool).peekable();
    Ok(match how {
        "sum" => sum(values),
        "average" => {
            let count = numbers().count();
            (count > 0)
                .then(|| number(numbers().sum::<f64>() / count as f64))
                .flatten()
        }
        "min" => most(|a, b| a < b),
        "max" => most(|a, b| a > b),
        "any" => truths.peek().is_some().then(|| truths.any(|t| t).into()),
        "all" => truths.peek().is_some().then(|| truths.all(|t| t).into()),
        "list" => Some(values.into()),
        "count" => Some(values.len().into()),
        other => {
            return Err(format!(
                "its config `{TRANSFORMATION}` is `{other}`: known are sum, average, min, max, any, all, list, count"
            ));
        }
    })
}

/// Whole numbers have a whole sum, if it is no larger than such a number can be.
fn sum(values: &[Value]) -> Option<Value> {
    let numeric: Vec<_> = values.iter().filter(|v| v.is_number()).collect();
    if numeric.is_empty() {
        return None;
    }
    let whole = numeric
        .iter()
        .try_fold(0i64, |sum, v| sum.checked_add(v.as_i64()?));
    match whole {
        Some(whole) => Some(whole.into()),
        None => number(numeric.iter().filter_map(|v| v.as_f64()).sum()),
    }
}

/// `None` if it is none that JSON knows.
fn number(value: f64) -> Option<Value> {
    Number::from_f64(value).map(Value::Number)
}

const TRANSFORMATION: &str = "enricher.transformation";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transformation_makes_what_it_says() {
        let values: Vec<Value> = serde_json::from_str("[2, 5, 1.5, true, false]").unwrap();
        let made = |how| aggregate(how, &values).unwrap().map(|v| v.to_string());
        for (how, expected) in [
            ("sum", "8.5"),
            ("min", "1.5"),
            ("max", "5"),
            ("any", "true"),
            ("all", "false"),
            ("list", "[2,5,1.5,true,false]"),
            ("count", "5"),
        ] {
            assert_eq!(made(how).as_deref(), Some(expected), "{how}");
        }
        assert_eq!(aggregate("sum", &values[..2]).unwrap(), Some(7.into()));
        assert_eq!(aggregate("average", &values[..2]).unwrap(), Some(3.5.into()));
        for how in ["sum", "average", "min", "max", "any", "all"] {
            assert_eq!(aggregate(how, &[]).unwrap(), None, "{how} of nothing");
        }
        assert!(
            aggregate("median", &values)
                .unwrap_err()
                .contains("known are sum")
        );
    }
}
