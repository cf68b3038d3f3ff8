//! The address of a store, of a server of buckets, a key.

use ha_store::{Endpoint, Folder, Key, Location};

/// Words of addresses.
pub(crate) const WORDS: &[&str] = &[
    "s3://",
    "gs://",
    "az://",
    "s3:",
    "s3:https://",
    "http://",
    "https://",
    "[::1]",
    "localhost",
    "127.0.0.1",
    ":9000",
    "bucket",
    "/",
    "..",
    "//",
    "@",
    "%2e%2e",
    ".swp",
    ".tmp-",
    "\u{fffd}",
    "ä",
    "\0",
    "\n",
    "file://",
    "journal/00000000/00000000000000000001",
];

/// Longest text that says what is wrong.
const LONGEST: usize = 2000;

/// Two lines: an address, or the two halves that Brooklyn has.
pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
    match Location::parse(first) {
        Ok(place) => same_again(&place),
        Err(error) => is_one_line(&error.to_string()),
    }
    match Location::of_pair(first, second) {
        Ok(place) => same_again(&place),
        Err(error) => is_one_line(&error.to_string()),
    }
    match Endpoint::parse(first) {
        Ok(endpoint) => {
            assert_eq!(Endpoint::parse(endpoint.as_str()), Ok(endpoint.clone()));
            assert!(!endpoint.as_str().contains('@'), "a password is never kept");
            let _ = (endpoint.is_loopback(), endpoint.is_plain_http());
        }
        Err(error) => is_one_line(&error.to_string()),
    }
    match Key::new(first) {
        Ok(key) => {
            assert_eq!(key.as_str(), first);
            assert!(
                !key.as_str()
                    .split('/')
                    .any(|part| part.is_empty() || part.starts_with('.'))
            );
            Folder::new(key.folder()).expect("a key lies in a folder");
        }
        Err(error) => is_one_line(&error.to_string()),
    }
}

fn same_again(place: &Location) {
    let shown = place.to_string();
    if let Location::Bucket(bucket) = place {
        let Ok(Location::Bucket(again)) = Location::parse(&shown) else {
            panic!("`{shown}` is what it is shown as, and is not read");
        };
        assert_eq!(
            (again.bucket(), again.prefix()),
            (bucket.bucket(), bucket.prefix())
        );
        assert!(
            !bucket.prefix().split('/').any(|part| part.starts_with('.')),
            "{shown}"
        );
    }
}

fn is_one_line(words: &str) {
    assert!(
        words.len() <= LONGEST && !words.contains(['\n', '\0', '\x1b']),
        "{words:?}"
    );
}
