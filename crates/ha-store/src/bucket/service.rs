//! HTTP beneath `object_store`: its extension point, at which statuses and error codes are still to be seen.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use tokio::time::timeout;

use super::trace::{Answer, Fate, keeps_body, note};
use super::xml;
use crate::{BucketSettings, Error, ErrorKind};

/// Gives `object_store` an HTTP client that notes what it sees.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    client: reqwest::Client,
    first_byte_timeout: Duration,
}

impl Connector {
    /// A client of one pool of connections. `is_plain` is for a server without TLS on this machine or beside it: neither
    /// certificates nor a proxy are looked for.
    pub(super) fn new(settings: &BucketSettings, is_plain: bool) -> Result<Self, Error> {
        let tls = if is_plain {
            without_roots()
        } else {
            with_system_roots()?
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(settings.pool_idle_timeout)
            .pool_max_idle_per_host(settings.pool_max_idle)
            // What was sent is sent once, and to where it was meant to go.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .user_agent(concat!("ha-store/", env!("CARGO_PKG_VERSION")));
        if is_plain {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| no_client(&error))?;
        Ok(Self {
            client,
            first_byte_timeout: settings.first_byte_timeout,
        })
    }

    /// The client itself, for requests that `object_store` does not make.
    pub(super) fn client(&self) -> HttpClient {
        HttpClient::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.client())
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        note(Fate::Sent);
        let answer = timeout(self.first_byte_timeout, HttpService::call(&self.client, request)).await;
        match answer {
            Ok(Ok(response)) => observe(response).await,
            Ok(Err(error)) => {
                note(if is_unsent(&error) {
                    Fate::NoConnection(causes(&error))
                } else {
                    Fate::Broken(causes(&error))
                });
                Err(error)
            }
            Err(elapsed) => {
                note(Fate::Silent);
                Err(HttpError::new(HttpErrorKind::Timeout, elapsed))
            }
        }
    }
}

/// Notes an answer. The body of an error is read here, and no more of it than makes sense.
async fn observe(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let status = response.status();
    if status.is_success() && !keeps_body() {
        let range = response.headers().get(http::header::CONTENT_RANGE);
        note(Fate::Answered(Answer {
            status: status.as_u16(),
            // `bytes 0-9/100`
            size: range.and_then(|range| range.to_str().ok()?.rsplit_once('/')?.1.parse().ok()),
            ..Answer::default()
        }));
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    if status.is_success() {
        let body = read(body, LIST_BYTES_MAX).await.inspect_err(|error| {
            note(Fate::Broken(causes(error)));
        })?;
        note(Fate::Answered(Answer {
            status: status.as_u16(),
            body: Some(body.clone()),
            ..Answer::default()
        }));
        return Ok(HttpResponse::from_parts(parts, body.into()));
    }
    // The status stands, whether or not the rest of the answer comes.
    let body = start_of(body).await;
    let in_header = parts
        .headers
        .get(AZURE_ERROR_CODE)
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let (in_body, words) = xml::error(&body);
    note(Fate::Answered(Answer {
        status: status.as_u16(),
        code: in_header.or(in_body),
        words,
        ..Answer::default()
    }));
    Ok(HttpResponse::from_parts(parts, body.into()))
}

async fn read(mut body: HttpResponseBody, most: usize) -> Result<Bytes, HttpError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            if whole.len() + data.len() > most {
                let error = std::io::Error::other(format!("the answer has more than {most} bytes"));
                return Err(HttpError::new(HttpErrorKind::Decode, error));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

/// As much of an error's body as comes and is worth reading.
async fn start_of(mut body: HttpResponseBody) -> Bytes {
    let mut start = BytesMut::new();
    while start.len() < ERROR_BYTES_MAX {
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    let room = ERROR_BYTES_MAX - start.len();
                    start.extend_from_slice(data.get(..room).unwrap_or(&data));
                }
            }
            Some(Err(_)) | None => break,
        }
    }
    start.freeze()
}

/// Whether a request that failed has certainly not left this machine: there was no connection for it.
fn is_unsent(error: &HttpError) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<reqwest::Error>() {
            return error.is_connect() || error.is_builder();
        }
        source = cause.source();
    }
    error.kind() == HttpErrorKind::Connect
}

/// The innermost causes of an error, for people. The outer ones say no more than that it is one.
fn causes(error: &HttpError) -> String {
    let mut chain = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push(cause.to_string());
        source = cause.source();
    }
    let start = chain.len().saturating_sub(2);
    let mut told: Vec<String> = chain.split_off(start);
    // An error often repeats its source.
    if let [outer, inner] = &told[..]
        && outer.contains(inner.as_str())
    {
        told.pop();
    }
    let text = told.join(": ");
    text.chars().take(300).flat_map(char::escape_debug).collect()
}

fn with_system_roots() -> Result<rustls::ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls_platform_verifier::Verifier::new(Arc::clone(&provider)).map_err(|error| no_client(&error))?;
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| no_client(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn without_roots() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions of TLS")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

fn no_client(error: &dyn StdError) -> Error {
    Error::new(
        ErrorKind::Denied,
        "TLS",
        format!(
            "there can be no HTTPS here ({error}): install the system's certificates (ca-certificates), or name them in SSL_CERT_FILE"
        ),
    )
}

const AZURE_ERROR_CODE: &str = "x-ms-error-code";
/// An error that a store sends has some hundred bytes, a proxy's page some thousand.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// A page of a listing has at most 5,000 names of 1,024 bytes.
const LIST_BYTES_MAX: usize = 32 << 20;
