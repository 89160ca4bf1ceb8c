//! `bdctl state inspect|verify`.

use super::{Caller, CommandError, print, request};
use crate::cli::{StateArgs, StateCommand};
use crate::render::document::{document, own_document};
use crate::render::paint::Paint;
use crate::render::workspaces::{one, verification};
use bd_client::StartPolicy;

/// The state is not what is on disk, and was left so.
const DIFFERS: u8 = 1;

pub(super) fn state(args: StateArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let paint = Paint::new(caller.color, &std::io::stdout());
    match args.command {
        StateCommand::Inspect(of) => {
            let found = client.ask_inspection(request::place(of.dir.as_deref())?)?;
            print(&if of.json { own_document(&found) } else { one(&found, paint) })?;
            Ok(0)
        }
        StateCommand::Verify { repair, of } => {
            let verified = client.verify(request::place(of.dir.as_deref())?, repair)?;
            print(&match of.json {
                true => document("bd.state_verify/1", &verified),
                false => verification(&verified, paint),
            })?;
            Ok(if verified.equal() || verified.repaired { 0 } else { DIFFERS })
        }
    }
}
