use super::*;
use crate::cli::{self, Command};
use crate::persistence::Existing;

fn launch(options: &[&str]) -> Result<Launch, RunError> {
    let line = ["ha-server", "launch"].iter().chain(options);
    let Ok(Command::Launch(args)) = cli::parse(line) else {
        panic!("{options:?} cannot be parsed")
    };
    Launch::from_args(&args, &Environment::of(&[("XDG_STATE_HOME", "/state")]))
}

fn accepted(options: &[&str]) -> Launch {
    launch(options).unwrap_or_else(|error| panic!("{options:?}: {error}"))
}

fn directory(path: &str, existing: Existing) -> Persistence {
    Persistence::Directory {
        path: path.into(),
        existing,
    }
}

#[test]
fn settings_that_cannot_work_exit_with_3_and_say_so_in_brooklyns_words() {
    let modes = "use one of disabled, auto, master, standby, hot_standby, hot_backup";
    let lines: [(&[&str], &str); 17] = [
        (
            &["--persist", "disabled", "--persistenceDir", "/d"],
            "Cannot specify persistenceDir when persist is disabled",
        ),
        (
            &["--persist", "disabled", "--persistenceLocation", "s3"],
            "Cannot specify persistenceLocation when persist is disabled",
        ),
        (
            &["--persist", "disabled", "--highAvailability", "master"],
            "Cannot specify highAvailability when persistence is disabled",
        ),
        (
            &["--persist", "clean", "--highAvailability", "standby"],
            "Cannot specify highAvailability STANDBY when persistence is CLEAN",
        ),
        (
            &["--persist", "clean", "--highAvailability", "hot_standby"],
            "Cannot specify highAvailability HOT_STANDBY when persistence is CLEAN",
        ),
        (
            &["--persist", "clean", "--highAvailability", "hot_backup"],
            "Cannot specify highAvailability HOT_BACKUP when persistence is CLEAN",
        ),
        (
            &["--persist", "maybe"],
            "Illegal persist setting: maybe; use one of auto, rebind, clean, disabled",
        ),
        (
            &["--highAvailability", "hot"],
            &format!("Illegal highAvailability setting: hot; {modes}"),
        ),
        (
            &["--highAvailability", "MASTER"],
            &format!("Illegal highAvailability setting: MASTER; {modes}"),
        ),
        (
            &["--highAvailability", ""],
            "High availability mode must not be blank",
        ),
        (&["--persist", "  "], "Persist mode must not be blank"),
        (&["--persistenceDir", ""], "persistenceDir must not be blank"),
        (
            &["--persistenceLocation", ""],
            "persistenceLocation must not be blank",
        ),
        (&["--stateDir", " "], "stateDir must not be blank"),
        (&["--pidFile", ""], "pidFile must not be blank"),
        (
            &["--pollPeriod", "0"],
            "Illegal pollPeriod setting: it must be longer than 0",
        ),
        (
            &["--nodeId", "a/b"],
            "Illegal nodeId setting: a/b; use 1 to 64 characters of A-Z a-z 0-9 . _ - and no dot in front",
        ),
    ];
    for (options, message) in lines {
        let error = launch(options).expect_err(&format!("{options:?} is refused"));
        assert_eq!(
            (error.exit_code(), error.to_string().as_str()),
            (3, message),
            "{options:?}"
        );
    }
}

#[cfg(feature = "s3")]
#[test]
fn a_bucket_is_named_by_an_address_or_by_brooklyns_pair() {
    let of = |options: &[&str]| match accepted(options).persistence {
        Persistence::Bucket {
            location, existing, ..
        } => (location, existing),
        other => panic!("{options:?}: {other:?}"),
    };
    let (by_address, existing) = of(&["--persistenceDir", "s3://lab/planes/a/", "--persist", "rebind"]);
    assert_eq!(
        (by_address.to_string().as_str(), existing),
        ("s3://lab/planes/a", Existing::Require)
    );
    let (by_pair, existing) = of(&[
        "--persistenceLocation",
        "s3:http://127.0.0.1:8333",
        "--persistenceDir",
        "lab/planes/a",
        "--persist",
        "clean",
    ]);
    assert_eq!(
        (by_pair.to_string(), existing),
        (by_address.to_string(), Existing::Discard)
    );
    assert_eq!(
        by_pair.endpoint().map(|e| e.as_str()),
        Some("http://127.0.0.1:8333")
    );
    assert_eq!(
        of(&["--persistenceLocation", "s3", "--persistenceDir", "lab/planes/a"]).0,
        by_address
    );
}

