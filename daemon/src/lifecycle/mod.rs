//! The life of the daemon process: configuration, lock, log, signals, drain and end.

mod config;
mod lock;
mod log;
mod run;

pub use config::{Config, ConfigError};
pub use lock::{DaemonLock, LockError};
pub use run::{Start, StartError, run};
