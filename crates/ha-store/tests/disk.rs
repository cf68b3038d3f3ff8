//! The disk in memory, as those see it who cut its power.

use ha_store::crash::Disk;
use ha_store::{ErrorKind, Folder, Key};

#[test]
fn only_a_disk_that_lies_about_an_fsync_loses_what_was_acknowledged() {
    let key = Key::new("journal/0/1").unwrap();
    for (about_files, about_folders) in [(false, false), (true, false), (false, true)] {
        let disk = Disk::new();
        let store = disk.open().unwrap();
        disk.lie(about_files, about_folders);
        store.create(&key, b"acknowledged").unwrap();
        let of = |disk: &Disk| disk.open().and_then(|store| store.get(&key));
        let survives = of(&disk.worst()).is_ok_and(|bytes| bytes == "acknowledged");
        assert_eq!(survives, !about_files && !about_folders);
        assert_eq!(of(&disk.killed()).unwrap(), "acknowledged", "its power is on");
    }
}

#[test]
fn a_store_on_it_does_what_a_store_does() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let (key, folder) = (Key::new("nodes/n1").unwrap(), Folder::new("nodes").unwrap());
    store.put(&key, b"one").unwrap();
    let before = disk.fingerprint();
    store.put(&key, b"two").unwrap();
    assert_ne!(disk.fingerprint(), before);
    assert_eq!(
        store.create(&key, b"three").unwrap_err().kind(),
        ErrorKind::Exists
    );
    assert_eq!(store.get(&key).unwrap(), "two");
    assert_eq!(store.get_range(&key, 1..3).unwrap(), "wo");
    assert_eq!(store.list(&folder).unwrap(), ["n1"]);
    store.delete(&key).unwrap();
    assert_eq!(store.get(&key).unwrap_err().kind(), ErrorKind::NotFound);
}
