//! Builds on change: when a command is run, what becomes of a run that is obsolete, and when its
//! own changes would have it run for ever.
//!
//! The newest state wins: a run is given up when files change under it, unless it is nearly done;
//! what it was for is then part of what the next one is for. A command that changes what it is
//! watched for would never come to rest. Who made a change is not known, only when: by the time of
//! the file against those of the runs in the workspace. So runs that were asked for by nothing but
//! changes of the same file during runs are counted, and so are those that each made files of other
//! names. After some that were given up each may finish, and after some that finished the file is
//! named and starts no more runs; any other file does. A person who saves one file again and again
//! is served all the while: any change between runs begins anew.

use super::effect::{Effect, TriggerEvent};
use super::input::{ChangedFile, Now, Refusal, TriggerRequest};
use super::state_machine::Core;
use super::trigger_state::{Run, Trigger};
use crate::model::{Action, BuildId, ClientId, Command, Plan, Status, TriggerId};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs in a row that are given up for changes of the same file; from then on each may finish.
const MOST_GIVEN_UP: u32 = 10;

/// A run that has had between so much and so much of its usual time is nearly done and may finish,
/// in eighths. If it does not, it is not usual.
const NEARLY_DONE_EIGHTHS: (u64, u64) = (7, 10);

/// Paths put in the place of `{changed}`, and bytes in them; with more, the root is, so that a command
/// line has room: a system may take no more than some hundred kibibytes, with the variables.
const MOST_ARGUMENTS: usize = 1000;
const MOST_ARGUMENT_BYTES: usize = 64 << 10;

/// The argument that stands for the paths that changed.
const CHANGED: &str = "{changed}";

impl Core {
    pub(super) fn add_trigger(&mut self, request: TriggerRequest) {
        // The answer comes first.
        let before = self.effects.len();
        let id = self.new_trigger(request);
        self.effects.insert(before, Effect::TriggerAdded(id));
    }

    /// Makes a trigger, which is run as soon as its files are watched.
    pub(super) fn new_trigger(&mut self, request: TriggerRequest) -> TriggerId {
        let TriggerRequest { template, on, initial } = request;
        let root = template.plan.command().root.clone();
        let client = template.client;
        let id = self.triggers.add(Trigger::new(template, initial));
        self.effects.push(Effect::PrepareTrigger { trigger: id, client, root, on });
        id
    }

    pub(super) fn trigger_prepared(&mut self, now: Now, id: TriggerId) {
        let Some(trigger) = self.triggers.all.get_mut(&id) else { return };
        trigger.preparing = false;
        self.effects.push(Effect::Subscribe(id));
        self.fire(now, id);
    }

    /// Ends a trigger and gives up its run.
    pub(super) fn end_trigger(&mut self, now: Now, id: TriggerId) {
        if let Some(Trigger { run: Some(run), .. }) = self.triggers.all.remove(&id) {
            self.withdraw(now, run.build, Status::Cancelled);
        }
    }

    /// Ends a trigger of which nobody wants to hear any more.
    pub(super) fn remove_trigger(&mut self, now: Now, id: TriggerId) {
        self.effects.push(Effect::Unsubscribe(id));
        self.end_trigger(now, id);
    }

    pub(super) fn remove_triggers_of(&mut self, now: Now, client: ClientId) {
        let theirs =
            self.triggers.all.iter().filter(|(_, trigger)| trigger.template.client == client);
        let theirs: Vec<_> = theirs.map(|(id, _)| *id).collect();
        theirs.into_iter().for_each(|id| self.remove_trigger(now, id));
    }

    pub(super) fn files_changed(&mut self, now: Now, id: TriggerId, files: Vec<ChangedFile>) {
        if !self.triggers.all.contains_key(&id) {
            return;
        }
        self.effects.push(Effect::Subscribe(id));
        if files.is_empty() {
            return;
        }
        let made_by = |file| {
            let by_a_run = self.triggers.was_made_by_a_run(id, &file, now.mono_ms);
            (file, by_a_run)
        };
        let files = files.into_iter().map(made_by).collect();
        let Some(trigger) = self.triggers.all.get_mut(&id) else { return };
        trigger.changed(files);
        let may_finish = trigger.may_finish(MOST_GIVEN_UP);
        let Some(run) = &mut trigger.run else { return self.fire(now, id) };
        if may_finish {
            return;
        }
        let usual = self.scheduler.estimate(trigger.template.plan.command().shape()).unwrap_or(0);
        let (from, to) = NEARLY_DONE_EIGHTHS;
        let started_ms = run.started.mono_ms;
        let until = started_ms + usual * to / 8;
        if now.mono_ms >= started_ms + usual * from / 8 && now.mono_ms < until {
            run.patience_ms = Some(until);
        } else {
            self.give_up(now, id);
        }
    }

