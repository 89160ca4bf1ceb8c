//! What signals do to a running `bdctl run`: the first one withdraws the build, the second ends
//! us at once. A thread of its own does it, because the main one may be stuck writing to somebody
//! who does not read.

use super::CommandError;
use super::terminal::{self, Saved};
use bd_client::Sender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// The signal that asked us to end, or 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupted(Arc<AtomicI32>);

impl Interrupted {
    /// The exit code it leads to.
    pub(super) fn exit_code(&self) -> Option<u8> {
        let signal = self.0.load(Ordering::SeqCst);
        (signal != 0).then(|| code(signal))
    }
}

/// Starts to react to signals for `build`. With a terminal, its size is passed on, and `saved` is
/// what it is set to before we end in haste.
pub(super) fn watch(
    sender: Sender,
    build: String,
    tty: bool,
    saved: Option<Saved>,
) -> Result<Interrupted, CommandError> {
    let ignored = ignored_signals();
    // What the caller had ignored (nohup, a background job) stays ignored.
    let ending = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !ignored(*signal));
    let wanted: Vec<_> = ending.chain(tty.then_some(SIGWINCH)).collect();
    // Here and not in the thread: from the first byte of output on, signals mean what they should.
    let signals = Signals::new(wanted).map_err(CommandError::io("watch for signals"))?;
    let interrupted = Interrupted::default();
    let seen = interrupted.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || react(signals, sender, &build, saved.as_ref(), &seen))
        .map_err(CommandError::io("start a thread"))?;
    Ok(interrupted)
}

fn react(
    mut signals: Signals,
    mut sender: Sender,
    build: &str,
    saved: Option<&Saved>,
    interrupted: &Interrupted,
) {
    for signal in signals.forever() {
        if signal == SIGWINCH {
            let _ = sender.resize(build, terminal::size());
        } else if interrupted.0.swap(signal, Ordering::SeqCst) == 0 {
            // If it can not be sent, the daemon is gone, and the main thread sees that too.
            let _ = sender.cancel(build);
        } else {
            saved.into_iter().for_each(Saved::restore);
            std::process::exit(i32::from(code(signal)));
        }
    }
}

fn code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Tells which signals were ignored when we were started; none where the system does not say.
fn ignored_signals() -> impl Fn(i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    move |signal| mask >> (signal - 1) & 1 == 1
}
