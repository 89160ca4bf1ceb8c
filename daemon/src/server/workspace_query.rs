//! Waits for an answer of the registry of workspaces, which arrives as a call on another thread. Knows
//! no query.

use crate::watch::WorkspaceError;
use std::path::{Path, PathBuf};
use tokio::sync::oneshot;

/// Where the registry puts an answer.
pub(super) type Reply<T> = Box<dyn FnOnce(Result<T, WorkspaceError>) + Send>;

/// Why there is no answer about a workspace.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkspaceQueryError {
    /// Nobody answers any more.
    #[error("the daemon is stopping")]
    Stopping,
    /// The workspace can not be observed.
    #[error("the files of {} cannot be determined: failed to {source}", root.display())]
    NoState { root: PathBuf, source: WorkspaceError },
}

/// Asks about the workspace at `root` and waits for the answer.
///
/// # Errors
///
/// [`WorkspaceQueryError`].
pub(super) async fn query<T: Send + 'static>(
    root: &Path,
    ask: impl FnOnce(Reply<T>),
) -> Result<T, WorkspaceQueryError> {
    let (send, receive) = oneshot::channel();
    // A client that has gone away needs no answer.
    ask(Box::new(move |answer| drop(send.send(answer))));
    let answer = receive.await.map_err(|_| WorkspaceQueryError::Stopping)?;
    answer.map_err(|source| WorkspaceQueryError::NoState { root: root.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_never_comes_is_a_failure_and_no_hang() {
        let root = Path::new("/ws");
        let silent = query::<u8>(root, drop).await;
        assert!(matches!(silent, Err(WorkspaceQueryError::Stopping)), "{silent:?}");
        let refused =
            query::<u8>(root, |reply| reply(Err(WorkspaceError::RootGone("/gone".into())))).await;
        let why = refused.expect_err("refused").to_string();
        assert!(why.contains("/ws") && why.contains("/gone"), "{why}");
        assert_eq!(query(root, |reply| reply(Ok(7))).await.expect("an answer"), 7);
    }
}
