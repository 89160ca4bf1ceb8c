//! What a command would be: its place, its identity, and whether it is shared.

use super::shared::Server;
use super::{convert, submit};
use crate::engine::Join;
use crate::model::environment::matters;
use crate::model::{ActionKey, ClientId};
use crate::runtime::Question;
use bd_protocol::submit::{Explanation, Submit};
use bd_protocol::{Failure, OsText, Session, SessionKind};
use std::path::Path;

pub(super) async fn explain(server: &Server, request: Submit) -> Result<Explanation, Failure> {
    let nobody = Session { kind: SessionKind::User, id: None };
    let submission = submit::submission(request, ClientId(0), &nobody)?;
    let command = &submission.command;
    let (joins, reason) = match &submission.join {
        Join::Yes(reason) => (true, convert::join_reason(reason)),
        Join::No(reason) => (false, convert::join_reason(reason)),
    };
    let (mut joins, mut reason, mut key) = (joins, reason, None);
    if joins {
        let root = command.root.clone();
        match server.ask(|reply| Question::State { root, reply }).await? {
            Ok(state) => key = Some((state, ActionKey::new(command.identity(), state))),
            Err(why) => {
                joins = false;
                reason = convert::join_reason(&crate::model::JoinReason::NoState(why));
            }
        }
    }
    let real = std::fs::canonicalize(&command.cwd).unwrap_or_else(|_| command.cwd.clone());
    let cwd = real.strip_prefix(&command.root).unwrap_or(Path::new("")).to_path_buf();
    let mut names: Vec<_> = command.environment.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    let (environment, ignored): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| matters(name));
    Ok(Explanation {
        command: command.argv.iter().cloned().map(OsText).collect(),
        root: command.root.clone().into(),
        cwd: cwd.into(),
        program: command.program.as_ref().map(|program| program.path.clone().into()),
        joins,
        reason,
        tree_digest: key.map(|(state, _)| state.tree.to_string()),
        action_digest: key.map(|(_, key)| key.action.to_string()),
        environment: environment.into_iter().map(OsText).collect(),
        ignored_environment: ignored.into_iter().map(OsText).collect(),
    })
}
