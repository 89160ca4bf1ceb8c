//! Whether a person lets be run what a workspace has run on change. Has no behaviour.

use std::ffi::OsString;
use std::sync::Arc;

/// Whether what a workspace has run on change may be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// There is nothing to run.
    #[default]
    NotNeeded,
    /// A person consented to these commands, in this directory.
    Given,
    /// Nobody has consented to anything here.
    Missing,
    /// Somebody consented to other commands, or another directory was at this path.
    Outdated,
}

/// What a workspace has run on change, as it is shown before somebody consents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnChangeView {
    /// Whether it may be run.
    pub consent: Consent,
    /// Which files count for a command, in the syntax of `.gitignore`, and its words.
    pub commands: Vec<(Arc<[String]>, Vec<OsString>)>,
}
