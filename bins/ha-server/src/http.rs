//! As much of an HTTP client as it takes to ask a node for something: one request on one connection.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Gets a resource as JSON, in at most this time.
///
/// # Errors
/// If nobody answers in time, or answers anything but 200 with JSON.
pub(crate) async fn get_json(
    server: SocketAddr,
    path: &str,
    limit: Duration,
) -> io::Result<serde_json::Value> {
    let answer = in_time(limit, exchange(server, &format!("GET {path}"), "", "")).await?;
    let body = body_of(&answer)?;
    serde_json::from_slice(body).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

/// Sends JSON, with a key under which the answer is remembered, and answers the status.
///
/// # Errors
/// If nobody answers in time.
pub(crate) async fn send_json(
    server: SocketAddr,
    method_and_path: &str,
    key: &str,
    json: &str,
    limit: Duration,
) -> io::Result<u16> {
    let headers = format!(
        "Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {}\r\n",
        json.len()
    );
    let answer = in_time(limit, exchange(server, method_and_path, &headers, json)).await?;
    let head = String::from_utf8_lossy(&answer);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "the answer has no status"))
}

async fn in_time<T>(limit: Duration, asked: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(ErrorKind::TimedOut, format!("no answer in {limit:?}"));
    tokio::time::timeout(limit, asked).await.map_err(late)?
}

async fn exchange(
    server: SocketAddr,
    method_and_path: &str,
    headers: &str,
    body: &str,
) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!(
        "{method_and_path} HTTP/1.1\r\nHost: {server}\r\nAccept: application/json\r\nConnection: close\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The body of a 200 that is as long as it says.
fn body_of(answer: &[u8]) -> io::Result<&[u8]> {
    let wrong = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let head_end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or_else(|| wrong("the answer has no end of head"))?;
    let (head, body) = (
        String::from_utf8_lossy(&answer[..head_end]),
        &answer[head_end + 4..],
    );
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or_default();
    if status != "200" {
        return Err(wrong(&format!("status {status}")));
    }
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") && value.trim() != body.len().to_string() {
            return Err(wrong("the answer is cut"));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(wrong("the answer comes in chunks"));
        }
    }
    Ok(body)
}

const LONGEST_ANSWER: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_200_has_a_body() {
        let body = |answer: &str| body_of(answer.as_bytes()).ok().map(<[u8]>::to_vec);
        assert_eq!(
            body("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
            Some(b"{}".to_vec())
        );
        assert_eq!(body("HTTP/1.1 200 OK\r\n\r\n{}"), Some(b"{}".to_vec()));
        assert_eq!(body("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}"), None);
        assert_eq!(body("HTTP/1.1 503 Service Unavailable\r\n\r\n{}"), None);
        assert_eq!(
            body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
            None
        );
        assert_eq!(body("HTTP/1.1 200 OK\r\nContent-Le"), None);
        assert_eq!(body(""), None);
    }
}
