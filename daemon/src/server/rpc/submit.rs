//! `Submit`: accepts a build.

use super::requester::Requester;
use crate::engine::Submission;
use crate::model::BuildId;
use crate::runtime::Attachment;
use crate::server::failure::{NoPipe, OutOfReach, RefusedConnection};
use crate::server::jobserver;
use crate::server::state::{Server, wait_for_end};
use crate::server::submit::submission;
use bd_protocol::Failure;
use bd_protocol::submit::{Submit, Submitted};
use std::os::fd::OwnedFd;
use std::sync::Arc;

pub(super) async fn submit(asker: &Requester, request: Submit) -> Result<Submitted, Failure> {
    let (server, session) = (&asker.server, &asker.session);
    let jobserver = request.process.as_ref().and_then(|process| process.jobserver);
    let ignored = &server.parts.ignored_environment;
    let submission = submission(request, asker.client, session, ignored)?;
    within_reach(asker, &submission)?;
    let (to_build, stdin) = if submission.plan.is_interactive() { pipe()? } else { (None, None) };
    let named = jobserver.zip(asker.process);
    let descriptors = named.map(|(named, client)| jobserver::take_over(client, named));
    let attachment = Attachment { stdin, descriptors: descriptors.unwrap_or_default() };
    let build = server.parts.engine.submit(submission, attachment).await??;
    if let Some(pipe) = to_build {
        server.keep_stdin(build, pipe);
        tokio::spawn(drop_stdin_at_the_end(server.clone(), build));
    }
    tracing::info!(%build, %session, "submitted");
    Ok(Submitted { build: build.to_string() })
}

/// A command runs in the state of its client, or not at all.
pub(super) fn within_reach(asker: &Requester, submission: &Submission) -> Result<(), Failure> {
    let (reach, cgroups) = (&asker.server.parts.reach, &asker.server.cgroups);
    let state = submission.plan.command().process.as_ref();
    if let Some(what) = state.and_then(|state| reach.lacks(state)) {
        return Err(OutOfReach(what).into());
    }
    let limits = asker.process.and_then(|process| cgroups.difference(process));
    limits.map_or(Ok(()), |found| Err(RefusedConnection::Confined(found).into()))
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
