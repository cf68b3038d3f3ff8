//! The state of a plane in an archive, in another plane, and in another place: all of it, or nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ha_tests::archives::{export, import, packed, shown, unpacked};
use ha_tests::{
    Answer, Bucket, BucketServer, Objects, PATIENCE, Plane, Request, Said, Server, Site, server_says,
    wait_for,
};
use serde_json::Value;

const SHOP: &str = "
name: shop
location: localhost
brooklyn.config: {region: north}
services:
- type: org.apache.brooklyn.entity.stock.BasicStartable
  id: web
  name: web
  brooklyn.config:
    peer: $brooklyn:component(\"db\").config(\"port\")
  brooklyn.enrichers:
  - type: org.apache.brooklyn.enricher.stock.Propagator
    brooklyn.config:
      enricher.producer: $brooklyn:component(\"db\")
      enricher.sourceSensor: requests
      enricher.targetSensor: db.requests
- type: org.apache.brooklyn.entity.stock.BasicEntity
  id: db
  name: db
  brooklyn.config: {port: 5432}
";

const SMALL: &str = "services: [{type: org.apache.brooklyn.entity.stock.BasicStartable, name: only}]";

#[track_caller]
fn send(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    let request = Request::with_body(method, path, body).within(Duration::from_secs(20));
    let answer = server.send(&request).expect("it answers");
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
    answer
}

fn id_of(server: &Server, app: &str, name: &str) -> String {
    let all = send(server, "GET", &format!("/v1/applications/{app}/descendants"), "").json();
    let found = all
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["name"] == name);
    let id = found.and_then(|one| one["id"].as_str());
    id.expect("there is one of that name").to_owned()
}

/// A shop with all that entities have, at rest.
fn deploy_shop(server: &Server) {
    send(server, "PUT", "/v1/applications/shop", SHOP);
    let (web, db) = (id_of(server, "shop", "web"), id_of(server, "shop", "db"));
    let entity = |id: &str, path: &str| format!("/v1/applications/shop/entities/{id}{path}");
    send(server, "POST", &entity(&db, "/sensors/requests"), "42");
    send(server, "POST", &entity(&web, "/sensors/service.isUp"), "true");
    send(server, "POST", &entity(&db, "/config/size"), "\"two\"");
    send(server, "POST", &entity(&web, "/tag/add"), "{\"kind\": \"front\"}");
    send(server, "POST", &entity(&web, "/name?name=front"), "");
    send(
        server,
        "POST",
        &entity(&web, "/effectors/restart?timeout=10s"),
        "{}",
    );
    let path = entity(&web, "/sensors/current-state");
    wait_for(PATIENCE, "the propagator has been at work", || {
        send(server, "GET", &path, "").json()["db.requests"] == 42
    });
    at_rest(server);
}

/// Waits until nothing changes any more.
fn at_rest(server: &Server) {
    wait_for(PATIENCE, "the plane is at rest", || {
        let before = unpacked(&export(server));
        std::thread::sleep(Duration::from_millis(1_200));
        unpacked(&export(server))["data/parts/00000000"] == before["data/parts/00000000"]
    });
}

#[track_caller]
fn assert_shows(server: &Server, wanted: &BTreeMap<String, Value>) {
    let mut seen = shown(server);
    wait_for(PATIENCE, "it is up to date", || {
        seen = shown(server);
        seen.keys().eq(wanted.keys())
    });
    for (path, value) in wanted {
        assert_eq!(&seen[path], value, "{path} of {}", server.name());
    }
}

fn master(plane: &Plane) -> &Server {
    let found = plane.servers.iter().find(|server| server.is("MASTER"));
    found.expect("one leads")
}

#[test]
fn what_one_plane_exports_every_node_of_another_shows_and_so_do_its_successors() {
    let one = Plane::on(Site::brisk(), &[0, 0]);
    deploy_shop(&one.servers[0]);
    let wanted = shown(&one.servers[0]);
    assert!(wanted.len() > 40, "{} answers are compared", wanted.len());
    let by_standby = export(&one.servers[1]);
    let parts = |archive: &[u8]| unpacked(archive)["data/parts/00000000"].clone();
    assert!(
        parts(&by_standby) == parts(&export(&one.servers[0])),
        "any node exports the same"
    );

    let mut two = Plane::on(Site::brisk(), &[0, 0, 0]);
    send(&two.servers[0], "PUT", "/v1/applications/other", SMALL);
    assert_eq!(
        import(&two.servers[1], &by_standby).0,
        403,
        "only the master imports"
    );
    assert_eq!(import(&two.servers[0], &by_standby), (200, String::new()));
    for server in &two.servers {
        assert_shows(server, &wanted);
    }
    two.servers[0].kill();
    two.settles_among(&[1, 2]);
    assert_shows(master(&two), &wanted);
    // From the journal, without anything in memory.
    two.servers[1].kill();
    two.servers[2].kill();
    for at in 0..3 {
        two.servers[at] = two.servers[at].start_again();
    }
    two.settles_among(&[0, 1, 2]);
    for server in &two.servers {
        assert_shows(server, &wanted);
    }
    // It goes on: entities that came are managed as any other.
    send(master(&two), "PUT", "/v1/applications/later", SMALL);
    let web = id_of(master(&two), "shop", "front");
    let restart = format!("/v1/applications/shop/entities/{web}/effectors/restart?timeout=10s");
    send(master(&two), "POST", &restart, "{}");
}

/// The names of all applications that a server shows.
fn names(server: &Server) -> Vec<String> {
    let all = send(server, "GET", "/v1/applications", "").json();
    let ids = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|app| app["id"].as_str().expect("an id").to_owned());
    ids.collect()
}

