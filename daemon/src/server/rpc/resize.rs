//! `Resize`: gives the pseudo-terminal of a build a new size.

use crate::runtime::Question;
use crate::server::state::Server;
use bd_protocol::Failure;
use bd_protocol::submit::TerminalSize;

pub(super) async fn resize(server: &Server, id: &str, size: TerminalSize) -> Result<(), Failure> {
    let view = server.find_build(id).await?;
    let question = Question::Resize(view.id, (size.rows, size.columns));
    Ok(server.parts.engine.question(question).await?)
}
