//! What every driver can answer. Knows no ecosystem.

use super::reads::NOTHING;
use super::words::Words;
use crate::model::ToolReads;
use std::fmt;

/// What a call of a tool does.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// Builds, checks, tests or lints, then ends: asked for twice on the same tree, it is wanted
    /// once.
    Build,
    /// Anything else: acts on the world, serves, never ends, or is simply not known to build. It
    /// must run as often as it is asked.
    Other,
    /// What this other command does, which it starts.
    Starts(Words<'a>),
}

impl<'a> Call<'a> {
    /// [`Call::Build`] if `builds`, else [`Call::Other`].
    #[must_use]
    pub fn build_if(builds: bool) -> Self {
        if builds { Self::Build } else { Self::Other }
    }

    /// What `command` does, and [`Call::Other`] if there is none.
    #[must_use]
    pub fn starts(command: Option<Words<'a>>) -> Self {
        command.map_or(Self::Other, Self::Starts)
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
    /// Only what is listed as building may be [`Call::Build`], and what is doubtful is not: a call
    /// that wrongly counts as a build is left out when it is asked for again, one that wrongly does
    /// not merely runs twice.
    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>>;

    /// What its tools read beside the files of the workspace, and what they make.
    fn reads(&self) -> &'static ToolReads {
        &NOTHING
    }

    /// Whether its tools start others, of any ecosystem: what is in a makefile or a script, nobody
    /// can say.
    fn starts_any(&self) -> bool {
        false
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::words::tests::argv;
    use super::*;

    /// Whether `driver` takes this line for a build; what it starts, it has to know itself.
    fn builds(driver: &dyn Driver, line: &str) -> Option<bool> {
        let argv = argv(line);
        let mut call = driver.recognise(&Words::new(&argv).expect("a program"))?;
        loop {
            match call {
                Call::Build => return Some(true),
                Call::Other => return Some(false),
                Call::Starts(words) => call = driver.recognise(&words).unwrap_or(Call::Other),
            }
        }
    }

    /// Holds `driver` to what it says of these calls, a line each.
    pub(in crate::drivers) fn check(driver: &dyn Driver, building: &[&str], others: &[&str]) {
        for line in building {
            assert_eq!(builds(driver, line), Some(true), "{line}");
        }
        for line in others {
            assert_eq!(builds(driver, line), Some(false), "{line}");
        }
        assert_eq!(builds(driver, "./deploy.sh"), None);
    }
}
