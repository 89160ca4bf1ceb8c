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
        if !BuildId::is_beginning(id) {
            return Err(unknown());
        }
        let mut found = match id.parse::<BuildId>() {
            Ok(exact) => self.builds_between(exact, exact).await?,
            Err(_) => self.builds_beginning(id).await?,
        };
        if found.is_empty()
            && let Some((from, to)) = BuildId::range_of_old(id)
        {
            found = self.builds_between(from, to).await?;
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

    async fn builds_between(
        &self,
        from: BuildId,
        to: BuildId,
    ) -> Result<Vec<Arc<BuildView>>, EngineStopped> {
        let found = self.parts.engine.between(from, to).await?;
        if !found.is_empty() && from == to {
            return Ok(found);
        }
        // Without a store, what is in memory is all there is.
        let stored = self.parts.history.between(from, to).await.unwrap_or_default();
        Ok(with_stored(found, stored))
    }

    async fn builds_beginning(&self, text: &str) -> Result<Vec<Arc<BuildView>>, EngineStopped> {
        let mut found = self.parts.engine.between(BuildId(0), BuildId(u64::MAX)).await?;
        found.retain(|view| view.id.begins_with(text));
        let stored = self.parts.history.beginning(text).await.unwrap_or_default();
        Ok(with_stored(found, stored))
    }
}

/// Builds in memory, and those of the history that are not among them.
fn with_stored(mut found: Vec<Arc<BuildView>>, stored: Vec<BuildView>) -> Vec<Arc<BuildView>> {
    let in_memory = found.len();
    for old in stored {
        if found[..in_memory].iter().all(|view| view.id != old.id) {
            found.push(Arc::new(old));
        }
    }
    found
}
