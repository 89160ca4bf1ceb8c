//! Triggers: which files count, and what a trigger did.

use crate::engine::TriggerEvent;
use crate::runtime::TriggerUpdate;
use crate::workspace::{GlobError, Globs};
use bd_protocol::watch::{CHANGED_MAX, News, Triggered};
use bd_protocol::{Failure, OsText};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Most globs of one request.
pub(in crate::server) const MOST_GLOBS: usize = 1000;

/// Why globs are not understood.
#[derive(Debug, thiserror::Error)]
pub(in crate::server) enum GlobsError {
    #[error("more than {MOST_GLOBS} globs")]
    TooMany,
    #[error("the glob '{}' is not UTF-8", .0.display())]
    NotUtf8(OsString),
    #[error("failed to {0}")]
    Malformed(#[from] GlobError),
}

pub(in crate::server) fn globs(on: &[OsText]) -> Result<Globs, GlobsError> {
    if on.len() > MOST_GLOBS {
        return Err(GlobsError::TooMany);
    }
    let text = |glob: &OsText| glob.0.clone().into_string();
    let texts: Result<Vec<String>, _> = on.iter().map(text).collect();
    let texts = texts.map_err(GlobsError::NotUtf8)?;
    Globs::new(texts.iter().map(String::as_str)).map_err(GlobsError::from)
}

pub(in crate::server) fn triggered(update: TriggerUpdate) -> Triggered {
    let quiet = Triggered {
        news: News::Unknown,
        build: None,
        changed: Vec::new(),
        changed_count: 0,
        message: None,
    };
    match update {
        TriggerUpdate::Event(TriggerEvent::Started { build, changed }) => Triggered {
            news: News::Started,
            build: Some(build.to_string()),
            changed: listed(&changed),
            changed_count: changed.len() as u64,
            ..quiet
        },
        TriggerUpdate::Event(TriggerEvent::Loop(path)) => Triggered {
            news: News::Loop,
            message: Some(loop_message(&path)),
            changed: listed(&[path]),
            changed_count: 1,
            ..quiet
        },
        TriggerUpdate::Event(TriggerEvent::Refused(refusal)) => {
            let message = Some(Failure::from(refusal).message);
            Triggered { news: News::Refused, message, ..quiet }
        }
        TriggerUpdate::Ended(why) => {
            Triggered { news: News::Ended, message: Some(format!("failed to {why}")), ..quiet }
        }
    }
}

fn listed(paths: &[PathBuf]) -> Vec<OsText> {
    paths.iter().take(CHANGED_MAX).map(|path| path.clone().into()).collect()
}

fn loop_message(path: &Path) -> String {
    let path = path.display();
    format!(
        "the command changes {path} each time it runs, which would run it again forever; changes \
         of {path} no longer start it. List {path} in .bdignore, or select files with --on"
    )
}
