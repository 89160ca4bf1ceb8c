//! `History`: lists builds, newest first.

use crate::server::convert;
use crate::server::state::Server;
use bd_protocol::service::{HISTORY_MAX, HistoryQuery};
use bd_protocol::{Build, Failure};
use std::path::PathBuf;

/// Builds that are returned where the query names no limit.
const HISTORY_DEFAULT: u32 = 20;

pub(super) async fn history(server: &Server, query: HistoryQuery) -> Result<Vec<Build>, Failure> {
    let limit = query.limit.unwrap_or(HISTORY_DEFAULT).min(HISTORY_MAX);
    let under = query.under.map(|dir| PathBuf::from(dir.0));
    let stored = server.parts.history.newest(limit as usize, under).await?;
    // Older ones that do not fit can only be reached with `under`.
    Ok(convert::listed(stored.iter()).0)
}
