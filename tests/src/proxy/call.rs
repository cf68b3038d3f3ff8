//! Requests as a store means them.

use std::fmt;

use http::{Method, request::Parts};

/// What a request asks of an object store. S3, Azure and Google are told apart by nothing but their headers and queries.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A PUT with a condition.
    Create,
    /// A PUT without one.
    Put,
    /// A GET of an object.
    Get,
    /// A GET of a listing.
    List,
    /// A HEAD.
    Head,
    /// A DELETE of one object.
    Delete,
    /// Anything else.
    Other,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Put => "put",
            Self::Get => "get",
            Self::List => "list",
            Self::Head => "head",
            Self::Delete => "delete",
            Self::Other => "other",
        })
    }
}

/// A request as rules see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Call {
    pub(super) kind: Kind,
    /// The path; for a listing, the path of what it lists.
    pub(super) name: String,
}

impl Call {
    pub(super) fn of(request: &Parts) -> Self {
        let conditions = ["if-none-match", "if-match", "x-goog-if-generation-match"];
        let has_condition = conditions.iter().any(|name| request.headers.contains_key(*name));
        let query = || request.uri.query().unwrap_or_default().split('&');
        let lists = || query().any(|part| part.starts_with("list-type=") || part == "comp=list");
        let kind = match request.method {
            Method::PUT if has_condition => Kind::Create,
            Method::PUT => Kind::Put,
            Method::GET if lists() => Kind::List,
            Method::GET => Kind::Get,
            Method::HEAD => Kind::Head,
            Method::DELETE => Kind::Delete,
            _ => Kind::Other,
        };
        let mut name = decoded(request.uri.path());
        if kind == Kind::List {
            let prefix = query().find_map(|part| part.strip_prefix("prefix="));
            name = format!(
                "{}/{}",
                name.trim_end_matches('/'),
                decoded(prefix.unwrap_or_default())
            );
        }
        Self { kind, name }
    }
}

/// Undoes percent-encoding. What is no encoding stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, uri: &str, header: Option<&str>) -> (Kind, String) {
        let request = http::Request::builder().method(method).uri(uri);
        let request = match header {
            Some(name) => request.header(name, "*"),
            None => request,
        };
        let (parts, ()) = request.body(()).expect("it is a request").into_parts();
        let Call { kind, name } = Call::of(&parts);
        (kind, name)
    }

    #[test]
    fn requests_are_told_apart_and_named_by_what_they_are_about() {
        let cases = [
            (
                ("PUT", "/b/p/journal/1", Some("If-None-Match")),
                (Kind::Create, "/b/p/journal/1"),
            ),
            (("PUT", "/b/p/nodes/a", None), (Kind::Put, "/b/p/nodes/a")),
            (("GET", "/b/p/a%2Bb%zz%", None), (Kind::Get, "/b/p/a+b%zz%")),
            (
                ("GET", "/b?list-type=2&prefix=p%2Fsnapshot%2F&delimiter=%2F", None),
                (Kind::List, "/b/p/snapshot/"),
            ),
            (("GET", "/b/?delimiter=/&list-type=2", None), (Kind::List, "/b/")),
            (
                ("GET", "/account/c?restype=container&comp=list&prefix=p/", None),
                (Kind::List, "/account/c/p/"),
            ),
            (("HEAD", "/b", None), (Kind::Head, "/b")),
            (("DELETE", "/b/x", None), (Kind::Delete, "/b/x")),
            (("POST", "/b?delete", None), (Kind::Other, "/b")),
        ];
        for ((method, uri, header), (kind, name)) in cases {
            assert_eq!(
                call(method, uri, header),
                (kind, name.to_owned()),
                "{method} {uri}"
            );
        }
    }
}
