//! Who consented to run what workspaces ask to have run on change. Holds it; decides nothing.

use super::input::TriggerRequest;
use crate::model::TriggerId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Who consented to what.
#[derive(Debug, Default)]
pub(super) struct Consents {
    /// Roots of workspaces whose rules may be run.
    pub(super) trusted: BTreeSet<PathBuf>,
    /// What workspaces ask for, whether it may be run or not.
    pub(super) rules: BTreeMap<PathBuf, Vec<TriggerRequest>>,
    /// The triggers that were made of it.
    pub(super) triggers: BTreeMap<PathBuf, Vec<TriggerId>>,
}
