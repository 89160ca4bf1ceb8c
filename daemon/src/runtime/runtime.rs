//! Carries out the core's effects by the rooms that do I/O, each family of effects by a part of its
//! own. Decides nothing; every answer goes back to the core as an input.

use super::attempts::{Attachment, AttemptSettings, Attempts, FinishedAttempt, Start};
use super::awaited_roots::AwaitedRoots;
use super::effect_handler::EffectHandler;
use super::engine_handle::{self, EventSender};
use super::inputs::InputTracker;
use super::messages::{Question, Report};
use super::recorder::{Recorder, StartedAttempt};
use super::trigger_reply::TriggerReply;
use super::triggers::{Prepare, TriggerFeeds, requests_of};
use super::warnings::Warnings;
use crate::engine::{Effect, Input, Now, WorkspaceRules};
use crate::model::{AttemptId, BuildId, BuildView, Consent, Phase, TriggerId};
use crate::output::OutputStore;
use crate::process::{AttemptEnd, AttemptEvent, TerminalSize};
use crate::store::{Recovered, StoreHandle};
use crate::watch::WorkspaceRegistry;
use std::path::Path;
use std::time::Duration;
use tokio::sync::oneshot;

/// The way to the engine with this runtime.
pub type Engine = engine_handle::Engine<Runtime>;

/// What the runtime is made from.
#[derive(Debug)]
pub struct RuntimeParts {
    /// Where versions of inputs and changes are asked for.
    pub registry: WorkspaceRegistry,
    /// Where output goes.
    pub output: OutputStore,
    /// What attempts are started with.
    pub attempts: AttemptSettings,
    /// History.
    pub store: StoreHandle,
    /// What the operator should know.
    pub warnings: Warnings,
    /// Gets the store when a drain is complete.
    pub drained: oneshot::Sender<StoreHandle>,
}

/// Carries out the effects of the core; each family of them by a part of its own.
#[derive(Debug)]
pub struct Runtime {
    reports: EventSender<Report>,
    attempts: Attempts,
    inputs: InputTracker,
    triggers: TriggerFeeds,
    awaited: AwaitedRoots,
    recorder: Recorder,
    warnings: Warnings,
    /// Gone once the drain is complete.
    drained: Option<oneshot::Sender<StoreHandle>>,
}

impl Runtime {
    /// A runtime that reports to `reports`.
    #[must_use]
    pub fn new(parts: RuntimeParts, reports: EventSender<Report>) -> Self {
        let RuntimeParts { registry, output, attempts, store, warnings, drained } = parts;
        let triggers = TriggerFeeds::new(registry.clone(), reports.clone(), warnings.clone());
        Self {
            attempts: Attempts::new(attempts, output),
            awaited: AwaitedRoots::new(registry.clone()),
            inputs: InputTracker::new(registry, reports.clone()),
            triggers,
            recorder: Recorder::new(store),
            reports,
            warnings,
            drained: Some(drained),
        }
    }

    fn start(&mut self, now: Now, start: Start<'_>) {
        let Start { execution, attempt, build, action, .. } = start;
        let (root, started_ms) = (action.root(), now.wall_ms);
        self.recorder.started(StartedAttempt { execution, attempt, build, root, started_ms });
        let reports = self.reports.clone();
        self.attempts.start(start, move |event| match event {
            AttemptEvent::Started { .. } => {}
            AttemptEvent::Lingers => reports.send(Report::Lingers(attempt)),
            AttemptEvent::Ended(ended) => reports.send(Report::Ended(attempt, ended)),
        });
    }

    fn ended(&mut self, attempt: AttemptId, ended: AttemptEnd) -> Option<Input> {
        let finished = self.attempts.ended(attempt, ended)?;
        let FinishedAttempt { execution, build, result, lost, cut_off, output } = finished;
        self.recorder.ended(attempt, execution, &result, output.as_deref());
        let lost = lost.map(|(error, bytes)| {
            self.warnings.push(format!("output of {build} was lost: {error}"));
            format!("{bytes} bytes of its output could not be kept: {error}")
        });
        let doubts: Vec<_> = cut_off.into_iter().chain(lost).collect();
        let lost = (!doubts.is_empty()).then(|| doubts.join("; "));
        Some(Input::AttemptEnded { attempt, result, lost })
    }

    fn recovered(&self, recovered: Recovered) -> Input {
        for warning in &recovered.warnings {
            self.warnings.push(warning.to_string());
        }
        if recovered.interrupted > 0 {
            tracing::warn!(builds = recovered.interrupted, "an earlier daemon left builds behind");
        }
        let Recovered { durations, last_id, consents, .. } = recovered;
        Input::Remembered { durations, last_id, consents }
    }

