//! What the store has not written yet for certain, so that a disk that fails for a while costs
//! nothing. Touches no disk.

use super::record::BuildRecord;
use crate::model::Digest;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Builds that are kept: some megabytes, and hours of work.
const MOST_BUILDS: usize = 4096;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    /// Builds by id, as they are now.
    builds: BTreeMap<u64, Box<BuildRecord>>,
    /// The rules that workspaces may run on change.
    consents: BTreeMap<PathBuf, Option<Digest>>,
    /// Builds there was no room for.
    lost: u64,
}

impl Unwritten {
    pub(super) fn keep_build(&mut self, record: Box<BuildRecord>) {
        self.builds.insert(record.id, record);
        if self.builds.len() > MOST_BUILDS {
            self.builds.pop_first();
            self.lost += 1;
        }
    }

    pub(super) fn keep_consent(&mut self, root: PathBuf, rules: Option<Digest>) {
        self.consents.insert(root, rules);
    }

    pub(super) fn builds(&self) -> &BTreeMap<u64, Box<BuildRecord>> {
        &self.builds
    }

    pub(super) fn consents(&self) -> impl Iterator<Item = (&PathBuf, Option<Digest>)> {
        self.consents.iter().map(|(root, rules)| (root, *rules))
    }

    /// Builds that are on no disk.
    pub(super) fn unsaved_builds(&self) -> u64 {
        self.builds.len() as u64 + self.lost
    }

    /// All of it is written.
    pub(super) fn clear(&mut self) {
        *self = Self { lost: self.lost, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::ended;
    use super::*;

    #[test]
    fn the_newest_builds_are_kept_and_the_others_are_counted() {
        let mut unwritten = Unwritten::default();
        let most = MOST_BUILDS as u64;
        for id in 1..=most + 2 {
            unwritten.keep_build(Box::new(BuildRecord::of(&ended(id))));
        }
        assert_eq!(unwritten.builds().first_key_value().map(|(id, _)| *id), Some(3));
        assert_eq!(unwritten.unsaved_builds(), most + 2);
        unwritten.clear();
        assert_eq!(unwritten.unsaved_builds(), 2, "lost for good");
    }
}