/// Tells the others to end, whatever becomes of this thread.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_import_amid_writes_comes_as_a_whole_at_one_place_among_them() {
    const KEPT: usize = 30;
    let source = Plane::of(1);
    for n in 0..KEPT {
        send(
            &source.servers[0],
            "PUT",
            &format!("/v1/applications/kept{n}"),
            SMALL,
        );
    }
    at_rest(&source.servers[0]);
    let archive = export(&source.servers[0]);

    let mut plane = Plane::on(Site::brisk(), &[0, 0]);
    let (leader, standby) = (&plane.servers[0], &plane.servers[1]);
    let (done, lost, count) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let (has_ended, lost, count) = (|| done.load(Ordering::Relaxed), &lost, &count);
    let (before, after, written, looks) = std::thread::scope(|scope| {
        let end = Ends(&done);
        // Each writes one after the other, and remembers when it was asked and when answered.
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                scope.spawn(move || {
                    let mut written = Vec::new();
                    for n in 0.. {
                        if has_ended() {
                            break;
                        }
                        let (id, asked) = (format!("w{writer}x{n}"), Instant::now());
                        let path = format!("/v1/applications/{id}");
                        let request = Request::with_body("PUT", &path, SMALL);
                        let answer = leader.send(&request.within(Duration::from_secs(20)));
                        match answer.expect("it answers").status {
                            201 => {
                                written.push((id, asked, Instant::now()));
                                count.fetch_add(1, Ordering::Relaxed)
                            }
                            // Durable, and gone before it was answered.
                            504 => lost.fetch_add(1, Ordering::Relaxed),
                            other => panic!("{other}"),
                        };
                    }
                    written
                })
            })
            .collect();
        let looks: Vec<_> = [leader, standby]
            .map(|server| {
                scope.spawn(move || {
                    let mut looks = Vec::new();
                    while !has_ended() {
                        looks.push(names(server).iter().filter(|id| id.starts_with("kept")).count());
                    }
                    looks
                })
            })
            .into();
        let more = || {
            let goal = count.load(Ordering::Relaxed) + 20;
            wait_for(PATIENCE, "clients write", || {
                count.load(Ordering::Relaxed) >= goal
            });
        };
        more();
        let before = Instant::now();
        let imported = import(leader, &archive);
        let after = Instant::now();
        more();
        drop(end);
        assert_eq!(imported, (200, String::new()));
        let written: Vec<_> = writers
            .into_iter()
            .flat_map(|w| w.join().expect("it was answered"))
            .collect();
        let looks: Vec<Vec<usize>> = looks
            .into_iter()
            .map(|l| l.join().expect("it was answered"))
            .collect();
        (before, after, written, looks)
    });
    for seen in &looks {
        let came = seen.iter().position(|n| *n > 0).unwrap_or(seen.len());
        assert!(came > 0 && seen[..came].iter().all(|n| *n == 0), "{seen:?}");
        assert!(
            seen[came..].iter().all(|n| *n == KEPT),
            "all or nothing: {seen:?}"
        );
    }
    let assert_there = |server: &Server| {
        let there = names(server);
        assert_eq!(there.iter().filter(|id| id.starts_with("kept")).count(), KEPT);
        for (id, asked, answered) in &written {
            if *answered < before {
                assert!(!there.contains(id), "{id} was there before the import");
            }
            if *asked > after {
                assert!(there.contains(id), "{id} was written after the import");
            }
        }
    };
    let gone = written.iter().filter(|(.., answered)| *answered < before).count();
    let later = written.iter().filter(|(_, asked, _)| *asked > after).count();
    println!(
        "{gone} written before, {later} after, {} in all; looks: {}",
        written.len(),
        looks.concat().len()
    );
    assert!(gone > 10 && later > 10, "{gone} before and {later} after");
    assert!(
        lost.load(Ordering::Relaxed) <= 4,
        "of each writer one at most was under way"
    );
    assert_there(leader);
    plane.servers[0].kill();
    plane.servers[1].becomes("MASTER");
    assert_there(&plane.servers[1]);
}

