//! Reads that are answered, and what is absent.

use super::server::{Act, Server, answer, answer_with, error};
use super::{WITHIN, client, key, scripted, told};
use crate::ErrorKind::{Denied, NotFound, Unavailable};
use crate::{BucketSettings, ErrorKind, Store};

#[tokio::test]
async fn only_the_store_itself_says_that_an_object_is_absent() {
    for (act, kind) in [
        (error(404, "NoSuchKey"), NotFound),
        (error(404, "BlobNotFound"), NotFound),
        (error(404, "NoSuchBucket"), Denied),
        (error(404, "NoSuchVersion"), Unavailable),
        (error(404, ""), Unavailable),
        (answer(404, ""), Unavailable),
        (answer(404, "{\"code\":\"NoSuchKey\"}"), Unavailable),
        (answer(404, "NoSuchKey"), Unavailable),
        (
            answer(404, "<html><Error><Code>NoSuchKey</Code></Error></html>"),
            Unavailable,
        ),
        // The code lies behind what is worth reading of an error.
        (
            answer(
                404,
                &format!(
                    "<Error><X>{}</X><Code>NoSuchKey</Code></Error>",
                    "x".repeat(100_000)
                ),
            ),
            Unavailable,
        ),
        (
            Act::SendAndClose(b"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n<Error>".to_vec()),
            Unavailable,
        ),
        (error(410, "NoSuchKey"), Unavailable),
        (error(500, "NoSuchKey"), Unavailable),
    ] {
        let (_server, store) = scripted([act.clone()]).await;
        let error = store.get(&key(), WITHIN).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{act:?}: {error}");
        assert!(!error.folder_missing(), "a bucket has no folders");
        assert_eq!(error.key(), "a/x");
    }
}

#[tokio::test]
async fn a_read_that_is_not_answered_well_is_unavailable_or_denied() {
    for (status, code, kind) in [
        (403, "AccessDenied", Denied),
        (403, "InvalidObjectState", Denied),
        (400, "ExpiredToken", Unavailable),
        (503, "SlowDown", Unavailable),
        (409, "", Unavailable),
        (412, "", Unavailable),
        (304, "", Unavailable),
        (301, "PermanentRedirect", Denied),
    ] {
        let (server, store) = scripted([error(status, code)]).await;
        let whole = store.get(&key(), WITHIN).await.unwrap_err();
        let part = store.get_range(&key(), 0..1, WITHIN).await.unwrap_err();
        for error in [whole, part] {
            assert_eq!(error.kind(), kind, "{status} {code}: {error}");
        }
        assert_eq!(server.seen().len(), 2, "{status} {code} is not asked for again");
    }
}

#[tokio::test]
async fn an_object_that_comes_only_in_part_is_not_given_out() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"e\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n12345";
    let (_server, store) = scripted([Act::SendAndClose(cut.to_vec())]).await;
    let error = store.get(&key(), WITHIN).await.unwrap_err();
    assert_eq!(error.kind(), Unavailable, "{}", told(&error));
}

#[tokio::test]
async fn an_object_that_is_too_long_is_refused_before_it_is_read() {
    let endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: \"e\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n1";
    let server = Server::start([Act::Send(endless.to_vec())]).await;
    let settings = BucketSettings {
        object_bytes_max: 999,
        ..BucketSettings::default()
    };
    let error = client(&server.endpoint, &settings)
        .get(&key(), WITHIN)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("999"), "{error}");
}

#[tokio::test]
async fn ranges_are_asked_for_in_a_way_that_every_server_understands() {
    let part = |range: &str, body: &str| answer_with(206, &format!("Content-Range: bytes {range}\r\n"), body);
    for (range, asked, act, want) in [
        (2..4, "bytes=2-3", part("2-3/10", "23"), "23"),
        (8..99, "bytes=8-98", part("8-9/10", "89"), "89"),
        // An end beyond 63 bits would not be read by some.
        (
            0..u64::MAX,
            "bytes=0-1024",
            part("0-9/10", "0123456789"),
            "0123456789",
        ),
        // An empty range is none that can be asked for; whether the object is there is to be known all the same.
        (3..3, "bytes=3-3", part("3-3/10", "3"), ""),
        (10..20, "bytes=10-19", error(416, "InvalidRange"), ""),
        // Azurite's way to say so.
        (10..20, "bytes=10-19", part("10-9/10", ""), ""),
        (
            u64::MAX - 1..u64::MAX,
            "bytes=1024-1024",
            error(416, "InvalidRange"),
            "",
        ),
    ] {
        let server = Server::start([act]).await;
        let settings = BucketSettings {
            object_bytes_max: 1024,
            ..BucketSettings::default()
        };
        let store = client(&server.endpoint, &settings);
        let got = store.get_range(&key(), range.clone(), WITHIN).await;
        assert_eq!(got.unwrap(), want, "{range:?}");
        let head = &server.seen()[0];
        assert!(
            head.contains(&format!("\r\nrange: {asked}\r\n")),
            "{range:?}: {head}"
        );
    }
}

#[tokio::test]
async fn a_range_that_begins_behind_what_an_object_can_have_finds_one_that_is_not_ours() {
    let act = answer_with(206, "Content-Range: bytes 1024-1024/5000\r\n", "x");
    let server = Server::start([act]).await;
    let settings = BucketSettings {
        object_bytes_max: 1024,
        ..BucketSettings::default()
    };
    let store = client(&server.endpoint, &settings);
    let error = store.get_range(&key(), 4000..4001, WITHIN).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[tokio::test]
async fn a_range_is_not_given_out_if_the_answer_is_another_or_the_store_did_not_say_that_it_is_empty() {
    for act in [
        answer(200, "0123456789"),
        answer_with(206, "Content-Range: bytes 0-1/10\r\n", "01"),
        error(416, ""),
        error(416, "NoSuchKey"),
    ] {
        let (_server, store) = scripted([act.clone()]).await;
        let error = store.get_range(&key(), 2..4, WITHIN).await.unwrap_err();
        assert_eq!(error.kind(), Unavailable, "{act:?}: {error}");
    }
}
