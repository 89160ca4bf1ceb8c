//! Which variables a workspace itself says to make no difference.

use super::config::parse;
use super::file_reader::FileReader;
use super::ignore_files::FileText;
use super::ignore_rules::WORKSPACE_FILE;
use std::path::Path;

/// The variables that make no difference to what is run in the workspace with this root, as names or
/// as `PREFIX_*`: what its `bd.toml` says. Nothing of a file that has mistakes.
#[must_use]
pub fn ignored_environment(root: &Path) -> Vec<String> {
    match FileReader::default().read(&root.join(WORKSPACE_FILE)) {
        FileText::Bytes(text) => parse(&text).map_or_else(|_| Vec::new(), |found| found.ignore_env),
        FileText::Absent | FileText::TooLarge | FileText::Unreadable(_) => Vec::new(),
    }
}
