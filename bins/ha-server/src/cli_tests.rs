use super::*;
use clap::CommandFactory;

fn launch(options: &[&str]) -> LaunchArgs {
    let line = ["ha-server", "launch"].iter().chain(options);
    match parse(line) {
        Ok(Command::Launch(args)) => *args,
        other => panic!("{options:?} gives {other:?}"),
    }
}

/// Exit code and text of a line that is refused.
fn refused(line: &[&str]) -> (u8, String) {
    let refusal = parse(["ha-server"].iter().chain(line)).expect_err("the line is refused");
    (refusal.code(), refusal.0.to_string())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_option_is_understood_in_camel_case_and_in_kebab_case() {
    let pairs = [
        ("--highAvailability", "--high-availability", "master"),
        ("--persistenceDir", "--persistence-dir", "/d"),
        ("--persistenceLocation", "--persistence-location", "s3"),
        ("--bindAddress", "--bind-address", "::1"),
        ("--publicAddress", "--public-address", "h"),
        ("--nodeId", "--node-id", "n1"),
        ("--heartbeatTimeout", "--heartbeat-timeout", "7s"),
        ("--pollPeriod", "--poll-period", "7s"),
        ("--leaseTtl", "--lease-ttl", "7s"),
        ("--stateDir", "--state-dir", "/s"),
        ("--pidFile", "--pid-file", "/p"),
        ("--logFormat", "--log-format", "json"),
        ("--logLevel", "--log-level", "debug"),
        ("--storeConnectTimeout", "--store-connect-timeout", "7s"),
        ("--storeFirstByteTimeout", "--store-first-byte-timeout", "7s"),
        ("--storeTotalTimeout", "--store-total-timeout", "7s"),
        ("--endWithParent", "--end-with-parent", "1"),
    ];
    let default = format!("{:?}", launch(&[]));
    for (camel, kebab, value) in pairs {
        let (by_camel, by_kebab) = (launch(&[camel, value]), launch(&[kebab, value]));
        assert_eq!(
            format!("{by_camel:?}"),
            format!("{by_kebab:?}"),
            "{camel} and {kebab}"
        );
        assert_ne!(format!("{by_camel:?}"), default, "{camel} sets something");
    }
    let camel_in_help = Cli::command()
        .find_subcommand_mut("launch")
        .map(|c| c.render_long_help().to_string());
    let help = camel_in_help.expect("there is a launch");
    assert!(
        pairs[..16]
            .iter()
            .all(|(camel, kebab, _)| help.contains(camel) && help.contains(kebab)),
        "{help}"
    );
}

#[test]
fn the_store_probe_is_skipped_only_if_asked_and_the_help_says_what_is_risked() {
    assert!(!launch(&[]).skip_store_probe);
    for flag in ["--skipStoreProbe", "--skip-store-probe"] {
        assert!(launch(&[flag]).skip_store_probe, "{flag}");
    }
    let (_, help) = refused(&["launch", "--help"]);
    assert!(help.contains("acknowledged writes be lost"), "{help}");
}

#[test]
fn failure_modes_are_taken_by_both_their_names_and_bad_ones_say_what_there_is() {
    let args = launch(&[
        "--rebindFailureMode",
        "rebind.failureMode.rebind=FAIL_FAST",
        "--rebind-failure-mode",
        "danglingRefs.minRequiredHealthy=[[0,-2],[10,8]]",
    ]);
    let keys: Vec<_> = args.failure_modes.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        ["rebind.failureMode.rebind", "danglingRefs.minRequiredHealthy"]
    );
    for (bad, words) in [
        ("rebind", "as in rebind=fail_at_end"),
        ("rebind=perhaps", "continue, fail_at_end, fail_fast"),
        ("rebinds=continue", "known are danglingRef"),
        ("danglingRefs.minRequiredHealthy=7", "is no quorum"),
    ] {
        let (code, said) = refused(&["launch", "--rebindFailureMode", bad]);
        assert!(code != 0 && said.contains(words), "{bad}: {said}");
    }
}

#[test]
fn a_node_is_held_only_at_a_format_level_that_it_knows() {
    assert_eq!(launch(&[]).format_level, None);
    for flag in ["--formatLevel", "--format-level"] {
        assert_eq!(launch(&[flag, "1"]).format_level, Some(ha_rebind::Level::FIRST));
    }
    for bad in ["0", "3", "newest", "-1", "65537"] {
        let (code, said) = refused(&["launch", &format!("--formatLevel={bad}")]);
        assert!(
            code != 0 && said.contains("knows the levels 1 to 2"),
            "{bad}: {said}"
        );
    }
}

#[test]
fn short_options_and_negative_priorities_are_understood() {
    let args = launch(&["-p", "9000", "-b", "0.0.0.0", "--priority", "-3"]);
    assert_eq!(args.port, Port::Exactly(9000));
    assert_eq!(args.bind_address, IpAddr::from([0, 0, 0, 0]));
    assert_eq!(args.priority, Some(-3));
    assert_eq!(
        launch(&["-b", "localhost"]).bind_address,
        IpAddr::from([127, 0, 0, 1])
    );
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let args = launch(&[]);
    assert_eq!(
        (args.high_availability.as_str(), args.persist.as_str()),
        ("auto", "auto")
    );
    assert_eq!(args.port, Port::FirstFreeFrom(8081));
    assert_eq!(args.bind_address, IpAddr::from([127, 0, 0, 1]));
    // What is not said is the profile's: see profile.rs.
    assert_eq!(
        args.timings
            .poll_period
            .or(args.timings.heartbeat_timeout)
            .or(args.timings.lease_ttl),
        None
    );
    assert_eq!((args.cost.profile, args.cost.prices), (None, None));
}

#[test]
fn help_and_version_exit_with_0() {
    assert_eq!(
        refused(&["--version"]),
        (0, format!("ha-server {}\n", env!("CARGO_PKG_VERSION")))
    );
    for line in [
        &["--help"][..],
        &["help"],
        &["help", "launch"],
        &["launch", "--help"],
        &["demo", "--help"],
    ] {
        let (code, text) = refused(line);
        assert_eq!(code, 0, "{line:?}");
        assert!(text.contains("Usage:"), "{text}");
    }
}

#[test]
fn no_command_shows_the_help_and_exits_with_1() {
    let (code, text) = refused(&[]);
    assert_eq!(code, 1);
    assert!(text.contains("launch") && text.contains("demo"), "{text}");
}

#[test]
fn what_cannot_be_parsed_exits_with_1_and_names_the_option() {
    let lines: [(&[&str], &str); 11] = [
        (&["lanch"], "lanch"),
        (&["launch", "--highAvailabilty", "auto"], "--highAvailabilty"),
        (&["launch", "--port", "eighty"], "--port"),
        (&["launch", "--port", "65536"], "--port"),
        (&["launch", "--priority", "high"], "--priority"),
        (&["launch", "--pollPeriod", "soon"], "--pollPeriod"),
        (&["launch", "--leaseTtl", "-5s"], "-5"),
        (&["launch", "--bindAddress", "example.com"], "--bindAddress"),
        (&["launch", "--nodeId"], "--nodeId"),
        (&["launch", "stray"], "stray"),
        (&["demo", "--nodes", "2"], "--nodes"),
    ];
    for (line, named) in lines {
        let (code, text) = refused(line);
        assert_eq!(code, 1, "{line:?}");
        assert!(text.contains(named), "{text}");
    }
}
