//! Which directories outside of a workspace a manifest mentions. Knows the text, not whether what it
//! names is there. It takes every word that could be such a path for one: what is not read after all
//! only keeps runs apart when it changes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

/// A path that a manifest mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Name of the manifest, as the tables of tools have it.
    pub manifest: &'static str,
    /// Absolute, without links being looked at.
    pub path: PathBuf,
}

/// What may stand before a path in one word.
const PREFIXES: &[&str] = &["file://", "file:", "link:", "portal:", "path:", "-I", "-L", "-r"];

/// Names of directories at which an absolute path is nothing that somebody works on.
const SYSTEM: &[&str] = &[
    "bin", "dev", "etc", "lib", "lib64", "nix", "opt", "proc", "run", "snap", "srv", "sys", "usr",
    "var",
];

/// The paths outside of `root` that a manifest in `dir` mentions, by this text of it. An absolute
/// one counts if it stands as deep as a project does.
pub fn mentions(text: &[u8], dir: &Path, root: &Path) -> impl Iterator<Item = PathBuf> {
    let words = text.split(|byte| {
        matches!(
            byte,
            b'"' | b'\''
                | b'`'
                | b'<'
                | b'>'
                | b'('
                | b')'
                | b','
                | b'='
                | b';'
                | b'['
                | b']'
                | b'{'
                | b'}'
                | b'|'
                | b'&'
                | b'$'
        ) || byte.is_ascii_whitespace()
    });
    words.filter_map(move |word| {
        let word = str::from_utf8(word).ok()?;
        let word = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix)).unwrap_or(word);
        let leads_up = word.starts_with("..") || word.contains("/../");
        let is_deep = || {
            let mut parts = Path::new(word).components().skip(1);
            let top = parts.next().and_then(|top| top.as_os_str().to_str());
            top.is_some_and(|top| !SYSTEM.contains(&top)) && parts.next().is_some()
        };
        if !(leads_up || (word.starts_with('/') && !word.starts_with("//") && is_deep())) {
            return None;
        }
        // What is below a pattern is below the directory before it.
        let fixed = word
            .split_once('*')
            .map_or(word, |(fixed, _)| fixed.rsplit_once('/').map_or("", |(fixed, _)| fixed));
        let path = normal(&dir.join(fixed));
        // The root of the file system, and a directory with the workspace itself in it, say that
        // it is no path that is read as a whole.
        let is_outside = !path.starts_with(root) && !root.starts_with(&path);
        is_outside.then_some(path)
    })
}

/// The path without `.` and `..`, as it is where no directory on the way is a link.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

/// Whether a name is one of these.
pub(super) fn is_among(name: &OsStr, names: &[&str]) -> bool {
    names.iter().any(|known| known.as_bytes() == name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let paths = mentions(text.as_bytes(), Path::new("/p/ws/a"), Path::new("/p/ws"));
        paths.map(|path| path.to_str().expect("UTF-8").to_owned()).collect()
    }

    #[test]
    fn paths_that_lead_out_of_the_workspace_are_found_in_any_syntax() {
        for (text, expected) in [
            ("[dependencies]\nlib = { path = \"../../lib\" }", &["/p/lib"][..]),
            ("lib = { path = '../sibling' }", &[]),
            ("[patch.crates-io]\nx={path=\"../../x\"}", &["/p/x"]),
            ("path = \"/home/u/lib\"", &["/home/u/lib"]),
            ("replace a.org/b => ../../b v1.0.0", &["/p/b"]),
            ("use (\n\t./c\n\t../../d\n)", &["/p/d"]),
            ("{\"a\":\"file:../../e\",\"b\":\"link:../../f\"}", &["/p/e", "/p/f"]),
            ("packages:\n  - '../../g/*'", &["/p/g"]),
            ("\"test\": \"cd ../../h && make\"", &["/p/h"]),
            ("CFLAGS += -I../../i/include", &["/p/i/include"]),
            ("uv = { path = \"../b/../../j\" }", &["/p/j"]),
            (
                "see https://docs.rs/a/../b, //comment, /usr/include/x.h, /opt/sdk/bin, /x, ../..",
                &[],
            ),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
