//! `Status`: the daemon, its workspaces, and the builds that have not ended.

use super::workspace;
use crate::server::convert;
use crate::server::state::Server;
use bd_protocol::Failure;
use bd_protocol::hello::PRODUCT_VERSION;
use bd_protocol::service::{DaemonStatus, Status};

pub(super) async fn status(server: &Server) -> Result<Status, Failure> {
    let builds = server.parts.engine.builds().await?;
    let (builds, left_out) = convert::listed(builds.iter());
    let mut warnings = server.parts.warnings.list();
    if left_out > 0 {
        warnings.push(format!("{left_out} more builds are waiting or running than are listed"));
    }
    let daemon = DaemonStatus {
        pid: std::process::id(),
        version: PRODUCT_VERSION.to_owned(),
        started_at: convert::time(server.parts.started_ms),
        uptime_ms: u64::try_from(server.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        rss_bytes: server.memory.resident_bytes(),
        max_executions: server.parts.max_executions,
        warnings,
    };
    let workspaces = workspace::list(server).await?;
    let store = Some(convert::store(server.parts.health.now()));
    Ok(Status { daemon, workspaces, builds, store })
}
