//! A feed that asks a server over HTTP, again and again.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ha_core::ActPermit;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::HOST;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{Feed, described};
use crate::entity::AdjunctKind;
use crate::json::Json;
use crate::types::{AdjunctDescription, ValueType};
use crate::values::Values;

/// Sets one sensor from the answers of a server: the status, the body as a text, or a value in it if it is JSON.
#[derive(Debug)]
pub struct HttpFeed<F = PlainHttp> {
    description: AdjunctDescription,
    fetch: F,
}

/// How an [`HttpFeed`] asks.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Gets what is at an address.
    ///
    /// # Errors
    /// If there is no answer. An answer of any status is one.
    async fn get(&self, uri: &str) -> Result<Fetched, String>;
}

/// A server's answer.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Fetched {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Bytes,
}

/// HTTP/1.1 without encryption, one connection a question.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::exhaustive_structs)]
pub struct PlainHttp;

impl<F: Fetch> HttpFeed<F> {
    /// The type, which asks through this.
    #[must_use]
    pub fn new(fetch: F) -> Self {
        let config = [
            (URI, ValueType::String, "What is asked"),
            (SENSOR, ValueType::String, "The sensor that is set"),
            (
                PERIOD,
                ValueType::Integer,
                "Milliseconds between two questions; 30000 without it",
            ),
            (
                WHAT,
                ValueType::String,
                "status, text, or json (which it is without it)",
            ),
            (
                PATH,
                ValueType::String,
                "Where in the JSON, as $.a.0.b; without it, all of it",
            ),
        ];
        Self {
            description: described(
                "org.apache.brooklyn.feed.http.HttpFeed",
                AdjunctKind::Feed,
                "Asks a server over HTTP, again and again, and shows its answers as sensors",
                &config,
            ),
            fetch,
        }
    }
}

#[async_trait]
impl<F: Fetch> Feed for HttpFeed<F> {
    fn description(&self) -> &AdjunctDescription {
        &self.description
    }

    fn period(&self, config: &Values) -> Duration {
        let millis = config.get(PERIOD).and_then(|p| p.value().as_u64());
        millis
            .map_or(USUAL_PERIOD, Duration::from_millis)
            .max(SHORTEST_PERIOD)
    }

    async fn poll(&self, config: &Values, _: &ActPermit) -> Result<Values, String> {
        let text = |key| {
            config
                .get(key)
                .and_then(|v| v.value().as_str().map(str::to_owned))
        };
        let needed = |key| text(key).ok_or_else(|| format!("its config `{key}` must be a text"));
        let (uri, sensor) = (needed(URI)?, needed(SENSOR)?);
        let fetched = self.fetch.get(&uri).await?;
        let value = match text(WHAT).as_deref() {
            Some("status") => Value::from(fetched.status),
            Some("text") => Value::from(String::from_utf8_lossy(&fetched.body)),
            None | Some("json") => at(&fetched.body, text(PATH).as_deref().unwrap_or("$"))?,
            Some(other) => {
                return Err(format!(
                    "its config `{WHAT}` is `{other}`: known are status, text, json"
                ));
            }
        };
        Ok(Values::from_iter([(sensor.as_str(), Json::from(&value))]))
    }
}

/// The value at a path.
fn at(body: &[u8], path: &str) -> Result<Value, String> {
    let all: Value = serde_json::from_slice(body).map_err(|e| format!("the answer is no JSON: {e}"))?;
    let steps = path
        .strip_prefix('$')
        .unwrap_or(path)
        .split('.')
        .filter(|s| !s.is_empty());
    let mut here = &all;
    for step in steps {
        let next = match here {
            Value::Array(list) => step.parse::<usize>().ok().and_then(|n| list.get(n)),
            other => other.get(step),
        };
        here = next.ok_or_else(|| format!("the answer has nothing at `{path}`"))?;
    }
    Ok(here.clone())
}

#[async_trait]
impl Fetch for PlainHttp {
    async fn get(&self, uri: &str) -> Result<Fetched, String> {
        let failed = |e: &dyn std::fmt::Display| format!("`{uri}` does not answer: {e}");
        let parsed: Uri = uri.parse().map_err(|e| format!("`{uri}` is no address: {e}"))?;
        let (Some("http"), Some(host)) = (parsed.scheme_str(), parsed.host()) else {
            return Err(format!("`{uri}` is no address that begins with http://"));
        };
        let place = (host.trim_matches(['[', ']']), parsed.port_u16().unwrap_or(80));
        let stream = TcpStream::connect(place).await.map_err(|e| failed(&e))?;
        let connected = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connected.map_err(|e| failed(&e))?;
        let path = parsed.path_and_query().map_or("/", |p| p.as_str());
        let authority = parsed.authority().map_or(host, |a| a.as_str());
        let request = Request::get(path)
            .header(HOST, authority)
            .body(Empty::<Bytes>::new());
        let request = request.map_err(|e| failed(&e))?;
        let answered = async {
            let response = sender.send_request(request).await.map_err(|e| failed(&e))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), LARGEST_BODY).collect().await;
            let body = body.map_err(|e| failed(&e))?.to_bytes();
            Ok(Fetched { status, body })
        };
        // The connection ends with this, also where this is dropped.
        tokio::pin!(answered);
        tokio::select! {
            answer = &mut answered => answer,
            ended = connection => match ended {
                Ok(()) => answered.await,
                Err(e) => Err(failed(&e)),
            },
        }
    }
}

const URI: &str = "uri";
const SENSOR: &str = "sensor";
const PERIOD: &str = "period";
const WHAT: &str = "what";
const PATH: &str = "jsonPath";
const USUAL_PERIOD: Duration = Duration::from_secs(30);
const SHORTEST_PERIOD: Duration = Duration::from_millis(100);
/// Of an answer that becomes a sensor no more is read.
const LARGEST_BODY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_what_is_there() {
        let body = br#"{"a": [{"b": 1}, {"b": [true]}], "c": "x"}"#;
        assert_eq!(at(body, "$.a.1.b.0").unwrap(), Value::Bool(true));
        assert_eq!(at(body, "c").unwrap(), Value::from("x"));
        assert_eq!(at(body, "$").unwrap()["c"], "x");
        assert_eq!(
            at(body, "$.a.2").unwrap_err(),
            "the answer has nothing at `$.a.2`"
        );
        assert!(
            at(b"<html>", "$")
                .unwrap_err()
                .starts_with("the answer is no JSON")
        );
    }
}
