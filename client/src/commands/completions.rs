//! `bdctl completions`: prints a completion script.

use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use clap::Args;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl completions bash > ~/.local/share/bash-completion/completions/bdctl"
)]
pub(crate) struct CompletionsArgs {
    /// The shell to complete for
    pub(crate) shell: clap_complete::Shell,
}

pub(super) fn run(args: &CompletionsArgs, caller: &Caller) -> Result<u8, CommandError> {
    let mut script = Vec::new();
    let mut command = (caller.command_line)();
    clap_complete::generate(args.shell, &mut command, "bdctl", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
