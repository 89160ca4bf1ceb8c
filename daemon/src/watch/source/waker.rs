//! Has somebody look at a workspace who may be waiting for something else.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// See the [module](self). Cheap to clone, and to call: it never waits.
#[derive(Clone)]
pub(in crate::watch) struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    pub(in crate::watch) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// Has it looked at, now or when whoever is at it has done.
    pub(in crate::watch) fn wake(&self) {
        (self.0)();
    }
}

impl Debug for Waker {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
