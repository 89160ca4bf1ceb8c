//! What is shown of a workspace as a whole, also to those who do not ask its actor.

use super::query::Summary;
use crate::index::Clock;
use crate::model::Digest;
use crate::watch::source::SourceKind;
use crate::watch::sync::Synchronizer;
use std::time::Duration;
use tokio::sync::watch;

/// Problems with ignore files that are shown; the first few show what is wrong.
const MAX_PROBLEMS: usize = 5;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct SummaryPublisher {
    /// What is to be said about the change source.
    source_warnings: Vec<String>,
    last_sync: Option<Duration>,
    /// What was last published: of which moment, with which digest.
    published: Option<(Clock, Option<Digest>)>,
}

impl SummaryPublisher {
    pub(super) fn new(source_warnings: Vec<String>) -> Self {
        Self { source_warnings, last_sync: None, published: None }
    }

    /// A synchronisation took so long.
    pub(super) fn set_last_sync(&mut self, took: Duration) {
        self.last_sync = Some(took);
    }

    /// What is known now, with the digest of it all if that is known.
    pub(super) fn summary(&self, synchronizer: &Synchronizer, digest: Option<Digest>) -> Summary {
        let totals = synchronizer.index().totals();
        let (watches, polled) = synchronizer.coverage();
        let mut warnings = self.source_warnings.clone();
        if let Some(reason) = synchronizer.polled_reason() {
            warnings.push(format!(
                "{polled} of {} directories are listed each time, since they cannot be watched: \
                 {reason}",
                totals.dirs + 1,
            ));
        }
        warnings.extend(synchronizer.problems().take(MAX_PROBLEMS).map(str::to_owned));
        let source = match (watches, polled) {
            (0, 1..) => SourceKind::Poll,
            (_, 1..) => SourceKind::Mixed,
            (_, 0) => synchronizer.source().kind(),
        };
        let milliseconds = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Summary {
            root: synchronizer.root().to_path_buf(),
            files: totals.files,
            dirs: totals.dirs,
            bytes: totals.bytes,
            watches: watches as u64,
            source,
            clock: Some(synchronizer.index().clock()),
            tree_digest: digest,
            last_sync_ms: self.last_sync.map(milliseconds),
            warnings,
        }
    }

    /// Publishes how the workspace is now, if it is not as it was published.
    pub(super) fn publish(
        &mut self,
        synchronizer: &Synchronizer,
        digest: Option<Digest>,
        to: &watch::Sender<Option<Summary>>,
    ) {
        let clock = synchronizer.index().clock();
        let (published_at, published) = self.published.unzip();
        let is_same = published_at == Some(clock);
        let digest = digest.or(published.flatten().filter(|_| is_same));
        if is_same && published == Some(digest) {
            return;
        }
        self.published = Some((clock, digest));
        to.send_replace(Some(self.summary(synchronizer, digest)));
    }
}
