//! `Forget`: removes a workspace, its watches and its saved index.

use crate::server::failure::UnknownWorkspace;
use crate::server::locate;
use crate::server::state::Server;
use bd_protocol::Failure;
use bd_protocol::changes::{Forgotten, WorkspaceLocator};

/// Removes the workspace whose root is this directory, else the one that the directory is in.
pub(super) async fn forget(
    server: &Server,
    place: &WorkspaceLocator,
) -> Result<Forgotten, Failure> {
    let dir = locate::perhaps_gone(place)?;
    let around = locate::root_around(&dir, place);
    for root in [&dir, &around] {
        if server.parts.engine.forget_workspace(root.clone()).await? {
            tracing::info!(root = %root.display(), "workspace removed");
            return Ok(Forgotten { root: root.clone().into() });
        }
    }
    Err(UnknownWorkspace::NotKnown(dir).into())
}
