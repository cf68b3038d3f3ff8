//! An `ha-server` whose entities can be of a type that acts on the world: each call appends a line to a file outside the plane. It can have bugs on
//! purpose.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use async_trait::async_trait;
use ha_core::ActPermit;
use ha_rebind::{
    Effect, Effector, EntityType, EntityTypes, Invocation, Parameter, TypeDescription, ValueType, Values,
};
use ha_tests::chaos::Bug;
use ha_tests::chaos::rest::{ACTS, BUG, NODE, STRIKER};
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut types = EntityTypes::built_in();
    types.register(Striker::from_environment()?)?;
    Ok(ha_server::main_with(types))
}

/// A type of applications that can strike.
struct Striker {
    description: TypeDescription,
    hand: Hand,
    bug: Option<Bug>,
}

/// What reaches into the world.
#[derive(Clone)]
struct Hand {
    acts: PathBuf,
    node: String,
}

impl Striker {
    fn from_environment() -> Result<Self, Box<dyn Error>> {
        let bug = std::env::var(BUG).ok().map(|name| name.parse()).transpose()?;
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
        Ok(Self {
            description: TypeDescription {
                name: STRIKER.into(),
                is_application: true,
                effectors: vec![
                    effector("strike", bug == Some(Bug::CallTwice)),
                    effector("strikeAgain", true),
                ],
                ..TypeDescription::default()
            },
            hand: Hand {
                acts: std::env::var_os(ACTS).unwrap_or_default().into(),
                node: std::env::var(NODE).unwrap_or_default(),
            },
            bug,
        })
    }
}

impl Hand {
    /// Acts, if it may. The time is from before the look, for the process may be stopped after it: what an act does then is for the world to
    /// refuse, by its epoch.
    fn stroke(&self, mark: &str, permit: Option<&ActPermit>, epoch: u64) -> std::io::Result<bool> {
        let now = clock_gettime(ClockId::Boottime);
        if !permit.is_none_or(ActPermit::is_live) {
            return Ok(false);
        }
        let nanos = now.tv_sec * 1_000_000_000 + now.tv_nsec;
        let (node, process) = (&self.node, std::process::id());
        let line = format!("{epoch} {node} {process}.{mark} {nanos}\n");
        let mut acts = File::options().create(true).append(true).open(&self.acts)?;
        acts.write_all(line.as_bytes())?;
        Ok(true)
    }

    /// Acts for some seconds, and never looks whether it may.
    fn act_on(self, mark: String, epoch: u64) {
        for _ in 0..150 {
            // It is a bug already.
            let _ = self.stroke(&mark, None, epoch);
            std::thread::sleep(Duration::from_millis(20));
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
        let epoch = permit.epoch().0;
        tokio::time::sleep(HALF).await;
        if self.bug == Some(Bug::ActOn) {
            let (hand, text) = (self.hand.clone(), text.to_owned());
            std::thread::spawn(move || hand.act_on(text, epoch));
        } else if self.bug != Some(Bug::DoNothing) {
            let told = |error: std::io::Error| format!("{}: {error}", self.hand.acts.display());
            if !self.hand.stroke(text, Some(permit), epoch).map_err(told)? {
                // It is broken off here.
                std::future::pending::<()>().await;
            }
        }
        tokio::time::sleep(HALF).await;
        Ok(Effect {
            result: Some(mark),
            sensors: Values::default(),
        })
    }
}
