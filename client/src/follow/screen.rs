//! Our terminal as somebody sees it who looks at it now and then: cleared before a run, ringing
//! after it. Does nothing where there is none.

use crate::render::watch::notification;
use bd_protocol::OsText;
use std::io::{IsTerminal as _, Write as _};

/// See the [module](self).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    clears: bool,
    notifies: bool,
    /// Whether it takes sequences at all.
    dumb: bool,
}

impl Screen {
    /// One that does what is wanted of it and possible.
    pub(crate) fn new(clear: bool, notify: bool) -> Self {
        let here = std::io::stderr().is_terminal();
        // Where the output goes elsewhere, a cleared screen would be an empty one.
        let whole = here && std::io::stdout().is_terminal();
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { clears: clear && whole && !dumb, notifies: notify && here, dumb }
    }

    /// Before a run. What was scrolled away stays there.
    pub(crate) fn clear(self) {
        if self.clears {
            show("\x1b[H\x1b[2J");
        }
    }

    /// After a run of `command`.
    pub(crate) fn notify(self, command: &[OsText], ending: &str) {
        match (self.notifies, self.dumb) {
            (true, false) => show(&notification(command, ending)),
            (true, true) => show("\x07"),
            (false, _) => {}
        }
    }
}

fn show(bytes: &str) {
    // A terminal that is gone is told of by a signal.
    let _ = std::io::stderr().write_all(bytes.as_bytes());
}
