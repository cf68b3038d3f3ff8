//! What all writes have in common: a body of bounded size, an idempotency key, and how a refusal is answered.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use ha_rebind::blueprint::LONGEST_BLUEPRINT;
use ha_rebind::{ClientKey, EntityId, Host, HostError, Json, ProposeError, Refusal, State};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::app::Shared;
use crate::control::ControlError;
use crate::error::ApiError;
use crate::gate::MASTER_REQUIRED;
use crate::params::{self, Params};

/// A client that sends a write again, through a failover say, sends it with the same key, and gets the first answer
/// (draft-ietf-httpapi-idempotency-key-header).
const KEY_HEADER: &str = "idempotency-key";

/// Longest key, in bytes.
const LONGEST_KEY: usize = 255;

/// A write as it came.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) body: Bytes,
    pub(super) query: Params,
    pub(super) is_form: bool,
    key: Option<(String, [u8; 32])>,
}

impl Write {
    /// The key under which the answer is remembered, if the client sent one.
    pub(crate) fn key(&self) -> Option<ClientKey<'_>> {
        let (key, fingerprint) = self.key.as_ref()?;
        Some(ClientKey {
            key,
            fingerprint: *fingerprint,
        })
    }

    /// What the first request with this key was about may be found no more, and its answer is: an id that no entity has will do to ask for it.
    pub(super) fn gone(&self, host: &Host) -> Option<EntityId> {
        let is_remembered = host.read(|state| self.is_remembered(state));
        is_remembered.then(|| host.new_entity_id())
    }

    /// Whether there is an answer to a request with this key.
    pub(super) fn is_remembered(&self, state: &State) -> bool {
        self.key().is_some_and(|key| state.remembered(key.key).is_some())
    }

    /// The body as one JSON value.
    pub(super) fn json(&self) -> Result<Json, ApiError> {
        let text = std::str::from_utf8(&self.body).map_err(bad_json)?;
        Json::parse(text).map_err(bad_json)
    }

    /// The body as JSON values by name.
    pub(super) fn map(&self) -> Result<Vec<(String, Json)>, ApiError> {
        let all: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&self.body)
            .map_err(|why| bad_json(format!("values by name, as in {{\"name\": \"value\"}}: {why}")))?;
        let parsed =
            |(name, value): (String, Box<RawValue>)| Ok((name, Json::parse(value.get()).map_err(bad_json)?));
        all.into_iter().map(parsed).collect()
    }
}

fn bad_json(why: impl std::fmt::Display) -> ApiError {
    ApiError::bad_request(format!("The body is not the JSON that is wanted here: {why}"))
}

impl FromRequest<Shared> for Write {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Shared) -> Result<Self, ApiError> {
        Self::read(request, LONGEST_BLUEPRINT).await
    }
}

impl Write {
    /// Reads a request whose body has `limit` bytes at most.
    pub(crate) async fn read(request: Request, limit: usize) -> Result<Self, ApiError> {
        let key = key_of(request.headers())?;
        let is_form = says_form(request.headers());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let key = key.map(|key| {
            let mut hash = Sha256::new();
            for part in [request.method().as_str(), request.uri().path(), &query] {
                hash.update(part);
                hash.update([0]);
            }
            (key, hash)
        });
        let body = params::read(request, limit).await?;
        Ok(Self {
            query: Params::parse(query.as_bytes())?,
            is_form,
            key: key.map(|(key, hash)| (key, hash.chain_update(&body).finalize().into())),
            body,
        })
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(KEY_HEADER) else {
        return Ok(None);
    };
    let usable =
        |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let key = value.to_str().ok().map(str::trim).filter(usable);
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        ApiError::bad_request(format!(
            "Invalid header: Idempotency-Key: use 1 to {LONGEST_KEY} visible characters of ASCII, and a new key for each new request"
        ))
    })
}

/// Whether the header says that the body is a form. Nothing said is not.
fn says_form(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_TYPE) && params::is_form(headers)
}

impl From<HostError> for ApiError {
    fn from(why: HostError) -> Self {
        match why {
            HostError::Proposal(why) => why.into(),
            HostError::Removal { .. } => Self::new(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()),
            HostError::BeingRemoved(_) => Self::new(StatusCode::CONFLICT, why.to_string()),
            HostError::UnknownEffector { .. } => Self::new(StatusCode::NOT_FOUND, why.to_string()),
            other => Self::bad_request(other.to_string()),
        }
    }
}

impl From<ProposeError> for ApiError {
    fn from(why: ProposeError) -> Self {
        match why {
            ProposeError::Refused(why) => why.into(),
            ProposeError::NotApplied(why @ ha_core::Refusal::TooLarge) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, why.to_string())
            }
            ProposeError::NotApplied(ha_core::Refusal::NotLeader) => {
                Self::new(StatusCode::FORBIDDEN, MASTER_REQUIRED)
            }
            ProposeError::NotApplied(why) => Self::unavailable(format!("Nothing was changed: {why}")),
            ProposeError::Unknown(Some(write)) => ControlError::Unknown {
                message: why.to_string(),
                epoch: write.epoch.0,
                slot: write.slot.0,
                write_id: write.write_id.to_string(),
            }
            .into(),
            ProposeError::Unknown(None) => Self::outcome_unknown(why.to_string()),
            other => Self::new(StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(why: Refusal) -> Self {
        let status = match &why {
            Refusal::Quarantined(_)
            | Refusal::EntityExists(_)
            | Refusal::AdjunctExists { .. }
            | Refusal::TaskExists(_)
            | Refusal::TaskNotSo { .. }
            | Refusal::LevelTooLow { .. }
            | Refusal::OtherImport => StatusCode::CONFLICT,
            Refusal::UnknownEntity(_) | Refusal::UnknownTask(_) | Refusal::UnknownLocationId(_) => {
                StatusCode::NOT_FOUND
            }
            Refusal::KeyReused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::StateUnreadable(_) | Refusal::Unreadable { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, why.to_string())
    }
}
