//! `bdctl wait`: waits for a build and exits with its code.

use crate::caller::{Caller, EXPIRED, print};
use crate::command_error::CommandError;
use crate::follow::event_loop::{Ended, follow};
use crate::follow::progress::{FollowedBuild, progress_mode};
use crate::render::document::{OneBuild, document};
use crate::render::text::escape_control;
use crate::values;
use bd_client::StartPolicy;
use bd_protocol::BuildState;
use bd_protocol::events::Subscribe;
use clap::Args;
use std::time::Duration;
use std::time::Instant;

/// Wait for a build and exit with the code of its command
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bdctl wait b04k2m\n  bdctl wait --timeout 45s --json b04k2m")]
pub(crate) struct WaitArgs {
    /// The build: its id, or the first characters of it
    pub(crate) id: String,
    /// Wait at most this long, then exit with code 124
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Print the build as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print no messages of bdctl except errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

pub(super) fn run(args: &WaitArgs, caller: &Caller) -> Result<u8, CommandError> {
    let until = args.timeout.map(|timeout| Instant::now() + timeout);
    let client = caller.client(StartPolicy::IfNeeded)?;
    let mut followed = FollowedBuild::new(caller, progress_mode(&client, args.quiet, None), None)?;
    // For the whole id, and for the outcome if the build has ended.
    let build = client.build(&args.id)?;
    let id = build.id.clone();
    let over = build.state == BuildState::Ended;
    followed.build = Some(build);
    let ended = if over {
        Ended::Enough
    } else {
        // The largest position: no output is wanted.
        let subscribe = Subscribe::Build { build: id.clone(), from: u64::MAX, both: true };
        let mut events = client.events(subscribe)?;
        follow(&client, None, &mut events, until, &mut followed)?
    };
    let code = match ended {
        Ended::Enough => followed.conclude()?,
        Ended::Expired => {
            followed.leave();
            if !args.quiet {
                eprintln!("bdctl: build {} continues", escape_control(&id));
            }
            EXPIRED
        }
        Ended::Gone => {
            followed.leave();
            return Err(CommandError::DaemonGone { build: id });
        }
    };
    if let (true, Some(build)) = (args.json, &followed.build) {
        print(&document("bd.wait/1", &OneBuild { build }))?;
    }
    Ok(code)
}
