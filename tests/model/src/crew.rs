//! The nodes of a model: who they are.

use std::time::Duration;

use ha_proto::{Evidence, Identity, Mode, NodeId};

pub(crate) const YEAR: Duration = Duration::from_secs(365 * 86_400);

pub(crate) fn name(who: u8) -> NodeId {
    let letter = char::from(b'a' + who);
    NodeId::new(&letter.to_string()).expect("a letter is a name")
}

/// In words for people.
pub(crate) fn letter(who: u8) -> char {
    char::from(b'A' + who)
}

pub(crate) fn seed(who: u8, boot: u8) -> [u8; 32] {
    let mut seed = [0; 32];
    (seed[0], seed[1]) = (who + 1, boot);
    seed
}

/// It begins as one that takes over from nobody, until told.
pub(crate) fn identity(who: u8, boot: u8) -> Identity {
    Identity {
        node: name(who),
        uri: String::new(),
        version: None,
        state_level: 0,
        priority: 0,
        mode: Mode::HotBackup,
        clean: false,
        seed: seed(who, boot),
    }
}

/// The record of a node that could lead, at its so-manieth heartbeat.
pub(crate) fn record(who: u8, boot: u8, beat: u32) -> Vec<u8> {
    let nonce = ha_proto::boot_nonce(&seed(who, boot));
    let name = name(who);
    format!(r#"{{"nodeId":"{name}","nonce":"{nonce}","status":"HOT_STANDBY","beat":{beat}}}"#).into_bytes()
}

/// What a node is told of a leader whose place it is to take: such as holds whatever that leader writes next, so that it can be told at any time. Where
/// nodes claim by themselves it must not hold for ever.
pub(crate) fn evidence(follows_as: Mode) -> Evidence {
    if follows_as == Mode::HotBackup {
        Evidence::Stopped
    } else {
        Evidence::Refused
    }
}
