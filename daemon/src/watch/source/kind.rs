//! The kinds of change sources, and which one somebody prefers.

/// How the changes of a workspace are learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Linux's inotify.
    Inotify,
    /// Whatever the `notify` crate uses on this system.
    Notify,
    /// By checking every file each time.
    Poll,
    /// Events for a part, checking for the rest.
    Mixed,
}

/// Which change source to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourcePreference {
    /// The best that works there.
    #[default]
    Auto,
    /// The system's own: inotify on Linux.
    Native,
    /// What the `notify` crate has.
    Notify,
    /// None: check everything each time.
    Poll,
}
