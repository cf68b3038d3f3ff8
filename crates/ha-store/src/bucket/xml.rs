//! The little XML that stores answer with: errors and pages of listings.

use quick_xml::Reader;
use quick_xml::events::Event;

/// The code and the message of an error's body; of anything else, nothing.
pub(super) fn error(body: &[u8]) -> (Option<String>, Option<String>) {
    let (mut code, mut words) = (None, None);
    // What was cut short may still have said its code.
    let _ = walk(body, |path, text| match path {
        ["Error", "Code"] => code = Some(shorten(text)),
        ["Error", "Message"] => words = Some(shorten(text)),
        _ => {}
    });
    (code.filter(|code| !code.is_empty()), words)
}

/// One page of a listing.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    /// Whole keys of objects; those of sub-folders end with `/`.
    pub(super) names: Vec<String>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<String>,
}

/// A page of a listing: S3's and Google's (`ListBucketResult`), or Azure's (`EnumerationResults`).
pub(super) fn page(body: &[u8]) -> Option<Page> {
    let mut page = Page::default();
    let (mut is_listing, mut is_cut, mut next) = (false, None, None);
    walk(body, |path, text| match path {
        ["ListBucketResult", "Contents", "Key"]
        | ["ListBucketResult", "CommonPrefixes", "Prefix"]
        | ["EnumerationResults", "Blobs", "Blob" | "BlobPrefix", "Name"] => page.names.push(text.to_owned()),
        ["ListBucketResult", "NextContinuationToken"] | ["EnumerationResults", "NextMarker"] => {
            next = Some(text.to_owned());
        }
        ["ListBucketResult", "IsTruncated"] => is_cut = Some(text == "true"),
        ["ListBucketResult" | "EnumerationResults"] => is_listing = true,
        _ => {}
    })?;
    page.next = next.filter(|token| !token.is_empty());
    // A page that says that there is more, and not where, is not a listing to rely on.
    let is_whole = page.next.is_some() || is_cut != Some(true);
    (is_listing && is_whole).then_some(page)
}

/// Tells each element's path and text at its end. `None` if the document is not sound up to the end of its root.
pub(super) fn walk(body: &[u8], mut tell: impl FnMut(&[&str], &str)) -> Option<()> {
    let mut reader = Reader::from_reader(body);
    let (mut path, mut text): (Vec<String>, String) = (Vec::new(), String::new());
    let mut end = |path: &mut Vec<String>, text: &mut String| {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        tell(&names, text);
        path.pop();
        text.clear();
    };
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if path.len() == DEPTH_MAX {
                    return None;
                }
                path.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                text.clear();
            }
            Event::Empty(start) => {
                path.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                text.clear();
                end(&mut path, &mut text);
                if path.is_empty() {
                    return Some(());
                }
            }
            Event::Text(part) => text.push_str(&part.decode().ok()?),
            Event::CData(part) => text.push_str(&part.decode().ok()?),
            Event::GeneralRef(entity) => text.push(character(&entity.decode().ok()?)?),
            Event::End(_) => {
                end(&mut path, &mut text);
                if path.is_empty() {
                    return Some(());
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// What `&name;` stands for. Entities of the document's own are not expanded.
fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

fn shorten(text: &str) -> String {
    text.trim()
        .chars()
        .take(200)
        .flat_map(char::escape_debug)
        .collect()
}

/// No answer of a store nests deeper.
const DEPTH_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errors_code_is_read_also_if_the_rest_is_missing() {
        let whole =
            br#"<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>no &lt;key&gt;</Message></Error>"#;
        assert_eq!(error(whole), (Some("NoSuchKey".into()), Some("no <key>".into())));
        assert_eq!(
            error(&whole[..whole.len() - 30]),
            (Some("NoSuchKey".into()), None)
        );
        for nothing in [
            &b""[..],
            b"<html><head><title>404 Not Found</title></head></html>",
            b"<html><Error><Code>NoSuchKey</Code></Error></html>",
            b"<Error><Code/></Error>",
            b"{\"code\": \"NoSuchKey\"}",
            b"\xff\xfe",
            b"NoSuchKey",
        ] {
            assert_eq!(error(nothing).0, None, "{}", String::from_utf8_lossy(nothing));
        }
    }

    #[test]
    fn a_page_of_s3_has_keys_folders_and_the_next_page() {
        let body = br#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>lab</Name><Prefix>a/</Prefix>
            <IsTruncated>true</IsTruncated><NextContinuationToken>to&amp;ken</NextContinuationToken>
            <Contents><Key>a/x</Key><Size>1</Size><Owner><ID>o</ID></Owner></Contents>
            <Contents><Key>a//y&#10;</Key></Contents><CommonPrefixes><Prefix>a/sub/</Prefix></CommonPrefixes></ListBucketResult>"#;
        let page = page(body).unwrap();
        assert_eq!(page.names, ["a/x", "a//y\n", "a/sub/"]);
        assert_eq!(page.next.as_deref(), Some("to&ken"));
    }

    #[test]
    fn a_page_of_azure_has_them_under_other_names() {
        let body = br#"<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="lab"><Blobs><Blob><Name>a/x</Name></Blob>
            <BlobPrefix><Name>a/sub/</Name></BlobPrefix></Blobs><NextMarker/></EnumerationResults>"#;
        let page = page(body).unwrap();
        assert_eq!(
            (page.names, page.next),
            (vec!["a/x".into(), "a/sub/".into()], None)
        );
    }

    #[test]
    fn what_is_no_whole_listing_is_none() {
        for body in [
            &b""[..],
            b"<html></html>",
            b"<Error><Code>InternalError</Code></Error>",
            b"<ListBucketResult><Contents><Key>a</Key></Contents>",
            b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            b"<ListBucketResult><Contents><Key>&unknown;</Key></Contents></ListBucketResult>",
        ] {
            assert_eq!(page(body), None, "{}", String::from_utf8_lossy(body));
        }
        assert_eq!(page(b"<ListBucketResult/>"), Some(Page::default()));
    }
}
