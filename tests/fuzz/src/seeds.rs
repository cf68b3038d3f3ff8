//! Inputs made from real objects, from which a fuzzer goes on.

use ha_proto::layout;
use ha_sim::hand::Hand;

use crate::frame::body;

type Seeds = Vec<(String, Vec<u8>)>;

fn named(name: &str, bytes: impl Into<Vec<u8>>) -> (String, Vec<u8>) {
    (name.to_owned(), bytes.into())
}

/// As it is, and with a checksum that the target makes.
fn both_ways(name: &str, frame: &[u8]) -> [(String, Vec<u8>); 2] {
    let with = |mode: u8, bytes: &[u8]| [&[mode], bytes].concat();
    [
        (format!("{name}-whole"), with(0, frame)),
        (format!("{name}-body"), with(1, body(frame))),
    ]
}

/// The entries whose bytes the format's own tests hold still.
pub(crate) fn entries() -> Seeds {
    macro_rules! golden {
        ($($name:literal),*) => {
            [$(($name, include_str!(concat!("../../../crates/ha-proto/tests/golden/", $name, ".hex")))),*]
        };
    }
    golden!("genesis", "takeover", "handover", "full", "commit", "release")
        .into_iter()
        .flat_map(|(name, hex)| both_ways(name, &bytes_of(hex)))
        .collect()
}

pub(crate) fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks_exact(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect()
}

pub(crate) fn manifests() -> Seeds {
    let mut hand = Hand::plane(2);
    hand.commit(0, 1..12);
    let inside = format!("{}/", layout::SNAPSHOTS);
    let manifests = hand
        .store
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(&inside));
    manifests
        .enumerate()
        .flat_map(|(i, (_, bytes))| both_ways(&format!("manifest-{i}"), bytes))
        .collect()
}

/// Answers as servers give them.
pub(crate) fn answers() -> Seeds {
    let answers = [
        (
            "error",
            "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please reduce your &quot;rate&quot;.</Message></Error>",
        ),
        (
            "page",
            "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Prefix>a/journal/</Prefix><IsTruncated>true</IsTruncated>\
             <Contents><Key>a/journal/00000000000000000001</Key></Contents><CommonPrefixes><Prefix>a/journal/0/</Prefix></CommonPrefixes>\
             <NextContinuationToken>x</NextContinuationToken></ListBucketResult>",
        ),
        (
            "azure",
            "<EnumerationResults><Blobs><Blob><Name>a/b</Name></Blob><BlobPrefix><Name>a/c/</Name></BlobPrefix></Blobs><NextMarker/></EnumerationResults>",
        ),
        (
            "lifecycle",
            "<LifecycleConfiguration><Rule><ID>old</ID><Filter><And><Prefix>planes/</Prefix><Tag/></And></Filter><Status>Enabled</Status>\
             <Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>",
        ),
        (
            "versioning",
            "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        ),
    ];
    answers.map(|(name, text)| named(name, text)).into()
}

pub(crate) fn records() -> Seeds {
    let mut hand = Hand::plane(2);
    hand.commit(0, 1..3);
    let inside = format!("{}/", layout::NODES);
    let records = hand
        .store
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(&inside));
    let mut seeds: Seeds = records
        .map(|(key, bytes)| named(&key.replace('/', "-"), bytes.to_vec()))
        .collect();
    seeds.push(named("empty", "{}"));
    seeds
}

pub(crate) fn damages() -> Seeds {
    let mut seeds = vec![named("none-follows", [0]), named("none-leads", [1])];
    for which in 0..crate::reader::objects() as u8 {
        for (what, name) in [
            "cut",
            "flipped",
            "gone",
            "another",
            "zeros",
            "forged-cut",
            "forged-flip",
            "boast",
        ]
        .iter()
        .enumerate()
        {
            if usize::from(which) % 8 == what {
                seeds.push((
                    format!("{name}-{which:02}"),
                    vec![which & 1, which, what as u8, 0, 40],
                ));
            }
        }
    }
    seeds
}

/// What clients send.
pub(crate) fn connections() -> Seeds {
    let post = "POST /v1/server/ha/priority HTTP/1.1\r\nHost: a\r\nBrooklyn-Allow-Non-Master-Access: true\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n";
    let texts = [
        (
            "two",
            "GET /v1/server/ha/state HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                .to_owned(),
        ),
        ("length", format!("{post}Content-Length: 10\r\n\r\npriority=5")),
        (
            "chunks",
            format!("{post}Transfer-Encoding: chunked\r\n\r\n9\r\npriority=\r\n1\r\n5\r\n0\r\n\r\n"),
        ),
        (
            "expect",
            format!("{post}Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"),
        ),
        ("old", "GET /v1/server/up HTTP/1.0\r\n\r\n".to_owned()),
    ];
    texts.map(|(name, text)| named(name, text)).into()
}

