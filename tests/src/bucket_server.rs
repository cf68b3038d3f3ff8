//! Real servers of buckets, some of which lie.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::administrator;
use crate::daemon::{Daemon, tool};
use crate::http::Request;
use crate::ports::ReservedPort;

/// A server that keeps the bucket `lab`, on loopback and under keys of its own. It is killed when this is dropped or the test's process ends.
#[derive(Debug)]
pub struct BucketServer {
    program: Program,
    daemon: Daemon,
    /// The first is where it serves clients.
    ports: Vec<ReservedPort>,
    keys: [String; 2],
}

/// What it runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Program {
    SeaweedFs,
    SeaweedFsOverTls,
    Rclone,
    S3sFs,
    Azurite,
}

impl BucketServer {
    /// The bucket that each of them has.
    pub const BUCKET: &str = "lab";

    /// SeaweedFS, whose conditional writes are atomic. Those who lose a race for one key wait for a second and more. `None`, and the test is
    /// skipped, where it is not installed.
    #[must_use]
    pub fn seaweedfs() -> Option<Self> {
        Self::start(Program::SeaweedFs)
    }

    /// A SeaweedFS for all tests of this process, since it takes a second and 200 MB: each takes a prefix of its own there, and none stops it.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<BucketServer>> = OnceLock::new();
        let shared = SHARED.get_or_init(Self::seaweedfs).as_ref();
        if shared.is_none() {
            // The first to ask has been told already; each says so for itself.
            tool(Program::SeaweedFs.variable());
        }
        shared
    }

    /// SeaweedFS that speaks TLS only, under a certificate for `localhost` of an authority of its own.
    #[must_use]
    pub fn seaweedfs_over_tls() -> Option<Self> {
        Self::start(Program::SeaweedFsOverTls)
    }

    /// `rclone serve s3`, which ignores conditions: all who create succeed.
    #[must_use]
    pub fn rclone() -> Option<Self> {
        Self::start(Program::Rclone)
    }

    /// s3s-fs, which looks and then writes: alone it seems to keep conditions, in a race several who create succeed.
    #[must_use]
    pub fn s3s_fs() -> Option<Self> {
        Self::start(Program::S3sFs)
    }

    /// Azurite, which stands for Azure: its conditional writes are atomic.
    #[must_use]
    pub fn azurite() -> Option<Self> {
        Self::start(Program::Azurite)
    }

    /// Where it serves clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[0].number()))
    }

    /// The environment of its clients, which find it, or what stands before it, at an address.
    #[must_use]
    pub fn environment(&self, at: SocketAddr) -> Vec<(String, String)> {
        let [id, secret] = self.keys.clone();
        let variables = match self.program {
            Program::Azurite => vec![
                ("AZURE_STORAGE_ACCOUNT_NAME", id.clone()),
                ("AZURE_STORAGE_ACCOUNT_KEY", secret),
                ("AZURE_STORAGE_ENDPOINT", format!("http://{at}/{id}")),
            ],
            _ => vec![
                ("AWS_ACCESS_KEY_ID", id),
                ("AWS_SECRET_ACCESS_KEY", secret),
                ("AWS_REGION", "us-east-1".into()),
                ("AWS_ENDPOINT_URL", self.url(at)),
            ],
        };
        variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    fn url(&self, at: SocketAddr) -> String {
        match self.program {
            Program::SeaweedFsOverTls => format!("https://localhost:{}", at.port()),
            _ => format!("http://{at}"),
        }
    }

    /// The certificate of the authority that has signed its own, in a file.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.daemon.home().join(AUTHORITY)
    }

    /// The address of a place in its bucket.
    #[must_use]
    pub fn location(&self, prefix: &str) -> String {
        let scheme = if self.program == Program::Azurite {
            "az"
        } else {
            "s3"
        };
        format!("{scheme}://{}/{prefix}", Self::BUCKET)
    }

    /// Makes another bucket on an S3 server, and puts settings of it: each a query (`versioning`) with its body.
    ///
    /// # Panics
    /// If the server refuses.
    #[track_caller]
    pub fn make_bucket(&self, name: &str, settings: &[(&str, &str)]) {
        let put = |path: &str, body| administrator::put(self.address(), &self.keys, path, body);
        let made = put(&format!("/{name}"), "");
        assert_eq!(made.status, 200, "bucket {name}: {made:?}");
        for (query, body) in settings {
            let set = put(&format!("/{name}?{query}="), body);
            assert!(matches!(set.status, 200 | 204), "{query} of {name}: {set:?}");
        }
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Starts it again, on the same ports and data, and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.daemon.start_again();
        self.becomes_ready();
    }

    #[track_caller]
    fn start(program: Program) -> Option<Self> {
        let path = tool(program.variable())?.into_os_string();
        let ports: Vec<_> = (0..program.ports()).map(|_| ReservedPort::find()).collect();
        let dir = Daemon::dir();
        let bucket = dir.path().join("data").join(Self::BUCKET);
        std::fs::create_dir_all(&bucket).expect("the temporary directory is writable");
        if program == Program::SeaweedFsOverTls {
            write_certificates(dir.path());
        }
        let keys = program.keys(ports[0].number());
        let numbers: Vec<_> = ports.iter().map(ReservedPort::number).collect();
        let arguments = program.arguments(&numbers, &keys);
        let line = std::iter::once(path).chain(arguments.into_iter().map(Into::into));
        let environment = vec![
            ("AWS_ACCESS_KEY_ID", keys[0].clone()),
            ("AWS_SECRET_ACCESS_KEY", keys[1].clone()),
            ("RCLONE_CONFIG", "/dev/null".into()),
            ("TMPDIR", dir.path().display().to_string()),
        ];
        let daemon = Daemon::start(dir, program.litter(&numbers), line, environment);
        let mut server = Self {
            program,
            daemon,
            ports,
            keys,
        };
        server.becomes_ready();
        Some(server)
    }

    /// Waits until it answers, has its bucket, and takes objects.
    #[track_caller]
    fn becomes_ready(&mut self) {
        let (program, address) = (self.program, self.address());
        let ports: Vec<_> = self.ports.iter().map(ReservedPort::number).collect();
        self.daemon.becomes_ready(|_| match program {
            Program::SeaweedFs | Program::SeaweedFsOverTls => {
                answers(program, address) && seaweedfs_takes_objects(&ports)
            }
            _ => answers(program, address),
        });
        if self.program == Program::Azurite {
            self.has_container(address);
        }
    }

    /// Makes what Azure calls a container, unless it is there.
    #[track_caller]
    fn has_container(&self, address: SocketAddr) {
        let path = format!("/{}/{}?{MAY_CREATE_CONTAINERS}", self.keys[0], Self::BUCKET);
        let made = Request::put(&path).send(address).expect("Azurite answers");
        assert!(matches!(made.status, 201 | 409), "{made:?}");
    }
}

