//! `Register`: adds a workspace, and allows it to run commands on change.

use super::workspace;
use crate::engine::Input;
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
    // The user added it by name, so the commands of its bd.toml may run on change.
    server.parts.engine.tell(Input::Trust(root));
    Ok(found)
}
