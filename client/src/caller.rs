//! Who runs a command, and the way from there to the daemon and to standard output.

use crate::command_error::CommandError;
use crate::render::paint::{ColorChoice, Paint};
use bd_client::{Client, ClientError, StartPolicy, recognise};
use bd_protocol::SessionKind;
use bd_protocol::rendezvous::Home;
use bd_protocol::shown;
use std::io::{self, Write as _};

/// A wait expired; what was waited for goes on.
pub(crate) const EXPIRED: u8 = 124;

/// Options of every command.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) session: Option<String>,
    pub(crate) color: ColorChoice,
    /// The whole command line, for completion scripts. Built on demand: that takes a while.
    pub(crate) command_line: fn() -> clap::Command,
}

impl Caller {
    /// A client for this caller; its notes go to standard error.
    pub(crate) fn client(&self, start: StartPolicy) -> Result<Client, ClientError> {
        let home = Home::from_env()?;
        let session = recognise(self.session.as_deref())?;
        Ok(Client::new(home, session, start)
            .with_notes(|note| eprintln!("bdctl: {}", shown::lines(note))))
    }

    /// Whether the output of commands is shown in colours on standard output and standard error.
    /// Agents read it, whatever they have for a terminal.
    pub(crate) fn shows_colors(&self) -> [bool; 2] {
        let session = recognise(self.session.as_deref());
        if session.is_ok_and(|session| session.kind == SessionKind::Agent) {
            return [false; 2];
        }
        if self.color == ColorChoice::Auto && std::env::var_os("BD_COLORED").is_some() {
            // Inside a build whose output is shown in colours.
            return [true; 2];
        }
        [
            Paint::new(self.color, &io::stdout()).is_on(),
            Paint::new(self.color, &io::stderr()).is_on(),
        ]
    }
}

/// Prints to standard output, in one write.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}
