//! Networks of processes, each in a network namespace of its own, that can be cut, made deaf or dumb, and slowed.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::holder::Holder;

/// Some hosts, each with one link to this one. All of it goes when this does, or when the test's process ends.
#[derive(Debug)]
pub struct Links {
    /// Of this host, on every link.
    address: Ipv4Addr,
    links: Vec<Link>,
}

#[derive(Debug)]
struct Link {
    /// Holds the namespace.
    holder: Holder,
    /// The end on this host.
    name: String,
    address: Ipv4Addr,
}

/// What can be wrong with a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum Ailment {
    /// Nothing comes through, and both ends know.
    Cut,
    /// Nothing reaches the host, in silence.
    Deaf,
    /// Nothing that the host sends arrives, in silence.
    Dumb,
    /// A few kilobytes a second, with long queues.
    Slow,
}

impl Links {
    /// So many hosts, fewer than seven; `None` where this machine has no such thing, or not for us.
    #[must_use]
    pub fn to(hosts: u8) -> Option<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % 32;
        let process = std::process::id();
        let [_, _, high, low] = process.to_be_bytes();
        let address = |last: u8| Ipv4Addr::new(10, 128 + high % 120, low, number * 8 + last);
        let mut links = Self {
            address: address(0),
            links: Vec::new(),
        };
        for host in 1..=hosts {
            let name = format!("ha{:x}n{number}h{host}", process & 0x00ff_ffff);
            links.links.push(Link::made(name, address(0), address(host))?);
        }
        Some(links)
    }

    /// Where the hosts find this one.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// What a command line begins with, to run on a host.
    #[must_use]
    pub fn entrance(&self, host: usize) -> Vec<OsString> {
        let target = self.links[host].holder.id().to_string();
        ["nsenter", "--net", "--target", &target, "--"]
            .map(OsString::from)
            .into()
    }

    /// Lets a link have this, until it is [healed](Self::heal).
    ///
    /// # Errors
    /// If the machine does not do it.
    pub fn ail(&self, host: usize, ailment: Ailment) -> Result<(), String> {
        let link = &self.links[host];
        let (name, there, here) = (&link.name, link.address, self.address);
        match ailment {
            Ailment::Cut => run(&format!("ip link set {name} down")),
            // Sent to a machine that is not there.
            Ailment::Deaf => run(&format!(
                "ip neigh replace {there} lladdr {NOBODY} nud permanent dev {name}"
            )),
            Ailment::Dumb => link.run(&format!(
                "ip neigh replace {here} lladdr {NOBODY} nud permanent dev eth0"
            )),
            Ailment::Slow => {
                run(&format!("tc qdisc add dev {name} root {SLOW}"))?;
                link.run(&format!("tc qdisc add dev eth0 root {SLOW}"))
            }
        }
    }

    /// Ends what [`Self::ail`] began.
    ///
    /// # Errors
    /// If the machine does not do it.
    pub fn heal(&self, host: usize, ailment: Ailment) -> Result<(), String> {
        let link = &self.links[host];
        let (name, there, here) = (&link.name, link.address, self.address);
        match ailment {
            Ailment::Cut => run(&format!("ip link set {name} up")),
            Ailment::Deaf => run(&format!("ip neigh del {there} dev {name}")),
            Ailment::Dumb => link.run(&format!("ip neigh del {here} dev eth0")),
            Ailment::Slow => {
                run(&format!("tc qdisc del dev {name} root"))?;
                link.run("tc qdisc del dev eth0 root")
            }
        }
    }
}

/// No machine has it.
const NOBODY: &str = "02:00:00:00:00:99";
const SLOW: &str = "tbf rate 128kbit burst 8kb latency 1s";

impl Link {
    fn made(name: String, here: Ipv4Addr, there: Ipv4Addr) -> Option<Self> {
        let holder = Holder::start("--net", "true", &[])?;
        let pid = holder.id();
        let link = Self {
            holder,
            name,
            address: there,
        };
        let name = &link.name;
        let here_lines = [
            format!("ip link add {name} type veth peer name eth0 netns {pid}"),
            format!("ip addr add {here} peer {there}/32 dev {name}"),
            format!("ip link set {name} up"),
        ];
        let there_lines = [
            "ip link set lo up".to_owned(),
            format!("ip addr add {there} peer {here}/32 dev eth0"),
            "ip link set eth0 up".to_owned(),
        ];
        let is_made = here_lines.iter().all(|line| run(line).is_ok())
            && there_lines.iter().all(|line| link.run(line).is_ok());
        is_made.then_some(link)
    }

    fn run(&self, line: &str) -> Result<(), String> {
        run(&format!("nsenter --net --target {} -- {line}", self.holder.id()))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The link goes with the namespace, which goes with its last process; those that are killed may take a moment.
        let _ = run(&format!("ip link del {}", self.name));
    }
}

fn run(line: &str) -> Result<(), String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let ended = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{line}: {error}"))?;
    if ended.status.success() {
        Ok(())
    } else {
        Err(format!(
            "{line}: {}",
            String::from_utf8_lossy(&ended.stderr).trim()
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::wait::{PATIENCE, wait_for};

    /// Whether a host can make a connection to a port of this one.
    fn connects(links: &Links, host: usize, port: u16) -> bool {
        let line = links.entrance(host);
        let script = format!("exec 3<>/dev/tcp/{}/{port}", links.address());
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .args(["timeout", "0.7", "bash", "-c", &script]);
        command.output().is_ok_and(|ended| ended.status.success())
    }

    #[test]
    fn each_ailment_ails_one_link_and_can_be_healed() {
        let Some(links) = Links::to(2) else {
            crate::skip::skip("this machine makes no network namespaces for us");
            return;
        };
        let listener = TcpListener::bind((links.address(), 0)).expect("the address is this host's");
        let port = listener.local_addr().expect("it listens").port();
        assert!(connects(&links, 0, port) && connects(&links, 1, port));
        for ailment in [Ailment::Cut, Ailment::Deaf, Ailment::Dumb] {
            links.ail(0, ailment).expect("it ails");
            assert!(!connects(&links, 0, port), "{ailment:?}");
            assert!(connects(&links, 1, port), "{ailment:?}");
            links.heal(0, ailment).expect("it heals");
            wait_for(PATIENCE, "the link is well again", || connects(&links, 0, port));
        }
        links.ail(0, Ailment::Slow).expect("it ails");
        links.heal(0, Ailment::Slow).expect("it heals");
    }
}
