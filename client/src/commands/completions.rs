//! `bdctl completions`.

use super::{CommandError, print};
use crate::cli::{Cli, CompletionsArgs};

pub(super) fn completions(args: &CompletionsArgs) -> Result<u8, CommandError> {
    let mut script = Vec::new();
    let mut command = <Cli as clap::CommandFactory>::command();
    clap_complete::generate(args.shell, &mut command, "bdctl", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
