//! `Watch` and `Watched`: add a trigger, and report what it did. The runtime knows to whom a trigger
//! belongs.

use super::requester::Requester;
use super::submit::within_reach;
use crate::engine::TriggerRequest;
use crate::model::TriggerId;
use crate::runtime::Question;
use crate::server::convert;
use crate::server::failure::TriggerError;
use crate::server::submit::submission;
use bd_protocol::Failure;
use bd_protocol::watch::{Triggered, WATCHED_WAIT_MAX_MS, Watch, Watching};
use std::time::Duration;
use tokio::sync::oneshot;

pub(super) async fn watch(asker: &Requester, request: Watch) -> Result<Watching, Failure> {
    let (session, ignored) = (&asker.session, &asker.server.parts.ignored_environment);
    let template = submission(request.submit, asker.client, session, ignored)?;
    within_reach(asker, &template)?;
    if template.plan.is_interactive() {
        return Err(TriggerError::Interactive.into());
    }
    let root = template.plan.command().root.clone();
    let on = convert::globs(&request.on)?;
    let on = on.lines().into();
    let request = TriggerRequest { template, on, initial: request.initial };
    let added = asker.server.parts.engine.add_trigger(request).await?;
    let id = added.map_err(TriggerError::NoState)?;
    tracing::info!(%id, root = %root.display(), %session, "watches");
    Ok(Watching { watch: id.to_string(), root: root.into() })
}

pub(super) async fn watched(
    asker: &Requester,
    watch: &str,
    wait_ms: u64,
) -> Result<Option<Triggered>, Failure> {
    let unknown = || TriggerError::Unknown(watch.to_owned());
    let id: TriggerId = watch.parse().map_err(|_| unknown())?;
    let (reply, mut update) = oneshot::channel();
    let question = Question::TriggerUpdate(id, asker.client, reply);
    asker.server.parts.engine.question(question).await?;
    let wait = Duration::from_millis(wait_ms.min(WATCHED_WAIT_MAX_MS));
    let came = match tokio::time::timeout(wait, &mut update).await {
        Ok(came) => came.map_err(|_| unknown())?,
        Err(_) => {
            // Later updates are kept for the next request; one that came just now is here.
            update.close();
            match update.try_recv() {
                Ok(came) => came,
                Err(_) => return Ok(None),
            }
        }
    };
    Ok(Some(convert::triggered(came)))
}
