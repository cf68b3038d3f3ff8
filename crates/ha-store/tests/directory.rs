//! The directory backend through its front door, on real directories in bad condition.

// Clippy knows only of tests themselves that they may, and not of the functions that they share.
#![allow(clippy::unwrap_used)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ha_store::{DirectoryStore, Error, ErrorKind, Folder, Key, Store};
use tempfile::TempDir;

const WITHIN: Duration = Duration::from_secs(30);

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn root() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    (dir, root)
}

async fn list(store: &DirectoryStore, folder: &str) -> Result<Vec<String>, Error> {
    let mut names = store.list(&Folder::new(folder).unwrap(), WITHIN).await?;
    names.sort_unstable();
    Ok(names)
}

#[tokio::test]
async fn a_missing_root_is_made_and_everything_is_private() {
    let (_dir, root) = root();
    let root = root.join("deep").join("er");
    let store = DirectoryStore::open(&root).unwrap();
    store.create(&key("a/b/x"), "x".into(), WITHIN).await.unwrap();
    store.put(&key("a/y"), "x".into(), WITHIN).await.unwrap();
    for folder in ["..", ".", "a", "a/b"] {
        assert_eq!(
            fs::metadata(root.join(folder)).unwrap().mode() & 0o777,
            0o700,
            "{folder}"
        );
    }
    for file in ["a/b/x", "a/y"] {
        let metadata = fs::metadata(root.join(file)).unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.nlink()), (0o600, 1), "{file}");
    }
    assert_eq!(store.to_string(), format!("directory `{}`", root.display()));
    assert_eq!(
        fs::read_dir(&root).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn a_root_that_is_a_file_is_refused() {
    let (_dir, root) = root();
    fs::write(&root, "a file").unwrap();
    for path in [root.clone(), root.join("below")] {
        let error = DirectoryStore::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        let shown = path.display();
        assert!(
            error
                .to_string()
                .starts_with(&format!("`{shown}`: this is a file and not a directory: move it"))
        );
    }
    assert_eq!(fs::read(&root).unwrap(), b"a file");
}

#[tokio::test]
async fn a_root_that_is_replaced_or_gone_is_unavailable_and_never_empty() {
    let (dir, root) = root();
    let aside = dir.path().join("aside");
    let store = DirectoryStore::open(&root).unwrap();
    store.create(&key("a/x"), "x".into(), WITHIN).await.unwrap();
    fs::rename(&root, &aside).unwrap();
    for replaced in [false, true] {
        if replaced {
            fs::create_dir(&root).unwrap();
        }
        let answers = [
            store.get(&key("a/x"), WITHIN).await.map(drop),
            store.get(&key("a/absent"), WITHIN).await.map(drop),
            store.get_range(&key("a/x"), 0..1, WITHIN).await.map(drop),
            store.list(&Folder::new("a").unwrap(), WITHIN).await.map(drop),
            store
                .list(&Folder::new("absent").unwrap(), WITHIN)
                .await
                .map(drop),
            store.create(&key("a/y"), "y".into(), WITHIN).await,
            store.put(&key("a/y"), "y".into(), WITHIN).await,
            store.delete(&key("a/x"), WITHIN).await,
        ];
        for answer in answers {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(error.to_string().contains("was replaced or unmounted"), "{error}");
        }
    }
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    fs::remove_dir(&root).unwrap();
    fs::rename(&aside, &root).unwrap();
    assert_eq!(store.get(&key("a/x"), WITHIN).await.unwrap(), "x");
    assert_eq!(list(&store, "a").await.unwrap(), ["x"]);
}

#[tokio::test]
async fn links_are_not_followed_out_of_the_root() {
    let (dir, root) = root();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    let store = DirectoryStore::open(&root).unwrap();
    store.create(&key("a/x"), "x".into(), WITHIN).await.unwrap();
    symlink(&outside, root.join("out")).unwrap();
    symlink(&outside, root.join("a/out")).unwrap();
    symlink(outside.join("secret"), root.join("a/link")).unwrap();
    symlink(outside.join("made"), root.join("a/dangling")).unwrap();

    for name in ["out/secret", "a/out/secret", "out/new/x"] {
        let key = key(name);
        let answers = [
            store.get(&key, WITHIN).await.map(drop),
            store.create(&key, "x".into(), WITHIN).await,
            store.put(&key, "x".into(), WITHIN).await,
            store.delete(&key, WITHIN).await,
            store
                .list(&Folder::new(key.folder()).unwrap(), WITHIN)
                .await
                .map(drop),
        ];
        for answer in answers {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
            assert!(error.to_string().contains("symbolic link"), "{error}");
        }
    }
    for name in ["a/link", "a/dangling"] {
        assert_eq!(
            store.get(&key(name), WITHIN).await.unwrap_err().kind(),
            ErrorKind::Corrupt
        );
        assert_eq!(
            store
                .create(&key(name), "x".into(), WITHIN)
                .await
                .unwrap_err()
                .kind(),
            ErrorKind::Exists
        );
        store.put(&key(name), "mine".into(), WITHIN).await.unwrap();
        assert_eq!(
            store.get(&key(name), WITHIN).await.unwrap(),
            "mine",
            "a put replaces the link itself"
        );
    }
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[tokio::test]
async fn foreign_names_are_skipped_and_counted() {
    let (_dir, root) = root();
    let store = DirectoryStore::open(&root).unwrap();
    store.create(&key("a/x"), "x".into(), WITHIN).await.unwrap();
    for name in [".nfs0001", ".x.swp", "x.swp", "x~", "#x#", "x y", "ümlaut"] {
        fs::write(root.join("a").join(name), "").unwrap();
    }
    fs::create_dir(root.join("a/.snapshot")).unwrap();
    symlink("x", root.join("a/link")).unwrap();
    let fifo = Command::new("mkfifo").arg(root.join("a/fifo")).status().unwrap();
    assert!(fifo.success());
    assert_eq!(list(&store, "a").await.unwrap(), ["x"]);
    assert_eq!(store.skipped(), 10);
    // Not even a FIFO without a writer holds a thread.
    assert_eq!(
        store.get(&key("a/fifo"), WITHIN).await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

#[tokio::test]
async fn a_folder_in_an_objects_place_is_said_to_be_one() {
    let (_dir, root) = root();
    let store = DirectoryStore::open(&root).unwrap();
    store.create(&key("a/b/x"), "x".into(), WITHIN).await.unwrap();
    let place = key("a/b");
    assert_eq!(
        store.get(&place, WITHIN).await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    assert_eq!(
        store.create(&place, "x".into(), WITHIN).await.unwrap_err().kind(),
        ErrorKind::Exists
    );
    for error in [
        store.put(&place, "x".into(), WITHIN).await,
        store.delete(&place, WITHIN).await,
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(
            error
                .to_string()
                .contains("a folder stands where the object belongs"),
            "{error}"
        );
    }
    let below_an_object = store
        .create(&key("a/b/x/y"), "x".into(), WITHIN)
        .await
        .unwrap_err();
    assert_eq!(below_an_object.kind(), ErrorKind::Denied);
    assert_eq!(
        list(&store, "").await.unwrap(),
        ["a/"],
        "no temporary file is left"
    );
}

#[tokio::test]
async fn a_directory_that_may_not_be_written_is_denied() {
    let (_dir, root) = root();
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, Permissions::from_mode(0o500)).unwrap();
    if fs::write(root.join("probe"), "").is_ok() {
        println!("skipped: this user may write anywhere; the read-only mount is tested instead");
        return;
    }
    let error = DirectoryStore::open(&root).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(error.to_string().contains("give this process's user"), "{error}");
}

/// A file system of its own for one test, if this user may mount one.
struct Mount(TempDir);

impl Mount {
    fn new(options: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "none"])
            .arg(dir.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        println!("skipped: this user may not mount a tmpfs");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(
            Command::new("mount")
                .args(["-o", &options])
                .arg(self.path())
                .status()
                .unwrap()
                .success()
        );
    }

    fn unmount(&self) -> bool {
        Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .output()
            .is_ok_and(|output| output.status.success())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.unmount();
    }
}

#[tokio::test]
async fn a_full_disk_is_unavailable_until_something_is_freed() {
    let Some(mount) = Mount::new("size=256k") else {
        return;
    };
    let root = mount.path().join("root");
    let store = DirectoryStore::open(&root).unwrap();
    let block = Bytes::from(vec![1; 20_000]);
    let mut stored = 0;
    let error = loop {
        match store
            .create(&key(&format!("a/{stored}")), block.clone(), WITHIN)
            .await
        {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(stored > 5);
    let want = format!(
        "`a/{stored}`: no space left on `{}`: free some or collect",
        root.display()
    );
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Unavailable, want));
    assert_eq!(
        store
            .put(&key("nodes/n1"), block.clone(), WITHIN)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(list(&store, "a").await.unwrap().len(), stored);
    // It can still be opened, read and collected.
    let store = DirectoryStore::open(&root).unwrap();
    assert_eq!(store.get(&key("a/0"), WITHIN).await.unwrap(), block);
    store.delete(&key("a/0"), WITHIN).await.unwrap();
    store
        .create(&key(&format!("a/{stored}")), block, WITHIN)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_disk_without_inodes_opens_and_is_unavailable_for_writing() {
    let Some(mount) = Mount::new("nr_inodes=8") else {
        return;
    };
    let store = DirectoryStore::open(mount.path()).unwrap();
    let mut stored = 0;
    while store
        .create(&key(&format!("a/{stored}")), "x".into(), WITHIN)
        .await
        .is_ok()
    {
        stored += 1;
    }
    let store = DirectoryStore::open(mount.path()).unwrap();
    let error = store
        .create(&key("a/more"), "x".into(), WITHIN)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    store.delete(&key("a/0"), WITHIN).await.unwrap();
    store.create(&key("a/more"), "x".into(), WITHIN).await.unwrap();
}

#[tokio::test]
async fn a_read_only_file_system_is_denied() {
    let Some(mount) = Mount::new("size=1m") else {
        return;
    };
    let store = DirectoryStore::open(mount.path()).unwrap();
    store.create(&key("a/x"), "x".into(), WITHIN).await.unwrap();
    mount.remount("ro");
    assert_eq!(store.get(&key("a/x"), WITHIN).await.unwrap(), "x");
    let answers = [
        store.create(&key("a/y"), "y".into(), WITHIN).await,
        store.create(&key("b/y"), "y".into(), WITHIN).await,
        store.put(&key("a/x"), "y".into(), WITHIN).await,
        store.delete(&key("a/x"), WITHIN).await,
        DirectoryStore::open(mount.path()).map(drop),
        DirectoryStore::open(&mount.path().join("new")).map(drop),
    ];
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(error.to_string().contains("read-only"), "{error}");
    }
    mount.remount("rw");
    store.create(&key("a/y"), "y".into(), WITHIN).await.unwrap();
}

#[tokio::test]
async fn an_unmounted_root_is_unavailable() {
    let Some(mount) = Mount::new("size=1m") else {
        return;
    };
    let store = DirectoryStore::open(mount.path()).unwrap();
    store.create(&key("a/x"), "x".into(), WITHIN).await.unwrap();
    assert!(mount.unmount());
    for answer in [
        store.get(&key("a/y"), WITHIN).await.map(drop),
        list(&store, "a").await.map(drop),
        store.create(&key("a/y"), "y".into(), WITHIN).await,
    ] {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert_eq!(
        fs::read_dir(mount.path()).unwrap().count(),
        0,
        "nothing is written below the mount point"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn folders_that_are_emptied_and_filled_at_once_lose_nothing() {
    const ROUNDS: usize = 150;
    let (_dir, root) = root();
    let mut clients = Vec::new();
    for client in 0..4 {
        let store = DirectoryStore::open(&root).unwrap();
        clients.push(tokio::spawn(async move {
            for round in 0..ROUNDS {
                let key = key(&format!("a/b/{client}-{round}"));
                match store.create(&key, "x".into(), WITHIN).await {
                    Ok(()) => {}
                    // The others' deletes may remove the folder again and again; then nothing is written.
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                        assert_eq!(
                            store.get(&key, WITHIN).await.unwrap_err().kind(),
                            ErrorKind::NotFound
                        );
                        continue;
                    }
                }
                assert_eq!(store.get(&key, WITHIN).await.unwrap(), "x");
                store.delete(&key, WITHIN).await.unwrap();
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    let store = Arc::new(DirectoryStore::open(&root).unwrap());
    assert_eq!(list(&store, "a").await.unwrap(), [""; 0]);
    assert_eq!(list(&store, "").await.unwrap(), ["a/"]);
}

/// Prints how a create compares with the bare calls that it consists of; fails only if it is out of all proportion.
#[tokio::test]
async fn a_create_costs_little_more_than_its_system_calls() {
    use rustix::fs::{AtFlags, CWD, Mode, OFlags};
    use std::os::fd::AsRawFd;

    const ROUNDS: usize = 200;
    let (_dir, root) = root();
    let store = DirectoryStore::open(&root).unwrap();
    store.create(&key("a/first"), "x".into(), WITHIN).await.unwrap();
    let bytes = Bytes::from(vec![7; 300]);
    fs::create_dir(root.join("bare")).unwrap();
    let bare = rustix::fs::open(
        root.join("bare"),
        OFlags::RDONLY | OFlags::DIRECTORY,
        Mode::empty(),
    )
    .unwrap();
    let (mut of_bare, mut of_store) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let begun = Instant::now();
        let file = rustix::fs::openat(
            &bare,
            ".",
            OFlags::TMPFILE | OFlags::WRONLY,
            Mode::RUSR | Mode::WUSR,
        )
        .unwrap();
        rustix::io::write(&file, &bytes).unwrap();
        rustix::fs::fsync(&file).unwrap();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        rustix::fs::linkat(CWD, path, &bare, round.to_string(), AtFlags::SYMLINK_FOLLOW).unwrap();
        rustix::fs::fsync(&bare).unwrap();
        of_bare.push(begun.elapsed());

        let begun = Instant::now();
        store
            .create(&key(&format!("a/{round}")), bytes.clone(), WITHIN)
            .await
            .unwrap();
        of_store.push(begun.elapsed());
    }
    of_bare.sort_unstable();
    of_store.sort_unstable();
    let (bare, ours) = (of_bare[ROUNDS / 2], of_store[ROUNDS / 2]);
    println!(
        "p50: bare {bare:?}, create {ours:?}, ratio {:.3}",
        ours.as_secs_f64() / bare.as_secs_f64()
    );
    assert!(ours < 3 * bare + Duration::from_millis(1));
}
