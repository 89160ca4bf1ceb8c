//! Has directories listed, and looks again for those that were not there. What the listings say is
//! merged by `merge`.

use super::merge::Merged;
use super::synchronizer::Synchronizer;
use super::work_list::{ListWork, WorkList};
use crate::index::{Index, NodeId};
use crate::watch::error::WorkspaceError;
use crate::watch::paths::join;
use crate::watch::scan::{CrawlContext, CrawlError, CrawlStart, MAX_ENTRIES, crawl, crawl_each};
use crate::watch::source::ChangeSource;
use crate::watch::stat::now_ns;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

impl Synchronizer {
    /// Lists everything for the first time; returns what follows from it. What moves meanwhile is
    /// left to the events of that.
    pub(super) fn list_first(&mut self) -> Result<WorkList, WorkspaceError> {
        let rules = self.rules.rules_above(&self.index, Index::ROOT);
        let starts = vec![CrawlStart { path: Vec::new(), rules }];
        let (root, excluded, source) =
            (self.root().to_path_buf(), self.excluded.clone(), self.source.clone());
        let context = CrawlContext { is_known: false, ..self.context(&root, &excluded, &*source) };
        let (mut found, now) = (Merged::default(), now_ns());
        let mut merged = Ok(());
        self.watches.begin_merge();
        let crawled = crawl_each(&context, starts, true, &mut |listing| {
            if merged.is_ok() {
                merged = self.merge(listing, now, true, &mut found);
            }
        });
        self.watches.end_merge();
        crawled.map_err(|error| self.gave_up(error))?;
        merged?;
        let mut work = WorkList::default();
        work.stat_linked(found.linked);
        Ok(work)
    }

    /// Lists directories, and tells the index what is there. What turns out to be new is to be
    /// listed as well.
    pub(super) fn list(
        &mut self,
        list: ListWork,
        work: &mut WorkList,
    ) -> Result<(), WorkspaceError> {
        let ListWork { dirs, deep, mut retries } = list;
        let (starts, now) = (self.starts(&dirs, deep), now_ns());
        let mut missing: BTreeSet<_> = starts.iter().map(|start| start.path.clone()).collect();
        let context = self.context(self.root(), &self.excluded, &*self.source);
        let listings = crawl(&context, starts, deep).map_err(|error| self.gave_up(error))?;
        let mut found = Merged::default();
        self.watches.begin_merge();
        for listing in listings {
            missing.remove(&listing.path);
            if deep {
                let below = listing.entries.iter().filter(|(_, signature)| signature.is_dir());
                missing.extend(below.map(|(name, _)| join(&listing.path, name)));
            }
            self.merge(listing, now, deep, &mut found)?;
        }
        self.watches.end_merge();
        if !missing.is_empty() && retries > 0 {
            // They went, as events will report; or the root was away for a moment.
            self.root.check()?;
            retries -= 1;
            found.new_dirs.extend(missing.iter().filter_map(|path| self.index.lookup(path)));
        }
        if self.index.totals().files as usize > MAX_ENTRIES {
            return Err(WorkspaceError::TooManyEntries(self.root().to_path_buf()));
        }
        work.stat_linked(found.linked);
        if !found.new_dirs.is_empty() {
            work.list_found(ListWork { dirs: found.new_dirs, deep: true, retries });
        }
        Ok(())
    }

    /// What all listings share. Borrows nothing else, so that they can be merged meanwhile.
    fn context<'a>(
        &self,
        root: &'a Path,
        excluded: &'a [PathBuf],
        source: &'a dyn ChangeSource,
    ) -> CrawlContext<'a> {
        CrawlContext { root, device: self.root.device(), source, excluded, is_known: true }
    }

    fn gave_up(&mut self, error: CrawlError) -> WorkspaceError {
        match error {
            CrawlError::TooManyEntries => WorkspaceError::TooManyEntries(self.root().to_path_buf()),
            CrawlError::ResourceExhausted(path, error) => {
                // What was to be listed is not known any more: everything is, next time.
                self.feed.mark_lossy();
                WorkspaceError::exhausted(path, error)
            }
        }
    }

    fn starts(&self, dirs: &BTreeSet<NodeId>, deep: bool) -> Vec<CrawlStart> {
        let above =
            |dir: NodeId| std::iter::successors(self.index.parent(dir), |d| self.index.parent(*d));
        let wanted = dirs.iter().filter(|dir| self.index.is_dir(**dir));
        // What is below another one is listed with that.
        wanted
            .filter(|dir| !deep || !above(**dir).any(|above| dirs.contains(&above)))
            .map(|dir| CrawlStart {
                path: self.index.path(*dir),
                rules: self.rules.rules_above(&self.index, *dir),
            })
            .collect()
    }
}
