//! The terminal while a command uses it: raw mode, restored in every case, and its keys forwarded.
//! Knows nothing of the build.

use crate::command_error::CommandError;
use bd_client::Input;
use bd_protocol::limits;
use bd_protocol::submit::TerminalSize;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal as _, Read as _};

/// Assumed where the terminal does not report its size.
const USUAL: TerminalSize = TerminalSize { rows: 24, columns: 80 };

/// The size of the terminal.
pub(crate) fn size() -> TerminalSize {
    match terminal_size::terminal_size() {
        Some((columns, rows)) if columns.0 > 0 && rows.0 > 0 => {
            TerminalSize { rows: rows.0, columns: columns.0 }
        }
        _ => USUAL,
    }
}

/// Settings of the terminal.
#[derive(Clone, Debug)]
pub(crate) struct Saved(Termios);

impl Saved {
    /// Restores them.
    pub(crate) fn restore(&self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

/// Raw mode while it lives: every key is forwarded.
#[derive(Debug)]
pub(crate) struct Raw(Saved);

impl Raw {
    /// Makes standard input raw, if it is a terminal.
    pub(crate) fn enter() -> Result<Option<Self>, CommandError> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let failed = |errno: nix::errno::Errno| {
            CommandError::io("set the terminal to raw mode")(errno.into())
        };
        let saved = tcgetattr(&stdin).map_err(failed)?;
        let mut raw = saved.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&stdin, SetArg::TCSADRAIN, &raw).map_err(failed)?;
        Ok(Some(Self(Saved(saved))))
    }

    /// The settings from before.
    pub(crate) fn saved(&self) -> Saved {
        self.0.clone()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.0.restore();
    }
}

/// Forwards standard input until its end, on a thread that nobody waits for.
pub(crate) fn forward(mut input: Input) -> Result<(), CommandError> {
    let pump = move || {
        let mut buffer = vec![0; limits::INPUT_MAX_BYTES];
        // Bypasses the buffer of the standard library.
        let mut stdin = match std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned() {
            Ok(stdin) => std::fs::File::from(stdin),
            Err(_) => return,
        };
        loop {
            match stdin.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    // A command that stops reading is no error: it may not need the rest.
                    if input.send(&buffer[..read]).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = input.end();
    };
    let thread = std::thread::Builder::new().name("stdin".to_owned()).spawn(pump);
    thread.map(drop).map_err(CommandError::io("start a thread"))
}
