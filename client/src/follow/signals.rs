//! Reacts to signals while builds run: the first one withdraws the build, the second one exits at
//! once. This has its own thread, because the main thread may be blocked writing to a full pipe.

use super::terminal::{self, Saved};
use crate::command_error::CommandError;
use bd_client::Sender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;
use std::io::{PipeReader, PipeWriter, Write as _};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The signal that asked this process to end, or 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupted(Arc<AtomicI32>);

impl Interrupted {
    /// The exit code it leads to.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        let signal = self.0.load(Ordering::SeqCst);
        (signal != 0).then(|| code(signal))
    }
}

/// The build that this process waits for now, if any.
#[derive(Clone, Debug, Default)]
pub(crate) struct CurrentBuild(Arc<Mutex<Option<String>>>);

impl CurrentBuild {
    /// This build, from start to end.
    pub(crate) fn of(build: &str) -> Self {
        let current = Self::default();
        current.set(Some(build));
        current
    }

    /// Another build, or none, from now on.
    pub(crate) fn set(&self, build: Option<&str>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = build.map(str::to_owned);
    }

    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A pipe that becomes readable when a signal arrives, to wait for.
pub(crate) fn stop_pipe() -> Result<(PipeWriter, PipeReader), CommandError> {
    let (reader, writer) = std::io::pipe().map_err(CommandError::io("make a pipe"))?;
    Ok((writer, reader))
}

/// How to react to signals.
#[derive(Debug)]
pub(crate) struct Reaction {
    pub(crate) sender: Sender,
    /// The build that is withdrawn.
    pub(crate) build: CurrentBuild,
    /// Whether to forward the size of the terminal.
    pub(crate) tty: bool,
    /// The settings of the terminal to restore before exiting at once.
    pub(crate) saved: Option<Saved>,
    /// Written to when a signal arrives.
    pub(crate) stop: Option<PipeWriter>,
}

/// Starts to react to signals.
pub(crate) fn start(reaction: Reaction) -> Result<Interrupted, CommandError> {
    let ignored = ignored_signals();
    // What the caller had ignored (nohup, a background job) stays ignored.
    let ending = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !ignored(*signal));
    let wanted: Vec<_> = ending.chain(reaction.tty.then_some(SIGWINCH)).collect();
    // Here and not in the thread, so that it is done before the first byte of output.
    let signals = Signals::new(wanted).map_err(CommandError::io("watch for signals"))?;
    let interrupted = Interrupted::default();
    let seen = interrupted.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || reaction.react(signals, &seen))
        .map_err(CommandError::io("start a thread"))?;
    Ok(interrupted)
}

impl Reaction {
    fn react(mut self, mut signals: Signals, interrupted: &Interrupted) {
        for signal in signals.forever() {
            if signal == SIGWINCH {
                let build = self.build.get();
                let _ = build.map(|build| self.sender.resize(&build, terminal::size()));
            } else if interrupted.0.swap(signal, Ordering::SeqCst) == 0 {
                // If this fails, the daemon has ended, and the main thread notices that too.
                let _ = self.build.get().map(|build| self.sender.cancel(&build));
                let _ = self.stop.as_mut().map(|stop| stop.write_all(b"!"));
            } else {
                self.saved.iter().for_each(Saved::restore);
                std::process::exit(i32::from(code(signal)));
            }
        }
    }
}

fn code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Which signals were ignored when this process started; none if the system does not say.
fn ignored_signals() -> impl Fn(i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    move |signal| mask >> (signal - 1) & 1 == 1
}