    fn drained(&mut self) {
        // Before the store is closed: it writes what the workspaces save.
        self.inputs.close();
        if let (Some(store), Some(drained)) = (self.recorder.finish(), self.drained.take()) {
            // Nobody waits for it only when the daemon is past waiting.
            let _ = drained.send(store);
        }
    }
}

impl EffectHandler for Runtime {
    type Attachment = Attachment;
    type Report = Report;
    type Question = Question;

    fn accept(&mut self, build: BuildId, attachment: Attachment) {
        self.attempts.attach(build, attachment);
    }

    fn trigger_added(&mut self, trigger: TriggerId, reply: TriggerReply) {
        self.triggers.keep_reply(trigger, reply);
    }

    fn act(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::DigestInputs { target, action } => self.inputs.digest(target, action),
            Effect::BindSnapshot { from, execution } => self.inputs.bind(from, execution),
            Effect::ReleaseSnapshot(target) => self.inputs.release(target),
            Effect::CompareInputs { node, execution, action } => {
                self.inputs.compare(node, execution, &action);
            }
            Effect::VerifyInputs { execution, action } => self.inputs.verify(execution, &action),
            Effect::Start { execution, attempt, build, action, output, changed } => {
                let (action, changed) = (&*action, changed.as_deref());
                self.start(now, Start { execution, attempt, build, action, output, changed });
            }
            Effect::Stop { attempt, grace_ms } => {
                self.attempts.stop(attempt, Duration::from_millis(grace_ms));
            }
            Effect::PrepareTrigger { trigger, client, root, on } => {
                self.triggers.prepare(Prepare { trigger, client, root, on });
            }
            Effect::Subscribe(trigger) => self.triggers.subscribe(trigger),
            Effect::Unsubscribe(trigger) => self.triggers.unsubscribe(trigger),
            Effect::TriggerEvent(trigger, event) => self.triggers.event(trigger, event),
            Effect::ForgetClient(client) => self.triggers.forget_client(client),
            Effect::ObserveWorkspace(root) => self.inputs.observe(&root),
            Effect::SaveConsent { root, rules } => self.recorder.consent(&root, rules),
            Effect::ReportNoConsent { root, consent } => {
                let root = root.display();
                match consent {
                    Consent::Outdated => tracing::warn!(
                        %root,
                        "on_change is not run: it has changed, and waits for `bdctl ws trust`"
                    ),
                    _ => tracing::info!(%root, "on_change is not run before `bdctl ws trust`"),
                }
            }
            Effect::AwaitRoot(root) => self.awaited.add(root),
            Effect::Closed(execution) => self.attempts.closed(execution),
            Effect::Drained => self.drained(),
            Effect::Submitted(_)
            | Effect::TriggerAdded(_)
            | Effect::Changed(_)
            | Effect::Ended(_) => unreachable!("BUG: an effect that is the loop's"),
        }
    }

    fn changed(&mut self, view: &BuildView) {
        if matches!(view.phase, Phase::Ended { .. }) {
            self.attempts.detach(view.id);
        }
        self.recorder.build(view);
    }

    fn report(&mut self, report: Report) -> Option<Input> {
        match report {
            Report::Digested(target, state) => Some(self.inputs.digested(target, state)),
            Report::Verified(execution, moved) => Some(InputTracker::verified(execution, moved)),
            Report::Compared(node, execution, moved) => {
                Some(Input::InputsCompared { node, execution, moved })
            }
            Report::Lingers(attempt) => Some(Input::CommandEnded(attempt)),
            Report::Ended(attempt, ended) => self.ended(attempt, ended),
            Report::Recovered(recovered) => Some(self.recovered(recovered)),
            Report::Prepared(trigger, seen) => Some(self.triggers.prepared(trigger, seen)),
            Report::Observed(trigger, changes) => self.triggers.observed(trigger, changes),
            Report::Rules(root, None) => Some(Input::RootLost(root)),
            Report::Rules(root, Some(rules)) => {
                let requests = requests_of(&root, &rules.rules);
                let rules = WorkspaceRules { digest: rules.digest, requests };
                Some(Input::RulesChanged { root, rules })
            }
        }
    }

    fn forget_workspace(&mut self, root: &Path) -> bool {
        self.awaited.remove(root);
        self.inputs.forget_workspace(root)
    }

    fn question(&mut self, question: Question) {
        match question {
            Question::Resize(build, (rows, columns)) => {
                self.attempts.resize(build, TerminalSize { rows, columns });
            }
            Question::TriggerUpdate(trigger, client, reply) => {
                self.triggers.next_update(trigger, client, reply);
            }
        }
    }
}