impl Program {
    /// What says where it is.
    fn variable(self) -> &'static str {
        match self {
            Self::SeaweedFs | Self::SeaweedFsOverTls => "HA_WEED",
            Self::Rclone => "HA_RCLONE",
            Self::S3sFs => "HA_S3S_FS",
            Self::Azurite => "HA_AZURITE",
        }
    }

    /// How many ports it takes.
    fn ports(self) -> usize {
        match self {
            Self::SeaweedFs | Self::SeaweedFsOverTls => SEAWEEDFS_PORTS.len(),
            _ => 1,
        }
    }

    /// Keys that no other server knows, so that a client of the wrong one is refused.
    fn keys(self, port: u16) -> [String; 2] {
        match self {
            // Azurite knows these only, and so does everybody.
            Self::Azurite => [
                "devstoreaccount1".into(),
                "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
                    .into(),
            ],
            _ => [
                format!("key-{port}"),
                format!("secret-{port}-{}", std::process::id()),
            ],
        }
    }

    /// What it leaves in the temporary directory whatever it is told.
    fn litter(self, ports: &[u16]) -> Vec<PathBuf> {
        let names = match self {
            Self::SeaweedFs | Self::SeaweedFsOverTls => ["s3", "filer", "master", "volume"].as_slice(),
            _ => &[],
        };
        let sockets = names.iter().zip(ports.chunks(2));
        sockets
            .map(|(name, ports)| format!("/tmp/seaweedfs-{name}-grpc-{}.sock", ports[1]).into())
            .collect()
    }

    /// The command line, for a process in a directory in which `data` is for its data.
    fn arguments(self, ports: &[u16], [id, secret]: &[String; 2]) -> Vec<String> {
        let text = match self {
            Self::SeaweedFs | Self::SeaweedFsOverTls => {
                let tls = match self {
                    Self::SeaweedFsOverTls => {
                        format!("-s3.cert.file={CERTIFICATE} -s3.key.file={PRIVATE_KEY}")
                    }
                    _ => String::new(),
                };
                let ports = SEAWEEDFS_PORTS.iter().zip(ports);
                let ports: Vec<_> = ports.map(|(name, port)| format!("-{name}={port}")).collect();
                // Telemetry would call a stranger; buckets that are made unasked would hide a wrong name. By itself it takes no object on a
                // disk that is full to 99 %, however much is left, has as many volumes as it finds space for, and takes 20 s to come back
                // after a kill.
                format!(
                    "server -dir=data -ip=127.0.0.1 -ip.bind=127.0.0.1 -filer -s3 -master.telemetry=false -s3.autoCreateBucket=false \
                     -s3.port.iceberg=0 -s3.port.lance=0 -filer.localSocket=filer.sock -s3.localSocket=s3.sock \
                     -master.electionTimeout=1s -master.heartbeatInterval=100ms -master.volumeSizeLimitMB=64 -volume.max=100 -volume.minFreeSpace=1MiB -volume.preStopSeconds=0 {} {tls}",
                    ports.join(" ")
                )
            }
            Self::Rclone => format!(
                "serve s3 data --addr 127.0.0.1:{} --auth-key {id},{secret}",
                ports[0]
            ),
            Self::S3sFs => format!(
                "--host 127.0.0.1 --port {} --access-key {id} --secret-key {secret} data",
                ports[0]
            ),
            Self::Azurite => format!(
                "--blobHost 127.0.0.1 --blobPort {} --location data --silent --disableTelemetry --skipApiVersionCheck",
                ports[0]
            ),
        };
        text.split_whitespace().map(str::to_owned).collect()
    }
}