pub(crate) fn requests() -> Seeds {
    let form = "Content-Type: application/x-www-form-urlencoded\n\n";
    let skip = "Brooklyn-Allow-Non-Master-Access: true\n\n";
    let texts = [
        ("state", "GET /v1/server/ha/state\n\n".to_owned()),
        ("states", "GET /v1/server/ha/states\n\n".to_owned()),
        (
            "set-mode",
            format!("POST /v1/server/ha/state\n{form}mode=HOT_STANDBY"),
        ),
        (
            "set-priority",
            format!("POST /v1/server/ha/priority\n{form}priority=-7"),
        ),
        (
            "clear",
            format!("POST /v1/server/ha/states/clear\n{form}nodeId=n2"),
        ),
        (
            "shutdown",
            format!(
                "POST /v1/server/shutdown\n{form}stopAppsFirst=false&shutdownTimeout=1m+30s&requestTimeout=0&delayForHttpReturn=5s"
            ),
        ),
        ("metrics", "GET /v1/server/ha/metrics?a=%C3%A9\n\n".to_owned()),
        ("config", format!("GET /v1/server/config/pollPeriod\n{skip}")),
        ("up", "GET /v1/server/up/extended\n\n".to_owned()),
        ("version", "HEAD /v1/server/version\nAccept: */*\n\n".to_owned()),
        ("page", "GET /\nAccept: text/html\n\n".to_owned()),
        ("applications", format!("GET /v1/applications?x=1\n{skip}")),
        ("options", "OPTIONS /v1/server/ha/state\n\n".to_owned()),
    ];
    let with = |(i, (name, text)): (usize, (&str, String))| {
        (name.to_owned(), [&[i as u8], text.as_bytes()].concat())
    };
    texts.into_iter().enumerate().map(with).collect()
}

pub(crate) fn locations() -> Seeds {
    let texts = [
        ("directory", "data/plane"),
        ("bucket", "s3://bucket/some/prefix"),
        ("pair", "s3:https://localhost:9000\nbucket/prefix"),
        ("container", "az://container/p"),
        ("gs", "gs://a_bucket.of-mine/x"),
        ("endpoint", "http://[::1]:9000/"),
        ("password", "https://user:word@host"),
        ("key", "journal/00000000/00000000000000000001"),
        ("escape", "s3://bucket/../../x"),
    ];
    texts.into_iter().map(|(name, text)| named(name, text)).collect()
}

pub(crate) fn command_lines() -> Seeds {
    let texts = [
        ("launch", "launch"),
        (
            "directory",
            "launch\n--persistenceDir\n/nonexistent/data\n--port\n0\n--nodeId\nn1\n--priority\n-3",
        ),
        (
            "bucket",
            "launch\n--persistenceDir\ns3://bucket/prefix\n--profile\neconomy\n--storePrices\nput=0.005,list=0.005,get=0.0004",
        ),
        (
            "pair",
            "launch\n--persistenceLocation\ns3:http://localhost:1\n--persistence-dir=bucket/prefix\n--skipStoreProbe",
        ),
        (
            "timings",
            "launch\n--pollPeriod\n500ms\n--heartbeatTimeout=3s\n--leaseTtl\n1m\n--bindAddress\n::1\n--publicAddress\nh:80",
        ),
        (
            "clean",
            "launch\n--persist\nclean\n--highAvailability\nmaster\n--logFormat\njson\n--logLevel\nwarn\n--stateDir\ns\n--pidFile\np",
        ),
        ("demo", "demo\n--nodes\n5\n--keep"),
        (
            "probe",
            "probe\ns3://bucket/prefix\n--format\njson\n--storeTotalTimeout\n5s",
        ),
        (
            "copy",
            "copy-state\n/nonexistent/a\ns3://bucket/b\n--resume\n--watchPeriod\n1h",
        ),
        ("help", "--help"),
    ];
    texts.into_iter().map(|(name, text)| named(name, text)).collect()
}

