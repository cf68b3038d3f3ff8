//! The XML that a server of buckets answers with.

/// Words of answers.
pub(crate) const WORDS: &[&str] = &[
    "<Error>",
    "</Error>",
    "<Code>",
    "</Code>",
    "<Message>",
    "<ListBucketResult>",
    "</ListBucketResult>",
    "<Contents>",
    "<Key>",
    "<CommonPrefixes>",
    "<Prefix>",
    "<IsTruncated>true</IsTruncated>",
    "<NextContinuationToken>",
    "<EnumerationResults>",
    "<Blobs>",
    "<BlobPrefix>",
    "<NextMarker/>",
    "<LifecycleConfiguration>",
    "<Rule>",
    "<Expiration>",
    "<Days>",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "&b;",
    "&amp;",
    "&#x10ffff;",
    "&#0;",
    "<a/>",
    "<a:b xmlns:a=\"c\">",
    "\u{fffd}",
];

/// What an error says may be shown as it is; a listing holds no more than the answer did.
pub(crate) fn run(data: &[u8]) {
    let (names, told) = ha_store::read_answer(data);
    let held: usize = names.iter().map(String::len).sum();
    assert!(held <= data.len() * LONGEST_CHARACTER, "{held} of {}", data.len());
    for words in told {
        assert!(!words.contains(['\n', '\0', '\x1b']), "{words:?}");
    }
}

/// What was one byte may be told as three, where it was no text.
const LONGEST_CHARACTER: usize = 3;