    fn give_up(&mut self, now: Now, id: TriggerId) {
        let Some(run) = self.triggers.all.get_mut(&id).and_then(|trigger| trigger.run.as_mut())
        else {
            return;
        };
        (run.patience_ms, run.given_up) = (None, true);
        let build = run.build;
        self.withdraw(now, build, Status::Cancelled);
    }

    /// Gives up runs that were nearly done and have not finished.
    pub(super) fn lose_patience(&mut self, now: Now) {
        let late = |trigger: &Trigger| {
            trigger.run.as_ref().and_then(|run| run.patience_ms).is_some_and(|at| at <= now.mono_ms)
        };
        let late = self.triggers.all.iter().filter(|(_, trigger)| late(trigger));
        let late: Vec<_> = late.map(|(id, _)| *id).collect();
        late.into_iter().for_each(|id| self.give_up(now, id));
    }

    /// When [`Self::lose_patience`] is next due.
    pub(super) fn patience_ends(&self) -> Option<u64> {
        self.triggers.all.values().filter_map(|trigger| trigger.run.as_ref()?.patience_ms).min()
    }

    /// Takes note that a build has ended. What it was run by may run again, behind this step.
    pub(super) fn triggered_build_ended(&mut self, now: Now, build: BuildId) {
        let runs = |trigger: &Trigger| trigger.run.as_ref().is_some_and(|run| run.build == build);
        let Some((id, trigger)) = self.triggers.all.iter_mut().find(|(_, t)| runs(t)) else {
            return;
        };
        trigger.ended(now.into());
        self.settling.triggers.push(*id);
    }

    /// Runs what has become due in this step.
    pub(super) fn fire_due(&mut self, now: Now) {
        while let Some(id) = self.settling.triggers.pop() {
            self.fire(now, id);
        }
    }

    fn fire(&mut self, now: Now, id: TriggerId) {
        let Some(trigger) = self.triggers.all.get_mut(&id) else { return };
        if trigger.run.is_some() || trigger.preparing {
            return;
        }
        let paths = match trigger.take_pending() {
            Ok(Some(paths)) => paths,
            Ok(None) => return,
            Err(path) => {
                self.effects.push(Effect::TriggerEvent(id, TriggerEvent::Loop(path)));
                return;
            }
        };
        let mut asked = trigger.template.clone();
        asked.plan = with_changed(&asked.plan, &paths);
        let changed: Arc<[PathBuf]> = paths.iter().cloned().collect();
        let news = match self.accept(now, asked, Some(changed.clone())) {
            Ok(build) => {
                let (started, patience_ms) = (now.into(), None);
                let run = Run { build, started, paths, patience_ms, given_up: false };
                let trigger = self.triggers.all.get_mut(&id).expect("BUG: a trigger is gone");
                trigger.run = Some(run);
                TriggerEvent::Started { build, changed }
            }
            Err(refusal) => TriggerEvent::Refused(refusal),
        };
        self.effects.push(Effect::TriggerEvent(id, news));
    }

    pub(super) fn refuse_triggers(&mut self) {
        for id in std::mem::take(&mut self.triggers.all).into_keys() {
            self.effects.push(Effect::TriggerEvent(id, TriggerEvent::Refused(Refusal::Draining)));
        }
    }
}

/// A path relative to the root as an argument: one that begins with a dash is no option.
pub fn no_option(path: &Path) -> Cow<'_, Path> {
    match path.as_os_str().as_encoded_bytes().first() {
        Some(b'-') => Cow::Owned(Path::new(".").join(path)),
        _ => Cow::Borrowed(path),
    }
}

/// The plan with the paths in the place of `{changed}` in its last command; relative ones where that
/// runs in the root.
fn with_changed(plan: &Plan, paths: &BTreeSet<PathBuf>) -> Plan {
    let command = plan.command();
    if !command.argv.iter().any(|argument| argument == CHANGED) {
        return plan.clone();
    }
    let place = |path: &PathBuf| match command.cwd == command.root {
        true => no_option(path).into_owned().into_os_string(),
        false => command.root.join(path).into(),
    };
    let mut arguments: Vec<OsString> = paths.iter().take(MOST_ARGUMENTS + 1).map(place).collect();
    let bytes: usize = arguments.iter().map(|argument| argument.len() + 1).sum();
    if arguments.len() > MOST_ARGUMENTS || bytes > MOST_ARGUMENT_BYTES {
        arguments = vec![command.root.clone().into()];
    }
    let argv = command.argv.iter().flat_map(|argument| match argument == CHANGED {
        true => arguments.clone(),
        false => vec![argument.clone()],
    });
    let command = Command { argv: argv.collect(), ..Command::clone(command) };
    let last = plan.nodes().last().expect("BUG: a plan is never empty");
    plan.with_action(Action { command: Arc::new(command), ..Action::clone(&last.action) })
}
