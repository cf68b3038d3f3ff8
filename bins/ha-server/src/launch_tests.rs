use super::*;
use crate::cli::{self, Command};

fn launch(options: &[&str]) -> Result<Launch, RunError> {
    let line = ["ha-server", "launch"].iter().chain(options);
    let Ok(Command::Launch(args)) = cli::parse(line) else {
        panic!("{options:?} cannot be parsed")
    };
    let environment = Environment {
        xdg_state_home: Some("/state".into()),
        home: None,
        rust_log: None,
    };
    Launch::from_args(&args, &environment)
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

#[test]
fn an_object_store_is_refused_with_what_to_use_instead() {
    let error = launch(&["--persistenceLocation", "aws-s3:eu-west-1"]).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(
        error.to_string().contains("not supported yet") && error.to_string().contains("persistenceDir"),
        "{error}"
    );
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
