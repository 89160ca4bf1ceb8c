//! The registry, its actors and their threads together, on real directories.

use super::*;
use crate::index::ChangeKind;
use std::fs;

fn asked<T: Send + 'static>(ask: impl FnOnce(mpsc::Sender<Result<T, WorkspaceError>>)) -> T {
    let (send, receive) = mpsc::channel();
    ask(send);
    receive.recv().expect("an answer").expect("a good one")
}

fn state(registry: &WorkspaceRegistry, root: &Path) -> WorkspaceState {
    asked(|send| registry.state(root, move |state| send.send(state).expect("somebody waits")))
}

fn since(registry: &WorkspaceRegistry, root: &Path, clock: Clock) -> Changes {
    let query = ChangesQuery { since: Some(clock), wait: None };
    asked(|send| {
        registry.changes(root, query, move |reported| send.send(reported).expect("somebody waits"))
    })
}

#[test]
fn every_answer_has_seen_what_was_written_before_the_question() {
    for preference in [SourcePreference::Native, SourcePreference::Notify, SourcePreference::Poll] {
        every_answer_is_fresh(preference);
    }
}

fn every_answer_is_fresh(preference: SourcePreference) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let registry = WorkspaceRegistry::new(vec![]).with_source(preference);
    for round in 0..100 {
        fs::write(dir.path().join("file"), format!("round {round}")).expect("write");
        let seen = state(&registry, dir.path());
        fs::write(dir.path().join("file"), format!("round {round}.")).expect("write");
        let again = state(&registry, dir.path());
        assert_ne!(seen.id, again.id, "round {round}");
        assert_eq!(again, state(&registry, dir.path()), "round {round}");
        let reported = since(&registry, dir.path(), seen.clock);
        assert_eq!(reported.changes.len(), 1, "round {round}: {reported:?}");
    }
}

#[test]
fn what_takes_little_is_answered_by_whoever_asks() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let registry = WorkspaceRegistry::new(vec![]).with_source(SourcePreference::Native);
    let mut clock = state(&registry, dir.path()).clock;
    let (mut own, me) = (0, std::thread::current().id());
    for round in 0..200 {
        fs::write(dir.path().join("file"), format!("round {round}")).expect("write");
        let query = ChangesQuery { since: Some(clock), wait: None };
        let (reported, by) = asked(|send| {
            registry.changes(dir.path(), query, move |reported| {
                let by = std::thread::current().id();
                send.send(reported.map(|reported| (reported, by))).expect("somebody waits");
            });
        });
        assert_eq!(reported.changes.len(), 1, "round {round}: {reported:?}");
        clock = reported.clock;
        own += usize::from(by == me);
    }
    // Now and then the workspace's own thread is at it.
    assert!(!cfg!(target_os = "linux") || own > 0, "woke another thread each time");
}

#[test]
fn what_was_done_when_somebody_asked_is_told_to_those_who_wait() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let registry = WorkspaceRegistry::new(vec![]);
    for round in 0..100 {
        let clock = state(&registry, dir.path()).clock;
        let query = ChangesQuery { since: Some(clock), wait: Some(Duration::from_secs(60)) };
        let (send, receive) = mpsc::channel();
        registry.changes(dir.path(), query, move |reported| {
            send.send(reported).expect("somebody waits")
        });
        fs::write(dir.path().join("file"), format!("round {round}")).expect("write");
        // It may find the change first.
        assert_eq!(since(&registry, dir.path(), clock).changes.len(), 1, "round {round}");
        let reported = receive.recv_timeout(Duration::from_secs(30)).expect("an answer in time");
        assert_eq!(reported.expect("a good one").changes.len(), 1, "round {round}");
    }
}

#[test]
fn a_panic_while_answering_costs_the_workspace_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let registry = WorkspaceRegistry::new(vec![]);
    let before = state(&registry, dir.path());
    let query = ChangesQuery { since: None, wait: None };
    registry.changes(dir.path(), query, |_| panic!("of the test"));
    let deadline = Instant::now() + Duration::from_secs(30);
    let after = loop {
        let (send, receive) = mpsc::channel();
        registry.state(dir.path(), move |state| send.send(state).expect("somebody waits"));
        // Whoever asks while the thread ends is not answered.
        match receive.recv() {
            Ok(state) => break state.expect("a good one"),
            Err(_) => assert!(Instant::now() < deadline, "nobody answers any more"),
        }
    };
    assert_ne!(after.clock.instance, before.clock.instance);
}

#[test]
fn a_renamed_directory_is_told_with_all_in_it_and_an_edit_below_it_is_seen() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir_all(dir.path().join("a/deep/er")).expect("directories");
    fs::write(dir.path().join("a/deep/er/file"), "1").expect("a file");
    let registry = WorkspaceRegistry::new(vec![]);
    let before = state(&registry, dir.path());
    fs::rename(dir.path().join("a"), dir.path().join("b")).expect("renamed");
    let reported = since(&registry, dir.path(), before.clock);
    let paths: Vec<_> = reported.changes.iter().map(|c| c.path.to_str().expect("UTF-8")).collect();
    assert_eq!(paths, ["b", "b/deep", "b/deep/er", "b/deep/er/file"]);
    assert!(
        reported.changes.iter().all(|c| matches!(c.kind, ChangeKind::Renamed { .. })),
        "{reported:?}"
    );
    fs::write(dir.path().join("b/deep/er/file"), "2").expect("an edit");
    let later = since(&registry, dir.path(), reported.clock);
    assert_eq!(later.changes.len(), 1, "{later:?}");
}

