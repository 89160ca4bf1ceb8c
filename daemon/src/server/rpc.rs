//! The requests of the control channel: which function answers which. An answer of a few words stands
//! here, any other in the file of its subject; it gets the arguments, and the [`Requester`] where it
//! matters who asks.

mod build;
mod cancel;
mod changes;
mod detach;
mod digest;
mod explain;
mod forget;
mod history;
mod register;
mod requester;
mod resize;
mod status;
mod submit;
mod trigger;
mod trust;
mod verify;
mod workspace;

pub(super) use requester::Requester;

use bd_protocol::changes::{
    Changes, ChangesQuery, Forgotten, InputsDigest, Verification, WorkspaceLocator,
};
use bd_protocol::service::{Bd, HistoryQuery, Status, Workspace};
use bd_protocol::submit::{Explanation, Submit, Submitted, TerminalSize};
use bd_protocol::watch::{Triggered, Watch, Watching};
use bd_protocol::{Build, Failure, OsText};
use tarpc::context::Context;

impl Bd for Requester {
    async fn submit(self, _: Context, request: Submit) -> Result<Submitted, Failure> {
        submit::submit(&self, request).await
    }

    async fn status(self, _: Context) -> Result<Status, Failure> {
        status::status(&self.server).await
    }

    async fn build(self, _: Context, id: String) -> Result<Build, Failure> {
        build::build(&self.server, &id).await
    }

    async fn cancel(self, _: Context, id: String) -> Result<Build, Failure> {
        cancel::cancel(&self.server, &id).await
    }

    async fn detach(self, _: Context, id: String) -> Result<(), Failure> {
        detach::detach(&self.server, &id).await
    }

    async fn history(self, _: Context, query: HistoryQuery) -> Result<Vec<Build>, Failure> {
        history::history(&self.server, query).await
    }

    async fn explain(self, _: Context, request: Submit) -> Result<Explanation, Failure> {
        explain::explain(&self.server, request).await
    }

    async fn resize(self, _: Context, id: String, size: TerminalSize) -> Result<(), Failure> {
        resize::resize(&self.server, &id, size).await
    }

    async fn changes(self, context: Context, query: ChangesQuery) -> Result<Changes, Failure> {
        changes::changes(&self.server, query, context.deadline).await
    }

    async fn workspace(self, _: Context, place: WorkspaceLocator) -> Result<Workspace, Failure> {
        workspace::info(&self.server, &place).await
    }

    async fn inspect(self, _: Context, place: WorkspaceLocator) -> Result<Workspace, Failure> {
        workspace::inspect(&self.server, &place).await
    }

    async fn workspaces(self, _: Context) -> Result<Vec<Workspace>, Failure> {
        workspace::list(&self.server).await
    }

    async fn register(
        self,
        _: Context,
        place: WorkspaceLocator,
        exact: bool,
    ) -> Result<Workspace, Failure> {
        register::register(&self.server, &place, exact).await
    }

    async fn trust(
        self,
        _: Context,
        place: WorkspaceLocator,
        given: bool,
    ) -> Result<Workspace, Failure> {
        trust::trust(&self.server, &place, given).await
    }

    async fn forget(self, _: Context, place: WorkspaceLocator) -> Result<Forgotten, Failure> {
        forget::forget(&self.server, &place).await
    }

    async fn verify(
        self,
        _: Context,
        place: WorkspaceLocator,
        repair: bool,
    ) -> Result<Verification, Failure> {
        verify::verify(&self.server, &place, repair).await
    }

    async fn digest(
        self,
        _: Context,
        place: WorkspaceLocator,
        on: Vec<OsText>,
    ) -> Result<InputsDigest, Failure> {
        digest::digest(&self.server, &place, &on).await
    }

    async fn watch(self, _: Context, request: Watch) -> Result<Watching, Failure> {
        trigger::watch(&self, request).await
    }

    async fn watched(
        self,
        _: Context,
        watch: String,
        wait_ms: u64,
    ) -> Result<Option<Triggered>, Failure> {
        trigger::watched(&self, &watch, wait_ms).await
    }

    async fn not_understood(self, _: Context, failure: Failure) -> Result<(), Failure> {
        Err(failure)
    }
}
