//! Commands that are run whenever files change, in the same world: one of them may change what it
//! is watched for.

use crate::world::{Asked, Event, World, join};
use bd_daemon::engine::{ChangedFile, Input, Submission, TriggerEvent, TriggerRequest};
use bd_daemon::model::{BuildId, ClientId, Plan, Priority, Status, TriggerId};

/// A change is told within so many milliseconds.
const TOLD_WITHIN_MS: u64 = 40;

/// Clients of triggers begin here, one each.
const CLIENTS: u64 = 500;

/// The command that edits a file each time it ends, in worlds that have such a one.
pub(crate) const EDITS: usize = 3;

/// What is known of one trigger.
#[derive(Debug)]
pub(crate) struct Trigger {
    client: ClientId,
    /// Its files are not watched yet.
    preparing: bool,
    /// Whether changes are waited for.
    observed: bool,
    /// The epoch up to which it was told of changes, and up to which it had been when it last
    /// started something.
    told: u64,
    started: u64,
    run: Option<BuildId>,
    /// It was told that it runs in circles, or was refused: nothing is owed until the next start.
    excused: bool,
}

impl Default for Trigger {
    fn default() -> Self {
        Self {
            client: ClientId(0),
            preparing: false,
            observed: false,
            told: 0,
            started: 0,
            run: None,
            excused: false,
        }
    }
}

impl World {
    pub(crate) fn add_trigger(&mut self) {
        let number = self.watching.asked;
        self.watching.asked += 1;
        // Two that edit could call each other for ever: who made a change is not known.
        let command = match number {
            0 => self.rng.below(self.actions.len() as u64) as usize,
            _ => self.rng.below(EDITS as u64) as usize,
        };
        let template = Submission {
            client: ClientId(CLIENTS + number),
            session: "editor:sim".into(),
            plan: Plan::of_action(self.actions[command].as_ref().clone(), join(command)),
            priority: Priority::Editor,
            timeout_ms: None,
            detach: false,
            keep_going: false,
            parent: None,
        };
        let initial = self.rng.one_in(2);
        self.step(Input::AddTrigger(TriggerRequest { template, on: [].into(), initial }));
    }

    /// The core has made a trigger, whose files are watched from some later moment on.
    pub(crate) fn prepares(&mut self, id: TriggerId, client: ClientId) {
        let delay = self.rng.below(TOLD_WITHIN_MS);
        self.watching
            .triggers
            .insert(id, Trigger { client, preparing: true, ..Trigger::default() });
        self.after(delay, Event::Prepared(id));
    }

    pub(crate) fn prepared(&mut self, id: TriggerId) {
        let epoch = self.files.tree.epoch;
        let trigger = self.watching.triggers.get_mut(&id).expect("one that was made");
        (trigger.told, trigger.started, trigger.preparing) = (epoch, epoch, false);
        self.step(Input::TriggerPrepared(id));
    }

    pub(crate) fn remove_trigger(&mut self) {
        let all: Vec<_> = self.watching.triggers.keys().copied().collect();
        let Some(trigger) = self.rng.pick(&all).copied() else { return };
        if self.rng.one_in(2) {
            return self.client_gone(self.watching.triggers[&trigger].client);
        }
        self.forget_trigger(trigger);
        self.step(Input::RemoveTrigger(trigger));
    }

    /// In the end, when nothing runs.
    pub(crate) fn unwatch_all(&mut self) {
        let all: Vec<_> = self.watching.triggers.keys().copied().collect();
        all.into_iter().for_each(|trigger| self.step(Input::RemoveTrigger(trigger)));
    }

    fn forget_trigger(&mut self, trigger: TriggerId) {
        let run = self.watching.triggers.get_mut(&trigger).and_then(|trigger| trigger.run.take());
        if let Some(asked) = run.and_then(|run| self.builds.live.get_mut(&run)) {
            asked.cancelled = true;
        }
        self.watching.gone.insert(trigger);
    }

