//! What the operator should know: a store that was set aside, output that was lost. Shown by
//! `status`; the log has all of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Warnings that are kept; older ones are in the log only.
const MOST_WARNINGS: usize = 10;

/// The newest warnings. Cheap to clone; all clones have the same warnings.
#[derive(Clone, Debug, Default)]
pub struct Warnings(Arc<Mutex<VecDeque<String>>>);

impl Warnings {
    /// Adds a warning and logs it.
    pub fn push(&self, warning: String) {
        tracing::warn!("{warning}");
        let mut warnings = self.lock();
        if warnings.len() == MOST_WARNINGS {
            warnings.pop_front();
        }
        warnings.push_back(warning);
    }

    /// The warnings, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        // It is whole between any two of its operations.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_are_kept_and_every_clone_has_them() {
        let warnings = Warnings::default();
        let reader = warnings.clone();
        for number in 0..MOST_WARNINGS + 2 {
            warnings.push(number.to_string());
        }
        let kept: Vec<_> = (2..MOST_WARNINGS + 2).map(|number| number.to_string()).collect();
        assert_eq!(reader.list(), kept);
    }
}
