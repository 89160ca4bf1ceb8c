//! `bdctl ws add|list|remove|info|digest`.

use super::{Caller, CommandError, print, request};
use crate::cli::{WsArgs, WsCommand};
use crate::render::document::{Workspaces, document, own_document};
use crate::render::paint::Paint;
use crate::render::table::width_of;
use crate::render::workspaces::{list, one, path};
use bd_client::StartPolicy;
use bd_protocol::OsText;
use std::io::stdout;

pub(super) fn ws(args: WsArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let paint = Paint::new(caller.color, &stdout());
    match args.command.unwrap_or(WsCommand::List { json: args.json }) {
        WsCommand::Add { json, dir } => {
            let place = request::place(dir.as_deref())?;
            let added = client.register(place, dir.is_some())?;
            print(&if json { own_document(&added) } else { one(&added, paint) })?;
        }
        WsCommand::List { json } => {
            let workspaces = client.ask_workspaces()?;
            let body = Workspaces { workspaces: &workspaces };
            print(&match json {
                true => document("bd.ws_list/1", &body),
                false => list(&workspaces, paint, width_of(stdout())),
            })?;
        }
        WsCommand::Remove(of) => {
            let forgotten = client.forget(request::place(of.dir.as_deref())?)?;
            print(&match of.json {
                true => document("bd.ws_remove/1", &forgotten),
                false => format!("forgotten: {}\n", path(&forgotten.root)),
            })?;
        }
        WsCommand::Info(of) => {
            let found = client.ask_workspace(request::place(of.dir.as_deref())?)?;
            print(&if of.json { own_document(&found) } else { one(&found, paint) })?;
        }
        WsCommand::Digest { on, of } => {
            let on = on.into_iter().map(OsText).collect();
            let found = client.ask_digest(request::place(of.dir.as_deref())?, on)?;
            print(&match of.json {
                true => document("bd.ws_digest/1", &found),
                false => format!("{}\n", found.digest),
            })?;
        }
    }
    Ok(0)
}
