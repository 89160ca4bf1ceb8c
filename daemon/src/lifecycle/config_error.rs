//! What can be wrong with `config.toml`, and what to do about it.

use std::path::PathBuf;

/// Why the configuration can not be used. Reads as the end of "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file exists and can not be read.
    #[error("read {}: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason, for people.
        why: String,
    },
    /// The file has a mistake.
    #[error("use {}:{line}: {mistake}", path.display())]
    Mistake {
        /// The file.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// What is wrong there.
        #[source]
        mistake: Box<ConfigMistake>,
    },
}

/// A mistake in one line of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigMistake {
    /// The file is no TOML, or a key is unknown, or a value has the wrong type.
    #[error("{}{}", key.as_ref().map_or(String::new(), |key| format!("{key}: ")), source.message())]
    Toml {
        /// The key, as the line has it; none where the line has no key.
        key: Option<String>,
        /// The parser's error.
        source: toml::de::Error,
    },
    /// A value is no span of time.
    #[error("{key} = \"{value}\": {source}")]
    Duration {
        /// The key, with its table.
        key: &'static str,
        /// The value.
        value: String,
        /// The parser's error.
        source: humantime::DurationError,
    },
    /// A value is no number of bytes, or too large.
    #[error("{key} = \"{value}\" is no size")]
    Size {
        /// The key, with its table.
        key: &'static str,
        /// The value.
        value: String,
    },
    /// Nothing could run.
    #[error("{0} is 0: nothing would ever run")]
    Zero(&'static str),
}

impl ConfigError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check the file and its permissions, or remove it",
            Self::Mistake { mistake, .. } => match **mistake {
                ConfigMistake::Toml { .. } => "correct the line, or remove the file",
                ConfigMistake::Duration { .. } => "write it as \"90s\" or \"2h 30m\"",
                ConfigMistake::Size { .. } => "write it as \"64MiB\" or \"2GiB\"",
                ConfigMistake::Zero(_) => "give at least 1, or remove the line",
            },
        }
    }
}
