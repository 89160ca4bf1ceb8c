//! `config.toml`: the settings and their defaults.

use super::config_error::{ConfigError, ConfigMistake};
use crate::files::{Fault, ForeignFile};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;

/// Longest time that can be set; a deadline beyond it never comes.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Bytes that the file may have.
const MOST_BYTES: u64 = 1 << 20;

/// The settings of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most executions at once.
    pub max_executions: u32,
    /// Most builds that have not ended.
    pub max_builds: usize,
    /// The daemon ends after this time without requests; `None` means never.
    pub idle_exit: Option<Duration>,
    /// Time between SIGTERM and SIGKILL for a build that is cancelled or has run out of time.
    pub stop_grace: Duration,
    /// The same for builds that run when the daemon is stopped.
    pub drain_grace: Duration,
    /// Output kept of one execution, in bytes.
    pub output_per_build: u64,
    /// Output kept of all executions, in bytes.
    pub output_total: u64,
    /// How long output is kept.
    pub output_age: Duration,
    /// Further variables that make no difference to builds, as names or as `PREFIX_*`.
    pub ignore_env: Vec<String>,
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
            ignore_env: Vec::new(),
        }
    }
}

/// The file, with the place of each value whose text may be wrong.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    max_executions: Option<Spanned<u32>>,
    max_builds: Option<usize>,
    idle_exit: Option<Spanned<String>>,
    stop_grace: Option<Spanned<String>>,
    drain_grace: Option<Spanned<String>>,
    ignore_env: Vec<String>,
    output: OutputTable,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OutputTable {
    per_build: Option<Spanned<String>>,
    total: Option<Spanned<String>>,
    max_age: Option<Spanned<String>>,
}

/// A mistake, and the byte of the file where it is.
type Found = (usize, Box<ConfigMistake>);

impl Config {
    /// The settings in a file; the defaults where there is none.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a file that can not be read, is no TOML, has an unknown key, or a value
    /// that is invalid.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |why| ConfigError::Read { path: path.to_path_buf(), why };
        let text = match ForeignFile::at(path).read(MOST_BYTES) {
            Err(Fault::Absent) => return Ok(Self::default()),
            text => text.map_err(|fault| unreadable(fault.to_string()))?,
        };
        let text = String::from_utf8(text).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(&text).map_err(|(at, mistake)| {
            let line = 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
            ConfigError::Mistake { path: path.to_path_buf(), line, mistake }
        })
    }

    fn parse(text: &str) -> Result<Self, Found> {
        let file: ConfigFile = toml::from_str(text).map_err(|source| toml_mistake(text, source))?;
        let mut config = Self::default();
        if let Some(most) = file.max_executions {
            if *most.get_ref() == 0 {
                return Err((most.span().start, ConfigMistake::Zero("max_executions").into()));
            }
            config.max_executions = most.into_inner();
        }
        if let Some(most) = file.max_builds {
            config.max_builds = most.max(1);
        }
        match file.idle_exit {
            None => {}
            Some(text) if text.get_ref() == "never" => config.idle_exit = None,
            Some(text) => config.idle_exit = Some(duration("idle_exit", text)?),
        }
        config.ignore_env = file.ignore_env;
        set(&mut config.stop_grace, "stop_grace", file.stop_grace, duration)?;
        set(&mut config.drain_grace, "drain_grace", file.drain_grace, duration)?;
        set(&mut config.output_per_build, "output.per_build", file.output.per_build, size)?;
        set(&mut config.output_total, "output.total", file.output.total, size)?;
        set(&mut config.output_age, "output.max_age", file.output.max_age, duration)?;
        Ok(config)
    }
}

fn toml_mistake(text: &str, source: toml::de::Error) -> Found {
    let at = source.span().map_or(0, |span| span.start);
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let key = line.split_once('=').map(|(key, _)| key.trim().to_owned());
    (at, ConfigMistake::Toml { key, source }.into())
}

fn set<T>(
    to: &mut T,
    key: &'static str,
    from: Option<Spanned<String>>,
    parse: impl Fn(&'static str, Spanned<String>) -> Result<T, Found>,
) -> Result<(), Found> {
    if let Some(text) = from {
        *to = parse(key, text)?;
    }
    Ok(())
}

fn duration(key: &'static str, text: Spanned<String>) -> Result<Duration, Found> {
    let at = text.span().start;
    match humantime::parse_duration(text.get_ref()) {
        Ok(duration) => Ok(duration.min(LONGEST)),
        Err(source) => {
            Err((at, ConfigMistake::Duration { key, value: text.into_inner(), source }.into()))
        }
    }
}

fn size(key: &'static str, text: Spanned<String>) -> Result<u64, Found> {
    let at = text.span().start;
    bytes(text.get_ref())
        .ok_or_else(|| (at, ConfigMistake::Size { key, value: text.into_inner() }.into()))
}

/// The number of bytes in a text like "64MiB".
fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Config {
        Config::parse(text).unwrap_or_else(|(_, mistake)| panic!("{text}: {mistake}"))
    }

    #[test]
    fn what_is_set_is_used_and_the_rest_is_as_usual() {
        let text = "max_executions = 7\nidle_exit = \"never\"\nignore_env = [\"A\", \"B_*\"]\n[output]\ntotal = \"3 GiB\"\n";
        let expected = Config {
            max_executions: 7,
            idle_exit: None,
            output_total: 3 << 30,
            ignore_env: vec!["A".into(), "B_*".into()],
            ..Config::default()
        };
        assert_eq!(parse(text), expected);
        assert_eq!(parse(""), Config::default());
    }

    #[test]
    fn mistakes_are_reported_with_file_line_and_key() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config.toml");
        for (text, line, says) in [
            ("max_execution = 1", 1, "max_execution: unknown field"),
            ("\nmax_executions = \"many\"", 2, "max_executions: invalid type"),
            ("idle_exit = 300", 1, "idle_exit: invalid type"),
            ("# none\n\nmax_executions = 0", 3, "max_executions is 0: nothing would ever run"),
            ("stop_grace = \"soon\"", 1, "stop_grace = \"soon\": "),
            ("[output]\ntotal = \"3 GB\"", 2, "output.total = \"3 GB\" is no size"),
            ("[output]\n\ntotal = \"99999999999 TiB\"", 3, "output.total"),
            ("[output", 1, ""),
        ] {
            std::fs::write(&path, text).expect("a file");
            let error = Config::read(&path).expect_err(text);
            let expected = format!("use {}:{line}: {says}", path.display());
            assert!(error.to_string().starts_with(&expected), "{text}: {error}");
            assert!(!error.hint().is_empty());
        }
    }

    #[test]
    fn no_file_means_the_defaults() {
        let config = Config::read(Path::new("/no/such/config.toml")).expect("no error");
        assert_eq!(config, Config::default());
    }
}
