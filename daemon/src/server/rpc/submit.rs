//! `Submit`: accepts a build.

use super::requester::Requester;
use crate::model::BuildId;
use crate::server::failure::NoPipe;
use crate::server::state::{Server, wait_for_end};
use crate::server::submit::submission;
use bd_protocol::Failure;
use bd_protocol::submit::{Submit, Submitted};
use std::os::fd::OwnedFd;
use std::sync::Arc;

pub(super) async fn submit(asker: &Requester, request: Submit) -> Result<Submitted, Failure> {
    let (server, session) = (&asker.server, &asker.session);
    let submission = submission(request, asker.client, session)?;
    let (to_build, from_client) =
        if submission.plan.is_interactive() { pipe()? } else { (None, None) };
    let build = server.parts.engine.submit(submission, from_client).await??;
    if let Some(pipe) = to_build {
        server.keep_stdin(build, pipe);
        tokio::spawn(drop_stdin_at_the_end(server.clone(), build));
    }
    tracing::info!(%build, %session, "submitted");
    Ok(Submitted { build: build.to_string() })
}

/// Both ends of a pipe: the one to write to, the one to read from.
fn pipe() -> Result<(Option<OwnedFd>, Option<OwnedFd>), NoPipe> {
    let (reader, writer) = std::io::pipe().map_err(NoPipe)?;
    Ok((Some(writer.into()), Some(reader.into())))
}

/// Closes the pipe into a build that ended before its client opened the input channel.
async fn drop_stdin_at_the_end(server: Arc<Server>, build: BuildId) {
    if let Ok(Some(mut follower)) = server.parts.engine.follow(build).await {
        wait_for_end(&mut follower).await;
    }
    drop(server.take_stdin(build));
}
