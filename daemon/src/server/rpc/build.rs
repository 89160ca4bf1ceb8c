//! `Build`: returns one build as it is now.

use crate::server::convert;
use crate::server::state::Server;
use bd_protocol::{Build, Failure};

pub(super) async fn build(server: &Server, id: &str) -> Result<Build, Failure> {
    let view = server.find_build(id).await?;
    Ok(convert::build(&view))
}
