//! What carries out the core's effects: joins the rooms that do I/O to the engine. Decides
//! nothing; every answer goes back to the core as an input.

pub mod event_loop;
mod messages;
mod snapshots;
mod triggers;
mod warnings;
mod workspaces;

pub use messages::{Question, Report};
pub use snapshots::StoredSnapshots;
pub use triggers::{Prepared, TriggerRequest, TriggerUpdate};
pub use warnings::Warnings;

use crate::engine::{Effect, Input, Now, Target};
use crate::index::Clock;
use event_loop::EventSender;
use triggers::TriggerState;

use crate::model::{
    AttemptId, AttemptResult, BuildId, BuildView, Command, ExecutionId, Exit, Phase, TriggerId,
};
use crate::output::{self, OutputStore, Writer};
use crate::process::{self, Launch, OutputSink, Running, Stream, TerminalSize};
use crate::store::{Recovered, StoreHandle};
use crate::watch::{ChangesQuery, OnChange, WorkspaceRegistry};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;

/// Executions between two collections of old logs.
const EXECUTIONS_BETWEEN_COLLECTIONS: u32 = 100;

/// How long all output of an execution is kept for the client that asked for it, until that has
/// begun to read.
const FIRST_READER_MAY_TAKE: Duration = Duration::from_millis(500);

/// The engine with these hands.
pub type Engine = event_loop::Engine<Runtime>;

/// What the hands are made from.
#[derive(Debug)]
pub struct RuntimeParts {
    /// Where states of workspaces are asked for.
    pub registry: WorkspaceRegistry,
    /// The program that supervises attempts: `bdd` itself.
    pub supervisor: PathBuf,
    /// Where output goes.
    pub output: OutputStore,
    /// First part of the mark that every process of a build has in its environment; unique for
    /// this daemon.
    pub mark: String,
    /// Limit of open files that builds get: soft, hard.
    pub open_files: Option<(u64, u64)>,
    /// History.
    pub store: StoreHandle,
    /// Where the operator is warned.
    pub warnings: Warnings,
    /// Told when a drain is complete.
    pub drained: oneshot::Sender<StoreHandle>,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Runtime {
    reports: EventSender<Report>,
    registry: WorkspaceRegistry,
    supervisor: PathBuf,
    output: OutputStore,
    mark: String,
    open_files: Option<(u64, u64)>,
    /// Gone once the drain is complete.
    ending: Option<(StoreHandle, oneshot::Sender<StoreHandle>)>,
    states: HashMap<Target, Clock>,
    attempts: HashMap<AttemptId, Attempt>,
    inputs: HashMap<BuildId, OwnedFd>,
    /// What was last written of each live build: whether it ran, and for which execution.
    written: HashMap<BuildId, (bool, Option<ExecutionId>)>,
    roots: HashMap<ExecutionId, PathBuf>,
    watched: BTreeMap<TriggerId, TriggerState>,
    last_trigger: u64,
    /// Workspaces that may run things on change, and what they want run.
    trusted: BTreeSet<PathBuf>,
    rules: BTreeMap<PathBuf, Vec<OnChange>>,
    warnings: Warnings,
    until_collection: u32,
}

#[derive(Debug)]
struct Attempt {
    execution: ExecutionId,
    build: BuildId,
    running: Running,
}

impl Runtime {
    /// Runtime that report to `reports`.
    #[must_use]
    pub fn new(parts: RuntimeParts, reports: EventSender<Report>) -> Self {
        Self {
            reports,
            registry: parts.registry,
            supervisor: parts.supervisor,
            output: parts.output,
            mark: parts.mark,
            open_files: parts.open_files,
            ending: Some((parts.store, parts.drained)),
            states: HashMap::new(),
            attempts: HashMap::new(),
            inputs: HashMap::new(),
            written: HashMap::new(),
            roots: HashMap::new(),
            watched: BTreeMap::new(),
            last_trigger: 0,
            trusted: BTreeSet::new(),
            rules: BTreeMap::new(),
            warnings: parts.warnings,
            until_collection: 0,
        }
    }

    fn store(&self) -> Option<&StoreHandle> {
        self.ending.as_ref().map(|(store, _)| store)
    }

    fn start(
        &mut self,
        now: Now,
        execution: ExecutionId,
        attempt: AttemptId,
        build: BuildId,
        command: &Command,
        changed: Option<&[PathBuf]>,
    ) {
        tracing::info!(%execution, %attempt, %build, "start");
        self.roots.insert(execution, command.root.clone());
        if let Some(store) = self.store() {
            store.started(execution, attempt, build, &command.root, now.wall_ms);
        }
        match self.launch(execution, attempt, build, command, changed) {
            Ok(running) => {
                self.attempts.insert(attempt, Attempt { execution, build, running });
            }
            Err(why) => {
                tracing::error!(%execution, %attempt, %build, %why, "not started");
                let ended = process::Ended {
                    exit: process::Exit::Unstartable { message: why },
                    duration: Duration::ZERO,
                    cpu: Duration::ZERO,
                    peak_rss_bytes: 0,
                };
                self.reports.send(Report::Ended(attempt, ended));
            }
        }
    }

