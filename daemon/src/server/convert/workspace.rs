//! Workspaces as they were last seen.

use crate::watch::{SourceKind, Summary};
use bd_protocol::service::Workspace;

pub(in crate::server) fn workspace(summary: &Summary) -> Workspace {
    Workspace {
        schema: "bd.workspace/1".into(),
        root: summary.root.clone().into(),
        files: summary.files,
        bytes: summary.bytes,
        dirs: summary.dirs,
        watches: summary.watches,
        source: source(summary.source).to_owned(),
        clock: summary.clock.map(|clock| clock.to_string()),
        tree_digest: summary.tree_digest.map(|digest| digest.to_string()),
        last_sync_ms: summary.last_sync_ms,
        warnings: summary.warnings.clone(),
    }
}

fn source(source: SourceKind) -> &'static str {
    match source {
        SourceKind::Inotify => "inotify",
        SourceKind::Notify => "notify",
        SourceKind::Poll => "poll",
        SourceKind::Mixed => "mixed",
    }
}
