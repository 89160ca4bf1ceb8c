//! Finds the output of an execution, and by its seal what of it is still as it was written.

use super::state::Server;
use crate::model::ExecutionId;
use crate::output::Log;

impl Server {
    /// The log of an execution: the live one, else that on disk. Without a seal it is read as it
    /// is; `None` when there is neither a seal nor a log.
    pub(super) async fn open_log(&self, execution: ExecutionId) -> Option<Log> {
        let output = &self.parts.output;
        if let Some(log) = output.live(execution) {
            return Some(log);
        }
        let seal = match output.seal(execution) {
            Some(seal) => Some((*seal).clone()),
            // Without a store there are no seals.
            None => self.parts.history.seal(execution).await.unwrap_or_default(),
        };
        output.open(execution, seal).await
    }
}
