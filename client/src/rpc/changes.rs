//! The contents of a workspace: its changes, its digests, and whether the index of the daemon is right.

use super::patience::READ_ALL;
use crate::connect::{self, Notes};
use crate::control::answer;
use crate::{Client, ClientError};
use bd_protocol::changes::{Changes, ChangesQuery, InputsDigest, Verification, WorkspaceLocator};
use bd_protocol::service::BdRequest;
use bd_protocol::{OsText, limits};
use std::sync::Arc;
use std::time::Duration;

/// How often a list in several parts is started again because the workspace changed meanwhile.
const MOST_STARTS: u32 = 4;

impl Client {
    /// What changed in a workspace: all of it, however long the list is. A wait is as long as
    /// `wait_ms` says, and no longer than [`WAIT_MAX`](bd_protocol::changes::WAIT_MAX).
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn changes(&self, query: &ChangesQuery) -> Result<Changes, ClientError> {
        let mut changes = self.changes_part(query)?;
        let mut starts = 1;
        while changes.more {
            let after = changes.changes.last().map(|change| change.path.clone());
            let rest = ChangesQuery { wait_ms: None, after, ..query.clone() };
            let part = self.changes_part(&rest)?;
            // The first part lacks what changed after it. Its clock would return those changes next
            // time, so in the end the first part is good enough.
            let moved = part.clock != changes.clock;
            if part.fresh != changes.fresh || moved && starts < MOST_STARTS {
                if starts == MOST_STARTS {
                    let detail = "the workspace starts a new instance all the time";
                    return Err(connect::misunderstood("list of changes", detail));
                }
                starts += 1;
                changes = self.changes_part(&ChangesQuery { wait_ms: None, ..query.clone() })?;
                continue;
            }
            changes.more = part.more && !part.changes.is_empty();
            changes.changes.extend(part.changes);
        }
        Ok(changes)
    }

    fn changes_part(&self, query: &ChangesQuery) -> Result<Changes, ClientError> {
        let wait = Duration::from_millis(query.wait_ms.unwrap_or(0)).min(limits::MAX_DEADLINE / 2);
        let request = BdRequest::Changes { query: query.clone() };
        // A wait is expected to take long.
        let silent: Notes = Arc::new(|_| {});
        let notes = if wait.is_zero() { self.notes().clone() } else { silent };
        answer!(self.query_with_notes(&request, READ_ALL + wait, notes)?, Changes)
    }

    /// Digest of a part of a workspace.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn digest(
        &self,
        place: WorkspaceLocator,
        on: Vec<OsText>,
    ) -> Result<InputsDigest, ClientError> {
        answer!(self.query(&BdRequest::Digest { place, on }, READ_ALL)?, Digest)
    }

    /// Compares the index of a workspace with the disk; with `repair`, corrects it.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn verify(
        &self,
        place: WorkspaceLocator,
        repair: bool,
    ) -> Result<Verification, ClientError> {
        let request = BdRequest::Verify { place, repair };
        answer!(self.control()?.call(&request, limits::MAX_DEADLINE)?, Verify)
    }
}
