//! Python: one driver for its tools, and for what manages its environments.

use super::driver::{Call, Driver};
use super::words::Words;
use super::{python_managers, python_tools};

/// The driver of Python's tools.
#[derive(Debug)]
pub(super) struct Python;

impl Driver for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        python_tools::recognise(words).or_else(|| python_managers::recognise(words))
    }
}
