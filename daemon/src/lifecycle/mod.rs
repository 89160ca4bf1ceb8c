//! The life of the daemon process: configuration, lock, log, signals, drain and end. Puts the other
//! rooms together; none of them knows it.

#[cfg(target_os = "linux")]
mod clean_start;
#[cfg(not(target_os = "linux"))]
mod clean_start_elsewhere;
mod config;
mod config_error;
mod daemon_mark;
mod lock;
mod log;
mod log_file;
mod meeting_place;
#[cfg(target_os = "linux")]
mod process_numbers;
mod run;
mod start_error;
mod started;

pub use config::Config;
pub use config_error::{ConfigError, ConfigMistake};
pub use lock::{DaemonLock, LockError};
pub use log::LogFileError;
pub use run::{Start, check_configuration, run};
pub use start_error::StartError;
