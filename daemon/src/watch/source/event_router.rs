//! Whose an event is, where several workspaces share one queue. A directory has one watch, and may be
//! part of several workspaces, one inside the other. Knows no system call.

use super::change_source::{FsEvent, WatchId};
use super::waker::Waker;
use std::collections::{HashMap, HashSet};

/// Events kept for a workspace that does not take them; beyond, it is cheaper to check everything.
const MAX_EVENTS: usize = 100_000;

/// Watches whose end was reported before it was known whose they are: more than are added at once by
/// far.
const MAX_ENDED: usize = 4096;

/// One workspace's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SourceId(u32);

/// The sources that have a watch: nearly always one.
#[derive(Debug)]
enum Owners {
    One(SourceId),
    Several(Vec<SourceId>),
}

/// What was reported to a source and not taken yet.
#[derive(Debug)]
struct Mailbox {
    events: Vec<FsEvent>,
    /// Watches that it has given up since: what was reported of them is not its any more.
    given_up: HashSet<WatchId>,
    waker: Waker,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct EventRouter {
    owners: HashMap<WatchId, Owners>,
    mailboxes: HashMap<SourceId, Mailbox>,
    /// Watches that ended and belong to nobody: to somebody who is about to say so, maybe.
    ended: HashSet<WatchId>,
    next: u32,
}

impl EventRouter {
    pub(super) fn add_source(&mut self, waker: Waker) -> SourceId {
        let id = SourceId(self.next);
        self.next += 1;
        self.mailboxes.insert(id, Mailbox { events: Vec::new(), given_up: HashSet::new(), waker });
        id
    }

    /// Forgets a source; returns the watches that nobody has any more.
    pub(super) fn remove_source(&mut self, source: SourceId) -> Vec<WatchId> {
        self.mailboxes.remove(&source);
        let mut unused = Vec::new();
        self.owners.retain(|watch, owners| {
            let is_used = owners.remove(source);
            if !is_used {
                unused.push(*watch);
            }
            is_used
        });
        unused
    }

    pub(super) fn add_watch(&mut self, source: SourceId, watch: WatchId) {
        if self.ended.remove(&watch) {
            // Its directory has gone since it was watched.
            self.deliver(source, FsEvent::WatchEnded(watch), None);
            return;
        }
        match self.owners.get_mut(&watch) {
            Some(owners) => owners.add(source),
            None => {
                self.owners.insert(watch, Owners::One(source));
            }
        }
    }

    /// Forgets a watch of a source; returns whether nobody has it any more.
    pub(super) fn remove_watch(&mut self, source: SourceId, watch: WatchId) -> bool {
        if let Some(mailbox) = self.mailboxes.get_mut(&source)
            && !mailbox.events.is_empty()
        {
            mailbox.given_up.insert(watch);
        }
        let Some(owners) = self.owners.get_mut(&watch) else { return false };
        let is_used = owners.remove(source);
        if !is_used {
            self.owners.remove(&watch);
        }
        !is_used
    }

    /// Hands an event to those whose it is, and wakes them, but for the one that takes its own at
    /// once.
    pub(super) fn route(&mut self, event: FsEvent, own: Option<SourceId>) {
        let Some(watch) = watch_of(&event) else { return self.overflow() };
        let has_ended = matches!(event, FsEvent::WatchEnded(_));
        match self.owners.get(&watch) {
            Some(Owners::One(source)) => self.deliver(*source, event, own),
            Some(Owners::Several(sources)) => {
                for source in sources.clone() {
                    self.deliver(source, event.clone(), own);
                }
            }
            None if has_ended => {
                if self.ended.len() == MAX_ENDED {
                    self.ended.clear();
                }
                self.ended.insert(watch);
            }
            None => {}
        }
        if has_ended {
            self.owners.remove(&watch);
        }
    }

    /// Something was lost: everybody may have lost it.
    pub(super) fn overflow(&mut self) {
        for mailbox in self.mailboxes.values_mut() {
            mailbox.events = vec![FsEvent::Overflow];
            mailbox.waker.wake();
        }
    }

    /// Takes what was reported to a source.
    pub(super) fn take(&mut self, source: SourceId, events: &mut Vec<FsEvent>) {
        if let Some(mailbox) = self.mailboxes.get_mut(&source) {
            let given_up = std::mem::take(&mut mailbox.given_up);
            if !given_up.is_empty() {
                let is_own =
                    |event: &FsEvent| watch_of(event).is_none_or(|w| !given_up.contains(&w));
                mailbox.events.retain(is_own);
            }
            events.append(&mut mailbox.events);
            if mailbox.events.capacity() > MAX_EVENTS / 16 {
                mailbox.events = Vec::new();
            }
        }
    }

