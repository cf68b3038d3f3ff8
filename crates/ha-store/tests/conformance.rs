//! Every backend and every decorator passes the suite.

use std::path::Path;
use std::sync::Arc;

use ha_store::{Counted, DirectoryStore, Faulty, MemoryStore, Store, suite};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    let store = MemoryStore::new();
    suite::run(|| Arc::new(store.clone())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_directory_with_a_second_opening_as_second_client() {
    let dir = tempfile::tempdir().unwrap();
    suite::run(|| Arc::new(DirectoryStore::open(dir.path()).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_directory_with_all_clients_in_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(DirectoryStore::open(dir.path()).unwrap());
    suite::run(|| Arc::clone(&store) as Arc<dyn Store>).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_directory_in_memory() {
    let shm = Path::new("/dev/shm");
    let Ok(dir) = tempfile::tempdir_in(shm) else {
        println!("skipped: no directory can be made in {}", shm.display());
        return;
    };
    suite::run(|| Arc::new(DirectoryStore::open(dir.path()).unwrap())).await;
}

#[tokio::test]
async fn a_directory_on_one_async_thread() {
    let dir = tempfile::tempdir().unwrap();
    suite::run(|| Arc::new(DirectoryStore::open(dir.path()).unwrap())).await;
}

#[tokio::test]
async fn decorators_that_do_nothing() {
    let store = MemoryStore::new();
    suite::run(|| {
        let boxed: Box<dyn Store> = Box::new(Arc::new(store.clone()));
        Arc::new(Counted::new(Faulty::new(boxed, 1)))
    })
    .await;
}
