//! `Detach`: keeps a build when the connection that submitted it ends.

use crate::engine::Input;
use crate::server::state::Server;
use bd_protocol::Failure;

pub(super) async fn detach(server: &Server, id: &str) -> Result<(), Failure> {
    let view = server.find_build(id).await?;
    server.parts.engine.tell(Input::Detach(view.id));
    Ok(())
}
