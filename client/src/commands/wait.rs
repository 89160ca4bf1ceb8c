//! `bdctl wait`.

use super::follow::{Ended, follow};
use super::progress::{Watched, manner};
use super::{Caller, CommandError, EXPIRED, print};
use crate::cli::WaitArgs;
use crate::render::document::{OneBuild, document};
use bd_client::StartPolicy;
use bd_protocol::BuildState;
use bd_protocol::events::Subscribe;
use std::time::Instant;

pub(super) fn wait(args: &WaitArgs, caller: &Caller) -> Result<u8, CommandError> {
    let until = args.timeout.map(|timeout| Instant::now() + timeout);
    let client = caller.client(StartPolicy::IfNeeded)?;
    let mut watched = Watched::new(caller, manner(&client, args.quiet, None), None)?;
    // The whole id, and the answer if there is nothing to wait for.
    let build = client.ask_build(&args.id)?;
    let id = build.id.clone();
    let over = build.state == BuildState::Ended;
    watched.build = Some(build);
    let ended = if over {
        Ended::Enough
    } else {
        // From the end of all positions: the output is not wanted.
        let subscribe = Subscribe::Build { build: id.clone(), from: u64::MAX };
        let mut events = client.events(subscribe)?;
        follow(&client, None, &mut events, until, &mut watched)?
    };
    let code = match ended {
        Ended::Enough => watched.conclude()?,
        Ended::Expired => {
            watched.leave();
            if !args.quiet {
                eprintln!("bdctl: build {id} goes on");
            }
            EXPIRED
        }
        Ended::Gone => {
            watched.leave();
            return Err(CommandError::DaemonGone { build: id });
        }
    };
    if let (true, Some(build)) = (args.json, &watched.build) {
        print(&document("bd.wait/1", &OneBuild { build }))?;
    }
    Ok(code)
}
