//! The limits under which requests are taken.

use std::time::Duration;

/// The limits under which requests are taken. Start from [`Settings::default`] and set what differs.
///
/// ```
/// let mut settings = ha_rest::Settings::default();
/// settings.drain_time = std::time::Duration::from_secs(1);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Largest body of a form, in bytes; more is answered 413. Default 1 MiB: a form holds a few words.
    pub form_limit: usize,
    /// How long an answer to a deployment waits for the start to end, so that it tells of the end of a short one. Default 100 ms, as in
    /// Brooklyn.
    pub deploy_wait: Duration,
    /// How long a client may take to send the head of a request, which is also how long a kept-alive connection may idle;
    /// then it is closed without an answer. Default 10 s.
    pub header_timeout: Duration,
    /// How long a client may take to send the whole body of a request, from the first wait for it on; then 408, and the
    /// connection is closed. Default 30 s. Has no effect unless it is below [`request_timeout`](Self::request_timeout).
    pub body_timeout: Duration,
    /// How long a request may take from its head to its answer; then 503 if it changes nothing (GET, HEAD, OPTIONS), else
    /// 504 with `X-HA-Outcome: unknown`, while the command goes on. Default 60 s: a change of mode waits for leases to end.
    pub request_timeout: Duration,
    /// How long a client may take to accept a piece of an answer; then the connection is cut. Default 30 s.
    pub write_timeout: Duration,
    /// How long requests under way may take to finish after the stop; then their connections are cut. Default 5 s.
    pub drain_time: Duration,
    /// Most connections at one time; more wait in the kernel's queue. Default 256, and at least 1.
    ///
    /// **Keep it well below the process's limit of open files (often 1024)**: the node's store needs some, and a node whose
    /// clients have used them all up could not prove its leadership.
    pub max_connections: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            form_limit: 1024 * 1024,
            deploy_wait: Duration::from_millis(100),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            drain_time: Duration::from_secs(5),
            max_connections: 256,
        }
    }
}
