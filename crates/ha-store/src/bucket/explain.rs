//! What an answer, or the lack of one, means: pure functions from what was seen to an error.

use std::time::Duration;

use super::trace::{Answer, Fate};
use crate::location::Provider;
use crate::{BucketSettings, Error, ErrorKind, Operation};

/// What the errors of one store have in common.
#[derive(Clone, Debug)]
pub(super) struct Explain {
    /// The store's name and server: `s3://lab/a at http://127.0.0.1:8333`.
    pub(super) shown: String,
    pub(super) provider: Provider,
    pub(super) connect_timeout: Duration,
    pub(super) first_byte_timeout: Duration,
}

/// How long a call may take in all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) whole: Duration,
    /// It is the longest that the settings give any call, and not the call's own deadline.
    pub(super) is_longest: bool,
}

/// What a request of which all is known came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was done, or needed not to be.
    Done,
    /// The bytes that were asked for begin behind the object's end.
    BeyondEnd,
    Failed(Error),
}

impl Explain {
    pub(super) fn new(shown: String, provider: Provider, settings: &BucketSettings) -> Self {
        Self {
            shown,
            provider,
            connect_timeout: settings.connect_timeout,
            first_byte_timeout: settings.first_byte_timeout,
        }
    }

    /// A call whose deadline has passed, or the longest time that the settings give any.
    pub(super) fn late(&self, operation: Operation, name: &str, limit: Limit, fate: &Fate) -> Error {
        let kind = match fate {
            Fate::NotSent | Fate::NoCredentials(_) | Fate::NoConnection(_) => ErrorKind::Unavailable,
            _ => unanswered(operation),
        };
        let what = match kind {
            ErrorKind::OutcomeUnknown => "was not answered",
            _ if *fate == Fate::NotSent => "was not sent",
            _ => "did not end",
        };
        let Limit { whole, is_longest } = limit;
        let which = if is_longest {
            "the longest that any request may take"
        } else {
            "its deadline"
        };
        self.error(
            kind,
            name,
            format!(
                "{operation} {what} within {whole:?}, {which}: look whether the server and the way to it are slow"
            ),
        )
    }

    /// A call that `object_store` gave an error for.
    pub(super) fn failed(&self, operation: Operation, name: &str, fate: &Fate) -> Outcome {
        Outcome::Failed(match fate {
            Fate::Answered(answer) => return self.answered(operation, name, answer),
            Fate::NotSent => self.error(
                ErrorKind::Unavailable,
                name,
                format!("{operation} could not be prepared, and was not sent"),
            ),
            Fate::NoCredentials(why) => self.error(ErrorKind::Unavailable, name, why.clone()),
            Fate::NoConnection(why) => self.error(
                ErrorKind::Unavailable,
                name,
                format!(
                    "no connection ({why}; limit {:?}): {}",
                    self.connect_timeout,
                    look_at(why)
                ),
            ),
            Fate::Silent => self.error(
                unanswered(operation),
                name,
                format!(
                    "{operation} had no first byte of an answer within {:?}: look whether the server is overloaded",
                    self.first_byte_timeout
                ),
            ),
            Fate::Broken(why) => self.error(
                unanswered(operation),
                name,
                format!("the connection broke before {operation} was answered ({why})"),
            ),
            Fate::Sent => self.error(
                unanswered(operation),
                name,
                format!("{operation} was not answered"),
            ),
        })
    }

    /// An answer that the caller did not hope for.
    fn answered(&self, operation: Operation, name: &str, answer: &Answer) -> Outcome {
        let code = answer.code.as_deref().unwrap_or_default();
        match (operation, answer.status, code) {
            // An object is written when the server says so, whatever its headers lack.
            (Operation::Create | Operation::Put, 200..=299, _) => return Outcome::Done,
            (Operation::Delete, 404, "NoSuchKey" | "BlobNotFound") => return Outcome::Done,
            (Operation::GetRange, 416, "InvalidRange") => return Outcome::BeyondEnd,
            (Operation::Get | Operation::GetRange, 404, "NoSuchKey" | "BlobNotFound") => {
                return Outcome::Failed(Error::new(ErrorKind::NotFound, name, "not found"));
            }
            (Operation::Create, 412, _) | (Operation::Create, 409, "BlobAlreadyExists") => {
                let message = "exists: read it to see whose it is";
                return Outcome::Failed(Error::new(ErrorKind::Exists, name, message));
            }
            _ => {}
        }
        let (kind, way_out) = judge(operation, answer.status, code, self.provider);
        let code = if code.is_empty() {
            String::new()
        } else {
            format!(" {code}")
        };
        let words = answer.words.as_deref().filter(|words| !words.is_empty());
        let words = words.map(|words| format!(" ({words})")).unwrap_or_default();
        let message = format!(
            "{operation} was answered {}{code}{words}: {way_out}",
            answer.status
        );
        Outcome::Failed(self.error(kind, name, message))
    }

