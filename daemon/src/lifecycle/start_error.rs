//! Why a daemon does not start, and what to do about it.

use super::config_error::ConfigError;
use super::lock::LockError;
use super::log::LogFileError;
use bd_protocol::rendezvous::HomeError;
use std::io;

/// Why the daemon did not start. Reads as the end of "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its directories are not to be trusted, or could not be created.
    #[error("use the directories of the daemon: {0}")]
    Home(#[from] HomeError),
    /// Its configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another daemon is running, or the lock can not be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is no log.
    #[error(transparent)]
    Log(#[from] LogFileError),
    /// A system call failed.
    #[error("{operation}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl StartError {
    pub(super) fn io(operation: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { operation, source }
    }

    /// What to do about it, where something can be done.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Home(error) => Some(error.hint()),
            Self::Config(error) => Some(error.hint().to_owned()),
            Self::Lock(error) => Some(error.hint().to_owned()),
            Self::Log(_) => Some("make room, or set BD_HOME to another disk".to_owned()),
            Self::Io { .. } => None,
        }
    }
}
