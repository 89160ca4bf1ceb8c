//! `Verify`: compares the index of a workspace with the disk.

use crate::server::state::Server;
use crate::server::workspace_query::query;
use crate::server::{convert, locate};
use bd_protocol::Failure;
use bd_protocol::changes::{Verification, WorkspaceLocator};

pub(super) async fn verify(
    server: &Server,
    place: &WorkspaceLocator,
    repair: bool,
) -> Result<Verification, Failure> {
    let registry = &server.parts.registry;
    let root = locate::workspace(registry, place)?;
    let found = query(&root, |reply| registry.verify(&root, repair, reply)).await?;
    Ok(convert::verification(&root, &found))
}