/// The files of an archive, by name.
type Files = BTreeMap<String, Vec<u8>>;

#[test]
fn bad_archives_are_refused_in_one_line_and_the_plane_goes_on() {
    let plane = Plane::of(1);
    let server = &plane.servers[0];
    deploy_shop(server);
    let (archive, wanted) = (export(server), shown(server));
    let repacked = |change: &dyn Fn(&mut Files)| {
        let mut files = unpacked(&archive);
        change(&mut files);
        packed(&files)
    };
    let part = "data/parts/00000000";
    let of_manifest = |name: &'static str, value: Value| {
        repacked(&move |files: &mut Files| {
            let text = files.get_mut("data/manifest.json").expect("it has one");
            let mut manifest: Value = serde_json::from_slice(text).expect("JSON");
            manifest[name] = value.clone();
            *text = serde_json::to_vec(&manifest).expect("JSON");
        })
    };
    let mut altered = archive.clone();
    altered[archive.len() / 2] ^= 1;
    let brooklyn = BTreeMap::from([("data/planeId".to_owned(), b"x".to_vec())]);
    let bad: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("nothing", Vec::new(), 400, "it is no zip file"),
        ("a text", b"services: []".to_vec(), 400, "it is no zip file"),
        (
            "cut short",
            archive[..archive.len() * 2 / 3].to_vec(),
            400,
            "it is no zip file",
        ),
        ("altered", altered, 400, ""),
        (
            "Brooklyn's",
            packed(&brooklyn),
            400,
            "those of Apache Brooklyn cannot be imported",
        ),
        (
            "a later format",
            of_manifest("format", 2.into()),
            400,
            "use a newer version",
        ),
        (
            "another level",
            of_manifest("level", 2.into()),
            400,
            "are not those of the state",
        ),
        (
            "another byte in a part",
            repacked(&|files| files.get_mut(part).expect("it has one")[40] ^= 1),
            400,
            "its hash is not that of the manifest",
        ),
        (
            "a bomb",
            repacked(&|files| *files.get_mut(part).expect("it has one") = vec![0; 300 << 20]),
            400,
            "larger than 268435456 bytes",
        ),
        ("huge", vec![0; 65 << 20], 413, "67108864 bytes at most"),
    ];
    for (what, archive, code, words) in bad {
        let (status, body) = import(server, &archive);
        assert_eq!(status, code, "{what}: {body}");
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(
            message.contains(words) && !message.contains('\n'),
            "{what}: {body}"
        );
        assert!(server.is("MASTER"), "{what}");
    }
    assert_shows(server, &wanted);
    assert_eq!(
        import(server, &archive),
        (200, String::new()),
        "the good one is taken"
    );
    assert_shows(server, &wanted);
}

