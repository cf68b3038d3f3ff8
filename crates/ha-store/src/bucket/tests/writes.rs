//! Creates, puts and deletes that are answered.

use super::server::{Act, answer, error};
use super::{WITHIN, key, scripted, told};
use crate::ErrorKind::{self, Denied, Exists, OutcomeUnknown, Unavailable};
use crate::{Error, Store};

#[tokio::test]
async fn a_create_is_one_conditional_put_and_a_put_is_a_plain_one() {
    let (server, store) = scripted([answer(200, "")]).await;
    store.create(&key(), "x".into(), WITHIN).await.unwrap();
    store.put(&key(), "x".into(), WITHIN).await.unwrap();
    store.delete(&key(), WITHIN).await.unwrap();
    let seen = server.seen();
    let starts: Vec<_> = seen.iter().map(|head| head.lines().next().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "put /lab/p/a/x http/1.1",
            "put /lab/p/a/x http/1.1",
            "delete /lab/p/a/x http/1.1"
        ]
    );
    let conditional: Vec<_> = seen
        .iter()
        .map(|head| head.contains("\r\nif-none-match: *\r\n"))
        .collect();
    assert_eq!(conditional, [true, false, false]);
    assert!(
        seen.iter()
            .all(|head| head.contains("x-amz-security-token: the-token"))
    );
}

/// Status, error code, what it means for a create, what for a put or a delete, and a word of the way out.
const ANSWERS: &[(u16, &str, ErrorKind, ErrorKind, &str)] = &[
    (412, "PreconditionFailed", Exists, Denied, ""),
    (412, "", Exists, OutcomeUnknown, ""),
    (409, "BlobAlreadyExists", Exists, Unavailable, ""),
    (
        409,
        "ConditionalRequestConflict",
        Unavailable,
        Unavailable,
        "nothing was written",
    ),
    (
        409,
        "OperationAborted",
        Unavailable,
        Unavailable,
        "nothing was written",
    ),
    (409, "", OutcomeUnknown, OutcomeUnknown, "look what answers"),
    (
        500,
        "InternalError",
        OutcomeUnknown,
        OutcomeUnknown,
        "may have done it",
    ),
    (500, "", OutcomeUnknown, OutcomeUnknown, "may have done it"),
    (502, "", OutcomeUnknown, OutcomeUnknown, "may have done it"),
    (503, "SlowDown", OutcomeUnknown, OutcomeUnknown, "overloaded"),
    (
        503,
        "ServiceUnavailable",
        OutcomeUnknown,
        OutcomeUnknown,
        "overloaded",
    ),
    (504, "", OutcomeUnknown, OutcomeUnknown, "may have done it"),
    (
        429,
        "TooManyRequests",
        OutcomeUnknown,
        OutcomeUnknown,
        "overloaded",
    ),
    (408, "", OutcomeUnknown, OutcomeUnknown, "may have done it"),
    (400, "BadDigest", Unavailable, Unavailable, "damaged on the way"),
    (400, "ExpiredToken", Unavailable, Unavailable, "renew them"),
    (
        403,
        "RequestTimeTooSkewed",
        Unavailable,
        Unavailable,
        "set the clock",
    ),
    (403, "AccessDenied", Denied, Denied, "s3:PutObject"),
    (403, "", Denied, Denied, "s3:ListBucket"),
    (401, "", Denied, Denied, "s3:PutObject"),
    (403, "InvalidAccessKeyId", Denied, Denied, "keys of this server"),
    (403, "SignatureDoesNotMatch", Denied, Denied, "belong together"),
    (400, "AuthorizationHeaderMalformed", Denied, Denied, "AWS_REGION"),
    (301, "PermanentRedirect", Denied, Denied, "AWS_REGION"),
    (
        307,
        "TemporaryRedirect",
        Unavailable,
        Unavailable,
        "moved or is new",
    ),
    (302, "", OutcomeUnknown, OutcomeUnknown, "sent elsewhere"),
    (404, "NoSuchBucket", Denied, Denied, "make it"),
    (404, "", OutcomeUnknown, OutcomeUnknown, "look what answers"),
    (407, "", Denied, Denied, "HTTPS_PROXY"),
    (501, "NotImplemented", Denied, Denied, "If-None-Match"),
    (400, "InvalidArgument", Denied, Denied, "refuses"),
    (400, "", OutcomeUnknown, OutcomeUnknown, "look what answers"),
];

#[tokio::test]
async fn each_answer_to_a_write_has_its_meaning_and_none_is_asked_for_twice() {
    for &(status, code, for_create, for_others, way_out) in ANSWERS {
        let (server, store) = scripted([error(status, code)]).await;
        let check = |what: &str, answer: Result<(), Error>, kind: ErrorKind| {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), kind, "{what} at {status} {code}: {error}");
            assert_eq!(error.key(), "a/x");
            let text = told(&error);
            assert!(
                kind == Exists || text.contains(way_out) && text.contains(&status.to_string()),
                "{what} at {status} {code}: {text}"
            );
            assert!(
                !text.contains("the-secret") && !text.contains("the-token"),
                "{text}"
            );
        };
        check(
            "create",
            store.create(&key(), "x".into(), WITHIN).await,
            for_create,
        );
        check("put", store.put(&key(), "x".into(), WITHIN).await, for_others);
        check("delete", store.delete(&key(), WITHIN).await, for_others);
        assert_eq!(server.seen().len(), 3, "{status} {code} is not asked for again");
    }
}

#[tokio::test]
async fn deleting_what_is_absent_is_done_if_the_store_says_so() {
    for code in ["NoSuchKey", "BlobNotFound"] {
        let (_server, store) = scripted([error(404, code)]).await;
        store.delete(&key(), WITHIN).await.unwrap();
    }
}

#[tokio::test]
async fn a_write_that_the_server_calls_done_is_done_whatever_its_answer_lacks() {
    let bare = Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec());
    let (_server, store) = scripted([bare]).await;
    store.create(&key(), "x".into(), WITHIN).await.unwrap();
    store.put(&key(), "x".into(), WITHIN).await.unwrap();
}

#[tokio::test]
async fn neither_the_name_nor_the_debug_of_a_store_shows_a_secret() {
    let (server, store) = scripted([answer(200, "")]).await;
    assert_eq!(store.to_string(), format!("s3://lab/p at {}", server.endpoint));
    let debug = format!("{store:?}");
    assert!(
        !debug.contains("the-secret") && !debug.contains("the-token") && debug.contains("s3://lab/p"),
        "{debug}"
    );
}