fn answers(program: Program, address: SocketAddr) -> bool {
    match program {
        // What it says to who does not speak TLS is hardly HTTP.
        Program::SeaweedFsOverTls => TcpStream::connect(address).is_ok(),
        _ => Request::get("/").send(address).is_ok(),
    }
}

/// Has its bucket be there, which to its filer is a folder, and asks its master for a place for an object.
fn seaweedfs_takes_objects(ports: &[u16]) -> bool {
    let port = |name| {
        let at = SEAWEEDFS_PORTS.iter().position(|port| *port == name);
        SocketAddr::from(([127, 0, 0, 1], ports[at.expect("a port of SeaweedFS")]))
    };
    let bucket = Request::put(&format!("/buckets/{}/", BucketServer::BUCKET)).send(port("filer.port"));
    let place = Request::get("/dir/assign").send(port("master.port"));
    bucket.is_ok_and(|made| matches!(made.status, 201 | 409))
        && place.is_ok_and(|given| given.body.contains("\"fid\""))
}

/// An authority, and a certificate for `localhost` that it has signed.
fn write_certificates(dir: &std::path::Path) {
    let made = (|| {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        let key = KeyPair::generate()?;
        let issuer = Issuer::new(authority, authority_key);
        let certificate = CertificateParams::new(vec!["localhost".into()])?.signed_by(&key, &issuer)?;
        Ok::<_, rcgen::Error>([
            (AUTHORITY, authority_pem),
            (CERTIFICATE, certificate.pem()),
            (PRIVATE_KEY, key.serialize_pem()),
        ])
    })();
    for (name, pem) in made.expect("certificates can be made") {
        std::fs::write(dir.join(name), pem).expect("the temporary directory is writable");
    }
}

const AUTHORITY: &str = "authority.pem";
const CERTIFICATE: &str = "certificate.pem";
const PRIVATE_KEY: &str = "key.pem";

/// A shared access signature of Azurite's account, whose key is public: HMAC-SHA256 under it, in base64, of the lines `devstoreaccount1`, `c`, `b`, `c`,
/// ``, `9999-01-01T00:00:00Z`, ``, ``, `2019-12-12`, `` (Azure's "Create an account SAS").
const MAY_CREATE_CONTAINERS: &str = "restype=container&sv=2019-12-12&ss=b&srt=c&sp=c&se=9999-01-01T00%3A00%3A00Z&\
                                     sig=iQkpTZA8mCR1BsrTk6%2F2Gd30mx%2BFFCif9kNWd2iUpTw%3D";

/// One that is not given is another that somebody else may hold.
const SEAWEEDFS_PORTS: [&str; 8] = [
    "s3.port",
    "s3.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_starts_answers_ends_and_comes_back() {
        let starts = [
            BucketServer::seaweedfs,
            BucketServer::seaweedfs_over_tls,
            BucketServer::rclone,
            BucketServer::s3s_fs,
            BucketServer::azurite,
        ];
        for start in starts {
            let Some(mut server) = start() else { continue };
            let is_there = |server: &BucketServer| answers(server.program, server.address());
            assert!(is_there(&server), "{server:?}");
            server.kill();
            assert!(!is_there(&server), "{server:?}");
            server.start_again();
            assert!(is_there(&server), "{server:?}");
        }
    }
}
