//! The control channel: tarpc's service, and the interest that ends with the connection.

use super::shared::{Server, gone};
use super::wire::Wire;
use super::{convert, explain, submit, triggers, workspaces};
use crate::engine::Input;
use crate::model::{BuildId, BuildView, ClientId};
use crate::runtime::Question;
use crate::store::Query;
use bd_protocol::changes::{
    Changes, ChangesQuery, Forgotten, InputsDigest, Verification, WorkspaceLocator,
};
use bd_protocol::failure::{Failure, codes};
use bd_protocol::hello::PRODUCT_VERSION;
use bd_protocol::service::{Bd, DaemonStatus, HISTORY_MAX, HistoryQuery, Status, Workspace};
use bd_protocol::submit::{Explanation, Submit, Submitted, TerminalSize};
use bd_protocol::watch::{Triggered, Watch, Watching};
use bd_protocol::{Build, OsText, Session};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel as _, Config};
use tokio::sync::watch;

/// Builds returned by `history` where the query names no limit.
const HISTORY_DEFAULT: u32 = 20;

/// Serves one control channel to its end, and then withdraws what it asked for.
pub(super) async fn serve(server: &Arc<Server>, wire: Wire, session: Session, client: ClientId) {
    let service = Service { server: server.clone(), session, client };
    let mut requests = pin!(BaseChannel::new(Config::default(), wire).requests());
    // Not spawned: handlers end with the connection, which tarpc alone does not see to.
    let mut handlers = FuturesUnordered::new();
    loop {
        tokio::select! {
            // What has come is answered before the socket is asked for more.
            biased;
            Some(()) = handlers.next(), if !handlers.is_empty() => {}
            request = requests.next() => match request {
                Some(Ok(request)) => handlers.push(request.execute(service.clone().serve())),
                Some(Err(error)) => {
                    tracing::debug!(%error, "control channel");
                    break;
                }
                None => break,
            },
        }
    }
    drop(handlers);
    server.parts.engine.tell(Input::ClientGone(client));
    // The engine has ended if it does not take this, and the triggers with it.
    let _ = server.parts.engine.question(Question::ClientGone(client)).await;
}

#[derive(Clone)]
struct Service {
    server: Arc<Server>,
    session: Session,
    client: ClientId,
}

impl Bd for Service {
    async fn submit(self, _: Context, request: Submit) -> Result<Submitted, Failure> {
        let submission = submit::submission(request, self.client, &self.session)?;
        let interactive = submission.command.stdin || submission.command.tty.is_some();
        let (ours, theirs) = if interactive { pipe()? } else { (None, None) };
        let submitted = self.server.parts.engine.submit(submission, theirs).await.map_err(gone)?;
        let build = submitted.map_err(convert::refusal)?;
        if let Some(pipe) = ours {
            self.server.keep_input(build, pipe);
            tokio::spawn(drop_input_in_the_end(self.server.clone(), build));
        }
        tracing::info!(%build, session = %self.session, "submitted");
        Ok(Submitted { build: build.to_string() })
    }

