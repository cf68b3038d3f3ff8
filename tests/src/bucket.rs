//! The part of a bucket that is a test's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ha_store::{BucketSettings, BucketStore, Location};

use crate::bucket_server::BucketServer;
use crate::objects::Objects;
use crate::proxy::Proxy;

/// A prefix in a bucket, and how clients get there. Clones are the same place.
#[derive(Clone, Debug)]
pub struct Bucket {
    location: String,
    environment: Vec<(String, String)>,
    /// Read at the server itself, whatever stands before it for others.
    objects: Objects,
    proxy: Option<Arc<Proxy>>,
}

impl Bucket {
    /// A prefix that is empty yet.
    ///
    /// # Panics
    /// If the server does not serve it.
    #[must_use]
    #[track_caller]
    pub fn on(server: &BucketServer) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self::at(
            server,
            server.location(&format!("tests/{}-{number}", std::process::id())),
        )
    }

    /// A place by its address, of which nothing is in use yet.
    ///
    /// # Panics
    /// If the server does not serve it.
    #[must_use]
    #[track_caller]
    pub fn at(server: &BucketServer, location: String) -> Self {
        let environment = server.environment(server.address());
        let objects = Objects::of_store(open(&location, &environment));
        // Buckets may come a little later than the server that has them.
        assert!(objects.names("").is_empty(), "{location} is empty");
        Self {
            location,
            environment,
            objects,
            proxy: None,
        }
    }

    /// The same place with a proxy before it, which is good until it gets rules.
    ///
    /// # Panics
    /// If there can be no proxy.
    #[must_use]
    pub fn behind_proxy(server: &BucketServer, seed: u64) -> Self {
        Self::behind_proxy_at(Ipv4Addr::LOCALHOST, server, seed)
    }

    /// The same with a proxy at another address of this host.
    ///
    /// # Panics
    /// If there can be no proxy.
    #[must_use]
    pub fn behind_proxy_at(address: Ipv4Addr, server: &BucketServer, seed: u64) -> Self {
        let bucket = Self::on(server);
        let proxy = Proxy::start_at(address, server.address(), seed).expect("a proxy can listen");
        Self {
            environment: server.environment(proxy.address()),
            proxy: Some(Arc::new(proxy)),
            ..bucket
        }
    }

    /// The same place, found by clients at another address.
    #[must_use]
    pub fn found_at(mut self, server: &BucketServer, address: SocketAddr) -> Self {
        self.environment = server.environment(address);
        self
    }

    /// Its address: `s3://bucket/prefix`.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// What its clients need in their environment.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The proxy before it.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("it was put behind a proxy")
    }

    /// What lies there, read at the server itself.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Another client of it, on the way that all clients take.
    #[must_use]
    pub fn client(&self) -> BucketStore {
        open(&self.location, &self.environment)
    }

    /// How a rule of the proxy names what begins like this there.
    #[must_use]
    pub fn path(&self, key: &str) -> String {
        let place = self.location.split_once("://").map_or("", |(_, place)| place);
        format!("/{place}/{key}")
    }
}

fn open(location: &str, environment: &[(String, String)]) -> BucketStore {
    let Ok(Location::Bucket(bucket)) = Location::parse(location) else {
        panic!("{location} is the address of a bucket")
    };
    let variable = |name: &str| {
        let found = environment.iter().find(|(variable, _)| variable == name);
        found.map(|(_, value)| value.clone())
    };
    BucketStore::open(&bucket, &BucketSettings::default(), &variable)
        .unwrap_or_else(|error| panic!("{location} cannot be opened: {error}"))
}
