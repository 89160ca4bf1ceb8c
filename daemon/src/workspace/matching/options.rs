//! What a glob is read for, and why it can not be read. Knows no glob.

/// What a glob is read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::workspace) struct GlobOptions {
    /// It matches paths: only `**` matches a slash.
    pub(in crate::workspace) is_path: bool,
    /// Capitals are small letters; texts are [folded](Self::fold) by whoever matches them.
    pub(in crate::workspace) is_folded: bool,
}

impl GlobOptions {
    /// A byte of a text as it is compared.
    pub(in crate::workspace) fn fold(self, byte: u8) -> u8 {
        if self.is_folded { byte.to_ascii_lowercase() } else { byte }
    }
}

/// Why a glob matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GlobFault {
    UnclosedBracket,
    UnknownClass,
    /// It ends in a backslash, which escapes nothing.
    TrailingBackslash,
}
