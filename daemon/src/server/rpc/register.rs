//! `Register`: a workspace is to be known, and what it has run on change may be run.

use super::workspace;
use crate::runtime::Question;
use crate::server::locate;
use crate::server::state::Server;
use bd_protocol::Failure;
use bd_protocol::changes::WorkspaceLocator;
use bd_protocol::service::Workspace;

pub(super) async fn register(
    server: &Server,
    place: &WorkspaceLocator,
    exact: bool,
) -> Result<Workspace, Failure> {
    let dir = locate::directory(place)?;
    let root = if exact { dir } else { locate::root_around(&dir, place) };
    locate::check_exact(&root, place)?;
    let found = workspace::info_of(server, &root).await?;
    // Somebody wants it, so what it has run on change may be run.
    server.parts.engine.question(Question::Trust(root)).await?;
    Ok(found)
}
