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
    assert!(recovered.warnings.is_empty(), "{recovered:?}");
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
    let warning = receive.recv().expect("recovered").warnings.pop().expect("a warning").to_string();
    let path = file.join("store").display().to_string();
    assert!(warning.starts_with("there is no history: failed to "), "{warning}");
    assert!(warning.contains(&path), "{warning}");
    assert!(store.close(), "closed in time");
}

/// Whatever is damaged below the store, a build is there as it was, or it is said that it is lost.
#[tokio::test]
async fn what_damage_takes_is_said_build_by_build() {
    let dir = tempfile::tempdir().expect("a directory");
    let good = dir.path().join("good");
    fill(&good, 300).await;
    let mut lost = 0;
    for (round, file) in ["db", "db", "db", "db", "db", "db", "snap", "snap"].iter().enumerate() {
        let home = dir.path().join(format!("round{round}"));
        copy(&good, &home);
        damage(&home.join("store"), file, round);
        let has_journal = round % 2 == 1;
        if !has_journal {
            std::fs::remove_dir_all(home.join("journal")).expect("what the journal has kept");
        }
        let (send, receive) = mpsc::channel();
        let store = StoreHandle::open(home.join("store"), 99, move |recovered| {
            send.send(recovered).expect("the test receives");
        });
        let found = store.history().newest(999, HistoryScope::All, None).await.expect("history");
        let recovered = receive.recv().expect("recovered");
        let said: String = recovered.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 300, "round {round}: {said}");
        let gone: Vec<_> = found.iter().filter(|view| **view != ended(view.id.0)).collect();
        for view in &gone {
            let outcome = view.outcome().expect("an end");
            assert_eq!(outcome.status, Status::Error, "round {round}: {view:?}");
            assert!(outcome.message.as_deref().expect("a word").contains("lost"), "{view:?}");
        }
        assert_eq!(said.contains("lost"), !gone.is_empty(), "round {round}: {said}");
        assert_eq!(recovered.last_id.max(300), 300, "round {round}");
        assert!(*file == "db" || gone.is_empty(), "the log has what the snapshot had");
        assert!(!has_journal || gone.is_empty(), "round {round}: the journal has them: {said}");
        lost += gone.len();
        assert!(store.close(), "closed in time");
    }
    assert!(lost > 0, "nothing was ever lost");
}

async fn fill(home: &Path, builds: u64) {
    for from in (0..builds).step_by(100) {
        let store = open(home);
        for id in from + 1..=from + 100 {
            store.put_build(&ended(id));
            if id % 10 == 0 {
                let _ = store.history().newest(1, HistoryScope::All, None).await;
            }
        }
        assert!(store.close(), "closed in time");
    }
}

/// Cuts, zeroes or changes a file, more of it from round to round.
fn damage(store: &Path, file: &str, round: usize) {
    let mut entries = std::fs::read_dir(store).expect("a store").map(|at| at.expect("one").path());
    let begins = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(file))
    };
    let path = entries.find(begins).expect("a file");
    let mut bytes = std::fs::read(&path).expect("bytes");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("something") + 1;
    let at = used * (7 - round) / 8;
    match round % 3 {
        0 => bytes.truncate(at),
        1 => bytes[at..used].iter_mut().take(4096).for_each(|byte| *byte = 0),
        _ => bytes[at] ^= 4,
    }
    std::fs::write(path, bytes).expect("damaged");
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("cp starts").success());
}

/// As when the end of a build is what is damaged in the journal of a daemon that was killed.
#[tokio::test]
async fn a_build_that_has_ended_is_not_taken_back_by_what_was_written_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path());
    store.put_build(&ended(1));
    assert!(store.close(), "closed in time");
    let running = BuildView { phase: Phase::Running { started_ms: 11 }, ..ended(1) };
    let mut journal = super::journal::Journal::behind(&dir.path().join("journal"));
    let entry = super::journal::Entry::Build(Box::new(BuildRecord::of(&running)));
    let _ = journal.append(&entry).expect("appended");
    let store = open(dir.path());
    let found = store.history().newest(9, HistoryScope::All, None).await.expect("history");
    assert_eq!(found, [ended(1)]);
    assert!(store.close(), "closed in time");
}
