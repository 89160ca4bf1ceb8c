//! Digests of parts of a workspace, by the globs that were asked for. Remembers what they were worked
//! out from, so that a change costs the directories on the way to it.

use crate::index::{Index, InputSet};
use crate::model::Digest;
use crate::workspace::Globs;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Sets of inputs that are remembered; beyond, all are forgotten.
const MAX_SETS: usize = 256;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct InputSets {
    by_globs: HashMap<Vec<String>, InputSet>,
}

impl InputSets {
    /// Digest of the files that `globs` match; `None` while contents are unknown.
    pub(super) fn digest(&mut self, globs: &Globs, index: &mut Index) -> Option<Digest> {
        if self.by_globs.len() >= MAX_SETS && !self.by_globs.contains_key(globs.lines()) {
            self.by_globs.clear();
        }
        let set = self.by_globs.entry(globs.lines().to_vec()).or_insert_with(|| {
            let globs = globs.clone();
            InputSet::new(move |path| globs.match_path(Path::new(OsStr::from_bytes(path))))
        });
        set.digest(index)
    }
}
