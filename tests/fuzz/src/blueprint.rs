//! A blueprint, from its bytes to entities whose config is resolved.

use ha_core::StateMachine;
use ha_rebind::blueprint::{Blueprint, Expression, Known, Plan, Resolver};
use ha_rebind::{
    AdjunctDescription, AdjunctKind, Applied, ConfigKey, Draft, EntityId, EntityTypes, Evaluated, Json,
    Managed, Staging, State, ValueType,
};

/// Words of blueprints.
pub(crate) const WORDS: &[&str] = &[
    "services:\n",
    "- type: org.apache.brooklyn.entity.stock.BasicEntity\n",
    "- type: org.apache.brooklyn.entity.stock.BasicApplication\n",
    "- type: org.apache.brooklyn.entity.stock.BasicStartable\n",
    "  id: a\n",
    "  name: ",
    "  location: localhost\n",
    "  locations:\n",
    "  brooklyn.config:\n",
    "    k: ",
    "  brooklyn.children:\n",
    "  brooklyn.policies: [{type: Policy, id: p}]\n",
    "  brooklyn.enrichers:\n",
    "  brooklyn.initializers:\n",
    "  - type: static-sensor\n",
    "static.value: ",
    "  brooklyn.parameters:\n",
    "type: integer",
    "default: ",
    "brooklyn.tags: []\n",
    "$brooklyn:config(\"k\")",
    "$brooklyn:component(\"a\").",
    "$brooklyn:entity(a)",
    "$brooklyn:parent().",
    "$brooklyn:root()",
    "attributeWhenReady(\"s\")",
    "$brooklyn:formatString(\"%s\", ",
    "$brooklyn:literal(",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "---\n",
    "? ",
    "|\n",
    "\t",
    "\u{feff}",
    "\u{2028}",
    ".nan",
    "1e999",
    "99999999999999999999",
    "{\"services\":[{\"type\":\"org.apache.brooklyn.entity.stock.BasicEntity\"}]}",
];

/// Longest text that says what is wrong.
const LONGEST: usize = 10_000;

/// What is read makes entities, which a state takes as they are; whatever is not is told in one line.
pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        same_again(text);
    }
    let types = EntityTypes::built_in();
    let adjuncts = [AdjunctKind::Policy, AdjunctKind::Enricher].map(adjunct);
    let mut known = Known::new(&types);
    known.adjuncts = &adjuncts;
    let mut ids = (0..).map(|n| EntityId::new(&format!("e{n}")).expect("it is an id"));
    let blueprint = Blueprint::parse(data);
    let plan = blueprint.and_then(|b| b.plan(&known, 1, || ids.next().expect("numbers do not end")));
    match plan {
        Ok(plan) => is_taken(&plan, &types),
        Err(error) => {
            let lines = data.split(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
            assert!(error.line() <= lines, "there is no line {}", error.line());
            is_one_line(&error.to_string());
        }
    }
}

fn adjunct(kind: AdjunctKind) -> AdjunctDescription {
    let above = ConfigKey {
        name: "k".into(),
        value_type: ValueType::Number,
        description: String::new(),
        default: None,
    };
    AdjunctDescription {
        name: format!("{kind:?}"),
        kind,
        description: String::new(),
        config: vec![above],
    }
}

fn is_taken(plan: &Plan, types: &EntityTypes) {
    let evaluate = |draft: &mut Draft<'_>| plan.stage(draft).map(|()| Default::default());
    let mut state = State::default();
    let Evaluated::Staged { number, batch, .. } = Staging::default().evaluate(&state, None, evaluate) else {
        panic!("nothing is in the way of it");
    };
    assert_eq!(state.apply(&batch, 1), Applied::Done(number));
    assert_eq!(
        (state.skipped(), state.entity_count()),
        (0, plan.entities().len())
    );
    for planned in plan.entities() {
        let mut kept = state
            .entity(&planned.id)
            .expect("it was made")
            .expect("and can be read");
        kept.children.clear();
        assert_eq!(kept, *planned);
    }
    let mut restored = Managed::default();
    let parts = state.parts();
    let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
    restored.restore(&parts).expect("its own parts can be read");
    // Each may take a second: some are enough.
    let resolver = Resolver::new(&state, types);
    for entity in plan.entities().iter().take(8) {
        for (key, _) in entity.config.iter().take(8) {
            if let Err(error) = resolver.config(&entity.id, key) {
                let _ = error.to_string();
            }
        }
    }
}

/// An expression is read from what it is written as.
fn same_again(text: &str) {
    match Expression::parse(text) {
        Ok(expression) => {
            let written = expression.to_string();
            assert_eq!(Expression::parse(&written).as_ref(), Ok(&expression), "{written}");
            let json = Json::string(&written);
            assert_eq!(json.value(), written);
        }
        Err(what) => assert!(what.len() <= LONGEST, "{} bytes", what.len()),
    }
}

fn is_one_line(words: &str) {
    assert!(
        words.len() <= LONGEST && !words.contains(|c: char| c.is_control() || c == '\u{2028}'),
        "{words:?}"
    );
}
