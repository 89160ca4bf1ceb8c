//! `Register`: adds a workspace, and consents to what it has run on change.

use super::trust;
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
    // The user added it by name, so what its bd.toml says now may be run on change.
    trust::consent(server, &root, true).await
}
