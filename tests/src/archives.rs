//! Archives of the state over REST, and all that a server shows of its state.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveWriter};
use serde_json::Value;

use crate::http::Request;
use crate::server::Server;

/// Longer than a large archive takes.
const LIMIT: Duration = Duration::from_secs(60);

/// The archive that a server makes of its state.
///
/// # Panics
/// If it makes none.
#[must_use]
#[track_caller]
pub fn export(server: &Server) -> Vec<u8> {
    let request = Request::get("/v1/server/ha/persist/export").within(LIMIT);
    let answer = request.send_bytes(server.address(), None);
    let (status, body) = answer.expect("the export is answered as a whole");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    body
}

/// Asks a server to import an archive; what it answers.
///
/// # Panics
/// If it does not answer.
#[track_caller]
pub fn import(server: &Server, archive: &[u8]) -> (u16, String) {
    let request = Request::post("/v1/server/ha/persist/import", "")
        .bare()
        .within(LIMIT);
    let answer = request.send_bytes(server.address(), Some(archive));
    let (status, body) = answer.expect("the import is answered");
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// The files in an archive, by name.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn unpacked(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let zip = ZipArchive::from_slice(archive).expect("a zip file");
    let mut files = BTreeMap::new();
    let mut entries = zip.entries();
    while let Some(entry) = entries.next_entry().expect("an entry") {
        let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
        let file = zip.get_entry(entry.wayfinder()).expect("a file");
        let mut bytes = Vec::new();
        DeflateDecoder::new(file.data())
            .read_to_end(&mut bytes)
            .expect("deflated");
        files.insert(name, bytes);
    }
    files
}

/// An archive of these files.
///
/// # Panics
/// If memory does not take them.
#[must_use]
pub fn packed(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut zip = ZipArchiveWriter::new(&mut out);
    for (name, bytes) in files {
        let file = zip
            .new_file(name.as_str())
            .compression_method(CompressionMethod::DEFLATE);
        let (mut file, config) = file.start().expect("memory takes it");
        let mut inside = config.wrap(DeflateEncoder::new(&mut file, Compression::default()));
        inside.write_all(bytes).expect("memory takes it");
        let (inside, size) = inside.finish().expect("memory takes it");
        inside.finish().expect("memory takes it");
        file.finish(size).expect("memory takes it");
    }
    zip.finish().expect("memory takes it");
    out
}

/// All that a server shows of its state, by path: applications, entities with what they have, locations and activities.
///
/// # Panics
/// If it does not answer all.
#[must_use]
#[track_caller]
pub fn shown(server: &Server) -> BTreeMap<String, Value> {
    let mut shown = BTreeMap::new();
    let mut show = |path: String| -> Value {
        let answer = server.send(&Request::get(&path)).expect("it answers");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        // What is no JSON is shown as text.
        let value = serde_json::from_str(&answer.body).unwrap_or(Value::String(answer.body));
        shown.insert(path, value.clone());
        value
    };
    show("/v1/locations".into());
    let mut tasks = BTreeSet::new();
    for app in ids(&show("/v1/applications".into())) {
        for path in ["", "/descendants"] {
            show(format!("/v1/applications/{app}{path}"));
        }
        for entity in ids(&show(format!("/v1/applications/{app}/descendants"))) {
            let entity = format!("/v1/applications/{app}/entities/{entity}");
            for path in OF_ENTITY {
                show(format!("{entity}{path}"));
            }
            tasks.extend(ids(&show(format!("{entity}/activities"))));
        }
    }
    show("/v1/applications/fetch".into());
    for task in tasks {
        show(format!("/v1/activities/{task}"));
    }
    shown
}

const OF_ENTITY: [&str; 10] = [
    "",
    "/children",
    "/spec",
    "/tags",
    "/locations",
    "/relations",
    "/sensors/current-state",
    "/config/current-state",
    "/policies",
    "/adjuncts",
];

fn ids(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|one| one["id"].as_str().map(str::to_owned))
        .collect()
}
