//! What is said of a workspace as a whole.

use super::query::Summary;
use super::workspace_actor::WorkspaceActor;
use crate::model::Digest;
use crate::watch::source::SourceKind;

/// Problems with ignore files that are told; the first few show what is wrong.
const MOST_PROBLEMS: usize = 5;

impl WorkspaceActor {
    pub(super) fn summary(&self, digest: Option<Digest>) -> Summary {
        let index = &self.synchronizer.index;
        let (watches, polled) = self.synchronizer.watches();
        let totals = index.totals();
        let mut warnings = self.notes.clone();
        if let Some(reason) = polled.values().next() {
            warnings.push(format!(
                "{} of {} directories are listed each time, since they can not be watched: {reason}",
                polled.len(),
                totals.dirs + 1,
            ));
        }
        warnings.extend(self.synchronizer.problems().take(MOST_PROBLEMS).map(str::to_owned));
        let source = match (watches, polled.len()) {
            (0, 1..) => SourceKind::Poll,
            (_, 1..) => SourceKind::Mixed,
            (_, 0) => self.synchronizer.source().kind(),
        };
        Summary {
            root: self.config.root.clone(),
            files: totals.files,
            dirs: totals.dirs,
            bytes: totals.bytes,
            watches: watches as u64,
            source,
            clock: Some(index.clock()),
            tree_digest: digest,
            last_sync_ms: self
                .last_sync
                .map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            warnings,
        }
    }

    /// Shows how the workspace was last seen, for whoever does not ask it.
    pub(super) fn publish(&mut self, digest: Option<Digest>) {
        let clock = self.synchronizer.index.clock();
        let (shown_at, shown) = self.shown.unzip();
        let unchanged = shown_at == Some(clock);
        let digest = digest.or(shown.flatten().filter(|_| unchanged));
        if unchanged && shown == Some(digest) {
            return;
        }
        self.shown = Some((clock, digest));
        self.config.published.send_replace(Some(self.summary(digest)));
    }
}
