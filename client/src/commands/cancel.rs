//! `bdctl cancel`.

use super::{Caller, CommandError, DAEMON_FAILED, print};
use crate::cli::CancelArgs;
use crate::render::builds::summary;
use crate::render::document::{OneBuild, document};
use crate::render::paint::Paint;
use bd_client::{ClientError, StartPolicy};

pub(super) fn cancel(args: &CancelArgs, caller: &Caller) -> Result<u8, CommandError> {
    let mut control = caller.client(StartPolicy::IfNeeded)?.control()?;
    let paint = Paint::new(caller.color, &std::io::stdout());
    let mut code = 0;
    for id in &args.ids {
        match control.cancel(id) {
            Ok(build) if args.json => print(&document("bd.cancel/1", &OneBuild { build: &build }))?,
            Ok(build) => {
                let ending = build.outcome.as_ref().map(|outcome| summary(outcome, paint));
                print(&format!("{}: {}\n", build.id, ending.unwrap_or_default()))?;
            }
            // One wrong id does not save the others.
            Err(ClientError::Failure(failure)) if args.ids.len() > 1 => {
                eprintln!("bdctl: {failure}");
                code = DAEMON_FAILED;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(code)
}
