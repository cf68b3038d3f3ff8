//! Input that cannot be used, and directories that cannot be used: an exit code, and a message that names the object and the way out.

use std::process::{Command, Stdio};

use ha_tests::{Ended, Mounts, PATIENCE, Plane, Server, Site, server_binary, wait_for};

/// Runs the program with these arguments; it must end by itself.
fn run(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(server_binary())
        .args(arguments)
        .env("XDG_STATE_HOME", site.path("state"))
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .expect("the program can be started");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[track_caller]
fn assert_refused(code: i32, says: &str, arguments: &[&str]) {
    let site = Site::calm();
    let (ended_with, said) = run(&site, arguments);
    assert_eq!(ended_with, Some(code), "{arguments:?}: {said}");
    assert!(said.contains(says), "{arguments:?} says {said}");
    assert!(
        !site.path("state").exists(),
        "nothing has been made for {arguments:?}"
    );
}

/// The directory cannot be used: the server ends, and names it.
#[track_caller]
fn assert_names_the_plane(ended: &Ended, site: &Site) {
    assert!(matches!(ended.code, Some(2 | 3)), "{ended:?}");
    assert!(
        ended.log.contains(&*site.plane().to_string_lossy()),
        "the directory is named: {}",
        ended.log
    );
    assert!(!ended.log.contains("panicked"), "{}", ended.log);
}

#[test]
fn garbage_in_an_argument_is_a_parse_error() {
    assert_refused(1, "Usage", &[]);
    assert_refused(1, "lunch", &["lunch"]);
    assert_refused(1, "--highAvailabilty", &["launch", "--highAvailabilty", "auto"]);
    assert_refused(1, "stray", &["launch", "stray"]);
    for option in [
        "--port",
        "--priority",
        "--pollPeriod",
        "--heartbeatTimeout",
        "--leaseTtl",
        "--bindAddress",
    ] {
        for garbage in [
            "",
            " ",
            "x",
            "1x",
            "99999999999999999999",
            "\u{1f980}",
            "-",
            "NaN",
            "0x10",
        ] {
            assert_refused(1, option, &["launch", option, garbage]);
        }
    }
}

#[test]
fn garbage_in_a_setting_is_a_configuration_error() {
    for garbage in ["x", "AUTO", "auto ", "\u{1f980}", "auto,master", "../.."] {
        assert_refused(
            3,
            "Illegal highAvailability setting: ",
            &["launch", "--highAvailability", garbage],
        );
        assert_refused(3, "Illegal persist setting: ", &["launch", "--persist", garbage]);
        assert_refused(
            3,
            "Illegal logLevel setting: ",
            &["launch", "--logLevel", garbage],
        );
        assert_refused(
            3,
            "Illegal logFormat setting: ",
            &["launch", "--logFormat", garbage],
        );
    }
    for garbage in ["", "..", "a/b", "a b", "\u{1f980}", "/etc/passwd", ".hidden"] {
        assert_refused(3, "Illegal nodeId setting: ", &["launch", "--nodeId", garbage]);
    }
    for garbage in ["", "http://here", "here:there", "a b"] {
        assert_refused(
            3,
            "Illegal publicAddress setting: ",
            &["launch", "--publicAddress", garbage],
        );
    }
    for option in ["persistenceDir", "persistenceLocation", "stateDir", "pidFile"] {
        assert_refused(
            3,
            &format!("{option} must not be blank"),
            &["launch", &format!("--{option}"), " "],
        );
    }
}

#[test]
fn settings_that_contradict_each_other_are_a_configuration_error() {
    let persist = |more: &[&'static str]| [&["launch", "--persist", "disabled"], more].concat();
    let says = "Cannot specify persistenceDir when persist is disabled";
    assert_refused(3, says, &persist(&["--persistenceDir", "/nowhere"]));
    let says = "Cannot specify persistenceLocation when persist is disabled";
    assert_refused(3, says, &persist(&["--persistenceLocation", "s3"]));
    for mode in ["master", "standby", "hot_standby", "hot_backup"] {
        let says = "Cannot specify highAvailability when persistence is disabled";
        assert_refused(3, says, &persist(&["--highAvailability", mode]));
    }
    for mode in ["standby", "hot_standby", "hot_backup"] {
        let says = format!(
            "Cannot specify highAvailability {} when persistence is CLEAN",
            mode.to_uppercase()
        );
        assert_refused(
            3,
            &says,
            &["launch", "--persist", "clean", "--highAvailability", mode],
        );
    }
    assert_refused(
        3,
        "persistenceLocation needs a persistenceDir",
        &["launch", "--persistenceLocation", "aws-s3:eu-west-1"],
    );
}

#[test]
fn timings_that_do_not_fit_each_other_are_a_configuration_error() {
    let site = Site::calm();
    let too_short_lease = site.server("a").option("--leaseTtl", "150ms").run();
    too_short_lease.assert(3, &["leaseTtl"]);
    let too_short_silence = site.server("b").option("--heartbeatTimeout", "150ms").run();
    too_short_silence.assert(3, &["heartbeatTimeout"]);
    assert!(!site.plane().exists(), "nothing has been made");
}

#[test]
fn a_busy_port_is_named() {
    let site = Site::calm();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = busy.local_addr().expect("it is bound").port().to_string();
    let ended = site.server("a").option("--port", &port).run();
    ended.assert(3, &[&port, "is in use", "--port"]);
}

#[test]
fn a_second_node_of_the_same_id_on_this_machine_is_refused() {
    let site = Site::calm();
    let mut first = site.server("twin").start();
    first.becomes("MASTER");
    let second = site.server("twin").run();
    second.assert(3, &["is in use by process", "--nodeId"]);
    assert!(first.is("MASTER"));
}

#[test]
fn of_two_processes_with_one_id_and_separate_state_one_stops_and_says_so() {
    // As on two machines, where no lock can tell. Each waits for some time-outs, for the other may be dead.
    let site = Site::brisk();
    let [one, other] = ["one", "other"].map(|name| {
        let launch = site.anonymous(name).option("--nodeId", "twin");
        launch.option("--stateDir", site.path(name))
    });
    let mut one = one.start();
    one.becomes("MASTER");
    let mut other = other.start();
    wait_for(
        PATIENCE,
        "one of them has failed or ended, and the other leads",
        || {
            let is_out = |server: &mut Server| server.has_ended() || server.is("FAILED");
            match (is_out(&mut one), is_out(&mut other)) {
                (true, false) => other.is("MASTER"),
                (false, true) => one.is("MASTER"),
                _ => false,
            }
        },
    );
    let said = format!("{}{}", one.log(), other.log());
    assert!(
        said.contains("twin") && (said.contains("nodeId") || said.contains("node id")),
        "{said}"
    );
}

#[test]
fn a_state_directory_that_is_corrupt_is_named() {
    let site = Site::calm();
    let dir = site.path("own");
    std::fs::create_dir(&dir).expect("the site is writable");
    std::fs::write(dir.join("node.json"), "{\"id\":").expect("the site is writable");
    let ended = site.anonymous("a").option("--stateDir", &dir).run();
    ended.assert(3, &["node.json", "remove it"]);
}

#[test]
fn a_persistence_directory_that_is_a_file_is_named() {
    let site = Site::calm();
    std::fs::write(site.plane(), "a file").expect("the site is writable");
    assert_names_the_plane(&site.server("a").run(), &site);
    assert_eq!(
        std::fs::read_to_string(site.plane()).ok().as_deref(),
        Some("a file"),
        "it is left alone"
    );
}

#[test]
fn a_persistence_directory_that_is_read_only_is_named() {
    let site = Site::calm();
    std::fs::create_dir(site.plane()).expect("the site is writable");
    let mounts = Mounts::read_only(&site.plane());
    if mounts.can_be_made() {
        assert_names_the_plane(&site.server("a").with_mounts(mounts).run(), &site);
    }
}

#[test]
fn a_full_disk_is_named_and_the_server_goes_on_once_there_is_space() {
    let site = Site::calm();
    let disk = site.path("disk");
    std::fs::create_dir(&disk).expect("the site is writable");
    let mounts = Mounts::full(&disk);
    if !mounts.can_be_made() {
        return;
    }
    let plane = disk.join("plane");
    let mut server = site
        .server("a")
        .option("--persistenceDir", &plane)
        .with_mounts(mounts)
        .start();
    let named = plane.to_string_lossy().into_owned();
    wait_for(PATIENCE, "the full directory is named", || {
        let log = server.log();
        log.contains("no space left") && log.contains(&named)
    });
    assert!(!server.has_ended() && !server.is("MASTER"), "{}", server.log());
    std::fs::remove_file(server.path_inside(&disk.join("filler"))).expect("the disk was filled by this file");
    server.becomes("MASTER");
}

#[test]
fn a_pid_file_that_cannot_be_written_is_named() {
    let site = Site::calm();
    let ended = site.server("a").option("--pidFile", "/proc/no/such/pid").run();
    ended.assert(3, &["/proc/no/such/pid", "--pidFile"]);
}

#[test]
fn a_pid_file_is_there_while_the_server_runs() {
    let site = Site::calm();
    let file = site.path("pid");
    let mut server = site.server("a").option("--pidFile", &file).start();
    server.becomes("MASTER");
    let content = std::fs::read_to_string(&file).expect("the file is there");
    assert!(content.trim().parse::<u32>().is_ok(), "{content:?}");
    server.terminate().assert(0, &[]);
    assert!(!file.exists());
}

#[test]
fn foreign_and_corrupt_files_among_the_node_records_are_skipped_and_reported() {
    let mut plane = Plane::of(2);
    let nodes = find_dir(&plane.site.plane(), "nodes").expect("the plane keeps node records in `nodes`");
    let garbage: [(&str, &[u8]); 5] = [
        ("junk", b"junk"),
        ("empty", b""),
        ("b.swp", b"x"),
        (".nfs0001", b"x"),
        ("long", &[0xff; 70_000]),
    ];
    for (name, content) in garbage {
        std::fs::write(nodes.join(name), content).expect("the directory is writable");
    }
    std::fs::create_dir(nodes.join("folder")).expect("the directory is writable");
    // The plane lives on: it can still hand over, and whoever comes finds its way.
    plane.servers[0].terminate().assert(0, &[]);
    plane.servers[1].becomes("MASTER");
    let mut third = plane.site.server("third").start();
    third.becomes("HOT_STANDBY");
    wait_for(PATIENCE, "the bad record is reported by name", || {
        third.log().contains("junk")
    });
    wait_for(PATIENCE, "all three are known of", || {
        let states = third.states();
        states["nodes"]
            .as_object()
            .is_some_and(|known| ["a", "b", "third"].iter().all(|id| known.contains_key(*id)))
    });
}

/// The first directory of this name below another one.
fn find_dir(below: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    let folders = below
        .read_dir()
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    let folders: Vec<_> = folders.collect();
    let here = folders
        .iter()
        .find(|path| path.file_name().is_some_and(|found| found == name))
        .cloned();
    here.or_else(|| folders.iter().find_map(|folder| find_dir(folder, name)))
}