    fn deliver(&mut self, source: SourceId, event: FsEvent, own: Option<SourceId>) {
        let Some(mailbox) = self.mailboxes.get_mut(&source) else { return };
        if mailbox.events.is_empty() && own != Some(source) {
            mailbox.waker.wake();
        }
        mailbox.events.push(event);
        if mailbox.events.len() > MAX_EVENTS {
            mailbox.events = vec![FsEvent::Overflow];
        }
    }
}

/// The watch an event is of; none for a loss.
fn watch_of(event: &FsEvent) -> Option<WatchId> {
    match event {
        FsEvent::Overflow => None,
        FsEvent::Name { watch, .. }
        | FsEvent::DirectoryLeft { watch, .. }
        | FsEvent::WatchEnded(watch)
        | FsEvent::DirectoryGone(watch) => Some(*watch),
    }
}

impl Owners {
    fn add(&mut self, source: SourceId) {
        match self {
            Self::One(one) if *one == source => {}
            Self::One(one) => *self = Self::Several(vec![*one, source]),
            Self::Several(sources) if sources.contains(&source) => {}
            Self::Several(sources) => sources.push(source),
        }
    }

    /// Returns whether somebody has it still.
    fn remove(&mut self, source: SourceId) -> bool {
        match self {
            Self::One(one) => *one != source,
            Self::Several(sources) => {
                sources.retain(|one| *one != source);
                !sources.is_empty()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::source::NameChange;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Fixture {
        router: EventRouter,
        woken: Arc<AtomicUsize>,
    }

    impl Fixture {
        fn source(&mut self) -> SourceId {
            let woken = self.woken.clone();
            self.router.add_source(Waker::new(move || {
                woken.fetch_add(1, Ordering::Relaxed);
            }))
        }

        fn taken(&mut self, source: SourceId) -> Vec<FsEvent> {
            let mut events = Vec::new();
            self.router.take(source, &mut events);
            events
        }

        fn woken(&self) -> usize {
            self.woken.load(Ordering::Relaxed)
        }
    }

    fn edit(watch: u64) -> FsEvent {
        FsEvent::Name { watch: WatchId(watch), name: (*b"f").into(), change: NameChange::Modified }
    }

    #[test]
    fn an_event_goes_to_all_whose_directory_it_is_and_to_nobody_else() {
        let mut fixture = Fixture::default();
        let [outer, inner, other] = [(); 3].map(|()| fixture.source());
        fixture.router.add_watch(outer, WatchId(1));
        for source in [outer, inner, inner] {
            fixture.router.add_watch(source, WatchId(2));
        }
        fixture.router.add_watch(other, WatchId(3));
        fixture.router.route(edit(1), None);
        fixture.router.route(edit(2), None);
        fixture.router.route(edit(9), None);
        assert_eq!(fixture.woken(), 2, "once each, and not those who have nothing");
        assert_eq!(fixture.taken(outer), [edit(1), edit(2)]);
        assert_eq!(fixture.taken(inner), [edit(2)]);
        assert_eq!(fixture.taken(other), []);
        fixture.router.route(edit(2), Some(inner));
        assert_eq!(fixture.woken(), 3, "whoever reads takes its own");
    }

    #[test]
    fn a_watch_goes_with_the_last_that_has_it() {
        let mut fixture = Fixture::default();
        let [one, two] = [(); 2].map(|()| fixture.source());
        for source in [one, two] {
            fixture.router.add_watch(source, WatchId(1));
        }
        fixture.router.add_watch(two, WatchId(2));
        fixture.router.route(edit(1), None);
        assert!(!fixture.router.remove_watch(one, WatchId(1)));
        assert_eq!(fixture.taken(two), [edit(1)]);
        fixture.router.route(edit(1), None);
        assert_eq!((fixture.taken(one), fixture.taken(two)), (vec![], vec![edit(1)]));
        assert!(!fixture.router.remove_watch(one, WatchId(1)), "it has it no more");
        let mut unused = fixture.router.remove_source(two);
        unused.sort();
        assert_eq!(unused, [WatchId(1), WatchId(2)]);
    }

    #[test]
    fn the_end_of_a_watch_is_reported_though_it_comes_before_it_is_known_whose_it_is() {
        let mut fixture = Fixture::default();
        let source = fixture.source();
        fixture.router.route(FsEvent::WatchEnded(WatchId(1)), None);
        fixture.router.add_watch(source, WatchId(1));
        assert_eq!(fixture.taken(source), [FsEvent::WatchEnded(WatchId(1))]);
        fixture.router.add_watch(source, WatchId(2));
        fixture.router.route(FsEvent::WatchEnded(WatchId(2)), None);
        fixture.router.route(edit(2), None);
        assert_eq!(fixture.taken(source), [FsEvent::WatchEnded(WatchId(2))]);
    }

    #[test]
    fn a_loss_is_everybodys_and_too_much_is_one_s_own() {
        let mut fixture = Fixture::default();
        let [one, two] = [(); 2].map(|()| fixture.source());
        fixture.router.add_watch(one, WatchId(1));
        for _ in 0..=MAX_EVENTS {
            fixture.router.route(edit(1), None);
        }
        assert_eq!((fixture.taken(one), fixture.taken(two)), (vec![FsEvent::Overflow], vec![]));
        fixture.router.route(FsEvent::Overflow, None);
        assert_eq!(fixture.taken(one), [FsEvent::Overflow]);
        assert_eq!(fixture.taken(two), [FsEvent::Overflow]);
    }
}