#[test]
fn more_workspaces_than_there_is_room_for_are_all_answered() {
    let registry = WorkspaceRegistry::new(vec![]);
    registry.lock().capacity = Capacity { entries: 5, watches: u64::MAX };
    let dirs: Vec<_> = (0..20).map(|_| tempfile::tempdir().expect("a directory")).collect();
    for dir in &dirs {
        fs::write(dir.path().join("file"), "1").expect("a file");
        state(&registry, dir.path());
        // How large it is is known a moment after it has answered.
        while !registry.known().iter().any(|one| one.root == dir.path()) {
            std::thread::yield_now();
        }
    }
    assert!(registry.lock().workspaces.len() <= 5);
}

#[test]
fn a_workspace_inside_another_has_all_events_of_what_both_have() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let inner = dir.path().join("a/inner");
    fs::create_dir_all(inner.join("deep")).expect("directories");
    let registry = WorkspaceRegistry::new(vec![]).with_source(SourcePreference::Native);
    let mut clocks = [dir.path(), &inner].map(|root| state(&registry, root).clock);
    for round in 0..50 {
        fs::write(inner.join("deep/file"), format!("round {round}")).expect("a write");
        for (root, clock) in [dir.path(), &inner].into_iter().zip(&mut clocks) {
            let reported = since(&registry, root, *clock);
            assert_eq!(reported.changes.len(), 1, "round {round}, {}", root.display());
            *clock = reported.clock;
        }
    }
    // The watches of the inner one are not its alone.
    assert!(registry.forget(&inner));
    fs::write(inner.join("deep/file"), "later").expect("a write");
    assert_eq!(since(&registry, dir.path(), clocks[0]).changes.len(), 1);
}

#[test]
fn a_root_that_is_gone_is_named_and_one_that_is_back_is_served() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let root = dir.path().join("root");
    let registry = WorkspaceRegistry::new(vec![]);
    let ask = |registry: &WorkspaceRegistry| {
        let (send, receive) = mpsc::channel();
        registry.state(&root, move |state| send.send(state).expect("somebody waits"));
        receive.recv().expect("an answer")
    };
    let error = ask(&registry).expect_err("nothing there").to_string();
    assert!(error.contains(root.to_str().expect("UTF-8")), "{error}");
    fs::create_dir(&root).expect("made");
    let first = ask(&registry).expect("there");
    fs::remove_dir(&root).expect("removed");
    assert!(ask(&registry).is_err());
    fs::create_dir(&root).expect("made again");
    let second = ask(&registry).expect("there again");
    assert_ne!(first.clock.instance, second.clock.instance);
}

#[test]
fn nobody_waits_for_a_registry_that_is_closed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let registry = WorkspaceRegistry::new(vec![]);
    state(&registry, dir.path());
    registry.clone().close();
    let (send, receive) = mpsc::channel();
    registry.state(dir.path(), move |state| send.send(state).expect("somebody waits"));
    let answer = receive.recv_timeout(Duration::from_secs(30));
    assert!(matches!(answer, Err(mpsc::RecvTimeoutError::Disconnected)), "{answer:?}");
    assert!(registry.known().is_empty());
}

#[test]
fn a_verification_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let large = fs::File::create(dir.path().join("large")).expect("a file");
    large.set_len(600 << 20).expect("a hole, which takes time to read and no room");
    let registry = WorkspaceRegistry::new(vec![]).with_source(SourcePreference::Native);
    let clock = state(&registry, dir.path()).clock;
    let (send, answers) = mpsc::channel();
    let verified = send.clone();
    registry.verify(dir.path(), false, move |found| {
        assert_eq!(found.expect("an answer").differences, [""; 0].map(PathBuf::from));
        verified.send("verified").expect("somebody waits");
    });
    fs::write(dir.path().join("small"), "x").expect("write");
    assert_eq!(since(&registry, dir.path(), clock).changes.len(), 1);
    send.send("changes").expect("somebody waits");
    assert_eq!([answers.recv(), answers.recv()], [Ok("changes"), Ok("verified")]);
}

#[test]
fn a_file_that_is_written_all_the_time_is_named_soon() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("busy");
    fs::write(&file, vec![0; 3 << 20]).expect("write");
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (done, file) = (done.clone(), file.clone());
        move || {
            use std::io::Write as _;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let mut file = fs::File::options().append(true).open(&file).expect("open");
                file.write_all(b"x").expect("write");
            }
        }
    });
    let registry = WorkspaceRegistry::new(vec![]).with_source(SourcePreference::Native);
    let begun = std::time::Instant::now();
    let (send, receive) = mpsc::channel();
    registry.state(dir.path(), move |state| send.send(state).expect("somebody waits"));
    let answer = receive.recv().expect("an answer");
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().expect("the writer");
    if let Err(error) = answer {
        assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{:?}", begun.elapsed());
        let said = error.to_string();
        assert!(said.contains("busy") && said.contains("keeps changing"), "{said}");
    }
}
