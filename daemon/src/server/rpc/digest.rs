//! `Digest`: computes the digest of a selection of files.

use crate::server::state::Server;
use crate::server::workspace_query::query;
use crate::server::{convert, locate};
use bd_protocol::changes::{InputsDigest, WorkspaceLocator};
use bd_protocol::{Failure, OsText};

pub(super) async fn digest(
    server: &Server,
    place: &WorkspaceLocator,
    on: &[OsText],
) -> Result<InputsDigest, Failure> {
    let on = convert::globs(on)?;
    let registry = &server.parts.registry;
    let root = locate::workspace(registry, place)?;
    let (clock, digest) = query(&root, |reply| registry.digest(&root, on, reply)).await?;
    Ok(InputsDigest { root: root.into(), clock: clock.to_string(), digest: digest.to_string() })
}
