//! `config.toml`: what can be set, its defaults, and errors that name the place.

use serde::Deserialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest span that can be set: deadlines beyond it are never.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The settings of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most executions at once.
    pub max_executions: u32,
    /// Most builds that have not ended.
    pub max_builds: usize,
    /// The daemon ends when nothing was asked of it for so long; `None` means never.
    pub idle_exit: Option<Duration>,
    /// Time between SIGTERM and SIGKILL for a build that is cancelled or has run out of time.
    pub stop_grace: Duration,
    /// The same for builds that run when the daemon is asked to end.
    pub drain_grace: Duration,
    /// Output kept of one execution, in bytes.
    pub output_per_build: u64,
    /// Output kept of all executions, in bytes.
    pub output_total: u64,
    /// How long output is kept.
    pub output_age: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            // Builds use many cores themselves; a second one fills the gaps of the first.
            max_executions: u32::try_from(cores / 2).unwrap_or(u32::MAX).max(2),
            max_builds: 10_000,
            idle_exit: Some(Duration::from_secs(3 * 3600)),
            stop_grace: Duration::from_secs(3),
            drain_grace: Duration::from_secs(2),
            output_per_build: 64 << 20,
            output_total: 2 << 30,
            output_age: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there but cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The file is not what it should be; the message names line and key.
    #[error("in {}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct File {
    max_executions: Option<u32>,
    max_builds: Option<usize>,
    idle_exit: Option<String>,
    stop_grace: Option<String>,
    drain_grace: Option<String>,
    output: Output,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Output {
    per_build: Option<String>,
    total: Option<String>,
    max_age: Option<String>,
}

impl Config {
    /// The settings in a file; the defaults where there is none.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a file that cannot be read, is no TOML, has a key that is not known,
    /// or a value that makes no sense.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text)
                .map_err(|message| ConfigError::Parse { path: path.to_path_buf(), message }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Read { path: path.to_path_buf(), source }),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut config = Self::default();
        if let Some(most) = file.max_executions {
            if most == 0 {
                return Err("max_executions is 0: nothing would ever run".into());
            }
            config.max_executions = most;
        }
        if let Some(most) = file.max_builds {
            config.max_builds = most.max(1);
        }
        match file.idle_exit.as_deref() {
            None => {}
            Some("never") => config.idle_exit = None,
            Some(text) => config.idle_exit = Some(span("idle_exit", text)?),
        }
        set(&mut config.stop_grace, "stop_grace", file.stop_grace, span)?;
        set(&mut config.drain_grace, "drain_grace", file.drain_grace, span)?;
        set(&mut config.output_per_build, "output.per_build", file.output.per_build, size)?;
        set(&mut config.output_total, "output.total", file.output.total, size)?;
        set(&mut config.output_age, "output.max_age", file.output.max_age, span)?;
        Ok(config)
    }
}

fn set<T>(
    to: &mut T,
    key: &str,
    from: Option<String>,
    read: impl Fn(&str, &str) -> Result<T, String>,
) -> Result<(), String> {
    if let Some(text) = from {
        *to = read(key, &text)?;
    }
    Ok(())
}

fn span(key: &str, text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map(|span| span.min(LONGEST))
        .map_err(|error| format!("{key} = \"{text}\": {error}; write it as \"90s\" or \"2h 30m\""))
}

fn size(key: &str, text: &str) -> Result<u64, String> {
    let wrong = || format!("{key} = \"{text}\" is no size; write it as \"64MiB\" or \"2GiB\"");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_used_and_the_rest_is_as_usual() {
        let text = "max_executions = 7\nidle_exit = \"never\"\n[output]\ntotal = \"3 GiB\"\n";
        let expected = Config {
            max_executions: 7,
            idle_exit: None,
            output_total: 3 << 30,
            ..Config::default()
        };
        assert_eq!(Config::parse(text), Ok(expected));
        assert_eq!(Config::parse(""), Ok(Config::default()));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, says) in [
            ("max_execution = 1", "max_execution"),
            ("\nmax_executions = \"many\"", "line 2"),
            ("max_executions = 0", "nothing would ever run"),
            ("stop_grace = \"soon\"", "stop_grace"),
            ("[output]\ntotal = \"3 GB\"", "output.total"),
            ("[output]\ntotal = \"99999999999 TiB\"", "output.total"),
            ("[output", "line 1"),
        ] {
            let error = Config::parse(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn no_file_means_the_defaults() {
        let config = Config::read(Path::new("/no/such/config.toml")).expect("no error");
        assert_eq!(config, Config::default());
    }
}