    /// An error about an object, a folder or the whole store.
    pub(super) fn error(&self, kind: ErrorKind, name: &str, message: String) -> Error {
        if name.is_empty() {
            Error::new(kind, &*self.shown, message)
        } else {
            Error::new(kind, name, format!("{}: {message}", self.shown))
        }
    }
}

/// What to do where no connection came about.
fn look_at(why: &str) -> &'static str {
    if why.contains("certificate") {
        "the endpoint is to be the name in the server's certificate, and its authority one that this machine trusts: add it to the system's, or \
         name a file of all that are trusted in SSL_CERT_FILE"
    } else {
        "look at the endpoint, the network and whether the server runs"
    }
}

/// What follows if nobody knows whether the server has done it.
fn unanswered(operation: Operation) -> ErrorKind {
    if operation.is_write() {
        ErrorKind::OutcomeUnknown
    } else {
        ErrorKind::Unavailable
    }
}

/// What an error answer means, and the way out.
///
/// Only an answer with a store's error code speaks for the store; one without may come from anything in between, and
/// says nothing about a write. `Denied` is for what an operator must change; what mends by itself, once keys are renewed
/// or a clock is set, is `Unavailable`: the plane then tries again for as long as a request may take before it refuses.
fn judge(operation: Operation, status: u16, code: &str, provider: Provider) -> (ErrorKind, &'static str) {
    use ErrorKind::{Denied, Unavailable};
    match code {
        "ConditionalRequestConflict" | "OperationAborted" => {
            return (
                Unavailable,
                "another request for the same object was under way, and nothing was written: try again",
            );
        }
        "BadDigest" | "IncompleteBody" | "XAmzContentSHA256Mismatch" | "Md5Mismatch" => {
            return (
                Unavailable,
                "the bytes were damaged on the way, and nothing was written: try again",
            );
        }
        "ExpiredToken" | "TokenRefreshRequired" | "RequestExpired" | "InvalidAuthenticationInfo" => {
            return (
                Unavailable,
                "the credentials have expired: renew them, and it goes on by itself if they come from a file or a role; keys of the \
                 environment need a restart",
            );
        }
        "RequestTimeTooSkewed" => {
            return (
                Unavailable,
                "this machine's clock and the server's differ too much: set the clock (NTP), and it goes on by itself",
            );
        }
        "TemporaryRedirect" => {
            return (
                Unavailable,
                "the bucket is being moved or is new: try again, or name its own endpoint",
            );
        }
        "NoSuchBucket" | "ContainerNotFound" => {
            return (
                Denied,
                "the bucket is not there: make it, or give another name, endpoint or region",
            );
        }
        "InvalidAccessKeyId" => {
            return (
                Denied,
                "the server does not know the access key: give keys of this server",
            );
        }
        "SignatureDoesNotMatch" => {
            return (
                Denied,
                "the secret does not fit the access key: give the two that belong together",
            );
        }
        "InvalidToken" => {
            return (
                Denied,
                "the session token does not fit the access key: give the three that belong together",
            );
        }
        "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException" => {
            return (
                Denied,
                "the bucket is in another region, or the server wants another one to be named: set AWS_REGION to the bucket's",
            );
        }
        "NotImplemented" => {
            return (
                Denied,
                "the server cannot do what the plane needs: use one that has conditional writes (If-None-Match)",
            );
        }
        _ => {}
    }
    match status {
        200..=299 => (
            unanswered(operation),
            "the answer cannot be understood: look what answers at the endpoint",
        ),
        301 | 302 | 307 | 308 if code.is_empty() => (
            unanswered(operation),
            "the request was sent elsewhere, which is not followed: look whether the endpoint and the region are the bucket's",
        ),
        401 | 403 => (Denied, denied(provider)),
        407 => (
            Denied,
            "a proxy on the way wants to know who asks: set HTTPS_PROXY with a user, or NO_PROXY for this server",
        ),
        408 | 429 | 500..=599 => (
            unanswered(operation),
            "the server is overloaded or ill, and may have done it: it is tried again",
        ),
        409 if !code.is_empty() => (
            Unavailable,
            "another request was in the way, and nothing was written: try again",
        ),
        404 if !operation.is_write() => (
            Unavailable,
            "that does not say that the object is absent (a store says NoSuchKey): look what answers at the endpoint",
        ),
        400..=499 if !code.is_empty() && operation.is_write() => (
            Denied,
            "the store refuses this: look at its log and at the bucket's settings",
        ),
        400..=499 => (
            unanswered(operation),
            "that is not how a store refuses: look what answers at the endpoint",
        ),
        _ => (
            unanswered(operation),
            "that is not an answer of a store: look what answers at the endpoint",
        ),
    }
}

fn denied(provider: Provider) -> &'static str {
    match provider {
        Provider::S3 => {
            "these credentials may not do that: allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket (without the last, \
             S3 refuses to say that an object is absent)"
        }
        Provider::Gs => {
            "these credentials may not do that: give them the role Storage Object User on the bucket"
        }
        Provider::Az => {
            "these credentials may not do that: look at the key, at this machine's clock, and at the role (Storage Blob Data \
             Contributor)"
        }
    }
}
