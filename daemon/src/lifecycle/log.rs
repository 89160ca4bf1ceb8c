//! The daemon's own log: what goes into it, and in which form. Panics go there too.

use super::log_file::LogFile;
use bd_protocol::rendezvous::Home;
use bd_protocol::shown;
use std::io::{self, Write as _};
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// The log could not be created. Reads as the end of "failed to …".
#[derive(Debug, thiserror::Error)]
#[error("create the log in {}: {source}", dir.display())]
pub struct LogFileError {
    /// Directory of the logs.
    dir: PathBuf,
    /// What went wrong.
    source: io::Error,
}

/// Opens the log. `BD_LOG` filters it, in the syntax of `tracing_subscriber`'s `EnvFilter`;
/// the default keeps what is of interest later.
///
/// # Errors
///
/// When the file can not be created.
pub(super) fn open(home: &Home) -> Result<(), LogFileError> {
    let file = LogFile::open(home.log_dir())
        .map_err(|source| LogFileError { dir: home.log_dir().to_path_buf(), source })?;
    let filter = EnvFilter::try_from_env("BD_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,tarpc=warn,sled=warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(filter)
        // It would report a lost line on standard error, and panic where that fails too.
        .log_internal_errors(false)
        .with_writer(std::sync::Mutex::new(file))
        .finish();
    // Set once a process; a second daemon in one process is a test, and logs to the first.
    let _ = tracing::subscriber::set_global_default(subscriber);
    std::panic::set_hook(Box::new(|panic| {
        // First to standard error: should the log have panicked, it is locked. Not by `eprintln`,
        // which panics on a full disk.
        let _ = writeln!(io::stderr(), "bdd: {}", shown::lines(&panic.to_string()));
        tracing::error!("{panic}");
    }));
    Ok(())
}