#[cfg(feature = "s3")]
#[test]
fn a_store_that_charges_for_requests_has_timings_and_prices_of_its_own() {
    let bucket = ["--persistenceDir", "s3://lab/planes/a"];
    let of = |options: &[&str]| {
        let settings = accepted(options);
        (settings.profile, settings.prices)
    };
    assert_eq!(of(&bucket), (Profile::Bucket, Prices::S3));
    assert_eq!(
        of(&["--persistenceDir", "/tmp/a"]),
        (Profile::Directory, Prices::NOTHING)
    );
    let asked = of(&[
        bucket[0],
        bucket[1],
        "--profile",
        "economy",
        "--storePrices",
        "get=1",
    ]);
    let prices = Prices {
        get: 1.0,
        ..Prices::S3
    };
    assert_eq!(asked, (Profile::Economy, prices));
}

#[cfg(feature = "s3")]
#[test]
fn a_node_on_a_bucket_finds_its_own_directory_again_however_the_bucket_is_spelled() {
    let dir = |options: &[&str]| accepted(options).node_state_dir(8081);
    let by_address = dir(&["--persistenceDir", "s3://lab/planes/a"]);
    assert_eq!(by_address, dir(&["--persistenceDir", "s3://lab/planes/a/"]));
    let pair = [
        "--persistenceLocation",
        "s3:https://host",
        "--persistenceDir",
        "lab/planes/a",
    ];
    assert_eq!(by_address, dir(&pair));
    assert_ne!(by_address, dir(&["--persistenceDir", "s3://lab/planes/b"]));
    assert_ne!(by_address, dir(&["--persistenceDir", "s3://lab2/planes/a"]));
    assert_ne!(by_address, dir(&["--persistenceDir", "lab/planes/a"]));
}

#[cfg(feature = "s3")]
#[test]
fn time_outs_of_a_bucket_can_be_set_and_are_not_zero() {
    let options = |camel: &str, kebab: &str, value: &str| {
        [camel, kebab].map(|name| launch(&["--persistenceDir", "s3://lab", name, value]))
    };
    for (camel, kebab) in [
        ("--storeConnectTimeout", "--store-connect-timeout"),
        ("--storeFirstByteTimeout", "--store-first-byte-timeout"),
        ("--storeTotalTimeout", "--store-total-timeout"),
    ] {
        for given in options(camel, kebab, "77ms") {
            let Ok(Launch {
                persistence: Persistence::Bucket { settings, .. },
                ..
            }) = given
            else {
                panic!("{camel} is accepted")
            };
            let default = ha_store::BucketSettings::default();
            assert_ne!(settings, default, "{camel} sets something");
        }
        for refused in options(camel, kebab, "0") {
            let error = refused.unwrap_err().to_string();
            assert_eq!(
                error,
                format!("Illegal {} setting: it must be longer than 0", &camel[2..])
            );
        }
    }
}

#[test]
fn what_is_no_place_is_refused_in_one_line() {
    for (options, told) in [
        (
            &[
                "--persistenceLocation",
                "aws-s3:eu-west-1",
                "--persistenceDir",
                "lab",
            ][..],
            "use s3, gs or az",
        ),
        (&["--persistenceDir", "ftp://lab/a"], "use s3, gs or az"),
        (&["--persistenceLocation", "s3"], "needs a persistenceDir"),
        #[cfg(feature = "s3")]
        (&["--persistenceDir", "s3://Lab/a"], "3 to 63"),
        #[cfg(not(feature = "gs"))]
        (&["--persistenceDir", "gs://lab/a"], "the feature `gs`"),
    ] {
        let error = launch(options).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.exit_code(), 3, "{options:?}");
        assert!(text.contains(told) && !text.contains('\n'), "{options:?}: {text}");
    }
}

