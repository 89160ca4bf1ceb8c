//! `Cancel`: withdraws the interest in a build. Answers when the build has ended.

use crate::engine::Input;
use crate::server::convert;
use crate::server::state::{Server, wait_for_end};
use bd_protocol::{Build, Failure};

pub(super) async fn cancel(server: &Server, id: &str) -> Result<Build, Failure> {
    let view = server.find_build(id).await?;
    if view.outcome().is_some() {
        return Ok(convert::build(&view));
    }
    let engine = &server.parts.engine;
    let Some(mut follower) = engine.follow(view.id).await? else {
        // It has ended in the meantime.
        let view = server.find_build(id).await?;
        return Ok(convert::build(&view));
    };
    engine.tell(Input::Cancel(view.id));
    wait_for_end(&mut follower).await;
    Ok(convert::build(&follower.borrow()))
}
