//! A bad connection to a real server: a proxy for HTTP/1.1 that lets things go wrong, by [`Rule`]s and a seed.
//!
//! It stands between a client and, say, an S3 server, and passes on what both say as it is, signed headers and all. What it does wrong is what
//! networks and services do: it delays, loses requests, loses replies *after the server has acted*, delivers twice or late, throttles, answers
//! in the server's place, breaks off, alters bytes, falls silent as a whole ([`Proxy::cut`]), and refuses ([`Proxy::refuse`]).
//!
//! A proxy has a thread and a runtime of its own, so the calls here serve tests that block as well as those that do not.

mod answer;
mod call;
mod counts;
mod rule;
mod serve;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

pub use self::answer::Answer;
pub use self::call::Kind;
pub use self::counts::Counts;
pub use self::rule::{End, Fault, Rule};
use self::serve::{Order, Shared};
use crate::ports::ReservedPort;

/// A proxy that runs until it is dropped.
///
/// The same seed, rules and order of requests give the same faults.
///
/// ```no_run
/// use ha_tests::proxy::{End, Fault, Kind, Proxy, Rule};
///
/// let proxy = Proxy::start(([127, 0, 0, 1], 8333).into(), 42)?;
/// proxy.add(Rule::new(Fault::delay_of_millis(60, 300)));
/// proxy.add(Rule::new(Fault::ReplyLost(End::Rst)).on(Kind::Create).per_mille(5));
/// println!("clients go to http://{}", proxy.address());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped, it ends the thread.
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
    /// Its port, unless it was given one.
    _port: Option<ReservedPort>,
}

impl Proxy {
    /// Starts one on a port that stays its own, before a server that need not run yet. The connection is good until rules are
    /// [added](Self::add).
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start(upstream: SocketAddr, seed: u64) -> io::Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST, upstream, seed)
    }

    /// The same at another address of this host.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start_at(address: Ipv4Addr, upstream: SocketAddr, seed: u64) -> io::Result<Self> {
        let port = ReservedPort::find();
        let mut proxy = Self::listen((address, port.number()).into(), upstream, seed)?;
        proxy._port = Some(port);
        Ok(proxy)
    }

    /// Starts one at an address, where port 0 is any that is free.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn listen(at: SocketAddr, upstream: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(upstream, seed));
        let (orders, received) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let serves = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("faulty-proxy".into())
            .spawn(move || runtime.block_on(serve::run(serves, listener, received)))?;
        Ok(Self {
            address,
            shared,
            orders: Some(orders),
            thread: Some(thread),
            _port: None,
        })
    }

    /// Where clients find it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a rule behind those in force: of two that apply to a request, the earlier one wins.
    pub fn add(&self, rule: Rule) {
        self.shared.plan().add(rule);
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.shared.plan().clear();
    }

    /// Severs the connection: requests and replies from now on are lost, in silence. Connections can still be made, and nothing comes of them.
    pub fn cut(&self) {
        self.shared.set_cut(true);
    }

    /// Refuses connections, and resets those there are, as a machine does whose server has ended.
    ///
    /// # Errors
    /// None, unless the proxy has ended.
    pub fn refuse(&self) -> io::Result<()> {
        self.order(false)
    }

    /// Ends a [cut](Self::cut) or a [refusal](Self::refuse). What was lost stays lost.
    ///
    /// # Errors
    /// If it had refused, and its port has been taken since.
    pub fn heal(&self) -> io::Result<()> {
        self.shared.set_cut(false);
        self.order(true)
    }

    /// What has passed so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counts().clone()
    }

    fn order(&self, accept: bool) -> io::Result<()> {
        let ended = || io::Error::other("the proxy has ended");
        let (done, told) = std::sync::mpsc::channel();
        let orders = self.orders.as_ref().ok_or_else(ended)?;
        orders.send(Order { accept, done }).map_err(|_| ended())?;
        told.recv().map_err(|_| ended())?
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // If it has panicked, its message is out already.
            let _ = thread.join();
        }
    }
}
