//! `Workspace`, `Inspect` and `Workspaces`: return workspaces, as they are now or were last seen.

use crate::model::OnChangeView;
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
async fn info_of(server: &Server, root: &Path) -> Result<Workspace, Failure> {
    let found = summary_of(server, root).await?;
    Ok(convert::workspace(&found, &on_change_of(server, root).await?))
}

/// What is known of the files at a root as they are now.
pub(super) async fn summary_of(server: &Server, root: &Path) -> Result<Summary, Failure> {
    Ok(query(root, |reply| server.parts.registry.info(root, reply)).await?)
}

/// What a workspace has run on change.
pub(super) async fn on_change_of(server: &Server, root: &Path) -> Result<OnChangeView, Failure> {
    let found = server.parts.engine.on_change(vec![root.to_path_buf()]).await?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// A workspace as it was last seen. The disk is not read.
pub(super) async fn inspect(
    server: &Server,
    place: &WorkspaceLocator,
) -> Result<Workspace, Failure> {
    let known = server.parts.registry.known();
    let dir = locate::perhaps_gone(place)?;
    let of = |root: &Path| known.iter().find(|summary: &&Summary| summary.root == root);
    let found = of(&dir).or_else(|| of(&locate::root_around(&dir, place)));
    let found = found.ok_or(UnknownWorkspace::NotSeen(dir))?;
    Ok(convert::workspace(found, &on_change_of(server, &found.root).await?))
}

/// All known workspaces, as they were last seen.
pub(super) async fn list(server: &Server) -> Result<Vec<Workspace>, Failure> {
    let known = server.parts.registry.known();
    let roots = known.iter().map(|summary| summary.root.clone()).collect();
    let on_change = server.parts.engine.on_change(roots).await?;
    Ok(known.iter().zip(&on_change).map(|(known, runs)| convert::workspace(known, runs)).collect())
}
