//! Names that editors and tools give to what is no part of anybody's work. Knows names only.

/// Names of files that desktops and editors leave beside what somebody works on: builds do not read
/// them.
const LITTER: &[&[u8]] =
    &[b".DS_Store", b".directory", b"4913", b"Thumbs.db", b"desktop.ini", b"__jb_tmp__"];

/// What is in names of files that a tool makes, reads once and removes: Vite's configuration, that
/// of tsup and the like, caches of pytest that are not finished.
const TEMPORARY: &[&str] =
    &[".bundled_", ".timestamp-", "__jb_old__", "__jb_tmp__", "pytest-cache-files-"];

/// Endings and beginnings of the same.
const TEMPORARY_ENDS: &[&str] = &[".temp", ".tmp", "~"];
const TEMPORARY_STARTS: &[&str] = &[".goutputstream-", ".nfs", ".tmp"];

/// Whether a name is of what an editor or a desktop leaves: Vim's swap files and the file by which
/// it tries whether it may write, the locks and saves of Emacs.
#[must_use]
pub fn is_litter(name: &[u8]) -> bool {
    let is_swap = || {
        let ending = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        name.starts_with(b".")
            && name.len() > ending.len() + 2
            && matches!(ending, [b's', b'w', b'a'..=b'z'])
    };
    let is_of_emacs = || {
        name.starts_with(b".#")
            || (name.len() > 2 && name.starts_with(b"#") && name.ends_with(b"#"))
            || name.starts_with(b".~lock.")
    };
    LITTER.contains(&name) || is_swap() || is_of_emacs()
}

/// Whether what has this name is not meant to stay: that it was there for a moment says nothing.
#[must_use]
pub(super) fn is_temporary(name: &[u8]) -> bool {
    if is_litter(name) {
        return true;
    }
    let Ok(name) = str::from_utf8(name) else { return false };
    TEMPORARY.iter().any(|part| name.contains(part))
        || TEMPORARY_ENDS.iter().any(|end| name.ends_with(end))
        || TEMPORARY_STARTS.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_leave_is_known_and_what_somebody_writes_is_not() {
        for name in [
            ".DS_Store",
            "4913",
            ".main.rs.swp",
            ".a.swo",
            ".x.swx",
            ".#main.rs",
            "#main.rs#",
            ".~lock.a.odt#",
            "Thumbs.db",
        ] {
            assert!(is_litter(name.as_bytes()), "{name}");
            assert!(is_temporary(name.as_bytes()), "{name}");
        }
        for name in [
            "main.rs", ".swp", "a.swp", ".env", "4914", "#", "##", ".git", ".rs", "Makefile",
            ".a.sw", ".a.swift",
        ] {
            assert!(!is_litter(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_tools_make_for_a_moment_is_known_by_its_name() {
        for name in [
            "vite.config.ts.timestamp-1764271234567-ab12cd34.mjs",
            "tsup.config.bundled_abc123.mjs",
            "pytest-cache-files-x1y2z3",
            "a.rs~",
            "b.tmp",
            ".tmpAb12Cd",
            ".goutputstream-AB12",
        ] {
            assert!(is_temporary(name.as_bytes()), "{name}");
        }
        for name in ["main.rs", "timestamp.js", "target", "template.html", "bundled.js"] {
            assert!(!is_temporary(name.as_bytes()), "{name}");
        }
    }
}
