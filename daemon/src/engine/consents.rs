//! Who consented to run what workspaces ask to have run on change. Holds it; decides nothing.

use super::input::WorkspaceRules;
use crate::model::{Digest, TriggerId};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Who consented to what.
#[derive(Debug, Default)]
pub(super) struct Consents {
    /// The rules that somebody consented to, by the root of their workspace; `None` for the consent
    /// of an earlier version, which was to whatever would be at that path.
    pub(super) given: BTreeMap<PathBuf, Option<Digest>>,
    /// What workspaces ask for, whether it may be run or not; there is some of each.
    pub(super) rules: BTreeMap<PathBuf, WorkspaceRules>,
    /// The triggers that were made of it.
    pub(super) triggers: BTreeMap<PathBuf, Vec<TriggerId>>,
}
