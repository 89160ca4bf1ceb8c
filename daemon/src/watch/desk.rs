//! Establishes states of workspaces on request: one thread a workspace, which lists it once for
//! all who asked before the listing began.

use super::crawl::crawl;
use crate::changes::{State, Workspace};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Workspaces whose listings are kept; the one not asked for longest makes room.
const MOST_WORKSPACES: usize = 32;

/// How long the listing of a workspace is kept that nobody asks for.
const KEPT: Duration = Duration::from_secs(1800);

/// What is known of a workspace, for `status`.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its root.
    pub root: PathBuf,
    /// Files and links that are not ignored.
    pub files: u64,
    /// Directories that are not ignored.
    pub dirs: u64,
    /// Bytes in those files.
    pub bytes: u64,
    /// Digest of it all, in hexadecimal.
    pub tree_digest: String,
    /// How long the listing took, in milliseconds.
    pub took_ms: u64,
}

/// Answer to a request: the state, or why there is none.
pub type Crawled = Result<(State, Summary), String>;

type Answer = Box<dyn FnOnce(Crawled) + Send>;

/// Where states are asked for.
#[derive(Debug)]
pub struct Desk {
    excluded: Vec<PathBuf>,
    clerks: HashMap<PathBuf, Clerk>,
}

#[derive(Debug)]
struct Clerk {
    requests: mpsc::Sender<Answer>,
    asked: Instant,
}

impl Desk {
    /// A desk that never looks below `excluded`.
    #[must_use]
    pub fn new(excluded: Vec<PathBuf>) -> Self {
        Self { excluded, clerks: HashMap::new() }
    }

    /// Asks for the state of `root`. The answer comes on another thread, and has seen every
    /// change that was made before this call.
    pub fn ask(&mut self, root: &Path, answer: impl FnOnce(Crawled) + Send + 'static) {
        let mut answer: Answer = Box::new(answer);
        if let Some(clerk) = self.clerks.get_mut(root) {
            clerk.asked = Instant::now();
            match clerk.requests.send(answer) {
                Ok(()) => return,
                // It left since nobody asked for long.
                Err(mpsc::SendError(unsent)) => answer = unsent,
            }
        }
        self.make_room();
        let (requests, inbox) = mpsc::channel();
        let (place, excluded) = (root.to_path_buf(), self.excluded.clone());
        let started = std::thread::Builder::new()
            .name("workspace".into())
            .spawn(move || serve(&place, &excluded, &inbox));
        match started {
            Ok(_) => {
                // Sent before anybody could leave: the receiver waits for it.
                let _ = requests.send(answer);
                self.clerks.insert(root.to_path_buf(), Clerk { requests, asked: Instant::now() });
            }
            Err(error) => answer(Err(format!("cannot start a thread: {error}"))),
        }
    }

    fn make_room(&mut self) {
        while self.clerks.len() >= MOST_WORKSPACES {
            let oldest = self.clerks.iter().min_by_key(|(_, clerk)| clerk.asked);
            let Some(root) = oldest.map(|(root, _)| root.clone()) else { return };
            // Its requests are answered before it notices that nobody can ask any more.
            self.clerks.remove(&root);
        }
    }
}

fn serve(root: &Path, excluded: &[PathBuf], inbox: &mpsc::Receiver<Answer>) {
    let mut workspace = Workspace::default();
    while let Ok(first) = inbox.recv_timeout(KEPT) {
        // All that wait now asked before this listing begins, so it has seen what they saw.
        let answers: Vec<_> = std::iter::once(first).chain(inbox.try_iter()).collect();
        let begun = Instant::now();
        let listed = crawl(root, excluded, workspace.tree().as_deref());
        let crawled = listed.map_err(|error| error.to_string()).map(|tree| {
            let (files, dirs, bytes) = tree.totals();
            let state = workspace.found(tree);
            let summary = Summary {
                root: root.to_path_buf(),
                files,
                dirs,
                bytes,
                tree_digest: state.id.tree.to_string(),
                took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            };
            (state, summary)
        });
        for answer in answers {
            answer(crawled.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_answer_has_seen_what_was_written_before_the_question() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut desk = Desk::new(vec![]);
        let (send, receive) = mpsc::channel();
        for round in 0..50 {
            fs::write(dir.path().join("file"), format!("round {round}")).expect("write");
            let send = send.clone();
            desk.ask(dir.path(), move |crawled| {
                send.send(crawled.expect("a state").0.id).expect("the test listens");
            });
            let mut seen = receive.recv().expect("an answer");
            fs::write(dir.path().join("file"), format!("round {round}.")).expect("write");
            let again = send_state(&mut desk, dir.path());
            assert_ne!(seen, again, "round {round}");
            seen = again;
            assert_eq!(seen, send_state(&mut desk, dir.path()), "round {round}");
        }
    }

    fn send_state(desk: &mut Desk, root: &Path) -> crate::model::StateId {
        let (send, receive) = mpsc::channel();
        desk.ask(root, move |crawled| send.send(crawled.expect("a state").0.id).expect("sent"));
        receive.recv().expect("an answer")
    }

    #[test]
    fn more_workspaces_than_are_kept_are_all_answered() {
        let mut desk = Desk::new(vec![]);
        let dirs: Vec<_> =
            (0..MOST_WORKSPACES + 5).map(|_| tempfile::tempdir().expect("a directory")).collect();
        for dir in &dirs {
            send_state(&mut desk, dir.path());
        }
        assert!(desk.clerks.len() <= MOST_WORKSPACES);
    }
}