fn command(name: &str, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>, bucket: Option<&Bucket>) -> Said {
    let said = server_says(&[name.as_ref(), from.as_ref(), to.as_ref()], bucket);
    assert_eq!(said.code, Some(0), "{said:?}");
    said
}

#[test]
fn a_plane_with_entities_goes_on_from_a_copy_in_a_bucket_and_in_a_directory_again() {
    let Some(store) = BucketServer::shared() else {
        return;
    };
    let bucket = Bucket::on(store);
    let site = Site::brisk();
    let mut server = site.server("a").start();
    server.becomes("MASTER");
    deploy_shop(&server);
    let wanted = shown(&server);
    server.terminate();
    command("copy-state", site.plane(), bucket.location(), Some(&bucket));
    let back = site.path("back");
    command("copy-state", bucket.location(), &back, Some(&bucket));

    let on_bucket = Site::on_bucket(site.timings(), bucket);
    let mut on_bucket = on_bucket.server("a").start();
    on_bucket.becomes("MASTER");
    assert_shows(&on_bucket, &wanted);
    let mut again = site.server("b").option("--persistenceDir", &back).start();
    again.becomes("MASTER");
    assert_shows(&again, &wanted);
    send(&again, "PUT", "/v1/applications/later", SMALL);
}

fn contents(dir: &Path) -> Vec<(String, Option<Vec<u8>>)> {
    let objects = Objects::of_directory(dir);
    let keys: Vec<_> = objects
        .entries()
        .into_values()
        .chain(objects.snapshots().into_values())
        .collect();
    let read = objects.read_all(keys.clone());
    keys.into_iter().zip(read).collect()
}

#[test]
fn a_copy_is_cleaned_of_what_nothing_refers_to_and_shows_all_else() {
    let site = Site::brisk();
    let mut server = site.server("a").start();
    server.becomes("MASTER");
    deploy_shop(&server);
    let gone = SHOP.replace("name: shop", "name: gone");
    send(&server, "PUT", "/v1/applications/gone", &gone);
    let web = id_of(&server, "gone", "web");
    let tasks = send(
        &server,
        "GET",
        &format!("/v1/applications/gone/entities/{web}/activities"),
        "",
    )
    .json();
    let task = tasks[0]["id"].as_str().expect("its start").to_owned();
    at_rest(&server);
    send(&server, "DELETE", "/v1/applications/gone", "");
    at_rest(&server);
    let mut wanted = shown(&server);
    assert_eq!(
        wanted["/v1/locations"].as_array().map(Vec::len),
        Some(2),
        "one was left behind"
    );
    let orphan = format!("/v1/activities/{task}");
    assert_eq!(
        server.send(&Request::get(&orphan)).expect("it answers").status,
        200
    );
    server.terminate();
    let (to, before) = (site.path("clean"), contents(&site.plane()));
    let said = command("clean-orphaned-state", site.plane(), &to, None);
    assert!(
        said.out.contains("copied plane ") && said.out.contains("cleaned the copy: 1 locations and "),
        "{said:?}"
    );
    assert!(contents(&site.plane()) == before, "the source stays as it is");

    let mut server = site.server("b").option("--persistenceDir", &to).start();
    server.becomes("MASTER");
    let locations = send(&server, "GET", "/v1/locations", "").json();
    assert_eq!(locations.as_array().map(Vec::len), Some(1));
    assert_eq!(
        server.send(&Request::get(&orphan)).expect("it answers").status,
        404
    );
    wanted.insert("/v1/locations".into(), locations);
    assert_shows(&server, &wanted);
}
