//! A small blocking HTTP client, which shares no code with what it tests.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    form: Option<&'a str>,
    limit: Duration,
}

/// What was answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body.
    pub body: String,
}

impl<'a> Request<'a> {
    /// A GET, to be answered within five seconds.
    #[must_use]
    pub fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            headers: Vec::new(),
            form: None,
            limit: Duration::from_secs(5),
        }
    }

    /// A PUT of nothing, to be answered within five seconds.
    #[must_use]
    pub fn put(path: &'a str) -> Self {
        Self {
            method: "PUT",
            form: Some(""),
            ..Self::get(path)
        }
    }

    /// A POST of a form, with the header that every role accepts it by, to be answered within a minute.
    #[must_use]
    pub fn post(path: &'a str, form: &'a str) -> Self {
        let limit = Duration::from_secs(60);
        let headers = vec![("Brooklyn-Allow-Non-Master-Access", "true")];
        Self {
            method: "POST",
            path,
            headers,
            form: Some(form),
            limit,
        }
    }

    /// Any other method, with a body in JSON or YAML, to be answered within five seconds.
    #[must_use]
    pub fn with_body(method: &'a str, path: &'a str, body: &'a str) -> Self {
        Self {
            method,
            form: Some(body),
            headers: vec![("Content-Type", "application/json")],
            ..Self::get(path)
        }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Leaves out all headers that are not needed.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.headers.clear();
        self
    }

    /// Sets how long the connection, and each part of the answer, may take.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sends it and waits for the answer.
    ///
    /// # Errors
    /// If nobody answers in time, or not in HTTP.
    pub fn send(&self, to: SocketAddr) -> io::Result<Answer> {
        let (status, body) = self.send_bytes(to, self.form.map(str::as_bytes))?;
        let body = String::from_utf8(body).map_err(|why| io::Error::new(ErrorKind::InvalidData, why))?;
        Ok(Answer { status, body })
    }

    /// The same with a body of any bytes, and for one.
    ///
    /// # Errors
    /// If nobody answers in time, or not in HTTP, or the answer breaks off.
    pub fn send_bytes(&self, to: SocketAddr, body: Option<&[u8]>) -> io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect_timeout(&to, self.limit)?;
        stream.set_read_timeout(Some(self.limit))?;
        stream.set_write_timeout(Some(self.limit))?;
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n",
            self.method, self.path
        );
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            let has_type = self.headers.iter().any(|(name, _)| *name == "Content-Type");
            if self.method == "POST" && !has_type {
                text += "Content-Type: application/x-www-form-urlencoded\r\n";
            }
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        stream.write_all(format!("{text}\r\n").as_bytes())?;
        // Who refuses a long body may have answered before it was all sent.
        let sent = stream.write_all(body.unwrap_or_default());
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        if answer.is_empty() {
            sent.and(read)?;
        }
        parse(&answer).ok_or_else(|| {
            io::Error::new(
                ErrorKind::InvalidData,
                String::from_utf8_lossy(&answer).into_owned(),
            )
        })
    }
}

impl Answer {
    /// The body as JSON; `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let (head, body) = split(answer, b"\r\n\r\n")?;
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let header = |name: &str| {
        let of_line = |line: &str| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.split("\r\n").find_map(of_line)
    };
    let body = match (header("transfer-encoding"), header("content-length")) {
        (Some(_), _) => unchunked(body)?,
        (None, Some(length)) => body.get(..length.parse().ok()?)?.to_owned(),
        (None, None) => body.to_owned(),
    };
    Some((status, body))
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (size, after) = split(rest, b"\r\n")?;
        let size = std::str::from_utf8(size).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(after.get(..size)?);
        rest = after.get(size + 2..)?;
    }
}

/// What stands before and behind a mark.
fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_by_length_by_chunks_and_to_the_end() {
        let text = |(status, body)| (status, String::from_utf8(body).expect("it was a text"));
        let body = |answer: &str| parse(answer.as_bytes()).map(text);
        assert_eq!(
            body("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
            Some((200, "{}".into()))
        );
        assert_eq!(body("HTTP/1.1 403 No\r\n\r\nno"), Some((403, "no".into())));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{ \r\n1\r\n}\r\n0\r\n\r\n";
        assert_eq!(body(chunked), Some((200, "{ }".into())));
        assert_eq!(body("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), None);
        let broken = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{ \r\n";
        assert_eq!(body(broken), None, "it has no end");
        assert_eq!(body("HTTP/1.1"), None);
    }
}
