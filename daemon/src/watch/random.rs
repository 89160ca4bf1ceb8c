//! Numbers that nobody draws twice.

use std::hash::{BuildHasher as _, RandomState};

/// A number drawn at random by the operating system's means; not for secrets.
pub(super) fn random_number() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
