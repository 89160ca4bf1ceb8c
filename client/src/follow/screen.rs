//! Clears the terminal before a run and notifies after it. Does nothing without a terminal.

use crate::render::watch::notification;
use bd_protocol::OsText;
use std::io::{IsTerminal as _, Write as _};

/// See the [module](self).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    clears: bool,
    notifies: bool,
    /// Whether it understands no escape sequences.
    dumb: bool,
}

impl Screen {
    /// Does what is wanted and possible on this terminal.
    pub(crate) fn new(clear: bool, notify: bool) -> Self {
        let here = std::io::stderr().is_terminal();
        // If the output goes elsewhere, a cleared screen would stay empty.
        let whole = here && std::io::stdout().is_terminal();
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { clears: clear && whole && !dumb, notifies: notify && here, dumb }
    }

    /// Clears the screen before a run; the scrollback stays.
    pub(crate) fn clear(self) {
        if self.clears {
            show("\x1b[H\x1b[2J");
        }
    }

    /// Notifies after a run of `command`.
    pub(crate) fn notify(self, command: &[OsText], ending: &str) {
        match (self.notifies, self.dumb) {
            (true, false) => show(&notification(command, ending)),
            (true, true) => show("\x07"),
            (false, _) => {}
        }
    }
}

fn show(bytes: &str) {
    // If the terminal is gone, a signal says so.
    let _ = std::io::stderr().write_all(bytes.as_bytes());
}