    async fn status(self, _: Context) -> Result<Status, Failure> {
        let engine = &self.server.parts.engine;
        // Asked together, so that the engine has one turn for all and this request another.
        let (builds, workspaces, warnings) = tokio::join!(
            engine.builds(),
            self.server.ask(Question::Workspaces),
            self.server.ask(Question::Warnings),
        );
        let (builds, workspaces, mut warnings) = (builds.map_err(gone)?, workspaces?, warnings?);
        let (builds, left_out) = convert::listed(builds.iter());
        if left_out > 0 {
            warnings.push(format!("{left_out} more builds are waiting or running than are listed"));
        }
        let daemon = DaemonStatus {
            pid: std::process::id(),
            version: PRODUCT_VERSION.to_owned(),
            started_at: convert::time(self.server.parts.started_ms),
            uptime_ms: u64::try_from(self.server.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            rss_bytes: self.server.memory.resident_bytes(),
            max_executions: self.server.parts.max_executions,
            warnings,
        };
        Ok(Status {
            daemon,
            workspaces: workspaces.iter().map(convert::workspace).collect(),
            builds,
        })
    }

    async fn build(self, _: Context, id: String) -> Result<Build, Failure> {
        let view = self.server.find(&id).await?;
        Ok(convert::build(&view))
    }

    async fn cancel(self, _: Context, id: String) -> Result<Build, Failure> {
        let view = self.server.find(&id).await?;
        if view.outcome().is_some() {
            return Ok(convert::build(&view));
        }
        let engine = &self.server.parts.engine;
        let Some(mut follower) = engine.follow(view.id).await.map_err(gone)? else {
            let view = self.server.find(&id).await?;
            return Ok(convert::build(&view));
        };
        engine.tell(Input::Cancel(view.id));
        ended(&mut follower).await;
        Ok(convert::build(&follower.borrow()))
    }

    async fn detach(self, _: Context, id: String) -> Result<(), Failure> {
        let view = self.server.find(&id).await?;
        self.server.parts.engine.tell(Input::Detach(view.id));
        Ok(())
    }

    async fn history(self, _: Context, query: HistoryQuery) -> Result<Vec<Build>, Failure> {
        let limit = query.limit.unwrap_or(HISTORY_DEFAULT).min(HISTORY_MAX);
        let under = query.under.map(|dir| PathBuf::from(dir.0));
        let query = Query::Newest { limit: limit as usize, under };
        let found = self.server.ask(|reply| Question::History(query, reply)).await?;
        let stored = found.map_err(|why| Failure::environment(codes::STORE, why))?;
        // Older ones than fit are asked for with `under`, or not at all.
        Ok(convert::listed(stored.iter()).0)
    }

    async fn explain(self, _: Context, request: Submit) -> Result<Explanation, Failure> {
        explain::explain(&self.server, request).await
    }

    async fn resize(self, _: Context, id: String, size: TerminalSize) -> Result<(), Failure> {
        let view = self.server.find(&id).await?;
        let question = Question::Resize(view.id, (size.rows, size.columns));
        self.server.parts.engine.question(question).await.map_err(gone)
    }

    async fn changes(self, context: Context, query: ChangesQuery) -> Result<Changes, Failure> {
        workspaces::changes(&self.server, query, context.deadline).await
    }

    async fn workspace(self, _: Context, place: WorkspaceLocator) -> Result<Workspace, Failure> {
        workspaces::info(&self.server, &place).await
    }

    async fn inspect(self, _: Context, place: WorkspaceLocator) -> Result<Workspace, Failure> {
        workspaces::inspect(&self.server, &place).await
    }

    async fn workspaces(self, _: Context) -> Result<Vec<Workspace>, Failure> {
        workspaces::list(&self.server).await
    }

    async fn register(
        self,
        _: Context,
        place: WorkspaceLocator,
        exact: bool,
    ) -> Result<Workspace, Failure> {
        workspaces::register(&self.server, &place, exact).await
    }

    async fn forget(self, _: Context, place: WorkspaceLocator) -> Result<Forgotten, Failure> {
        workspaces::forget(&self.server, &place).await
    }

    async fn verify(
        self,
        _: Context,
        place: WorkspaceLocator,
        repair: bool,
    ) -> Result<Verification, Failure> {
        workspaces::verify(&self.server, &place, repair).await
    }

    async fn digest(
        self,
        _: Context,
        place: WorkspaceLocator,
        on: Vec<OsText>,
    ) -> Result<InputsDigest, Failure> {
        workspaces::digest(&self.server, &place, &on).await
    }

    async fn watch(self, _: Context, request: Watch) -> Result<Watching, Failure> {
        triggers::watch(&self.server, request, self.client, &self.session).await
    }

    async fn watched(
        self,
        context: Context,
        watch: String,
        wait_ms: u64,
    ) -> Result<Option<Triggered>, Failure> {
        let _ = context;
        triggers::watched(&self.server, &watch, self.client, wait_ms).await
    }

    async fn not_understood(self, _: Context, failure: Failure) -> Result<(), Failure> {
        Err(failure)
    }
}

/// Both ends of a pipe: the one written to, the one read from.
fn pipe() -> Result<(Option<OwnedFd>, Option<OwnedFd>), Failure> {
    let (reader, writer) = std::io::pipe()
        .map_err(|error| Failure::environment(codes::INTERNAL, format!("no pipe: {error}")))?;
    Ok((Some(writer.into()), Some(reader.into())))
}

/// Closes the pipe into a build that has ended without anybody coming for it.
async fn drop_input_in_the_end(server: Arc<Server>, build: BuildId) {
    if let Ok(Some(mut follower)) = server.parts.engine.follow(build).await {
        ended(&mut follower).await;
    }
    drop(server.take_input(build));
}

/// Waits for the end of a build, or of the daemon.
async fn ended(follower: &mut watch::Receiver<Arc<BuildView>>) {
    // The sender goes with either; what it sent last is there all the same.
    let _ = follower.wait_for(|view| view.outcome().is_some()).await;
}