#[test]
fn without_options_a_node_joins_or_begins_the_plane_of_this_user() {
    let launch = accepted(&[]);
    assert_eq!(
        launch.persistence,
        directory("/state/ha-plane/data", Existing::UseOrBegin)
    );
    assert_eq!(launch.high_availability, HighAvailability::Auto);
    assert_eq!(
        (launch.priority, launch.node_id, launch.pid_file),
        (None, None, None)
    );
    assert_eq!(launch.state_dir, StateDir::Below("/state/ha-plane/nodes".into()));
}

#[test]
fn without_persistence_a_node_is_alone() {
    for mode in ["auto", "disabled"] {
        let launch = accepted(&["--persist", "disabled", "--highAvailability", mode]);
        assert_eq!(launch.persistence, Persistence::Disabled);
        assert_eq!(launch.high_availability, HighAvailability::Disabled);
    }
}

#[test]
fn each_way_to_persist_says_what_to_do_about_what_is_there() {
    let of = |how| accepted(&["--persist", how, "--persistenceDir", "/d"]).persistence;
    assert_eq!(of("auto"), directory("/d", Existing::UseOrBegin));
    assert_eq!(of("rebind"), directory("/d", Existing::Require));
    assert_eq!(of("clean"), directory("/d", Existing::Discard));
    assert!(
        accepted(&["--persist", "clean", "--highAvailability", "master"])
            .priority
            .is_none()
    );
}

#[test]
fn relative_directories_are_those_of_the_start() {
    let here = std::env::current_dir().unwrap();
    let launch = accepted(&["--persistenceDir", "d", "--stateDir", "s", "--pidFile", "p"]);
    let Persistence::Directory { path, .. } = &launch.persistence else {
        panic!("a directory is persisted in")
    };
    assert_eq!(*path, here.join("d"));
    assert_eq!(launch.state_dir, StateDir::Given(here.join("s")));
    assert_eq!(launch.pid_file, Some(here.join("p")));
}

#[test]
fn nodes_of_one_host_have_directories_of_their_own_and_find_them_again() {
    let dir = |options: &[&str], port| accepted(options).node_state_dir(port);
    let plane = ["--persistenceDir", "/planes/a"];
    assert_eq!(dir(&plane, 8081), dir(&plane, 8081), "a restart finds its own");
    assert_ne!(
        dir(&plane, 8081),
        dir(&plane, 8082),
        "another port is another node"
    );
    assert_ne!(
        dir(&plane, 8081),
        dir(&["--persistenceDir", "/planes/b"], 8081),
        "and another plane too"
    );
    assert_ne!(dir(&plane, 8081), dir(&["--persist", "disabled"], 8081));
    let named = ["--persistenceDir", "/planes/a", "--nodeId", "n1"];
    assert_eq!(
        dir(&named, 8081),
        dir(&named, 8082),
        "a node with a name takes it along to another port"
    );
    assert!(dir(&named, 8081).starts_with("/state/ha-plane/nodes"));
    assert_eq!(dir(&["--stateDir", "/s"], 8081), Path::new("/s"));
}

#[test]
fn without_a_home_the_missing_option_is_named() {
    let Ok(Command::Launch(args)) = cli::parse(["ha-server", "launch"]) else {
        panic!("the line is good")
    };
    let error = Launch::from_args(&args, &Environment::default()).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(
        error.to_string().contains("persistenceDir") && error.to_string().contains("HOME"),
        "{error}"
    );
}

#[test]
fn what_is_quoted_in_a_message_is_short_and_printable() {
    assert_eq!(short("a\u{1b}[31m"), "a\\u{1b}[31m");
    assert_eq!(short(&"x".repeat(500)).chars().count(), 81);
}
