//! A type of applications that can strike.

use std::time::Duration;

use async_trait::async_trait;
use ha_core::ActPermit;
use ha_rebind::{Effect, Effector, EntityType, Invocation, Parameter, TypeDescription, ValueType, Values};
use ha_tests::chaos::Bug;
use ha_tests::chaos::rest::STRIKER;

use crate::hand::Hand;

pub(crate) struct Striker {
    description: TypeDescription,
    hand: Hand,
    bug: Option<Bug>,
}

impl Striker {
    pub(crate) fn new(hand: Hand, bug: Option<Bug>) -> Self {
        let mark = || Parameter {
            name: "mark".into(),
            value_type: ValueType::String,
            description: "what is written down".into(),
            default: None,
        };
        let effector = |name: &str, is_idempotent| Effector {
            name: name.into(),
            description: "Acts on the world".into(),
            is_idempotent,
            parameters: vec![mark()],
            returns: None,
        };
        Self {
            description: TypeDescription {
                name: STRIKER.into(),
                is_application: true,
                effectors: vec![
                    effector("strike", bug == Some(Bug::CallTwice)),
                    effector("strikeAgain", true),
                ],
                ..TypeDescription::default()
            },
            hand,
            bug,
        }
    }
}

/// A call takes so long before it acts, and as long again after.
const HALF: Duration = Duration::from_millis(40);

#[async_trait]
impl EntityType for Striker {
    fn description(&self) -> &TypeDescription {
        &self.description
    }

    async fn invoke(&self, invocation: &Invocation<'_>, permit: &ActPermit) -> Result<Effect, String> {
        let mark = invocation.arguments.get("mark").ok_or("it has no mark")?;
        let text = mark.value();
        let text = text.as_str().ok_or("its mark is no text")?;
        tokio::time::sleep(HALF).await;
        match self.bug {
            Some(Bug::ActOn) => self.hand.clone().act_on(text.to_owned(), permit.epoch().0),
            Some(Bug::DoNothing) => {}
            _ => self.hand.act(text, permit).await?,
        }
        tokio::time::sleep(HALF).await;
        Ok(Effect {
            result: Some(mark),
            sensors: Values::default(),
        })
    }
}