    pub(crate) fn forget_triggers_of(&mut self, client: ClientId) {
        let theirs = self.watching.triggers.iter().filter(|(_, trigger)| trigger.client == client);
        let theirs: Vec<_> = theirs.map(|(id, _)| *id).collect();
        theirs.into_iter().for_each(|id| self.forget_trigger(id));
    }

    pub(crate) fn observes(&mut self, id: TriggerId) {
        let trigger = self.watching.triggers.get_mut(&id).expect("one that was made");
        assert!(!trigger.observed, "seed {}: observed twice", self.seed);
        trigger.observed = true;
        self.tell_soon(id);
    }

    /// After an edit.
    pub(crate) fn tell_all_soon(&mut self) {
        let all: Vec<_> = self.watching.triggers.keys().copied().collect();
        all.into_iter().for_each(|id| self.tell_soon(id));
    }

    fn tell_soon(&mut self, id: TriggerId) {
        let trigger = &self.watching.triggers[&id];
        if trigger.observed && trigger.told < self.files.tree.epoch {
            let delay = self.rng.below(TOLD_WITHIN_MS);
            self.after(delay, Event::Told(id));
        }
    }

    pub(crate) fn told(&mut self, id: TriggerId) {
        let epoch = self.files.tree.epoch;
        let trigger = self.watching.triggers.get_mut(&id).expect("one that was made");
        if self.watching.gone.contains(&id) || !trigger.observed || trigger.told == epoch {
            return;
        }
        let changed = (trigger.told..epoch).map(|epoch| self.files.edited[epoch as usize]);
        // When it was made is not always known.
        let known = self.rng.one_in(2);
        let file = |(path, at): (&str, u64)| ChangedFile {
            path: path.into(),
            added: false,
            changed_ms: known.then_some(at),
        };
        let files = changed.map(file).collect();
        (trigger.observed, trigger.told) = (false, epoch);
        self.step(Input::FilesChanged { trigger: id, files });
    }

    pub(crate) fn news(&mut self, id: TriggerId, news: &TriggerEvent) {
        let (seed, epoch) = (self.seed, self.files.tree.epoch);
        assert!(!self.watching.gone.contains(&id), "seed {seed}: {news:?} for nobody");
        let trigger = self.watching.triggers.get_mut(&id).expect("one that was made");
        trigger.excused = !matches!(news, TriggerEvent::Started { .. });
        if let TriggerEvent::Started { build, .. } = news {
            let before = trigger.run.replace(*build);
            trigger.started = trigger.told;
            let over = before.is_none_or(|before| !self.builds.live.contains_key(&before));
            assert!(over, "seed {seed}: two runs of one trigger at once");
            let asked = Asked { client: trigger.client, by: Some(id), ..Asked::at(epoch) };
            assert!(self.builds.live.insert(*build, asked).is_none(), "seed {seed}: id twice");
        }
    }

    /// A run may be given up for a newer state, of which the core was told.
    pub(crate) fn is_obsolete(&self, asked: &Asked) -> bool {
        let newer = |by| self.watching.triggers[&by].told > self.watching.triggers[&by].started;
        asked.by.is_some_and(newer)
    }

    /// Every trigger has run on the newest state, and that run was not given up.
    pub(crate) fn newest_state_has_won(&self) {
        let seed = self.seed;
        for (id, trigger) in &self.watching.triggers {
            if self.watching.gone.contains(id) || self.drain.asked || trigger.preparing {
                continue;
            }
            assert!(trigger.observed, "seed {seed}: nobody looks for {id:?} any more");
            assert_eq!(
                trigger.told, self.files.tree.epoch,
                "seed {seed}: {id:?} is not up to date"
            );
            if trigger.excused {
                continue;
            }
            assert!(trigger.started == trigger.told, "seed {seed}: a change of {id:?} was lost");
            let Some(run) = trigger.run else { continue };
            let given_up = self.builds.ended[&run] == Status::Cancelled;
            assert!(
                !given_up || self.builds.cancelled.contains(&run),
                "seed {seed}: {id:?} was given up"
            );
        }
    }
}
