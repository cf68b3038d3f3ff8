//! What a blueprint makes, how long that takes, and how large it is as an entry of the journal.
//!
//! `cargo run --release -p ha-rebind --example plan -- shop.yaml`; without a file, a blueprint of 10,000 entities.

use std::time::Instant;

use ha_rebind::blueprint::{Blueprint, Known, Resolver};
use ha_rebind::{EntityId, EntityTypes, Evaluated, Staging, State};

fn main() {
    let text = match std::env::args_os().nth(1) {
        Some(file) => std::fs::read(file).expect("the file can be read"),
        None => large().into_bytes(),
    };
    let types = EntityTypes::built_in();
    let mut number = 0_u64;
    let new_id = || {
        number += 1;
        EntityId::new(&format!("{:010x}", number.wrapping_mul(0x9E37_79B9))).expect("digits and letters")
    };
    let began = Instant::now();
    let planned = Blueprint::parse(&text).and_then(|blueprint| {
        println!("read: {} bytes in {:?}", text.len(), began.elapsed());
        let began = Instant::now();
        let plan = blueprint.plan(&Known::new(&types), 0, new_id)?;
        println!(
            "planned: {} entities in {:?}",
            plan.entities().len(),
            began.elapsed()
        );
        Ok(plan)
    });
    let plan = match planned {
        Ok(plan) => plan,
        Err(error) => return println!("{error}"),
    };
    let mut state = State::default();
    let began = Instant::now();
    let evaluated = Staging::default().evaluate(&state, None, |draft| {
        plan.stage(draft).map(|()| Default::default())
    });
    let Evaluated::Staged { batch, .. } = evaluated else {
        return println!("{evaluated:?}");
    };
    println!(
        "staged: one entry of {} bytes in {:?}",
        batch.len(),
        began.elapsed()
    );
    let began = Instant::now();
    state.apply(&batch, 0);
    println!(
        "applied: {} entities in {:?}",
        state.entity_count(),
        began.elapsed()
    );
    let (began, mut values) = (Instant::now(), 0);
    for entity in plan.entities() {
        for (key, _) in entity.config.iter() {
            let resolved = Resolver::new(&state, &types).config(&entity.id, key);
            values += usize::from(resolved.is_ok());
        }
    }
    println!("resolved: {values} values of config in {:?}", began.elapsed());
}

/// 10,000 entities, each with some config, a child below every other, and one that all of them name.
fn large() -> String {
    let entity = |n: usize| {
        format!(
            "- type: org.apache.brooklyn.entity.stock.BasicEntity\n  id: e{n}\n  name: entity {n}\n  brooklyn.config:\n    size: {n}\n    url: \
             $brooklyn:formatString(\"http://%s/%s\", $brooklyn:component(\"e0\").config(\"host\"), $brooklyn:config(\"size\"))\n    host: \
             10.0.0.1\n  brooklyn.children:\n  - type: org.apache.brooklyn.entity.stock.BasicEntity\n"
        )
    };
    let services: String = (0..5_000).map(entity).collect();
    format!("name: large\nservices:\n{services}")
}
