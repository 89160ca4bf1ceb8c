//! Our terminal, when it is lent to a command: raw while it runs, put right again however we end,
//! its keys sent on. Knows nothing of the build.

use crate::command_error::CommandError;
use bd_client::Input;
use bd_protocol::limits;
use bd_protocol::submit::TerminalSize;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal as _, Read as _};

/// What a terminal is taken to be that does not tell its size.
const USUAL: TerminalSize = TerminalSize { rows: 24, columns: 80 };

/// The size of the terminal we are on.
pub(crate) fn size() -> TerminalSize {
    match terminal_size::terminal_size() {
        Some((columns, rows)) if columns.0 > 0 && rows.0 > 0 => {
            TerminalSize { rows: rows.0, columns: columns.0 }
        }
        _ => USUAL,
    }
}

/// How the terminal was.
#[derive(Clone, Debug)]
pub(crate) struct Saved(Termios);

impl Saved {
    /// Puts it back.
    pub(crate) fn restore(&self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

/// While it lives, our terminal passes every key on.
#[derive(Debug)]
pub(crate) struct Raw(Saved);

impl Raw {
    /// Makes standard input raw, if it is a terminal.
    pub(crate) fn enter() -> Result<Option<Self>, CommandError> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let failed =
            |errno: nix::errno::Errno| CommandError::io("prepare the terminal")(errno.into());
        let saved = tcgetattr(&stdin).map_err(failed)?;
        let mut raw = saved.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&stdin, SetArg::TCSADRAIN, &raw).map_err(failed)?;
        Ok(Some(Self(Saved(saved))))
    }

    /// How it was before.
    pub(crate) fn saved(&self) -> Saved {
        self.0.clone()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.0.restore();
    }
}

/// Sends our standard input until its end, from a thread that nobody waits for.
pub(crate) fn forward(mut input: Input) -> Result<(), CommandError> {
    let pump = move || {
        let mut buffer = vec![0; limits::INPUT_MAX_BYTES];
        // Past the buffer of the standard library.
        let mut stdin = match std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned() {
            Ok(stdin) => std::fs::File::from(stdin),
            Err(_) => return,
        };
        loop {
            match stdin.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    // A command that reads no more is no error: it may not need the rest.
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
