//! `History`: lists builds, newest first.

use crate::server::builds::FindBuildError;
use crate::server::state::Server;
use crate::server::{convert, locate};
use crate::store::HistoryScope;
use bd_protocol::service::{HISTORY_MAX, HistoryQuery};
use bd_protocol::{Build, Failure};
use std::path::PathBuf;

/// Builds that are returned where the query names no limit.
const HISTORY_DEFAULT: u32 = 20;

pub(super) async fn history(server: &Server, query: HistoryQuery) -> Result<Vec<Build>, Failure> {
    let limit = query.limit.unwrap_or(HISTORY_DEFAULT).min(HISTORY_MAX);
    let scope = match (query.workspace, query.under) {
        (Some(place), _) => {
            let dir = locate::perhaps_gone(&place)?;
            HistoryScope::Workspace(locate::root_around(&dir, &place))
        }
        (None, Some(dir)) => HistoryScope::Under(PathBuf::from(dir.0)),
        (None, None) => HistoryScope::All,
    };
    let before = query.before.map(|id| id.parse().map_err(|_| FindBuildError::Unknown(id)));
    let stored = server.parts.history.newest(limit as usize, scope, before.transpose()?).await?;
    // Whoever wants those that do not fit asks for what is before the last.
    Ok(convert::listed(stored.iter()).0)
}
