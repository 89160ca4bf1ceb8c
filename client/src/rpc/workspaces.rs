//! Workspaces: listing, inspecting, adding and removing them.

use super::patience::READ_ALL;
use crate::control::answer;
use crate::{Client, ClientError};
use bd_protocol::changes::{Forgotten, WorkspaceLocator};
use bd_protocol::service::{BdRequest, Workspace};
use bd_protocol::{OsText, limits};
use std::path::PathBuf;

/// The workspace that `dir` (absolute) is in, for a request of this process.
#[must_use]
pub fn workspace_at(dir: PathBuf) -> WorkspaceLocator {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    WorkspaceLocator { dir: dir.into(), home: home.map(OsText) }
}

impl Client {
    /// A workspace, synchronised, with its digest.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn workspace(&self, place: WorkspaceLocator) -> Result<Workspace, ClientError> {
        answer!(self.query(&BdRequest::Workspace { place }, READ_ALL)?, Workspace)
    }

    /// A workspace as it was last seen.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn inspect(&self, place: WorkspaceLocator) -> Result<Workspace, ClientError> {
        answer!(self.query(&BdRequest::Inspect { place }, limits::DEFAULT_DEADLINE)?, Inspect)
    }

    /// The workspaces the daemon knows, as they were last seen.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn workspaces(&self) -> Result<Vec<Workspace>, ClientError> {
        answer!(self.query(&BdRequest::Workspaces {}, limits::DEFAULT_DEADLINE)?, Workspaces)
    }

    /// Adds a workspace and consents to what it has run on change; with `exact`, the directory itself.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn register(&self, place: WorkspaceLocator, exact: bool) -> Result<Workspace, ClientError> {
        answer!(self.control()?.call(&BdRequest::Register { place, exact }, READ_ALL)?, Register)
    }

    /// Consents to what a workspace has run on change, or withdraws the consent.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn trust(&self, place: WorkspaceLocator, given: bool) -> Result<Workspace, ClientError> {
        answer!(self.control()?.call(&BdRequest::Trust { place, given }, READ_ALL)?, Trust)
    }

    /// Removes a workspace.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn forget(&self, place: WorkspaceLocator) -> Result<Forgotten, ClientError> {
        let request = BdRequest::Forget { place };
        answer!(self.control()?.call(&request, limits::DEFAULT_DEADLINE)?, Forget)
    }
}
