//! A type of feeds that look at the world. A look is an act here, so that it is seen who looks.

use std::time::Duration;

use async_trait::async_trait;
use ha_core::ActPermit;
use ha_rebind::{AdjunctDescription, AdjunctKind, Feed, Json, Values};
use ha_tests::chaos::rest::{SEEN, WATCHER};

use crate::hand::Hand;

pub(crate) struct Watcher {
    description: AdjunctDescription,
    hand: Hand,
}

impl Watcher {
    pub(crate) fn new(hand: Hand) -> Self {
        let description = AdjunctDescription {
            name: WATCHER.into(),
            kind: AdjunctKind::Feed,
            description: "Looks at the world, and writes down that it did".into(),
            config: Vec::new(),
        };
        Self { description, hand }
    }
}

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(250);

#[async_trait]
impl Feed for Watcher {
    fn description(&self) -> &AdjunctDescription {
        &self.description
    }

    fn period(&self, _: &Values) -> Duration {
        PERIOD
    }

    /// Its sensor tells the epoch of the look.
    async fn poll(&self, config: &Values, permit: &ActPermit) -> Result<Values, String> {
        let mark = config.get("mark").ok_or("it has no mark")?.value();
        let mark = mark.as_str().ok_or("its mark is no text")?;
        self.hand.act(mark, permit).await?;
        let epoch = Json::from(&permit.epoch().0.into());
        Ok(Values::from_iter([(format!("{SEEN}{mark}").as_str(), epoch)]))
    }
}
