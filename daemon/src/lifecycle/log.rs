//! The daemon's own log: one file a day, kept for a week, also for panics.

use bd_protocol::rendezvous::Home;
use std::io::{self, Write as _};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

/// Daily files that are kept.
const FILES: usize = 7;

/// Opens the log. `BD_LOG` filters it, in the syntax of `tracing_subscriber`'s `EnvFilter`;
/// without it, what is of interest later is kept.
///
/// # Errors
///
/// A sentence, when the file cannot be created.
pub(super) fn open(home: &Home) -> Result<(), String> {
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("bdd")
        .filename_suffix("log")
        .max_log_files(FILES)
        .build(home.log_dir())
        .map_err(|error| format!("cannot log to {}: {error}", home.log_dir().display()))?;
    let filter = EnvFilter::try_from_env("BD_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,tarpc=warn,sled=warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(filter)
        // It would tell on standard error that a line was lost, and panic where that is lost too.
        .log_internal_errors(false)
        .with_writer(std::sync::Mutex::new(file))
        .finish();
    // Set once a process; a second daemon in one process is a test, and logs to the first.
    let _ = tracing::subscriber::set_global_default(subscriber);
    std::panic::set_hook(Box::new(|panic| {
        // First: should the log be what panicked, it is locked. And not `eprintln`, which panics
        // on a full disk.
        let _ = writeln!(io::stderr(), "bdd: {panic}");
        tracing::error!("{panic}");
    }));
    Ok(())
}
