//! `Workspace`, `Inspect` and `Workspaces`: return workspaces, as they are now or were last seen.

use crate::server::failure::UnknownWorkspace;
use crate::server::state::Server;
use crate::server::workspace_query::query;
use crate::server::{convert, locate};
use crate::watch::Summary;
use bd_protocol::Failure;
use bd_protocol::changes::WorkspaceLocator;
use bd_protocol::service::Workspace;
use std::path::Path;

/// A workspace as it is now.
pub(super) async fn info(server: &Server, place: &WorkspaceLocator) -> Result<Workspace, Failure> {
    let root = locate::workspace(&server.parts.registry, place)?;
    info_of(server, &root).await
}

/// The workspace at a root as it is now.
pub(super) async fn info_of(server: &Server, root: &Path) -> Result<Workspace, Failure> {
    let found = query(root, |reply| server.parts.registry.info(root, reply)).await?;
    Ok(convert::workspace(&found))
}

/// A workspace as it was last seen. The disk is not read.
pub(super) fn inspect(server: &Server, place: &WorkspaceLocator) -> Result<Workspace, Failure> {
    let known = server.parts.registry.known();
    let dir = locate::perhaps_gone(place)?;
    let of = |root: &Path| known.iter().find(|summary: &&Summary| summary.root == root);
    let found = of(&dir).or_else(|| of(&locate::root_around(&dir, place)));
    Ok(found.map(convert::workspace).ok_or(UnknownWorkspace::NotSeen(dir))?)
}

/// All known workspaces, as they were last seen.
pub(super) fn list(server: &Server) -> Vec<Workspace> {
    server.parts.registry.known().iter().map(convert::workspace).collect()
}
