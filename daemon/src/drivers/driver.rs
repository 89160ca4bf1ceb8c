//! What every driver can answer. Knows no ecosystem.

use super::words::Words;
use std::fmt;

/// What a call of a tool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Builds, checks or tests, then ends: asked for twice on the same tree, it is wanted once.
    Build,
    /// Anything else: acts on the world, serves, never ends, or is simply not known to build. It
    /// must run as often as it is asked.
    Other,
}

impl Call {
    /// [`Call::Build`] if `builds`, else [`Call::Other`].
    #[must_use]
    pub fn build_if(builds: bool) -> Self {
        if builds { Self::Build } else { Self::Other }
    }
}

/// The knowledge of one ecosystem: tables, and small parsers of words.
///
/// This is the place for all that differs between ecosystems. A question becomes a method here
/// when something asks it, with an answer that fits a tool of which nothing is known as its
/// default: which packages and tasks a manifest declares, which further variables make no
/// difference, which outputs a task has, which private directory (lane) two runs must not share,
/// and how progress and diagnostics are read from output.
pub trait Driver: fmt::Debug + Sync {
    /// The ecosystem's name, in lower case; unique among the drivers.
    fn name(&self) -> &'static str;

    /// What this call does; `None` if its program is not one of this ecosystem. At most one driver
    /// recognises a program.
    ///
    /// Only what is listed as building may be [`Call::Build`], unless the tool does hardly anything
    /// else: a call that wrongly counts as a build is left out when it is asked for again, one that
    /// wrongly does not merely runs twice.
    fn recognise(&self, words: &Words<'_>) -> Option<Call>;
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::words::tests::argv;
    use super::*;

    /// Holds `driver` to what it says of these calls.
    pub(in crate::drivers) fn check(driver: &dyn Driver, builds: &[&str], others: &[&str]) {
        let of = |line: &str| driver.recognise(&Words::new(&argv(line)).expect("a program"));
        for line in builds {
            assert_eq!(of(line), Some(Call::Build), "{line}");
        }
        for line in others {
            assert_eq!(of(line), Some(Call::Other), "{line}");
        }
        assert_eq!(of("./deploy.sh"), None);
    }
}