    fn launch(
        &mut self,
        execution: ExecutionId,
        attempt: AttemptId,
        build: BuildId,
        command: &Command,
        changed: Option<&[PathBuf]>,
    ) -> Result<Running, String> {
        let (writer, log) = self.output.create(execution).map_err(|error| error.to_string())?;
        // Whoever asked has not begun to read when a fast command has written more than is kept.
        let first = log.reader(0);
        tokio::spawn(async move {
            tokio::time::sleep(FIRST_READER_MAY_TAKE).await;
            drop(first);
        });
        let marker = format!("{}{attempt}", self.mark);
        let mut environment = command.environment.clone();
        environment.retain(|(name, _)| name != "BD_BUILD");
        environment.push(("BD_BUILD".into(), build.to_string().into()));
        environment.retain(|(name, _)| name != CHANGED_FILES);
        if let Some(changed) = changed {
            let list = self.output.dir(execution).join("changed");
            write_list(&list, changed).map_err(|e| format!("write {}: {e}", list.display()))?;
            environment.push((CHANGED_FILES.into(), list.into()));
        }
        let launch = Launch {
            argv: command.argv.clone(),
            cwd: command.cwd.clone(),
            environment,
            umask: command.umask,
            nofile: self.open_files,
            stdin: self.inputs.remove(&build),
            terminal: command.tty.map(|(rows, columns)| TerminalSize { rows, columns }),
            marker,
        };
        let reports = self.reports.clone();
        process::start(&self.supervisor, launch, Box::new(Spool(writer)), move |report| {
            if let process::Report::Ended(ended) = report {
                reports.send(Report::Ended(attempt, ended));
            }
        })
        .map_err(|error| error.to_string())
    }

    fn closed(&mut self, execution: ExecutionId) {
        self.output.closed(execution);
        self.roots.remove(&execution);
        if self.until_collection > 0 {
            self.until_collection -= 1;
            return;
        }
        self.until_collection = EXECUTIONS_BETWEEN_COLLECTIONS;
        let output = self.output.clone();
        // Should there be no thread, the next collection does it.
        let _ = std::thread::Builder::new().name("collect".into()).spawn(move || {
            if let Err(error) = output.collect() {
                tracing::warn!(%error, "old output was not collected");
            }
        });
    }

    fn ended(&mut self, attempt: AttemptId, ended: process::Ended) -> Input {
        let result = result(ended);
        let mut lost = None;
        if let Some(Attempt { execution, build, .. }) = self.attempts.remove(&attempt) {
            tracing::info!(%execution, %attempt, %build, exit = ?result.exit, "end");
            if let Some(store) = self.store() {
                store.attempt(attempt, execution, &result);
            }
            if let Some(log) = self.output.live(execution)
                && let Some(error) = log.first_error()
            {
                // A log that could not be written can not say so itself later.
                lost = Some(format!("{} bytes of its output were lost: {error}", log.lost_bytes()));
                self.warn(format!("output of {build} was lost: {error}"));
            }
        }
        Input::AttemptEnded { attempt, result, lost }
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    fn recovered(&mut self, recovered: Recovered) -> Input {
        if let Some(warning) = recovered.warning {
            self.warn(warning.to_string());
        }
        if recovered.interrupted > 0 {
            tracing::warn!(builds = recovered.interrupted, "an earlier daemon left builds behind");
        }
        for root in recovered.trusted {
            // Looked at for the sake of what it has run on change.
            let query = ChangesQuery { since: None, wait: None };
            self.registry.changes(&root, query, |_| {});
            self.trusted.insert(root);
        }
        Input::Remembered { durations: recovered.durations, last_id: recovered.last_id }
    }
}

impl event_loop::EffectHandler for Runtime {
    type Attachment = Option<OwnedFd>;
    type Report = Report;
    type Question = Question;

    fn accept(&mut self, build: BuildId, attachment: Option<OwnedFd>) {
        self.inputs.extend(attachment.map(|input| (build, input)));
    }

