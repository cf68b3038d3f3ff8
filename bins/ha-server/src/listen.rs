//! Where a node listens, and what it is called by others.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};

use crate::failure::RunError;
use crate::settings::Port;

/// Opens the port.
///
/// # Errors
/// A configuration error that names the port and the way out, if it is taken or may not be had.
pub(crate) fn listen(address: IpAddr, port: Port) -> Result<TcpListener, RunError> {
    match port {
        Port::Exactly(port) => {
            bind(SocketAddr::new(address, port)).map_err(|error| refusal(address, port, error))
        }
        Port::FirstFreeFrom(first) => {
            for port in first..=first.saturating_add(PORTS_TRIED - 1) {
                match bind(SocketAddr::new(address, port)) {
                    Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                    bound => return bound.map_err(|error| refusal(address, port, error)),
                }
            }
            let last = first.saturating_add(PORTS_TRIED - 1);
            Err(RunError::configuration(format!(
                "ports {first} to {last} of {address} are all in use; give another --port"
            )))
        }
    }
}

/// What other machines call a node: a host, and a port if it is not the one it listens on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PublicAddress {
    host: String,
    port: Option<u16>,
}

impl PublicAddress {
    /// Reads `host`, `host:port`, an IPv4 or IPv6 address, or `[ipv6]:port`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(ip) = text.parse::<Ipv6Addr>() {
            return Some(Self {
                host: format!("[{ip}]"),
                port: None,
            });
        }
        if let Ok(SocketAddr::V6(address)) = text.parse() {
            return Some(Self {
                host: format!("[{}]", address.ip()),
                port: Some(address.port()),
            });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let is_name = !host.is_empty()
            && host.len() <= 253
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        is_name.then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// The URI under which others reach a node that listens here.
pub(crate) fn uri(local: SocketAddr, public: Option<&PublicAddress>) -> String {
    let host: &dyn fmt::Display = match (public, local.ip()) {
        (Some(public), _) => &public.host,
        (None, ip) if ip.is_unspecified() => &host_name(),
        (None, IpAddr::V6(ip)) => &format!("[{ip}]"),
        (None, IpAddr::V4(ip)) => &ip.clone(),
    };
    let port = public
        .and_then(|public| public.port)
        .unwrap_or_else(|| local.port());
    format!("http://{host}:{port}/")
}

/// This machine's name, or `localhost` if it has none.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() || name == "(none)" {
        "localhost".to_owned()
    } else {
        name.to_owned()
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn refusal(address: IpAddr, port: u16, error: io::Error) -> RunError {
    let message = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "port {port} of {address} is in use; give another --port, or none for the first free one from 8081"
        ),
        ErrorKind::PermissionDenied => {
            format!("port {port} of {address} needs privileges; give a --port from 1024")
        }
        ErrorKind::AddrNotAvailable => {
            format!("this machine has no address {address}; give another --bindAddress")
        }
        _ => format!("cannot listen on port {port} of {address}; give another --port or --bindAddress"),
    };
    RunError::configuration(message).because(error)
}

/// How far upward a free port is looked for.
const PORTS_TRIED: u16 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn port_of(listener: &TcpListener) -> u16 {
        listener.local_addr().unwrap().port()
    }

    #[test]
    fn a_busy_port_is_an_error_that_names_it_and_the_way_out() {
        let busy = listen(LOOPBACK, Port::Exactly(0)).unwrap();
        let error = listen(LOOPBACK, Port::Exactly(port_of(&busy))).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.exit_code(), 3);
        assert!(
            text.contains(&port_of(&busy).to_string()) && text.contains("--port"),
            "{text}"
        );
    }

    #[test]
    fn the_first_free_port_upward_is_taken() {
        let busy = listen(LOOPBACK, Port::Exactly(0)).unwrap();
        let next = listen(LOOPBACK, Port::FirstFreeFrom(port_of(&busy).min(65_000)));
        assert!(next.is_ok_and(|next| port_of(&next) > port_of(&busy).min(65_000)));
    }

    #[test]
    fn an_address_of_another_machine_is_named() {
        let error = listen(IpAddr::from([192, 0, 2, 1]), Port::Exactly(0)).unwrap_err();
        assert!(error.to_string().contains("192.0.2.1"), "{error}");
    }

    #[test]
    fn a_uri_has_the_public_address_if_there_is_one() {
        let of = |local: &str, public: Option<&str>| {
            let public = public.map(|text| PublicAddress::parse(text).expect("the address is good"));
            uri(local.parse().unwrap(), public.as_ref())
        };
        assert_eq!(of("127.0.0.1:8081", None), "http://127.0.0.1:8081/");
        assert_eq!(of("[::1]:8081", None), "http://[::1]:8081/");
        assert_eq!(
            of("0.0.0.0:8081", Some("node1.example")),
            "http://node1.example:8081/"
        );
        assert_eq!(
            of("0.0.0.0:8081", Some("node1.example:80")),
            "http://node1.example:80/"
        );
        assert_eq!(
            of("0.0.0.0:8081", Some("2001:db8::1")),
            "http://[2001:db8::1]:8081/"
        );
        assert_eq!(
            of("0.0.0.0:8081", Some("[2001:db8::1]:80")),
            "http://[2001:db8::1]:80/"
        );
        assert_eq!(of("0.0.0.0:8081", None), format!("http://{}:8081/", host_name()));
    }

    #[test]
    fn what_is_no_host_is_no_public_address() {
        for bad in [
            "",
            " ",
            "http://x",
            "a b",
            "host:",
            "host:http",
            "host:65536",
            "a/b",
        ] {
            assert_eq!(PublicAddress::parse(bad), None, "{bad:?}");
        }
    }
}
