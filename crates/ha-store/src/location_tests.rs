use super::*;

fn bucket(text: &str) -> BucketLocation {
    match Location::parse(text) {
        Ok(Location::Bucket(bucket)) => bucket,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_bucket_has_a_name_and_a_prefix_and_one_spelling() {
    for (text, name, prefix, spelled) in [
        ("s3://lab", "lab", "", "s3://lab"),
        ("s3://lab/", "lab", "", "s3://lab"),
        ("s3://lab/a", "lab", "a", "s3://lab/a"),
        (
            "s3://my.lab-1/a/b.c_d-E/",
            "my.lab-1",
            "a/b.c_d-E",
            "s3://my.lab-1/a/b.c_d-E",
        ),
    ] {
        let bucket = bucket(text);
        assert_eq!((bucket.bucket(), bucket.prefix()), (name, prefix), "{text}");
        assert_eq!(bucket.to_string(), spelled);
        assert_eq!((bucket.provider(), bucket.endpoint()), (Provider::S3, None));
    }
}

#[test]
fn what_has_no_scheme_is_a_directory() {
    for text in ["/d", "d", "s3:lab", "s3:/lab", ""] {
        assert_eq!(
            Location::parse(text),
            Ok(Location::Directory(text.into())),
            "{text}"
        );
    }
}

#[test]
fn what_names_no_bucket_is_refused_in_one_line_that_says_what_is_allowed() {
    let long = format!("s3://lab/{}", ["x"; 300].join("/"));
    for (text, allowed) in [
        ("s3://", "3 to 63"),
        ("s3:///a", "3 to 63"),
        ("s3://ab", "3 to 63"),
        ("s3://Lab", "3 to 63"),
        ("s3://lab_1", "3 to 63"),
        ("s3://-lab", "3 to 63"),
        ("s3://l..b", "3 to 63"),
        ("s3://user:secret@host/a", "3 to 63"),
        ("s3://lab//a", "parts of 1 to 128"),
        ("s3://lab/a//", "parts of 1 to 128"),
        ("s3://lab/../a", "parts of 1 to 128"),
        ("s3://lab/a b", "parts of 1 to 128"),
        ("s3://lab/a\nb", "parts of 1 to 128"),
        ("s3://lab/a?x=1", "parts of 1 to 128"),
        (long.as_str(), "400 characters in all"),
        ("ftp://lab/a", "use s3, gs or az"),
        ("file:///d", "use s3, gs or az"),
        ("S3://lab", "use s3, gs or az"),
    ] {
        let error = Location::parse(text).unwrap_err().to_string();
        assert!(error.contains(allowed), "{text}: {error}");
        assert!(
            !error.contains('\n') && error.chars().count() < 300,
            "{text}: {error}"
        );
    }
}

#[test]
fn brooklyns_pair_is_an_endpoint_and_a_bucket() {
    let pair = |location, dir| Location::of_pair(location, dir);
    assert_eq!(pair("s3", "lab/a"), Location::parse("s3://lab/a"));
    let Ok(Location::Bucket(bucket)) = pair("s3:http://127.0.0.1:8333/", "lab/a/") else {
        panic!("the pair is good")
    };
    assert_eq!(
        bucket.endpoint().map(Endpoint::as_str),
        Some("http://127.0.0.1:8333")
    );
    assert_eq!(bucket.to_string(), "s3://lab/a");
    for (location, dir, allowed) in [
        ("aws-s3:eu-west-1", "lab", "use s3, gs or az"),
        ("named:lab", "lab", "use s3, gs or az"),
        ("s3:", "lab", "use https://host"),
        ("s3:127.0.0.1:8333", "lab", "use https://host"),
        ("s3:https://", "lab", "use https://host"),
        ("s3:https://host/path", "lab", "use https://host"),
        ("s3", "/var/lib/plane", "3 to 63"),
        ("s3", "s3://lab/a", "a second time"),
    ] {
        let error = pair(location, dir).unwrap_err().to_string();
        assert!(error.contains(allowed), "{location} {dir}: {error}");
    }
}

#[test]
fn an_endpoint_with_a_password_is_refused_and_not_repeated() {
    let error = Endpoint::parse("https://me:hunter2@host")
        .unwrap_err()
        .to_string();
    assert!(
        !error.contains("hunter2") && error.contains("in the environment"),
        "{error}"
    );
}

#[test]
fn loopback_is_known_by_address_or_name() {
    for (text, is) in [
        ("http://127.0.0.1:8333", true),
        ("http://localhost:1", true),
        ("http://[::1]:9000", true),
        ("http://127.0.0.1.example.com", false),
        ("https://10.0.0.1", false),
    ] {
        assert_eq!(Endpoint::parse(text).unwrap().is_loopback(), is, "{text}");
    }
}

#[test]
fn a_scheme_that_is_not_built_in_is_refused_by_name_with_its_feature() {
    for provider in [Provider::S3, Provider::Gs, Provider::Az] {
        let scheme = provider.scheme();
        let parsed = Location::parse(&format!("{scheme}://lab/a"));
        if provider.is_built_in() {
            assert!(parsed.is_ok(), "{parsed:?}");
        } else {
            let error = parsed.unwrap_err().to_string();
            assert!(error.contains(&format!("the feature `{scheme}`")), "{error}");
        }
    }
}
