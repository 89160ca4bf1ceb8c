//! What a workspace holds: its changes, its digests, and whether the daemon's index is right.

use super::READ_ALL;
use crate::connect::{self, Notes};
use crate::control::answer;
use crate::{Client, ClientError};
use bd_protocol::changes::{Changes, ChangesQuery, InputsDigest, Verification, WorkspaceLocator};
use bd_protocol::service::BdRequest;
use bd_protocol::{OsText, limits};
use std::sync::Arc;
use std::time::Duration;

/// How often a list in several parts is begun anew because the workspace changed meanwhile.
const BEGINNINGS: u32 = 4;

impl Client {
    /// What changed in a workspace: all of it, however long the list is. A wait is as long as
    /// `wait_ms` says, and no longer than [`WAIT_MAX`](bd_protocol::changes::WAIT_MAX).
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn changes(&self, query: &ChangesQuery) -> Result<Changes, ClientError> {
        let mut changes = self.changes_part(query)?;
        let mut beginnings = 1;
        while changes.more {
            let after = changes.changes.last().map(|change| change.path.clone());
            let rest = ChangesQuery { wait_ms: None, after, ..query.clone() };
            let part = self.changes_part(&rest)?;
            // What changed after the first part would be missing in it. The clock of the first
            // part would tell it next time, so in the end that is good enough.
            let moved = part.clock != changes.clock;
            if part.fresh != changes.fresh || moved && beginnings < BEGINNINGS {
                if beginnings == BEGINNINGS {
                    let detail = "the workspace is begun anew all the time";
                    return Err(connect::misunderstood("list of changes", detail));
                }
                beginnings += 1;
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
        // That it takes long is the purpose of a wait.
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

    /// Compares what is believed of a workspace with the disk; mends it with `repair`.
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
