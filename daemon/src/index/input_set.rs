//! Digests of parts of a workspace: of those files that somebody takes as inputs. After a change,
//! only the directories on the way to it are worked out anew.

use super::digest::of_dir;
use super::tree::{Index, NodeId};
use crate::model::Digest;
use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};

type Matches = dyn Fn(&[u8]) -> bool + Send;

/// Which files are inputs, and what is known of the directories they are in.
pub struct InputSet {
    matches: Box<Matches>,
    /// By path: the digest of all in it, and that of the inputs in it, if there are any. While the
    /// first is what it was, so is the second.
    known: HashMap<Box<[u8]>, (Digest, Option<Digest>)>,
    worked_out: usize,
}

impl Debug for InputSet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputSet").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl InputSet {
    /// The files whose paths, relative to the root, `matches` accepts.
    #[must_use]
    pub fn new(matches: impl Fn(&[u8]) -> bool + Send + 'static) -> Self {
        Self { matches: Box::new(matches), known: HashMap::new(), worked_out: 0 }
    }

    /// Digest of the inputs in `index`: that of a tree that has them, the directories they are in,
    /// and nothing else. `None` while contents are unknown.
    pub fn digest(&mut self, index: &mut Index) -> Option<Digest> {
        index.digest()?;
        // Directories that are gone.
        if self.known.len() > 2 * (index.totals().dirs as usize + 8) {
            self.known.clear();
        }
        self.worked_out = 0;
        let part = self.part(index, Index::ROOT, &mut Vec::new());
        Some(part.unwrap_or_else(|| of_dir(std::iter::empty())))
    }

    /// Directories that the last call worked out.
    #[must_use]
    pub fn worked_out(&self) -> usize {
        self.worked_out
    }

    fn part(&mut self, index: &Index, dir: NodeId, path: &mut Vec<u8>) -> Option<Digest> {
        let whole = index.content(dir);
        if let Some((of, part)) = self.known.get(&path[..])
            && *of == whole
        {
            return *part;
        }
        self.worked_out += 1;
        let length = path.len();
        let mut inputs = Vec::new();
        for &entry in index.entries(dir) {
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(index.name(entry));
            let content = match index.is_dir(entry) {
                true => self.part(index, entry, path),
                false => (self.matches)(path).then(|| index.content(entry)),
            };
            inputs.extend(content.map(|content| (entry, content)));
            path.truncate(length);
        }
        let part = (!inputs.is_empty()).then(|| {
            let kind = |entry| index.signature(entry).kind();
            of_dir(
                inputs.iter().map(|(entry, content)| (index.name(*entry), kind(*entry), *content)),
            )
        });
        self.known.insert(path[..].into(), (whole, part));
        part
    }
}
