//! Typed questions about workspaces: what they hold, what changed, whether that is true. Knows
//! nothing of how a daemon finds out.

use crate::connect::{self, Notes};
use crate::control::answer;
use crate::{Client, ClientError};
use bd_protocol::OsText;
use bd_protocol::changes::{
    Changes, ChangesQuery, Forgotten, InputsDigest, Verification, WorkspaceLocator,
};
use bd_protocol::limits;
use bd_protocol::service::{BdRequest, BdResponse, Workspace};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// For requests that may have to read every file of a workspace that was never looked at: a
/// million files take minutes on a cold disk.
const READ_ALL: Duration = Duration::from_secs(600);

/// How often a list in several parts is begun anew because the workspace changed meanwhile.
const BEGINNINGS: u32 = 4;

/// The workspace that `dir` (absolute) is in, asked for by this process.
#[must_use]
pub fn place(dir: PathBuf) -> WorkspaceLocator {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    WorkspaceLocator { dir: dir.into(), home: home.map(OsText) }
}

impl Client {
    /// What changed in a workspace: all of it, however long the list is. A wait is as long as
    /// `wait_ms` says, and no longer than [`WAIT_MAX`](bd_protocol::changes::WAIT_MAX).
    ///
    /// # Errors
    ///
    /// As [`Client::control`], or the daemon's own; so for all.
    pub fn ask_changes(&self, query: &ChangesQuery) -> Result<Changes, ClientError> {
        let mut changes = self.ask_part(query)?;
        let mut beginnings = 1;
        while changes.more {
            let after = changes.changes.last().map(|change| change.path.clone());
            let rest = ChangesQuery { wait_ms: None, after, ..query.clone() };
            let part = self.ask_part(&rest)?;
            // What changed after the first part would be missing in it. The clock of the first
            // part would tell it next time, so in the end that is good enough.
            let moved = part.clock != changes.clock;
            if part.fresh != changes.fresh || moved && beginnings < BEGINNINGS {
                if beginnings == BEGINNINGS {
                    let detail = "the workspace is begun anew all the time";
                    return Err(connect::misunderstood("list of changes", detail));
                }
                beginnings += 1;
                changes = self.ask_part(&ChangesQuery { wait_ms: None, ..query.clone() })?;
                continue;
            }
            changes.more = part.more && !part.changes.is_empty();
            changes.changes.extend(part.changes);
        }
        Ok(changes)
    }

    fn ask_part(&self, query: &ChangesQuery) -> Result<Changes, ClientError> {
        let wait = Duration::from_millis(query.wait_ms.unwrap_or(0)).min(limits::MAX_DEADLINE / 2);
        let request = BdRequest::Changes { query: query.clone() };
        // That it takes long is the purpose of a wait.
        let silent: Notes = Arc::new(|_| {});
        let notes = if wait.is_zero() { self.notes().clone() } else { silent };
        answer!(self.ask_noting(&request, READ_ALL + wait, notes)?, Changes)
    }

    /// A workspace, synchronised, with its digest.
    ///
    /// # Errors
    ///
    /// As [`Self::ask_changes`].
    pub fn ask_workspace(&self, place: WorkspaceLocator) -> Result<Workspace, ClientError> {
        answer!(self.ask(&BdRequest::Workspace { place }, READ_ALL)?, Workspace)
    }

    /// Digest of a part of a workspace.
    ///
    /// # Errors
    ///
    /// As [`Self::ask_changes`].
    pub fn ask_digest(
        &self,
        place: WorkspaceLocator,
        on: Vec<OsText>,
    ) -> Result<InputsDigest, ClientError> {
        answer!(self.ask(&BdRequest::Digest { place, on }, READ_ALL)?, Digest)
    }

    /// A workspace as it was last seen.
    ///
    /// # Errors
    ///
    /// As [`Self::ask_changes`].
    pub fn ask_inspection(&self, place: WorkspaceLocator) -> Result<Workspace, ClientError> {
        answer!(self.ask(&BdRequest::Inspect { place }, limits::DEFAULT_DEADLINE)?, Inspect)
    }

    /// The workspaces the daemon knows, as they were last seen.
    ///
    /// # Errors
    ///
    /// As [`Self::ask_changes`].
    pub fn ask_workspaces(&self) -> Result<Vec<Workspace>, ClientError> {
        answer!(self.ask(&BdRequest::Workspaces {}, limits::DEFAULT_DEADLINE)?, Workspaces)
    }

    /// Makes a workspace known; with `exact`, the directory itself.
    ///
    /// # Errors
    ///
    /// As [`Self::ask_changes`].
    pub fn register(&self, place: WorkspaceLocator, exact: bool) -> Result<Workspace, ClientError> {
        answer!(self.control()?.call(&BdRequest::Register { place, exact }, READ_ALL)?, Register)
    }

    /// Forgets a workspace.
    ///
    /// # Errors
    ///
    /// As [`Self::ask_changes`].
    pub fn forget(&self, place: WorkspaceLocator) -> Result<Forgotten, ClientError> {
        let request = BdRequest::Forget { place };
        answer!(self.control()?.call(&request, limits::DEFAULT_DEADLINE)?, Forget)
    }

    /// Compares what is believed of a workspace with the disk; mends it with `repair`.
    ///
    /// # Errors
    ///
    /// As [`Self::ask_changes`].
    pub fn verify(
        &self,
        place: WorkspaceLocator,
        repair: bool,
    ) -> Result<Verification, ClientError> {
        let request = BdRequest::Verify { place, repair };
        answer!(self.control()?.call(&request, limits::MAX_DEADLINE)?, Verify)
    }
}
