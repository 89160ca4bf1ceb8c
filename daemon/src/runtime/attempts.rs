//! Starts and stops attempts, and keeps their output. Knows nothing of why they run.

use crate::engine::no_option;
use crate::model::{
    Action, AttemptId, AttemptResult, BuildId, ExecutionId, Exit, OutputSeal, Presentation, colors,
};
use crate::output::{self, OutputStore, Writer};
use crate::process::{
    self, AttemptEvent, AttemptHandle, Launch, OutputSink, OutputStream, TerminalSize,
};
use std::collections::HashMap;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long all output of an execution is kept for the client that asked for it, until that has
/// begun to read.
const FIRST_READER_MAY_TAKE: Duration = Duration::from_millis(500);

/// The variables that name lists of the files whose change a command is run for: one a line, and each
/// with a zero byte behind it.
const CHANGED_FILES: &str = "BD_CHANGED_FILES";
const CHANGED_FILES_0: &str = "BD_CHANGED_FILES0";

/// What a client gives along with a build, and the core need not see.
#[derive(Debug, Default)]
pub struct Attachment {
    /// The pipe that the command reads from.
    pub stdin: Option<OwnedFd>,
    /// Further descriptors, and the numbers under which the command gets them.
    pub descriptors: Vec<(RawFd, OwnedFd)>,
}

impl Attachment {
    fn is_empty(&self) -> bool {
        self.stdin.is_none() && self.descriptors.is_empty()
    }
}

/// What attempts are started with.
#[derive(Clone, Debug)]
pub struct AttemptSettings {
    /// The program that supervises attempts: `bdd` itself.
    pub supervisor: PathBuf,
    /// First part of the mark that every process of a build has in its environment; unique for
    /// this daemon.
    pub mark: String,
    /// Limit of open files that builds get: soft, hard.
    pub open_files: Option<(u64, u64)>,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Attempts {
    settings: AttemptSettings,
    output: OutputStore,
    running: HashMap<AttemptId, Attempt>,
    /// What clients gave along with builds that have not started.
    attached: HashMap<BuildId, Attachment>,
}

#[derive(Debug)]
struct Attempt {
    execution: ExecutionId,
    build: BuildId,
    /// `None` where it could not be started.
    running: Option<AttemptHandle>,
}

/// An attempt to be started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    pub(super) execution: ExecutionId,
    pub(super) attempt: AttemptId,
    pub(super) build: BuildId,
    pub(super) action: &'a Action,
    pub(super) output: Presentation,
    /// The files whose change it is run for, relative to the root.
    pub(super) changed: Option<&'a [PathBuf]>,
}

/// What became of an attempt.
#[derive(Debug)]
pub(super) struct FinishedAttempt {
    pub(super) execution: ExecutionId,
    pub(super) build: BuildId,
    pub(super) result: AttemptResult,
    /// Why output of it was lost, and how many bytes.
    pub(super) lost: Option<(String, u64)>,
    /// What was killed while it was still writing output.
    pub(super) cut_off: Option<String>,
    /// What its output consists of.
    pub(super) output: Option<Arc<OutputSeal>>,
}

