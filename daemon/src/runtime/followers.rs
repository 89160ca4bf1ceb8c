//! Who follows builds: one build, or all of them, from now on or from a sequence number. Knows
//! nothing of how builds change.

use crate::model::{BuildId, BuildView};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// Ended builds that are answered from memory, before the store has to be asked.
const RECENT: usize = 256;

/// Changes kept for whoever resumes a feed, and that a slow follower of all builds may be behind.
const FEED: usize = 1024;

/// A change of a build and its sequence number.
pub type Change = (u64, Arc<BuildView>);

/// A follower of all builds.
#[derive(Debug)]
pub struct Feed {
    /// Sequence numbers that the follower asked for and nobody has any more: from, to (exclusive).
    pub missed: Option<(u64, u64)>,
    /// What to send first: the changes asked for, or all builds as they are.
    pub backlog: Vec<Change>,
    /// What changes from then on.
    pub changes: broadcast::Receiver<Change>,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Followers {
    followed: HashMap<BuildId, watch::Sender<Arc<BuildView>>>,
    recent: VecDeque<Arc<BuildView>>,
    ring: VecDeque<Change>,
    changes: broadcast::Sender<Change>,
    seq: u64,
}

impl Followers {
    pub(super) fn new() -> Self {
        Self {
            followed: HashMap::new(),
            recent: VecDeque::new(),
            ring: VecDeque::new(),
            changes: broadcast::Sender::new(FEED),
            seq: 0,
        }
    }

    /// The last builds that ended, oldest first.
    pub(super) fn recent(&self) -> impl Iterator<Item = &Arc<BuildView>> {
        self.recent.iter()
    }

    /// A build that is followed, or has just ended.
    pub(super) fn follow(&self, build: BuildId) -> Option<watch::Receiver<Arc<BuildView>>> {
        if let Some(sender) = self.followed.get(&build) {
            return Some(sender.subscribe());
        }
        // One that has ended is followed as well: there is just nothing more to come.
        let view = self.recent.iter().rev().find(|view| view.id == build)?;
        Some(watch::Sender::new(view.clone()).subscribe())
    }

    /// All builds, as `live` has those that have not ended, or the changes after a number.
    pub(super) fn feed(&self, after: Option<u64>, live: impl FnOnce() -> Vec<BuildView>) -> Feed {
        let changes = self.changes.subscribe();
        let oldest = self.ring.front().map_or(self.seq + 1, |(seq, _)| *seq);
        let all = || live().into_iter().map(|view| (self.seq, Arc::new(view))).collect();
        match after {
            // A number from before this daemon, or from one that has not been given out yet.
            Some(after) if after > self.seq || after + 1 < oldest => Feed {
                missed: Some((after.saturating_add(1), self.seq + 1)),
                backlog: all(),
                changes,
            },
            Some(after) => {
                let new = self.ring.iter().filter(|(seq, _)| *seq > after);
                Feed { missed: None, backlog: new.cloned().collect(), changes }
            }
            None => Feed { missed: None, backlog: all(), changes },
        }
    }

    /// Lets all who follow a build know of its last change.
    pub(super) fn publish_end(&mut self, view: Arc<BuildView>) {
        self.publish(&view);
        self.followed.remove(&view.id);
        self.recent.push_back(view);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// Lets all who follow a build know of a change.
    pub(super) fn publish(&mut self, view: &Arc<BuildView>) {
        self.followed
            .entry(view.id)
            .or_insert_with(|| watch::Sender::new(view.clone()))
            .send_replace(view.clone());
        self.seq += 1;
        if self.ring.len() == FEED {
            self.ring.pop_front();
        }
        self.ring.push_back((self.seq, view.clone()));
        // Nobody listening is no error.
        let _ = self.changes.send((self.seq, view.clone()));
    }
}
