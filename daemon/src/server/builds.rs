//! Finds the build that an id, perhaps abbreviated, names: among those in memory, else in the
//! history.

use super::state::Server;
use crate::model::{BuildId, BuildView};
use crate::runtime::EngineStopped;
use std::sync::Arc;

/// Why an id names no build.
#[derive(Debug, thiserror::Error)]
pub(super) enum FindBuildError {
    #[error("there is no build '{0}'")]
    Unknown(String),
    #[error("'{id}' matches several builds: {first}, {second}")]
    Ambiguous { id: String, first: BuildId, second: BuildId },
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
}

impl Server {
    /// The build with this id or with the only id that begins so.
    ///
    /// # Errors
    ///
    /// [`FindBuildError`].
    pub(super) async fn find_build(&self, id: &str) -> Result<Arc<BuildView>, FindBuildError> {
        let unknown = || FindBuildError::Unknown(id.to_owned());
        let (from, to) = BuildId::range(id).ok_or_else(unknown)?;
        let mut found = self.parts.engine.between(from, to).await?;
        if found.is_empty() || from != to {
            // Without a store, what is in memory is all there is.
            let stored = self.parts.history.between(from, to).await.unwrap_or_default();
            let in_memory = found.len();
            for old in stored {
                if found[..in_memory].iter().all(|view| view.id != old.id) {
                    found.push(Arc::new(old));
                }
            }
        }
        match &found[..] {
            [] => Err(unknown()),
            [one] => Ok(one.clone()),
            [first, second, ..] => Err(FindBuildError::Ambiguous {
                id: id.to_owned(),
                first: first.id,
                second: second.id,
            }),
        }
    }
}