pub(crate) fn schedules() -> Seeds {
    vec![
        named(
            "commits",
            [2, 0, 0, 5, 2, 0, 0, 5, 2, 0, 0, 5, 2, 0, 0, 5, 2, 0, 0, 5, 1, 20],
        ),
        named(
            "failover",
            [
                2, 0, 0, 5, 3, 0, 8, 1, 1, 60, 2, 1, 0, 5, 4, 0, 1, 90, 2, 1, 0, 20,
            ],
        ),
        named(
            "lost-reply",
            [5, 0, 2, 0, 9, 3, 0, 50, 10, 64, 6, 0, 1, 30, 2, 0, 0, 5],
        ),
        named(
            "restart",
            [
                2, 0, 0, 5, 7, 0, 1, 100, 7, 1, 1, 100, 7, 2, 1, 100, 2, 0, 2, 1, 2, 2, 0, 50,
            ],
        ),
        named(
            "modes",
            [12, 9, 1, 40, 12, 1, 1, 90, 13, 0, 13, 1, 1, 90, 12, 12, 1, 90],
        ),
        named(
            "late",
            [
                5, 1, 8, 1, 9, 4, 9, 3, 1, 60, 11, 0, 10, 0, 6, 1, 1, 90, 11, 1, 2, 0, 0, 9,
            ],
        ),
    ]
}

/// Blueprints, good ones and bad ones.
pub(crate) fn blueprints() -> Seeds {
    const BASIC: &str = "org.apache.brooklyn.entity.stock.BasicEntity";
    let laughs = "abcdefgh".as_bytes().windows(2).map(|pair| {
        let (below, name) = (char::from(pair[0]), char::from(pair[1]));
        format!("{name}: &{name} [{}]\n", vec![format!("*{below}"); 10].join(","))
    });
    let seeds = [
        (
            "shop",
            format!(
                "name: shop\nlocation: localhost\nbrooklyn.config: {{currency: EUR}}\nservices:\n- type: {BASIC}\n  id: db\n  brooklyn.parameters:\n  - \
                 {{name: size, type: integer, default: 3}}\n  brooklyn.initializers:\n  - type: static-sensor\n    brooklyn.config: {{name: url, static.value: \
                 x}}\n- type: {BASIC}\n  name: web\n  brooklyn.config:\n    url: $brooklyn:component(\"db\").attributeWhenReady(\"url\")\n    text:\n      \
                 $brooklyn:formatString: [\"%s of %s\", {{$brooklyn:config: currency}}, $brooklyn:parent()]\n  brooklyn.policies:\n  - {{type: Policy, id: p, \
                 brooklyn.config: {{k: 0.9}}}}\n  brooklyn.children:\n  - type: {BASIC}\n"
            ),
        ),
        (
            "application",
            format!(
                "services:\n- type: org.apache.brooklyn.entity.stock.BasicApplication\n  brooklyn.tags: [a, {{b: 1}}]\n  brooklyn.children:\n  - type: {BASIC}\n"
            ),
        ),
        (
            "json",
            format!("{{\"services\":[{{\"type\":\"{BASIC}\"}}],\"name\":\"json-app\"}}"),
        ),
        (
            "shared",
            format!(
                "services:\n- &a {{type: {BASIC}, brooklyn.config: &c {{a: 1}}}}\n- *a\n- {{type: {BASIC}, brooklyn.config: {{<<: *c, b: 2}}}}\n"
            ),
        ),
        (
            "expression",
            "$brooklyn:formatString(\"%s %%\", [$x, {\"a\": 1}], $brooklyn:entity(a).config(b), null)".into(),
        ),
        ("unknown-key", "services:\n- typ: a\n".into()),
        (
            "wrong-kind",
            format!("services:\n- type: {BASIC}\n  brooklyn.config: 5\n"),
        ),
        ("unknown-type", "services: [{type: no.such}]\n".into()),
        (
            "dangling",
            format!("services:\n- type: {BASIC}\n  brooklyn.config: {{a: $brooklyn:component(b)}}\n"),
        ),
        (
            "cycle",
            format!(
                "services:\n- type: {BASIC}\n  brooklyn.config: {{a: $brooklyn:config(b), b: $brooklyn:config(a)}}\n"
            ),
        ),
        (
            "laughs",
            laughs.fold("a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned(), |all, line| {
                all + &line
            }),
        ),
        ("deep", "[".repeat(60)),
        ("two", "services: []\n---\nservices: []\n".into()),
        ("tab", "services:\n-\ttype: a\n".into()),
        (
            "nan",
            "services: [{type: a, brooklyn.config: {k: .nan}}]\n".into(),
        ),
    ];
    seeds.into_iter().map(|(name, text)| named(name, text)).collect()
}
