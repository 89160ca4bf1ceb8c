//! Chooses the change source of a workspace.

use super::change_source::ChangeSource;
use super::filesystem::undeliverable_reason;
use super::kind::SourcePreference;
use super::limits::limit_hint;
use super::notify::NotifySource;
use super::poll::PollSource;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;

/// The change source for the workspace at `root`, and warnings about it. `private` is a directory
/// of the daemon's own.
pub(in crate::watch) fn select_source(
    root: &Path,
    preference: SourcePreference,
    private: &Path,
) -> (Arc<dyn ChangeSource>, Vec<String>) {
    let unreliable =
        std::fs::File::open(root).ok().and_then(|root| undeliverable_reason(root.as_fd()));
    if let (SourcePreference::Auto, Some(why)) = (preference, unreliable) {
        return (Arc::new(PollSource), vec![format!("all files are checked each time: {why}")]);
    }
    let source: io::Result<Arc<dyn ChangeSource>> = match preference {
        SourcePreference::Poll => return (Arc::new(PollSource), Vec::new()),
        SourcePreference::Auto | SourcePreference::Native => native(private),
        SourcePreference::Notify => NotifySource::new(private).map(|source| Arc::new(source) as _),
    };
    match source {
        Ok(source) => (source, Vec::new()),
        Err(error) => {
            let warning = format!(
                "all files are checked each time, since there are no events: {error}{}",
                limit_hint(&error)
            );
            (Arc::new(PollSource), vec![warning])
        }
    }
}

#[cfg(target_os = "linux")]
fn native(_: &Path) -> io::Result<Arc<dyn ChangeSource>> {
    Ok(Arc::new(super::inotify::InotifySource::new()?))
}

#[cfg(not(target_os = "linux"))]
fn native(private: &Path) -> io::Result<Arc<dyn ChangeSource>> {
    Ok(Arc::new(NotifySource::new(private)?))
}
