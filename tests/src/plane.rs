//! A plane of several servers.

use crate::server::Server;
use crate::site::Site;
use crate::wait::{PATIENCE, wait_for};

/// Some servers on one directory. The first is master, the others are hot standbys when it begins.
#[derive(Debug)]
pub struct Plane {
    /// The servers: `a`, `b`, `c` and so on.
    pub servers: Vec<Server>,
    /// Where they live.
    pub site: Site,
}

impl Plane {
    /// A plane of n servers with equal priorities, in which nothing crashes.
    ///
    /// # Panics
    /// If it does not come about.
    #[must_use]
    pub fn of(n: usize) -> Self {
        Self::on(Site::calm(), &vec![0; n])
    }

    /// A plane with a server of each of these priorities. The first is started first, and so is master.
    ///
    /// # Panics
    /// If it does not come about.
    #[must_use]
    pub fn on(site: Site, priorities: &[i64]) -> Self {
        let names = ('a'..='z').map(String::from);
        let launches: Vec<_> = names
            .zip(priorities)
            .map(|(name, priority)| site.server(&name).option("--priority", priority.to_string()))
            .collect();
        let mut servers = Vec::new();
        for launch in launches {
            let mut server = launch.start();
            if servers.is_empty() {
                server.becomes("MASTER");
            }
            servers.push(server);
        }
        for server in &mut servers[1..] {
            server.becomes("HOT_STANDBY");
        }
        let plane = Self { servers, site };
        let master = assert_settled(&plane.servers.iter().collect::<Vec<_>>());
        assert_eq!(master, 0, "the first is master");
        plane.all_hear_each_other();
        plane
    }

    /// Waits until each has seen every other's record change: a record that was only found proves nobody alive, and leadership is
    /// handed only to who is.
    fn all_hear_each_other(&self) {
        let heard = |server: &Server| -> Vec<Option<i64>> {
            let states = server.states();
            let time_of = |other: &Server| states["nodes"][other.name()]["localTimestamp"].as_i64();
            self.servers.iter().map(time_of).collect()
        };
        for server in &self.servers {
            let first = heard(server);
            wait_for(PATIENCE, "every record changes", || {
                heard(server).iter().zip(&first).all(|(now, then)| now > then)
            });
        }
    }

    /// Waits until all agree on one of these as master, and gives its place.
    ///
    /// # Panics
    /// If they do not.
    #[track_caller]
    pub fn settles_among(&self, places: &[usize]) -> usize {
        let servers: Vec<_> = places.iter().map(|place| &self.servers[*place]).collect();
        let master = assert_settled(&servers);
        places[master]
    }
}

/// Waits until exactly one of these is master, all others are hot standbys, and all know that of each other and name the same plane. Gives
/// its place.
///
/// # Panics
/// If that does not come about.
#[track_caller]
pub fn assert_settled(servers: &[&Server]) -> usize {
    let mut master = None;
    wait_for(PATIENCE, "one master, which all name, and hot standbys", || {
        let roles: Vec<_> = servers
            .iter()
            .map(|server| server.role().unwrap_or_default())
            .collect();
        let masters: Vec<_> = (0..roles.len())
            .filter(|place| roles[*place] == "MASTER")
            .collect();
        let standbys = roles.iter().filter(|role| *role == "HOT_STANDBY").count();
        let [place] = masters[..] else { return false };
        let id = servers[place].node_id();
        let plane = servers[place].plane_id();
        let all_agree = id.is_some()
            && plane.is_some()
            && servers
                .iter()
                .all(|server| server.master_id() == id && server.plane_id() == plane);
        master = Some(place);
        standbys == roles.len() - 1 && all_agree
    });
    master.expect("there was a master when the wait ended")
}
