//! The store from its handles to the disk.

use super::database::Database;
use super::record::BuildRecord;
use super::record::tests::ended;
use super::{HistoryError, HistoryScope, StoreHandle};
use crate::model::{BuildId, BuildView, Phase, Status};
use std::path::Path;
use std::sync::mpsc;

fn open(dir: &Path) -> StoreHandle {
    StoreHandle::open(dir.join("store"), 99, |_| {})
}

#[tokio::test]
async fn a_build_that_a_killed_daemon_left_is_interrupted() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("store");
    let (database, _) = Database::open(&path).expect("a database");
    let running = BuildView { phase: Phase::Running { started_ms: 11 }, ..ended(2) };
    database.put_build(&BuildRecord::of(&ended(1))).expect("written");
    database.put_build(&BuildRecord::of(&running)).expect("written");
    database.flush().expect("flushed");
    drop(database);
    let (send, receive) = mpsc::channel();
    let store = StoreHandle::open(path, 99, move |recovered| {
        send.send(recovered).expect("the test receives");
    });
    let recovered = receive.recv().expect("recovered");
    assert_eq!((recovered.unclean, recovered.interrupted, recovered.last_id), (true, 1, 2));
    assert!(recovered.warning.is_none(), "{recovered:?}");
    let found = store.history().newest(9, HistoryScope::All, None).await.expect("history");
    let [newest, oldest] = &found[..] else { panic!("two builds: {found:?}") };
    assert_eq!(newest.outcome().map(|outcome| outcome.status), Some(Status::Interrupted));
    assert_eq!(oldest, &ended(1));
    assert!(store.close(), "closed in time");
}

#[tokio::test]
async fn a_reader_finds_what_was_written_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path());
    let reader = store.history();
    for id in 1..=5 {
        store.put_build(&ended(id));
    }
    assert_eq!(reader.newest(2, HistoryScope::All, None).await, Ok(vec![ended(5), ended(4)]));
    assert_eq!(
        reader.newest(2, HistoryScope::All, Some(BuildId(3))).await,
        Ok(vec![ended(2), ended(1)])
    );
    assert_eq!(reader.newest(2, HistoryScope::All, Some(BuildId(1))).await, Ok(vec![]));
    assert_eq!(reader.between(BuildId(2), BuildId(2)).await, Ok(vec![ended(2)]));
    assert_eq!(reader.between(BuildId(1), BuildId(4)).await.map(|found| found.len()), Ok(2));
    assert!(store.close(), "closed in time");
}

#[tokio::test]
async fn a_reader_neither_keeps_a_store_open_nor_waits_for_one_that_is_closed() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path());
    let reader = store.history();
    assert!(store.close(), "closed in time");
    assert_eq!(reader.newest(9, HistoryScope::All, None).await, Err(HistoryError::Stopping));
    assert_eq!(reader.between(BuildId(1), BuildId(2)).await, Err(HistoryError::Stopping));
}

#[tokio::test]
async fn a_store_that_does_not_open_is_unavailable_and_says_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let (send, receive) = mpsc::channel();
    let store = StoreHandle::open(file.join("store"), 99, move |recovered| {
        send.send(recovered).expect("the test receives");
    });
    assert_eq!(
        store.history().newest(9, HistoryScope::All, None).await,
        Err(HistoryError::Unavailable)
    );
    let warning = receive.recv().expect("recovered").warning.expect("a warning").to_string();
    let path = file.join("store").display().to_string();
    assert!(warning.starts_with("there is no history: failed to "), "{warning}");
    assert!(warning.contains(&path), "{warning}");
    assert!(store.close(), "closed in time");
}