    fn act(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::DigestInputs { target, command } => self.resolve(target, &command),
            Effect::BindSnapshot { from, execution } => {
                if let Some(clock) = self.states.remove(&from) {
                    self.states.insert(Target::Execution(execution), clock);
                }
            }
            Effect::Start { execution, attempt, build, command, changed } => {
                self.start(now, execution, attempt, build, &command, changed.as_deref());
            }
            Effect::Subscribe(trigger) => self.observe(trigger),
            Effect::TriggerEvent(trigger, news) => self.tell_news(trigger, news),
            Effect::Stop { attempt, grace_ms } => {
                if let Some(Attempt { running, .. }) = self.attempts.get(&attempt) {
                    tracing::info!(%attempt, grace_ms, "stop");
                    running.stop(Duration::from_millis(grace_ms));
                }
            }
            Effect::VerifyInputs { execution } => self.check(execution),
            Effect::Forget(target) => {
                self.states.remove(&target);
            }
            Effect::Closed(execution) => self.closed(execution),
            Effect::Drained => {
                // Before the store is closed: it writes what the registry saves.
                self.registry.close();
                if let Some((store, drained)) = self.ending.take() {
                    // Nobody waits for it only when the daemon is past waiting.
                    let _ = drained.send(store);
                }
            }
            Effect::Submitted(_) | Effect::Changed(_) | Effect::Ended(_) => {
                unreachable!("BUG: an effect that is the loop's")
            }
        }
    }

    /// Writes a build when it entered another phase, not when only its place in the queue moved.
    fn changed(&mut self, view: &BuildView) {
        let ended = matches!(view.phase, Phase::Ended { .. });
        let now = (matches!(view.phase, Phase::Running { .. }), view.execution);
        if ended {
            self.written.remove(&view.id);
            self.inputs.remove(&view.id);
        } else if self.written.insert(view.id, now) == Some(now) {
            return;
        }
        if let Some(store) = self.store() {
            store.build(view);
        }
    }

    fn report(&mut self, report: Report) -> Option<Input> {
        Some(match report {
            Report::Resolved(target, state) => self.resolved(target, state),
            Report::Checked(execution, changes) => Self::checked(execution, changes),
            Report::Ended(attempt, ended) => self.ended(attempt, ended),
            Report::Recovered(recovered) => self.recovered(recovered),
            Report::Observed(trigger, changes) => return self.observed(trigger, changes),
            Report::Prepared(prepared) => return self.prepared(*prepared),
            Report::Rules(root, rules) => {
                self.rules_changed(root, rules);
                return None;
            }
            Report::Told(input) => *input,
        })
    }

    fn question(&mut self, question: Question) {
        // Whoever does not wait for the answer any more needs none.
        match question {
            Question::Forget { root, reply } => {
                let _ = reply.send(self.forget(&root));
            }
            Question::Resize(build, (rows, columns)) => {
                let theirs = |attempt: &&Attempt| attempt.build == build;
                if let Some(attempt) = self.attempts.values().find(theirs) {
                    attempt.running.resize(TerminalSize { rows, columns });
                }
            }
            Question::Trigger(watch, reply) => self.watch(watch, Some(reply)),
            Question::TriggerUpdate(trigger, client, reply) => {
                self.next_news(trigger, client, reply)
            }
            Question::ClientGone(client) => self.unwatch_all_of(client),
            Question::Trust(root) => self.trust(root),
        }
    }
}

/// The variable that names the list of files whose change a command is run for.
const CHANGED_FILES: &str = "BD_CHANGED_FILES";

/// Paths relative to the root, one a line.
fn write_list(list: &Path, paths: &[PathBuf]) -> std::io::Result<()> {
    let mut text = Vec::new();
    for path in paths {
        text.extend_from_slice(path.as_os_str().as_bytes());
        text.push(b'\n');
    }
    std::fs::write(list, text)
}

/// Output of an attempt on its way into the log.
struct Spool(Writer);

impl OutputSink for Spool {
    fn append(&mut self, stream: Stream, bytes: &[u8]) {
        let kind = match stream {
            Stream::Stdout => output::StreamKind::Stdout,
            Stream::Stderr => output::StreamKind::Stderr,
        };
        self.0.append(kind, bytes);
    }

    fn finish(&mut self) {
        self.0.finish();
    }
}

fn result(ended: process::Ended) -> AttemptResult {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    AttemptResult {
        exit: match ended.exit {
            process::Exit::Code(code) => Exit::Code(code),
            process::Exit::Signal(signal) => Exit::Signal(signal),
            process::Exit::NotFound { message } => Exit::NotFound(message),
            process::Exit::NotExecutable { message } => Exit::NotExecutable(message),
            process::Exit::Unstartable { message } => Exit::Error(message),
            process::Exit::SupervisorLost => Exit::Error("its supervisor was killed".into()),
        },
        duration_ms: ms(ended.duration),
        cpu_ms: ms(ended.cpu),
        peak_rss_bytes: ended.peak_rss_bytes,
    }
}
