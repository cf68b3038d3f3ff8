//! Whether what a blueprint says of itself agrees: each `id` once, no reference into the void, no config that needs itself.

use std::collections::{BTreeMap, HashMap};

use super::error::{At, BlueprintError, cut, listed};
use super::expression::{Expression, Target};
use super::spec::{Blueprint, EntitySpec, Parameter, PartSpec, Setting};
use super::value::Value;

pub(super) fn check(blueprint: &Blueprint) -> Result<(), BlueprintError> {
    let tree = Tree::of(blueprint)?;
    tree.check_references(blueprint)?;
    tree.check_cycles()
}

/// The entities with the application before all, each before those below it.
struct Tree<'a> {
    config: Vec<BTreeMap<&'a str, (u64, &'a Value)>>,
    parents: Vec<Option<usize>>,
    by_id: BTreeMap<&'a str, (usize, u64)>,
}

/// A config key of an entity that has it.
type Owned<'a> = (usize, &'a str);

impl<'a> Tree<'a> {
    fn of(blueprint: &'a Blueprint) -> Result<Self, BlueprintError> {
        let mut tree = Self {
            config: vec![by_key(&blueprint.config, &[])],
            parents: vec![None],
            by_id: BTreeMap::new(),
        };
        let mut waiting: Vec<_> = blueprint
            .services
            .iter()
            .rev()
            .map(|entity| (0, entity))
            .collect();
        while let Some((parent, entity)) = waiting.pop() {
            let place = tree.parents.len();
            tree.parents.push(Some(parent));
            tree.config.push(by_key(&entity.config, &entity.parameters));
            waiting.extend(entity.children.iter().rev().map(|child| (place, child)));
            let Some(id) = &entity.id else { continue };
            if let Some((_, first)) = tree.by_id.insert(id, (place, entity.line)) {
                let what = format!("the id `{}` was given in line {first} already", cut(id, 100));
                return Err(BlueprintError::new(entity.line, "id", what));
            }
        }
        Ok(tree)
    }

    fn check_references(&self, blueprint: &Blueprint) -> Result<(), BlueprintError> {
        let mut dangling = None;
        let mut look = |line, key: &str, value: &Value| {
            value.expressions(&mut |expression| {
                if let Some(Target::Component(id) | Target::Entity(id)) = expression.target()
                    && !self.by_id.contains_key(id.as_str())
                    && dangling.is_none()
                {
                    let known = listed(self.by_id.keys().copied());
                    let expression = cut(&expression.to_string(), 200);
                    let what = format!("`{expression}` names no entity of this blueprint; ids are: {known}");
                    let above = At::TOP.key("brooklyn.config");
                    dangling = Some(BlueprintError::new(line, above.key(key), what));
                }
            });
        };
        let entities = || blueprint.entities();
        let of_parts = entities().flat_map(parts).flat_map(|part| &part.config);
        let settings = blueprint
            .config
            .iter()
            .chain(entities().flat_map(|entity| &entity.config));
        for setting in settings.chain(of_parts) {
            look(setting.line, &setting.key, &setting.value);
        }
        for parameter in entities().flat_map(|entity| &entity.parameters) {
            if let Some(default) = &parameter.default {
                look(parameter.line, &parameter.name, default);
            }
        }
        dangling.map_or(Ok(()), Err)
    }

    fn check_cycles(&self) -> Result<(), BlueprintError> {
        let all = self.config.iter().enumerate();
        let mut marks: HashMap<Owned<'a>, Mark> = HashMap::new();
        for start in all.flat_map(|(place, config)| config.keys().map(move |key| (place, *key))) {
            let mut way = vec![start];
            while let Some(here) = way.last().copied() {
                if let Some(mark) = marks.get_mut(&here) {
                    // It was seen, and so was all that it needs.
                    *mark = Mark::Sound;
                    way.pop();
                    continue;
                }
                marks.insert(here, Mark::OnTheWay);
                for next in self.needs(here) {
                    match marks.get(&next) {
                        None => way.push(next),
                        Some(Mark::Sound) => {}
                        Some(Mark::OnTheWay) => return Err(self.cycle(next, here)),
                    }
                }
            }
        }
        Ok(())
    }

    /// Which config it takes to know the value of one.
    fn needs(&self, (place, key): Owned<'a>) -> Vec<Owned<'a>> {
        let mut needs = Vec::new();
        let Some((_, value)) = self.config[place].get(key) else {
            return needs;
        };
        value.expressions(&mut |expression| {
            if let Expression::Config { of, key } = expression {
                let owner = self.place(of, place).and_then(|from| self.owner(from, key));
                needs.extend(owner);
            }
        });
        needs
    }

    fn place(&self, target: &Target, itself: usize) -> Option<usize> {
        match target {
            Target::Itself => Some(itself),
            Target::Parent => self.parents[itself],
            Target::Root => Some(0),
            Target::Component(id) | Target::Entity(id) => {
                self.by_id.get(id.as_str()).map(|(place, _)| *place)
            }
        }
    }

    /// The nearest that has it, going up.
    fn owner(&self, from: usize, key: &str) -> Option<Owned<'a>> {
        let mut up = std::iter::successors(Some(from), |place| self.parents[*place]);
        up.find_map(|place| {
            let (key, _) = self.config[place].get_key_value(key)?;
            Some((place, *key))
        })
    }

    fn cycle(&self, (place, key): Owned<'a>, (_, by): Owned<'a>) -> BlueprintError {
        let line = self.config[place].get(key).map_or(0, |(line, _)| *line);
        let above = At::TOP.key("brooklyn.config");
        let by = cut(by, 100);
        let what =
            format!("its value needs itself, by way of the config key `{by}`: give one of them a value");
        BlueprintError::new(line, above.key(key), what)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    OnTheWay,
    Sound,
}

/// What is set, and else what parameters say.
fn by_key<'a>(config: &'a [Setting], parameters: &'a [Parameter]) -> BTreeMap<&'a str, (u64, &'a Value)> {
    let default = |p: &'a Parameter| Some((p.name.as_str(), (p.line, p.default.as_ref()?)));
    let set = config.iter().map(|s| (s.key.as_str(), (s.line, &s.value)));
    parameters.iter().filter_map(default).chain(set).collect()
}

fn parts(entity: &EntitySpec) -> impl Iterator<Item = &PartSpec> {
    [&entity.policies, &entity.enrichers, &entity.initializers]
        .into_iter()
        .flatten()
}
