//! `bdctl cancel`: cancels builds and waits for their end.

use crate::caller::{Caller, print};
use crate::command_error::{CommandError, DAEMON_FAILED};
use crate::render::builds::summary;
use crate::render::document::{OneBuild, document};
use crate::render::paint::Paint;
use crate::render::text::escape_control;
use bd_client::{ClientError, StartPolicy};
use bd_protocol::shown;
use clap::Args;

/// Cancel builds; returns when their processes are gone
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bdctl cancel b04k2m\n  bdctl cancel b04k2m b04k2n")]
pub(crate) struct CancelArgs {
    /// The builds: their ids, or the first characters of them
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Print the builds as JSON, one document each
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn run(args: &CancelArgs, caller: &Caller) -> Result<u8, CommandError> {
    let mut control = caller.client(StartPolicy::IfNeeded)?.control()?;
    let paint = Paint::new(caller.color, &std::io::stdout());
    let mut code = 0;
    for id in &args.ids {
        match control.cancel(id) {
            Ok(build) if args.json => print(&document("bd.cancel/1", &OneBuild { build: &build }))?,
            Ok(build) => {
                let ending = build.outcome.as_ref().map(|outcome| summary(outcome, paint));
                let id = escape_control(&build.id);
                print(&format!("{id}: {}\n", ending.unwrap_or_default()))?;
            }
            // One wrong id does not keep the others from being cancelled.
            Err(ClientError::Failure(failure)) if args.ids.len() > 1 => {
                eprintln!("bdctl: {}", shown::lines(&failure.message));
                code = DAEMON_FAILED;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(code)
}
