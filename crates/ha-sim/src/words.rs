//! Requests and answers in few words.

use ha_proto::{RawEntry, StoreOp, StoreReply};

pub(crate) fn kind(op: &StoreOp) -> &'static str {
    match op {
        StoreOp::Create { .. } => "create",
        StoreOp::Put { .. } => "put",
        StoreOp::Get { .. } | StoreOp::GetRange { .. } => "get",
        StoreOp::List { .. } => "list",
        StoreOp::Delete { .. } => "delete",
    }
}

pub(crate) fn brief(op: &StoreOp) -> String {
    match op {
        StoreOp::Create { key, bytes } => match RawEntry::peek(bytes) {
            Some(h) => format!(
                "create {key} {:?} e{} {}",
                h.kind,
                h.epoch,
                &h.write_id.to_string()[..4]
            ),
            None => format!("create {key}"),
        },
        StoreOp::Put { key, .. } => format!("put {key}"),
        StoreOp::Get { key } | StoreOp::GetRange { key, .. } => format!("get {key}"),
        StoreOp::List { folder } => format!("list {folder}"),
        StoreOp::Delete { key } => format!("delete {key}"),
    }
}

pub(crate) fn brief_reply(reply: &StoreReply) -> String {
    match reply {
        StoreReply::Bytes(b) => format!("{} bytes", b.len()),
        other => format!("{other:?}"),
    }
}