/// Why an attempt could not be started.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Output(#[from] output::LogError),
    #[error("write {}: {source}", path.display())]
    ChangedFiles { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Process(#[from] process::LaunchError),
}

impl Attempts {
    pub(super) fn new(settings: AttemptSettings, output: OutputStore) -> Self {
        Self { settings, output, running: HashMap::new(), attached: HashMap::new() }
    }

    /// Keeps what a client gave along with a build until that starts.
    pub(super) fn attach(&mut self, build: BuildId, attachment: Attachment) {
        if !attachment.is_empty() {
            self.attached.insert(build, attachment);
        }
    }

    /// Lets go of what was given along with a build that has ended.
    pub(super) fn detach(&mut self, build: BuildId) {
        self.attached.remove(&build);
    }

    /// Starts an attempt. `happened` is called when its command has ended and when it is over, from a
    /// thread of its own; where it cannot be started, at once.
    pub(super) fn start(
        &mut self,
        start: Start<'_>,
        happened: impl Fn(AttemptEvent) + Clone + Send + 'static,
    ) {
        let Start { execution, attempt, build, .. } = start;
        tracing::info!(%execution, %attempt, %build, "start");
        let running = self.launch(start, happened.clone());
        let running = running.map_err(|why| {
            tracing::error!(%execution, %attempt, %build, %why, "not started");
            happened(AttemptEvent::Ended(unstartable(why.to_string())));
        });
        self.running.insert(attempt, Attempt { execution, build, running: running.ok() });
    }

    fn launch(
        &mut self,
        start: Start<'_>,
        happened: impl Fn(AttemptEvent) + Send + 'static,
    ) -> Result<AttemptHandle, StartError> {
        let Start { execution, attempt, build, action, output, changed } = start;
        let (writer, log) = self.output.create(execution)?;
        // Whoever asked has not begun to read when a fast command has written more than is kept.
        let first = log.reader(0);
        tokio::spawn(async move {
            tokio::time::sleep(FIRST_READER_MAY_TAKE).await;
            drop(first);
        });
        let command = &action.command;
        let mut environment = command.environment.clone();
        let ours = ["BD_BUILD", CHANGED_FILES, CHANGED_FILES_0];
        environment.retain(|(name, _)| !ours.iter().any(|ours| name == *ours));
        environment.push(("BD_BUILD".into(), build.to_string().into()));
        if output.colors {
            colors::add(&mut environment);
        }
        if let Some(changed) = changed {
            let dir = self.output.create_dir(execution)?;
            for (variable, name, end) in
                [(CHANGED_FILES, "changed", b'\n'), (CHANGED_FILES_0, "changed0", 0)]
            {
                let list = dir.join(name);
                write_list(&list, changed, end)
                    .map_err(|source| StartError::ChangedFiles { path: list.clone(), source })?;
                environment.push((variable.into(), list.into()));
            }
        }
        let Attachment { stdin, descriptors } = self.attached.remove(&build).unwrap_or_default();
        let launch = Launch {
            argv: command.argv.clone(),
            cwd: command.cwd.clone(),
            environment,
            umask: command.umask,
            // A client says it with the rest of its state.
            nofile: self.settings.open_files.filter(|_| command.process.is_none()),
            state: command.process.clone(),
            stdin,
            descriptors,
            one_stream: output.one_stream,
            terminal: command.tty.map(|(rows, columns)| TerminalSize { rows, columns }),
            marker: format!("{}{attempt}", self.settings.mark),
        };
        let sink = Box::new(LogSink(writer));
        let running = process::start(&self.settings.supervisor, launch, sink, move |report| {
            if !matches!(report, AttemptEvent::Started { .. }) {
                happened(report);
            }
        });
        Ok(running?)
    }

    pub(super) fn stop(&self, attempt: AttemptId, grace: Duration) {
        let found = self.running.get(&attempt);
        if let Some(running) = found.and_then(|attempt| attempt.running.as_ref()) {
            tracing::info!(%attempt, grace_ms = grace.as_millis(), "stop");
            running.stop(grace);
        }
    }

    /// The terminal of a build has another size.
    pub(super) fn resize(&self, build: BuildId, size: TerminalSize) {
        let attempt = self.running.values().find(|attempt| attempt.build == build);
        if let Some(running) = attempt.and_then(|attempt| attempt.running.as_ref()) {
            running.resize(size);
        }
    }

    /// Takes note that an attempt is over; `None` when it is none of ours.
    pub(super) fn ended(
        &mut self,
        attempt: AttemptId,
        mut ended: process::AttemptEnd,
    ) -> Option<FinishedAttempt> {
        let Attempt { execution, build, .. } = self.running.remove(&attempt)?;
        let cut_off = ended.cut_off.take();
        let result = result(ended);
        tracing::info!(%execution, %attempt, %build, exit = ?result.exit, "end");
        // A log that could not be written can not say so itself later.
        let log = self.output.live(execution);
        let lost = log.as_ref().and_then(|log| Some((log.first_error()?, log.lost_bytes())));
        let output = log.and_then(|log| log.seal());
        Some(FinishedAttempt { execution, build, result, lost, cut_off, output })
    }

    /// Nobody refers to an execution any more. Logs that are not kept any longer are deleted.
    pub(super) fn closed(&self, execution: ExecutionId) {
        let Some(collection) = self.output.closed(execution) else { return };
        // Should there be no thread, the next collection does it.
        let _ = std::thread::Builder::new().name("collect".into()).spawn(move || {
            if let Err(error) = collection.run() {
                tracing::warn!(%error, "old output was not collected");
            }
        });
    }
}

/// Paths relative to the root, each with this byte behind it. In the place of a path that has the byte
/// itself stands the directory that it is in: half of a name may be another file's.
fn write_list(list: &Path, paths: &[PathBuf], end: u8) -> std::io::Result<()> {
    let mut text = Vec::new();
    for path in paths {
        let has_end = |part: &Path| part.as_os_str().as_bytes().contains(&end);
        let whole = path.ancestors().find(|part| !has_end(part)).unwrap_or(Path::new(""));
        let whole = if whole.as_os_str().is_empty() { Path::new(".") } else { whole };
        text.extend_from_slice(no_option(whole).as_os_str().as_bytes());
        text.push(end);
    }
    std::fs::write(list, text)
}

/// Output of an attempt on its way into the log.
struct LogSink(Writer);

impl OutputSink for LogSink {
    fn append(&mut self, stream: OutputStream, bytes: &[u8]) {
        let kind = match stream {
            OutputStream::Stdout => output::StreamKind::Stdout,
            OutputStream::Stderr => output::StreamKind::Stderr,
            OutputStream::Both => output::StreamKind::Both,
        };
        self.0.append(kind, bytes);
    }

    fn finish(&mut self) {
        self.0.finish();
    }
}

fn unstartable(message: String) -> process::AttemptEnd {
    process::AttemptEnd {
        exit: process::CommandExit::SpawnFailed { message },
        duration: Duration::ZERO,
        cpu: Duration::ZERO,
        peak_rss_bytes: 0,
        cut_off: None,
    }
}

fn result(ended: process::AttemptEnd) -> AttemptResult {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    AttemptResult {
        exit: match ended.exit {
            process::CommandExit::Code(code) => Exit::Code(code),
            process::CommandExit::Signal(signal) => Exit::Signal(signal),
            process::CommandExit::NotFound { message } => Exit::NotFound(message),
            process::CommandExit::NotExecutable { message } => Exit::NotExecutable(message),
            process::CommandExit::SpawnFailed { message } => Exit::Error(message),
            process::CommandExit::SupervisorLost => Exit::Error("its supervisor was killed".into()),
        },
        duration_ms: ms(ended.duration),
        cpu_ms: ms(ended.cpu),
        peak_rss_bytes: ended.peak_rss_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_the_list_is_half_of_a_name_or_an_option() {
        let dir = tempfile::tempdir().expect("a directory");
        let list = dir.path().join("list");
        let paths = ["a b", "-rf", "d/x\n/etc/passwd", "\n"].map(PathBuf::from);
        let written = |end| {
            write_list(&list, &paths, end).expect("a list");
            std::fs::read(&list).expect("a list")
        };
        assert_eq!(written(b'\n'), b"a b\n./-rf\nd\n.\n");
        assert_eq!(written(0), b"a b\0./-rf\0d/x\n/etc/passwd\0\n\0");
    }
}
