//! Listings: pages, foreign names, and what is no listing.

use super::server::{Server, answer, error};
use super::{WITHIN, client, scripted};
use crate::ErrorKind::{Denied, Unavailable};
use crate::{BucketSettings, Folder, Store};

fn page(keys: &[&str], folders: &[&str], next: &str) -> String {
    let keys: String = keys
        .iter()
        .map(|key| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00Z</LastModified><Size>1</Size></Contents>"
            )
        })
        .collect();
    let folders: String = folders
        .iter()
        .map(|folder| format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"))
        .collect();
    let (cut, next) = match next {
        "" => (false, String::new()),
        next => (
            true,
            format!("<NextContinuationToken>{next}</NextContinuationToken>"),
        ),
    };
    format!("<ListBucketResult><IsTruncated>{cut}</IsTruncated>{next}{keys}{folders}</ListBucketResult>")
}

fn folder() -> Folder {
    Folder::new("a").unwrap()
}

#[tokio::test]
async fn a_list_is_of_one_folder_with_all_its_pages() {
    let (server, store) = scripted([
        answer(200, &page(&["p/a/1", "p/a/2"], &["p/a/sub/"], "more/==")),
        answer(200, &page(&["p/a/3"], &[], "")),
    ])
    .await;
    let names = store.list(&folder(), WITHIN).await.unwrap();
    assert_eq!(names, ["1", "2", "sub/", "3"]);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    let first = seen[0].lines().next().unwrap();
    assert!(
        first.contains("prefix=p%2fa%2f") && first.contains("delimiter=%2f"),
        "{first}"
    );
    assert!(
        seen[1].contains("continuation-token=more%2f%3d%3d"),
        "{}",
        seen[1]
    );
}

#[tokio::test]
async fn the_root_is_the_prefix() {
    let (server, store) = scripted([answer(200, &page(&["p/1"], &["p/a/"], ""))]).await;
    assert_eq!(store.list(&Folder::root(), WITHIN).await.unwrap(), ["1", "a/"]);
    assert!(server.seen()[0].contains("prefix=p%2f&") || server.seen()[0].contains("prefix=p%2f "));
}

#[tokio::test]
async fn foreign_names_are_left_out_also_those_that_are_no_paths() {
    let (_server, store) = scripted([answer(
        200,
        &page(
            &[
                "p/a/",
                "p/a/1",
                "p/a/a b",
                "p/a/.hidden",
                "p/a/&lt;&amp;&gt;",
                "p/a/tab&#9;",
                "q/other",
                "p/a/ü",
            ],
            &["p/a//", "p/a/../", "p/a/sub/", "p/a/s p/"],
            "",
        ),
    )])
    .await;
    assert_eq!(store.list(&folder(), WITHIN).await.unwrap(), ["1", "sub/"]);
}

#[tokio::test]
async fn a_folder_with_too_many_names_is_refused_and_not_read_to_its_end() {
    let full = page(&["p/a/1", "p/a/2", "p/a/3"], &[], "more");
    let server = Server::start([answer(200, &full)]).await;
    let settings = BucketSettings {
        list_names_max: 7,
        ..BucketSettings::default()
    };
    let error = client(&server.endpoint, &settings)
        .list(&folder(), WITHIN)
        .await
        .unwrap_err();
    assert_eq!((error.kind(), server.seen().len()), (Denied, 3), "{error}");
    assert!(error.to_string().contains("more than 7 names"), "{error}");
}

#[tokio::test]
async fn what_is_no_whole_listing_is_not_taken_for_one() {
    for act in [
        answer(200, ""),
        answer(200, "<html></html>"),
        answer(200, "<Error><Code>InternalError</Code></Error>"),
        answer(200, "<ListBucketResult><Contents><Key>p/a/1</Key></Contents>"),
        answer(
            200,
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        ),
        error(404, ""),
        error(404, "NoSuchKey"),
        error(503, "SlowDown"),
    ] {
        let (_server, store) = scripted([act.clone()]).await;
        let error = store.list(&folder(), WITHIN).await.unwrap_err();
        assert_eq!(error.kind(), Unavailable, "{act:?}: {error}");
    }
    let (_server, store) = scripted([error(404, "NoSuchBucket")]).await;
    let error = store.list(&Folder::root(), WITHIN).await.unwrap_err();
    assert_eq!(error.kind(), Denied, "{error}");
    assert!(
        error.key().starts_with("s3://lab/p at http"),
        "the root is called by its name: {error}"
    );
}
