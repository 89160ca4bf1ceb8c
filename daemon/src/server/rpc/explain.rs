//! `Explain`: describes a command without running it: its workspace, its identity, and whether it is
//! shared.

use crate::model::{ActionKey, ClientId, Command, Join, JoinReason, TreeVersion};
use crate::server::convert;
use crate::server::state::Server;
use crate::server::submit::submission;
use crate::server::workspace_query::{WorkspaceQueryError, query};
use bd_protocol::submit::{Explanation, Submit};
use bd_protocol::{Failure, OsText, Session, SessionKind};
use std::path::Path;

pub(super) async fn explain(server: &Server, request: Submit) -> Result<Explanation, Failure> {
    let nobody = Session { kind: SessionKind::User, id: None };
    let submission = submission(request, ClientId(0), &nobody, &server.parts.ignored_environment)?;
    let node = submission.plan.nodes().last().expect("BUG: a plan is never empty");
    let (action, command) = (&node.action, &node.action.command);
    let (tree, reason) = match node.join.clone() {
        Join::No(reason) => (None, reason),
        Join::Yes(reason) => match tree_of(server, command).await {
            Ok(tree) => (Some(tree), reason),
            Err(WorkspaceQueryError::NoState { source, .. }) => {
                (None, JoinReason::NoState(format!("failed to {source}")))
            }
            Err(stopping @ WorkspaceQueryError::Stopping) => return Err(stopping.into()),
        },
    };
    let key = tree.map(|tree| ActionKey::new(action.identity(), tree));
    let real = std::fs::canonicalize(&command.cwd).unwrap_or_else(|_| command.cwd.clone());
    let cwd = real.strip_prefix(&command.root).unwrap_or(Path::new("")).to_path_buf();
    let mut names: Vec<_> = command.environment.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    let (environment, ignored): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| action.environment.counts(name));
    Ok(Explanation {
        command: command.argv.iter().cloned().map(OsText).collect(),
        root: command.root.clone().into(),
        cwd: cwd.into(),
        program: command.program.as_ref().map(|program| program.path.clone().into()),
        joins: tree.is_some(),
        reason: convert::join_reason(&reason),
        tree_digest: tree.map(|tree| tree.tree.to_string()),
        action_digest: key.map(|key| key.action.to_string()),
        environment: environment.into_iter().map(OsText).collect(),
        ignored_environment: ignored.into_iter().map(OsText).collect(),
    })
}

/// The state of the workspace of a command, now.
async fn tree_of(server: &Server, command: &Command) -> Result<TreeVersion, WorkspaceQueryError> {
    let registry = &server.parts.registry;
    let state = query(&command.root, |reply| registry.state(&command.root, reply)).await?;
    Ok(state.id)
}
