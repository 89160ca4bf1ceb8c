//! What clients learn of their triggers, with real files.

use super::super::engine_handle::{Event, Inbox, channels};
use super::super::runtime::Runtime;
use super::*;
use std::fs;
use tempfile::TempDir;

const TRIGGER: TriggerId = TriggerId(7);
const CLIENT: ClientId = ClientId(3);

struct Fixture {
    dir: TempDir,
    feeds: TriggerFeeds,
    warnings: Warnings,
    inbox: Inbox<Runtime>,
}

impl Fixture {
    fn new() -> Self {
        let (engine, inbox) = channels();
        let warnings = Warnings::default();
        let registry = WorkspaceRegistry::new(vec![]);
        let feeds = TriggerFeeds::new(registry, engine.reports(), warnings.clone());
        Self { dir: tempfile::tempdir().expect("a directory"), feeds, warnings, inbox }
    }

    /// Begins to observe the files that these globs match; what is reported goes back in.
    fn prepare(&mut self, globs: &[&str]) -> Input {
        let on = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let root = self.dir.path().to_path_buf();
        self.feeds.prepare(Prepare { trigger: TRIGGER, client: CLIENT, root, on });
        match self.report() {
            Report::Prepared(trigger, seen) => self.feeds.prepared(trigger, seen),
            report => panic!("{report:?}"),
        }
    }

    fn report(&mut self) -> Report {
        match self.inbox.events.blocking_recv() {
            Some(Event::Report(report)) => report,
            _ => panic!("no report"),
        }
    }

    fn observed(&mut self) -> Input {
        self.feeds.subscribe(TRIGGER);
        match self.report() {
            Report::Observed(trigger, changes) => {
                self.feeds.observed(trigger, changes).expect("an input")
            }
            report => panic!("{report:?}"),
        }
    }

    fn next(&mut self, client: ClientId) -> oneshot::Receiver<TriggerUpdate> {
        let (reply, update) = oneshot::channel();
        self.feeds.next_update(TRIGGER, client, reply);
        update
    }
}

fn looped() -> TriggerEvent {
    TriggerEvent::Loop("out".into())
}

#[test]
fn the_files_that_count_are_reported_from_the_answer_on() {
    let mut fixture = Fixture::new();
    let (reply, mut id) = oneshot::channel();
    fixture.feeds.keep_reply(TRIGGER, reply);
    let input = fixture.prepare(&["*.rs"]);
    assert!(matches!(input, Input::TriggerPrepared(TRIGGER)), "{input:?}");
    assert_eq!(id.try_recv().expect("an answer").expect("an id"), TRIGGER);
    fs::write(fixture.dir.path().join("a.rs"), "1").expect("written");
    fs::write(fixture.dir.path().join("b.md"), "1").expect("written");
    let mut reported = Vec::new();
    while !reported.contains(&PathBuf::from("a.rs")) {
        let Input::FilesChanged { trigger: TRIGGER, files } = fixture.observed() else {
            panic!("another input")
        };
        assert!(files.iter().all(|file| file.added && file.changed_ms.is_some()), "{files:?}");
        reported.extend(files.into_iter().map(|file| file.path));
    }
    assert!(!reported.contains(&PathBuf::from("b.md")), "it does not count");
}

#[test]
fn whoever_has_gone_before_the_answer_has_no_trigger() {
    let mut fixture = Fixture::new();
    let (reply, id) = oneshot::channel();
    fixture.feeds.keep_reply(TRIGGER, reply);
    drop(id);
    let input = fixture.prepare(&[]);
    assert!(matches!(input, Input::RemoveTrigger(TRIGGER)), "{input:?}");
}

#[test]
fn globs_that_are_wrong_are_named_to_whoever_asked_else_to_the_operator() {
    let mut fixture = Fixture::new();
    let input = fixture.prepare(&["a", "b{"]);
    assert!(matches!(input, Input::TriggerFailed(TRIGGER)), "{input:?}");
    let warnings = fixture.warnings.list();
    assert!(warnings[0].contains("bd.toml") && warnings[0].contains("b{"), "{warnings:?}");
    let (reply, mut id) = oneshot::channel();
    fixture.feeds.keep_reply(TRIGGER, reply);
    fixture.prepare(&["b{"]);
    assert!(id.try_recv().expect("an answer").is_err());
    assert_eq!(fixture.warnings.list().len(), 1);
}

#[test]
fn updates_wait_for_whoever_asks_and_belong_to_one_client() {
    let mut fixture = Fixture::new();
    fixture.prepare(&[]);
    fixture.feeds.event(TRIGGER, looped());
    let stranger = fixture.next(ClientId(4)).try_recv();
    assert_eq!(stranger.expect_err("nothing"), oneshot::error::TryRecvError::Closed);
    // Whoever does not wait any more loses no update.
    drop(fixture.next(CLIENT));
    fixture.feeds.event(TRIGGER, looped());
    let kept = fixture.next(CLIENT).try_recv().expect("what was kept");
    assert!(matches!(kept, TriggerUpdate::Event(TriggerEvent::Loop(_))), "{kept:?}");
    fixture.feeds.forget_client(CLIENT);
    let gone = fixture.next(CLIENT).try_recv();
    assert_eq!(gone.expect_err("nothing"), oneshot::error::TryRecvError::Closed);
}

#[test]
fn a_root_that_goes_away_ends_the_trigger_and_says_so() {
    let mut fixture = Fixture::new();
    fixture.prepare(&[]);
    let mut update = fixture.next(CLIENT);
    fs::remove_dir_all(fixture.dir.path()).expect("removed");
    let input = fixture.observed();
    assert!(matches!(input, Input::TriggerFailed(TRIGGER)), "{input:?}");
    let update = update.try_recv().expect("an update");
    assert!(matches!(update, TriggerUpdate::Ended(_)), "{update:?}");
}
