//! `Trust`: gives or withdraws consent to what a workspace has run on change.

use super::workspace;
use crate::server::convert;
use crate::server::locate;
use crate::server::state::Server;
use bd_protocol::Failure;
use bd_protocol::changes::WorkspaceLocator;
use bd_protocol::service::Workspace;
use std::path::Path;

pub(super) async fn trust(
    server: &Server,
    place: &WorkspaceLocator,
    given: bool,
) -> Result<Workspace, Failure> {
    let root = locate::workspace(&server.parts.registry, place)?;
    consent(server, &root, given).await
}

/// What is consented to is what is in the answer: the workspace is synchronised first.
pub(super) async fn consent(
    server: &Server,
    root: &Path,
    given: bool,
) -> Result<Workspace, Failure> {
    if !given {
        // Also where its files cannot be read any more.
        server.parts.engine.consent(root.to_path_buf(), false).await?;
    }
    let found = workspace::summary_of(server, root).await?;
    let on_change = match given {
        true => server.parts.engine.consent(root.to_path_buf(), true).await?,
        false => workspace::on_change_of(server, root).await?,
    };
    Ok(convert::workspace(&found, &on_change))
}
